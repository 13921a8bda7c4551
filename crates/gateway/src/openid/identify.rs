//! Who signed in: the claims of the ID token and of userinfo become one identity.

use http::HeaderValue;
use http::header::{ACCEPT, AUTHORIZATION};
use jiff::Timestamp;
use oauth::Secret;
use oauth::client::discovery::ProviderMetadata;
use oauth::client::groups::{GroupsError, groups};
use oauth::client::id_token::IdTokenClaims;
use oauth::client::userinfo::parse_userinfo;
use serde_json::{Map, Value};
use store::PersonNow;

use super::error::OpenIdError;
use super::token::sensitive;
use crate::app::App;
use crate::config::OidcIdp;
use crate::graph::{self, Person};
use crate::outbound::FetchRequest;

/// What an OpenID provider says of a person, every claim of it verified.
pub(crate) struct Identified {
    /// The issuer.
    pub(crate) issuer: String,
    /// The person's key, with the issuer: `sub`, or the configured claim.
    pub(crate) subject: String,
    /// `sub`, which the provider's other tokens name.
    pub(crate) sub: String,
    /// The name people type.
    pub(crate) username: Option<String>,
    /// E-mail address.
    pub(crate) email: Option<String>,
    /// Name for people to read.
    pub(crate) display_name: Option<String>,
    /// All groups; none is an answer, "not all of them" never gets here.
    pub(crate) groups: Vec<String>,
    /// When the person proved who they are, if the provider says so.
    pub(crate) auth_time: Option<Timestamp>,
    /// How.
    pub(crate) acr: Option<String>,
    /// The provider's session.
    pub(crate) sid: Option<String>,
    /// Every claim, of the ID token and, where it was asked, of userinfo.
    pub(crate) claims: Map<String, Value>,
}

/// The ID token's claims, completed by userinfo where they lack groups or names.
pub(crate) async fn identify(
    app: &App,
    settings: &OidcIdp,
    metadata: &ProviderMetadata,
    access_token: &Secret<String>,
    id_token: IdTokenClaims,
) -> Result<Identified, OpenIdError> {
    let key = subject(settings, &id_token)?;
    let mut claims = id_token.claims;
    let mut found = groups_in(app, settings, &claims, &claims).await?;
    let names = [&settings.username_claim, &settings.email_claim, &settings.name_claim];
    let lacks_names = names.into_iter().any(|claim| !claims.contains_key(claim));
    if (found.is_none() || lacks_names)
        && let Some(endpoint) = &metadata.userinfo_endpoint
    {
        match userinfo(app, endpoint.clone(), access_token, &id_token.subject).await {
            Ok(more) => {
                if found.is_none() {
                    found = groups_in(app, settings, &more, &claims).await?;
                }
                complete(&mut claims, more);
            }
            // A name that is missing opens nothing. Groups that cannot be asked for, or an answer about somebody else, refuse.
            Err(error) if found.is_some() && !error.is_about_somebody_else() => {
                tracing::warn!(code = error.code(), reason = error.private(), issuer = metadata.issuer.as_str(), "userinfo gave no names");
            }
            Err(error) => return Err(error),
        }
    }
    let text = |claim: &str| text(&claims, claim);
    Ok(Identified {
        issuer: id_token.issuer,
        subject: key,
        sub: id_token.subject,
        username: text(&settings.username_claim),
        email: text(&settings.email_claim),
        display_name: text(&settings.name_claim),
        groups: found.unwrap_or_default(),
        auth_time: id_token.auth_time,
        acr: id_token.acr,
        sid: id_token.sid,
        claims,
    })
}

/// What userinfo says where a refresh came without an ID token. A claim that is not there says nothing: it may have been in the
/// ID token of the sign-in.
pub(crate) async fn identify_again(
    app: &App,
    settings: &OidcIdp,
    metadata: &ProviderMetadata,
    access_token: &Secret<String>,
    sub: &str,
) -> Result<PersonNow, OpenIdError> {
    let Some(endpoint) = &metadata.userinfo_endpoint else { return Ok(PersonNow::default()) };
    let claims = userinfo(app, endpoint.clone(), access_token, sub).await?;
    let text = |claim: &str| text(&claims, claim);
    Ok(PersonNow {
        groups: groups_in(app, settings, &claims, &claims).await?,
        username: text(&settings.username_claim),
        email: text(&settings.email_claim),
        display_name: text(&settings.name_claim),
    })
}

/// What names the person for good. Only the signed token is asked, and no other claim takes the place of one that is missing.
fn subject(settings: &OidcIdp, id_token: &IdTokenClaims) -> Result<String, OpenIdError> {
    let value = id_token.claims.get(&settings.subject_claim).and_then(Value::as_str);
    let usable = |value: &&str| !value.is_empty() && value.len() <= 255 && !value.chars().any(char::is_control);
    value.filter(usable).map(str::to_owned).ok_or_else(|| OpenIdError::SubjectClaimMissing(settings.subject_claim.clone()))
}

/// The groups in `said`; those that were left out are asked of Microsoft Graph, for the person that the ID token names.
async fn groups_in(
    app: &App,
    settings: &OidcIdp,
    said: &Map<String, Value>,
    id_token: &Map<String, Value>,
) -> Result<Option<Vec<String>>, OpenIdError> {
    match (groups(said, &settings.groups_claim, settings.groups_format), &settings.graph) {
        (Err(GroupsError::Overage { .. }), Some(graph)) => {
            let text = |claim: &str| id_token.get(claim).and_then(Value::as_str);
            let person = Person { name: "oid", object_id: text("oid"), tenant: text("tid") };
            Ok(Some(graph::groups_of(app, graph, &person).await?))
        }
        (found, _) => Ok(found?),
    }
}

async fn userinfo(app: &App, endpoint: url::Url, access_token: &Secret<String>, subject: &str) -> Result<Map<String, Value>, OpenIdError> {
    let mut fetch = FetchRequest::get(endpoint);
    fetch.headers.insert(AUTHORIZATION, sensitive(&Secret::new(format!("Bearer {}", access_token.expose())))?);
    fetch.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let answer = app.outbound.fetch(fetch).await?;
    Ok(parse_userinfo(answer.status.as_u16(), &answer.body, subject)?)
}

/// The claim that an IdP may take back: a person who types in somebody else's address gets nobody's roles.
const EMAIL: &str = "email";
/// The statements about it: OpenID Connect Core section 5.1, and Microsoft Entra ID's word for the same.
const EMAIL_STATEMENTS: [&str; 2] = ["email_verified", "xms_edov"];

/// A claim that is a non-empty string; every other shape is as good as none, for names are only shown and matched. So is an
/// e-mail address of which the IdP says that nobody has verified it, whichever of our settings asks for it.
fn text(claims: &Map<String, Value>, claim: &str) -> Option<String> {
    let denied =
        |marker: &str| claims.get(marker).is_some_and(|value| *value != Value::Bool(true) && value != "true" && value != "1" && value != 1);
    if claim == EMAIL && EMAIL_STATEMENTS.into_iter().any(denied) {
        return None;
    }
    claims.get(claim).and_then(Value::as_str).filter(|value| !value.is_empty()).map(str::to_owned)
}

/// Adds what userinfo says; what the signed token says stands.
fn complete(claims: &mut Map<String, Value>, userinfo: Map<String, Value>) {
    if !claims.contains_key(EMAIL) {
        // A statement about an address goes with that address.
        claims.retain(|name, _| !EMAIL_STATEMENTS.contains(&name.as_str()));
    }
    for (name, value) in userinfo {
        claims.entry(name).or_insert(value);
    }
}
