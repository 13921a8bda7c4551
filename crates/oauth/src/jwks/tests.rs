//! Which keys of a set are used.

use super::{JwkSet, JwksError, MAX_JWKS_BYTES};
use crate::jwt::{Alg, SigningKey};

// RFC 7517 appendix A.1 and RFC 8037 appendix A.2.
const EC: &str =
    r#""kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM""#;
const ED: &str = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;

fn usable(keys: &str) -> Result<usize, JwksError> {
    JwkSet::parse(format!(r#"{{"keys":[{keys}]}}"#).as_bytes()).map(|set| set.keys().len())
}

#[test]
fn usable_keys() {
    let cases = [
        (format!("{{{EC}}}"), Ok(1)),
        (format!("{{{EC}}},{{{ED}}}"), Ok(2)),
        (format!("{{{EC},\"use\":\"sig\",\"alg\":\"ES256\",\"kid\":\"a\"}}"), Ok(1)),
        (format!("{{{EC},\"use\":\"enc\"}},{{{ED}}}"), Ok(1)),
        (format!("{{{EC},\"key_ops\":[\"verify\"]}}"), Ok(1)),
        (format!("{{{EC},\"key_ops\":[\"deriveKey\"]}}"), Err(JwksError::NoUsableKey)),
        (format!("{{{EC},\"use\":\"enc\"}}"), Err(JwksError::NoUsableKey)),
        (format!("{{{EC},\"use\":null}}"), Err(JwksError::NoUsableKey)),
        (format!("{{{EC},\"alg\":\"HS256\"}}"), Err(JwksError::NoUsableKey)),
        (format!("{{{EC},\"kid\":7}}"), Err(JwksError::NoUsableKey)),
        (r#"{"kty":"oct","k":"AAAA"}"#.to_owned(), Err(JwksError::NoUsableKey)),
        (r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#.to_owned(), Err(JwksError::NoUsableKey)),
        (r#"{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}"#.to_owned(), Err(JwksError::NoUsableKey)),
        (r#"{"kty":"EC","crv":"secp256k1","x":"AAAA","y":"AAAA"}"#.to_owned(), Err(JwksError::NoUsableKey)),
        ("7".to_owned(), Err(JwksError::Malformed)),
        (String::new(), Err(JwksError::NoUsableKey)),
    ];
    for (keys, expected) in cases {
        assert_eq!(usable(&keys), expected, "{keys}");
    }
    for document in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, "<html>"] {
        assert_eq!(JwkSet::parse(document.as_bytes()), Err(JwksError::Malformed), "{document}");
    }
    assert_eq!(JwkSet::parse(&vec![b' '; MAX_JWKS_BYTES + 1]), Err(JwksError::TooLarge));
    assert_eq!(usable(&vec![format!("{{{EC}}}"); 101].join(",")), Err(JwksError::TooLarge));
}

#[test]
fn what_is_published_is_read_back() {
    let keys = [SigningKey::generate_pkcs8().unwrap(), SigningKey::generate_rsa_pkcs8().unwrap()]
        .map(|der| SigningKey::from_pkcs8(der.expose()).unwrap());
    let set = JwkSet::new(keys.iter().map(SigningKey::public_jwk).collect());
    assert_eq!(JwkSet::parse(set.to_json().as_bytes()), Ok(set.clone()));
    assert!(!set.to_json().contains("\"d\""));
    assert!(
        set.keys()[0].fits(Alg::Es256)
            && !set.keys()[0].fits(Alg::Es384)
            && set.keys()[1].fits(Alg::Rs256)
            && !set.keys()[1].fits(Alg::Ps256)
    );
}
