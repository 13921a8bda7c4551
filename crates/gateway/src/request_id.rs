//! What every request carries from the listener to the reply: its id, its peer and its trace context.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;
use uuid::Uuid;

/// The identity of one HTTP request inside Doorward; stands in every log line, audit event and error page.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// `req_` and a UUID of version 7; echoed as `X-Request-Id`.
    pub request_id: String,
    /// The address of the TCP peer. Forwarded headers are not believed.
    pub peer: SocketAddr,
    /// The client's W3C `traceparent`, where it is well-formed.
    pub traceparent: Option<String>,
}

impl RequestContext {
    /// A new id for a request from `peer`.
    pub fn new(peer: SocketAddr, headers: &HeaderMap) -> Self {
        Self {
            request_id: format!("req_{}", Uuid::now_v7().simple()),
            peer,
            traceparent: headers
                .get("traceparent")
                .and_then(|value| value.to_str().ok())
                .filter(|value| is_traceparent(value))
                .map(str::to_owned),
        }
    }

    /// The id that ties this request to others of the same trace: the trace id, else the request id.
    pub fn correlation_id(&self) -> &str {
        self.traceparent.as_deref().and_then(|value| value.split('-').nth(1)).unwrap_or(&self.request_id)
    }
}

/// One household or company of IPv6 has a /64; whoever has one, has all its addresses. IPv4 in IPv6 is IPv4.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address @ IpAddr::V4(_) => address,
    }
}

/// W3C Trace Context section 3.2: `version-traceid-parentid-flags`, lower-case hexadecimal, ids not all zero.
fn is_traceparent(value: &str) -> bool {
    let fields: Vec<&str> = value.split('-').collect();
    let [version, trace_id, parent_id, flags] = fields.as_slice() else { return false };
    let hexadecimal =
        |field: &str, length: usize| field.len() == length && field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    hexadecimal(version, 2)
        && *version != "ff"
        && hexadecimal(trace_id, 32)
        && trace_id.bytes().any(|byte| byte != b'0')
        && hexadecimal(parent_id, 16)
        && parent_id.bytes().any(|byte| byte != b'0')
        && hexadecimal(flags, 2)
}

#[cfg(test)]
mod tests {
    use super::is_traceparent;

    #[test]
    fn traceparent_is_strict() {
        let cases = [
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true),
            ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false),
            ("00-00000000000000000000000000000000-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra", false),
            ("", false),
        ];
        for (value, expected) in cases {
            assert_eq!(is_traceparent(value), expected, "{value}");
        }
    }
}
