use std::path::Path;

use super::{GUIDES, OIDC_PART, SAML_PART, nearest, render};
use crate::config::Config;

fn config(identity_providers: &str) -> Config {
    let text = format!(
        "public_url: https://mcp.corp.test\nidentity_providers: {identity_providers}\nupstreams: {{ crm: {{ url: http://10.0.0.5/mcp }} }}\n"
    );
    Config::from_yaml(&text, Path::new("/")).unwrap()
}

const OTHER: &str = "{ other: { oidc: { issuer: https://idp.test, client_id: c } } }";

#[test]
fn no_guide_has_a_placeholder_left() {
    let config = config(OTHER);
    for (name, _, page) in GUIDES {
        assert!(page.contains("<public_url>") && page.contains("<id>"), "{name}");
        let text = render(page, "main", Some(&config));
        let left = text.match_indices('<').filter_map(|(at, _)| {
            let (word, _) = text.get(at..)?.strip_prefix('<')?.split_once('>')?;
            word.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b' ')).then_some(word)
        });
        assert_eq!(left.collect::<Vec<_>>(), [""; 0], "{name}");
        assert!(text.contains("https://mcp.corp.test/"), "{name}");
    }
}

#[test]
fn only_what_is_configured_is_explained() {
    let saml = config("{ main: { saml: { metadata: https://idp.test/metadata } } }");
    let oidc = config("{ main: { oidc: { issuer: https://idp.test, client_id: c } } }");
    for (name, _, page) in GUIDES.into_iter().filter(|(.., page)| page.contains(SAML_PART) && page.contains(OIDC_PART)) {
        let parts = |config: Option<&Config>| {
            let text = render(page, "main", config);
            [SAML_PART, OIDC_PART, "## Try it", "## When it does not work"].map(|heading| text.lines().any(|line| line == heading))
        };
        assert_eq!(parts(None), [true; 4], "{name}");
        assert_eq!(parts(Some(&saml)), [true, false, true, true], "{name}");
        assert_eq!(parts(Some(&oidc)), [false, true, true, true], "{name}");
    }
}

/// Whatever a guide says to write into `doorward.yaml` is a configuration.
#[test]
fn every_example_is_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["main-client-secret", "main-metadata.xml"] {
        std::fs::write(folder.path().join(file), "x").unwrap();
    }
    for (name, _, page) in GUIDES {
        let text = render(page, "main", None);
        let blocks: Vec<&str> = text.split("```yaml\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0)).collect();
        assert!(!blocks.is_empty(), "{name}");
        for block in blocks {
            let base = "public_url: https://mcp.corp.test\nupstreams: { crm: { url: http://10.0.0.5/mcp } }\n";
            let result = Config::from_yaml(&format!("{base}{block}"), folder.path());
            assert!(result.is_ok(), "{name}: {block}\n{:?}", result.err());
        }
    }
}

/// Every code that a guide names has a page.
#[test]
fn every_code_is_one() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    for (name, _, page) in GUIDES {
        let words = page.split('`').skip(1).step_by(2);
        let codes: Vec<&str> = words.filter(|word| ["saml.", "oidc.", "login."].iter().any(|area| word.starts_with(area))).collect();
        assert!(codes.len() >= 3, "{name}: {codes:?}");
        for code in codes {
            assert!(pages.join(format!("{code}.md")).exists(), "{name}: {code}");
        }
    }
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest() {
    let all = "; there are: okta, entra, ping, google, keycloak, adfs, shibboleth, simplesamlphp";
    let cases = [("otka", "; did you mean \"okta\"?"), ("Keycloack", "; did you mean \"keycloak\"?"), ("auth0", all), ("", all)];
    for (name, expected) in cases {
        assert_eq!(nearest(name), expected, "{name}");
    }
}
