//! The logout token (OpenID Connect Back-Channel Logout 1.0 sections 2.4 and 2.6): an identity provider says that one of its
//! sessions, or all sessions of a person, have ended.
//!
//! It comes from whoever can reach the endpoint, without a browser and without anything of ours in it, so every rule counts:
//! [`crate::jwt::verify`] does what every token needs, here stands what tells a logout token from an ID token of the same
//! issuer, key and audience. That one `jti` is accepted once is the caller's part: remember it until
//! [`LogoutToken::replay_until`].

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::jwks::JwkSet;
use crate::jwt::{self, Accept, Alg, Audiences, JwtError, Verified};

use super::issuer::TokenIssuer;

/// The one event that makes a token a logout token (section 2.4).
pub const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What the token must answer to.
#[derive(Debug, Clone)]
pub struct Expected<'a> {
    /// Whose it may be ([`super::discovery::ProviderMetadata::token_issuers`]).
    pub issuers: &'a [TokenIssuer],
    /// Our identifier at the IdP.
    pub client_id: &'a str,
    /// The IdP's algorithms, as for ID tokens (section 2.6, 2).
    pub algorithms: &'a [Alg],
    /// The current instant.
    pub now: Timestamp,
    /// How far the IdP's clock may be off.
    pub leeway: Duration,
}

/// What a checked logout token says. Only [`check`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogoutToken {
    /// Its own name: accept it once.
    pub jti: String,
    /// The person, if the token names one.
    pub subject: Option<String>,
    /// The IdP's session, if the token names one. Without it, all sessions of the person have ended.
    pub sid: Option<String>,
    /// Until when the token could be accepted, leeway included: how long its `jti` must be remembered.
    pub replay_until: Timestamp,
}

/// Why a logout token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogoutTokenError {
    /// It is no valid token of the IdP for us.
    #[error(transparent)]
    Token(#[from] JwtError),
    /// The event is not in it: it is an ID token or some other security event (section 2.6, 6).
    #[error("this is not a logout token: {sign}")]
    OtherKind {
        /// What shows it.
        sign: &'static str,
    },
    /// It has a `nonce`, which a logout token must not have (section 2.4), so that nobody takes it for an ID token.
    #[error("the logout token has a nonce, which it must not have")]
    NonceForbidden,
    /// Neither `sub` nor `sid` (section 2.6, 5).
    #[error("the logout token names neither a person nor a session")]
    NobodyNamed,
    /// `sub`, `sid` or `jti` is longer than 255 characters or holds others than printable ASCII.
    #[error("{claim} is longer than 255 characters or not printable ASCII")]
    IdentifierMalformed {
        /// Which claim.
        claim: &'static str,
    },
}

impl LogoutTokenError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Token(error) => error.code(),
            Self::OtherKind { .. } => "oidc.not_a_logout_token",
            Self::NonceForbidden => "oidc.logout_token_nonce",
            Self::NobodyNamed => "oidc.logout_token_names_nobody",
            Self::IdentifierMalformed { .. } => "oidc.logout_token_identifier_malformed",
        }
    }
}

/// Checks a logout token against the IdP's keys.
pub fn check(token: &str, expected: &Expected<'_>, keys: &JwkSet) -> Result<LogoutToken, LogoutTokenError> {
    let verified = verify(token, expected, keys)?;
    require_event(&verified)?;
    if verified.claims.contains_key("nonce") {
        return Err(LogoutTokenError::NonceForbidden);
    }
    let jti = identifier("jti", Some(verified.string("jti")?))?;
    let subject = identifier("sub", verified.optional_string("sub")?)?;
    let sid = identifier("sid", verified.optional_string("sid")?)?;
    if subject.is_none() && sid.is_none() {
        return Err(LogoutTokenError::NobodyNamed);
    }
    let expires_at = verified.instant("exp")?;
    Ok(LogoutToken {
        jti: jti.unwrap_or_default(),
        subject,
        sid,
        replay_until: expires_at.checked_add(expected.leeway).unwrap_or(Timestamp::MAX),
    })
}

/// Of one of the issuers that it may be of. Where these are tenants, each of them names its own; `tid` is no claim of a logout token.
fn verify(token: &str, expected: &Expected<'_>, keys: &JwkSet) -> Result<Verified, JwtError> {
    let mut refused = JwtError::IssuerMismatch(String::new());
    for TokenIssuer { issuer, .. } in expected.issuers {
        match verify_of(issuer.as_str(), token, expected, keys) {
            Err(mismatch @ JwtError::IssuerMismatch(_)) => refused = mismatch,
            outcome => return outcome,
        }
    }
    Err(refused)
}

/// Section 2.4: the type `logout+jwt` is recommended, and many providers write `JWT` or nothing. Every other type is another
/// kind of token. The type is read before anything costs time, so asking twice is free.
fn verify_of(issuer: &str, token: &str, expected: &Expected<'_>, keys: &JwkSet) -> Result<Verified, JwtError> {
    let accept = |typ| Accept {
        typ,
        algs: expected.algorithms,
        issuer,
        audience: expected.client_id,
        audiences: Audiences::Several,
        now: expected.now,
        leeway: expected.leeway,
    };
    match jwt::verify(token, keys, &accept(&["logout+jwt"])) {
        Err(JwtError::TypeMismatch(_)) => jwt::verify(token, keys, &accept(&[])),
        outcome => outcome,
    }
}

/// Section 2.4: `events` is an object with this member, whose value is an object.
fn require_event(verified: &Verified) -> Result<(), LogoutTokenError> {
    let other = |sign| Err(LogoutTokenError::OtherKind { sign });
    match verified.claims.get("events") {
        None => other("it has no claim `events`"),
        Some(Value::Object(events)) => match events.get(EVENT) {
            Some(Value::Object(_)) => Ok(()),
            Some(_) => other("its logout event is not a JSON object"),
            None => other("its claim `events` has no logout event"),
        },
        Some(_) => other("its claim `events` is not a JSON object"),
    }
}

/// Identifiers are compared and remembered; what no provider writes is not worth either.
fn identifier(claim: &'static str, value: Option<&str>) -> Result<Option<String>, LogoutTokenError> {
    match value {
        Some(value) if value.len() > 255 || !value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) => {
            Err(LogoutTokenError::IdentifierMalformed { claim })
        }
        value => Ok(value.map(str::to_owned)),
    }
}

#[cfg(test)]
mod tests;
