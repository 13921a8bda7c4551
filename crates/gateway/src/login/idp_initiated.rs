//! A sign-in that begins at the identity provider: where it may lead.
//!
//! Such a response answers no request, so its RelayState is whatever the identity provider, or whoever sent the browser
//! there, put into it. It is compared with the administrator's list and never used as an address.

use http::StatusCode;

use crate::config::SamlIdp;

use super::error::Mender;

/// Why such a sign-in is refused.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The RelayState is not in the list.
    #[error("The identity provider wants to send you to a place that is not allowed here.")]
    NotListed {
        /// The RelayState.
        asked: String,
        /// The list.
        allowed: Vec<String>,
    },
}

impl TargetError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotListed { .. } => "login.idp_initiated_target",
        }
    }

    /// What only the log and the audit trail are told.
    pub(super) fn private(&self) -> String {
        let Self::NotListed { asked, allowed } = self;
        format!("{self} RelayState is {asked:?}; idp_initiated_targets has {}", allowed.join(", "))
    }

    /// Status, heading, and who can mend it.
    pub(super) fn presentation(&self) -> (StatusCode, &'static str, Mender) {
        match self {
            Self::NotListed { .. } => (StatusCode::FORBIDDEN, "The sign-in was refused", Mender::IdpAdministrator),
        }
    }
}

/// Takes the RelayState, if there is one; gives the path to go to.
pub(super) fn target<'s>(settings: &'s SamlIdp, relay_state: Option<&str>) -> Result<&'s str, TargetError> {
    let Some(asked) = relay_state else { return Ok("/") };
    settings
        .idp_initiated_targets
        .iter()
        .find(|target| target.as_str() == asked)
        .map(String::as_str)
        .ok_or_else(|| TargetError::NotListed { asked: asked.chars().take(200).collect(), allowed: settings.idp_initiated_targets.clone() })
}
