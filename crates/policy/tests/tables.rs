//! Decision tables: `policies/tests/*.json`, each a policy source and the decisions it must give, with the deciding policies.

use std::path::Path;

use policy::{Action, PolicySet, PolicySource, Request, ToolAnnotations, decide};
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    source: PolicySource,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    groups: Vec<String>,
    username: Option<String>,
    email: Option<String>,
    #[serde(default)]
    idp: String,
    client: Option<String>,
    upstream: String,
    tool: Option<String>,
    read_only: Option<bool>,
    destructive: Option<bool>,
    arguments: Option<Map<String, Value>>,
    resource: Option<String>,
    prompt: Option<String>,
    #[serde(default)]
    connect: bool,
    /// `permit`, or the code of the denial.
    expect: String,
    policies: Vec<String>,
}

impl Case {
    /// `None` unless exactly one of tool, resource, prompt and connect is there.
    fn action(&self) -> Option<Action<'_>> {
        let annotations = ToolAnnotations { read_only: self.read_only, destructive: self.destructive };
        match (&self.tool, &self.resource, &self.prompt, self.connect) {
            (Some(name), None, None, false) => Some(Action::CallTool { name, annotations, arguments: self.arguments.as_ref() }),
            (None, Some(uri), None, false) => Some(Action::ReadResource { uri }),
            (None, None, Some(name), false) => Some(Action::GetPrompt { name }),
            (None, None, None, true) => Some(Action::Connect),
            _ => None,
        }
    }

    fn run(&self, set: &PolicySet) -> Option<(String, Vec<String>)> {
        let roles = set.roles(&self.groups, self.username.as_deref(), self.email.as_deref(), &self.idp);
        let request = Request {
            user: "usr_test",
            idp: &self.idp,
            username: self.username.as_deref(),
            email: self.email.as_deref(),
            groups: &self.groups,
            roles: &roles,
            client: self.client.as_deref().unwrap_or("client"),
            scopes: &["mcp".to_owned()],
            upstream: &self.upstream,
            action: self.action()?,
        };
        Some(match decide(set, &request, ()) {
            Ok(permit) => ("permit".to_owned(), permit.policies().to_vec()),
            Err(denial) => (denial.code().to_owned(), denial.policies),
        })
    }
}

#[test]
fn every_table_decides_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/tests");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let table: Table =
            serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let set = PolicySet::compile(&table.source).unwrap_or_else(|problems| panic!("{}: {problems:?}", file.display()));
        for case in &table.cases {
            seen += 1;
            assert_eq!(case.run(&set), Some((case.expect.clone(), case.policies.clone())), "{}: {}", file.display(), case.name);
        }
    }
    assert!(seen >= 30, "only {seen} cases");
}
