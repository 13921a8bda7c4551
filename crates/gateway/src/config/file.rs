//! The file as it is written: every key, its meaning and its default.
//!
//! This is the only list of keys: the JSON Schema, the check for unknown keys, the defaults and the reference page
//! all come from here. Values are still text; [`super::resolve`] gives them their types. A key that must be there is
//! an `Option` marked `required`, so that a missing one is reported together with all other problems.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod identity;
mod role_mapping;

pub(super) use identity::{
    FileBinding, FileClientAuth, FileExpired, FileGraph, FileGroupsFormat, FileIdp, FileOidc, FileSaml, FileSignOut,
};
pub(super) use role_mapping::{FileRoleMapping, FileRoleNames, role_mapping_schema};

/// The configuration of Doorward, an enterprise SSO gateway for MCP servers.
///
/// In every text value `${NAME}` is replaced by an environment variable, `${NAME:-default}` by the variable or else
/// the default, `${file:path}` by the content of a file; `$${` stands for `${`. Relative paths start from the folder of this file.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Doorward configuration")]
#[schemars(extend("required" = ["public_url", "identity_providers", "upstreams"]))]
pub(super) struct FileConfig {
    /// Where browsers and MCP clients reach Doorward: scheme, host and port. https, or http on loopback for a try.
    #[schemars(required, extend("examples" = ["https://mcp.example.com"]))]
    pub(super) public_url: Option<String>,
    /// The address and port to listen on.
    #[schemars(extend("examples" = ["127.0.0.1:8080"]))]
    pub(super) listen: String,
    /// Certificate and key, if Doorward itself ends TLS.
    pub(super) tls: Option<FileTls>,
    /// The folder of the database (`doorward.db`) and, unless `audit.dir` says otherwise, of the audit journal.
    pub(super) data_dir: String,
    /// The key that seals all other keys: 32 bytes in base64, best as `${file:master.key}`. Without it the file `master.key` in `data_dir` is used. `doorward init` makes one.
    #[schemars(extend("examples" = ["${file:master.key}"]))]
    pub(super) master_key: Option<String>,
    /// Where people sign in, each under an id of its own (a-z, 0-9, -), which is part of its URLs.
    #[schemars(required)]
    pub(super) identity_providers: Option<BTreeMap<String, FileIdp>>,
    /// The MCP servers behind Doorward, each under an id of its own (a-z, 0-9, -): clients reach it at `/{id}/mcp`.
    #[schemars(required)]
    pub(super) upstreams: Option<BTreeMap<String, FileUpstream>>,
    /// Who has which role.
    pub(super) roles: BTreeMap<String, FileRole>,
    /// Files that map groups of one identity provider, by name or object id, to roles: beside the `groups` of a role, and in a file of their own because another team, or a script, keeps them ([how](../guide/groups.md)).
    #[schemars(extend("examples" = [["roles/entra.yaml"]]))]
    pub(super) role_mapping_files: Vec<String>,
    /// What a role may do. What nothing grants is refused.
    pub(super) grants: Vec<FileGrant>,
    /// What a role may not do, whatever the grants say.
    pub(super) denies: Vec<FileDeny>,
    /// Cedar files with further policies, checked against Doorward's schema when they are read.
    pub(super) policy_files: Vec<String>,
    /// OAuth clients that need not register themselves, each under its `client_id`.
    pub(super) clients: BTreeMap<String, FileClient>,
    /// Origins of web pages that may call the MCP endpoints from a browser, such as `https://claude.ai`. Doorward's own is always allowed.
    #[schemars(extend("examples" = [["https://claude.ai"]]))]
    pub(super) allowed_origins: Vec<String>,
    /// Dynamic client registration (RFC 7591).
    pub(super) registration: FileRegistration,
    /// How long people stay signed in.
    pub(super) sessions: FileSessions,
    /// How long tokens and codes live.
    pub(super) tokens: FileTokens,
    /// The audit trail.
    pub(super) audit: FileAudit,
    /// Caps and deadlines of the listener.
    pub(super) limits: FileLimits,
}

impl Default for FileConfig {
    fn default() -> Self {
        Self {
            public_url: None,
            listen: "0.0.0.0:8080".to_owned(),
            tls: None,
            data_dir: "data".to_owned(),
            master_key: None,
            identity_providers: None,
            upstreams: None,
            roles: BTreeMap::new(),
            role_mapping_files: Vec::new(),
            grants: Vec::new(),
            denies: Vec::new(),
            policy_files: Vec::new(),
            clients: BTreeMap::new(),
            allowed_origins: Vec::new(),
            registration: FileRegistration::default(),
            sessions: FileSessions::default(),
            tokens: FileTokens::default(),
            audit: FileAudit::default(),
            limits: FileLimits::default(),
        }
    }
}

/// Certificate and key in PEM files.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["certificate", "key"]))]
pub(super) struct FileTls {
    /// The certificate chain, leaf first.
    #[schemars(required)]
    pub(super) certificate: Option<String>,
    /// Its private key.
    #[schemars(required)]
    pub(super) key: Option<String>,
}

/// An MCP server behind Doorward.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["url"]))]
pub(super) struct FileUpstream {
    /// The name on the consent page; without it, the id.
    pub(super) name: Option<String>,
    /// Its MCP endpoint (Streamable HTTP), as Doorward reaches it.
    #[schemars(required, extend("examples" = ["http://10.0.0.5:9000/mcp"]))]
    pub(super) url: Option<String>,
    /// A host name of its own that leads to Doorward: then clients reach it at `https://{host}/mcp`, and no longer at `/{id}/mcp`.
    #[schemars(extend("examples" = ["crm-mcp.example.com"]))]
    pub(super) host: Option<String>,
    /// The OAuth scopes that clients ask for.
    pub(super) scopes: Vec<String>,
    /// How long the upstream may take until its reply begins.
    #[schemars(extend("examples" = ["60s"]))]
    pub(super) timeout: String,
    /// Who may sign in for this upstream; without it, every identity provider.
    pub(super) identity_providers: Option<Vec<String>>,
    /// How strong and how recent a sign-in must be: for everything here, or for some tools. All rules that fit must be met.
    pub(super) step_up: Vec<FileStepUp>,
}

impl Default for FileUpstream {
    fn default() -> Self {
        Self {
            name: None,
            url: None,
            host: None,
            scopes: vec!["mcp".to_owned()],
            timeout: "60s".to_owned(),
            identity_providers: None,
            step_up: Vec::new(),
        }
    }
}

/// How strong and how recent a sign-in must be: at least one of `acr` and `max_age`.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FileStepUp {
    /// Names of the tools whose calls need it, whatever their case; `*` stands for any characters. Without it, every request to the upstream needs it.
    #[schemars(extend("examples" = [["delete_*", "transfer_money"]]))]
    pub(super) tools: Option<Vec<String>>,
    /// Ways to sign in, any of which will do: AuthnContext classes of SAML, `acr` values of OpenID Connect.
    #[schemars(extend("examples" = [["https://refeds.org/profile/mfa"]]))]
    pub(super) acr: Vec<String>,
    /// How long ago the person may have signed in at the identity provider.
    #[schemars(extend("examples" = ["15m"]))]
    pub(super) max_age: Option<String>,
}

/// Who has a role: whoever is in one of `groups` or is one of `users`.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FileRole {
    /// Group names, compared exactly as the identity provider sends them; `*` is everybody who signed in.
    pub(super) groups: Vec<String>,
    /// User names or e-mail addresses. Needs `identity_providers` where there are several, because names are not unique across them.
    pub(super) users: Vec<String>,
    /// Only people who signed in at one of these; without it, every identity provider.
    pub(super) identity_providers: Option<Vec<String>>,
}

/// What a role may do: exactly one of `role` and `roles`, one of `upstream` and `upstreams`, and at least one of `tools`, `resources` and `prompts`.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FileGrant {
    /// The role.
    pub(super) role: Option<String>,
    /// Several roles.
    pub(super) roles: Option<Vec<String>>,
    /// The upstream; `*` is all of them.
    pub(super) upstream: Option<String>,
    /// Several upstreams.
    pub(super) upstreams: Option<Vec<String>>,
    /// Names of tools; `*` stands for any characters.
    #[schemars(extend("examples" = [["*"], ["get_*", "list_*"]]))]
    pub(super) tools: Vec<String>,
    /// URIs of resources; `*` stands for any characters.
    pub(super) resources: Vec<String>,
    /// Names of prompts; `*` stands for any characters.
    pub(super) prompts: Vec<String>,
    /// Only tools that the upstream annotates with `readOnlyHint: true`. A tool without the annotation is not granted.
    pub(super) read_only: bool,
}

/// What a role may not do: exactly one of `role` and `roles`, one of `upstream` and `upstreams`, and at least one of `tools`, `resources` and `prompts`.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FileDeny {
    /// The role.
    pub(super) role: Option<String>,
    /// Several roles.
    pub(super) roles: Option<Vec<String>>,
    /// The upstream; `*` is all of them.
    pub(super) upstream: Option<String>,
    /// Several upstreams.
    pub(super) upstreams: Option<Vec<String>>,
    /// Names of tools; `*` stands for any characters.
    #[schemars(extend("examples" = [["delete_*"]]))]
    pub(super) tools: Vec<String>,
    /// URIs of resources; `*` stands for any characters.
    pub(super) resources: Vec<String>,
    /// Names of prompts; `*` stands for any characters.
    pub(super) prompts: Vec<String>,
}

/// An OAuth client that is registered here.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["redirect_uris"]))]
pub(super) struct FileClient {
    /// The name on the consent page; without it, the `client_id`.
    pub(super) name: Option<String>,
    /// Where it may be sent back to, compared exactly; the port of a loopback address is free.
    #[schemars(required, extend("examples" = [["http://127.0.0.1/callback"]]))]
    pub(super) redirect_uris: Option<Vec<String>>,
    /// Its secret; without it, a public client.
    #[schemars(extend("examples" = ["${file:inspector-secret}"]))]
    pub(super) secret: Option<String>,
    /// How long its refresh tokens go on, counted from the sign-in, shorter or longer than `tokens.refresh`; without it, that.
    #[schemars(extend("examples" = ["12h"]))]
    pub(super) refresh_lifetime: Option<String>,
}

/// Dynamic client registration.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FileRegistration {
    /// Whether clients may register themselves.
    pub(super) dynamic: bool,
    /// Hosts that the redirect URI of such a client may name; empty: any https host, loopback, and the private schemes of known clients.
    pub(super) allowed_redirect_hosts: Vec<String>,
}

impl Default for FileRegistration {
    fn default() -> Self {
        Self { dynamic: true, allowed_redirect_hosts: Vec::new() }
    }
}

/// How long people stay signed in.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FileSessions {
    /// From sign-in to the end, whatever happens.
    pub(super) lifetime: String,
    /// From the last use to the end.
    pub(super) idle: String,
}

impl Default for FileSessions {
    fn default() -> Self {
        Self { lifetime: "10h".to_owned(), idle: "1h".to_owned() }
    }
}

/// How long tokens and codes live.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FileTokens {
    /// Access tokens; one hour at most.
    pub(super) access: String,
    /// Refresh tokens, counted from the sign-in; `clients.<id>.refresh_lifetime` goes before it.
    pub(super) refresh: String,
    /// How long a refresh token may lie unused; without it, as long as it lives.
    #[schemars(extend("examples" = ["3d"]))]
    pub(super) refresh_idle: Option<String>,
    /// How long a refresh token that was used still gives its successor, for a client that races itself; five minutes at most.
    pub(super) refresh_grace: String,
    /// Authorization codes; ten minutes at most.
    pub(super) code: String,
}

impl Default for FileTokens {
    fn default() -> Self {
        Self {
            access: "15m".to_owned(),
            refresh: "30d".to_owned(),
            refresh_idle: None,
            refresh_grace: "45s".to_owned(),
            code: "60s".to_owned(),
        }
    }
}

/// The audit trail.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FileAudit {
    /// The folder of the journal; without it, `audit` in `data_dir`.
    pub(super) dir: Option<String>,
}

/// Caps and deadlines of the listener.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FileLimits {
    /// The largest request body.
    pub(super) body: String,
    /// The largest header section.
    pub(super) header_bytes: String,
    /// The largest number of header fields.
    pub(super) headers: u32,
    /// The largest number of connections of one address.
    pub(super) connections_per_address: u32,
    /// The largest number of sign-ins that one address may begin within ten minutes, finished or not.
    pub(super) sign_ins_per_address: u32,
    /// How long the header section may take.
    pub(super) header_timeout: String,
    /// How long a request body may take.
    pub(super) body_timeout: String,
    /// How long a connection may be idle.
    pub(super) idle_timeout: String,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self {
            body: "4MiB".to_owned(),
            header_bytes: "32KiB".to_owned(),
            headers: 100,
            connections_per_address: 256,
            sign_ins_per_address: 3000,
            header_timeout: "10s".to_owned(),
            body_timeout: "30s".to_owned(),
            idle_timeout: "120s".to_owned(),
        }
    }
}

/// The JSON Schema of the file (draft 2020-12).
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(FileConfig).to_value();
    drop_null_defaults(&mut schema);
    schema
}

/// A key without default is absent by default; `null` would read as a value that one may write.
fn drop_null_defaults(schema: &mut serde_json::Value) {
    use serde_json::Value;
    match schema {
        Value::Object(object) => {
            object.retain(|key, value| !(key == "default" && value.is_null()));
            object.values_mut().for_each(drop_null_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_null_defaults),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests;
