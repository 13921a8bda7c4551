//! The life of a key ring on a mock clock.

use std::time::Duration;

use jiff::Timestamp;
use oauth::Secret;
use store::{Location, SealingKey, Store};

use super::{KeyUse, Keyring};

const DAY: Duration = Duration::from_hours(24);

async fn store() -> Store {
    Store::open(&Location::Memory, SealingKey::from_master_key(&Secret::new([7; 32])).unwrap()).await.unwrap()
}

fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

#[tokio::test]
async fn the_first_start_makes_every_key_and_the_second_reads_them() {
    let store = store().await;
    let first = Keyring::open(store.clone(), start()).await.unwrap();
    let second = Keyring::open(store, start()).await.unwrap();
    assert_eq!(first.access_token_key(start()).unwrap().kid(), second.access_token_key(start()).unwrap().kid());
    assert_ne!(first.access_token_key(start()).unwrap().kid(), first.upstream_identity_key(start()).unwrap().kid());
    assert_eq!(first.jwks(KeyUse::AccessToken).keys().len(), 1);
    assert_eq!(first.saml_sp_keys().len(), 1);
    assert_eq!(first.saml_sp_keys()[0].certificate_der(), second.saml_sp_keys()[0].certificate_der());
}

#[tokio::test]
async fn a_key_is_published_before_it_signs_and_after() {
    let keyring = Keyring::open(store().await, start()).await.unwrap();
    let old = keyring.access_token_key(start()).unwrap().kid().to_owned();
    let kids = |keyring: &Keyring| {
        keyring.jwks(KeyUse::AccessToken).keys().iter().filter_map(|key| key.kid().map(str::to_owned)).collect::<Vec<_>>()
    };

    let eve = start() + 89 * DAY;
    keyring.maintain(eve).await.unwrap();
    assert_eq!(kids(&keyring).len(), 2, "the next key is published");
    assert_eq!(keyring.access_token_key(eve).unwrap().kid(), old, "and does not sign yet");
    keyring.maintain(eve + DAY / 2).await.unwrap();
    assert_eq!(kids(&keyring).len(), 2, "a second round makes no third key");

    let day = eve + DAY;
    assert_ne!(keyring.access_token_key(day).unwrap().kid(), old, "now it signs, without another round");
    keyring.maintain(day).await.unwrap();
    assert!(kids(&keyring).contains(&old), "the old key is still published");
    keyring.maintain(day + Duration::from_hours(2)).await.unwrap();
    assert!(kids(&keyring).contains(&old));
    keyring.maintain(day + Duration::from_hours(3)).await.unwrap();
    assert!(!kids(&keyring).contains(&old), "until its last token has expired");
    assert_eq!(kids(&keyring).len(), 1);
}

#[tokio::test]
async fn a_saml_key_follows_another_without_an_interruption() {
    use super::{SamlKeyError, SamlKeyState as State};
    let store = store().await;
    let keyring = Keyring::open(store.clone(), start()).await.unwrap();
    let states = async || keyring.saml_keys().await.unwrap().iter().map(|key| key.state).collect::<Vec<_>>();
    let published = || keyring.saml_sp_keys().iter().map(|key| key.certificate_der().is_some()).collect::<Vec<_>>();
    let signs = || keyring.saml_sp_keys()[0].fingerprint().unwrap();
    let first = keyring.saml_keys().await.unwrap().remove(0);
    assert!(matches!(keyring.activate_saml_key(false, start()).await, Err(SamlKeyError::NoNext)));
    assert!(matches!(keyring.retire_saml_key(&first.kid, start()).await, Err(SamlKeyError::InUse(_))));
    assert!(matches!(keyring.retire_saml_key("other", start()).await, Err(SamlKeyError::Unknown(_))));

    keyring.next_saml_key(start()).await.unwrap();
    assert!(matches!(keyring.next_saml_key(start()).await, Err(SamlKeyError::NextExists(_))));
    assert_eq!((states().await, published()), (vec![State::Current, State::Next], vec![true, true]));
    assert_eq!(signs(), first.fingerprint, "the next one does not sign");
    assert!(matches!(keyring.activate_saml_key(false, start() + DAY / 2).await, Err(SamlKeyError::TooYoung(at)) if at == start()));
    let day = start() + DAY;
    let second = keyring.activate_saml_key(false, day).await.unwrap();
    assert_eq!((states().await, published()), (vec![State::Current, State::Previous], vec![true, false]), "the old one decrypts only");
    assert_ne!(signs(), first.fingerprint);
    assert_eq!(Keyring::open(store, day).await.unwrap().saml_sp_keys().len(), 2);

    keyring.retire_saml_key(&first.kid, day).await.unwrap();
    assert_eq!((states().await, published()), (vec![State::Current, State::Retired], vec![true]));
    keyring.maintain(day + 29 * DAY).await.unwrap();
    assert_eq!(states().await.len(), 2);
    keyring.maintain(day + 30 * DAY).await.unwrap();
    let left = keyring.saml_keys().await.unwrap();
    assert_eq!(left.iter().map(|key| key.kid.as_str()).collect::<Vec<_>>(), [second.as_str()]);
    // In haste, when the private key got about.
    keyring.next_saml_key(day + 31 * DAY).await.unwrap();
    keyring.activate_saml_key(true, day + 31 * DAY).await.unwrap();
    assert_eq!(published(), [true, false]);
}
