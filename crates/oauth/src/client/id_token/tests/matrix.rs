//! The claim matrix: every claim that decides, and every way in which it can be wrong. One row a claim, one column a fault;
//! each cell has the exact code, or `ok` where the specification allows the value.

use super::*;
use crate::jwt::SigningKey;

/// Missing, null, wrong type, array, duplicate key, past, future, other issuer, other audience.
type Row = (&'static str, [&'static str; 9]);

const INVALID: &str = "oauth.jwt_claim_invalid";
const TWICE: &str = "oauth.jwt_claims_malformed";
const ISSUER: &str = "oauth.jwt_issuer_mismatch";
const AUDIENCE: &str = "oauth.jwt_audience_mismatch";
const EXPIRED: &str = "oauth.jwt_expired";
const EARLY: &str = "oauth.jwt_not_yet_valid";
const SUBJECT: &str = "oidc.subject_changed";
const NONCE: &str = "oidc.nonce_mismatch";
const PARTY: &str = "oidc.authorized_party_mismatch";
const HASH: &str = "oidc.access_token_mismatch";
const OLD: &str = "oidc.authentication_too_old";
const ACR: &str = "oidc.acr_mismatch";
const TENANT: &str = "oidc.tenant_refused";

/// "Past" and "future" are instants as numbers; "other issuer" and "other audience" are those as strings. `aud` may be an array.
const MATRIX: [Row; 12] = [
    ("iss", [INVALID, INVALID, INVALID, INVALID, TWICE, INVALID, INVALID, ISSUER, ISSUER]),
    ("sub", [INVALID, INVALID, INVALID, INVALID, TWICE, INVALID, INVALID, SUBJECT, SUBJECT]),
    ("aud", [INVALID, INVALID, INVALID, "ok", TWICE, INVALID, INVALID, AUDIENCE, AUDIENCE]),
    ("exp", [INVALID, INVALID, INVALID, INVALID, TWICE, EXPIRED, "ok", INVALID, INVALID]),
    ("iat", [INVALID, INVALID, INVALID, INVALID, TWICE, "ok", EARLY, INVALID, INVALID]),
    ("nbf", ["ok", INVALID, INVALID, INVALID, TWICE, "ok", EARLY, INVALID, INVALID]),
    ("nonce", [INVALID, INVALID, INVALID, INVALID, TWICE, INVALID, INVALID, NONCE, NONCE]),
    ("azp", [PARTY, INVALID, INVALID, INVALID, TWICE, INVALID, INVALID, PARTY, PARTY]),
    ("at_hash", ["ok", INVALID, INVALID, INVALID, TWICE, INVALID, INVALID, HASH, HASH]),
    ("auth_time", ["oidc.auth_time_missing", INVALID, INVALID, INVALID, TWICE, OLD, EARLY, INVALID, INVALID]),
    ("acr", [ACR, INVALID, INVALID, INVALID, TWICE, INVALID, INVALID, ACR, ACR]),
    ("tid", [TENANT, INVALID, INVALID, INVALID, TWICE, INVALID, INVALID, TENANT, TENANT]),
];

/// The claims of a token that is good, with two audiences where `azp` is tried, so that it is needed.
fn good(claim: &str) -> Map<String, Value> {
    let mut claims = claims().as_object().unwrap().clone();
    claims.insert("tid".to_owned(), json!("t1"));
    claims.insert("nbf".to_owned(), json!(NOW));
    claims.insert("azp".to_owned(), json!("doorward"));
    if claim == "azp" {
        claims.insert("aud".to_owned(), json!(["doorward", "other"]));
    }
    claims
}

/// The payloads of one row, in the order of the columns.
fn payloads(claim: &str) -> [String; 9] {
    let right = good(claim).get(claim).cloned().unwrap();
    let with = |value: Value| {
        let mut claims = good(claim);
        claims.insert(claim.to_owned(), value);
        Value::Object(claims).to_string()
    };
    let without = {
        let mut claims = good(claim);
        claims.remove(claim);
        Value::Object(claims).to_string()
    };
    // The wrong value first and the right one last, which a lenient parser would take.
    let text = Value::Object(good(claim)).to_string();
    let twice = format!("{{\"{claim}\":\"evil\",{}", text.strip_prefix('{').unwrap());
    [
        without,
        with(Value::Null),
        with(json!({ "value": right.clone() })),
        with(if right.is_array() { json!([[right.clone()]]) } else { json!([right]) }),
        twice,
        with(json!(NOW - 3600)),
        with(json!(NOW + 3600)),
        with(json!("https://other.example")),
        with(json!("other")),
    ]
}

#[test]
fn every_claim_in_every_wrong_way() {
    let key = SigningKey::from_pkcs8(SigningKey::generate_pkcs8().unwrap().expose()).unwrap();
    let keys = JwkSet::new(vec![key.public_jwk()]);
    let issuers = [TokenIssuer {
        issuer: super::super::super::discovery::IssuerUrl::parse("https://idp.example").unwrap(),
        tenant: Some("t1".to_owned()),
    }];
    let access_token = Secret::new("access".to_owned());
    let expected = Expected {
        issuers: &issuers,
        client_id: "doorward",
        nonce: Nonce::Required("n1"),
        subject: Some("s1"),
        algorithms: &[Alg::Es256],
        max_age: Some(60),
        acr_values: &["phr".to_owned()],
        access_token: Some(&access_token),
        now: Timestamp::from_second(NOW).unwrap(),
        leeway: Duration::from_mins(1),
    };
    let code = |payload: &str| {
        let token = jwt::tests::raw(&key, &format!(r#"{{"alg":"ES256","kid":"{}"}}"#, key.kid()), payload);
        check(&token, &expected, &keys).map_or_else(|error| error.code(), |_| "ok")
    };
    assert_eq!(code(&Value::Object(good("azp")).to_string()), "ok");
    for (claim, cells) in MATRIX {
        for (column, (payload, mut cell)) in payloads(claim).iter().zip(cells).enumerate() {
            // An issuer that none of the tenants has is a tenant's fault.
            if claim == "iss" && cell == ISSUER {
                cell = TENANT;
            }
            assert_eq!(code(payload), cell, "{claim}, column {column}: {payload}");
        }
    }
}

/// A refresh may come without the nonce, never with another.
#[test]
fn the_nonce_of_a_refresh() {
    for (nonce, refused) in [(json!("n1"), None), (Value::Null, None), (json!("n2"), Some(NONCE)), (json!(7), Some(INVALID))] {
        let mut changed = claims();
        if nonce.is_null() {
            changed.as_object_mut().unwrap().remove("nonce");
        } else {
            changed["nonce"] = nonce.clone();
        }
        let checked = run_with("JWT", &changed, None, Nonce::IfPresent("n1"));
        assert_eq!(checked.err().map(|error| error.code()), refused, "{nonce}");
    }
}
