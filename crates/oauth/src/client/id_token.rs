//! The ID token, claim by claim (OpenID Connect Core 1.0 section 3.1.3.7).
//!
//! [`crate::jwt::verify`] does what every token needs: form, algorithm, type, key, signature, `iss`, `aud`, `exp`, `iat`, `nbf`.
//! Here stands what makes a token the answer to one authentication request of ours: `azp`, `nonce`, `auth_time`, `at_hash`,
//! and that it is an ID token at all.

use std::time::Duration;

use aws_lc_rs::digest::{self, Algorithm};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::Secret;
use crate::jwks::JwkSet;
use crate::jwt::{self, Accept, Alg, Audiences, JwtError, Verified};

use super::issuer::TokenIssuer;

/// What the token must answer to.
#[derive(Debug, Clone)]
pub struct Expected<'a> {
    /// Whose it may be ([`super::discovery::ProviderMetadata::token_issuers`]).
    pub issuers: &'a [TokenIssuer],
    /// Our identifier at the IdP.
    pub client_id: &'a str,
    /// The nonce of the authentication request.
    pub nonce: Nonce<'a>,
    /// The `sub` of the sign-in that is refreshed (Core section 12.2); `None`: whoever signs in.
    pub subject: Option<&'a str>,
    /// The IdP's algorithms ([`super::discovery::ProviderMetadata::id_token_algorithms`]).
    pub algorithms: &'a [Alg],
    /// The `max_age` that was asked for, in seconds.
    pub max_age: Option<u64>,
    /// The `acr_values` that were asked for, one of which the answer must have; empty: any, or none.
    pub acr_values: &'a [String],
    /// The access token that came with it; `at_hash` binds the two.
    pub access_token: Option<&'a Secret<String>>,
    /// The current instant.
    pub now: Timestamp,
    /// How far the IdP's clock may be off.
    pub leeway: Duration,
}

/// What the token's nonce must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nonce<'a> {
    /// This one: the answer to an authentication request.
    Required(&'a str),
    /// This one, or none: the answer to a refresh (Core section 12.2).
    IfPresent(&'a str),
}

/// What a checked ID token says. Only [`check`] makes one.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct IdTokenClaims {
    /// `iss`.
    pub issuer: String,
    /// `sub`: with the issuer, the person's key. Never an e-mail address.
    pub subject: String,
    /// When the person last proved who they are, if the IdP says so.
    pub auth_time: Option<Timestamp>,
    /// The authentication context class, if the IdP says so.
    pub acr: Option<String>,
    /// The IdP's session, for back-channel logout.
    pub sid: Option<String>,
    /// All claims.
    pub claims: Map<String, Value>,
}

/// Why an ID token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// It is no valid token of the IdP for us.
    #[error(transparent)]
    Token(#[from] JwtError),
    /// It is some other kind of token: a logout token (Back-Channel Logout section 2.4) or an access token.
    #[error("this is not an ID token: {sign}")]
    OtherKind {
        /// What shows it.
        sign: &'static str,
    },
    /// `sub` is longer than 255 characters or holds others than printable ASCII (Core section 2).
    #[error("the subject is longer than 255 characters or not printable ASCII")]
    SubjectMalformed,
    /// `azp` is another client, or is missing beside several audiences (Core section 3.1.3.7, 4 and 5).
    #[error("the token was issued to `{}` (azp), needed is `{expected}` (client_id)", or_none(.received.as_ref()))]
    AuthorizedPartyMismatch {
        /// Our client id.
        expected: String,
        /// As received.
        received: Option<String>,
    },
    /// `nonce` is not the one of this sign-in (Core section 3.1.3.7, 11).
    #[error("the nonce is not the one of this sign-in")]
    NonceMismatch,
    /// It is about another person than the sign-in that it refreshes (Core section 12.2).
    #[error("the refreshed token is about `{received}`, the sign-in about `{expected}`")]
    SubjectChanged {
        /// The sign-in's `sub`.
        expected: String,
        /// As received.
        received: String,
    },
    /// The tenant of the person is not among those that may sign in, or `tid` is not the tenant of the issuer.
    #[error("the person is of tenant `{}`, which is not among the configured tenants", or_none(.received.as_ref()))]
    TenantRefused {
        /// `tid`, else the issuer, as received.
        received: Option<String>,
    },
    /// Freshness was asked for, and the IdP does not say when the person signed in.
    #[error("the token has no `auth_time`, so nobody can tell how fresh the sign-in is")]
    AuthTimeMissing,
    /// The person did not sign in as was asked (`acr_values`).
    #[error("the sign-in was of class `{}` (acr), needed is one of {}", or_none(.received.as_ref()), .needed.join(", "))]
    AcrMismatch {
        /// As asked for.
        needed: Vec<String>,
        /// As received.
        received: Option<String>,
    },
    /// The person proved who they are too long ago (Core section 3.1.3.7, 13).
    #[error("the person signed in at {auth_time}, longer ago than {max_age} s")]
    AuthenticationTooOld {
        /// As received.
        auth_time: Timestamp,
        /// As asked for.
        max_age: u64,
    },
    /// `at_hash` belongs to another access token (Core section 3.1.3.8).
    #[error("the access token is not the one that the ID token was issued with")]
    AccessTokenMismatch,
}

fn or_none(received: Option<&String>) -> &str {
    received.map_or("none", String::as_str)
}

impl IdTokenError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Token(error) => error.code(),
            Self::OtherKind { .. } => "oidc.not_an_id_token",
            Self::SubjectMalformed => "oidc.subject_malformed",
            Self::AuthorizedPartyMismatch { .. } => "oidc.authorized_party_mismatch",
            Self::NonceMismatch => "oidc.nonce_mismatch",
            Self::AuthenticationTooOld { .. } => "oidc.authentication_too_old",
            Self::SubjectChanged { .. } => "oidc.subject_changed",
            Self::TenantRefused { .. } => "oidc.tenant_refused",
            Self::AuthTimeMissing => "oidc.auth_time_missing",
            Self::AcrMismatch { .. } => "oidc.acr_mismatch",
            Self::AccessTokenMismatch => "oidc.access_token_mismatch",
        }
    }
}

/// Checks an ID token that came from the token endpoint against the IdP's keys and the request it must answer.
pub fn check(token: &str, expected: &Expected<'_>, keys: &JwkSet) -> Result<IdTokenClaims, IdTokenError> {
    let verified = verify(token, expected, keys)?;
    refuse_other_kinds(&verified)?;
    let subject = verified.string("sub")?;
    if subject.len() > 255 || !subject.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Err(IdTokenError::SubjectMalformed);
    }
    if let Some(before) = expected.subject.filter(|before| *before != subject) {
        return Err(IdTokenError::SubjectChanged { expected: before.to_owned(), received: subject.to_owned() });
    }
    check_authorized_party(&verified, expected.client_id)?;
    check_nonce(&verified, expected.nonce)?;
    let auth_time = check_auth_time(&verified, expected)?;
    check_access_token(&verified, expected.access_token)?;
    let acr = check_acr(&verified, expected.acr_values)?;
    Ok(IdTokenClaims {
        issuer: verified.string("iss")?.to_owned(),
        subject: subject.to_owned(),
        auth_time,
        acr,
        sid: verified.optional_string("sid")?.map(str::to_owned),
        claims: verified.claims,
    })
}

/// The token by the rules of every token, of one of the issuers that it may be of. Where these are tenants, `tid` must agree.
fn verify(token: &str, expected: &Expected<'_>, keys: &JwkSet) -> Result<Verified, IdTokenError> {
    let mut refused = IdTokenError::TenantRefused { received: None };
    for TokenIssuer { issuer, tenant } in expected.issuers {
        let accept = Accept {
            typ: &[],
            algs: expected.algorithms,
            issuer: issuer.as_str(),
            audience: expected.client_id,
            audiences: Audiences::Several,
            now: expected.now,
            leeway: expected.leeway,
        };
        match (jwt::verify(token, keys, &accept), tenant) {
            (Err(JwtError::IssuerMismatch(received)), Some(_)) => refused = IdTokenError::TenantRefused { received: Some(received) },
            (Ok(verified), Some(tenant)) => {
                let received = verified.optional_string("tid")?.map(str::to_owned);
                return if received.as_deref() == Some(tenant) { Ok(verified) } else { Err(IdTokenError::TenantRefused { received }) };
            }
            (verified, _) => return Ok(verified?),
        }
    }
    Err(refused)
}

/// Core section 3.1.3.7, 11, and section 12.2.
fn check_nonce(verified: &Verified, nonce: Nonce<'_>) -> Result<(), IdTokenError> {
    let holds = match nonce {
        Nonce::Required(sent) => verified.string("nonce")? == sent,
        Nonce::IfPresent(sent) => verified.optional_string("nonce")?.is_none_or(|received| received == sent),
    };
    if holds { Ok(()) } else { Err(IdTokenError::NonceMismatch) }
}

/// Core section 3.1.3.7, 12. `acr_values` is only a wish to the IdP (section 5.5.1.1), so the answer has to be looked at.
fn check_acr(verified: &Verified, needed: &[String]) -> Result<Option<String>, IdTokenError> {
    let received = verified.optional_string("acr")?.map(str::to_owned);
    if needed.is_empty() || received.as_ref().is_some_and(|received| needed.contains(received)) {
        return Ok(received);
    }
    Err(IdTokenError::AcrMismatch { needed: needed.to_vec(), received })
}

/// Tokens of other kinds by the same IdP, with the same key, audience and even header: Back-Channel Logout section 2.4 has
/// `events`; Keycloak writes the kind into a claim `typ`.
fn refuse_other_kinds(verified: &Verified) -> Result<(), IdTokenError> {
    if verified.claims.contains_key("events") {
        return Err(IdTokenError::OtherKind { sign: "it has the claim `events`" });
    }
    match verified.claims.get("typ") {
        None => Ok(()),
        Some(Value::String(kind)) if kind == "ID" => Ok(()),
        Some(_) => Err(IdTokenError::OtherKind { sign: "its claim `typ` is not `ID`" }),
    }
}

/// Core section 3.1.3.7, 3 to 5: several audiences only with an `azp`, and an `azp` only if it is us.
fn check_authorized_party(verified: &Verified, client_id: &str) -> Result<(), IdTokenError> {
    let received = verified.optional_string("azp")?;
    let several = verified.audiences()?.len() > 1;
    match received {
        Some(party) if party == client_id => Ok(()),
        None if !several => Ok(()),
        Some(_) | None => {
            Err(IdTokenError::AuthorizedPartyMismatch { expected: client_id.to_owned(), received: received.map(str::to_owned) })
        }
    }
}

/// Core section 3.1.2.1: with `max_age`, `auth_time` is required and must be recent enough.
fn check_auth_time(verified: &Verified, expected: &Expected<'_>) -> Result<Option<Timestamp>, IdTokenError> {
    let auth_time = verified.optional_instant("auth_time")?;
    let since = |auth_time: Timestamp| expected.now.as_second().saturating_sub(auth_time.as_second());
    let leeway = i64::try_from(expected.leeway.as_secs()).unwrap_or_default();
    // Else a time that is yet to come would be the freshest of all.
    if auth_time.is_some_and(|auth_time| since(auth_time) < leeway.saturating_neg()) {
        return Err(JwtError::NotYetValid.into());
    }
    let Some(max_age) = expected.max_age else { return Ok(auth_time) };
    let auth_time = auth_time.ok_or(IdTokenError::AuthTimeMissing)?;
    let allowed = i64::try_from(max_age).unwrap_or(i64::MAX).saturating_add(leeway);
    if since(auth_time) > allowed { Err(IdTokenError::AuthenticationTooOld { auth_time, max_age }) } else { Ok(Some(auth_time)) }
}

/// Core section 3.1.3.8: the left half of the access token's hash, with the hash of the signature's algorithm.
fn check_access_token(verified: &Verified, access_token: Option<&Secret<String>>) -> Result<(), IdTokenError> {
    let (Some(received), Some(access_token)) = (verified.optional_string("at_hash")?, access_token) else { return Ok(()) };
    let hash = digest::digest(hash_of(verified.header.alg), access_token.expose().as_bytes());
    let half = hash.as_ref().get(..hash.as_ref().len() / 2).unwrap_or_default();
    if URL_SAFE_NO_PAD.encode(half) == received { Ok(()) } else { Err(IdTokenError::AccessTokenMismatch) }
}

fn hash_of(alg: Alg) -> &'static Algorithm {
    match alg {
        Alg::Rs256 | Alg::Ps256 | Alg::Es256 => &digest::SHA256,
        Alg::Rs384 | Alg::Ps384 | Alg::Es384 => &digest::SHA384,
        // Ed25519 hashes with SHA-512 inside, and providers use it for `at_hash` as well.
        Alg::Rs512 | Alg::Ps512 | Alg::EdDsa => &digest::SHA512,
    }
}

#[cfg(test)]
mod malformed;
#[cfg(test)]
mod tests;
