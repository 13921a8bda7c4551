//! Why a sign-out at an identity provider, or by its word, does not go on. The session here is not among it: where the sign-out
//! began here, that has ended before.

use http::StatusCode;
use saml::logout::LogoutError;
use saml::redirect::RedirectError;

/// Why a sign-out does not go on.
#[derive(Debug, thiserror::Error)]
pub enum SignOutError {
    /// The SAML message is refused.
    #[error("The sign-out message of the identity provider was refused: {0}.")]
    Message(#[source] LogoutError),
    /// The message or token was used before.
    #[error("This sign-out message of the identity provider was already used once.")]
    Replayed,
    /// No sign-out of that state is under way.
    #[error("No sign-out is waiting for this answer: it may be finished, or it began more than ten minutes ago.")]
    Unknown,
}

impl SignOutError {
    /// The stable code.
    pub(in super::super) fn code(&self) -> &'static str {
        match self {
            Self::Message(error) => error.code(),
            Self::Replayed => "login.sign_out_replayed",
            Self::Unknown => "login.sign_out_unknown",
        }
    }

    /// Whether somebody tried something: an address that was opened by hand or again is left to the log.
    pub(in super::super) fn belongs_on_record(&self) -> bool {
        !matches!(self, Self::Unknown | Self::Message(LogoutError::MessageMissing | LogoutError::Query(RedirectError::Missing { .. })))
    }

    /// Status, heading, and whether the identity provider's administrator can mend it.
    pub(in super::super) fn presentation(&self) -> (StatusCode, &'static str, bool) {
        match self {
            Self::Message(_) => (StatusCode::FORBIDDEN, "The sign-out message was refused", true),
            Self::Replayed => (StatusCode::FORBIDDEN, "The sign-out message was refused", false),
            Self::Unknown => (StatusCode::BAD_REQUEST, "This sign-out has ended", false),
        }
    }
}
