//! What an assertion says of the person: subject, authentication, attributes (SAML core 2.4, 2.7).

use jiff::Timestamp;

use super::clock::{Clock, optional};
use crate::error::ResponseError;
use crate::names::SAML;
use crate::verified::{Attribute, NameId};
use crate::xml::Node;

/// The one AuthnStatement that counts.
pub(super) struct Authentication {
    pub(super) instant: Timestamp,
    pub(super) context: Option<String>,
    pub(super) session_index: Option<String>,
    pub(super) session_ends: Option<Timestamp>,
}

/// SAML core 2.4.1: the NameID, then confirmations. An encrypted or structured identifier is not supported.
pub(super) fn read_subject(assertion: Node<'_>) -> Result<NameId, ResponseError> {
    let subject = assertion.children_named(SAML, "Subject").next().ok_or(ResponseError::SubjectMissing)?;
    let children = subject.only_elements()?;
    let Some((first, rest)) = children.split_first() else { return Err(ResponseError::NameIdMissing) };
    if first.is(SAML, "EncryptedID") {
        return Err(ResponseError::EncryptedPart { element: "EncryptedID" });
    }
    if !first.is(SAML, "NameID") {
        return Err(ResponseError::NameIdMissing);
    }
    if let Some(odd) = rest.iter().find(|child| !child.is(SAML, "SubjectConfirmation")) {
        return Err(ResponseError::UnexpectedElement { element: odd.label(), parent: subject.label() });
    }
    read_name_id(*first)
}

/// SAML core 2.2.3: the identifier, with what qualifies it.
pub(crate) fn read_name_id(node: Node<'_>) -> Result<NameId, ResponseError> {
    let value = node.text()?;
    if value.trim().is_empty() || value.chars().count() > 1024 || value.chars().any(char::is_control) {
        return Err(ResponseError::NameIdInvalid);
    }
    let attribute = |name| node.attribute(name).map(str::to_owned);
    Ok(NameId {
        value: value.to_owned(),
        format: attribute("Format"),
        name_qualifier: attribute("NameQualifier"),
        sp_name_qualifier: attribute("SPNameQualifier"),
    })
}

/// SAML core 2.7.2; the profile asks for one statement, and of several the first counts.
pub(super) fn read_authentication(assertion: Node<'_>, clock: &Clock) -> Result<Authentication, ResponseError> {
    let statement = assertion.children_named(SAML, "AuthnStatement").next().ok_or(ResponseError::AuthnStatementMissing)?;
    let field = "AuthnInstant";
    let instant = optional(statement, field, field)?.ok_or(ResponseError::InstantInvalid { field })?;
    if clock.is_ahead(instant) {
        return Err(ResponseError::IssuedInFuture { field, instant, clock: clock.reading() });
    }
    let session_ends = optional(statement, "SessionNotOnOrAfter", "SessionNotOnOrAfter")?;
    if let Some(not_on_or_after) = session_ends.filter(|end| clock.has_passed(*end)) {
        return Err(ResponseError::SessionExpired { not_on_or_after, clock: clock.reading() });
    }
    let context = statement.children_named(SAML, "AuthnContext").next();
    let class = context.and_then(|context| context.children_named(SAML, "AuthnContextClassRef").next());
    Ok(Authentication {
        instant,
        context: class.map(Node::text).transpose()?.map(str::to_owned),
        session_index: statement.attribute("SessionIndex").map(str::to_owned),
        session_ends,
    })
}

/// SAML core 2.7.3. An encrypted attribute is refused rather than left out: it might be the one that forbids something.
pub(super) fn read_attributes(assertion: Node<'_>) -> Result<Vec<Attribute>, ResponseError> {
    let mut attributes = Vec::new();
    for statement in assertion.children_named(SAML, "AttributeStatement") {
        for child in statement.only_elements()? {
            if child.is(SAML, "EncryptedAttribute") {
                return Err(ResponseError::EncryptedPart { element: "EncryptedAttribute" });
            }
            if !child.is(SAML, "Attribute") {
                return Err(ResponseError::UnexpectedElement { element: child.label(), parent: statement.label() });
            }
            attributes.push(read_attribute(child)?);
        }
    }
    Ok(attributes)
}

fn read_attribute(node: Node<'_>) -> Result<Attribute, ResponseError> {
    let invalid = || ResponseError::InvalidAttribute { element: node.label(), attribute: "Name" };
    let name = node.attribute("Name").filter(|name| !name.is_empty()).ok_or_else(invalid)?;
    let (mut values, mut structured) = (Vec::new(), 0);
    for value in node.only_elements()? {
        if !value.is(SAML, "AttributeValue") {
            return Err(ResponseError::UnexpectedElement { element: value.label(), parent: node.label() });
        }
        // A structured value (a NameID, say) has no text form. It is counted, so that nobody takes what is left for all there is.
        if value.children().next().is_none() {
            values.push(value.text()?.to_owned());
        } else {
            structured += 1;
        }
    }
    Ok(Attribute { name: name.to_owned(), friendly_name: node.attribute("FriendlyName").map(str::to_owned), values, structured })
}
