//! What the person at the terminal needs next: addresses, people, and how to connect each client.

use std::fmt::Write as _;

use devkit::people::PEOPLE;
use serde_json::{Value, json};

use crate::cli::dev::data::DataDir;
use crate::cli::dev::plan::{OIDC_IDP, Plan, SAML_IDP};

/// The upstreams and what they are.
const UPSTREAMS: [(&str, &str); 2] = [("crm", "customers and tickets"), ("deploy", "services and deployments")];

/// Everything that was started.
pub(super) struct Report<'a> {
    plan: &'a Plan,
    data: &'a DataDir,
}

impl<'a> Report<'a> {
    /// About this run.
    pub(super) fn new(plan: &'a Plan, data: &'a DataDir) -> Self {
        Self { plan, data }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let plan = self.plan;
        let people = PEOPLE.iter().fold(String::new(), |lines, person| lines + &format!("  {:<7} {}\n", person.username, person.about));
        let upstreams =
            UPSTREAMS.iter().fold(String::new(), |lines, (id, about)| lines + &format!("  {id:<7} {:<38} {about}\n", plan.endpoint(id)));
        let mut text = format!(
            "Doorward is running. Everything is on this machine, and nobody needs a password: for trying only.\n\n\
             Gateway          {}\nSAML IdP         {}saml/metadata\nOpenID provider  {}\n\n\
             MCP servers behind the gateway\n{upstreams}\nPeople who can sign in\n{people}\n\
             Claude Code\n",
            plan.public_url(),
            plan.saml,
            plan.oidc.as_str().trim_end_matches('/'),
        );
        for command in self.claude() {
            let _ = writeln!(text, "  {command}");
        }
        let _ = write!(
            text,
            "\nCursor, in .cursor/mcp.json\n{}\n\nVS Code, in .vscode/mcp.json\n{}\n\n\
             See the 401 that sends a client to sign in\n  {}\n\n\
             Audit trail ({})\n  {}\n  {}\n\nCtrl-C stops everything{}.",
            pretty(&self.cursor()),
            pretty(&self.vs_code()),
            self.curl(),
            self.data.path().join("audit").display(),
            self.audit("tail"),
            self.audit("query --user alice"),
            if self.data.is_temporary() { " and removes the temporary data" } else { "" },
        );
        text
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let plan = self.plan;
        let upstreams: serde_json::Map<String, Value> =
            UPSTREAMS.iter().map(|(id, _)| ((*id).to_owned(), json!({ "url": plan.endpoint(id) }))).collect();
        let people: Vec<Value> = PEOPLE
            .iter()
            .map(|person| json!({ "username": person.username, "email": person.email, "groups": person.groups, "about": person.about }))
            .collect();
        json!({
            "public_url": plan.public_url(),
            "identity_providers": {
                SAML_IDP: { "metadata": format!("{}saml/metadata", plan.saml) },
                OIDC_IDP: { "issuer": plan.oidc.as_str().trim_end_matches('/') },
            },
            "upstreams": upstreams,
            "sample_servers": { "crm": format!("{}mcp", plan.crm), "deploy": format!("{}mcp", plan.deploy) },
            "people": people,
            "claude_code": self.claude(),
            "cursor": self.cursor(),
            "vs_code": self.vs_code(),
            "curl": self.curl(),
            "config": self.data.config(),
            "data_dir": self.data.path(),
            "audit_dir": self.data.path().join("audit"),
        })
    }

    fn claude(&self) -> Vec<String> {
        UPSTREAMS.iter().map(|(id, _)| format!("claude mcp add --transport http {id} {}", self.plan.endpoint(id))).collect()
    }

    fn cursor(&self) -> Value {
        let servers: serde_json::Map<String, Value> =
            UPSTREAMS.iter().map(|(id, _)| ((*id).to_owned(), json!({ "url": self.plan.endpoint(id) }))).collect();
        json!({ "mcpServers": servers })
    }

    fn vs_code(&self) -> Value {
        let servers: serde_json::Map<String, Value> =
            UPSTREAMS.iter().map(|(id, _)| ((*id).to_owned(), json!({ "type": "http", "url": self.plan.endpoint(id) }))).collect();
        json!({ "servers": servers })
    }

    fn curl(&self) -> String {
        format!(
            "curl -i {} -H 'content-type: application/json' -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}}'",
            self.plan.endpoint("crm")
        )
    }

    fn audit(&self, command: &str) -> String {
        format!("doorward audit {command} --config {}", self.data.config().display())
    }
}

/// Indented JSON.
fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
