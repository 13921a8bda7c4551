//! Logout messages that come in: every check, in its order.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::error::LogoutError;
use super::{LogoutStatus, STATUS_PARTIAL};
use crate::decrypt;
use crate::encoding::decode_base64;
use crate::entity_id::EntityId;
use crate::error::{MetadataError, ResponseError, XmlError};
use crate::keys::{SigningCertificate, SpKey};
use crate::limits::Limits;
use crate::metadata::IdpMetadata;
use crate::names::{DS, NAMEID_ENTITY, SAML, SAMLP, STATUS_SUCCESS};
use crate::profile::clock::{Clock, optional};
use crate::profile::statements::read_name_id;
use crate::redirect::{self, Parameter};
use crate::response::{check_id, check_version};
use crate::scan::Mode;
use crate::signature;
use crate::sp::ServiceProvider;
use crate::verified::NameId;
use crate::xml::{Dom, Node, printable};

/// How long a request without `NotOnOrAfter` is good for.
const LIFETIME: SignedDuration = SignedDuration::from_mins(5);

/// What a message must agree with.
#[derive(Debug, Clone)]
pub struct Expected<'a> {
    /// Who must have sent it.
    pub issuer: &'a EntityId,
    /// The keys that may have signed it. Only these count.
    pub keys: &'a [SigningCertificate],
    /// When these keys are not to be trusted any more.
    pub valid_until: Option<Timestamp>,
    /// The address that it came to.
    pub destination: &'a Url,
    /// Our keys, for an encrypted identifier.
    pub decryption_keys: &'a [SpKey],
    /// The present.
    pub now: Timestamp,
    /// How far the clocks may be apart; at most five minutes count.
    pub skew: Duration,
    /// Size limits.
    pub limits: Limits,
}

impl<'a> Expected<'a> {
    /// A message of this identity provider, with a minute of clock skew and the default limits.
    pub fn of_idp(idp: &'a IdpMetadata, sp: &'a ServiceProvider, destination: &'a Url, now: Timestamp) -> Expected<'a> {
        Expected {
            issuer: &idp.entity_id,
            keys: &idp.signing_keys,
            valid_until: idp.valid_until,
            destination,
            decryption_keys: &sp.keys,
            now,
            skew: Duration::from_mins(1),
            limits: Limits::default(),
        }
    }
}

/// A message as it came.
#[derive(Debug, Clone, Copy)]
pub enum Delivery<'m> {
    /// The raw query of the request line.
    Redirect(&'m str),
    /// The fields of a form, decoded.
    Post {
        /// The field `SAMLRequest`.
        request: Option<&'m str>,
        /// The field `SAMLResponse`.
        response: Option<&'m str>,
        /// The field `RelayState`.
        relay_state: Option<&'m str>,
    },
}

/// Which of the two messages it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Somebody else ends a session.
    Request,
    /// The answer to a request of ours.
    Response,
}

/// A request that passed every check. It cannot be made outside this crate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedRequest {
    /// Its id, for the answer; accept it once.
    pub id: String,
    /// Whose sessions end.
    pub name_id: NameId,
    /// Which of them; all if empty.
    pub session_indexes: Vec<String>,
    /// Until when the request could be accepted, clock skew included: how long its id must be remembered.
    pub replay_until: Timestamp,
    /// To be given back as it came.
    pub relay_state: Option<String>,
}

/// An answer that passed every check. It cannot be made outside this crate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedResponse {
    /// How far the logout came.
    pub status: LogoutStatus,
}

impl Delivery<'_> {
    /// Which message it is, by its parameter; of both or none nothing is read.
    pub fn kind(&self) -> Result<Kind, LogoutError> {
        match self {
            Delivery::Redirect(query) => Ok(match redirect::which(query)? {
                Parameter::Request => Kind::Request,
                Parameter::Response => Kind::Response,
            }),
            Delivery::Post { request: Some(_), response: Some(_), .. } => Err(LogoutError::TwoMessages),
            Delivery::Post { request: Some(_), .. } => Ok(Kind::Request),
            Delivery::Post { response: Some(_), .. } => Ok(Kind::Response),
            Delivery::Post { .. } => Err(LogoutError::MessageMissing),
        }
    }

    /// The relay state as it came; of a query, before its signature was verified.
    pub fn relay_state(&self) -> Result<Option<String>, LogoutError> {
        match self {
            Delivery::Redirect(query) => Ok(redirect::relay_state(query)?),
            Delivery::Post { relay_state, .. } => Ok(relay_state.map(str::to_owned)),
        }
    }

    /// The XML of the expected message. By Redirect, the signature over the query was verified.
    fn open(&self, kind: Kind, expected: &Expected<'_>) -> Result<Opened, LogoutError> {
        if self.kind()? != kind {
            return Err(LogoutError::MessageMissing);
        }
        match *self {
            Delivery::Redirect(query) => {
                let parameter = match kind {
                    Kind::Request => Parameter::Request,
                    Kind::Response => Parameter::Response,
                };
                let message = redirect::parse(query, parameter, Some(expected.keys), &expected.limits)?;
                Ok(Opened { xml: message.xml, relay_state: message.relay_state, signed: true })
            }
            Delivery::Post { request, response, relay_state } => {
                let field = request.or(response).unwrap_or_default();
                // As for responses: the size before the decoding.
                if field.len() > expected.limits.max_bytes.saturating_mul(2) {
                    return Err(XmlError::TooLarge { limit: expected.limits.max_bytes, actual: field.len() }.into());
                }
                let xml = decode_base64(field.as_bytes()).ok_or(ResponseError::Base64)?;
                Ok(Opened { xml, relay_state: relay_state.map(str::to_owned), signed: false })
            }
        }
    }
}

/// The XML of a message, and whether the transport's signature covered it.
struct Opened {
    xml: Vec<u8>,
    relay_state: Option<String>,
    signed: bool,
}

/// Checks a `LogoutRequest` (SAML core 3.7.1, profiles 4.4.3.2); gives whose sessions end.
pub fn verify_request(delivery: &Delivery<'_>, expected: &Expected<'_>) -> Result<VerifiedRequest, LogoutError> {
    const ELEMENT: &str = "LogoutRequest";
    check_metadata(expected)?;
    let opened = delivery.open(Kind::Request, expected)?;
    let dom = Dom::parse(&opened.xml, &expected.limits, Mode::Protocol)?;
    let root = check_document(&dom, ELEMENT)?;
    let names = root.children().filter(|child| ["BaseID", "NameID", "EncryptedID"].iter().any(|local| child.is(SAML, local))).count();
    match names {
        0 => return Err(LogoutError::NameIdMissing),
        1 => {}
        count => return Err(LogoutError::SeveralNames { count }),
    }
    let (head, rest) = split_head(root)?;
    let Some((name, indexes)) = rest.split_first().filter(|(name, _)| name.local_name() != "SessionIndex") else {
        return Err(unexpected(rest.first().copied().unwrap_or(root), root));
    };
    if let Some(odd) = indexes.iter().find(|child| !child.is(SAMLP, "SessionIndex")) {
        return Err(unexpected(*odd, root));
    }
    check_signature(&opened, root, &head, ELEMENT, expected)?;
    check_head(root, &head, ELEMENT, expected)?;
    let replay_until = check_lifetime(root, expected)?;
    Ok(VerifiedRequest {
        id: root.attribute("ID").unwrap_or_default().to_owned(),
        name_id: read_name(*name, expected)?,
        session_indexes: indexes.iter().map(|index| index.text().map(str::to_owned)).collect::<Result<_, _>>()?,
        replay_until,
        relay_state: opened.relay_state,
    })
}

/// Checks a `LogoutResponse` (SAML core 3.7.2) to our request of that id; gives how far the logout came.
pub fn verify_response(delivery: &Delivery<'_>, expected: &Expected<'_>, request_id: &str) -> Result<VerifiedResponse, LogoutError> {
    const ELEMENT: &str = "LogoutResponse";
    check_metadata(expected)?;
    let opened = delivery.open(Kind::Response, expected)?;
    let dom = Dom::parse(&opened.xml, &expected.limits, Mode::Protocol)?;
    let root = check_document(&dom, ELEMENT)?;
    let (head, rest) = split_head(root)?;
    let status = match rest.as_slice() {
        [status] if status.is(SAMLP, "Status") => *status,
        [] => return Err(ResponseError::Status { status: "none".to_owned() }.into()),
        [status, odd, ..] if status.is(SAMLP, "Status") => return Err(unexpected(*odd, root)),
        [odd, ..] => return Err(unexpected(*odd, root)),
    };
    check_signature(&opened, root, &head, ELEMENT, expected)?;
    check_head(root, &head, ELEMENT, expected)?;
    match root.attribute("InResponseTo") {
        Some(answered) if answered == request_id => {}
        None => return Err(ResponseError::InResponseToMissing { element: ELEMENT, expected: request_id.to_owned() }.into()),
        Some(actual) => {
            let (expected, actual) = (request_id.to_owned(), printable(actual, 200));
            return Err(ResponseError::InResponseToMismatch { element: ELEMENT, expected, actual }.into());
        }
    }
    Ok(VerifiedResponse { status: read_status(status) })
}

/// Metadata that ended, or that has no key, verifies nothing.
fn check_metadata(expected: &Expected<'_>) -> Result<(), LogoutError> {
    if expected.keys.is_empty() {
        return Err(MetadataError::NoSigningKey.into());
    }
    match expected.valid_until {
        Some(valid_until) if valid_until <= expected.now => Err(MetadataError::Expired { valid_until, now: expected.now }.into()),
        Some(_) | None => Ok(()),
    }
}

/// The document element is the message, and nothing of a message, of a signature or of a person's name stands anywhere but
/// where it belongs. Names count in any namespace here.
fn check_document<'d>(dom: &'d Dom<'_>, element: &'static str) -> Result<Node<'d>, LogoutError> {
    let root = dom.root()?;
    if !root.is(SAMLP, element) {
        return Err(LogoutError::WrongMessage { expected: element, actual: root.label() });
    }
    check_version(root, element)?;
    check_id(root)?;
    for node in dom.elements().filter(|node| *node != root) {
        let parent = node.parent();
        let in_root = parent == Some(root);
        let label = || parent.map_or_else(String::new, Node::label);
        match node.local_name() {
            "LogoutRequest" | "LogoutResponse" | "Response" | "Assertion" | "EncryptedAssertion" => {
                return Err(ResponseError::MisplacedAssertion { element: node.label(), parent: label() }.into());
            }
            "NameID" | "BaseID" | "EncryptedID" | "SessionIndex" | "Status" if !in_root => {
                return Err(ResponseError::MisplacedAssertion { element: node.label(), parent: label() }.into());
            }
            "Signature" if in_root => {}
            "SignedInfo" | "SignatureValue" if parent.is_some_and(|parent| parent.is(DS, "Signature")) => {}
            "Signature" | "SignedInfo" | "SignatureValue" => {
                return Err(ResponseError::MisplacedSignature { element: node.label(), parent: label() }.into());
            }
            _ => {}
        }
    }
    if root.children_named(DS, "Signature").count() > 1 {
        return Err(ResponseError::SeveralSignatures { element }.into());
    }
    Ok(root)
}

/// What every message begins with (SAML core 3.2.1, 3.2.2).
struct Head<'d> {
    issuer: Option<Node<'d>>,
    signature: Option<Node<'d>>,
}

/// Issuer, Signature and Extensions, each at most once and in this order; and the children after them.
fn split_head(root: Node<'_>) -> Result<(Head<'_>, Vec<Node<'_>>), LogoutError> {
    let mut children = root.only_elements()?.into_iter().peekable();
    let issuer = children.next_if(|child| child.is(SAML, "Issuer"));
    let signature = children.next_if(|child| child.is(DS, "Signature"));
    let _extensions = children.next_if(|child| child.is(SAMLP, "Extensions"));
    let rest: Vec<_> = children.collect();
    let misplaced = rest.iter().find(|child| child.is(SAML, "Issuer") || child.is(DS, "Signature") || child.is(SAMLP, "Extensions"));
    match misplaced {
        Some(odd) => Err(unexpected(*odd, root)),
        None => Ok((Head { issuer, signature }, rest)),
    }
}

/// One signature must be there, over the query or enveloped; every one that is there must verify.
fn check_signature(
    opened: &Opened,
    root: Node<'_>,
    head: &Head<'_>,
    element: &'static str,
    expected: &Expected<'_>,
) -> Result<(), LogoutError> {
    match head.signature {
        Some(signature) => {
            signature::verify(root, signature, expected.keys, element)?;
            Ok(())
        }
        None if opened.signed => Ok(()),
        None => Err(LogoutError::NotSigned { element }),
    }
}

/// Profiles 4.4.4: the issuer is required and is the one whose keys were used; core 3.2.1: the destination is ours.
fn check_head(root: Node<'_>, head: &Head<'_>, element: &'static str, expected: &Expected<'_>) -> Result<(), LogoutError> {
    let issuer = head.issuer.ok_or_else(|| ResponseError::IssuerMissing { element, expected: expected.issuer.to_string() })?;
    let is_entity = issuer.attribute("Format").is_none_or(|format| format == NAMEID_ENTITY);
    let actual = issuer.text()?;
    if !is_entity || actual != expected.issuer.as_str() {
        let (expected, actual) = (expected.issuer.to_string(), printable(actual, 500));
        return Err(ResponseError::IssuerMismatch { element, expected, actual }.into());
    }
    match root.attribute("Destination") {
        None => return Err(LogoutError::DestinationMissing { element }),
        Some(actual) if actual == expected.destination.as_str() => {}
        Some(actual) => {
            let (expected, actual) = (expected.destination.to_string(), printable(actual, 500));
            return Err(LogoutError::DestinationMismatch { element, expected, actual });
        }
    }
    Clock::new(expected.now, expected.skew).check_issued(root, "IssueInstant")?;
    Ok(())
}

/// Core 3.7.1: `NotOnOrAfter`; where there is none, the request is good for five minutes. Gives when it is over for good.
fn check_lifetime(root: Node<'_>, expected: &Expected<'_>) -> Result<Timestamp, LogoutError> {
    let clock = Clock::new(expected.now, expected.skew);
    let issued = clock.check_issued(root, "IssueInstant")?;
    let stated = optional(root, "NotOnOrAfter", "LogoutRequest NotOnOrAfter")?;
    let ended = stated.unwrap_or_else(|| issued.checked_add(LIFETIME).unwrap_or(Timestamp::MAX));
    if clock.has_passed(ended) { Err(LogoutError::Expired { ended }) } else { Ok(clock.latest(ended)) }
}

/// The one identifier. What is encrypted is covered by the signature of the message, which was verified.
fn read_name(name: Node<'_>, expected: &Expected<'_>) -> Result<NameId, LogoutError> {
    if name.is(SAML, "NameID") {
        return Ok(read_name_id(name)?);
    }
    if !name.is(SAML, "EncryptedID") {
        return Err(LogoutError::NameIdMissing);
    }
    let plaintext = decrypt::decrypt(name, true, expected.decryption_keys)?;
    let uniform = |error: ResponseError| LogoutError::Message(plaintext.uniform(error));
    let dom = Dom::parse(plaintext.bytes(), &expected.limits, Mode::Protocol).map_err(|error| uniform(error.into()))?;
    let root = dom.root()?;
    if !root.is(SAML, "NameID") {
        return Err(uniform(ResponseError::NameIdMissing));
    }
    read_name_id(root).map_err(uniform)
}

/// Core 3.2.2.2 and 3.7.3.2: a partial logout is a second-level code, below Success or below Responder.
fn read_status(status: Node<'_>) -> LogoutStatus {
    let code = status.children_named(SAMLP, "StatusCode").next();
    let outer = code.and_then(|code| code.attribute("Value")).unwrap_or_default();
    let inner = code.and_then(|code| code.children_named(SAMLP, "StatusCode").next()).and_then(|inner| inner.attribute("Value"));
    match (outer, inner) {
        (_, Some(STATUS_PARTIAL)) => LogoutStatus::Partial,
        (STATUS_SUCCESS, _) => LogoutStatus::Complete,
        (outer, Some(inner)) => LogoutStatus::Failed(format!("{} / {}", printable(outer, 120), printable(inner, 120))),
        (outer, None) => LogoutStatus::Failed(printable(outer, 120)),
    }
}

fn unexpected(odd: Node<'_>, parent: Node<'_>) -> LogoutError {
    ResponseError::UnexpectedElement { element: odd.label(), parent: parent.label() }.into()
}
