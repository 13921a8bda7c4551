//! Where people sign in.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use oauth::Secret;
use oauth::client::authentication::ClientAuth;
use oauth::client::discovery::IssuerUrl;
use oauth::client::groups::Format;
use saml::{EntityId, SigningCertificate};
use serde::Serialize;
use url::Url;

use super::super::ids::IdpId;

/// In place of a domain: every domain that no other identity provider has.
pub const ANY_DOMAIN: &str = "*";

/// A place where people sign in.
#[derive(Clone, Debug)]
pub struct IdentityProvider {
    /// Its id, part of its URLs.
    pub id: IdpId,
    /// The name on the sign-in page; the id where none is given.
    pub name: String,
    /// The e-mail domains whose addresses lead here, in lower case; [`ANY_DOMAIN`] stands for those that lead nowhere else.
    pub domains: BTreeSet<String>,
    /// Whether the sign-in page has a button for it.
    pub listed: bool,
    /// Whether the address that a person typed is passed on.
    pub login_hint: bool,
    /// Whether a sign-out here goes on at the identity provider.
    pub sign_out: SignOutAt,
    /// SAML or OpenID Connect.
    pub protocol: Protocol,
}

/// How far a sign-out goes that begins here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SignOutAt {
    /// The session here ends.
    Local,
    /// That, and the browser is sent to the identity provider to end its session too.
    Idp,
}

/// How an identity provider is spoken to.
#[derive(Clone, Debug)]
pub enum Protocol {
    /// SAML 2.0 Web Browser SSO.
    Saml(SamlIdp),
    /// OpenID Connect, authorization code with PKCE.
    Oidc(OidcIdp),
}

/// Where SAML metadata comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataSource {
    /// Fetched at start and again before it expires.
    Url(Url),
    /// Read at start.
    File(PathBuf),
}

/// The certificates of a PEM file, one of which must have signed the metadata as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataSigners {
    /// The file.
    pub file: PathBuf,
    /// What was in it when the configuration was read.
    pub certificates: Vec<SigningCertificate>,
}

/// What to do about a certificate past its dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpiredCertificates {
    /// Go on, and say so.
    Warn,
    /// Refuse.
    Refuse,
}

/// The binding of the AuthnRequest (SAML bindings sections 3.4 and 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestBinding {
    /// HTTP-Redirect.
    Redirect,
    /// HTTP-POST.
    Post,
}

/// A SAML identity provider.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the file")]
pub struct SamlIdp {
    /// Where its metadata comes from.
    pub metadata: MetadataSource,
    /// Who must have signed its metadata; `None`: a signature is not looked at.
    pub metadata_signers: Option<MetadataSigners>,
    /// Which entity, where the metadata holds several.
    pub entity_id: Option<EntityId>,
    /// The attribute that lists the person's groups, by `Name` or `FriendlyName`.
    pub groups_attribute: String,
    /// The shape of its value.
    pub groups_format: Format,
    /// Where groups that were left out are learned.
    pub graph: Option<Graph>,
    /// The attribute with the user name; `None`: the NameID.
    pub username_attribute: Option<String>,
    /// The attribute with the e-mail address; `None`: the usual names are tried.
    pub email_attribute: Option<String>,
    /// The attribute with the display name; `None`: the usual names are tried.
    pub name_attribute: Option<String>,
    /// Whether AuthnRequests are signed.
    pub sign_requests: bool,
    /// The binding of the AuthnRequest.
    pub request_binding: RequestBinding,
    /// `ProviderName` of the AuthnRequest.
    pub provider_name: Option<String>,
    /// Ask the IdP to authenticate again even if it has a session.
    pub force_authn: bool,
    /// Forbid the IdP to ask the person anything; never together with `force_authn`.
    pub is_passive: bool,
    /// The `NameIDPolicy` format to ask for; `None`: the IdP chooses.
    pub name_id_format: Option<String>,
    /// `RequestedAuthnContext` class references; empty: none asked.
    pub authn_context: Vec<String>,
    /// What happens when the certificate of a genuine signature is past its dates.
    pub expired_certificates: ExpiredCertificates,
    /// Accept a response that no request of ours asked for.
    pub allow_idp_initiated: bool,
    /// The values of RelayState that such a response may have: paths of ours.
    pub idp_initiated_targets: Vec<String>,
}

/// An OpenID provider.
#[derive(Clone, Debug)]
pub struct OidcIdp {
    /// The issuer, exactly as written: it is compared byte by byte.
    pub issuer: IssuerUrl,
    /// Our client id there.
    pub client_id: String,
    /// Our client secret there; `None`: a public client with PKCE only.
    pub client_secret: Option<Secret<String>>,
    /// How we prove who we are; `None`: what the provider offers and the secret allows.
    pub client_auth: Option<ClientAuth>,
    /// The tenants whose people may sign in, where the issuer stands for many.
    pub tenants: Vec<String>,
    /// The classes to ask for, one of which the answer must have; empty: any.
    pub acr_values: Vec<String>,
    /// What the provider is to ask the person for.
    pub prompt: Option<String>,
    /// The oldest sign-in that is good enough.
    pub max_age: Option<Duration>,
    /// How old the last answer may be before the provider is asked again.
    pub refresh_interval: Duration,
    /// Of which domain people are.
    pub domain_hint: Option<String>,
    /// The claim that is the person's key.
    pub subject_claim: String,
    /// The scopes to ask for; `openid` is among them.
    pub scopes: Vec<String>,
    /// The claim that lists the person's groups.
    pub groups_claim: String,
    /// The shape of its value.
    pub groups_format: Format,
    /// Where groups that were left out are learned.
    pub graph: Option<Graph>,
    /// The claim with the user name.
    pub username_claim: String,
    /// The claim with the e-mail address.
    pub email_claim: String,
    /// The claim with the display name.
    pub name_claim: String,
}

/// Microsoft Graph, as an application of its own.
#[derive(Clone, Debug)]
pub struct Graph {
    /// The tenant's id, or one of its domains.
    pub tenant: String,
    /// The application.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret<String>,
    /// Where tokens come from.
    pub login_url: Url,
    /// Where Graph is.
    pub graph_url: Url,
    /// Only security groups.
    pub security_enabled_only: bool,
}
