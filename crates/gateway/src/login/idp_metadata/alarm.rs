//! What the administrator is told about metadata: in the audit trail and the log, once for each change, not for each round.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use saml::SigningCertificate;

use crate::app::App;
use crate::audit::{Event, Kind};
use crate::cached::Failure;
use crate::config::IdpId;
use crate::login::error::LoginError;

/// How a document stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// The last attempt succeeded, or none was needed.
    #[default]
    Good,
    /// The last attempt failed for this reason, and the last good document is in use.
    Kept(&'static str),
    /// There is no document that may be used.
    Gone(&'static str),
}

/// What was told already.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    state: Mutex<State>,
    /// Fingerprints of certificates past their dates.
    outdated: Mutex<HashSet<String>>,
}

impl Alarms {
    /// Tells how the document stands, if that changed. `usable`: whether there is one, and whether it still may be used.
    pub(super) async fn tell(&self, app: &App, idp: &IdpId, usable: Result<bool, &LoginError>, failure: Option<Failure>) {
        let ended = "saml.metadata_expired";
        let (state, reason) = match (usable, failure) {
            (Ok(true), None) => (State::Good, String::new()),
            (Ok(true), Some(failure)) => (State::Kept(failure.code), failure.words),
            (Ok(false), failure) => (State::Gone(ended), failure.map_or_else(String::new, |failure| failure.words)),
            (Err(error), failure) => (State::Gone(failure.map_or(error.code(), |failure| failure.code)), error.private()),
        };
        let before = std::mem::replace(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner), state);
        if before == state {
            return;
        }
        let (kind, code, in_use) = match state {
            State::Good => (Kind::IdpMetadataRecovered, None, "new"),
            State::Kept(code) => (Kind::IdpMetadataFailing, Some(code), "last good"),
            State::Gone(code) => (Kind::IdpMetadataFailing, Some(code), "none"),
        };
        match code {
            None => tracing::info!(idp = idp.as_str(), "identity provider metadata is good again"),
            Some(code) => tracing::error!(code, idp = idp.as_str(), reason, in_use, "identity provider metadata cannot be refreshed"),
        }
        let event = Event::new(kind, app.clock.now()).with_detail("idp", idp.as_str()).with_detail("in_use", in_use);
        let event = if reason.is_empty() { event } else { event.with_detail("reason", reason) };
        record(app, Event { code: code.map(str::to_owned), ..event }).await;
    }

    /// Tells that a certificate past its dates let somebody in.
    pub(super) async fn outdated(&self, app: &App, idp: &IdpId, certificate: &SigningCertificate) {
        let fingerprint = certificate.fingerprint();
        if !self.outdated.lock().unwrap_or_else(PoisonError::into_inner).insert(fingerprint.clone()) {
            return;
        }
        let code = "saml.certificate_expired";
        let ended = certificate.not_after().map_or_else(|| "no date".to_owned(), |end| end.to_string());
        tracing::error!(code, idp = idp.as_str(), fingerprint, ended, "an identity provider signs with a certificate past its dates");
        let event = Event::new(Kind::IdpCertificateExpired, app.clock.now())
            .with_detail("idp", idp.as_str())
            .with_detail("fingerprint", fingerprint)
            .with_detail("not_after", ended);
        record(app, Event { code: Some(code.to_owned()), ..event }).await;
    }
}

/// An alarm that cannot be recorded is in the log.
async fn record(app: &App, event: Event) {
    if let Err(error) = app.audit.record(event).await {
        tracing::error!(code = error.code(), reason = %error, "an alarm could not be recorded");
    }
}
