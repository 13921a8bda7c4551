//! The documents that describe us: RFC 8414 (also read as OpenID discovery) and RFC 9728.

use serde::Serialize;

use crate::resource::ProtectedResource;
use crate::scope::ScopeSet;

/// Authorization server metadata, RFC 8414 section 2, with what OpenID discovery requires beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuthorizationServerMetadata {
    /// Our issuer, byte for byte as in tokens and in the protected resources' documents.
    pub issuer: String,
    /// Where authorization requests go.
    pub authorization_endpoint: String,
    /// Where codes and refresh tokens are redeemed.
    pub token_endpoint: String,
    /// Where clients register, if they may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_endpoint: Option<String>,
    /// RFC 7009.
    pub revocation_endpoint: String,
    /// The keys of access tokens.
    pub jwks_uri: String,
    /// Scopes that exist at any upstream.
    pub scopes_supported: Vec<String>,
    /// `code` only.
    pub response_types_supported: Vec<&'static str>,
    /// `query` only.
    pub response_modes_supported: Vec<&'static str>,
    /// Code and refresh.
    pub grant_types_supported: Vec<&'static str>,
    /// Public clients, and secrets by header or form.
    pub token_endpoint_auth_methods_supported: Vec<&'static str>,
    /// As at the token endpoint.
    pub revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    /// `S256` only; clients of MCP refuse servers that do not say so.
    pub code_challenge_methods_supported: Vec<&'static str>,
    /// RFC 9207 section 3.
    pub authorization_response_iss_parameter_supported: bool,
    /// Required by readers of OpenID discovery; we issue no ID token.
    pub subject_types_supported: Vec<&'static str>,
    /// Required by readers of OpenID discovery; we issue no ID token.
    pub id_token_signing_alg_values_supported: Vec<&'static str>,
}

impl AuthorizationServerMetadata {
    /// The document of `issuer`, which has no slash at its end.
    pub fn new(issuer: &str, dynamic_registration: bool, protected: &[ProtectedResource]) -> Self {
        let scopes: ScopeSet = protected.iter().flat_map(|resource| resource.scopes.iter().cloned()).collect();
        let methods = vec!["none", "client_secret_basic", "client_secret_post"];
        Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: format!("{issuer}/oauth/authorize"),
            token_endpoint: format!("{issuer}/oauth/token"),
            registration_endpoint: dynamic_registration.then(|| format!("{issuer}/oauth/register")),
            revocation_endpoint: format!("{issuer}/oauth/revoke"),
            jwks_uri: format!("{issuer}/oauth/jwks.json"),
            scopes_supported: scopes.iter().map(ToString::to_string).collect(),
            response_types_supported: vec!["code"],
            response_modes_supported: vec!["query"],
            grant_types_supported: vec!["authorization_code", "refresh_token"],
            token_endpoint_auth_methods_supported: methods.clone(),
            revocation_endpoint_auth_methods_supported: methods,
            code_challenge_methods_supported: vec!["S256"],
            authorization_response_iss_parameter_supported: true,
            subject_types_supported: vec!["public"],
            id_token_signing_alg_values_supported: vec!["ES256"],
        }
    }
}

/// Protected resource metadata, RFC 9728 section 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProtectedResourceMetadata {
    /// The canonical URI of the upstream.
    pub resource: String,
    /// Our issuer, alone.
    pub authorization_servers: Vec<String>,
    /// The scopes that exist at this upstream.
    pub scopes_supported: Vec<String>,
    /// Tokens come in the `Authorization` header only.
    pub bearer_methods_supported: Vec<&'static str>,
    /// The upstream's name for people.
    pub resource_name: String,
}

impl ProtectedResourceMetadata {
    /// The document of one upstream.
    pub fn new(issuer: &str, resource: &ProtectedResource, name: &str) -> Self {
        Self {
            resource: resource.uri.to_string(),
            authorization_servers: vec![issuer.to_owned()],
            scopes_supported: resource.scopes.iter().map(ToString::to_string).collect(),
            bearer_methods_supported: vec!["header"],
            resource_name: name.to_owned(),
        }
    }
}
