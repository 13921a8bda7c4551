//! Why an OpenID provider gave nothing that can be used.

use oauth::client::authentication::ClientAuthError;
use oauth::client::discovery::DiscoveryError;
use oauth::client::groups::GroupsError;
use oauth::client::id_token::IdTokenError;
use oauth::client::logout_token::LogoutTokenError;
use oauth::client::token::TokenError;
use oauth::client::userinfo::UserinfoError;
use oauth::jwks::JwksError;

use crate::cached::Explain;
use crate::graph::GraphFault;
use crate::keys::KeyringError;
use crate::outbound::OutboundError;
use crate::random::RandomError;

/// Why the provider is not believed, or could not be asked. The texts may be shown to the person.
#[derive(Debug, thiserror::Error)]
pub enum OpenIdError {
    /// Discovery.
    #[error("The identity provider's configuration was refused: {0}.")]
    Discovery(#[from] DiscoveryError),
    /// The key set.
    #[error("The identity provider's keys were refused: {0}.")]
    Jwks(#[from] JwksError),
    /// The token endpoint.
    #[error("The identity provider did not give tokens: {0}.")]
    Token(#[from] TokenError),
    /// We cannot prove who we are.
    #[error("Doorward cannot prove to the identity provider who it is: {0}.")]
    ClientAuth(#[from] ClientAuthError),
    /// The key that would prove it.
    #[error("Doorward has no key to prove to the identity provider who it is.")]
    Keys(#[from] KeyringError),
    /// Randomness.
    #[error("Doorward cannot make random numbers at the moment.")]
    Random(#[from] RandomError),
    /// The claim that names the person is not there.
    #[error("The identity provider's statement about you has no usable `{0}`, the claim that names you here.")]
    SubjectClaimMissing(String),
    /// The ID token.
    #[error("The identity provider's statement about you was refused: {0}.")]
    IdToken(#[from] IdTokenError),
    /// A logout token.
    #[error("The logout token of the identity provider was refused: {0}.")]
    LogoutToken(#[from] LogoutTokenError),
    /// Userinfo.
    #[error("The identity provider's details about you were refused: {0}.")]
    Userinfo(#[from] UserinfoError),
    /// Groups that cannot be read whole.
    #[error("Your groups could not be read: {0}.")]
    Groups(#[from] GroupsError),
    /// Groups that the provider left out, and that Microsoft Graph did not give.
    #[error(transparent)]
    Graph(#[from] GraphFault),
    /// An answer of the IdP with a status that means nothing here.
    #[error("The identity provider answered {what} with status {status}.")]
    UnexpectedStatus {
        /// What was asked.
        what: &'static str,
        /// The HTTP status.
        status: u16,
    },
    /// A document could not be fetched a moment ago, and is not tried again yet.
    #[error("The configuration or the keys of “{issuer}” could not be loaded, so its answers cannot be checked.")]
    Unavailable {
        /// The issuer.
        issuer: String,
        /// Why, for the log.
        detail: String,
    },
    /// A token that no HTTP header can carry.
    #[error("The identity provider gave a token that cannot be sent back to it.")]
    TokenUnsendable,
    /// The IdP cannot be reached.
    #[error("The identity provider cannot be reached from here.")]
    Outbound(#[from] OutboundError),
}

/// What kind of failure it is: who can mend it, and with which status it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The provider said something that is refused.
    Refused,
    /// The provider does not answer.
    Down,
    /// The provider's documents do not fit.
    Setup,
}

impl OpenIdError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Discovery(error) => error.code(),
            Self::Jwks(error) => error.code(),
            Self::Token(error) => error.code(),
            Self::ClientAuth(error) => error.code(),
            Self::Keys(error) => error.code(),
            Self::Random(error) => error.code(),
            Self::SubjectClaimMissing(_) => "oidc.subject_claim_missing",
            Self::IdToken(error) => error.code(),
            Self::LogoutToken(error) => error.code(),
            Self::Userinfo(error) => error.code(),
            Self::Groups(error) => error.code(),
            Self::Graph(error) => error.code(),
            Self::UnexpectedStatus { .. } => "oidc.unexpected_status",
            Self::Unavailable { .. } => "oidc.documents_unavailable",
            Self::TokenUnsendable => "oidc.token_unsendable",
            Self::Outbound(error) => error.code(),
        }
    }

    /// What kind of failure it is.
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Graph(error) if error.is_down() => Fault::Down,
            Self::SubjectClaimMissing(_)
            | Self::Token(_)
            | Self::IdToken(_)
            | Self::LogoutToken(_)
            | Self::Userinfo(_)
            | Self::Groups(_)
            | Self::Graph(_)
            | Self::TokenUnsendable => Fault::Refused,
            Self::UnexpectedStatus { .. } | Self::Unavailable { .. } | Self::Outbound(_) => Fault::Down,
            Self::ClientAuth(_) | Self::Keys(_) | Self::Random(_) | Self::Discovery(_) | Self::Jwks(_) => Fault::Setup,
        }
    }

    /// Whether the provider told us of another person than the one who signs in.
    pub(crate) fn is_about_somebody_else(&self) -> bool {
        matches!(self, Self::Userinfo(UserinfoError::SubjectMismatch { .. }))
    }

    /// What only the log and the audit trail are told.
    pub(crate) fn private(&self) -> String {
        match self {
            Self::Unavailable { detail, .. } => format!("{self} {detail}"),
            Self::Outbound(error) => format!("{self} {error}"),
            Self::Keys(error) => format!("{self} {error}"),
            Self::Graph(error) => error.private(),
            Self::Discovery(_)
            | Self::Jwks(_)
            | Self::Token(_)
            | Self::IdToken(_)
            | Self::LogoutToken(_)
            | Self::Userinfo(_)
            | Self::Groups(_)
            | Self::ClientAuth(_)
            | Self::Random(_)
            | Self::SubjectClaimMissing(_)
            | Self::UnexpectedStatus { .. }
            | Self::TokenUnsendable => self.to_string(),
        }
    }

    /// The value that has to be changed or compared, where there is one that may be shown.
    pub(crate) fn exact_value(&self) -> Option<String> {
        match self {
            Self::Token(TokenError::Refused { error, .. }) => Some(error.clone()),
            Self::SubjectClaimMissing(claim) => Some(claim.clone()),
            Self::Token(TokenError::ClientRefused { method, .. }) => Some(method.name().to_owned()),
            Self::IdToken(IdTokenError::AcrMismatch { received, .. } | IdTokenError::TenantRefused { received }) => received.clone(),
            Self::ClientAuth(_)
            | Self::Keys(_)
            | Self::Random(_)
            | Self::Token(TokenError::Malformed { .. } | TokenError::NoIdToken)
            | Self::Discovery(_)
            | Self::Jwks(_)
            | Self::IdToken(_)
            | Self::LogoutToken(_)
            | Self::Userinfo(_)
            | Self::Groups(_)
            | Self::Graph(_)
            | Self::UnexpectedStatus { .. }
            | Self::Unavailable { .. }
            | Self::TokenUnsendable
            | Self::Outbound(_) => None,
        }
    }
}

impl Explain for OpenIdError {
    fn explain(&self) -> String {
        self.private()
    }

    fn cause(&self) -> &'static str {
        self.code()
    }
}
