//! Messages that leave in a query (SAML bindings 3.4): deflated, encoded, signed over the octets as they are sent.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use url::Url;

use crate::encoding::{encode_base64, percent_encode};
use crate::error::RequestError;
use crate::keys::SpKey;
use crate::names::RSA_SHA256;
use crate::sign::sign_bytes;

/// Takes the message, the name of its parameter and an address; gives the address to send the browser to. With a key, the
/// query is signed.
pub(crate) fn address(
    destination: &Url,
    parameter: &'static str,
    xml: &str,
    relay_state: Option<&str>,
    key: Option<&SpKey>,
) -> Result<Url, RequestError> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let deflated = encoder.write_all(xml.as_bytes()).and_then(|()| encoder.finish()).map_err(|_| RequestError::Signing)?;
    let mut query = format!("{parameter}={}", percent_encode(&encode_base64(&deflated)));
    if let Some(relay_state) = relay_state {
        query.push_str("&RelayState=");
        query.push_str(&percent_encode(relay_state));
    }
    if let Some(key) = key {
        query.push_str("&SigAlg=");
        query.push_str(&percent_encode(RSA_SHA256));
        // Bindings 3.4.4.1: the signature is over the query exactly as it is sent.
        let signature = encode_base64(&sign_bytes(query.as_bytes(), key)?);
        query.push_str("&Signature=");
        query.push_str(&percent_encode(&signature));
    }
    let mut url = destination.clone();
    let whole = url.query().filter(|own| !own.is_empty()).map(|own| format!("{own}&{query}")).unwrap_or(query);
    url.set_query(Some(&whole));
    Ok(url)
}
