//! Why the choice of an identity provider does not go on.

use http::StatusCode;

use super::super::error::Mender;

/// Why a sign-in ends before any identity provider is asked.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// Addresses were tried one after the other.
    #[error("Too many e-mail addresses were tried in this sign-in.")]
    TooManyAddresses,
    /// `prompt=none`, and nobody is signed in here (OpenID Connect Core section 3.1.2.6).
    #[error("The program asked for an answer without any page, and nobody is signed in in this browser.")]
    LoginRequired,
    /// `prompt=none`, and the question has to be shown.
    #[error("The program asked for an answer without any page, and you have not allowed it yet.")]
    ConsentRequired,
}

impl ChoiceError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooManyAddresses => "login.too_many_addresses",
            Self::LoginRequired => "login.login_required",
            Self::ConsentRequired => "login.consent_required",
        }
    }

    /// Status, heading, and who can mend it.
    pub(in super::super) fn presentation(&self) -> (StatusCode, &'static str, Mender) {
        match self {
            Self::TooManyAddresses => (StatusCode::TOO_MANY_REQUESTS, "Too many addresses", Mender::Start),
            Self::LoginRequired | Self::ConsentRequired => (StatusCode::FORBIDDEN, "A page is needed", Mender::Start),
        }
    }
}
