//! Sign-in by SAML: `start` sends the browser away with an AuthnRequest, `finish` judges the response it brings back.
//!
//! Every check on the response is in `saml`; here are the stored request id, the single use of an assertion, and what the
//! attributes mean. Mirror of [`super::oidc`].
//!
//! The response comes by a POST from the IdP's site, without our `SameSite=Lax` cookies. The assertion consumer service
//! therefore answers it with a page that posts the same fields again from our own site, and only that second post, which
//! carries the cookies, is judged.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use http::HeaderMap;
use jiff::Timestamp;
use saml::{AuthnRequest, Binding, EntityId, Expected, IdpMetadata, ResponseError, ServiceProvider, VerifiedAssertion};
use store::{IdpSession, OnceKind, SignInProtocol, SignInState, Stage, StepUpAsked};
use url::Url;

use crate::app::App;
use crate::config::{ExpiredCertificates, IdentityProvider, IdpId, Protocol, RequestBinding, SamlIdp};
use crate::pages::{self, AutoPost};
use crate::request_id::RequestContext;

use super::attributes::{self, first, values};
use super::browser::Transaction;
use super::diagnosis::Sent;
use super::dispatch::Vehicle;
use super::error::LoginError;
use super::forms::{Form, with_cookie};
use super::provision::{self, VerifiedIdentity};
use super::report::Evidence;
use super::{idp_initiated, idp_metadata, saml_groups, step_up, trial};

const SKEW: Duration = Duration::from_mins(1);
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
/// Subject identifiers that are made to be keys (SAML V2.0 Subject Identifier Attributes Profile, sections 3.3 and 3.4).
const SUBJECT_IDS: [&str; 2] = ["urn:oasis:names:tc:SAML:attribute:subject-id", "urn:oasis:names:tc:SAML:attribute:pairwise-id"];
const EMAIL_NAMES: [&str; 4] =
    ["email", "mail", "urn:oid:0.9.2342.19200300.100.1.3", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"];
const DISPLAY_NAMES: [&str; 4] =
    ["displayName", "urn:oid:2.16.840.1.113730.3.1.241", "http://schemas.microsoft.com/identity/claims/displayname", "cn"];

/// Sends the browser to the IdP with an AuthnRequest, whose id is kept in the stored stage.
pub(super) async fn start(
    app: &App,
    transaction: &Transaction,
    idp: &IdentityProvider,
    settings: &SamlIdp,
    step_up: Option<StepUpAsked>,
) -> Result<Vehicle, LoginError> {
    let metadata = idp_metadata::of(app, &idp.id, settings).await?;
    let preferred = match settings.request_binding {
        RequestBinding::Redirect => Binding::Redirect,
        RequestBinding::Post => Binding::Post,
    };
    let endpoint = metadata.sso_endpoint(preferred).ok_or_else(|| LoginError::NoSsoEndpoint(idp.id.to_string()))?;
    let mut request = AuthnRequest::new(app.random.bytes()?, app.clock.now(), endpoint.location.clone());
    let is_fresh_wanted = step_up.as_ref().is_some_and(|asked| asked.max_age == Some(0));
    request.force_authn = settings.force_authn || transaction.force_login() || is_fresh_wanted;
    // A sign-in that must be made anew cannot be made without a question.
    request.is_passive = settings.is_passive && !request.force_authn;
    request.provider_name.clone_from(&settings.provider_name);
    request.name_id_format.clone_from(&settings.name_id_format);
    request.requested_authn_context = step_up::classes(&settings.authn_context, step_up.as_ref());
    let sp = service_provider(app, &idp.id)?;
    let sign = settings.sign_requests || metadata.want_authn_requests_signed;
    let relay_state = transaction.request.id.to_string();
    let vehicle = match endpoint.binding {
        Binding::Redirect => {
            let mut url = request.redirect_url(&sp, &relay_state, sign)?;
            // Beside the SAML parameters, which the signature covers alone: Entra ID and Okta read it there.
            if let Some(hint) = transaction.login_hint_for(idp) {
                url.query_pairs_mut().append_pair("login_hint", hint);
            }
            Vehicle::Address(url)
        }
        Binding::Post => {
            let form = request.post_form(&sp, &relay_state, sign)?;
            let fields = [("SAMLRequest", form.saml_request.as_str()), ("RelayState", form.relay_state.as_str())];
            let title = format!("Going to {}", idp.name);
            Vehicle::Page(pages::auto_post(&AutoPost { title: &title, action: form.action.as_str(), fields: &fields }))
        }
    };
    let protocol = SignInProtocol::Saml { request_id: request.id };
    let stage =
        Stage::SignIn(SignInState { idp: idp.id.to_string(), protocol, login_hint: transaction.login_hint().map(str::to_owned), step_up });
    match transaction.advance(app, &stage).await? {
        store::Advanced::Moved { .. } => Ok(vehicle),
        store::Advanced::Lost => Err(LoginError::OutOfStep),
    }
}

/// What came to the assertion consumer service.
pub(super) struct Posted<'f> {
    saml_response: &'f str,
    /// The id of the stored request, if the IdP kept it.
    pub(super) relay_state: Option<&'f str>,
    again: bool,
}

impl<'f> Posted<'f> {
    /// The fields of the HTTP-POST binding (SAML bindings section 3.5.4), and our mark on the second post.
    pub(super) fn read(form: &'f Form) -> Result<Self, LoginError> {
        Ok(Self {
            saml_response: form.required("SAMLResponse")?,
            relay_state: form.optional("RelayState")?.filter(|state| !state.is_empty()),
            again: form.optional("again")?.is_some(),
        })
    }

    /// The response in base64, unverified.
    pub(super) fn bytes(&self) -> &'f [u8] {
        self.saml_response.as_bytes()
    }

    /// The page that posts the same fields again from our own site; none if this is that post.
    pub(super) fn once_more(&self, idp: &IdentityProvider) -> Option<Response> {
        if self.again {
            return None;
        }
        let mut fields = vec![("SAMLResponse", self.saml_response), ("again", "1")];
        fields.extend(self.relay_state.map(|state| ("RelayState", state)));
        let action = format!("/login/saml/{}/acs", idp.id);
        Some(pages::auto_post(&AutoPost { title: "Signing you in", action: &action, fields: &fields }))
    }
}

/// `POST /login/saml/{idp}/acs`, the second one: gives the reply, with the new session's cookie.
pub(super) async fn finish(
    app: &App,
    context: &RequestContext,
    headers: &HeaderMap,
    transaction: Option<&Transaction>,
    idp: &IdentityProvider,
    posted: &Posted<'_>,
) -> Result<Response, LoginError> {
    let Protocol::Saml(settings) = &idp.protocol else { return Err(LoginError::IdpUnknown(idp.id.to_string())) };
    let request_id = match transaction.map(|transaction| (transaction, &transaction.request.stage)) {
        Some((_, Stage::SignIn(leg))) => Some(expected_request(leg, &idp.id)?),
        // The page was loaded again after it had done its work.
        Some((transaction, Stage::SignedIn { .. })) => return Ok(pages::continue_to(&transaction.hub())),
        Some((_, Stage::Completed)) => return Err(LoginError::AlreadyCompleted),
        Some((_, Stage::Consent | Stage::ChooseIdp | Stage::Denied { .. })) => return Err(LoginError::OutOfStep),
        None if settings.allow_idp_initiated => None,
        None => return Err(LoginError::Unsolicited),
    };
    // Before anything is used up: what is refused here can be tried again at the right place.
    let next = match transaction {
        Some(transaction) => transaction.hub(),
        None => idp_initiated::target(settings, posted.relay_state)?.to_owned(),
    };
    let now = app.clock.now();
    let (metadata, assertion) = verify(app, idp, settings, posted, request_id).await?;
    accept_once(app, &assertion, now).await?;
    let asked = transaction.and_then(Transaction::step_up_asked);
    require_context(&step_up::classes(&settings.authn_context, asked.as_ref()), &assertion)?;
    require_name_id_format(settings, &assertion)?;
    let mut identity = identify(app, &idp.id, settings, &metadata, &assertion).await?;
    if transaction.is_some_and(|transaction| trial::of(transaction).is_some()) {
        identity.evidence = Evidence::of(app, idp, posted, request_id).await;
    }
    let cookie = provision::sign_in(app, context, headers, transaction, identity).await?;
    Ok(cookie.into_iter().fold(pages::continue_to(&next), with_cookie))
}

/// Judges the response; a signature by a key that is not known is judged once more with newer metadata, if there is any: the
/// IdP may have changed its key since the last refresh.
async fn verify(
    app: &App,
    idp: &IdentityProvider,
    settings: &SamlIdp,
    posted: &Posted<'_>,
    request_id: Option<&str>,
) -> Result<(Arc<IdpMetadata>, VerifiedAssertion), LoginError> {
    let sp = service_provider(app, &idp.id)?;
    let judge = |metadata: &IdpMetadata| {
        let mut expected = Expected::new(metadata, &sp, &sp.acs_url, request_id, app.clock.now());
        expected.allow_unsolicited = request_id.is_none();
        expected.skew = SKEW;
        expected.refuse_expired_certificates = settings.expired_certificates == ExpiredCertificates::Refuse;
        saml::verify_response(posted.saml_response.as_bytes(), &expected)
    };
    let mut metadata = idp_metadata::of(app, &idp.id, settings).await?;
    let mut judged = judge(&metadata);
    if matches!(judged, Err(ResponseError::SignatureInvalid { .. }))
        && let Some(newer) = idp_metadata::newer_than(app, &idp.id, settings, &metadata).await
    {
        judged = judge(&newer);
        metadata = newer;
    }
    let assertion = judged?;
    if let Some(certificate) = &assertion.outdated_certificate {
        idp_metadata::tell_outdated(app, &idp.id, settings, certificate).await;
    }
    Ok((metadata, assertion))
}

/// Every check of a response, for an administrator who asks why it was refused.
pub(super) fn inspect(
    app: &App,
    idp: &IdentityProvider,
    metadata: &IdpMetadata,
    posted: &Posted<'_>,
    request_id: Option<&str>,
) -> Option<saml::Inspection> {
    let sp = service_provider(app, &idp.id).ok()?;
    let mut expected = Expected::new(metadata, &sp, &sp.acs_url, request_id, app.clock.now());
    expected.skew = SKEW;
    if let Protocol::Saml(settings) = &idp.protocol {
        expected.refuse_expired_certificates = settings.expired_certificates == ExpiredCertificates::Refuse;
    }
    Some(saml::inspect(posted.bytes(), &expected))
}

/// The id of our AuthnRequest, if the browser is at a SAML IdP.
pub(super) fn request_id_of(stage: &Stage) -> Option<&str> {
    match stage {
        Stage::SignIn(SignInState { protocol: SignInProtocol::Saml { request_id }, .. }) => Some(request_id),
        Stage::SignIn(_) | Stage::Consent | Stage::ChooseIdp | Stage::SignedIn { .. } | Stage::Completed | Stage::Denied { .. } => None,
    }
}

/// The id of our AuthnRequest, if this leg is at this IdP.
fn expected_request<'l>(leg: &'l SignInState, idp: &IdpId) -> Result<&'l str, LoginError> {
    if leg.idp != idp.as_str() {
        return Err(LoginError::IdpMismatch { expected: leg.idp.clone(), received: idp.to_string() });
    }
    match &leg.protocol {
        SignInProtocol::Saml { request_id } => Ok(request_id),
        SignInProtocol::Oidc { .. } => Err(LoginError::OutOfStep),
    }
}

/// SAML profiles section 4.1.4.5: an assertion is used once. The store remembers it, over restarts.
async fn accept_once(app: &App, assertion: &VerifiedAssertion, now: Timestamp) -> Result<(), LoginError> {
    let key = format!("{} {}", assertion.issuer, assertion.assertion_id);
    let first = app.store.consume_once(OnceKind::SamlAssertion, &key, assertion.replay_until, now).await?;
    if first { Ok(()) } else { Err(LoginError::AssertionReplayed) }
}

/// SAML core section 3.3.2.2.1, `exact`: one of the classes asked for, or no sign-in. The request passed through the
/// browser, which may have taken the wish out of it; the answer is signed.
fn require_context(asked: &[String], assertion: &VerifiedAssertion) -> Result<(), LoginError> {
    let answered = assertion.authn_context.as_ref();
    if asked.is_empty() || answered.is_some_and(|class| asked.contains(class)) {
        return Ok(());
    }
    Err(LoginError::AuthnContextMismatch(answered.cloned().unwrap_or_else(|| "none".to_owned())))
}

/// SAML core section 3.4.1.1: the format asked for, or no sign-in. With another wish in the request, a person who is
/// disabled here could come by another name.
fn require_name_id_format(settings: &SamlIdp, assertion: &VerifiedAssertion) -> Result<(), LoginError> {
    let answered = assertion.name_id.format.as_deref().unwrap_or(UNSPECIFIED);
    match settings.name_id_format.as_deref() {
        // `unspecified` leaves the choice to the IdP.
        Some(asked) if asked != UNSPECIFIED && asked != answered => Err(LoginError::NameIdFormatMismatch(answered.to_owned())),
        Some(_) | None => Ok(()),
    }
}

/// What the assertion says about the person, in our terms.
async fn identify(
    app: &App,
    idp: &IdpId,
    settings: &SamlIdp,
    metadata: &IdpMetadata,
    assertion: &VerifiedAssertion,
) -> Result<VerifiedIdentity, LoginError> {
    attributes::require_text(settings, assertion)?;
    let sent_groups = values(assertion, &settings.groups_attribute);
    let groups = saml_groups::groups(app, settings, sent_groups, |name| assertion.values(name).next().map(str::to_owned)).await?;
    let named = |names: &[&str]| names.iter().find_map(|name| first(assertion, name));
    let configured = |name: &Option<String>, usual: &[&str]| name.as_deref().map_or_else(|| named(usual), |name| first(assertion, name));
    let subject = subject(settings, assertion)?;
    let username = settings.username_attribute.as_deref().and_then(|name| first(assertion, name)).or_else(|| Some(subject.clone()));
    Ok(VerifiedIdentity {
        idp: idp.clone(),
        issuer: metadata.entity_id.to_string(),
        username,
        email: configured(&settings.email_attribute, &EMAIL_NAMES),
        display_name: configured(&settings.name_attribute, &DISPLAY_NAMES),
        groups,
        authn_instant: assertion.authn_instant,
        must_be_fresh: settings.force_authn,
        acr: assertion.authn_context.clone(),
        idp_session: IdpSession {
            name_id: Some(assertion.name_id.value.clone()),
            name_id_format: assertion.name_id.format.clone(),
            name_qualifier: assertion.name_id.name_qualifier.clone(),
            sp_name_qualifier: assertion.name_id.sp_name_qualifier.clone(),
            session_index: assertion.session_index.clone(),
            ..IdpSession::default()
        },
        idp_tokens: None,
        ends_at: assertion.session_not_on_or_after,
        sent: sent(assertion),
        evidence: None,
        subject,
    })
}

/// The attributes, as diagnosis shows them.
fn sent(assertion: &VerifiedAssertion) -> Vec<Sent> {
    let attributes = assertion.attributes.iter();
    let sent = |attribute: &saml::Attribute| Sent {
        name: attribute.name.clone(),
        friendly_name: attribute.friendly_name.clone(),
        values: attribute.values.clone(),
    };
    attributes.map(sent).collect()
}

/// The NameID; where it is transient, an identifier that stays: one made for it, else the attribute that the administrator
/// named as the user name.
fn subject(settings: &SamlIdp, assertion: &VerifiedAssertion) -> Result<String, LoginError> {
    if assertion.name_id.format.as_deref() != Some(TRANSIENT) {
        return Ok(assertion.name_id.value.clone());
    }
    // By `Name` alone: a `FriendlyName` is for people to read, and nobody is known by it.
    let named = |name: &str| assertion.values(name).find(|value| !value.is_empty()).map(str::to_owned);
    let made_for_it = SUBJECT_IDS.iter().find_map(|name| named(name));
    let username = || settings.username_attribute.as_deref().and_then(named);
    made_for_it.or_else(username).ok_or_else(|| LoginError::SubjectNotStable(TRANSIENT.to_owned()))
}

/// Us, as this IdP knows us.
pub(super) fn service_provider(app: &App, idp: &IdpId) -> Result<ServiceProvider, LoginError> {
    let public_url = &app.config.public_url;
    let incomplete = || LoginError::NoSsoEndpoint(idp.to_string());
    let entity_id = EntityId::parse(&public_url.join("/saml/metadata")).map_err(|_| incomplete())?;
    let acs_url = Url::parse(&public_url.join(&format!("/login/saml/{idp}/acs"))).map_err(|_| incomplete())?;
    let slo_url = Url::parse(&public_url.join(&format!("/login/saml/{idp}/slo"))).map_err(|_| incomplete())?;
    Ok(ServiceProvider { entity_id, acs_url, slo_url: Some(slo_url), keys: app.keys.saml_sp_keys() })
}
