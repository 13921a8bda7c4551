//! Every way in which a sign-in can fail, and the page for each.
//!
//! One enum, one exhaustive match to the page. A page has a public text only: what the store, the audit trail or the network
//! said goes to the log and to the audit trail, under the request id that the page shows.

use axum::response::Response;
use http::StatusCode;
use oauth::client::authorize::CallbackError;
use oauth::pkce::PkceError;
use store::StoreError;

use crate::audit::AuditError;
use crate::cached::Explain;
use crate::openid::{Fault, OpenIdError};
use crate::pages::{self, ErrorPage};
use crate::random::RandomError;
use crate::sign_in::BeginError;

use super::saml_groups::SamlGroupsError;

use super::access::AccessError;
use super::attributes::AttributeError;
use super::choose::ChoiceError;
use super::idp_initiated::TargetError;
use super::logout::SignOutError;
use super::loops::Loop;
use super::step_up::StepUpUnmet;
use super::trial::TrialError;

/// Why a sign-in, a consent or a sign-out does not go on.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The address has no well-formed `req`.
    #[error("The address of this page is incomplete: it does not name a sign-in.")]
    RequestMalformed,
    /// There is no such sign-in (any more).
    #[error("This sign-in is not known here. It may have ended, or the address was changed.")]
    RequestUnknown,
    /// The browser sent no cookie for this sign-in.
    #[error("Your browser did not send the cookie of this sign-in: it belongs to another browser, or cookies are blocked.")]
    CookieMissing,
    /// The cookie is of another sign-in.
    #[error("This sign-in was started in another browser.")]
    WrongBrowser,
    /// Over ten minutes old.
    #[error("This sign-in took longer than 10 minutes and has ended.")]
    RequestExpired,
    /// The step does not fit how far the sign-in is.
    #[error("This step does not fit how far the sign-in is: it was already taken, or never begun.")]
    OutOfStep,
    /// Nothing more to do.
    #[error("This sign-in is finished. You can close this page.")]
    AlreadyCompleted,
    /// The form's proof is not of this browser and this sign-in.
    #[error("The form that was sent does not belong to this sign-in in this browser.")]
    CsrfMismatch,
    /// The browser says that another site sent the form.
    #[error("Another web site sent this form.")]
    CrossSiteForm,
    /// Not a form, a field is missing or stands twice.
    #[error("The form that was sent cannot be read: {0}.")]
    FormMalformed(&'static str),
    /// No such IdP in the configuration.
    #[error("There is no identity provider “{0}” here.")]
    IdpUnknown(String),
    /// The upstream is not open to this IdP.
    #[error("The server “{upstream}” cannot be reached with an account of “{idp}”.")]
    IdpNotAllowed {
        /// The IdP's id.
        idp: String,
        /// The upstream's id.
        upstream: String,
    },
    /// The answer of one IdP came to the address of another.
    #[error("The answer came to the address of “{received}”, but the sign-in was begun at “{expected}”.")]
    IdpMismatch {
        /// Where the browser was sent.
        expected: String,
        /// Whose callback was called.
        received: String,
    },
    /// The upstream left the configuration during the sign-in.
    #[error("The server “{0}” is not here any more.")]
    UpstreamUnknown(String),
    /// Not a path of ours.
    #[error("The place to return to is not a page of this site.")]
    ReturnPathRefused,
    /// Sent to the IdP again and again.
    #[error(transparent)]
    LoopDetected(#[from] Box<Loop>),
    /// No usable SAML metadata of the IdP.
    #[error("The metadata of “{idp}” could not be loaded, so its answers cannot be checked.")]
    MetadataUnavailable {
        /// The IdP's id.
        idp: String,
        /// The code of the cause.
        cause: &'static str,
        /// Why, for the log.
        detail: String,
    },
    /// The metadata names no address for the sign-in.
    #[error("The metadata of “{0}” has no address to sign in at.")]
    NoSsoEndpoint(String),
    /// `/saml/metadata` where several SAML identity providers are configured, or none.
    #[error("There is not exactly one SAML identity provider here; ask for the metadata of one of them: {0}")]
    SamlMetadataAmbiguous(String),
    /// The AuthnRequest could not be made.
    #[error("The request to the identity provider could not be signed.")]
    SamlRequest(#[from] saml::RequestError),
    /// The response is refused.
    #[error("The answer of the identity provider was refused: {0}.")]
    SamlResponse(#[from] saml::ResponseError),
    /// The assertion was used before.
    #[error("This answer of the identity provider was already used once.")]
    AssertionReplayed,
    /// An assertion nobody asked for came to an IdP that may not send such.
    #[error("The identity provider sent an answer that no sign-in here asked for.")]
    Unsolicited,
    /// The subject changes with each sign-in.
    #[error("The identity provider names you by an identifier that changes with every sign-in.")]
    SubjectNotStable(String),
    /// The IdP left groups out (Microsoft Entra ID over 150 groups: `groups.link`).
    #[error("The identity provider left out your groups because there are too many.")]
    GroupsOverage(String),
    /// The groups of an assertion.
    #[error(transparent)]
    SamlGroups(#[from] SamlGroupsError),
    /// The NameID is not of the format that the configuration asks for.
    #[error("The identity provider names you in another format than was asked for.")]
    NameIdFormatMismatch(String),
    /// The person proved who they are by another method than the configuration asks for.
    #[error("The identity provider signed you in by a method that is not accepted here.")]
    AuthnContextMismatch(String),
    /// The person did not prove anew who they are, although that was asked for.
    #[error("A fresh sign-in was asked for, but the identity provider used an older one.")]
    ReauthenticationMissing,
    /// What the person wants to reach needs a stronger or newer sign-in than they made.
    #[error(transparent)]
    StepUp(#[from] StepUpUnmet),
    /// The callback's parameters.
    #[error("The answer of the identity provider was refused: {0}.")]
    Callback(#[from] CallbackError),
    /// `state` is not the one of this sign-in.
    #[error("The answer of the identity provider does not belong to this sign-in.")]
    StateMismatch,
    /// A PKCE verifier of our own that is none.
    #[error("The request to the identity provider could not be made.")]
    Pkce(#[from] PkceError),
    /// An OpenID provider gave nothing that can be used.
    #[error(transparent)]
    OpenId(#[from] OpenIdError),
    /// The person is shut out.
    #[error("Your account is disabled at this gateway.")]
    UserDisabled,
    /// The person said no.
    #[error("You did not allow the access.")]
    ConsentRefused,
    /// The store.
    #[error("Doorward cannot read or write its database at the moment.")]
    Store(#[from] StoreError),
    /// The audit trail: what cannot be recorded does not happen.
    #[error("Doorward cannot write its audit trail at the moment, so it lets nobody in.")]
    Audit(#[from] AuditError),
    /// Randomness.
    #[error("Doorward cannot make random numbers at the moment.")]
    Random(#[from] RandomError),
    /// The sign-in did not begin.
    #[error(transparent)]
    Begin(#[from] BeginError),
    /// Attributes that cannot be read whole.
    #[error(transparent)]
    Attribute(#[from] AttributeError),
    /// A sign-in that began at the IdP.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A test of a sign-in.
    #[error(transparent)]
    Trial(#[from] TrialError),
    /// Signed in, without access.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// No identity provider was chosen.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// Single logout.
    #[error(transparent)]
    SignOut(#[from] SignOutError),
}

impl LoginError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::RequestMalformed => "login.request_malformed",
            Self::RequestUnknown => "login.request_unknown",
            Self::CookieMissing => "login.cookie_missing",
            Self::WrongBrowser => "login.wrong_browser",
            Self::RequestExpired => "login.request_expired",
            Self::OutOfStep => "login.out_of_step",
            Self::AlreadyCompleted => "login.already_completed",
            Self::CsrfMismatch => "login.csrf_mismatch",
            Self::CrossSiteForm => "login.cross_site_form",
            Self::FormMalformed(_) => "login.form_malformed",
            Self::IdpUnknown(_) => "login.idp_unknown",
            Self::IdpNotAllowed { .. } => "login.idp_not_allowed",
            Self::IdpMismatch { .. } => "login.idp_mismatch",
            Self::UpstreamUnknown(_) => "login.upstream_unknown",
            Self::ReturnPathRefused => "login.return_path_refused",
            Self::LoopDetected(_) => "login.loop_detected",
            Self::MetadataUnavailable { .. } => "login.idp_metadata_unavailable",
            Self::NoSsoEndpoint(_) => "login.idp_without_sso_endpoint",
            Self::SamlMetadataAmbiguous(_) => "login.saml_metadata_ambiguous",
            Self::SamlRequest(error) => error.code(),
            Self::SamlResponse(error) => error.code(),
            Self::AssertionReplayed => "login.assertion_replayed",
            Self::Unsolicited => "login.unsolicited_response",
            Self::SubjectNotStable(_) => "login.subject_not_stable",
            Self::GroupsOverage(_) => "login.groups_overage",
            Self::SamlGroups(error) => error.code(),
            Self::NameIdFormatMismatch(_) => "login.name_id_format_mismatch",
            Self::AuthnContextMismatch(_) => "login.authn_context_mismatch",
            Self::ReauthenticationMissing => "login.reauthentication_missing",
            Self::StepUp(_) => "login.step_up_unmet",
            Self::Callback(error) => error.code(),
            Self::StateMismatch => "login.state_mismatch",
            Self::Pkce(error) => error.code(),
            Self::OpenId(error) => error.code(),
            Self::UserDisabled => "login.user_disabled",
            Self::ConsentRefused => "login.consent_refused",
            Self::Store(error) => error.code(),
            Self::Audit(error) => error.code(),
            Self::Random(error) => error.code(),
            Self::Begin(error) => error.code(),
            Self::Choice(error) => error.code(),
            Self::Attribute(error) => error.code(),
            Self::Target(error) => error.code(),
            Self::Access(error) => error.code(),
            Self::Trial(error) => error.code(),
            Self::SignOut(error) => error.code(),
        }
    }

    /// Whether this says something about somebody's sign-in. Addresses that name none, unreadable forms and pages opened again
    /// are left to the log: anybody could fill the audit trail with them.
    pub(super) fn belongs_on_record(&self) -> bool {
        if let Self::SignOut(error) = self {
            return error.belongs_on_record();
        }
        !matches!(self, Self::RequestMalformed | Self::FormMalformed(_) | Self::IdpUnknown(_) | Self::AlreadyCompleted | Self::UserDisabled)
    }

    /// What only the log and the audit trail are told: the whole chain of causes.
    pub(super) fn private(&self) -> String {
        if let Self::MetadataUnavailable { cause, detail, .. } = self {
            return format!("{self} {detail} [{cause}]");
        }
        if let Self::LoopDetected(found) = self {
            return found.private();
        }
        if let Self::OpenId(error) = self {
            return error.private();
        }
        if let Self::Attribute(error) = self {
            return error.private();
        }
        if let Self::SamlGroups(error) = self {
            return error.private();
        }
        if let Self::Target(error) = self {
            return error.private();
        }
        if let Self::StepUp(error) = self {
            return format!("{self} {}", error.evidence());
        }
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            let words = cause.to_string();
            // Most public texts already hold the words of their cause.
            if !text.contains(&words) {
                text.push_str(": ");
                text.push_str(&words);
            }
            next = cause.source();
        }
        text
    }

    /// Status, heading, and who can mend it.
    fn presentation(&self) -> (StatusCode, &'static str, Mender) {
        match self {
            Self::RequestMalformed | Self::FormMalformed(_) | Self::ReturnPathRefused => {
                (StatusCode::BAD_REQUEST, "This request cannot be read", Mender::Start)
            }
            Self::RequestUnknown | Self::RequestExpired => (StatusCode::BAD_REQUEST, "This sign-in has ended", Mender::Start),
            Self::CookieMissing => (StatusCode::BAD_REQUEST, "The cookie of this sign-in is missing", Mender::Cookies),
            Self::WrongBrowser => (StatusCode::FORBIDDEN, "This is another browser's sign-in", Mender::Start),
            Self::OutOfStep | Self::StateMismatch => (StatusCode::CONFLICT, "This step does not fit", Mender::Start),
            Self::AlreadyCompleted => (StatusCode::CONFLICT, "This sign-in is finished", Mender::Nobody),
            Self::CsrfMismatch | Self::CrossSiteForm => (StatusCode::FORBIDDEN, "This form was not sent from its page", Mender::Start),
            Self::IdpUnknown(_) | Self::UpstreamUnknown(_) | Self::SamlMetadataAmbiguous(_) => {
                (StatusCode::NOT_FOUND, "There is nothing here", Mender::Administrator)
            }
            Self::IdpNotAllowed { .. } => (StatusCode::FORBIDDEN, "This account cannot be used here", Mender::Administrator),
            Self::IdpMismatch { .. } | Self::AssertionReplayed => (StatusCode::FORBIDDEN, "The answer was refused", Mender::Start),
            Self::LoopDetected(_) => (StatusCode::TOO_MANY_REQUESTS, "The sign-in goes in circles", Mender::Cookies),
            Self::MetadataUnavailable { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "The identity provider does not answer", Mender::Administrator)
            }
            Self::SamlGroups(error) if error.is_down() => {
                (StatusCode::SERVICE_UNAVAILABLE, "The identity provider does not answer", Mender::Administrator)
            }
            Self::OpenId(error) => match error.fault() {
                Fault::Refused => (StatusCode::FORBIDDEN, "The sign-in was refused", Mender::IdpAdministrator),
                Fault::Down => (StatusCode::SERVICE_UNAVAILABLE, "The identity provider does not answer", Mender::Administrator),
                Fault::Setup => (StatusCode::SERVICE_UNAVAILABLE, "The sign-in cannot begin", Mender::Administrator),
            },
            Self::NoSsoEndpoint(_) | Self::SamlRequest(_) | Self::Pkce(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "The sign-in cannot begin", Mender::Administrator)
            }
            Self::SamlResponse(_)
            | Self::Unsolicited
            | Self::Callback(_)
            | Self::SubjectNotStable(_)
            | Self::GroupsOverage(_)
            | Self::SamlGroups(_)
            | Self::NameIdFormatMismatch(_)
            | Self::AuthnContextMismatch(_) => (StatusCode::FORBIDDEN, "The sign-in was refused", Mender::IdpAdministrator),
            Self::StepUp(_) => (StatusCode::FORBIDDEN, "A stronger sign-in is needed", Mender::IdpAdministrator),
            Self::ReauthenticationMissing => (StatusCode::FORBIDDEN, "A fresh sign-in is needed", Mender::Start),
            Self::UserDisabled => (StatusCode::FORBIDDEN, "Your account is disabled", Mender::Administrator),
            Self::ConsentRefused => (StatusCode::OK, "You did not allow the access", Mender::Nobody),
            Self::Choice(error) => error.presentation(),
            Self::Attribute(error) => error.presentation(),
            Self::Target(error) => error.presentation(),
            Self::Access(error) => error.presentation(),
            Self::Trial(error) => error.presentation(),
            Self::SignOut(error) => {
                let (status, title, at_idp) = error.presentation();
                (status, title, if at_idp { Mender::IdpAdministrator } else { Mender::Nobody })
            }
            Self::Begin(BeginError::Quota) => (StatusCode::TOO_MANY_REQUESTS, "Too many sign-ins at once", Mender::Administrator),
            Self::Store(_) | Self::Audit(_) | Self::Random(_) | Self::Begin(BeginError::Store(_) | BeginError::Random(_)) => {
                (StatusCode::SERVICE_UNAVAILABLE, "Doorward cannot work at the moment", Mender::Administrator)
            }
        }
    }

    /// The value that has to be changed or compared, where there is one that may be shown.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a variant without a value to show is the rule, not a case to decide")]
    fn exact_value(&self) -> Option<String> {
        match self {
            Self::MetadataUnavailable { cause, .. } => Some((*cause).to_owned()),
            Self::StepUp(error) => Some(error.evidence()),
            Self::IdpMismatch { received, .. } => Some(received.clone()),
            Self::Callback(CallbackError::Refused { error, .. }) => Some(error.clone()),
            Self::OpenId(error) => error.exact_value(),
            Self::SubjectNotStable(value)
            | Self::GroupsOverage(value)
            | Self::NameIdFormatMismatch(value)
            | Self::AuthnContextMismatch(value) => Some(value.clone()),
            _ => None,
        }
    }

    /// The page of this failure.
    pub(super) fn page(&self, request_id: &str) -> Response {
        if let Self::LoopDetected(found) = self {
            return found.page(self.code(), request_id);
        }
        let (status, title, mender) = self.presentation();
        pages::error_page(ErrorPage {
            status,
            title,
            what_happened: &self.to_string(),
            who_can_mend: mender.words(),
            exact_value: self.exact_value().as_deref(),
            code: self.code(),
            request_id,
            retry: None,
        })
    }
}

impl Explain for LoginError {
    fn explain(&self) -> String {
        // Kept, and told again later inside this same error: the sentence around it must not stand there twice.
        if let Self::MetadataUnavailable { detail, .. } = self { detail.clone() } else { self.private() }
    }

    fn cause(&self) -> &'static str {
        if let Self::MetadataUnavailable { cause, .. } = self { cause } else { self.code() }
    }
}

/// Who can mend a failure.
pub(super) enum Mender {
    Start,
    Cookies,
    Administrator,
    IdpAdministrator,
    Nobody,
}

impl Mender {
    fn words(&self) -> &'static str {
        match self {
            Self::Start => {
                "You can mend this: start again from the program that sent you here, in one browser, and finish within ten minutes."
            }
            Self::Cookies => {
                "You can mend this: allow cookies for this site, use the same browser from start to end, and start again from the program that sent you here. If it happens again, your Doorward administrator can look up the request below."
            }
            Self::Administrator => "Your Doorward administrator can mend this. The code below has a page in the documentation.",
            Self::IdpAdministrator => {
                "The administrator of your organisation's identity provider can mend this, together with your Doorward administrator. The code below has a page in the documentation."
            }
            Self::Nobody => "Nothing needs to be mended. To begin anew, go back to the program that sent you here.",
        }
    }
}
