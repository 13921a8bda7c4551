//! Registrations of real clients, and abuse.

use super::{AuthMethod, MAX_REGISTRATION_BYTES, RegistrationError, clean_name, parse};
use crate::redirect::RedirectError;

// Shapes of the requests of real clients, reduced to what matters.
const CURSOR: &str = r#"{"client_name":"Cursor","redirect_uris":["cursor://anysphere.cursor-mcp/oauth/callback","https://www.cursor.com/agents/mcp/oauth/callback","http://localhost:8787/callback"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"none","application_type":"native"}"#;
const VSCODE: &str = r#"{"client_name":"Visual Studio Code","grant_types":["authorization_code","refresh_token","urn:ietf:params:oauth:grant-type:device_code"],"response_types":["code"],"redirect_uris":["https://insiders.vscode.dev/redirect","https://vscode.dev/redirect","http://127.0.0.1/","http://127.0.0.1:33418/"],"token_endpoint_auth_method":"none"}"#;

fn registered(body: &str) -> Result<(), RegistrationError> {
    parse(body.as_bytes(), &[]).map(drop)
}

#[test]
fn real_clients() {
    let cursor = parse(CURSOR.as_bytes(), &[]).unwrap();
    assert_eq!((cursor.redirect_uris.len(), cursor.token_endpoint_auth_method, cursor.may_refresh()), (3, AuthMethod::None, true));
    assert_eq!(cursor.application_type.as_deref(), Some("native"));
    let vscode = parse(VSCODE.as_bytes(), &[]).unwrap();
    assert_eq!(vscode.grant_types, ["authorization_code", "refresh_token"]);
    let stored = serde_json::to_value(&vscode).unwrap();
    assert_eq!(serde_json::from_value::<super::ClientMetadata>(stored).unwrap(), vscode);
    let minimal = parse(br#"{"redirect_uris":["http://localhost/callback"]}"#, &[]).unwrap();
    assert_eq!(
        (minimal.token_endpoint_auth_method, minimal.may_refresh(), minimal.client_name),
        (AuthMethod::ClientSecretBasic, true, None)
    );
}

#[test]
fn refusals() {
    let with = |members: &str| format!(r#"{{"redirect_uris":["https://app.example/cb"]{members}}}"#);
    let refused = |uri: &str, error| RegistrationError::RedirectUriRefused { uri: uri.to_owned(), error };
    let many = vec![r#""https://app.example/cb""#; 21].join(",");
    let cases = [
        ("[]".to_owned(), RegistrationError::Malformed),
        ("{}".to_owned(), RegistrationError::RedirectUriCount),
        (r#"{"redirect_uris":[]}"#.to_owned(), RegistrationError::RedirectUriCount),
        (format!(r#"{{"redirect_uris":[{many}]}}"#), RegistrationError::RedirectUriCount),
        (r#"{"redirect_uris":"https://app.example/cb"}"#.to_owned(), RegistrationError::WrongType("redirect_uris")),
        (r#"{"redirect_uris":[1]}"#.to_owned(), RegistrationError::WrongType("redirect_uris")),
        (r#"{"redirect_uris":["javascript:alert(1)"]}"#.to_owned(), refused("javascript:alert(1)", RedirectError::SchemeRefused)),
        (
            r#"{"redirect_uris":["https://app.example/cb","http://evil.example/"]}"#.to_owned(),
            refused("http://evil.example/", RedirectError::NotLoopback),
        ),
        (with(r#","redirect_uris":["https://evil.example/"]"#), RegistrationError::Malformed),
        (with(r#","client_name":7"#), RegistrationError::WrongType("client_name")),
        (with(r#","token_endpoint_auth_method":"private_key_jwt""#), RegistrationError::AuthMethodUnsupported),
        (with(r#","token_endpoint_auth_method":"None""#), RegistrationError::AuthMethodUnsupported),
        (with(r#","grant_types":["client_credentials"]"#), RegistrationError::GrantTypesUnsupported),
        (with(r#","grant_types":[]"#), RegistrationError::GrantTypesUnsupported),
        (with(r#","response_types":["token"]"#), RegistrationError::ResponseTypesUnsupported),
        (with(&format!(r#","x":"{}""#, "a".repeat(MAX_REGISTRATION_BYTES))), RegistrationError::TooLarge),
    ];
    for (body, expected) in cases {
        assert_eq!(registered(&body), Err(expected), "{}", body.chars().take(120).collect::<String>());
    }
}

#[test]
fn allowed_hosts_bind_web_sites_only() {
    let allowed = ["app.example".to_owned()];
    let body = |uri: &str| format!(r#"{{"redirect_uris":["{uri}"]}}"#);
    let cases = [
        ("https://app.example/cb", true),
        ("http://127.0.0.1:1/cb", true),
        ("cursor://anysphere.cursor-mcp/cb", true),
        ("https://evil.example/cb", false),
        ("https://app.example:8443/cb", false),
        ("https://app.example.evil/cb", false),
    ];
    for (uri, expected) in cases {
        assert_eq!(parse(body(uri).as_bytes(), &allowed).is_ok(), expected, "{uri}");
    }
}

#[test]
fn names_are_cleaned() {
    let cases = [
        ("Claude Code", Some("Claude Code")),
        ("  Claude\t\n Code ", Some("Claude Code")),
        ("\u{202e}edualC\u{202c}", Some("edualC")),
        ("Cla\u{200b}ude\u{feff}", Some("Claude")),
        ("\u{1b}[31mred\u{7}", Some("[31mred")),
        ("<script>alert(1)</script>", Some("<script>alert(1)</script>")), // pages escape
        ("Ünïcode 名前", Some("Ünïcode 名前")),
        ("\u{200b}\u{2060}", None),
        ("", None),
    ];
    for (name, expected) in cases {
        assert_eq!(clean_name(name).as_deref(), expected, "{name:?}");
    }
    assert_eq!(clean_name(&"x".repeat(500)).unwrap().chars().count(), 64);
}
