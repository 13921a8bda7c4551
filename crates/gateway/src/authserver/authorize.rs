//! `GET|POST /oauth/authorize`: a client sends a person here (OAuth 2.1 section 4.1.1).
//!
//! The request is checked completely before anything is shown, stored, and from then on immutable. The browser gets a
//! cookie that binds the stored request to it, and goes to `/login`.

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use oauth::server::authorize::{AuthorizeError, ReplyTarget, TargetError, check, reply_target};
use oauth::server::parameters::Parameters;
use store::{NewAuthorizationRequest, Purpose, Stage};

use super::clients::{self, KnownClient};
use super::error::Error;
use super::{record, reply};
use crate::app::{App, SharedApp};
use crate::audit::Kind;
use crate::request_id::RequestContext;
use crate::sign_in;

/// The form of a request that is not in the query.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// The request in the query.
pub async fn get(State(app): State<SharedApp>, Extension(context): Extension<RequestContext>, RawQuery(query): RawQuery) -> Response {
    respond(&app, &context, query.unwrap_or_default().as_bytes()).await
}

/// The request in a form (RFC 6749 section 3.1).
pub async fn post(
    State(app): State<SharedApp>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !has_media_type(&headers, FORM) {
        return reply::error_page(&Error::ContentType(FORM), None, &context);
    }
    respond(&app, &context, &body).await
}

/// Whether the body is of this media type; parameters such as `charset` are allowed.
pub(super) fn has_media_type(headers: &HeaderMap, expected: &str) -> bool {
    let mut values = headers.get_all(http::header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(expected)
}

/// What is known of a request when it is refused.
#[derive(Default)]
struct Known {
    client: Option<KnownClient>,
    target: Option<ReplyTarget>,
    client_id: Option<String>,
    redirect_uri: Option<String>,
}

async fn respond(app: &App, context: &RequestContext, encoded: &[u8]) -> Response {
    let mut known = Known::default();
    match begin(app, context, encoded, &mut known).await {
        Ok(response) => response,
        Err(error) => refuse(app, context, known, error).await,
    }
}

async fn begin(app: &App, context: &RequestContext, encoded: &[u8], known: &mut Known) -> Result<Response, Error> {
    let now = app.clock.now();
    let config = app.runtime.load().config.clone();
    let parameters = Parameters::parse(encoded).map_err(Error::Parameters)?;
    known.redirect_uri = parameters.get("redirect_uri").map(str::to_owned);

    // The client first: only it can say which redirect URIs are its own.
    if parameters.is_repeated("client_id") {
        return Err(Error::Target(TargetError::Repeated("client_id")));
    }
    let client_id = parameters.get("client_id").ok_or(Error::ClientIdMissing)?;
    known.client_id = Some(client_id.to_owned());
    let client = clients::find(app, &config, client_id, now).await?.ok_or(Error::ClientUnknown)?;
    let client = known.client.insert(client);
    let target = known.target.insert(reply_target(&parameters, &client.redirect_uris).map_err(Error::Target)?);
    let params = check(&parameters, target, client_id, &clients::protected_resources(&config)).map_err(Error::Authorize)?;

    // Without any page, an answer travels on its own: only to where a redirect of an error would be let travel.
    if params.no_page && !client.is_trusted_target(target.redirect_uri(), &config) {
        return Err(Error::Authorize(AuthorizeError::InteractionRequired));
    }

    let params = NewAuthorizationRequest::params_from(&params)?;
    let begun = sign_in::begin(app, context, Purpose::ClientAuthorization, params, Stage::Consent).await?;
    clients::touch(app, client, now).await?;
    Ok(reply::redirect(&format!("/login?req={}", begun.id), [begun.cookie]))
}

/// Records the refusal and answers: by a redirect where the target is the client's and safe, else by a page.
async fn refuse(app: &App, context: &RequestContext, known: Known, error: Error) -> Response {
    let mut event = record::event(app, Kind::Refused, context, known.client.as_ref());
    if let (None, Some(id)) = (&known.client, &known.client_id) {
        event.detail.insert("client_id".to_owned(), id.clone());
    }
    if let Some(uri) = &known.redirect_uri {
        event.detail.insert("redirect_uri".to_owned(), uri.clone());
    }
    let error = record::refusal(app, event, error).await;
    let config = app.runtime.load().config.clone();
    if let (Error::Authorize(_), Some(client), Some(target)) = (&error, &known.client, &known.target)
        && client.is_trusted_target(target.redirect_uri(), &config)
    {
        let description = format!("{} [{}, {}]", error.public_text(), error.code(), context.request_id);
        return reply::redirect(&target.error(error.answer().oauth_error, &description, config.public_url.issuer()), []);
    }
    let exact_value = if matches!(error, Error::Target(_)) {
        known.redirect_uri.as_deref()
    } else {
        known.client_id.as_deref().filter(|_| matches!(error, Error::ClientUnknown))
    };
    let mut response = reply::error_page(&error, exact_value, context);
    if matches!(error, Error::ClientUnknown) {
        *response.status_mut() = StatusCode::UNAUTHORIZED; // clients that were forgotten register again on this
    }
    response
}
