//! `identity_providers`: where people sign in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A place where people sign in: exactly one of `saml` and `oidc`.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in super::super) struct FileIdp {
    /// The name on the sign-in page; without it, the id.
    pub(in super::super) name: Option<String>,
    /// The e-mail domains whose addresses lead here, exactly and in lower case; a subdomain is another domain. `*` stands for every domain that no other identity provider has.
    #[schemars(extend("examples" = [["example.com", "example.org"]]))]
    pub(in super::super) domains: Vec<String>,
    /// Whether the sign-in page has a button for it. Without one, only its `domains` lead there.
    pub(in super::super) listed: bool,
    /// Whether the address that a person typed, or that the client named, is passed on. Without this key: yes with `oidc`, no with `saml`.
    pub(in super::super) login_hint: Option<bool>,
    /// Microsoft Graph, to learn the groups that Microsoft Entra ID leaves out of a token or assertion because there are too many. Without it, such a sign-in is refused.
    pub(in super::super) graph: Option<FileGraph>,
    /// How far a sign-out goes that begins at Doorward: `idp` ends the session here and then, where the identity provider offers that, the one there; `local` ends only the one here.
    pub(in super::super) sign_out: FileSignOut,
    /// Sign-in by SAML 2.0.
    pub(in super::super) saml: Option<FileSaml>,
    /// Sign-in by OpenID Connect.
    pub(in super::super) oidc: Option<FileOidc>,
}

impl Default for FileIdp {
    fn default() -> Self {
        Self {
            name: None,
            domains: Vec::new(),
            listed: true,
            login_hint: None,
            sign_out: FileSignOut::Idp,
            graph: None,
            saml: None,
            oidc: None,
        }
    }
}

/// Microsoft Graph, asked as an application of its own. It needs the application permissions `User.ReadBasic.All` and `GroupMember.Read.All`, with admin consent.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["tenant", "client_id", "client_secret"]))]
pub(in super::super) struct FileGraph {
    /// The tenant's id (or one of its domains).
    #[schemars(required, extend("examples" = ["11111111-2222-4333-8444-555555555555"]))]
    pub(in super::super) tenant: Option<String>,
    /// The application's client id.
    #[schemars(required)]
    pub(in super::super) client_id: Option<String>,
    /// The application's client secret.
    #[schemars(required, extend("examples" = ["${file:secrets/graph-client-secret}"]))]
    pub(in super::super) client_secret: Option<String>,
    /// Where tokens come from; national clouds have another address.
    pub(in super::super) login_url: String,
    /// Where Graph is; national clouds have another address. No address from a token is ever asked.
    pub(in super::super) graph_url: String,
    /// Only security groups, as in the usual group claim; `false`: distribution groups and directory roles too.
    pub(in super::super) security_enabled_only: bool,
}

impl Default for FileGraph {
    fn default() -> Self {
        Self {
            tenant: None,
            client_id: None,
            client_secret: None,
            login_url: "https://login.microsoftonline.com".to_owned(),
            graph_url: "https://graph.microsoft.com".to_owned(),
            security_enabled_only: true,
        }
    }
}

/// The shape of what lists the groups.
#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum FileGroupsFormat {
    /// A list; with SAML, any number of values. Each entry is one group, whatever is in it.
    #[default]
    List,
    /// One text, which is one group, whatever is in it.
    String,
    /// One text with commas between the groups.
    Comma,
}

/// Where a sign-out ends.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum FileSignOut {
    /// At Doorward.
    Local,
    /// At the identity provider.
    Idp,
}

/// The binding of the AuthnRequest.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum FileBinding {
    /// HTTP-Redirect.
    Redirect,
    /// HTTP-POST.
    Post,
}

/// What to do about a certificate past its dates.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum FileExpired {
    /// Go on, and say so.
    Warn,
    /// Refuse.
    Refuse,
}

/// A SAML 2.0 identity provider: exactly one of `metadata` and `metadata_file`.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the file")]
pub(in super::super) struct FileSaml {
    /// The URL of its metadata, fetched at start and again before it expires.
    #[schemars(extend("examples" = ["https://example.okta.com/app/abc123/sso/saml/metadata"]))]
    pub(in super::super) metadata: Option<String>,
    /// A file with its metadata.
    pub(in super::super) metadata_file: Option<String>,
    /// A PEM file with the certificate that signs the metadata, from another source than the metadata itself (two certificates during a change). Metadata that it does not sign as a whole is refused.
    pub(in super::super) metadata_signing_certificate: Option<String>,
    /// Its entity id; needed only where the metadata holds several entities.
    pub(in super::super) entity_id: Option<String>,
    /// The attribute that lists the person's groups (its `Name` or `FriendlyName`).
    pub(in super::super) groups_attribute: String,
    /// The shape of its value; a value of another shape refuses the sign-in.
    pub(in super::super) groups_format: FileGroupsFormat,
    /// The attribute with the user name; without it, the NameID.
    pub(in super::super) username_attribute: Option<String>,
    /// The attribute with the e-mail address; without it, the usual names are tried.
    pub(in super::super) email_attribute: Option<String>,
    /// The attribute with the display name; without it, the usual names are tried.
    pub(in super::super) name_attribute: Option<String>,
    /// Whether AuthnRequests are signed.
    pub(in super::super) sign_requests: bool,
    /// How AuthnRequests travel.
    pub(in super::super) request_binding: FileBinding,
    /// Our name for people, which the IdP may show while they sign in (`ProviderName`).
    #[schemars(extend("examples" = ["Example AG tools"]))]
    pub(in super::super) provider_name: Option<String>,
    /// Ask the IdP to authenticate the person again even if it has a session; refuse an answer that rests on an older sign-in.
    pub(in super::super) force_authn: bool,
    /// Forbid the IdP to show anything: who has no session there, and cannot be recognised without a question, is not signed in. Not together with `force_authn`.
    pub(in super::super) is_passive: bool,
    /// The NameID format to ask for; an answer in another one is refused. Without it, the IdP chooses.
    #[schemars(extend("examples" = ["urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"]))]
    pub(in super::super) name_id_format: Option<String>,
    /// Authentication context classes to ask for, such as one that stands for multi-factor; refuse an answer that names none of them.
    pub(in super::super) authn_context: Vec<String>,
    /// What happens when the certificate of a genuine signature is past its dates: `warn` lets the person in and tells the audit trail and the log, `refuse` refuses.
    pub(in super::super) expired_certificates: FileExpired,
    /// Accept a sign-in that begins at the IdP. Such a sign-in cannot be tied to the browser that asked for it; leave it off unless you need it.
    pub(in super::super) allow_idp_initiated: bool,
    /// Where such a sign-in may lead: the values of RelayState that are accepted, each a path of this site. Without a RelayState it leads to `/`.
    pub(in super::super) idp_initiated_targets: Vec<String>,
}

impl Default for FileSaml {
    fn default() -> Self {
        Self {
            metadata: None,
            metadata_file: None,
            entity_id: None,
            groups_attribute: "groups".to_owned(),
            groups_format: FileGroupsFormat::List,
            username_attribute: None,
            email_attribute: None,
            name_attribute: None,
            metadata_signing_certificate: None,
            expired_certificates: FileExpired::Warn,
            sign_requests: true,
            request_binding: FileBinding::Redirect,
            provider_name: None,
            force_authn: false,
            is_passive: false,
            name_id_format: None,
            authn_context: Vec::new(),
            allow_idp_initiated: false,
            idp_initiated_targets: vec!["/".to_owned()],
        }
    }
}

/// How Doorward proves at the provider's token endpoint who it is.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum FileClientAuth {
    /// The secret in the `Authorization` header.
    ClientSecretBasic,
    /// The secret in the body.
    ClientSecretPost,
    /// A JWT signed with the secret (HS256).
    ClientSecretJwt,
    /// A JWT signed with a key of Doorward's own; the provider finds the public one at `/login/oidc/{id}/jwks.json`.
    PrivateKeyJwt,
    /// Not at all: a public client that relies on PKCE alone.
    None,
}

/// An OpenID provider.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["issuer", "client_id"]))]
pub(in super::super) struct FileOidc {
    /// The issuer, exactly as its discovery document says it.
    #[schemars(required, extend("examples" = ["https://login.microsoftonline.com/TENANT/v2.0"]))]
    pub(in super::super) issuer: Option<String>,
    /// The client id that the provider gave to Doorward.
    #[schemars(required)]
    pub(in super::super) client_id: Option<String>,
    /// The client secret; without it Doorward is a public client that relies on PKCE alone.
    #[schemars(extend("examples" = ["${file:oidc-client-secret}"]))]
    pub(in super::super) client_secret: Option<String>,
    /// How Doorward proves at the token endpoint who it is; without it, the way that the provider offers and the secret allows.
    pub(in super::super) client_auth: Option<FileClientAuth>,
    /// The tenants (their ids) whose people may sign in. For the issuers of Microsoft Entra ID that stand for many tenants
    /// (`common`, `organizations`), which need it; for no other.
    #[schemars(extend("examples" = [["72f988bf-86f1-41af-91ab-2d7cd011db47"]]))]
    pub(in super::super) tenants: Vec<String>,
    /// The scopes to ask for; `openid` must be among them.
    pub(in super::super) scopes: Vec<String>,
    /// Authentication context classes to ask for (`acr_values`), such as one that stands for multi-factor; refuse an answer that names none of them.
    #[schemars(extend("examples" = [["urn:okta:loa:2fa:any"]]))]
    pub(in super::super) acr_values: Vec<String>,
    /// What the provider is to ask the person for at each sign-in: `login`, `consent`, `select_account`. With `login`, an answer that rests on an older sign-in is refused.
    pub(in super::super) prompt: Option<String>,
    /// The oldest sign-in at the provider that is good enough, such as `8h`; the provider must say when it was (`auth_time`).
    #[schemars(extend("examples" = ["8h"]))]
    pub(in super::super) max_age: Option<String>,
    /// How old the provider's last word on a person may be before it is asked again when a client refreshes; 24h at most. Only
    /// where the provider gives a refresh token: most want `offline_access` among the scopes.
    pub(in super::super) refresh_interval: String,
    /// The domain or tenant that people belong to, passed on so that the provider need not ask for it.
    #[schemars(extend("examples" = ["example.com"]))]
    pub(in super::super) domain_hint: Option<String>,
    /// The claim that names a person for good. Without it, `oid` for Microsoft Entra ID and `sub` for every other provider. Another value makes strangers of all who have signed in before.
    pub(in super::super) subject_claim: Option<String>,
    /// The claim that lists the person's groups: a name, a path with dots (`realm_access.roles`), or a JSON pointer (`/realm_access/roles`).
    pub(in super::super) groups_claim: String,
    /// The shape of its value; a value of another shape refuses the sign-in.
    pub(in super::super) groups_format: FileGroupsFormat,
    /// The claim with the user name.
    pub(in super::super) username_claim: String,
    /// The claim with the e-mail address.
    pub(in super::super) email_claim: String,
    /// The claim with the display name.
    pub(in super::super) name_claim: String,
}

impl Default for FileOidc {
    fn default() -> Self {
        Self {
            issuer: None,
            client_id: None,
            client_secret: None,
            client_auth: None,
            tenants: Vec::new(),
            acr_values: Vec::new(),
            prompt: None,
            refresh_interval: "5m".to_owned(),
            max_age: None,
            domain_hint: None,
            subject_claim: None,
            scopes: ["openid", "email", "profile"].map(str::to_owned).to_vec(),
            groups_claim: "groups".to_owned(),
            groups_format: FileGroupsFormat::List,
            username_claim: "preferred_username".to_owned(),
            email_claim: "email".to_owned(),
            name_claim: "name".to_owned(),
        }
    }
}
