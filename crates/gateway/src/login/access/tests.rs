use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Needed, Person, examine};
use crate::config::Config;
use crate::runtime::Runtime;

const CONFIGURATION: &str = "public_url: https://mcp.example.com
identity_providers:
  entra: { oidc: { issuer: 'https://a.example', client_id: x } }
  okta: { oidc: { issuer: 'https://b.example', client_id: x } }
upstreams: { crm: { url: 'http://127.0.0.1:9/mcp' } }
roles: { staff: {}, idle: {} }
grants: [ { role: staff, upstream: crm, tools: ['*'] } ]
role_mapping_files: [entra.yaml]
";

/// Where every group stands in a role mapping file, it must not read as if no group gave access.
#[test]
fn groups_of_role_mapping_files_are_needed_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let mapping = "identity_provider: entra\ngroups: { 0f9d5c2e: [idle, staff], 1f9d5c2e: idle }\n";
    std::fs::write(folder.path().join("entra.yaml"), mapping).unwrap();
    let runtime = Runtime::new(Arc::new(Config::from_yaml(CONFIGURATION, folder.path()).unwrap())).unwrap();
    let scopes = ["mcp".to_owned()];
    for (idp, here) in [("entra", true), ("okta", false)] {
        let ask = |groups: &[String]| {
            let person = Person { id: "usr_1", idp, username: None, email: None, groups };
            examine(&runtime, &person, ("cli_a", &scopes), "crm")
        };
        let needed = Needed { group: "0f9d5c2e".to_owned(), role: "staff".to_owned(), here };
        assert_eq!(ask(&["1f9d5c2e".to_owned()]), Some(BTreeSet::from([needed])), "{idp}");
        assert_eq!(ask(&["0f9d5c2e".to_owned()]).is_none(), here, "{idp}");
    }
}
