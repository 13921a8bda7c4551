//! Single logout: begun here, and begun at the identity provider, by SAML and by OpenID Connect.

use http::StatusCode;
use saml::logout::{LogoutStatus, Outgoing, Request, Response, Sender};
use saml::{Binding, EntityId, NameId};
use serde_json::Value;
use store::{ClientId, GrantId, NewGrant};
use url::Url;

use crate::browser::{Browser, From, Page};
use crate::world::{PUBLIC_URL, Wish, World, go_on};

const EMAIL: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";

/// A person who is signed in, and a program that was allowed something in that session.
struct SignedIn {
    browser: Browser,
    home: Page,
    grant: GrantId,
}

async fn sign_in(world: &World, idp: &str, person: &str) -> SignedIn {
    let mut browser = world.browser();
    let page = browser.open("/login/start").await;
    let home = go_on(&mut browser, page, idp, person).await;
    assert!(home.html.contains("You are signed in"), "{}", home.text());
    let cookie = store::sha256(browser.cookie("session").unwrap().as_bytes());
    let day = std::time::Duration::from_hours(24);
    let (session, user) = world.app.store.find_browser_session(&cookie, day, world.clock.now()).await.unwrap().unwrap();
    let new = NewGrant {
        client: ClientId::parse("registered").unwrap(),
        user: user.id,
        session: Some(session.id),
        upstream: "crm".to_owned(),
        resource: format!("{PUBLIC_URL}/crm/mcp"),
        scopes: vec!["mcp".to_owned()],
        sign_in: store::SignInContext::default(),
    };
    let grant = world.app.store.create_grant(&new, world.clock.now()).await.unwrap();
    SignedIn { browser, home, grant }
}

impl SignedIn {
    /// Whether the browser is signed in, and whether the program's tokens are honoured.
    async fn live(&mut self, world: &World) -> (bool, bool) {
        let signed_in = self.browser.open("/").await.html.contains("You are signed in");
        (signed_in, world.app.store.grant_is_live(self.grant).await.unwrap())
    }
}
