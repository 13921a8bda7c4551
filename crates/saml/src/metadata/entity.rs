//! One entity of a metadata document: the identity provider role in it (SAML metadata 2.3.2, 2.4.3).

use std::time::Duration;

use jiff::{Span, Timestamp};
use url::Url;

use super::{Binding, Endpoint, IdpMetadata};
use crate::encoding::decode_base64;
use crate::entity_id::EntityId;
use crate::error::MetadataError;
use crate::instant;
use crate::keys::SigningCertificate;
use crate::names::{BINDING_POST, BINDING_REDIRECT, DS, MD, SAMLP};
use crate::xml::{Node, printable};

/// What an element says about how long its content is good (SAML metadata 2.3.1), as it is written.
#[derive(Debug, Clone, Default)]
pub(super) struct Lifetime {
    pub(super) valid_until: Option<String>,
    pub(super) cache_duration: Option<String>,
}

impl Lifetime {
    pub(super) fn of<'a>(attribute: impl Fn(&'static str) -> Option<&'a str>) -> Lifetime {
        Lifetime { valid_until: attribute("validUntil").map(str::to_owned), cache_duration: attribute("cacheDuration").map(str::to_owned) }
    }
}

/// The identity provider role of an entity, if it speaks SAML 2.0 (SAML metadata 2.4.1, 2.4.3).
pub(super) fn role(entity: Node<'_>) -> Option<Node<'_>> {
    entity.children_named(MD, "IDPSSODescriptor").find(|role| {
        role.attribute("protocolSupportEnumeration").is_some_and(|list| list.split_ascii_whitespace().any(|protocol| protocol == SAMLP))
    })
}

/// Reads the role; `around` are the lifetimes of the entity and of the groups that it stands in.
pub(super) fn read(entity_id: &str, role: Node<'_>, around: &[Lifetime], now: Timestamp) -> Result<IdpMetadata, MetadataError> {
    let entity_id = EntityId::parse(entity_id).map_err(|_| MetadataError::EntityIdInvalid)?;
    let own = Lifetime::of(|name| role.attribute(name));
    let lifetimes = || around.iter().chain(std::iter::once(&own));
    let valid_until = earliest_end(lifetimes())?;
    if let Some(valid_until) = valid_until.filter(|end| *end <= now) {
        return Err(MetadataError::Expired { valid_until, now });
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
        cache_duration: lifetimes().filter_map(|lifetime| duration(lifetime.cache_duration.as_deref()?)).min(),
        want_authn_requests_signed: matches!(role.attribute("WantAuthnRequestsSigned"), Some("true" | "1")),
        name_id_formats: role.children_named(MD, "NameIDFormat").map(|format| format.text_below().trim().to_owned()).collect(),
    })
}

fn earliest_end<'l>(lifetimes: impl Iterator<Item = &'l Lifetime>) -> Result<Option<Timestamp>, MetadataError> {
    let mut earliest: Option<Timestamp> = None;
    for text in lifetimes.filter_map(|lifetime| lifetime.valid_until.as_deref()) {
        let instant = instant::parse(text.trim()).ok_or(MetadataError::ValidUntilInvalid)?;
        earliest = Some(earliest.map_or(instant, |found| found.min(instant)));
    }
    Ok(earliest)
}

/// `xs:duration`, such as `PT6H` or `P7D`; a year counts as 365 days, a month as 30. Negative ones are none.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    // The library also takes durations in words.
    let span: Span = text.starts_with('P').then(|| text.parse().ok()).flatten()?;
    let days = i64::from(span.get_years()) * 365
        + i64::from(span.get_months()) * 30
        + i64::from(span.get_weeks()) * 7
        + i64::from(span.get_days());
    let seconds = i64::from(span.get_hours()) * 3600 + span.get_minutes() * 60 + span.get_seconds();
    let total = days.checked_mul(86_400)?.checked_add(seconds)?;
    u64::try_from(total).ok().map(Duration::from_secs)
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

#[cfg(test)]
mod tests {
    #[test]
    fn durations_as_metadata_writes_them() {
        for (text, expected) in [
            ("PT6H", Some(21_600)),
            ("P0Y0M0DT6H0M0.000S", Some(21_600)),
            ("P7D", Some(604_800)),
            ("P1Y2M3DT4H5M6S", Some(36_993_906)),
            ("PT604800S", Some(604_800)),
            ("-PT6H", None),
            ("6 hours", None),
            ("P", None),
            ("PT", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(super::duration(text).map(|duration| duration.as_secs()), expected, "{text}");
        }
    }
}
