//! The Web Browser SSO profile (SAML profiles 4.1.4), read from a signed assertion.
//!
//! Attributes of the Response may stand outside every signature, when only the assertion is signed: they can make a
//! response be refused, and nothing of them ends up in the result.

pub(crate) mod clock;
pub(crate) mod statements;

use jiff::Timestamp;

use self::clock::{ASSERTION_WINDOW, CONFIRMATION_WINDOW, Clock};
use self::statements::{read_attributes, read_authentication, read_subject};
use crate::entity_id::EntityId;
use crate::error::ResponseError;
use crate::inspect::Log;
use crate::instant;
use crate::names::{CM_BEARER, NAMEID_ENTITY, SAML};
use crate::response::{Expected, Shape, Solicitation};
use crate::signature::Signed;
use crate::verified::VerifiedAssertion;
use crate::xml::{Node, printable};

/// Checks everything that the profile asks for, in its order; gives what the assertion says.
pub(crate) fn check(
    shape: &Shape<'_>,
    issuer_required: bool,
    assertion: Signed<'_>,
    expected: &Expected<'_>,
    solicitation: Solicitation<'_>,
    log: &mut Log,
) -> Result<VerifiedAssertion, ResponseError> {
    let profile = Profile { expected, solicitation, clock: Clock::new(expected.now, expected.skew) };
    profile.check_response(shape, issuer_required, log)?;
    profile.check_assertion(assertion.node(), log)
}

struct Profile<'a> {
    expected: &'a Expected<'a>,
    solicitation: Solicitation<'a>,
    clock: Clock,
}

/// A bearer confirmation that holds (SAML profiles 4.1.4.2).
struct Confirmation {
    in_response_to: Option<String>,
    ends: Timestamp,
}

impl Profile<'_> {
    fn check_response(&self, shape: &Shape<'_>, issuer_required: bool, log: &mut Log) -> Result<(), ResponseError> {
        let own = self.expected.idp.entity_id.as_str();
        let issuer = match shape.issuer {
            None if issuer_required => Err(ResponseError::IssuerMissing { element: "Response", expected: own.to_owned() }),
            None => Ok(false),
            Some(issuer) => self.check_issuer(issuer, "Response").map(|_| true),
        };
        log.check("response_issuer", issuer, |issued| if *issued { own } else { "none, and none is required" }.to_owned())?;
        let destination = match shape.response.attribute("Destination") {
            None => Err(ResponseError::DestinationMissing { expected: self.expected.acs_url.to_string() }),
            Some(actual) if actual == self.expected.acs_url.as_str() => Ok(()),
            Some(actual) => {
                Err(ResponseError::DestinationMismatch { expected: self.expected.acs_url.to_string(), actual: printable(actual, 500) })
            }
        };
        log.check("destination", destination, |()| self.expected.acs_url.to_string())?;
        let answered = self.check_in_response_to(shape.response, "Response");
        log.check("response_in_response_to", answered, |id| self.describe_request(id.as_deref()))?;
        let instant = self.clock.check_issued(shape.response, "Response IssueInstant");
        log.check("response_issue_instant", instant, Timestamp::to_string)?;
        Ok(())
    }

    fn check_assertion(&self, assertion: Node<'_>, log: &mut Log) -> Result<VerifiedAssertion, ResponseError> {
        let issuer = self.read_issuer(assertion);
        let issuer = log.check("assertion_issuer", issuer, EntityId::to_string)?;
        let instant = self.clock.check_issued(assertion, "Assertion IssueInstant");
        log.check("assertion_issue_instant", instant, Timestamp::to_string)?;
        let subject = log.check("subject", read_subject(assertion), |name_id| name_id.value.clone())?;
        let window = conditions(assertion).and_then(|found| self.clock.check_window(found, &ASSERTION_WINDOW));
        log.check("validity", window, ToString::to_string)?;
        let understood = conditions(assertion).and_then(check_conditions);
        let one_time_use = log.check("conditions", understood, |once| if *once { "OneTimeUse" } else { "all understood" }.to_owned())?;
        let audience = conditions(assertion).and_then(|found| self.check_audience(found));
        log.check("audience", audience, |()| self.expected.sp.entity_id.to_string())?;
        let confirmed = self.check_confirmations(assertion);
        let confirmation = log.check("subject_confirmation", confirmed, |found| {
            format!("bearer, {}, until {}", self.describe_request(found.in_response_to.as_deref()), found.ends)
        })?;
        let signed_in = read_authentication(assertion, &self.clock);
        let authentication = log.check("authn_statement", signed_in, |found| format!("signed in at {}", found.instant))?;
        let attributes = log.check("attributes", read_attributes(assertion), |found| format!("{} attribute(s)", found.len()))?;
        log.verdict()?;
        // Past the verdict every value is there; without one the assertion is refused all the same.
        let issuer = issuer.ok_or_else(|| self.no_issuer())?;
        let confirmation = confirmation.ok_or(ResponseError::BearerMissing)?;
        let authentication = authentication.ok_or(ResponseError::AuthnStatementMissing)?;
        Ok(VerifiedAssertion {
            issuer,
            assertion_id: assertion.attribute("ID").unwrap_or_default().to_owned(),
            name_id: subject.ok_or(ResponseError::SubjectMissing)?,
            attributes: attributes.ok_or(ResponseError::SubjectMissing)?,
            authn_instant: authentication.instant,
            authn_context: authentication.context,
            session_index: authentication.session_index,
            session_not_on_or_after: authentication.session_ends,
            replay_until: self.clock.latest(confirmation.ends),
            one_time_use: one_time_use.ok_or(ResponseError::ConditionsMissing)?,
            // `response` knows which keys signed.
            outdated_certificate: None,
            in_response_to: confirmation.in_response_to,
        })
    }

    fn read_issuer(&self, assertion: Node<'_>) -> Result<EntityId, ResponseError> {
        let issuer = assertion.children_named(SAML, "Issuer").next().ok_or_else(|| self.no_issuer())?;
        self.check_issuer(issuer, "Assertion")
    }

    fn no_issuer(&self) -> ResponseError {
        ResponseError::IssuerMissing { element: "Assertion", expected: self.expected.idp.entity_id.to_string() }
    }

    /// SAML core 2.2.5: an issuer is an entity id. It must be the identity provider of this sign-in, byte for byte.
    fn check_issuer(&self, issuer: Node<'_>, element: &'static str) -> Result<EntityId, ResponseError> {
        let expected = &self.expected.idp.entity_id;
        let entity = issuer.attribute("Format").is_none_or(|format| format == NAMEID_ENTITY);
        let actual = issuer.text()?;
        if entity && actual == expected.as_str() {
            return Ok(expected.clone());
        }
        Err(ResponseError::IssuerMismatch { element, expected: expected.to_string(), actual: printable(actual, 500) })
    }

    /// SAML core 3.2.2 and profiles 4.1.4.2; gives the request that is named, if it is compared.
    fn check_in_response_to(&self, node: Node<'_>, element: &'static str) -> Result<Option<String>, ResponseError> {
        let actual = node.attribute("InResponseTo");
        match (self.solicitation, actual) {
            (Solicitation::Request(expected), Some(actual)) if actual == expected => Ok(Some(actual.to_owned())),
            (Solicitation::Request(expected), Some(actual)) => {
                Err(ResponseError::InResponseToMismatch { element, expected: expected.to_owned(), actual: printable(actual, 200) })
            }
            (Solicitation::Request(expected), None) => Err(ResponseError::InResponseToMissing { element, expected: expected.to_owned() }),
            (Solicitation::Unsolicited, None) => Ok(None),
            (Solicitation::Unsolicited, Some(_)) | (Solicitation::Refused, _) => {
                Err(ResponseError::Unsolicited { actual: actual.map(|actual| printable(actual, 200)) })
            }
            (Solicitation::NotCompared, actual) => Ok(actual.map(|actual| printable(actual, 200))),
        }
    }

    fn describe_request(&self, id: Option<&str>) -> String {
        match (self.solicitation, id) {
            (Solicitation::NotCompared, Some(id)) => format!("answers request {id}, not compared because no request id was given"),
            (Solicitation::NotCompared, None) => "names no request, not compared because no request id was given".to_owned(),
            (_, Some(id)) => format!("answers request {id}"),
            (_, None) => "unsolicited, which is allowed here".to_owned(),
        }
    }

    /// One bearer confirmation must hold; others may be meant for somebody else. The result ends when the last of them
    /// does: until then the assertion might be accepted again, by another of its confirmations.
    fn check_confirmations(&self, assertion: Node<'_>) -> Result<Confirmation, ResponseError> {
        let subject = assertion.children_named(SAML, "Subject").next().ok_or(ResponseError::SubjectMissing)?;
        let bearers = subject.children_named(SAML, "SubjectConfirmation").filter(|node| node.attribute("Method") == Some(CM_BEARER));
        let mut holds: Option<Confirmation> = None;
        let mut first_error = None;
        let mut last_end = Timestamp::MIN;
        for bearer in bearers {
            let ends = bearer.children_named(SAML, "SubjectConfirmationData").filter_map(|data| data.attribute("NotOnOrAfter"));
            last_end = ends.filter_map(instant::parse).fold(last_end, Timestamp::max);
            match self.check_bearer(bearer) {
                Ok(confirmation) => {
                    holds.get_or_insert(confirmation);
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        let confirmation = holds.ok_or_else(|| first_error.unwrap_or(ResponseError::BearerMissing))?;
        Ok(Confirmation { ends: confirmation.ends.max(last_end), ..confirmation })
    }

    /// SAML profiles 4.1.4.2: recipient, end and request are required.
    fn check_bearer(&self, bearer: Node<'_>) -> Result<Confirmation, ResponseError> {
        let children = bearer.only_elements()?;
        let data = children.iter().find(|child| child.is(SAML, "SubjectConfirmationData")).ok_or(ResponseError::ConfirmationDataMissing)?;
        let recipient =
            data.attribute("Recipient").ok_or_else(|| ResponseError::RecipientMissing { expected: self.expected.acs_url.to_string() })?;
        if recipient != self.expected.acs_url.as_str() {
            return Err(ResponseError::RecipientMismatch {
                expected: self.expected.acs_url.to_string(),
                actual: printable(recipient, 500),
            });
        }
        let window = self.clock.check_window(*data, &CONFIRMATION_WINDOW)?;
        let ends = window.not_on_or_after.ok_or(ResponseError::ConfirmationUnbounded)?;
        let in_response_to = self.check_in_response_to(*data, "SubjectConfirmationData")?;
        Ok(Confirmation { in_response_to, ends })
    }

    /// SAML core 2.5.1.4: every restriction must name us, one audience of each is enough.
    fn check_audience(&self, conditions: Node<'_>) -> Result<(), ResponseError> {
        let own = self.expected.sp.entity_id.as_str();
        let mut restricted = false;
        for restriction in conditions.children_named(SAML, "AudienceRestriction") {
            restricted = true;
            let mut audiences = Vec::new();
            for audience in restriction.only_elements()? {
                if !audience.is(SAML, "Audience") {
                    return Err(ResponseError::UnexpectedElement { element: audience.label(), parent: restriction.label() });
                }
                audiences.push(audience.text()?);
            }
            if !audiences.contains(&own) {
                let actual = audiences.iter().take(10).map(|audience| printable(audience, 500)).collect();
                return Err(ResponseError::AudienceMismatch { expected: own.to_owned(), actual });
            }
        }
        if restricted { Ok(()) } else { Err(ResponseError::AudienceMissing { expected: own.to_owned() }) }
    }
}

fn conditions(assertion: Node<'_>) -> Result<Node<'_>, ResponseError> {
    assertion.children_named(SAML, "Conditions").next().ok_or(ResponseError::ConditionsMissing)
}

/// SAML core 2.5.1.1: a condition that is not understood makes the assertion's validity unknown. Gives `OneTimeUse`.
fn check_conditions(conditions: Node<'_>) -> Result<bool, ResponseError> {
    let mut one_time_use = false;
    for condition in conditions.only_elements()? {
        if condition.is(SAML, "OneTimeUse") {
            one_time_use = true;
        } else if !condition.is(SAML, "AudienceRestriction") && !condition.is(SAML, "ProxyRestriction") {
            return Err(ResponseError::ConditionUnknown { element: condition.label() });
        }
    }
    Ok(one_time_use)
}
