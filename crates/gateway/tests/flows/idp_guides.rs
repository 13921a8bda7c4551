//! `doorward idp guide`: what it prints for a deployment leads to pages that are there.

use std::process::Command;

use crate::world::{PUBLIC_URL, World};

const GUIDES: [&str; 8] = ["okta", "entra", "ping", "google", "keycloak", "adfs", "shibboleth", "simplesamlphp"];

/// The text of the addresses of ours in a guide, each once.
fn addresses(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = text
        .match_indices(PUBLIC_URL)
        .filter_map(|(at, _)| text.get(at..))
        .filter_map(|rest| rest.split(|end: char| end.is_whitespace() || matches!(end, '`' | '\'' | '"' | ',' | ')')).next())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// A path that nobody knows is noticed by the test below.
#[tokio::test]
async fn an_address_of_nothing_is_noticed() {
    let page = World::new().await.browser().open(&format!("{PUBLIC_URL}/login/saml/corporate/nothing")).await;
    assert!(page.html.contains("edge.path_unknown"), "{}", page.html);
}

#[tokio::test]
async fn every_address_in_a_guide_is_served() {
    let world = World::new().await;
    let file = world.folder().join("doorward.yaml");
    // The protocols and ids of the world, as a file: the command asks for nothing but the file.
    let text = format!(
        "public_url: {PUBLIC_URL}\nupstreams: {{ crm: {{ url: http://10.0.0.5/mcp }} }}\nidentity_providers:\n  openid: {{ oidc: {{ issuer: https://idp.test, client_id: c }} }}\n  corporate: {{ saml: {{ metadata: https://idp.test/metadata }} }}\n"
    );
    std::fs::write(&file, text).unwrap();
    for guide in GUIDES {
        for idp in ["corporate", "openid"] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
            let output = command.args(["idp", "guide", guide, "--idp", idp, "--config"]).arg(&file).output().unwrap();
            assert!(output.status.success(), "{guide}: {}", String::from_utf8_lossy(&output.stderr));
            let text = String::from_utf8(output.stdout).unwrap();
            if idp == "openid" && !text.contains("/login/oidc/openid/callback") {
                // Two products speak only SAML.
                assert!(["shibboleth", "simplesamlphp"].contains(&guide), "{guide}");
                continue;
            }
            let addresses = addresses(&text);
            assert!(addresses.len() >= 2, "{guide}: {addresses:?}");
            for address in addresses {
                let page = world.browser().open(address).await;
                assert!(!page.html.contains("edge.path_unknown"), "{guide}: {address}: {}", page.status);
            }
        }
    }
}

#[test]
fn names_are_listed_and_an_unknown_one_is_usage() {
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        let output = command.args(["idp", "guide"]).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (status, listed, _) = run(&[]);
    assert_eq!((status, listed.lines().count()), (Some(0), GUIDES.len()));
    for (line, guide) in listed.lines().zip(GUIDES) {
        assert!(line.starts_with(guide), "{line}");
    }
    let (status, stdout, stderr) = run(&["otka"]);
    assert_eq!((status, stdout.as_str()), (Some(2), ""));
    assert_eq!(stderr, "doorward idp guide: there is no guide \"otka\"; did you mean \"okta\"?\n");
}
