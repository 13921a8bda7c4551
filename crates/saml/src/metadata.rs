//! Metadata of identity providers (SAML metadata 2.0): who they are, where they sign people in, which keys they use.
//!
//! The file is the root of trust: whoever can change it can sign anybody in. It comes from the administrator's disk or
//! over TLS from the address that the administrator configured, and with [`IdpMetadata::parse_signed`] its signature must
//! verify as well.
//!
//! `aggregate` finds the one entity in the document and everything around it, `entity` reads it, `signed` verifies first.

mod aggregate;
mod entity;
mod signed;

use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use crate::entity_id::EntityId;
use crate::error::MetadataError;
use crate::keys::SigningCertificate;

/// How a message travels through the browser (SAML bindings 3.4, 3.5). No other binding is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// In the query of a redirect.
    Redirect,
    /// In a form that posts itself.
    Post,
}

/// An address of an identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// How messages reach it.
    pub binding: Binding,
    /// Where.
    pub location: Url,
    /// Where responses go, if that is somewhere else (single logout).
    pub response_location: Option<Url>,
}

/// What is known about one identity provider.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct IdpMetadata {
    /// Its name.
    pub entity_id: EntityId,
    /// Where people sign in; at least one.
    pub sso: Vec<Endpoint>,
    /// Where people sign out.
    pub slo: Vec<Endpoint>,
    /// The keys that it may sign with; at least one, more during a key roll-over.
    pub signing_keys: Vec<SigningCertificate>,
    /// When this knowledge ends: the earliest `validUntil` of the entity and everything around it.
    pub valid_until: Option<Timestamp>,
    /// How long it may be used before it is to be fetched again: the shortest `cacheDuration` of the entity and everything
    /// around it. One that is no duration counts as none, which is only a lost hint.
    pub cache_duration: Option<Duration>,
    /// Whether it wants requests to be signed.
    pub want_authn_requests_signed: bool,
    /// The NameID formats that it offers.
    pub name_id_formats: Vec<String>,
}

impl IdpMetadata {
    /// Takes a metadata document, one entity or an aggregate, and the entity wanted (needed only if the document has
    /// several identity providers); gives the identity provider. A signature in it is not looked at.
    ///
    /// An aggregate is walked as a stream: beside the text itself only one entity is in memory at a time.
    pub fn parse(xml: &[u8], want: Option<&EntityId>, now: Timestamp) -> Result<IdpMetadata, MetadataError> {
        aggregate::find(xml, want, now)
    }

    /// The same for a document that must carry a signature of one of these keys over the whole of it.
    ///
    /// What a signature covers has to be canonicalized as a whole, so the document is held in memory as a whole, an
    /// aggregate too; the size limit bounds that. The entity is read from the very nodes that were verified.
    pub fn parse_signed(
        xml: &[u8],
        want: Option<&EntityId>,
        signers: &[SigningCertificate],
        now: Timestamp,
    ) -> Result<IdpMetadata, MetadataError> {
        signed::find(xml, want, signers, now)
    }

    /// Whether this knowledge has ended.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.valid_until.is_some_and(|valid_until| valid_until <= now)
    }

    /// The sign-in address with that binding, or the first one there is.
    pub fn sso_endpoint(&self, preferred: Binding) -> Option<&Endpoint> {
        with_binding(&self.sso, preferred)
    }

    /// The single logout address with that binding, or the first one there is; none if it offers no single logout by the
    /// bindings that are supported.
    pub fn slo_endpoint(&self, preferred: Binding) -> Option<&Endpoint> {
        with_binding(&self.slo, preferred)
    }
}

impl Endpoint {
    /// Where responses go (SAML metadata 2.2.2): the `ResponseLocation`, or the address itself.
    pub fn for_responses(&self) -> &Url {
        self.response_location.as_ref().unwrap_or(&self.location)
    }
}

fn with_binding(endpoints: &[Endpoint], preferred: Binding) -> Option<&Endpoint> {
    endpoints.iter().find(|endpoint| endpoint.binding == preferred).or_else(|| endpoints.first())
}
