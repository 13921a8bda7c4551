//! Home realms: to which identity provider an e-mail address leads.
//!
//! The address only says where to ask. Who the person is says the identity provider, and the upstream's own list of identity
//! providers stands: an address opens nothing.

use url::Host;

use super::types::{ANY_DOMAIN, IdentityProvider};

/// RFC 5321 section 4.5.3.1.3, with its angle brackets taken away.
const MAX_ADDRESS: usize = 254;

/// The domain of an e-mail address, in lower case and ASCII; none if this is no address.
pub fn domain_of(address: &str) -> Option<String> {
    let address = address.trim();
    if address.len() > MAX_ADDRESS || address.chars().any(|character| character.is_control() || character.is_whitespace()) {
        return None;
    }
    let (local, name) = address.rsplit_once('@')?;
    if local.is_empty() { None } else { domain(name) }
}

/// A domain name as addresses are compared by it: in lower case and ASCII (UTS 46), with at least one character, and no IP address.
pub(super) fn domain(text: &str) -> Option<String> {
    match Host::parse(text) {
        Ok(Host::Domain(name)) if name.len() <= 253 && is_plain(&name) => Some(name),
        Ok(Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_)) | Err(_) => None,
    }
}

/// Labels of letters, digits and hyphens; no dot at either end.
fn is_plain(name: &str) -> bool {
    name.split('.').all(|label| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
}

/// Those of `allowed` that have the domain; else those that take any domain. Whole names are compared, nothing is cut off.
pub fn lead<'c>(allowed: &[&'c IdentityProvider], domain: &str) -> Vec<&'c IdentityProvider> {
    let having = |wanted: &str| allowed.iter().filter(|idp| idp.domains.contains(wanted)).copied().collect::<Vec<_>>();
    let exact = having(domain);
    if exact.is_empty() { having(ANY_DOMAIN) } else { exact }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{domain_of, lead};
    use crate::config::{Config, IdentityProvider};

    #[test]
    fn domains_of_addresses() {
        let long = format!("{}@example.com", "a".repeat(250));
        let cases = [
            ("dana@example.com", Some("example.com")),
            (" Dana@EXAMPLE.com ", Some("example.com")),
            ("dana@bücher.example", Some("xn--bcher-kva.example")),
            ("\"a@b\"@example.com", Some("example.com")),
            ("dana@evil.example@example.com", Some("example.com")),
            // UTS 46 maps these to the name that mail would go to.
            ("dana@ｅxample.com", Some("example.com")),
            ("dana@example。com", Some("example.com")),
            ("dana@localhost", Some("localhost")),
            ("dana@example.com.", None),
            ("dana@.example.com", None),
            ("dana@example..com", None),
            ("dana@exa_mple.com", None),
            ("dana@*", None),
            ("dana@", None),
            ("@example.com", None),
            ("example.com", None),
            ("", None),
            ("dana@192.0.2.1", None),
            ("dana@[192.0.2.1]", None),
            ("dana@[::1]", None),
            ("dana @example.com", None),
            ("dana@example.com\r\nBcc: x", None),
            ("dana@example.com/evil", None),
            ("dana@example.com:25", None),
            ("dana@exam%70le.com", Some("example.com")),
            (long.as_str(), None),
        ];
        for (address, expected) in cases {
            assert_eq!(domain_of(address).as_deref(), expected, "{address:?}");
        }
    }

    const CONFIG: &str = "
public_url: https://mcp.example.com
identity_providers:
  staff: { domains: [example.com, example.org], oidc: { issuer: https://a.example, client_id: x } }
  partners: { domains: [partner.example], listed: false, oidc: { issuer: https://b.example, client_id: x } }
  guests: { domains: ['*'], oidc: { issuer: https://c.example, client_id: x } }
  plain: { oidc: { issuer: https://d.example, client_id: x } }
upstreams: { crm: { url: http://10.0.0.5/mcp } }
";

    #[test]
    fn where_domains_lead() {
        let config = Config::from_yaml(CONFIG, Path::new("/")).unwrap();
        let all: Vec<&IdentityProvider> = config.identity_providers.values().collect();
        let named: Vec<&IdentityProvider> = all.iter().copied().filter(|idp| idp.id.as_str() != "guests").collect();
        // (domain, with `guests`, without)
        let cases = [
            ("example.com", Some("staff"), Some("staff")),
            ("example.org", Some("staff"), Some("staff")),
            ("partner.example", Some("partners"), Some("partners")),
            ("sub.example.com", Some("guests"), None),
            ("evilexample.com", Some("guests"), None),
            ("example.com.evil.example", Some("guests"), None),
            ("com", Some("guests"), None),
            ("*", Some("guests"), None),
        ];
        for (domain, with, without) in cases {
            let found = |allowed: &[&IdentityProvider]| lead(allowed, domain).first().map(|idp| idp.id.to_string());
            assert_eq!((found(&all).as_deref(), found(&named).as_deref()), (with, without), "{domain}");
            assert!(lead(&all, domain).len() <= 1);
        }
    }
}
