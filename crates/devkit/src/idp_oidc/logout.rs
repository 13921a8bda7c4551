//! Sign-out: RP-initiated at `/end_session`, and back-channel logout (Back-Channel Logout 1.0) begun at `/sign-out`.

use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::SignedDuration;
use oauth::client::logout_token::EVENT;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::{Url, form_urlencoded};

use crate::idp_oidc::{Provider, SharedProvider};
use crate::page;
use crate::people::person;
use crate::random_token;

/// How long a logout token lives: Back-Channel Logout section 4 advises two minutes at most.
const LIFETIME: SignedDuration = SignedDuration::from_mins(2);

/// A session that an ID token began.
pub(super) struct Session {
    pub(super) subject: String,
    pub(super) sid: String,
}

#[derive(Deserialize)]
pub(super) struct EndSession {
    post_logout_redirect_uri: Option<String>,
    state: Option<String>,
}

/// Whom to sign out.
#[derive(Deserialize)]
pub(super) struct SignOut {
    username: String,
    /// `sub`: all sessions of the person; else the last one, by `sid`.
    by: Option<String>,
}

/// RP-Initiated Logout 1.0 section 2.
pub(super) async fn end_session(State(provider): State<SharedProvider>, Query(request): Query<EndSession>) -> Response {
    let Some(target) = request.post_logout_redirect_uri else { return page::notice("You are signed out.") };
    if !provider.settings.post_logout_redirect_uris.contains(&target) {
        return page::refused("post_logout_redirect_uri is not registered");
    }
    let Ok(mut target) = Url::parse(&target) else { return page::refused("post_logout_redirect_uri is not a URL") };
    if let Some(state) = request.state {
        target.query_pairs_mut().append_pair("state", &state);
    }
    Redirect::to(target.as_str()).into_response()
}

/// The page that asks whom to sign out.
pub(super) async fn choose() -> Response {
    page::sign_out("This is the development OpenID provider of Doorward", "/sign-out")
}

/// Ends sessions, and tells the client behind the browser's back. The token is on the page, for who wants to send it again.
pub(super) async fn sign_out(State(provider): State<SharedProvider>, Form(form): Form<SignOut>) -> Response {
    let Some(person) = person(&form.username) else { return page::refused("there is no such person") };
    let subject = subject_of(person.username);
    let sid = {
        let mut issued = provider.lock();
        let at = issued.sessions.iter().rposition(|session| session.subject == subject);
        let Some(at) = at else { return page::refused("this person is not signed in") };
        issued.sessions.remove(at).sid
    };
    let named = if form.by.as_deref() == Some("sub") { json!({ "sub": subject }) } else { json!({ "sub": subject, "sid": sid }) };
    let Some(token) = logout_token(&provider, named) else { return page::refused("the logout token cannot be made") };
    let told = match &provider.settings.backchannel_logout_uri {
        None => "The client has no address to be told at.".to_owned(),
        Some(uri) => match deliver(uri, &token).await {
            Ok(status) => format!("The client answered: {status}."),
            Err(error) => format!("The client could not be told: {error}."),
        },
    };
    page::notice(&format!("{told} Logout token: {token}"))
}

/// How a person is called in tokens.
pub(super) fn subject_of(username: &str) -> String {
    format!("dev-{username}")
}

fn logout_token(provider: &Provider, named: Value) -> Option<String> {
    let now = provider.now();
    let mut claims = Map::new();
    claims.insert("iss".to_owned(), json!(provider.issuer));
    claims.insert("aud".to_owned(), json!(provider.settings.client_id));
    claims.insert("iat".to_owned(), json!(now.as_second()));
    claims.insert("exp".to_owned(), json!(now.checked_add(LIFETIME).ok()?.as_second()));
    claims.insert("jti".to_owned(), json!(random_token::<16>().ok()?));
    claims.insert("events".to_owned(), json!({ EVENT: {} }));
    if let Value::Object(named) = named {
        claims.extend(named);
    }
    oauth::jwt::sign(&provider.key, "logout+jwt", &claims).ok()
}

/// A POST to the client, which is on this machine like everything here; gives the status line.
async fn deliver(uri: &Url, token: &str) -> std::io::Result<String> {
    let host = uri.host_str().unwrap_or_default();
    let mut socket = TcpStream::connect((host, uri.port_or_known_default().unwrap_or(80))).await?;
    let body = form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", token).finish();
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: {host}:{}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        uri.path(),
        uri.port_or_known_default().unwrap_or(80),
        body.len()
    );
    socket.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    socket.take(64 * 1024).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
}
