//! Upstream faults are 5xx of their own, refusals carry a challenge only where a token would help.

use http::{StatusCode, header};
use mcp::{FrameError, HeaderError};
use oauth::jwt::JwtError;
use store::UserId;

use super::{Challenge, ProxyError};

fn challenge() -> Challenge {
    Challenge { resource_metadata: "https://d.example/.well-known/oauth-protected-resource/crm/mcp".to_owned(), scope: "mcp".to_owned() }
}

#[test]
fn an_upstreams_fault_never_looks_like_a_refusal() {
    let faults = [
        ProxyError::UpstreamUnreachable("inside 10.0.0.5".to_owned()),
        ProxyError::UpstreamTimeout,
        ProxyError::UpstreamRedirect,
        ProxyError::UpstreamRefusedCredentials(401),
        ProxyError::UpstreamInvalidReply("inside".to_owned()),
        ProxyError::UpstreamReplyTooLarge,
    ];
    for fault in faults {
        assert!(fault.status().is_server_error(), "{fault:?}");
        assert!(fault.code().starts_with("proxy.upstream_"), "{fault:?}");
        let response = fault.response(Some("7"), "req_1", &challenge());
        assert!(!response.headers().contains_key(header::WWW_AUTHENTICATE), "{fault:?}");
        assert!(!fault.public_message().contains("inside"), "{fault:?}");
    }
}

#[test]
fn a_challenge_is_made_of_the_configuration() {
    let value = |error: &ProxyError| {
        let response = error.response(None, "req_1", &challenge());
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().to_owned()
    };
    let rest = r#"resource_metadata="https://d.example/.well-known/oauth-protected-resource/crm/mcp", scope="mcp""#;
    assert_eq!(value(&ProxyError::TokenMissing), format!("Bearer {rest}"));
    for error in [
        ProxyError::TokenMalformed,
        ProxyError::TokenExpired,
        ProxyError::TokenRevoked(UserId::new()),
        ProxyError::TokenInvalid(JwtError::Malformed),
    ] {
        assert_eq!(value(&error), format!("Bearer error=\"invalid_token\", {rest}"));
    }
}

#[test]
fn refusals_of_the_protocol_keep_its_codes_and_others_stay_outside_its_range() {
    let cases = [
        (ProxyError::Frame(FrameError::BatchNotSupported), 400, Some(-32600)),
        (ProxyError::Frame(FrameError::BodyTooLarge { limit: 1 }), 413, Some(-32600)),
        (ProxyError::Headers(HeaderError::Mismatch { header: "Mcp-Name" }), 400, Some(-32020)),
        (ProxyError::Headers(HeaderError::UnsupportedVersion { requested: "1".to_owned() }), 400, Some(-32022)),
        (ProxyError::MethodUnknown { status: StatusCode::NOT_FOUND }, 404, Some(-32601)),
        (ProxyError::TaskUnknown, 200, Some(-32602)),
        (ProxyError::SessionUnknown, 404, None),
        (ProxyError::IdpNotAllowed(UserId::new()), 403, None),
        (ProxyError::Audit { code: "audit.closed", detail: String::new() }, 503, None),
        (ProxyError::Internal("x"), 500, None),
    ];
    for (error, status, code) in cases {
        assert_eq!(error.status().as_u16(), status, "{error:?}");
        match code {
            Some(code) => assert_eq!(error.json_rpc_code(), code, "{error:?}"),
            None => assert!(!(-32768..=-32000).contains(&error.json_rpc_code()), "{error:?}"),
        }
    }
}
