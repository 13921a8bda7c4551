//! The key of the provider: RSA, as every service provider understands, with a certificate of its own.

use jiff::{SignedDuration, Timestamp};
use oauth::jwt::SigningKey;
use rcgen::{CertificateParams, DnType, KeyPair};
use saml::idp::IdpKey;

use crate::loopback::StartError;

/// How long the certificate is valid; the key itself lives as long as the process.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 30);

/// A new key with a self-signed certificate.
pub(super) fn generate(now: Timestamp) -> Result<IdpKey, StartError> {
    let problem = |error: &dyn std::fmt::Display| StartError::Keys(error.to_string());
    let pkcs8 = SigningKey::generate_rsa_pkcs8().map_err(|error| problem(&error))?;
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.expose().as_slice().into(), &rcgen::PKCS_RSA_SHA256)
        .map_err(|error| problem(&error))?;
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, "Doorward development identity provider");
    let (year, month, day) = date(now);
    parameters.not_before = rcgen::date_time_ymd(year, month, day);
    let (year, month, day) = date(now.saturating_add(LIFETIME).unwrap_or(now));
    parameters.not_after = rcgen::date_time_ymd(year, month, day);
    let certificate = parameters.self_signed(&pair).map_err(|error| problem(&error))?;
    IdpKey::from_pkcs8(pkcs8.expose(), certificate.der().to_vec()).map_err(|error| problem(&error))
}

/// The UTC date of an instant, as rcgen wants it.
fn date(instant: Timestamp) -> (i32, u8, u8) {
    let date = instant.to_zoned(jiff::tz::TimeZone::UTC).date();
    (i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
}
