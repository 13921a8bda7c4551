//! Opening the database: connections, durability settings, migrations, the master key's canary.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, Transaction};

use crate::seal::Place;
use crate::{SealingKey, StoreError};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

const CANARY: &[u8] = b"doorward";
const CANARY_PLACE: Place<'static> = Place { column: "seal_canary.sealed", row: "1" };
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Which database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file; created with mode 0600 if it is not there. Its folder must exist.
    Sqlite(PathBuf),
    /// Gone when the store is dropped: for tests.
    Memory,
}

/// How much the store may use.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Connections that only read.
    pub readers: u32,
    /// The largest number of database pages (4 KiB each); a write beyond it fails with `store.full`.
    pub max_pages: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self { readers: 4, max_pages: None }
    }
}

/// The one door to the database. Cheap to clone; clones share their connections.
///
/// SQLite has one writer: all writes go through one connection and queue there, instead of failing with "locked".
/// Reads have connections of their own and, in WAL mode, never wait for the writer.
#[derive(Clone, Debug)]
pub struct Store {
    writer: SqlitePool,
    reader: SqlitePool,
    sealing_key: Arc<SealingKey>,
}

impl Store {
    /// Opens the database, brings its schema up to date and checks the master key.
    ///
    /// # Errors
    /// `store.open_failed`, `store.migration_failed`, `store.wrong_master_key`, or a failure of the database.
    pub async fn open(location: &Location, sealing_key: SealingKey) -> Result<Self, StoreError> {
        Self::open_with(location, sealing_key, Options::default()).await
    }

    /// [`Store::open`] with limits of one's own.
    pub async fn open_with(location: &Location, sealing_key: SealingKey, options: Options) -> Result<Self, StoreError> {
        let (writer, reader) = match location {
            Location::Sqlite(path) => open_file(path, options).await?,
            Location::Memory => open_memory().await?,
        };
        let store = Self { writer, reader, sealing_key: Arc::new(sealing_key) };
        // Before the schema is touched: whoever comes with a wrong key changes nothing.
        if store.has_canary_table().await? {
            store.check_canary().await?;
        }
        MIGRATIONS.run(&store.writer).await.map_err(StoreError::Migration)?;
        store.seal_canary().await?;
        store.check_canary().await?;
        Ok(store)
    }

    /// Closes all connections after the running statements; SQLite then folds the write-ahead log into the file.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    /// Whether the database answers: for the readiness probe.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.reader).await?;
        Ok(())
    }

    pub(crate) fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    pub(crate) fn reader(&self) -> &SqlitePool {
        &self.reader
    }

    pub(crate) fn sealing_key(&self) -> &SealingKey {
        &self.sealing_key
    }

    /// A transaction that holds the write lock from its first statement on, so that it cannot fail half-way for
    /// another process's sake. Dropped without `commit`, it leaves nothing behind.
    pub(crate) async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    async fn has_canary_table(&self) -> Result<bool, StoreError> {
        let table: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'seal_canary'")
            .fetch_optional(&self.writer)
            .await?;
        Ok(table.is_some())
    }

    /// The first opening seals a known text …
    async fn seal_canary(&self) -> Result<(), StoreError> {
        let sealed = self.sealing_key.seal(&CANARY_PLACE, CANARY)?;
        sqlx::query("INSERT INTO seal_canary (id, key_id, sealed) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING")
            .bind(self.sealing_key.key_id())
            .bind(sealed)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// … and every later one must be able to read it. A table that is still empty refuses nobody.
    async fn check_canary(&self) -> Result<(), StoreError> {
        let row: Option<(String, String)> =
            sqlx::query_as("SELECT key_id, sealed FROM seal_canary WHERE id = 1").fetch_optional(&self.writer).await?;
        let Some((stored, sealed)) = row else { return Ok(()) };
        match self.sealing_key.open(&CANARY_PLACE, &sealed) {
            Ok(opened) if opened.expose() == CANARY => Ok(()),
            _ => Err(StoreError::WrongMasterKey { stored, given: self.sealing_key.key_id().to_owned() }),
        }
    }
}

async fn open_file(path: &Path, options: Options) -> Result<(SqlitePool, SqlitePool), StoreError> {
    create_private(path)?;
    let failed = |source: sqlx::Error| StoreError::Open { path: path.to_owned(), source: Box::new(source) };
    let mut write = connect_options().filename(path).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    if let Some(pages) = options.max_pages {
        write = write.pragma("max_page_count", pages.to_string());
    }
    let writer = pool(1).connect_with(write).await.map_err(failed)?;
    let read = connect_options().filename(path).pragma("query_only", "ON");
    let reader = pool(options.readers.max(1)).connect_with(read).await.map_err(failed)?;
    Ok((writer, reader))
}

/// In memory there is one connection, since each connection would be a database of its own.
async fn open_memory() -> Result<(SqlitePool, SqlitePool), StoreError> {
    let only = pool(1).connect_with(connect_options().in_memory(true)).await?;
    Ok((only.clone(), only))
}

fn connect_options() -> SqliteConnectOptions {
    SqliteConnectOptions::new().create_if_missing(false).foreign_keys(true).busy_timeout(BUSY_TIMEOUT).pragma("trusted_schema", "OFF")
}

/// Connections live for ever: for SQLite a fresh one is never better, and in memory it would be empty.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// Creates the file before SQLite does, so that it is never readable to others; SQLite gives its side files the same mode.
fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|source| StoreError::Open { path: path.to_owned(), source: Box::new(source) })
}
