//! What a response says of a person before anything is verified. It proves nothing and must decide nothing: an administrator who
//! waits for the failing sign-in of one person finds the response by it.

use crate::encoding::decode_base64;
use crate::limits::Limits;
use crate::names::SAML;
use crate::scan::Mode;
use crate::xml::Dom;

const MOST: usize = 500;
const LONGEST: usize = 320;

/// The texts of every `NameID` and `AttributeValue` of a response in base64, unverified. None if the document cannot be parsed, or
/// if the assertion is encrypted.
pub fn claimed_names(saml_response_base64: &[u8]) -> Vec<String> {
    let limits = Limits::default();
    if saml_response_base64.len() > limits.max_bytes {
        return Vec::new();
    }
    let Some(xml) = decode_base64(saml_response_base64) else { return Vec::new() };
    let Ok(dom) = Dom::parse(&xml, &limits, Mode::Protocol) else { return Vec::new() };
    let named = dom.elements().filter(|node| node.is(SAML, "NameID") || node.is(SAML, "AttributeValue"));
    named.map(|node| node.text_below().trim().to_owned()).filter(|text| !text.is_empty() && text.len() <= LONGEST).take(MOST).collect()
}
