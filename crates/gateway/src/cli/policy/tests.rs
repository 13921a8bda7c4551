//! The exit status of `doorward policy`.

use super::*;

const CONFIG: &str = r#"
public_url: https://mcp.example.com
identity_providers:
  okta: { saml: { metadata: https://example.okta.com/metadata } }
  entra: { oidc: { issuer: https://login.example.com/tenant, client_id: doorward } }
upstreams:
  crm: { url: http://10.0.0.5:9000/mcp }
roles:
  sales: { groups: [Sales], identity_providers: [okta] }
grants:
  - { role: sales, upstream: crm, tools: ["get_*"], read_only: true }
"#;

/// A request like that of `sales` at `okta` for `get_contact`, read-only.
fn request(config: PathBuf) -> ExplainArgs {
    ExplainArgs {
        config,
        user_groups: vec!["Sales".to_owned()],
        username: None,
        email: None,
        idp: Some("okta".to_owned()),
        upstream: "crm".to_owned(),
        subject: Subject { tool: Some("get_contact".to_owned()), resource: None, prompt: None },
        read_only: Some(true),
        destructive: None,
        client: "any".to_owned(),
        json: false,
    }
}

fn status(command: Command) -> String {
    run(&Args { command }).map_or_else(|error| error.to_string(), |code| format!("{code:?}"))
}

#[test]
fn explain_says_it_with_the_exit_status() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doorward.yaml");
    std::fs::write(&file, CONFIG).unwrap();
    let (permitted, denied) = (format!("{:?}", ExitCode::SUCCESS), format!("{:?}", ExitCode::FAILURE));
    let base = || request(file.clone());
    let cases = [
        (base(), permitted.as_str()),
        (ExplainArgs { json: true, ..base() }, &permitted),
        (ExplainArgs { subject: Subject { tool: None, resource: None, prompt: None }, ..base() }, &permitted),
        (ExplainArgs { read_only: None, ..base() }, &denied),
        (ExplainArgs { idp: Some("entra".to_owned()), ..base() }, &denied),
        (ExplainArgs { user_groups: Vec::new(), ..base() }, &denied),
        (ExplainArgs { idp: None, ..base() }, "there are several identity providers: say which one with --idp"),
        (ExplainArgs { idp: Some("google".to_owned()), ..base() }, "no identity provider \"google\" is defined; there are: entra, okta"),
        (ExplainArgs { upstream: "erp".to_owned(), ..base() }, "no upstream \"erp\" is defined; there are: crm"),
    ];
    for (number, (args, expected)) in cases.into_iter().enumerate() {
        assert_eq!(status(Command::Explain(Box::new(args))), expected, "case {number}");
    }
    assert_eq!(status(Command::Check { config: file.clone() }), permitted);
    std::fs::write(&file, "nothing: here").unwrap();
    assert_eq!(status(Command::Check { config: file }), format!("{:?}", ExitCode::from(super::super::EXIT_CONFIG)));
}
