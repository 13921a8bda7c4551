//! What a verified response says. Only `response` makes these values, from nodes that a verified signature covers.

use jiff::Timestamp;

use crate::{EntityId, SigningCertificate};

/// The subject of an assertion (SAML core 2.2.3). It names a person only together with the issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameId {
    /// The identifier itself.
    pub value: String,
    /// The `Format` URI, if one is given.
    pub format: Option<String>,
    /// The `NameQualifier`, if one is given.
    pub name_qualifier: Option<String>,
    /// The `SPNameQualifier`, if one is given.
    pub sp_name_qualifier: Option<String>,
}

impl NameId {
    /// An identifier without a format or qualifiers, for a logout message. It proves nothing.
    pub fn new(value: String) -> NameId {
        NameId { value, format: None, name_qualifier: None, sp_name_qualifier: None }
    }
}

/// One attribute of the person (SAML core 2.7.3.1). The same name may occur more than once in an assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attribute {
    /// The `Name`.
    pub name: String,
    /// The `FriendlyName`, if one is given. For people, never to decide by.
    pub friendly_name: Option<String>,
    /// The values that are text.
    pub values: Vec<String>,
    /// How many values are elements instead: they have no text form and are not among the values. Whoever needs all values of
    /// the attribute refuses it then.
    pub structured: usize,
}

/// An assertion whose signature was verified and that passed every rule of the profile.
///
/// It cannot be made outside this crate: holding one is the proof that [`crate::verify_response`] accepted it.
///
/// ```compile_fail,E0639
/// fn forge(genuine: saml::VerifiedAssertion) -> saml::VerifiedAssertion {
///     saml::VerifiedAssertion { assertion_id: "_forged".to_owned(), ..genuine }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedAssertion {
    /// The identity provider. The key of a person is this together with `name_id` (or an attribute), never the latter alone.
    pub issuer: EntityId,
    /// The assertion's `ID`. The caller sees to it that one id is accepted once until `replay_until`.
    pub assertion_id: String,
    /// The subject.
    pub name_id: NameId,
    /// The attributes, in document order.
    pub attributes: Vec<Attribute>,
    /// When the person proved who they are.
    pub authn_instant: Timestamp,
    /// How: the `AuthnContextClassRef`.
    pub authn_context: Option<String>,
    /// The identity provider's name for its session, for single logout.
    pub session_index: Option<String>,
    /// When the identity provider wants its session forgotten.
    pub session_not_on_or_after: Option<Timestamp>,
    /// Until when the assertion could be accepted, clock skew included: how long its id must be remembered.
    pub replay_until: Timestamp,
    /// Whether the assertion carries `OneTimeUse` (SAML core 2.5.1.5).
    pub one_time_use: bool,
    /// The certificate of a signature that is past its dates and was accepted all the same, to be told to the administrator.
    pub outdated_certificate: Option<SigningCertificate>,
    /// The request that this answers; `None` for an unsolicited response.
    pub in_response_to: Option<String>,
}

impl VerifiedAssertion {
    /// The values of every attribute of this name, in document order.
    pub fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        self.attributes
            .iter()
            .filter(move |attribute| attribute.name == name)
            .flat_map(|attribute| attribute.values.iter().map(String::as_str))
    }
}
