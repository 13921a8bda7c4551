//! What a request must look like before anything else reads it.
//!
//! hyper is lenient where a gateway must not be: two readers of one request must never disagree on the host, the path,
//! or where the body ends. Everything that has two readings is refused here, with its own code, before routing.
//! The byte-level half, which a parsed request no longer shows, is in `framing`.

use std::collections::BTreeSet;

use arc_swap::ArcSwap;
use http::header::{CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderMap, TRANSFER_ENCODING, UPGRADE};
use http::{Method, Request, StatusCode, Version};
use http_body::Body;

/// Why a request is refused at the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EdgeError {
    /// RFC 9112 section 3.2: no `Host`, or more than one.
    #[error("a request needs exactly one Host header")]
    HostCount,
    /// RFC 9110 section 7.2: `Host` is not a name or address with an optional port.
    #[error("the Host header is not a host name with an optional port")]
    HostMalformed,
    /// The host is not one that this gateway answers for (RFC 9110 section 15.5.20).
    #[error("this gateway does not answer for that host name")]
    HostUnknown,
    /// RFC 9112 section 3.2.2: the absolute target names another host than `Host`.
    #[error("the request target and the Host header name different hosts")]
    AuthorityMismatch,
    /// TRACE and CONNECT have no use here.
    #[error("this method is not served")]
    MethodRefused,
    /// The target is not a plain path with an optional query, or has a fragment or bytes outside of ASCII.
    #[error("the request target is not a plain path with an optional query")]
    TargetMalformed,
    /// The path has an empty or dot segment, or an encoded character that readers decode differently.
    #[error("the path can be read in more than one way")]
    PathAmbiguous,
    /// The query is longer than allowed.
    #[error("the query is too long")]
    QueryTooLong,
    /// RFC 9112 section 6.3: the length of the body is given twice, in two ways, or not as a number.
    #[error("the length of the body is not given exactly once")]
    BodyLength,
    /// RFC 9112 section 6.1: a transfer coding other than exactly `chunked`.
    #[error("the only transfer coding served is chunked")]
    TransferEncoding,
    /// A body on a method that has none here.
    #[error("this method must not have a body")]
    UnexpectedBody,
    /// RFC 9110 section 10.1.1: an expectation other than `100-continue`.
    #[error("the expectation cannot be met")]
    Expectation,
    /// Protocol upgrades are not served.
    #[error("protocol upgrades are not served")]
    Upgrade,
    /// RFC 9112 section 2.2: a bare LF or CR, a NUL, a folded line, or a malformed header name.
    #[error("the header is not made of well-formed lines")]
    HeaderLine,
    /// The request line is not `method target HTTP/1.1`.
    #[error("the request line is malformed")]
    RequestLine,
    /// The header is larger than allowed.
    #[error("the header is too large")]
    HeaderTooLarge,
    /// The header did not arrive in time.
    #[error("the header did not arrive in time")]
    HeaderTimeout,
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    BodyTimeout,
    /// RFC 9112 section 7.1: a malformed chunk, a chunk extension, or a trailer.
    #[error("the chunked body is malformed")]
    Chunk,
}

impl EdgeError {
    /// The stable code, explained in `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::HostCount => "edge.host_count",
            Self::HostMalformed => "edge.host_malformed",
            Self::HostUnknown => "edge.host_unknown",
            Self::AuthorityMismatch => "edge.authority_mismatch",
            Self::MethodRefused => "edge.method_refused",
            Self::TargetMalformed => "edge.target_malformed",
            Self::PathAmbiguous => "edge.path_ambiguous",
            Self::QueryTooLong => "edge.query_too_long",
            Self::BodyLength => "edge.body_length",
            Self::TransferEncoding => "edge.transfer_encoding",
            Self::UnexpectedBody => "edge.unexpected_body",
            Self::Expectation => "edge.expectation",
            Self::Upgrade => "edge.upgrade",
            Self::HeaderLine => "edge.header_line",
            Self::RequestLine => "edge.request_line",
            Self::HeaderTooLarge => "edge.header_too_large",
            Self::HeaderTimeout => "edge.header_timeout",
            Self::BodyTimeout => "edge.body_timeout",
            Self::Chunk => "edge.chunk",
        }
    }

    /// The status of the plain reply.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::HostUnknown => StatusCode::MISDIRECTED_REQUEST,
            Self::MethodRefused => StatusCode::METHOD_NOT_ALLOWED,
            Self::QueryTooLong => StatusCode::URI_TOO_LONG,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::HeaderTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::HeaderTimeout | Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::HostCount
            | Self::HostMalformed
            | Self::AuthorityMismatch
            | Self::TargetMalformed
            | Self::PathAmbiguous
            | Self::BodyLength
            | Self::TransferEncoding
            | Self::UnexpectedBody
            | Self::Upgrade
            | Self::HeaderLine
            | Self::RequestLine
            | Self::Chunk => StatusCode::BAD_REQUEST,
        }
    }
}

/// The host names a listener answers to. Swapped whole on a configuration reload.
#[derive(Debug)]
pub struct Hosts(ArcSwap<BTreeSet<String>>);

impl Hosts {
    /// From URLs: `https://mcp.example.com` answers to `mcp.example.com` and `mcp.example.com:443`; another port must be given.
    pub fn new<'a>(urls: impl IntoIterator<Item = &'a url::Url>) -> Self {
        Self(ArcSwap::from_pointee(spellings(urls)))
    }

    /// Replaces all names.
    pub fn replace<'a>(&self, urls: impl IntoIterator<Item = &'a url::Url>) {
        self.0.store(std::sync::Arc::new(spellings(urls)));
    }

    fn contain(&self, host: &str) -> bool {
        self.0.load().contains(&host.to_ascii_lowercase())
    }
}

/// Every spelling of the authorities of `urls` that a client may send as `Host`.
fn spellings<'a>(urls: impl IntoIterator<Item = &'a url::Url>) -> BTreeSet<String> {
    let mut spellings = BTreeSet::new();
    for url in urls {
        let Some(host) = url.host_str() else { continue };
        if let Some(port) = url.port_or_known_default() {
            spellings.insert(format!("{host}:{port}"));
        }
        if url.port().is_none() {
            spellings.insert(host.to_owned());
        }
    }
    spellings
}

/// Passes a request that can be read in one way only and is addressed to one of `hosts`.
pub fn check<B: Body>(request: &Request<B>, hosts: &Hosts, max_query: usize) -> Result<(), EdgeError> {
    check_method(request.method())?;
    check_target(request, max_query)?;
    check_host(request, hosts)?;
    check_body(request)?;
    check_expectation(request.headers())
}

/// At most `most` header lines; on HTTP/1 `framing` has counted them already. The cookies, which HTTP/2 may divide, count once.
pub(super) fn check_count(headers: &HeaderMap, most: usize) -> Result<(), EdgeError> {
    let more_cookies = headers.get_all(COOKIE).iter().skip(1).count();
    if headers.len() - more_cookies > most { Err(EdgeError::HeaderTooLarge) } else { Ok(()) }
}

/// RFC 9110 sections 9.3.6 and 9.3.8.
fn check_method(method: &Method) -> Result<(), EdgeError> {
    if method == Method::TRACE || method == Method::CONNECT { Err(EdgeError::MethodRefused) } else { Ok(()) }
}

/// The path must have one reading, whoever decodes it, and in whatever order.
fn check_target<B>(request: &Request<B>, max_query: usize) -> Result<(), EdgeError> {
    let path = request.uri().path();
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(EdgeError::TargetMalformed);
    }
    check_path(path)?;
    let query = request.uri().query().unwrap_or_default();
    if query.len() > max_query {
        return Err(EdgeError::QueryTooLong);
    }
    if query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') { Ok(()) } else { Err(EdgeError::TargetMalformed) }
}

/// RFC 3986 sections 3.3 and 6.2.2: one trailing slash is the only empty segment.
fn check_path(path: &str) -> Result<(), EdgeError> {
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        if (segment.is_empty() && !last) || segment == "." || segment == ".." || !segment_has_one_reading(segment) {
            return Err(EdgeError::PathAmbiguous);
        }
    }
    Ok(())
}

/// No character that some reader takes for a delimiter, plain or percent-encoded, and no broken percent-encoding.
fn segment_has_one_reading(segment: &str) -> bool {
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        let decoded = if byte == b'%' {
            let digits = bytes.next().zip(bytes.next());
            let Some(decoded) = digits.and_then(|(high, low)| Some(hex(high)? << 4 | hex(low)?)) else { return false };
            if decoded == b'.' || decoded < 0x20 || decoded == 0x7f {
                return false;
            }
            decoded
        } else {
            byte
        };
        let delimiter = matches!(decoded, b'/' | b'\\' | b';' | b'#' | b'?');
        if delimiter || (byte == b'%' && decoded == b'%') {
            return false;
        }
    }
    true
}

/// The value of one hexadecimal digit.
fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// RFC 9112 section 3.2 and RFC 9113 section 8.3.1.
fn check_host<B>(request: &Request<B>, hosts: &Hosts) -> Result<(), EdgeError> {
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    let mut headers = request.headers().get_all(HOST).iter();
    let header = match (headers.next(), headers.next()) {
        (Some(value), None) => Some(value.to_str().map_err(|_| EdgeError::HostMalformed)?),
        (None, _) => None,
        (Some(_), Some(_)) => return Err(EdgeError::HostCount),
    };
    let host = match (header, authority) {
        (Some(header), Some(authority)) if !header.eq_ignore_ascii_case(authority) => return Err(EdgeError::AuthorityMismatch),
        (Some(header), _) => header,
        (None, Some(authority)) if request.version() >= Version::HTTP_2 => authority,
        (None, _) => return Err(EdgeError::HostCount),
    };
    if !is_host(host) {
        return Err(EdgeError::HostMalformed);
    }
    if hosts.contain(host) { Ok(()) } else { Err(EdgeError::HostUnknown) }
}

/// A registered name or IPv4 address of letters, digits, `-`, `.` and `_`, or an IPv6 address in brackets; then a port.
fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, after)) if address.parse::<std::net::Ipv6Addr>().is_ok() => ("", after),
            _ => return false,
        },
        None => match host.split_once(':') {
            Some((name, _)) => (name, host.strip_prefix(name).unwrap_or_default()),
            None => (host, ""),
        },
    };
    let named = host.starts_with('[') || !name.is_empty();
    let name_ok = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    let port_ok = match port.strip_prefix(':') {
        Some(digits) => {
            (1..=5).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        }
        None => port.is_empty(),
    };
    named && name_ok && port_ok
}

/// RFC 9112 sections 6.1 and 6.3. What hyper has already folded away is caught by `framing`.
fn check_body<B: Body>(request: &Request<B>) -> Result<(), EdgeError> {
    let headers = request.headers();
    let encodings: Vec<&[u8]> = headers.get_all(TRANSFER_ENCODING).iter().map(http::HeaderValue::as_bytes).collect();
    let lengths: Vec<&[u8]> = headers.get_all(CONTENT_LENGTH).iter().map(http::HeaderValue::as_bytes).collect();
    match encodings.as_slice() {
        [] => {}
        [one] if one.eq_ignore_ascii_case(b"chunked") && request.version() == Version::HTTP_11 => {}
        _ => return Err(EdgeError::TransferEncoding),
    }
    let one_number = matches!(lengths.as_slice(), [] | [_]) && lengths.iter().all(|length| is_length(length));
    if !one_number || (!encodings.is_empty() && !lengths.is_empty()) {
        return Err(EdgeError::BodyLength);
    }
    let without_body = [Method::GET, Method::HEAD, Method::OPTIONS, Method::DELETE].contains(request.method());
    if without_body && !(request.body().is_end_stream() && encodings.is_empty()) {
        return Err(EdgeError::UnexpectedBody);
    }
    Ok(())
}

/// RFC 9110 section 8.6: digits only, and not so many that a reader could overflow.
pub(super) fn is_length(value: &[u8]) -> bool {
    (1..=18).contains(&value.len()) && value.iter().all(u8::is_ascii_digit)
}

/// RFC 9110 sections 7.8 and 10.1.1.
fn check_expectation(headers: &HeaderMap) -> Result<(), EdgeError> {
    if headers.contains_key(UPGRADE) {
        return Err(EdgeError::Upgrade);
    }
    let met = headers.get_all(EXPECT).iter().all(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if met { Ok(()) } else { Err(EdgeError::Expectation) }
}

#[cfg(test)]
mod tests;
