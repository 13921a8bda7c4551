//! Single logout (SAML core 3.7, profiles 4.4): the messages that we send and those that the identity provider sends, by
//! Redirect and POST.
//!
//! Either side may begin, so both messages go both ways. What leaves here is always signed; what comes in must be signed: by
//! Redirect over the query as it came, by POST with an enveloped signature of the one shape that `signature` allows. Keys
//! are those of this identity provider's metadata. A message is scanned and parsed by the same strict model as a response.
//!
//! That one request is accepted once is the caller's part: remember its id until [`VerifiedRequest::replay_until`].

mod error;
mod receive;

use std::fmt::Write as _;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::encoding::{encode_base64, escape_xml};
use crate::entity_id::EntityId;
use crate::error::RequestError;
use crate::instant;
use crate::keys::{SpKey, hex};
use crate::metadata::Binding;
use crate::names::{SAML, SAMLP, STATUS_SUCCESS};
use crate::query;
use crate::request::check_relay_state;
use crate::sign::sign_enveloped;
use crate::sp::ServiceProvider;
use crate::verified::NameId;

pub use error::LogoutError;
pub use receive::{Delivery, Expected, Kind, VerifiedRequest, VerifiedResponse, verify_request, verify_response};

/// The reason of a logout that the person asked for (SAML core 3.7.3).
pub const REASON_USER: &str = "urn:oasis:names:tc:SAML:2.0:logout:user";
const STATUS_RESPONDER: &str = "urn:oasis:names:tc:SAML:2.0:status:Responder";
const STATUS_PARTIAL: &str = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout";
/// How long a request of ours may travel.
const LIFETIME: Duration = Duration::from_mins(5);

/// Who sends a message, and with which key.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// The entity id.
    pub issuer: &'a EntityId,
    /// The key, with a certificate.
    pub key: &'a SpKey,
}

impl<'a> Sender<'a> {
    /// The service provider with the key that signs its requests.
    pub fn of(sp: &'a ServiceProvider) -> Result<Sender<'a>, RequestError> {
        Ok(Sender { issuer: &sp.entity_id, key: sp.signing_key().ok_or(RequestError::NoKey)? })
    }
}

/// How far a logout came (SAML core 3.7.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogoutStatus {
    /// Everywhere that the identity provider knows of.
    Complete,
    /// Some participant could not be signed out.
    Partial,
    /// The request was refused or failed: the status codes, outermost first.
    Failed(String),
}

/// A message on its way, for the browser to carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// Go there.
    Redirect(Url),
    /// Post this.
    Post(Form),
}

/// A form that the browser posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Where to.
    pub action: Url,
    /// The name of the message's field: `SAMLRequest` or `SAMLResponse`.
    pub field: &'static str,
    /// Its value.
    pub message: String,
    /// The field `RelayState`, if there is one.
    pub relay_state: Option<String>,
}

/// A request to end a session everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its id, which the response must name.
    pub id: String,
    /// The present.
    pub issue_instant: Timestamp,
    /// Where it goes.
    pub destination: Url,
    /// Whose session, named as in the assertion that began it.
    pub name_id: NameId,
    /// Which sessions; all of the person if empty.
    pub session_indexes: Vec<String>,
    /// Why, as a URI.
    pub reason: Option<&'static str>,
}

impl Request {
    /// A request for all sessions of a person; `random` must come from a cryptographic source.
    pub fn new(random: [u8; 16], issue_instant: Timestamp, destination: Url, name_id: NameId) -> Request {
        Request { id: format!("_{}", hex(&random)), issue_instant, destination, name_id, session_indexes: Vec::new(), reason: None }
    }

    /// The signed message for the browser. The relay state has at most 80 bytes (bindings 3.4.3).
    pub fn send(&self, binding: Binding, sender: Sender<'_>, relay_state: Option<&str>) -> Result<Outgoing, RequestError> {
        check_relay_state(relay_state.unwrap_or_default())?;
        let (id, sent) = (escape_xml(&self.id), instant::format(self.issue_instant));
        let lifetime = SignedDuration::try_from(LIFETIME).unwrap_or(SignedDuration::ZERO);
        let ends = instant::format(self.issue_instant.checked_add(lifetime).unwrap_or(Timestamp::MAX));
        let (destination, issuer) = (escape_xml(self.destination.as_str()), escape_xml(sender.issuer.as_str()));
        let reason = self.reason.map(|reason| format!(r#" Reason="{}""#, escape_xml(reason))).unwrap_or_default();
        let before = format!(
            r#"<samlp:LogoutRequest xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{id}" Version="2.0" IssueInstant="{sent}" Destination="{destination}" NotOnOrAfter="{ends}"{reason}><saml:Issuer>{issuer}</saml:Issuer>"#
        );
        let mut after = name_id_xml(&self.name_id);
        for index in &self.session_indexes {
            let _ = write!(after, "<samlp:SessionIndex>{}</samlp:SessionIndex>", escape_xml(index));
        }
        after.push_str("</samlp:LogoutRequest>");
        let message = Message { before, after, id: &self.id, field: "SAMLRequest", destination: &self.destination };
        message.send(binding, sender.key, relay_state)
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Its own id.
    pub id: String,
    /// The present.
    pub issue_instant: Timestamp,
    /// Where it goes.
    pub destination: Url,
    /// The request that it answers.
    pub in_response_to: String,
    /// How far the logout came.
    pub status: LogoutStatus,
}

impl Response {
    /// An answer; `random` must come from a cryptographic source.
    pub fn new(random: [u8; 16], issue_instant: Timestamp, destination: Url, in_response_to: String, status: LogoutStatus) -> Response {
        Response { id: format!("_{}", hex(&random)), issue_instant, destination, in_response_to, status }
    }

    /// The signed message for the browser, with the relay state as it came.
    pub fn send(&self, binding: Binding, sender: Sender<'_>, relay_state: Option<&str>) -> Result<Outgoing, RequestError> {
        let (id, sent) = (escape_xml(&self.id), instant::format(self.issue_instant));
        let (destination, issuer) = (escape_xml(self.destination.as_str()), escape_xml(sender.issuer.as_str()));
        let request = escape_xml(&self.in_response_to);
        let before = format!(
            r#"<samlp:LogoutResponse xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{id}" Version="2.0" IssueInstant="{sent}" Destination="{destination}" InResponseTo="{request}"><saml:Issuer>{issuer}</saml:Issuer>"#
        );
        let code = match &self.status {
            LogoutStatus::Complete => format!(r#"<samlp:StatusCode Value="{STATUS_SUCCESS}"/>"#),
            LogoutStatus::Partial => {
                format!(r#"<samlp:StatusCode Value="{STATUS_SUCCESS}"><samlp:StatusCode Value="{STATUS_PARTIAL}"/></samlp:StatusCode>"#)
            }
            LogoutStatus::Failed(inner) => {
                let inner = escape_xml(inner);
                format!(r#"<samlp:StatusCode Value="{STATUS_RESPONDER}"><samlp:StatusCode Value="{inner}"/></samlp:StatusCode>"#)
            }
        };
        let after = format!("<samlp:Status>{code}</samlp:Status></samlp:LogoutResponse>");
        let message = Message { before, after, id: &self.id, field: "SAMLResponse", destination: &self.destination };
        message.send(binding, sender.key, relay_state)
    }
}

/// A message as text before and after the place of its signature.
struct Message<'m> {
    before: String,
    after: String,
    id: &'m str,
    field: &'static str,
    destination: &'m Url,
}

impl Message<'_> {
    fn send(&self, binding: Binding, key: &SpKey, relay_state: Option<&str>) -> Result<Outgoing, RequestError> {
        match binding {
            Binding::Redirect => {
                let xml = [self.before.as_str(), &self.after].concat();
                query::address(self.destination, self.field, &xml, relay_state, Some(key)).map(Outgoing::Redirect)
            }
            Binding::Post => Ok(Outgoing::Post(Form {
                action: self.destination.clone(),
                field: self.field,
                message: encode_base64(sign_enveloped(&self.before, &self.after, self.id, key)?.as_bytes()),
                relay_state: relay_state.map(str::to_owned),
            })),
        }
    }
}

fn name_id_xml(name_id: &NameId) -> String {
    let attribute = |name: &str, value: &Option<String>| value.as_deref().map(|value| format!(r#" {name}="{}""#, escape_xml(value)));
    let attributes: String = [
        attribute("NameQualifier", &name_id.name_qualifier),
        attribute("SPNameQualifier", &name_id.sp_name_qualifier),
        attribute("Format", &name_id.format),
    ]
    .into_iter()
    .flatten()
    .collect();
    format!("<saml:NameID{attributes}>{}</saml:NameID>", escape_xml(&name_id.value))
}
