//! Metadata of identity providers (SAML metadata 2.0): who they are, where they sign people in, which keys they use.
//!
//! The file is the root of trust: whoever can change it can sign anybody in. It comes from the administrator's disk or
//! over TLS from the address that the administrator configured; a signature in it is not verified.

use jiff::Timestamp;
use url::Url;

use crate::encoding::decode_base64;
use crate::entity_id::EntityId;
use crate::error::MetadataError;
use crate::instant;
use crate::keys::SigningCertificate;
use crate::limits::Limits;
use crate::names::{BINDING_POST, BINDING_REDIRECT, DS, MD, SAMLP};
use crate::scan::Mode;
use crate::xml::{Dom, Node, printable};

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
    /// Whether it wants requests to be signed.
    pub want_authn_requests_signed: bool,
    /// The NameID formats that it offers.
    pub name_id_formats: Vec<String>,
}

impl IdpMetadata {
    /// Takes a metadata document, one entity or an aggregate, and the entity wanted (needed only if the document has
    /// several identity providers); gives the identity provider.
    pub fn parse(xml: &[u8], want: Option<&EntityId>, now: Timestamp) -> Result<IdpMetadata, MetadataError> {
        let dom = Dom::parse(xml, &Limits::METADATA, Mode::Metadata)?;
        let root = dom.root()?;
        if !root.is(MD, "EntityDescriptor") && !root.is(MD, "EntitiesDescriptor") {
            return Err(MetadataError::NotMetadata { actual: root.label() });
        }
        let mut found: Vec<(&str, Node<'_>)> = dom
            .elements()
            .filter(|node| node.is(MD, "EntityDescriptor"))
            .filter_map(|entity| role(entity).map(|role| (entity.attribute("entityID").unwrap_or_default(), role)))
            .collect();
        if let Some(want) = want {
            found.retain(|(id, _)| *id == want.as_str());
        }
        match found.as_slice() {
            [] => Err(MetadataError::NoIdentityProvider { wanted: want.map(EntityId::to_string) }),
            [(id, role)] => read(id, *role, now),
            [(first, _), (second, _), ..] if first == second => Err(MetadataError::DuplicateEntity { entity_id: printable(first, 200) }),
            several => {
                Err(MetadataError::SeveralIdentityProviders { found: several.iter().take(10).map(|(id, _)| printable(id, 200)).collect() })
            }
        }
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

/// The identity provider role of an entity, if it speaks SAML 2.0 (SAML metadata 2.4.1, 2.4.3).
fn role(entity: Node<'_>) -> Option<Node<'_>> {
    entity.children_named(MD, "IDPSSODescriptor").find(|role| {
        role.attribute("protocolSupportEnumeration").is_some_and(|list| list.split_ascii_whitespace().any(|protocol| protocol == SAMLP))
    })
}

fn read(entity_id: &str, role: Node<'_>, now: Timestamp) -> Result<IdpMetadata, MetadataError> {
    let entity_id = EntityId::parse(entity_id).map_err(|_| MetadataError::EntityIdInvalid)?;
    let valid_until = valid_until(role)?;
    if let Some(valid_until) = valid_until.filter(|end| *end <= now) {
        return Err(MetadataError::Expired { valid_until });
    }
    let sso = endpoints(role, "SingleSignOnService")?;
    if sso.is_empty() {
        return Err(MetadataError::NoSignOnService);
    }
    let signing_keys = signing_keys(role)?;
    if signing_keys.is_empty() {
        return Err(MetadataError::NoSigningKey);
    }
    Ok(IdpMetadata {
        entity_id,
        sso,
        slo: endpoints(role, "SingleLogoutService")?,
        signing_keys,
        valid_until,
        want_authn_requests_signed: matches!(role.attribute("WantAuthnRequestsSigned"), Some("true" | "1")),
        name_id_formats: role.children_named(MD, "NameIDFormat").map(|format| format.text_below().trim().to_owned()).collect(),
    })
}

/// The earliest `validUntil` of the role and of every element around it (SAML metadata 2.3.1, 2.3.2, 2.4.1).
fn valid_until(role: Node<'_>) -> Result<Option<Timestamp>, MetadataError> {
    let mut earliest = None;
    for node in std::iter::successors(Some(role), |node| node.parent()) {
        if let Some(text) = node.attribute("validUntil") {
            let instant = instant::parse(text.trim()).ok_or(MetadataError::ValidUntilInvalid)?;
            earliest = Some(earliest.map_or(instant, |found: Timestamp| found.min(instant)));
        }
    }
    Ok(earliest)
}

fn endpoints(role: Node<'_>, local: &'static str) -> Result<Vec<Endpoint>, MetadataError> {
    let mut endpoints = Vec::new();
    for node in role.children_named(MD, local) {
        let binding = match node.attribute("Binding") {
            Some(BINDING_REDIRECT) => Binding::Redirect,
            Some(BINDING_POST) => Binding::Post,
            _ => continue,
        };
        let location = location(node.attribute("Location").unwrap_or_default())?;
        let response_location = node.attribute("ResponseLocation").map(self::location).transpose()?;
        endpoints.push(Endpoint { binding, location, response_location });
    }
    Ok(endpoints)
}

fn location(text: &str) -> Result<Url, MetadataError> {
    let invalid = || MetadataError::LocationInvalid { location: printable(text, 200) };
    let url = Url::parse(text).map_err(|_| invalid())?;
    if matches!(url.scheme(), "https" | "http") && url.has_host() { Ok(url) } else { Err(invalid()) }
}

/// The certificates of every key that is for signing or for anything (SAML metadata 2.4.1.1). Kinds and sizes of keys
/// that are not accepted are left out; a certificate that cannot be read is a mistake in the file.
fn signing_keys(role: Node<'_>) -> Result<Vec<SigningCertificate>, MetadataError> {
    let mut keys = Vec::new();
    for descriptor in
        role.children_named(MD, "KeyDescriptor").filter(|descriptor| matches!(descriptor.attribute("use"), None | Some("signing")))
    {
        for info in descriptor.children_named(DS, "KeyInfo") {
            for data in info.children_named(DS, "X509Data") {
                for certificate in data.children_named(DS, "X509Certificate") {
                    let der = decode_base64(certificate.text_below().as_bytes()).ok_or(MetadataError::CertificateInvalid)?;
                    if let Some(key) = SigningCertificate::from_der(&der)?.filter(|key| !keys.contains(key)) {
                        keys.push(key);
                    }
                }
            }
        }
    }
    Ok(keys)
}
