//! The keys of the SAML service provider, and how they are exchanged without an interruption.
//!
//! Identity providers hold a copy of the certificate, so nothing here happens by time. An administrator makes the next key,
//! which is published beside the current one and decrypts; lets the identity providers fetch it; activates it, and the key
//! that was current is published no more but still decrypts; and retires that one when nobody encrypts to it any more.

use std::time::Duration;

use ::saml::SpKey;
use jiff::Timestamp;
use oauth::Secret;
use oauth::jwt::SigningKey;
use serde::{Deserialize, Serialize};
use store::{NewSigningKey, Store, StoredKey};

use super::{KeyringError, since};

const SAML_SP: &str = "saml_sp";
/// How long the certificate says it is valid. Identity providers pin it; some refuse an expired one.
const CERTIFICATE_YEARS: i16 = 10;
/// How long a next key should be published before it signs: our metadata asks to be fetched every day.
const PUBLISHED_BEFORE: Duration = Duration::from_hours(24);
/// How long a retired key is kept, for an administrator who looks what became of it. It does nothing any more.
const KEPT_RETIRED: Duration = Duration::from_hours(30 * 24);
/// A next key signs from the day that an administrator says; until then from this day, which does not come.
const NOT_YET: Timestamp = Timestamp::constant(253_370_764_800, 0);

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SamlKeyState {
    /// Signs, decrypts, is published.
    Current,
    /// Decrypts and is published; will sign.
    Next,
    /// Decrypts only.
    Previous,
    /// Does nothing any more.
    Retired,
}

/// A key, without what is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamlKey {
    /// Its id here.
    pub kid: String,
    /// Where it is in its life.
    pub state: SamlKeyState,
    /// The SHA-256 fingerprint of its certificate.
    pub fingerprint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its certificate ends.
    pub not_after: Option<Timestamp>,
}

/// Why a key is not made, activated or retired.
#[derive(Debug, thiserror::Error)]
pub enum SamlKeyError {
    /// The store, or a key in it.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// There is a next key already.
    #[error("there is a next key already ({0}); activate it, or retire it first")]
    NextExists(String),
    /// There is no next key.
    #[error("there is no next key; make one with `doorward saml key next`")]
    NoNext,
    /// The next key is so new that identity providers cannot all know it.
    #[error(
        "the next key was made at {0}, less than a day ago, and identity providers may not have fetched it; --force activates it all the same"
    )]
    TooYoung(Timestamp),
    /// No such key.
    #[error("there is no key {0:?}; `doorward saml key list` names them")]
    Unknown(String),
    /// The current key.
    #[error("{0} signs at present; activate a next key first")]
    InUse(String),
}

impl SamlKeyError {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Keyring(error) => error.code(),
            Self::NextExists(_) => "admin.saml_key_next_exists",
            Self::NoNext => "admin.saml_key_no_next",
            Self::TooYoung(_) => "admin.saml_key_too_young",
            Self::Unknown(_) => "admin.saml_key_unknown",
            Self::InUse(_) => "admin.saml_key_in_use",
        }
    }
}

/// Makes the first key, if there is none.
pub(super) async fn open(store: &Store, now: Timestamp) -> Result<(), KeyringError> {
    if store.signing_keys(SAML_SP).await?.is_empty() {
        make(store, now, now, true).await?;
    }
    Ok(())
}

/// The keys in use: the current one first, which signs, then the next one, then those that only decrypt.
pub(super) async fn load(store: &Store) -> Result<Vec<SpKey>, KeyringError> {
    let mut keys = Vec::new();
    for (stored, state) in in_order(store).await? {
        match state {
            SamlKeyState::Current | SamlKeyState::Next => keys.push(sp_key(&stored)?),
            SamlKeyState::Previous => keys.push(sp_key(&stored)?.decrypting_only()),
            SamlKeyState::Retired => {}
        }
    }
    if keys.is_empty() { Err(KeyringError::NoKey(SAML_SP)) } else { Ok(keys) }
}

/// Forgets keys that were retired long ago.
pub(super) async fn forget(store: &Store, now: Timestamp) -> Result<(), KeyringError> {
    for key in store.signing_keys(SAML_SP).await? {
        if key.retired_at.is_some_and(|retired_at| since(retired_at, now) >= KEPT_RETIRED) {
            store.delete_signing_key(SAML_SP, &key.kid).await?;
        }
    }
    Ok(())
}

/// Every key, the current one first.
pub(super) async fn list(store: &Store) -> Result<Vec<SamlKey>, KeyringError> {
    in_order(store).await?.iter().map(|(stored, state)| describe(stored, *state)).collect()
}

/// Makes the next key.
pub(super) async fn next(store: &Store, now: Timestamp) -> Result<(), SamlKeyError> {
    if let Some(next) = of_state(store, SamlKeyState::Next).await? {
        return Err(SamlKeyError::NextExists(next.kid));
    }
    Ok(make(store, now, NOT_YET, false).await?)
}

/// Lets the next key sign; gives its id.
pub(super) async fn activate(store: &Store, force: bool, now: Timestamp) -> Result<String, SamlKeyError> {
    let next = of_state(store, SamlKeyState::Next).await?.ok_or(SamlKeyError::NoNext)?;
    if !force && since(next.created_at, now) < PUBLISHED_BEFORE {
        return Err(SamlKeyError::TooYoung(next.created_at));
    }
    store.activate_signing_key(SAML_SP, &next.kid, now).await.map_err(KeyringError::from)?;
    Ok(next.kid)
}

/// Takes a key out of use that does not sign.
pub(super) async fn retire(store: &Store, kid: &str, now: Timestamp) -> Result<(), SamlKeyError> {
    let keys = in_order(store).await?;
    match keys.iter().find(|(key, _)| key.kid == kid).map(|(_, state)| state) {
        None => Err(SamlKeyError::Unknown(kid.to_owned())),
        Some(SamlKeyState::Current) => Err(SamlKeyError::InUse(kid.to_owned())),
        Some(SamlKeyState::Next | SamlKeyState::Previous | SamlKeyState::Retired) => {
            store.retire_signing_key(SAML_SP, kid, now).await.map_err(KeyringError::from)?;
            Ok(())
        }
    }
}

async fn of_state(store: &Store, wanted: SamlKeyState) -> Result<Option<StoredKey>, KeyringError> {
    Ok(in_order(store).await?.into_iter().find(|(_, state)| *state == wanted).map(|(key, _)| key))
}

/// Current, next, previous (the newest first), retired.
async fn in_order(store: &Store) -> Result<Vec<(StoredKey, SamlKeyState)>, KeyringError> {
    let keys = store.signing_keys(SAML_SP).await?;
    let activated = keys.iter().filter(|key| key.retired_at.is_none() && key.active_from < NOT_YET);
    // The last that was activated, whatever the clock says now.
    let current = activated.max_by_key(|key| key.active_from).map(|key| key.kid.clone());
    let mut keys: Vec<_> = keys
        .into_iter()
        .rev()
        .map(|key| {
            let state = match key.retired_at {
                Some(_) => SamlKeyState::Retired,
                None if Some(&key.kid) == current.as_ref() => SamlKeyState::Current,
                None if key.active_from == NOT_YET => SamlKeyState::Next,
                None => SamlKeyState::Previous,
            };
            (key, state)
        })
        .collect();
    keys.sort_by_key(|(_, state)| *state);
    Ok(keys)
}

async fn make(store: &Store, now: Timestamp, active_from: Timestamp, first: bool) -> Result<(), KeyringError> {
    let pkcs8 = SigningKey::generate_rsa_pkcs8()?;
    let key = SigningKey::from_pkcs8(pkcs8.expose())?;
    let certificate = self_signed(&pkcs8, now).map_err(|_| KeyringError::Saml)?;
    let new = NewSigningKey { purpose: SAML_SP, kid: key.kid(), pkcs8: &pkcs8, certificate: Some(&certificate), active_from };
    if first {
        store.insert_first_signing_key(&new, now).await?;
    } else {
        store.insert_signing_key(&new, now).await?;
    }
    Ok(())
}

/// A certificate that only carries the key: identity providers pin it and look at nothing else but, some, its dates.
fn self_signed(pkcs8: &Secret<Vec<u8>>, now: Timestamp) -> Result<Vec<u8>, rcgen::Error> {
    let der = rustls_pki_types::PrivatePkcs8KeyDer::from(pkcs8.expose().as_slice());
    let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_RSA_SHA256)?;
    let mut parameters = rcgen::CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "Doorward SAML service provider");
    let year = now.to_zoned(jiff::tz::TimeZone::UTC).year();
    parameters.not_before = rcgen::date_time_ymd(i32::from(year), 1, 1);
    parameters.not_after = rcgen::date_time_ymd(i32::from(year.saturating_add(CERTIFICATE_YEARS)), 1, 1);
    Ok(parameters.self_signed(&pair)?.der().to_vec())
}

fn sp_key(stored: &StoredKey) -> Result<SpKey, KeyringError> {
    let certificate = stored.certificate.clone().ok_or(KeyringError::Saml)?;
    SpKey::from_pkcs8(stored.pkcs8.expose(), certificate).map_err(|_| KeyringError::Saml)
}

fn describe(stored: &StoredKey, state: SamlKeyState) -> Result<SamlKey, KeyringError> {
    let key = sp_key(stored)?;
    Ok(SamlKey {
        kid: stored.kid.clone(),
        state,
        fingerprint: key.fingerprint().unwrap_or_default(),
        created_at: stored.created_at,
        not_after: key.not_after(),
    })
}
