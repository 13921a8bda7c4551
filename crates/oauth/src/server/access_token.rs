//! Our access tokens, RFC 9068: one audience, at most an hour, the grant they belong to in `gid`.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::jwks::JwkSet;
use crate::jwt::{self, Accept, Alg, Audiences, ClaimFault, JwtError, SigningKey};
use crate::resource::ResourceUri;
use crate::scope::ScopeSet;

/// The `typ` of an access token (RFC 9068 section 2.1).
pub const ACCESS_TOKEN_TYPE: &str = "at+jwt";
/// How far the clocks of two replicas of the gateway may differ.
const LEEWAY: Duration = Duration::from_secs(5);

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// `iss`: our issuer.
    pub issuer: String,
    /// `aud`: the canonical URI of one upstream.
    pub resource: ResourceUri,
    /// `sub`: the user's id, `usr_…`.
    pub user: String,
    /// `client_id`.
    pub client_id: String,
    /// `scope`.
    pub scopes: ScopeSet,
    /// `jti`: unique for each token.
    pub token_id: String,
    /// `gid`: the grant, checked against the store on each use.
    pub grant: String,
    /// `sid`: the browser session the grant was made in.
    pub session: Option<String>,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    client_id: &'a str,
    scope: String,
    jti: &'a str,
    gid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    iat: i64,
    exp: i64,
}

impl AccessToken {
    /// Signs the token.
    pub fn sign(&self, key: &SigningKey) -> Result<String, JwtError> {
        let claims = Claims {
            iss: &self.issuer,
            aud: self.resource.as_str(),
            sub: &self.user,
            client_id: &self.client_id,
            scope: self.scopes.to_string(),
            jti: &self.token_id,
            gid: &self.grant,
            sid: self.session.as_deref(),
            iat: self.issued_at.as_second(),
            exp: self.expires_at.as_second(),
        };
        jwt::sign(key, ACCESS_TOKEN_TYPE, &claims)
    }

    /// Checks a token that a client presents at the upstream with the URI `resource` (RFC 9068 section 4). The caller
    /// still asks the store whether the grant lives.
    pub fn verify(token: &str, keys: &JwkSet, issuer: &str, resource: &ResourceUri, now: Timestamp) -> Result<Self, JwtError> {
        let accept = Accept {
            typ: &[ACCESS_TOKEN_TYPE],
            algs: &[Alg::Es256],
            issuer,
            audience: resource.as_str(),
            audiences: Audiences::One,
            now,
            leeway: LEEWAY,
        };
        let verified = jwt::verify(token, keys, &accept)?;
        let scope = verified.optional_string("scope")?.unwrap_or_default();
        let scopes = scope.parse().map_err(|_| JwtError::ClaimInvalid { name: "scope".to_owned(), fault: ClaimFault::OutOfRange })?;
        Ok(Self {
            issuer: issuer.to_owned(),
            resource: resource.clone(),
            user: verified.string("sub")?.to_owned(),
            client_id: verified.string("client_id")?.to_owned(),
            scopes,
            token_id: verified.string("jti")?.to_owned(),
            grant: verified.string("gid")?.to_owned(),
            session: verified.optional_string("sid")?.map(str::to_owned),
            issued_at: verified.instant("iat")?,
            expires_at: verified.instant("exp")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::AccessToken;
    use crate::jwks::JwkSet;
    use crate::jwt::{JwtError, SigningKey};
    use crate::resource::ResourceUri;

    #[test]
    fn a_token_is_good_at_its_resource_until_it_expires() {
        let key = SigningKey::from_pkcs8(SigningKey::generate_pkcs8().unwrap().expose()).unwrap();
        let keys = JwkSet::new(vec![key.public_jwk()]);
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let resource = ResourceUri::parse("https://mcp.example.com/crm/mcp").unwrap();
        let token = AccessToken {
            issuer: "https://mcp.example.com".to_owned(),
            resource: resource.clone(),
            user: "usr_1".to_owned(),
            client_id: "client".to_owned(),
            scopes: "mcp".parse().unwrap(),
            token_id: "jti".to_owned(),
            grant: "gnt_1".to_owned(),
            session: None,
            issued_at: now,
            expires_at: now + Duration::from_mins(15),
        };
        let text = token.sign(&key).unwrap();
        let verify = |issuer: &str, resource: &ResourceUri, now| AccessToken::verify(&text, &keys, issuer, resource, now);
        assert_eq!(verify("https://mcp.example.com", &resource, now), Ok(token));
        let other = ResourceUri::parse("https://mcp.example.com/wiki/mcp").unwrap();
        assert_eq!(verify("https://mcp.example.com", &other, now), Err(JwtError::AudienceMismatch(vec![resource.to_string()])));
        assert_eq!(verify("https://mcp.example.com/", &resource, now), Err(JwtError::IssuerMismatch("https://mcp.example.com".to_owned())));
        assert_eq!(verify("https://mcp.example.com", &resource, now + Duration::from_secs(15 * 60 + 5)), Err(JwtError::Expired));
        assert_eq!(verify("https://mcp.example.com", &resource, now - Duration::from_secs(6)), Err(JwtError::NotYetValid));
    }
}
