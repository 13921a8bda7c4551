//! Base64 and percent encoding, strict in what they accept.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Decodes canonical base64 with padding. White space is skipped: identity providers wrap lines, in XML and in forms.
pub(crate) fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    // Most have none, and the decoder finds that out while it decodes.
    STANDARD.decode(text).ok().or_else(|| {
        let compact: Vec<u8> = text.iter().copied().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).collect();
        (compact.len() < text.len()).then(|| STANDARD.decode(compact).ok()).flatten()
    })
}

/// Encodes as canonical base64 with padding, on one line.
pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Percent-encodes everything but the unreserved characters of RFC 3986, in upper case.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for nibble in [byte >> 4, byte & 15] {
                out.push(char::from_digit(u32::from(nibble), 16).map_or('0', |digit| digit.to_ascii_uppercase()));
            }
        }
    }
    out
}

/// Decodes the value of a query parameter, where `+` is a space; `None` for a broken escape or text that is not UTF-8.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

/// Escapes text for an XML attribute value or element content that we write ourselves.
///
/// Tab and line ends are written as character references so that no reader normalises them.
pub(crate) fn escape_xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#x9;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            other => out.push(other),
        }
    }
    out
}
