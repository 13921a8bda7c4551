//! The configuration as the rest of the gateway sees it: parsed, cross-checked, defaults filled in.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use oauth::Secret;
use oauth::redirect::RedirectUri;
use oauth::resource::ResourceUri;
use oauth::scope::ScopeSet;
use url::Url;

use super::ids::{IdpId, UpstreamId};
use super::master_key::MasterKey;
use super::public_url::PublicUrl;
use super::sources::Sources;

mod identity;

pub use identity::{
    ANY_DOMAIN, ExpiredCertificates, Graph, IdentityProvider, MetadataSigners, MetadataSource, OidcIdp, Protocol, RequestBinding, SamlIdp,
    SignOutAt,
};

/// A whole, valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Every file that was read for it.
    pub sources: Sources,
    /// The file it was read from; `None` for text.
    pub file: Option<PathBuf>,
    /// The folder that relative paths start from.
    pub base_dir: PathBuf,
    /// Where browsers and MCP clients reach Doorward; also the issuer.
    pub public_url: PublicUrl,
    /// The socket to listen on.
    pub listen: SocketAddr,
    /// Certificate and key, if Doorward itself ends TLS.
    pub tls: Option<Tls>,
    /// The folder of the database and the journal.
    pub data_dir: PathBuf,
    /// The key that seals every other key in the store.
    pub master_key: MasterKey,
    /// Where people sign in; at least one.
    pub identity_providers: BTreeMap<IdpId, IdentityProvider>,
    /// The MCP servers behind Doorward; at least one.
    pub upstreams: BTreeMap<UpstreamId, Upstream>,
    /// Who a person is, from their groups.
    pub roles: BTreeMap<String, Role>,
    /// Roles by group, each for people of one identity provider.
    pub role_mappings: Vec<RoleMapping>,
    /// What a role may do.
    pub grants: Vec<Rule>,
    /// What a role may not do, whatever the grants say.
    pub denies: Vec<Rule>,
    /// Cedar files, with their text.
    pub policy_files: Vec<PolicyFile>,
    /// Clients that are registered here, by `client_id`.
    pub clients: BTreeMap<String, Client>,
    /// Origins of pages that may call the MCP endpoints beside our own, as `Origin` headers say them.
    pub allowed_origins: Vec<String>,
    /// Dynamic client registration (RFC 7591).
    pub registration: Registration,
    /// Browser sessions.
    pub sessions: Sessions,
    /// Lifetimes of what the authorization server issues.
    pub tokens: Tokens,
    /// The audit trail.
    pub audit: Audit,
    /// Caps and deadlines of the listener.
    pub limits: Limits,
}

/// PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain, leaf first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// An MCP server behind Doorward.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Its id, part of its URL.
    pub id: UpstreamId,
    /// The name on the consent page; the id where none is given.
    pub name: String,
    /// Its MCP endpoint.
    pub url: Url,
    /// A host name of its own, lower case, without port.
    pub host: Option<String>,
    /// The canonical resource identifier (RFC 8707): `{public_url}/{id}/mcp`, or `https://{host}/mcp`.
    pub resource: ResourceUri,
    /// The scopes that its metadata offers.
    pub scopes: ScopeSet,
    /// How long a reply may take to begin.
    pub timeout: Duration,
    /// Who may sign in for it; all of them where the file names none.
    pub identity_providers: BTreeSet<IdpId>,
    /// How strong and how recent a sign-in must be.
    pub step_up: Vec<StepUpRule>,
}

/// How strong and how recent a sign-in must be; one of `acr` and `max_age` at least says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepUpRule {
    /// Patterns of the names of the tools whose calls need it; `None`: every request.
    pub tools: Option<Vec<String>>,
    /// AuthnContext classes or `acr` values, any of which will do; empty: any at all.
    pub acr: Vec<String>,
    /// The greatest age of the sign-in.
    pub max_age: Option<Duration>,
}

/// Who has a role. A person has it when one of `groups` or `users` fits, and the sign-in came from one of `identity_providers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Group names, compared exactly; `*` is everybody who signed in.
    pub groups: Vec<String>,
    /// User names or e-mail addresses.
    pub users: Vec<String>,
    /// Empty: every identity provider.
    pub identity_providers: BTreeSet<IdpId>,
}

/// One of `role_mapping_files`. Its groups give roles only to people who signed in at its identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleMapping {
    /// Its path as written in the configuration.
    pub file: String,
    /// Whose groups.
    pub identity_provider: IdpId,
    /// Roles by group, compared exactly.
    pub groups: BTreeMap<String, Vec<String>>,
}

/// Which upstreams a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamChoice {
    /// `*`: all of them.
    All,
    /// These.
    Named(Vec<UpstreamId>),
}

/// One entry of `grants` or `denies`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The roles it is about.
    pub roles: Vec<String>,
    /// The upstreams it is about.
    pub upstreams: UpstreamChoice,
    /// Patterns of tool names.
    pub tools: Vec<String>,
    /// Patterns of resource URIs.
    pub resources: Vec<String>,
    /// Patterns of prompt names.
    pub prompts: Vec<String>,
    /// Grants only: only tools whose annotations say `readOnlyHint: true`.
    pub read_only: bool,
    /// `doorward.yaml:31`, for the audit trail and `policy explain`.
    pub source: Option<String>,
}

/// A Cedar file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFile {
    /// Its path as written in the configuration.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A client that is registered in the configuration.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its `client_id`.
    pub id: String,
    /// The name on the consent page; the id where none is given.
    pub name: String,
    /// Its redirect URIs; at least one.
    pub redirect_uris: Vec<RedirectUri>,
    /// Its secret; `None`: a public client.
    pub secret: Option<Secret<String>>,
    /// How long its refresh token families go on; `None`: as `tokens.refresh` says.
    pub refresh_lifetime: Option<Duration>,
}

/// Dynamic client registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Whether clients may register themselves.
    pub dynamic: bool,
    /// Hosts that a redirect URI may name, lower case; empty: any https host, loopback and known private schemes.
    pub allowed_redirect_hosts: Vec<String>,
}

/// Browser sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// From sign-in to the end, whatever happens.
    pub lifetime: Duration,
    /// From the last use to the end.
    pub idle: Duration,
}

/// Lifetimes of what the authorization server issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Access tokens; one hour at most.
    pub access: Duration,
    /// Refresh token families.
    pub refresh: Duration,
    /// How long a refresh token may lie unused; `None`: as long as it lives.
    pub refresh_idle: Option<Duration>,
    /// How long a used refresh token still gives its successor, for a client that races itself.
    pub refresh_grace: Duration,
    /// Authorization codes; ten minutes at most.
    pub code: Duration,
}

/// The audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The folder of the journal.
    pub dir: PathBuf,
}

/// Caps and deadlines of the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest request body, in bytes.
    pub body: usize,
    /// The largest header section, in bytes.
    pub header_bytes: usize,
    /// The largest number of header fields.
    pub headers: usize,
    /// The largest number of connections of one address.
    pub connections_per_address: usize,
    /// The largest number of sign-ins that one address (of IPv6: one /64) may begin within ten minutes.
    pub sign_ins_per_address: usize,
    /// How long the header section may take.
    pub header_timeout: Duration,
    /// How long the body may take.
    pub body_timeout: Duration,
    /// How long a connection may be idle.
    pub idle_timeout: Duration,
    /// How often the grant behind an open call is looked at again. Not in the file: what is promised is ten seconds.
    pub grant_recheck: Duration,
}
