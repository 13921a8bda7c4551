//! Opening, wrong keys, foreign files, full disks.

use std::os::unix::fs::PermissionsExt as _;

use oauth::Secret;
use store::{Location, OnceKind, Options, Rotation, RotationRequest, SealingKey, Store, StoreError};

use crate::common::{Fixture, at, client, hash, identity, new_code, seconds, token};

#[tokio::test]
async fn another_master_key_is_refused_at_the_start() {
    let fixture = Fixture::new().await;
    fixture.user("alice").await;
    assert_eq!(fixture.open_again(2).await.unwrap_err().code(), "store.wrong_master_key");
    assert_eq!(fixture.open_again(1).await.unwrap().find_users("alice").await.unwrap().len(), 1);
    let fixture = fixture.restart().await;
    assert_eq!(fixture.open_again(2).await.unwrap_err().code(), "store.wrong_master_key");
}

/// Seen by a migration that cannot run: the key is refused first.
#[tokio::test]
async fn another_master_key_is_refused_before_the_schema_is_touched() {
    let fixture = Fixture::new().await;
    fixture.store.close().await;
    let url = format!("sqlite://{}", fixture.path().display());
    let pool = sqlx::sqlite::SqlitePool::connect(&url).await.unwrap();
    sqlx::query("UPDATE _sqlx_migrations SET checksum = x'00'").execute(&pool).await.unwrap();
    pool.close().await;
    assert_eq!(fixture.open_again(1).await.unwrap_err().code(), "store.migration_failed");
    assert_eq!(fixture.open_again(2).await.unwrap_err().code(), "store.wrong_master_key");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let open = async |path: &str| {
        let key = SealingKey::from_master_key(&Secret::new([1; 32])).unwrap();
        Store::open(&Location::Sqlite(dir.path().join(path)), key).await.unwrap_err().code()
    };
    std::fs::write(dir.path().join("text.db"), "not a database at all, but long enough to have a header".repeat(100)).unwrap();
    assert_eq!(open("text.db").await, "store.open_failed");
    assert_eq!(open("no/such/folder.db").await, "store.open_failed");
    std::fs::create_dir(dir.path().join("folder.db")).unwrap();
    assert_eq!(open("folder.db").await, "store.open_failed");
}

#[tokio::test]
async fn the_files_are_private() {
    let fixture = Fixture::new().await;
    fixture.user("alice").await;
    for suffix in ["db", "db-wal", "db-shm"] {
        let mode = std::fs::metadata(fixture.path().with_extension(suffix)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{suffix}");
    }
}

#[tokio::test]
async fn in_memory_it_works_too() {
    let key = SealingKey::from_master_key(&Secret::new([1; 32])).unwrap();
    let store = Store::open(&Location::Memory, key).await.unwrap();
    let (alice, _) = store.upsert_user(&identity("alice"), at(0)).await.unwrap();
    store.insert_code(&new_code("code", alice.id), at(0)).await.unwrap();
    store.redeem_code(&hash("code"), at(1)).await.unwrap();
    store.redeem_code(&hash("code"), at(1)).await.unwrap();
    assert_eq!(store.user(alice.id).await.unwrap().unwrap().id, alice.id);
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_loses_nothing() {
    let fixture = Fixture::with(Options { max_pages: Some(80), ..Options::default() }).await;
    let grant = fixture.grant("alice", &token("first")).await;
    let mut written = 0;
    let error = loop {
        let key = format!("{written}");
        match fixture.store.consume_once(OnceKind::Jti, &key, at(300), at(0)).await {
            Ok(first) => assert!(first),
            Err(error) => break error,
        }
        written += 1;
        assert!(written < 10_000, "the limit does not hold");
    };
    assert_eq!(error.code(), "store.full");
    assert!(written > 10);
    assert!(fixture.store.grant_is_live(grant, at(0)).await.unwrap(), "reading goes on");
    // Rotations go on while the pages have room; the one that fails half-way leaves its token unused.
    let mut current = token("first");
    let error = loop {
        match rotate(&fixture, &current).await {
            Ok(Rotation::Rotated { successor, .. }) => current = successor,
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), "store.full");

    let fixture = fixture.restart().await;
    for number in 0..written {
        let first = fixture.store.consume_once(OnceKind::Jti, &number.to_string(), at(300), at(0)).await.unwrap();
        assert!(!first, "{number} was lost");
    }
    assert!(fixture.store.consume_once(OnceKind::Jti, &written.to_string(), at(300), at(0)).await.unwrap(), "the refused one was kept");
    assert!(matches!(rotate(&fixture, &current).await.unwrap(), Rotation::Rotated { .. }));
    assert!(fixture.store.grant_is_live(grant, at(0)).await.unwrap());
}

async fn rotate(fixture: &Fixture, presented: &Secret<String>) -> Result<Rotation, StoreError> {
    let request = RotationRequest { presented, client: &client("cli_a"), lifetime: seconds(1000), grace: seconds(45) };
    fixture.store.rotate_refresh_token(&request, at(1)).await
}
