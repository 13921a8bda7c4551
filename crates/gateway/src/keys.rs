//! The keys that Doorward makes for itself: made at the first start, sealed in the store, rotated with overlap.
//!
//! Purposes: access tokens (ES256), identity tokens for upstreams (ES256), assertions for OpenID providers that want them
//! (ES256 or RS256), and the SAML service provider
//! (RSA 2048 with a self-signed certificate). [`Keyring::open`] makes what is missing, [`Keyring::maintain`] rotates.
//!
//! The life of a token key: published a day before it signs, so that every reader of the key set knows it by then;
//! signs for ninety days; stays published until the last token it signed has expired; is deleted. The SAML key is not
//! rotated by time, because identity providers hold a copy of its certificate: see [`saml`].
//!
//! Invariants: private keys leave the store only into this module's memory and are never printed; a token key id is
//! the thumbprint of its key, so no two keys share one.

mod saml;

use std::sync::Arc;
use std::time::Duration;

use ::saml::SpKey;
use arc_swap::ArcSwap;
use jiff::Timestamp;
use oauth::jwks::JwkSet;
use oauth::jwt::{JwtError, SigningKey};
use store::{NewSigningKey, Store, StoreError};

pub use saml::{SamlKey, SamlKeyError, SamlKeyState};

/// How long a token key signs.
const SIGNS_FOR: Duration = Duration::from_hours(90 * 24);
/// How long a token key is published before it signs: longer than anybody caches a key set.
const PUBLISHED_BEFORE: Duration = Duration::from_hours(24);
/// How long a token key stays published after it has signed for the last time: longer than any token lives (one hour).
const PUBLISHED_AFTER: Duration = Duration::from_hours(3);

/// What a token key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    /// Access tokens for MCP clients; published at `/oauth/jwks.json`.
    AccessToken,
    /// The identity of the caller for upstreams; published at `/.well-known/doorward/jwks.json`.
    UpstreamIdentity,
    /// Who Doorward is, for OpenID providers (ES256); published at `/login/oidc/{idp}/jwks.json`. Made when it is first needed.
    ClientAssertion,
    /// The same for providers that know RS256 only.
    ClientAssertionRsa,
}

impl KeyUse {
    fn purpose(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::UpstreamIdentity => "upstream_identity",
            Self::ClientAssertion => "client_assertion",
            Self::ClientAssertionRsa => "client_assertion_rsa",
        }
    }
}

/// Why the keys are not usable. Doorward does not start, or keeps the keys it has.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The store does not answer, or holds keys that cannot be opened.
    #[error("the keys cannot be read from or written to the store: {0}")]
    Store(#[from] StoreError),
    /// A token key cannot be made or read.
    #[error("a signing key is not usable: {0}")]
    Token(#[from] JwtError),
    /// The SAML key or its certificate cannot be made or read.
    #[error("the key of the SAML service provider is not usable")]
    Saml,
    /// No key of a purpose is in force.
    #[error("there is no key in force for {0}")]
    NoKey(&'static str),
}

impl KeyringError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Token(error) => error.code(),
            Self::Saml => "authserver.saml_key_unusable",
            Self::NoKey(_) => "authserver.no_signing_key",
        }
    }
}

/// All keys of this gateway, in memory; swapped whole when the store has others.
#[derive(Debug)]
pub struct Keyring {
    store: Store,
    rings: ArcSwap<Rings>,
}

#[derive(Debug)]
struct Rings {
    access_token: Ring,
    upstream_identity: Ring,
    client_assertion: Ring,
    client_assertion_rsa: Ring,
    saml_sp: Vec<SpKey>,
}

/// The keys of one purpose, the one that signs earliest first.
#[derive(Debug)]
struct Ring {
    keys: Vec<RingKey>,
    published: Arc<JwkSet>,
}

#[derive(Debug, Clone)]
struct RingKey {
    key: Arc<SigningKey>,
    active_from: Timestamp,
}

impl Keyring {
    /// Reads the keys and makes those that are missing.
    pub async fn open(store: Store, now: Timestamp) -> Result<Self, KeyringError> {
        for usage in [KeyUse::AccessToken, KeyUse::UpstreamIdentity] {
            if store.signing_keys(usage.purpose()).await?.is_empty() {
                // Of two processes that start at once, one key wins and both read it.
                insert(&store, usage, now, now, true).await?;
            }
        }
        saml::open(&store, now).await?;
        let rings = ArcSwap::from_pointee(Rings::load(&store).await?);
        let keyring = Self { store, rings };
        keyring.maintain(now).await?;
        Ok(keyring)
    }

    /// Rotates what is due and reads the keys again, also those that another process made. Call it every hour or so.
    pub async fn maintain(&self, now: Timestamp) -> Result<(), KeyringError> {
        for usage in [KeyUse::AccessToken, KeyUse::UpstreamIdentity] {
            rotate(&self.store, usage, now).await?;
        }
        for usage in [KeyUse::ClientAssertion, KeyUse::ClientAssertionRsa] {
            if !self.store.signing_keys(usage.purpose()).await?.is_empty() {
                rotate(&self.store, usage, now).await?;
            }
        }
        saml::forget(&self.store, now).await?;
        self.read_again().await
    }

    async fn read_again(&self) -> Result<(), KeyringError> {
        self.rings.store(Arc::new(Rings::load(&self.store).await?));
        Ok(())
    }

    /// The key that signs assertions of `usage` at `now`; the first one is made now if there is none.
    pub async fn client_assertion_key(&self, usage: KeyUse, now: Timestamp) -> Result<Arc<SigningKey>, KeyringError> {
        if self.rings.load().ring(usage).keys.is_empty() {
            insert(&self.store, usage, now, now, true).await?;
            self.read_again().await?;
        }
        self.signing_key(usage, now)
    }

    /// The key that signs access tokens at `now`.
    pub fn access_token_key(&self, now: Timestamp) -> Result<Arc<SigningKey>, KeyringError> {
        self.signing_key(KeyUse::AccessToken, now)
    }

    /// The key that signs identity tokens for upstreams at `now`.
    pub fn upstream_identity_key(&self, now: Timestamp) -> Result<Arc<SigningKey>, KeyringError> {
        self.signing_key(KeyUse::UpstreamIdentity, now)
    }

    /// The public keys of a use: those that sign, those that will, those whose tokens may still live.
    pub fn jwks(&self, usage: KeyUse) -> Arc<JwkSet> {
        Arc::clone(&self.rings.load().ring(usage).published)
    }

    /// The SAML service provider's keys; the first signs, all decrypt, those with a certificate are published.
    pub fn saml_sp_keys(&self) -> Vec<SpKey> {
        self.rings.load().saml_sp.clone()
    }

    /// Every key of the SAML service provider, the current one first.
    pub async fn saml_keys(&self) -> Result<Vec<SamlKey>, KeyringError> {
        saml::list(&self.store).await
    }

    /// Makes and publishes the SAML key that is to follow the current one.
    pub async fn next_saml_key(&self, now: Timestamp) -> Result<(), SamlKeyError> {
        saml::next(&self.store, now).await?;
        Ok(self.read_again().await?)
    }

    /// Lets the next SAML key sign, within its first day only with `force`; gives its id.
    pub async fn activate_saml_key(&self, force: bool, now: Timestamp) -> Result<String, SamlKeyError> {
        let kid = saml::activate(&self.store, force, now).await?;
        self.read_again().await?;
        Ok(kid)
    }

    /// Takes a SAML key out of use that does not sign.
    pub async fn retire_saml_key(&self, kid: &str, now: Timestamp) -> Result<(), SamlKeyError> {
        saml::retire(&self.store, kid, now).await?;
        Ok(self.read_again().await?)
    }

    fn signing_key(&self, usage: KeyUse, now: Timestamp) -> Result<Arc<SigningKey>, KeyringError> {
        let rings = self.rings.load();
        let in_force = rings.ring(usage).keys.iter().rev().find(|key| key.active_from <= now);
        in_force.map(|key| Arc::clone(&key.key)).ok_or(KeyringError::NoKey(usage.purpose()))
    }
}

impl Rings {
    async fn load(store: &Store) -> Result<Self, KeyringError> {
        Ok(Self {
            access_token: Ring::load(store, KeyUse::AccessToken).await?,
            upstream_identity: Ring::load(store, KeyUse::UpstreamIdentity).await?,
            client_assertion: Ring::load(store, KeyUse::ClientAssertion).await?,
            client_assertion_rsa: Ring::load(store, KeyUse::ClientAssertionRsa).await?,
            saml_sp: saml::load(store).await?,
        })
    }

    fn ring(&self, usage: KeyUse) -> &Ring {
        match usage {
            KeyUse::AccessToken => &self.access_token,
            KeyUse::UpstreamIdentity => &self.upstream_identity,
            KeyUse::ClientAssertion => &self.client_assertion,
            KeyUse::ClientAssertionRsa => &self.client_assertion_rsa,
        }
    }
}

impl Ring {
    async fn load(store: &Store, usage: KeyUse) -> Result<Self, KeyringError> {
        let mut keys = Vec::new();
        let mut published = Vec::new();
        for stored in store.signing_keys(usage.purpose()).await? {
            let key = SigningKey::from_pkcs8(stored.pkcs8.expose())?;
            published.push(key.public_jwk());
            if stored.retired_at.is_none() {
                keys.push(RingKey { key: Arc::new(key), active_from: stored.active_from });
            }
        }
        Ok(Self { keys, published: Arc::new(JwkSet::new(published)) })
    }
}

/// One round of rotation: make the next key when the newest is old enough, retire those that have a successor in
/// force, forget those whose last token has expired.
async fn rotate(store: &Store, usage: KeyUse, now: Timestamp) -> Result<(), KeyringError> {
    let stored = store.signing_keys(usage.purpose()).await?;
    let newest = stored.iter().map(|key| key.active_from).max();
    if newest.is_none_or(|active_from| since(active_from, now) >= SIGNS_FOR.saturating_sub(PUBLISHED_BEFORE)) {
        insert(store, usage, now, now.checked_add(PUBLISHED_BEFORE).unwrap_or(now), false).await?;
    }
    let signing =
        stored.iter().filter(|key| key.retired_at.is_none() && key.active_from <= now).map(|key| (key.active_from, &key.kid)).max();
    for key in &stored {
        match key.retired_at {
            // Its successor signs already: this key has signed for the last time.
            None if signing.is_some_and(|signing| (key.active_from, &key.kid) < signing) => {
                store.retire_signing_key(usage.purpose(), &key.kid, now).await?;
            }
            Some(retired_at) if since(retired_at, now) >= PUBLISHED_AFTER => {
                store.delete_signing_key(usage.purpose(), &key.kid).await?;
            }
            None | Some(_) => {}
        }
    }
    Ok(())
}

async fn insert(store: &Store, usage: KeyUse, now: Timestamp, active_from: Timestamp, first: bool) -> Result<(), KeyringError> {
    let pkcs8 = if usage == KeyUse::ClientAssertionRsa { SigningKey::generate_rsa_pkcs8()? } else { SigningKey::generate_pkcs8()? };
    let key = SigningKey::from_pkcs8(pkcs8.expose())?;
    let new = NewSigningKey { purpose: usage.purpose(), kid: key.kid(), pkcs8: &pkcs8, certificate: None, active_from };
    if first {
        store.insert_first_signing_key(&new, now).await?;
    } else {
        store.insert_signing_key(&new, now).await?;
    }
    Ok(())
}

/// How long ago `earlier` was; zero if it is yet to come.
fn since(earlier: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(earlier)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
