//! Attributes of an assertion, by the names of the configuration.

use http::StatusCode;
use saml::VerifiedAssertion;

use crate::config::SamlIdp;

use super::error::Mender;

/// Why the attributes of an assertion are refused.
#[derive(Debug, thiserror::Error)]
pub enum AttributeError {
    /// An attribute that is needed has values that are elements. What is left would be read as all there is.
    #[error("The identity provider sent {name:?} as XML elements instead of text.")]
    Structured {
        /// The attribute.
        name: String,
        /// How many of its values are elements.
        count: usize,
    },
}

impl AttributeError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Structured { .. } => "login.attribute_structured",
        }
    }

    /// What only the log and the audit trail are told.
    pub(super) fn private(&self) -> String {
        let Self::Structured { count, .. } = self;
        format!("{self} Needed: text in each AttributeValue; received: {count} value(s) with elements.")
    }

    /// Status, heading, and who can mend it.
    pub(super) fn presentation(&self) -> (StatusCode, &'static str, Mender) {
        match self {
            Self::Structured { .. } => (StatusCode::FORBIDDEN, "The sign-in was refused", Mender::IdpAdministrator),
        }
    }
}

/// Every attribute that the configuration names has text values only.
pub(super) fn require_text(settings: &SamlIdp, assertion: &VerifiedAssertion) -> Result<(), AttributeError> {
    let optional = [&settings.username_attribute, &settings.email_attribute, &settings.name_attribute];
    let names: Vec<&str> =
        std::iter::once(settings.groups_attribute.as_str()).chain(optional.into_iter().filter_map(|name| name.as_deref())).collect();
    let is_needed = |name: Option<&str>| name.is_some_and(|name| names.contains(&name));
    let mut structured = assertion.attributes.iter().filter(|attribute| attribute.structured > 0);
    match structured.find(|attribute| is_needed(Some(&attribute.name)) || is_needed(attribute.friendly_name.as_deref())) {
        Some(attribute) => {
            Err(AttributeError::Structured { name: attribute.name.chars().take(200).collect(), count: attribute.structured })
        }
        None => Ok(()),
    }
}

/// All values of the attribute with this `Name`, or else this `FriendlyName`; each value is one group, whatever is in it.
pub(super) fn values(assertion: &VerifiedAssertion, name: &str) -> Vec<String> {
    let by_name: Vec<String> = assertion.values(name).map(str::to_owned).collect();
    if !by_name.is_empty() {
        return by_name;
    }
    let friendly = assertion.attributes.iter().filter(|attribute| attribute.friendly_name.as_deref() == Some(name));
    friendly.flat_map(|attribute| attribute.values.iter().cloned()).collect()
}

pub(super) fn first(assertion: &VerifiedAssertion, name: &str) -> Option<String> {
    values(assertion, name).into_iter().find(|value| !value.is_empty())
}
