use serde_json::json;

use super::*;

const ID: &str = "0f9d5c2e-1111-4222-8333-444455556666";

fn graph_url() -> Url {
    "https://graph.microsoft.com".parse().unwrap()
}

#[test]
fn what_the_token_endpoint_answers() {
    let good = json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": "at" });
    let bad_secret = json!({ "error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided. <b>x" });
    let cases = [
        (200, None, good.clone(), "ok at 3599"),
        (200, None, json!({ "token_type": "Bearer", "access_token": "" }), "graph.unexpected_answer"),
        (200, None, json!({ "token_type": "mac", "access_token": "at" }), "graph.unexpected_answer"),
        (200, None, json!([]), "graph.unexpected_answer"),
        (302, None, good, "graph.unexpected_answer"),
        (401, None, bad_secret, "graph.token_refused"),
        (400, None, json!({ "error": "unauthorized_client" }), "graph.token_refused"),
        (429, Some("7"), json!({}), "graph.throttled"),
        (503, None, json!("down"), "graph.unexpected_answer"),
    ];
    for (status, retry, body, expected) in cases {
        let found = match read_token(status, retry, body.to_string().as_bytes()) {
            Ok(token) => format!("ok {} {}", token.access_token.expose(), token.expires_in),
            Err(error) => error.code().to_owned(),
        };
        assert_eq!(found, expected, "{status} {body}");
    }
    let refused = read_token(401, None, br#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid"}"#).unwrap_err();
    assert!(refused.to_string().ends_with("invalid_client (AADSTS7000215)"), "{refused}");
}

#[test]
fn what_the_groups_are() {
    let next = |url: &str| json!({ "value": [ID], "@odata.nextLink": url });
    let limit = json!({ "error": { "code": "Directory_ResultSizeLimitExceeded", "message": "m" } });
    let cases = [
        (200, None, json!({ "value": [ID] }), Ok((1, false))),
        (200, None, json!({ "value": [] }), Ok((0, false))),
        (200, None, next("https://graph.microsoft.com/v1.0/next"), Ok((1, true))),
        (200, None, next("https://evil.example/v1.0/next"), Err("graph.next_page_elsewhere")),
        (200, None, next("http://graph.microsoft.com/v1.0/next"), Err("graph.next_page_elsewhere")),
        (200, None, next("https://x@graph.microsoft.com/v1.0/next"), Err("graph.next_page_elsewhere")),
        (200, None, json!({ "value": [1] }), Err("graph.unexpected_answer")),
        (200, None, json!({ "error": {} }), Err("graph.unexpected_answer")),
        (401, None, json!({}), Err("graph.token_rejected")),
        (403, None, json!({ "error": { "code": "Authorization_RequestDenied" } }), Err("graph.permission_missing")),
        (404, None, json!({}), Err("graph.person_unknown")),
        (400, None, limit, Err("graph.too_many_groups")),
        (400, None, json!({ "error": { "code": "Request_BadRequest" } }), Err("graph.unexpected_answer")),
        (429, None, json!({}), Err("graph.throttled")),
        (503, Some("2"), json!({}), Err("graph.throttled")),
        (503, None, json!({}), Err("graph.unexpected_answer")),
    ];
    for (status, retry, body, expected) in cases {
        let found = read_members(status, retry, body.to_string().as_bytes(), &graph_url());
        let found = found.map(|page| (page.groups.len(), page.next.is_some())).map_err(|error| error.code());
        assert_eq!(found, expected, "{status} {body}");
    }
    for (text, seconds) in [("7", 7), ("0", 1), ("99999", 3600), ("Fri, 20 Nov 2026 12:00:00 GMT", 60), ("-1", 60)] {
        assert_eq!(read_members(429, Some(text), b"", &graph_url()), Err(GraphError::Throttled { seconds }), "{text}");
    }
}

/// An object id becomes a part of an address, and means somebody in one tenant only.
#[test]
fn whom_graph_is_asked_about() {
    for (text, code) in [
        (None, Some("graph.object_id_missing")),
        (Some(ID), None),
        (Some(""), Some("graph.object_id_malformed")),
        (Some("me"), Some("graph.object_id_malformed")),
        (Some("../../v1.0/groups"), Some("graph.object_id_malformed")),
        (Some("0f9d5c2e-1111-4222-8333-44445555666/"), Some("graph.object_id_malformed")),
    ] {
        assert_eq!(object_id("oid", text).err().map(|error| error.code()), code, "{text:?}");
    }
    let other = "1f9d5c2e-1111-4222-8333-444455556666";
    for (configured, received, same) in [
        (ID, Some(ID), true),
        (ID, Some("0F9D5C2E-1111-4222-8333-444455556666"), true),
        (ID, Some(other), false),
        (ID, Some("x"), false),
        (ID, None, true),
        ("contoso.onmicrosoft.com", Some(other), true),
    ] {
        assert_eq!(same_tenant(configured, received).is_ok(), same, "{configured} {received:?}");
    }
    let form = token_request("id", &Secret::new("s&x".to_owned()), &graph_url());
    let scope = "https%3A%2F%2Fgraph.microsoft.com%2F.default";
    assert_eq!(form.expose(), &format!("grant_type=client_credentials&client_id=id&client_secret=s%26x&scope={scope}"));
}
