//! Who is calling: one bearer token, checked completely on every request.
//!
//! Only the signature check is remembered between requests (by the token's hash); audience, expiry, the grant and the
//! person are looked at each time, so a token of another upstream, an expired one or one whose grant was revoked a
//! moment ago is refused although its signature is known to be good.
//!
//! Invariant: [`Caller`] has private fields and no constructor but [`authenticate`].

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use http::header::{self, HeaderMap};
use jiff::Timestamp;
use oauth::jwt::JwtError;
use oauth::server::access_token::AccessToken;
use store::{ClientId, GrantId, Hash, UserId, sha256};

use super::Exchange;
use super::error::ProxyError;
use crate::keys::KeyUse;
use crate::step_up::Strength;

/// How many verified tokens are remembered.
const REMEMBERED: usize = 20_000;

/// An authenticated person, the client they use, and what their token allows. Only `authenticate` makes one.
///
/// ```compile_fail,E0451
/// # use gateway::proxy::Caller;
/// fn promoted(bob: Caller, admin: store::User) -> Caller {
///     Caller { user: admin, ..bob }
/// }
/// ```
#[derive(Debug)]
pub struct Caller {
    grant: GrantId,
    user_text: String,
    user: store::User,
    client: ClientId,
    client_name: Option<String>,
    scopes: Vec<String>,
    roles: BTreeSet<String>,
    expires_at: Timestamp,
    acr: Option<String>,
    authn_instant: Option<Timestamp>,
}

impl Caller {
    /// The person.
    pub fn user_id(&self) -> UserId {
        self.user.id
    }

    /// The person, for the audit trail.
    pub(super) fn user(&self) -> &store::User {
        &self.user
    }

    /// The person's id as text.
    pub fn user_text(&self) -> &str {
        &self.user_text
    }

    /// The identity provider they signed in at.
    pub fn idp(&self) -> &str {
        &self.user.idp
    }

    /// Their user name.
    pub fn username(&self) -> Option<&str> {
        self.user.username.as_deref()
    }

    /// Their e-mail address.
    pub fn email(&self) -> Option<&str> {
        self.user.email.as_deref()
    }

    /// Their display name.
    pub fn display_name(&self) -> Option<&str> {
        self.user.display_name.as_deref()
    }

    /// Their groups, as of now.
    pub fn groups(&self) -> &[String] {
        &self.user.groups
    }

    /// Their roles, from their groups and the policy of now.
    pub fn roles(&self) -> &BTreeSet<String> {
        &self.roles
    }

    /// The client they use, as the store knows it.
    pub(super) fn client_id(&self) -> &ClientId {
        &self.client
    }

    /// The client they use.
    pub fn client(&self) -> &str {
        self.client.as_str()
    }

    /// The client's name, as it registered itself or as the configuration has it: for the audit trail.
    pub fn client_name(&self) -> Option<&str> {
        self.client_name.as_deref()
    }

    /// The scopes of the token.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// How and when the person signed in for this grant.
    pub(super) fn strength(&self) -> Strength<'_> {
        Strength { acr: self.acr.as_deref(), authn_instant: self.authn_instant }
    }

    /// The grant the token belongs to.
    pub fn grant(&self) -> GrantId {
        self.grant
    }

    /// When the token ends.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

/// What a token says, once its signature was checked.
#[derive(Clone, Debug)]
struct TokenClaims {
    audience: String,
    user: UserId,
    client: ClientId,
    grant: GrantId,
    scopes: Vec<String>,
    expires_at: Timestamp,
}

/// Tokens whose signature was found good, by their SHA-256.
#[derive(Debug, Default)]
pub(super) struct VerifiedTokens(Mutex<HashMap<Hash, TokenClaims>>);

impl VerifiedTokens {
    fn find(&self, hash: &Hash) -> Option<TokenClaims> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()
    }

    fn remember(&self, hash: Hash, claims: TokenClaims, now: Timestamp) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= REMEMBERED {
            tokens.retain(|_, claims| claims.expires_at > now);
        }
        if tokens.len() >= REMEMBERED {
            tokens.clear();
        }
        tokens.insert(hash, claims);
    }
}

/// Finds out who is calling, or why that is not known.
pub(super) async fn authenticate(exchange: &Exchange, headers: &HeaderMap) -> Result<Caller, ProxyError> {
    let token = bearer_token(headers)?;
    let now = exchange.app.clock.now();
    let claims = verified_claims(exchange, token, now)?;
    // RFC 8707 section 2: a token is for one upstream, and a cached signature says nothing about which.
    if claims.audience != exchange.upstream.resource.as_str() {
        return Err(ProxyError::TokenInvalid(JwtError::AudienceMismatch(vec![claims.audience])));
    }
    if claims.expires_at <= now {
        return Err(ProxyError::TokenExpired);
    }
    let live = exchange.app.store.live_grant(claims.grant, now).await?.ok_or(ProxyError::TokenRevoked(claims.user))?;
    let same = live.user.id == claims.user
        && live.grant.client == claims.client
        && live.grant.upstream == exchange.upstream.id.as_str()
        && live.grant.resource == claims.audience;
    if !same {
        return Err(ProxyError::TokenIncomplete);
    }
    if !exchange.upstream.identity_providers.iter().any(|idp| idp.as_str() == live.user.idp) {
        return Err(ProxyError::IdpNotAllowed(live.user.id));
    }
    let user = live.user;
    let roles = exchange.runtime.policies.roles(&user.groups, user.username.as_deref(), user.email.as_deref(), &user.idp);
    let configured = exchange.runtime.config.clients.get(claims.client.as_str()).map(|client| client.name.clone());
    Ok(Caller {
        grant: claims.grant,
        client: claims.client,
        client_name: configured.or(live.client_name),
        scopes: claims.scopes,
        expires_at: claims.expires_at,
        user_text: user.id.to_string(),
        acr: live.grant.sign_in.acr,
        authn_instant: live.grant.sign_in.authn_instant,
        roles,
        user,
    })
}

/// Whether the caller's grant still stands: asked again while a stream is open.
pub(super) async fn is_still_live(exchange: &Exchange, caller: &Caller) -> Result<bool, ProxyError> {
    Ok(exchange.app.store.grant_is_live(caller.grant, exchange.app.clock.now()).await?)
}

/// RFC 6750 section 2.1 and nothing else: one header, one scheme, one token. Query and body are never looked at.
fn bearer_token(headers: &HeaderMap) -> Result<&str, ProxyError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(ProxyError::TokenMissing)?;
    if values.next().is_some() {
        return Err(ProxyError::TokenMalformed);
    }
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(ProxyError::TokenMalformed)?;
    let token = token.trim_start_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") && is_b64token(token) { Ok(token) } else { Err(ProxyError::TokenMalformed) }
}

/// `b64token` of RFC 6750 section 2.1.
fn is_b64token(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/'))
}

fn verified_claims(exchange: &Exchange, token: &str, now: Timestamp) -> Result<TokenClaims, ProxyError> {
    let app = &exchange.app;
    let hash = sha256(token.as_bytes());
    if let Some(claims) = app.proxy.tokens.find(&hash) {
        return Ok(claims);
    }
    let issuer = exchange.config().public_url.issuer();
    let token = AccessToken::verify(token, &app.keys.jwks(KeyUse::AccessToken), issuer, &exchange.upstream.resource, now)
        .map_err(|error| if error == JwtError::Expired { ProxyError::TokenExpired } else { ProxyError::TokenInvalid(error) })?;
    let claims = TokenClaims::read(&token)?;
    app.proxy.tokens.remember(hash, claims.clone(), now);
    Ok(claims)
}

impl TokenClaims {
    fn read(token: &AccessToken) -> Result<Self, ProxyError> {
        let incomplete = |_| ProxyError::TokenIncomplete;
        Ok(Self {
            user: token.user.parse().map_err(incomplete)?,
            client: ClientId::parse(&token.client_id).map_err(incomplete)?,
            grant: token.grant.parse().map_err(incomplete)?,
            scopes: token.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
            audience: token.resource.as_str().to_owned(),
            expires_at: token.expires_at,
        })
    }
}

#[cfg(test)]
mod tests;
