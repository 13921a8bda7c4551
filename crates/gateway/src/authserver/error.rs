//! Everything that can go wrong at the authorization server, and how each of it looks on the wire.

use http::StatusCode;
use jiff::Timestamp;
use oauth::jwt::JwtError;
use oauth::pkce::PkceError;
use oauth::resource::ResourceError;
use oauth::scope::ScopeError;
use oauth::server::authorize::{AuthorizeError, TargetError};
use oauth::server::parameters::ParametersError;
use oauth::server::registration::RegistrationError;
use oauth::server::token::TokenRequestError;
use store::StoreError;

use crate::audit::AuditError;
use crate::idp_session::IdpSessionError;
use crate::keys::KeyringError;
use crate::random::RandomError;
use crate::sign_in::BeginError;

/// Why a request to the authorization server is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The parameters cannot be read.
    #[error("{0}")]
    Parameters(ParametersError),
    /// The body is of another type than this endpoint reads.
    #[error("the body must be {0}")]
    ContentType(&'static str),
    /// Parameters in the query of an endpoint that reads a body; URLs end up in logs.
    #[error("this endpoint takes its parameters in the body, not in the query")]
    QueryRefused,

    /// No `client_id`.
    #[error("client_id is missing")]
    ClientIdMissing,
    /// Nobody registered this client.
    #[error("the client is not registered here")]
    ClientUnknown,
    /// The answer cannot be sent to the redirect URI of the request.
    #[error("{0}")]
    Target(TargetError),
    /// The authorization request is wrong.
    #[error("{0}")]
    Authorize(AuthorizeError),

    /// There is no such sign-in under way.
    #[error("this sign-in is not known")]
    RequestUnknown,
    /// The sign-in was begun in another browser.
    #[error("this sign-in was begun in another browser, or its cookie is gone")]
    WrongBrowser,
    /// The sign-in took too long.
    #[error("this sign-in took too long")]
    RequestExpired,
    /// The person has not signed in yet.
    #[error("this sign-in is not finished")]
    RequestNotReady,
    /// The code was issued before.
    #[error("this sign-in was completed before")]
    RequestCompleted,
    /// The person, or a check, refused.
    #[error("access was refused ({0})")]
    Denied(String),
    /// The person is disabled.
    #[error("this account is disabled")]
    PersonDisabled,
    /// The person came from an identity provider that may not be used for this upstream.
    #[error("the identity provider of this sign-in may not be used for this MCP server")]
    IdpRefused,
    /// The upstream is no longer in the configuration, or has another address.
    #[error("the MCP server is no longer configured")]
    UpstreamGone,

    /// The registration is wrong.
    #[error("{0}")]
    Registration(RegistrationError),
    /// Dynamic registration is off.
    #[error("dynamic client registration is turned off here; ask the administrator to register the client")]
    RegistrationDisabled,
    /// Too many registrations.
    #[error("too many clients were registered; try again later")]
    RegistrationQuota,

    /// The token or revocation request is wrong.
    #[error("{0}")]
    TokenRequest(TokenRequestError),
    /// The client did not prove who it is.
    #[error("the client is not registered here, or did not prove who it is")]
    ClientAuthentication {
        /// Whether it tried by the `Authorization` header.
        by_header: bool,
    },
    /// No such code.
    #[error("the code is not known")]
    CodeUnknown,
    /// The code is over its time.
    #[error("the code has expired")]
    CodeExpired,
    /// The code was used before; its tokens are void now.
    #[error("the code was used before")]
    CodeReplayed,
    /// The code was issued to another client; its tokens are void now.
    #[error("the code was issued to another client")]
    CodeOfOtherClient,
    /// Another redirect URI than in the authorization request; the code's tokens are void now.
    #[error("redirect_uri is not the one of the authorization request")]
    CodeRedirectUriMismatch,
    /// The proof key's verifier is missing or wrong.
    #[error("{0}")]
    Verifier(PkceError),
    /// The resource is not the grant's.
    #[error("{0}")]
    Resource(ResourceError),
    /// The scope is wider than the grant.
    #[error("{0}")]
    Scope(ScopeError),
    /// The client may not refresh.
    #[error("the client did not register for refresh tokens")]
    RefreshNotRegistered,
    /// No such refresh token, or another client's.
    #[error("the refresh token is not known")]
    RefreshTokenUnknown,
    /// The refresh token is over its time.
    #[error("the refresh token has expired")]
    RefreshTokenExpired,
    /// The refresh token was used before, and the grace is over; all tokens of its family are void now.
    #[error("the refresh token was used before")]
    RefreshTokenReused,
    /// The refresh token lay unused longer than `tokens.refresh_idle`.
    #[error("the refresh token was not used for too long")]
    RefreshTokenIdle,
    /// A call needs a better sign-in than the one that this token rests on.
    #[error("a stronger or newer sign-in is needed")]
    StepUpRequired,
    /// The grant was revoked or its person disabled.
    #[error("the access was revoked")]
    GrantEnded,
    /// The identity provider said until when its session lasts, and nothing that was allowed in it lasts longer.
    #[error("the identity provider ended the session at {at}: sign in again")]
    IdpSessionEnded {
        /// SAML SessionNotOnOrAfter.
        at: Timestamp,
    },

    /// The identity provider session behind the grant.
    #[error(transparent)]
    IdpSession(#[from] IdpSessionError),

    /// The store does not answer.
    #[error("the store does not answer")]
    Store(#[from] StoreError),
    /// The audit trail cannot be written.
    #[error("the audit trail cannot be written")]
    Audit(#[from] AuditError),
    /// No signing key.
    #[error("there is no signing key")]
    Keys(#[from] KeyringError),
    /// A token cannot be signed.
    #[error("a token cannot be signed")]
    Sign(#[from] JwtError),
    /// No randomness.
    #[error("no randomness")]
    Random(#[from] RandomError),
    /// The sign-in did not begin.
    #[error(transparent)]
    Begin(#[from] BeginError),
}

/// Who can do something about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mender {
    /// The maker of the MCP client.
    Client,
    /// The person, by beginning again.
    Person,
    /// Doorward's administrator.
    Administrator,
    /// Doorward's operator: a fault of ours.
    Operator,
}

/// How an error looks on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status where the answer is not a redirect.
    pub(crate) status: StatusCode,
    /// The `error` member or parameter.
    pub(crate) oauth_error: &'static str,
    /// Who can mend it.
    pub(crate) mender: Mender,
}

/// What OAuth calls a refusal of the sign-in (OpenID Connect Core section 3.1.2.6, RFC 6749 section 4.1.2.1).
fn denial(code: &str) -> &'static str {
    match code {
        "login.login_required" => "login_required",
        "login.consent_required" => "consent_required",
        _ => "access_denied",
    }
}

impl Error {
    /// The stable code of this fault.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Parameters(error) => error.code(),
            Self::ContentType(_) => "authserver.content_type_refused",
            Self::QueryRefused => "authserver.query_refused",
            Self::ClientIdMissing => "authserver.client_id_missing",
            Self::ClientUnknown => "authserver.client_unknown",
            Self::Target(error) => error.code(),
            Self::Authorize(error) => error.code(),
            Self::RequestUnknown => "authserver.request_unknown",
            Self::WrongBrowser => "authserver.wrong_browser",
            Self::RequestExpired => "authserver.request_expired",
            Self::RequestNotReady => "authserver.request_not_ready",
            Self::RequestCompleted => "authserver.request_completed",
            Self::Denied(_) => "authserver.access_denied",
            Self::PersonDisabled => "authserver.person_disabled",
            Self::IdpRefused => "authserver.idp_refused",
            Self::UpstreamGone => "authserver.upstream_gone",
            Self::Registration(error) => error.code(),
            Self::RegistrationDisabled => "authserver.registration_disabled",
            Self::RegistrationQuota => "authserver.registration_quota",
            Self::TokenRequest(error) => error.code(),
            Self::ClientAuthentication { .. } => "authserver.client_authentication_failed",
            Self::CodeUnknown => "authserver.code_unknown",
            Self::CodeExpired => "authserver.code_expired",
            Self::CodeReplayed => "authserver.code_replayed",
            Self::CodeOfOtherClient => "authserver.code_of_other_client",
            Self::CodeRedirectUriMismatch => "authserver.code_redirect_uri_mismatch",
            Self::Verifier(error) => error.code(),
            Self::Resource(error) => error.code(),
            Self::Scope(error) => error.code(),
            Self::RefreshNotRegistered => "authserver.refresh_not_registered",
            Self::RefreshTokenUnknown => "authserver.refresh_token_unknown",
            Self::RefreshTokenExpired => "authserver.refresh_token_expired",
            Self::RefreshTokenReused => "authserver.refresh_token_reused",
            Self::RefreshTokenIdle => "authserver.refresh_token_idle",
            Self::StepUpRequired => "authserver.step_up_required",
            Self::GrantEnded => "authserver.grant_ended",
            Self::IdpSessionEnded { .. } => "authserver.idp_session_ended",
            Self::IdpSession(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Audit(error) => error.code(),
            Self::Keys(error) => error.code(),
            Self::Sign(error) => error.code(),
            Self::Random(_) => "authserver.randomness_failed",
            Self::Begin(error) => error.code(),
        }
    }

    /// The one match from faults to the wire (RFC 6749 sections 4.1.2.1 and 5.2, RFC 7591 section 3.2.2).
    pub(crate) fn answer(&self) -> Answer {
        use Mender::{Administrator, Client, Operator, Person};
        let (status, oauth_error, mender) = match self {
            Self::Parameters(_) | Self::ContentType(_) | Self::QueryRefused | Self::ClientIdMissing | Self::Target(_) => {
                (StatusCode::BAD_REQUEST, "invalid_request", Client)
            }
            Self::ClientUnknown => (StatusCode::BAD_REQUEST, "invalid_client", Client),
            Self::Authorize(error) => (StatusCode::BAD_REQUEST, error.oauth_error(), Client),
            Self::RequestUnknown | Self::WrongBrowser | Self::RequestExpired | Self::RequestNotReady | Self::RequestCompleted => {
                (StatusCode::BAD_REQUEST, "invalid_request", Person)
            }
            Self::Denied(code) => (StatusCode::FORBIDDEN, denial(code), Person),
            Self::PersonDisabled | Self::IdpRefused | Self::UpstreamGone | Self::RegistrationDisabled => {
                (StatusCode::FORBIDDEN, "access_denied", Administrator)
            }
            Self::Registration(error) => (StatusCode::BAD_REQUEST, error.oauth_error(), Client),
            Self::RegistrationQuota => (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable", Client),
            Self::TokenRequest(error) if error.oauth_error() == "invalid_client" => (StatusCode::UNAUTHORIZED, "invalid_client", Client),
            Self::TokenRequest(error) => (StatusCode::BAD_REQUEST, error.oauth_error(), Client),
            Self::ClientAuthentication { .. } => (StatusCode::UNAUTHORIZED, "invalid_client", Client),
            // RFC 7636 section 4.6: a wrong verifier is a wrong grant, an absent one a wrong request.
            Self::Verifier(PkceError::VerifierMissing) => (StatusCode::BAD_REQUEST, "invalid_request", Client),
            Self::CodeUnknown
            | Self::CodeExpired
            | Self::CodeReplayed
            | Self::CodeOfOtherClient
            | Self::CodeRedirectUriMismatch
            | Self::Verifier(_)
            | Self::RefreshTokenUnknown
            | Self::RefreshTokenExpired
            | Self::RefreshTokenReused
            | Self::RefreshTokenIdle
            | Self::StepUpRequired
            | Self::GrantEnded
            | Self::IdpSessionEnded { .. }
            | Self::IdpSession(IdpSessionError::Ended { .. }) => (StatusCode::BAD_REQUEST, "invalid_grant", Person),
            Self::IdpSession(IdpSessionError::Unreachable { .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", Administrator)
            }
            Self::Resource(_) => (StatusCode::BAD_REQUEST, "invalid_target", Client),
            Self::Scope(_) => (StatusCode::BAD_REQUEST, "invalid_scope", Client),
            Self::RefreshNotRegistered => (StatusCode::BAD_REQUEST, "unauthorized_client", Client),
            Self::Begin(BeginError::Quota) => (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable", Administrator),
            Self::IdpSession(IdpSessionError::Store(_) | IdpSessionError::Audit(_))
            | Self::Store(_)
            | Self::Audit(_)
            | Self::Begin(BeginError::Store(_) | BeginError::Random(_)) => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", Operator)
            }
            Self::Keys(_) | Self::Sign(_) | Self::Random(_) => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", Operator),
        };
        Answer { status, oauth_error, mender }
    }

    /// What the peer may know: the fault where it is the peer's, nothing of ours.
    pub(crate) fn public_text(&self) -> String {
        match self.answer().mender {
            Mender::Operator => "Doorward cannot answer at the moment".to_owned(),
            Mender::Client | Mender::Person | Mender::Administrator => self.to_string(),
        }
    }
}
