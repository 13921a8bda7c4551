//! Which resource URIs have one reading.
//!
//! Policy compares a URI as text, with patterns such as `file:///docs/*`. An upstream that normalises it (RFC 3986
//! section 6.2.2) or takes it for a file name would read `file:///docs/../secret` or `file:///%73ecret` as another resource than
//! the one that was decided upon. So only a URI that such readers leave as it is passes.

/// Whether `uri` has no dot segment, no needless percent-encoding and no capitals in its scheme, however often it is decoded.
pub(crate) fn has_one_reading(uri: &str) -> bool {
    let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
    let is_scheme = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    if is_scheme && scheme.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return false;
    }
    let Some(decoded) = decode(uri.as_bytes()) else { return false };
    !decoded.split(|byte| is_separator(*byte)).any(|segment| matches!(segment, b"." | b".."))
}

/// Decodes to the end; `None` where something is encoded that never needs it.
fn decode(uri: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(uri.len());
    let mut rest = uri;
    while let Some((first, mut tail)) = rest.split_first() {
        if *first == b'%' {
            // `%252e` is `%2e` for the next reader.
            while let Some(again) = tail.strip_prefix(b"25") {
                tail = again;
            }
            match hexadecimal(tail) {
                Some((byte, _)) if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') => return None,
                Some((byte, after)) => {
                    decoded.push(byte);
                    tail = after;
                }
                None => decoded.push(b'%'),
            }
        } else {
            decoded.push(*first);
        }
        rest = tail;
    }
    Some(decoded)
}

/// The byte behind two hexadecimal digits, and what follows them.
fn hexadecimal(text: &[u8]) -> Option<(u8, &[u8])> {
    let ([high, low], after) = text.split_first_chunk()?;
    let value = |digit: &u8| char::from(*digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    Some((value(high)? << 4 | value(low)?, after))
}

/// What ends a segment for some reader.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\' | b':' | b';' | b'?' | b'#')
}
