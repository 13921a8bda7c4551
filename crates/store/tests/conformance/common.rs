//! A fresh database per test. The suite knows nothing of SQLite but what stands here: a second database runs the same
//! tests by opening itself in [`Fixture::open`].

use std::time::Duration;

use jiff::Timestamp;
use oauth::Secret;
use store::{
    ClientId, GrantId, Hash, Location, NewBrowserSession, NewCode, NewGrant, NewIdentity, NewRefreshToken, Options, Redemption, SealingKey,
    Store, User, UserId, sha256,
};
use tempfile::TempDir;

pub(crate) struct Fixture {
    pub(crate) store: Store,
    dir: TempDir,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir, 1, options).await.unwrap();
        Self { store, dir }
    }

    /// The same database after the process died: connections are not closed in order.
    pub(crate) async fn restart(self) -> Self {
        let Self { store, dir } = self;
        drop(store);
        let store = open(&dir, 1, Options::default()).await.unwrap();
        Self { store, dir }
    }

    /// Opens the same database once more, under the master key of this byte.
    pub(crate) async fn open_again(&self, master_key: u8) -> Result<Store, store::StoreError> {
        open(&self.dir, master_key, Options::default()).await
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("doorward.db")
    }

    pub(crate) async fn user(&self, name: &str) -> User {
        self.store.upsert_user(&identity(name), at(0)).await.unwrap().0
    }

    /// A grant of `name` to the client `cli_a`, with `token` as its refresh token.
    pub(crate) async fn grant(&self, name: &str, token: &Secret<String>) -> GrantId {
        let user = self.user(name).await;
        let grant = self.store.create_grant(&new_grant(user.id), at(0)).await.unwrap();
        let new = NewRefreshToken { token, grant, expires_at: at(100_000) };
        self.store.insert_refresh_token(&new, at(0)).await.unwrap();
        grant
    }

    /// A grant of `name`, made by redeeming a code.
    pub(crate) async fn redeemed(&self, name: &str, code: &str) -> GrantId {
        let user = self.user(name).await;
        self.store.insert_code(&new_code(code, user.id), at(0)).await.unwrap();
        match self.store.redeem_code(&sha256(code.as_bytes()), at(1)).await.unwrap() {
            Redemption::Redeemed(code) => code.grant,
            other @ (Redemption::Replayed { .. }
            | Redemption::Ended { .. }
            | Redemption::IdpSessionEnded { .. }
            | Redemption::Unknown
            | Redemption::Expired { .. }) => {
                panic!("{other:?}")
            }
        }
    }
}

async fn open(dir: &TempDir, master_key: u8, options: Options) -> Result<Store, store::StoreError> {
    let key = SealingKey::from_master_key(&Secret::new([master_key; 32]))?;
    Store::open_with(&Location::Sqlite(dir.path().join("doorward.db")), key, options).await
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) fn client(name: &str) -> ClientId {
    ClientId::parse(name).unwrap()
}

pub(crate) fn token(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

pub(crate) fn hash(text: &str) -> Hash {
    sha256(text.as_bytes())
}

pub(crate) fn identity(name: &str) -> NewIdentity {
    NewIdentity {
        idp: "okta".to_owned(),
        issuer: "https://idp.example/saml".to_owned(),
        subject: format!("subject-{name}"),
        username: Some(name.to_owned()),
        email: Some(format!("{name}@example.com")),
        display_name: None,
        groups: vec!["Sales".to_owned(), "a,b".to_owned()],
    }
}

pub(crate) fn new_grant(user: UserId) -> NewGrant {
    NewGrant {
        client: client("cli_a"),
        user,
        session: None,
        upstream: "crm".to_owned(),
        resource: "https://mcp.example.com/crm/mcp".to_owned(),
        scopes: vec!["mcp".to_owned()],
        sign_in: store::SignInContext::default(),
    }
}

pub(crate) fn new_code(code: &str, user: UserId) -> NewCode {
    NewCode {
        hash: hash(code),
        grant: new_grant(user),
        redirect_uri: "http://127.0.0.1:1234/callback".to_owned(),
        code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
        expires_at: at(60),
    }
}

pub(crate) fn new_session(cookie: &str, user: UserId) -> NewBrowserSession {
    NewBrowserSession {
        token_hash: hash(cookie),
        user,
        idp: "okta".to_owned(),
        authn_instant: at(0),
        acr: None,
        expires_at: at(36_000),
        idp_ends_at: None,
        idp_session: None,
    }
}
