//! The Response (SAML core 3.3.3): its shape, its signatures, and the order in which everything is checked.

use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use crate::decrypt::{self, Plaintext};
use crate::encoding::decode_base64;
use crate::error::{MetadataError, ResponseError, status_meaning};
use crate::inspect::Log;
use crate::keys::SigningCertificate;
use crate::limits::Limits;
use crate::metadata::IdpMetadata;
use crate::names::{DS, SAML, SAMLP, STATUS_SUCCESS};
use crate::profile;
use crate::scan::Mode;
use crate::signature::{self, Signed};
use crate::sp::ServiceProvider;
use crate::verified::VerifiedAssertion;
use crate::xml::{Dom, Node, printable};

/// What a response must agree with: everything that is known about the sign-in it claims to answer.
#[derive(Debug, Clone)]
pub struct Expected<'a> {
    /// The identity provider that the person was sent to. Only its keys count.
    pub idp: &'a IdpMetadata,
    /// Us: entity id and decryption keys.
    pub sp: &'a ServiceProvider,
    /// The address that the response came to.
    pub acs_url: &'a Url,
    /// The id of our request; `None` for an unsolicited response, refused unless `allow_unsolicited`.
    pub request_id: Option<&'a str>,
    /// Whether a response may come that nobody asked for. Off unless the administrator wants sign-in from the IdP's portal.
    pub allow_unsolicited: bool,
    /// Whether to refuse a signature whose certificate is past its dates. The metadata pins the key, so by default it is
    /// accepted and the caller told ([`VerifiedAssertion::outdated_certificate`]).
    pub refuse_expired_certificates: bool,
    /// The present.
    pub now: Timestamp,
    /// How far the clocks may be apart; at most five minutes count.
    pub skew: Duration,
    /// Size limits.
    pub limits: Limits,
}

impl<'a> Expected<'a> {
    /// The usual expectation: a solicited response, a minute of clock skew, the default limits.
    pub fn new(
        idp: &'a IdpMetadata,
        sp: &'a ServiceProvider,
        acs_url: &'a Url,
        request_id: Option<&'a str>,
        now: Timestamp,
    ) -> Expected<'a> {
        Expected {
            idp,
            sp,
            acs_url,
            request_id,
            allow_unsolicited: false,
            refuse_expired_certificates: false,
            now,
            skew: Duration::from_mins(1),
            limits: Limits::default(),
        }
    }
}

/// How `InResponseTo` is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Solicitation<'a> {
    /// It must name this request.
    Request(&'a str),
    /// It must be absent.
    Unsolicited,
    /// Nobody asked, and unsolicited responses are not accepted.
    Refused,
    /// An inspection after the fact: not judged.
    NotCompared,
}

impl<'a> Solicitation<'a> {
    pub(crate) fn of(expected: &Expected<'a>) -> Solicitation<'a> {
        match expected.request_id {
            Some(id) => Solicitation::Request(id),
            None if expected.allow_unsolicited => Solicitation::Unsolicited,
            None => Solicitation::Refused,
        }
    }
}

/// Takes the `SAMLResponse` form field and what is expected of it; gives the verified assertion or the first fault.
///
/// That one assertion id is accepted only once is the caller's part: remember it until `replay_until`.
pub fn verify_response(saml_response_base64: &[u8], expected: &Expected<'_>) -> Result<VerifiedAssertion, ResponseError> {
    // The size before the decoding: four characters make three bytes, and white space is generous to line wrapping.
    if saml_response_base64.len() > expected.limits.max_bytes.saturating_mul(2) {
        return Err(crate::XmlError::TooLarge { limit: expected.limits.max_bytes, actual: saml_response_base64.len() }.into());
    }
    let xml = decode_base64(saml_response_base64).ok_or(ResponseError::Base64)?;
    verify_xml(&xml, expected, Solicitation::of(expected), &mut Log::silent())
}

/// The one code path of verification and inspection, top to bottom.
pub(crate) fn verify_xml(
    xml: &[u8],
    expected: &Expected<'_>,
    solicitation: Solicitation<'_>,
    log: &mut Log,
) -> Result<VerifiedAssertion, ResponseError> {
    log.gate("metadata", check_metadata(expected), |()| {
        format!("{} with {} signing key(s)", expected.idp.entity_id, expected.idp.signing_keys.len())
    })?;
    let parsed = Dom::parse(xml, &expected.limits, Mode::Protocol).map_err(ResponseError::from);
    let dom = log.gate("xml", parsed, |_| format!("{} bytes of well-formed XML within the limits", xml.len()))?;
    let shape = log.gate("shape", Shape::read(&dom), Shape::describe)?;
    log.gate("status", check_status(shape.status), |()| "Success".to_owned())?;

    let keys = &expected.idp.signing_keys;
    let mut signers = Signers::default();
    let response = shape.signature.map(|signature| signers.verify(shape.response, signature, keys, "Response")).transpose();
    let response = log.gate("response_signature", response, |signed| match signed {
        Some(_) => format!("the Response is signed, and verified with {}", signers.last()),
        None => "the Response is not signed".to_owned(),
    })?;
    match shape.payload {
        Payload::None => log.gate("assertion_signature", Err(ResponseError::AssertionMissing), |_| String::new()),
        Payload::Plain(assertion) => {
            let verified = verify_assertion(assertion, response.and_then(|signed| signed.child(assertion)), keys, &mut signers);
            let assertion = log.gate("assertion_signature", verified, |cover| describe_cover(cover, &signers))?;
            let outdated = signers.check_dates(expected, log)?;
            let verified = profile::check(&shape, response.is_some(), assertion.signed(), expected, solicitation, log)?;
            Ok(VerifiedAssertion { outdated_certificate: outdated, ..verified })
        }
        Payload::Encrypted(encrypted) => {
            let decrypted = decrypt::decrypt(encrypted, response.is_some(), &expected.sp.keys);
            let plaintext = log.gate("decryption", decrypted, Plaintext::describe)?;
            let parsed = parse_plaintext(&plaintext, &expected.limits);
            let inner = log.gate("decrypted_xml", parsed, |_| "well-formed XML within the limits".to_owned())?;
            let assertion = inner.root()?;
            let verified = verify_assertion(assertion, response.map(|signed| signed.plaintext(assertion)), keys, &mut signers);
            let assertion = log.gate("assertion_signature", verified, |cover| describe_cover(cover, &signers))?;
            let outdated = signers.check_dates(expected, log)?;
            let verified = profile::check(&shape, true, assertion.signed(), expected, solicitation, log)?;
            Ok(VerifiedAssertion { outdated_certificate: outdated, ..verified })
        }
    }
}

/// Metadata that ended, or that has no key, verifies nothing.
fn check_metadata(expected: &Expected<'_>) -> Result<(), ResponseError> {
    if expected.idp.signing_keys.is_empty() {
        return Err(MetadataError::NoSigningKey.into());
    }
    match expected.idp.valid_until {
        Some(valid_until) if valid_until <= expected.now => Err(MetadataError::Expired { valid_until, now: expected.now }.into()),
        Some(_) | None => Ok(()),
    }
}

/// The nodes of a Response that has the one shape accepted here.
pub(crate) struct Shape<'d> {
    pub(crate) response: Node<'d>,
    pub(crate) issuer: Option<Node<'d>>,
    signature: Option<Node<'d>>,
    status: Node<'d>,
    payload: Payload<'d>,
}

#[derive(Clone, Copy)]
enum Payload<'d> {
    Plain(Node<'d>),
    Encrypted(Node<'d>),
    /// Only a failed request has none; the status is judged before the payload is touched.
    None,
}

impl<'d> Shape<'d> {
    fn read(dom: &'d Dom<'_>) -> Result<Shape<'d>, ResponseError> {
        let response = dom.root()?;
        if !response.is(SAMLP, "Response") {
            return Err(ResponseError::NotAResponse { actual: response.label() });
        }
        check_version(response, "Response")?;
        check_id(response)?;
        let payload = find_payload(response)?;
        let assertion = match payload {
            Payload::Plain(assertion) => Some(assertion),
            Payload::Encrypted(_) | Payload::None => None,
        };
        check_placement(dom, Some(response), assertion)?;
        let order = [
            (SAML, "Issuer"),
            (DS, "Signature"),
            (SAMLP, "Extensions"),
            (SAMLP, "Status"),
            (SAML, "Assertion"),
            (SAML, "EncryptedAssertion"),
        ];
        let [issuer, signature, _, status, ..] = in_order(response, order)?;
        let status = status.ok_or(ResponseError::Status { status: "none".to_owned() })?;
        if let Some(assertion) = assertion {
            check_assertion_shape(assertion)?;
        }
        Ok(Shape { response, issuer, signature, status, payload })
    }

    fn describe(&self) -> String {
        match self.payload {
            Payload::Plain(_) => "one Response with one Assertion".to_owned(),
            Payload::Encrypted(_) => "one Response with one EncryptedAssertion".to_owned(),
            Payload::None => "one Response without an assertion".to_owned(),
        }
    }
}

/// Exactly one assertion, plain or encrypted, as a direct child. Names count in any namespace here.
fn find_payload(response: Node<'_>) -> Result<Payload<'_>, ResponseError> {
    let plain: Vec<_> = response.children_named(SAML, "Assertion").collect();
    let encrypted: Vec<_> = response.children_named(SAML, "EncryptedAssertion").collect();
    match (plain.as_slice(), encrypted.as_slice()) {
        ([], []) => Ok(Payload::None),
        ([assertion], []) => Ok(Payload::Plain(*assertion)),
        ([], [assertion]) => Ok(Payload::Encrypted(*assertion)),
        ([_, ..], [_, ..]) => Err(ResponseError::MixedAssertions),
        (several, []) | ([], several) => Err(ResponseError::SeveralAssertions { count: several.len() }),
    }
}

/// No assertion, response or signature but the expected ones, anywhere, in whatever namespace.
fn check_placement(dom: &Dom<'_>, response: Option<Node<'_>>, assertion: Option<Node<'_>>) -> Result<(), ResponseError> {
    for element in dom.elements() {
        let parent = element.parent();
        let in_response = parent.is_some() && parent == response;
        let in_assertion = parent.is_some() && parent == assertion;
        let label = || parent.map_or_else(String::new, Node::label);
        match element.local_name() {
            "Response" if Some(element) == response => {}
            "Assertion" if Some(element) == assertion => {}
            "EncryptedAssertion" if in_response => {}
            "Response" | "Assertion" | "EncryptedAssertion" => {
                return Err(ResponseError::MisplacedAssertion { element: element.label(), parent: label() });
            }
            "Signature" if in_response || in_assertion => {}
            "SignedInfo" | "SignatureValue" if parent.is_some_and(|parent| parent.is(DS, "Signature")) => {}
            "Signature" | "SignedInfo" | "SignatureValue" => {
                return Err(ResponseError::MisplacedSignature { element: element.label(), parent: label() });
            }
            _ => {}
        }
    }
    for (element, name) in [(response, "Response"), (assertion, "Assertion")] {
        if element.is_some_and(|element| element.children_named(DS, "Signature").count() > 1) {
            return Err(ResponseError::SeveralSignatures { element: name });
        }
    }
    Ok(())
}

/// The schema's sequence for an Assertion (SAML core 2.3.3).
fn check_assertion_shape(assertion: Node<'_>) -> Result<(), ResponseError> {
    check_version(assertion, "Assertion")?;
    check_id(assertion)?;
    let children = assertion.only_elements()?;
    let mut rest = children.as_slice();
    for (namespace, local) in [(SAML, "Issuer"), (DS, "Signature"), (SAML, "Subject"), (SAML, "Conditions"), (SAML, "Advice")] {
        if let [first, tail @ ..] = rest
            && first.is(namespace, local)
        {
            rest = tail;
        }
    }
    let statement =
        |node: &Node<'_>| ["AuthnStatement", "AttributeStatement", "AuthzDecisionStatement"].iter().any(|local| node.is(SAML, local));
    match rest.iter().find(|node| !statement(node)) {
        None => Ok(()),
        Some(odd) => Err(ResponseError::UnexpectedElement { element: odd.label(), parent: assertion.label() }),
    }
}

/// The children of an element, each at most once and in the order of the schema.
fn in_order<'d, const N: usize>(
    parent: Node<'d>,
    order: [(&'static str, &'static str); N],
) -> Result<[Option<Node<'d>>; N], ResponseError> {
    let mut found = [None; N];
    let mut next = 0;
    for child in parent.only_elements()? {
        let place = order.iter().enumerate().skip(next).find(|(_, (namespace, local))| child.is(namespace, local));
        let Some((at, _)) = place else {
            return Err(ResponseError::UnexpectedElement { element: child.label(), parent: parent.label() });
        };
        if let Some(slot) = found.get_mut(at) {
            *slot = Some(child);
        }
        next = at + 1;
    }
    Ok(found)
}

pub(crate) fn check_version(element: Node<'_>, name: &'static str) -> Result<(), ResponseError> {
    match element.attribute("Version") {
        Some("2.0") => Ok(()),
        other => Err(ResponseError::Version { element: name, actual: printable(other.unwrap_or_default(), 20) }),
    }
}

/// An ID is an XML name without a colon (SAML core 1.3.4); ASCII covers every identity provider.
pub(crate) fn check_id(element: Node<'_>) -> Result<(), ResponseError> {
    let id = element.attribute("ID").unwrap_or_default();
    let begins = id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins && id.len() <= 256 && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) {
        return Ok(());
    }
    Err(ResponseError::InvalidAttribute { element: element.label(), attribute: "ID" })
}

/// SAML core 3.2.2. A failure is reported with its codes, never with its message, which anybody may have written.
fn check_status(status: Node<'_>) -> Result<(), ResponseError> {
    let Some(code) = status.children_named(SAMLP, "StatusCode").next() else {
        return Err(ResponseError::Status { status: "none".to_owned() });
    };
    let outer = code.attribute("Value").unwrap_or_default();
    if outer == STATUS_SUCCESS {
        return Ok(());
    }
    let inner = code.children_named(SAMLP, "StatusCode").next().and_then(|inner| inner.attribute("Value"));
    let mut codes = printable(outer, 120);
    if let Some(inner) = inner {
        codes.push_str(" / ");
        codes.push_str(&printable(inner, 120));
    }
    if let Some(meaning) = inner.and_then(status_meaning).or_else(|| status_meaning(outer)) {
        codes.push_str(": ");
        codes.push_str(meaning);
    }
    let message = status.children_named(SAMLP, "StatusMessage").next().map(|message| printable(message.text_below().trim(), 200));
    if let Some(message) = message.filter(|message| !message.is_empty()) {
        codes.push_str("; its own words: ");
        codes.push_str(&message);
    }
    Err(ResponseError::Status { status: codes })
}

/// An assertion and what makes it trustworthy.
enum Cover<'d> {
    Own(Signed<'d>),
    Response(Signed<'d>),
}

impl<'d> Cover<'d> {
    fn signed(&self) -> Signed<'d> {
        match self {
            Cover::Own(signed) | Cover::Response(signed) => *signed,
        }
    }
}

/// The certificates whose keys made the signatures of one response.
#[derive(Default)]
struct Signers<'k>(Vec<&'k SigningCertificate>);

impl<'k> Signers<'k> {
    fn verify<'d>(
        &mut self,
        element: Node<'d>,
        signature: Node<'d>,
        keys: &'k [SigningCertificate],
        name: &'static str,
    ) -> Result<Signed<'d>, ResponseError> {
        let (signed, key) = signature::verify_by(element, signature, keys, name)?;
        self.0.push(key);
        Ok(signed)
    }

    /// The certificate whose key made the signature that was looked at last.
    fn last(&self) -> String {
        self.0.last().map_or_else(String::new, |certificate| format!("the key of the certificate {}", certificate.describe()))
    }

    /// A certificate past its dates is refused or told of. A renewed one for the same key beside it in the metadata will do.
    fn check_dates(self, expected: &Expected<'_>, log: &mut Log) -> Result<Option<SigningCertificate>, ResponseError> {
        let renewed =
            |old: &SigningCertificate| expected.idp.signing_keys.iter().any(|key| key.has_key_of(old) && key.is_current(expected.now));
        let outdated = self.0.into_iter().find(|certificate| !certificate.is_current(expected.now) && !renewed(certificate));
        let result = match outdated {
            Some(certificate) if expected.refuse_expired_certificates => Err(ResponseError::CertificateExpired {
                fingerprint: certificate.fingerprint(),
                not_before: certificate.not_before(),
                not_after: certificate.not_after(),
                now: expected.now,
            }),
            other => Ok(other.cloned()),
        };
        let found = log.check("certificate", result, |outdated| match outdated {
            None => "within its dates".to_owned(),
            Some(certificate) => format!("SHA-256 {} is past its dates, which is accepted here", certificate.fingerprint()),
        })?;
        Ok(found.flatten())
    }
}

/// Every signature present must verify; one of the two must be there.
fn verify_assertion<'d, 'k>(
    assertion: Node<'d>,
    by_response: Option<Signed<'d>>,
    keys: &'k [SigningCertificate],
    signers: &mut Signers<'k>,
) -> Result<Cover<'d>, ResponseError> {
    match (assertion.children_named(DS, "Signature").next(), by_response) {
        (Some(signature), _) => signers.verify(assertion, signature, keys, "Assertion").map(Cover::Own),
        (None, Some(signed)) => Ok(Cover::Response(signed)),
        (None, None) => Err(ResponseError::NotSigned),
    }
}

/// The decrypted assertion is a document of its own and passes the same rules again.
fn parse_plaintext<'p>(plaintext: &'p Plaintext, limits: &Limits) -> Result<Dom<'p>, ResponseError> {
    let dom = Dom::parse(plaintext.bytes(), limits, Mode::Protocol).map_err(|error| plaintext.uniform(error.into()))?;
    let assertion = dom.root()?;
    if !assertion.is(SAML, "Assertion") {
        return Err(plaintext.uniform(ResponseError::AssertionMissing));
    }
    check_placement(&dom, None, Some(assertion))
        .and_then(|()| check_assertion_shape(assertion))
        .map_err(|error| plaintext.uniform(error))?;
    Ok(dom)
}

fn describe_cover(cover: &Cover<'_>, signers: &Signers<'_>) -> String {
    match cover {
        Cover::Own(_) => format!("the Assertion is signed, and verified with {}", signers.last()),
        Cover::Response(_) => "the Assertion is not signed itself; the signature of the Response covers it".to_owned(),
    }
}
