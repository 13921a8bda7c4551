use std::path::Path;

use super::*;
use crate::config::Config;

const CONFIG: &str = "
public_url: https://mcp.example.com
identity_providers:
  okta: { oidc: { issuer: https://idp.example.com, client_id: doorward } }
upstreams:
  crm:
    url: http://10.0.0.5:9000/mcp
    step_up:
      - { max_age: 8h }
      - { tools: ['delete_*'], acr: [mfa, hardware], max_age: 15m }
      - { tools: ['*_account'], acr: [hardware, card] }
      - { tools: [odd], acr: [mfa] }
      - { tools: [odd], acr: [card] }
  wiki: { url: http://10.0.0.6:9000/mcp }
";
const NOW: i64 = 1_800_000_000;

/// Upstream, tool, class, age in seconds or not known.
type Given = (&'static str, &'static str, Option<&'static str>, Option<i64>);
/// Classes to ask for, the greatest age in seconds, whether the sign-in is too old.
type Missing = Option<(&'static [&'static str], i64, bool)>;

#[test]
fn every_rule_that_fits_must_be_met() {
    let config = Config::from_yaml(CONFIG, Path::new("/")).unwrap();
    let now = Timestamp::from_second(NOW).unwrap();
    let cases: [(Given, Missing); 17] = [
        (("wiki", "delete_page", None, None), None),
        (("crm", "", None, Some(8 * 3600)), None),
        (("crm", "", None, Some(8 * 3600 + 1)), Some((&[], 28_800, true))),
        (("crm", "", None, None), Some((&[], 28_800, true))),
        (("crm", "list", Some("mfa"), Some(0)), None),
        // The identity provider's clock is ahead.
        (("crm", "list", None, Some(-30)), None),
        (("crm", "delete_note", Some("mfa"), Some(900)), None),
        (("crm", "delete_note", Some("mfa"), Some(901)), Some((&["mfa", "hardware"], 900, true))),
        (("crm", "delete_note", Some("password"), Some(1)), Some((&["mfa", "hardware"], 900, false))),
        (("crm", "delete_note", Some("MFA"), Some(1)), Some((&["mfa", "hardware"], 900, false))),
        (("crm", "delete_note", None, Some(1)), Some((&["mfa", "hardware"], 900, false))),
        // An upstream may ignore case; then so does the rule.
        (("crm", "DELETE_note", None, Some(1)), Some((&["mfa", "hardware"], 900, false))),
        (("crm", "undelete_note", None, Some(1)), None),
        // Two rules fit: what meets both.
        (("crm", "delete_account", Some("mfa"), Some(1)), Some((&["hardware"], 900, false))),
        (("crm", "delete_account", Some("hardware"), Some(1)), None),
        (("crm", "new_account", Some("card"), Some(3600)), None),
        // Nothing meets both: the last one is asked for, and the person is told.
        (("crm", "odd", Some("card"), Some(1)), Some((&["card"], 28_800, false))),
    ];
    for ((upstream, tool, acr, age), expected) in cases {
        let authn_instant = age.map(|age| Timestamp::from_second(NOW - age).unwrap());
        let requirement = Requirement::of(&config.upstreams[upstream], &[tool]);
        let unmet = requirement.unmet(&Strength { acr, authn_instant }, now);
        let expected = expected.map(|(acr, max_age, is_too_old)| Unmet {
            acr: acr.iter().map(|&text| text.to_owned()).collect(),
            max_age: Some(Duration::from_secs(max_age.unsigned_abs())),
            is_too_old,
        });
        assert_eq!(unmet, expected, "{upstream} {tool} {acr:?} {age:?}");
    }
}
