//! Tokens that are malformed or forged in the ways that attacks and test vectors have used against JWS libraries, given to the
//! check of the ID token: each with its exact code. What `jwt::tests` shows about every token is not repeated.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaPair, KeySize};
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde_json::json;

use super::*;
use crate::client::discovery::IssuerUrl;
use crate::jwt::SigningKey;

const NOW: i64 = 1_800_000_000;
const CLAIMS: &str = r#"{"iss":"https://idp.example","sub":"s1","aud":"doorward","exp":1800000300,"iat":1800000000,"nonce":"n1"}"#;

/// What an identity provider has: RSA of 2048 bits, P-256, P-384 and Ed25519, each with an id of its own.
struct Provider {
    rsa: RsaKeyPair,
    rsa_der: Vec<u8>,
    p256: EcdsaKeyPair,
    p384: EcdsaKeyPair,
    ed: Ed25519KeyPair,
    keys: JwkSet,
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Provider {
    fn new() -> Provider {
        let random = SystemRandom::new();
        let rsa_der = SigningKey::generate_rsa_pkcs8().unwrap().expose().clone();
        let rsa = RsaKeyPair::from_pkcs8(&rsa_der).unwrap();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let p256 = EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random).unwrap();
        let p384 = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
        let ed = Ed25519KeyPair::generate().unwrap();
        let members = serde_json::to_value(SigningKey::from_pkcs8(&rsa_der).unwrap().public_jwk()).unwrap();
        let curve = |kid: &str, name: &str, point: &[u8]| {
            let (x, y) = point[1..].split_at(point.len() / 2);
            json!({ "kty": "EC", "crv": name, "kid": kid, "x": b64(x), "y": b64(y) })
        };
        let set = json!({ "keys": [
            { "kty": "RSA", "kid": "rsa", "n": members["n"], "e": members["e"] },
            curve("p256", "P-256", p256.public_key().as_ref()),
            curve("p384", "P-384", p384.public_key().as_ref()),
            { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": b64(ed.public_key()) },
            { "kty": "oct", "kid": "oct", "k": b64("secret") },
        ]});
        let keys = JwkSet::parse(set.to_string().as_bytes()).unwrap();
        Provider { rsa, rsa_der, p256, p384, ed, keys }
    }

    fn check(&self, token: &str) -> Result<(), &'static str> {
        let issuers = [TokenIssuer { issuer: IssuerUrl::parse("https://idp.example").unwrap(), tenant: None }];
        let expected = Expected {
            issuers: &issuers,
            client_id: "doorward",
            nonce: Nonce::Required("n1"),
            subject: None,
            algorithms: &Alg::ALL,
            max_age: None,
            acr_values: &[],
            access_token: None,
            now: Timestamp::from_second(NOW).unwrap(),
            leeway: Duration::from_mins(1),
        };
        check(token, &expected, &self.keys).map(drop).map_err(|error| error.code())
    }

    /// Signed by the provider's RSA key, whatever the header says.
    fn rs256(&self, header: &str, payload: impl AsRef<[u8]>) -> String {
        let signed = format!("{}.{}", b64(header), b64(payload));
        self.rs256_raw(&signed)
    }

    fn rs256_raw(&self, signed: &str) -> String {
        format!("{signed}.{}", b64(rsa_sign(&self.rsa, &RSA_PKCS1_SHA256, signed)))
    }

    fn verdicts(&self, cases: Vec<(&str, String, Result<(), &'static str>)>) {
        let wrong: Vec<String> = cases
            .into_iter()
            .map(|(name, token, expected)| (name, self.check(&token), expected))
            .filter(|(_, found, expected)| found != expected)
            .map(|(name, found, expected)| format!("{name}: {found:?} instead of {expected:?}"))
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

fn rsa_sign(pair: &RsaKeyPair, padding: &'static dyn signature::RsaEncoding, signed: &str) -> Vec<u8> {
    let mut value = vec![0; pair.public_modulus_len()];
    pair.sign(padding, &SystemRandom::new(), signed.as_bytes(), &mut value).unwrap();
    value
}

const MALFORMED: Result<(), &str> = Err("oauth.jwt_malformed");
const HEADER: Result<(), &str> = Err("oauth.jwt_header_malformed");
const PARAMETER: Result<(), &str> = Err("oauth.jwt_header_parameter_refused");
const ALGORITHM: Result<(), &str> = Err("oauth.jwt_algorithm_refused");
const TYPE: Result<(), &str> = Err("oauth.jwt_type_mismatch");
const KEY: Result<(), &str> = Err("oauth.jwt_unknown_key");
const SIGNATURE: Result<(), &str> = Err("oauth.jwt_signature_invalid");
const CLAIM: Result<(), &str> = Err("oauth.jwt_claims_malformed");
const VALUE: Result<(), &str> = Err("oauth.jwt_claim_invalid");

const RS256: &str = r#"{"alg":"RS256","kid":"rsa"}"#;

#[test]
fn the_provider_signs_with_every_key() {
    let provider = Provider::new();
    let random = SystemRandom::new();
    let part = |header: &str| format!("{}.{}", b64(header), b64(CLAIMS));
    let pss = part(r#"{"alg":"PS256","kid":"rsa"}"#);
    let es256 = part(r#"{"alg":"ES256","kid":"p256"}"#);
    let es384 = part(r#"{"alg":"ES384","kid":"p384"}"#);
    let eddsa = part(r#"{"alg":"EdDSA","kid":"ed"}"#);
    provider.verdicts(vec![
        ("RS256", provider.rs256(RS256, CLAIMS), Ok(())),
        ("PS256", format!("{pss}.{}", b64(rsa_sign(&provider.rsa, &RSA_PSS_SHA256, &pss))), Ok(())),
        ("ES256", format!("{es256}.{}", b64(provider.p256.sign(&random, es256.as_bytes()).unwrap())), Ok(())),
        ("ES384", format!("{es384}.{}", b64(provider.p384.sign(&random, es384.as_bytes()).unwrap())), Ok(())),
        ("EdDSA", format!("{eddsa}.{}", b64(provider.ed.sign(eddsa.as_bytes()))), Ok(())),
    ]);
}

#[test]
fn segments_and_base64() {
    let provider = Provider::new();
    let good = provider.rs256(RS256, CLAIMS);
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, value] = parts[..] else { panic!("three parts") };
    let joined = |header: &str, payload: &str, value: &str| [header, payload, value].join(".");
    let raw = URL_SAFE_NO_PAD.decode(value).unwrap();
    // 256 bytes leave four bits of the last character unused.
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = alphabet.iter().position(|letter| Some(letter) == value.as_bytes().last()).unwrap();
    let mut trailing = value.to_owned();
    trailing.pop();
    trailing.push(char::from(alphabet[last + 1]));
    let mut broken = payload.to_owned();
    broken.insert(8, '\n');
    let mixed = r#"{"alg":"RS256","kid":"rsa","x":"???>>>~~~"}"#;
    let standard = provider.rs256_raw(&format!("{}.{}", STANDARD_NO_PAD.encode(mixed), payload));
    let length_one = format!("{payload}{}", "A".repeat((5 - payload.len() % 4) % 4));
    let flattened = json!({ "payload": payload, "protected": header, "signature": value }).to_string();
    let general = json!({ "payload": payload, "signatures": [{ "protected": header, "signature": value }] }).to_string();
    let nested = provider.rs256(r#"{"alg":"RS256","kid":"rsa","cty":"JWT"}"#, &good);
    provider.verdicts(vec![
        ("as it is", good.clone(), Ok(())),
        ("nothing", String::new(), MALFORMED),
        ("one segment", header.to_owned(), MALFORMED),
        ("two segments", format!("{header}.{payload}"), MALFORMED),
        ("an empty signature", joined(header, payload, ""), MALFORMED),
        ("an empty payload", joined(header, "", value), MALFORMED),
        ("an empty header", joined("", payload, value), MALFORMED),
        ("four segments", format!("{good}.{value}"), MALFORMED),
        ("five segments, as encrypted tokens have", format!("{good}.{value}.{value}"), MALFORMED),
        ("a dot in front", format!(".{good}"), MALFORMED),
        ("a dot behind", format!("{good}."), MALFORMED),
        ("padding", joined(header, payload, &URL_SAFE.encode(&raw)), MALFORMED),
        ("padding of the standard alphabet", joined(header, payload, &STANDARD.encode(&raw)), MALFORMED),
        ("too much padding", joined(header, payload, &format!("{value}====")), MALFORMED),
        ("bits behind the end", joined(header, payload, &trailing), MALFORMED),
        ("a length that base64 does not have", joined(header, &length_one, value), MALFORMED),
        ("the standard alphabet, truly signed", standard, MALFORMED),
        ("a space in the header", joined(&format!("{header} "), payload, value), MALFORMED),
        ("a line end in the payload", joined(header, &broken, value), MALFORMED),
        ("a tab in front", format!("\t{good}"), MALFORMED),
        ("a NUL behind", format!("{good}\0"), MALFORMED),
        ("escaped", good.replace('.', "%2E"), MALFORMED),
        ("a Bearer prefix", format!("Bearer {good}"), MALFORMED),
        ("letters of another script", joined(header, &payload.replace('e', "е"), value), MALFORMED),
        ("flattened JSON", flattened, MALFORMED),
        ("general JSON", general, MALFORMED),
        ("a token in a token, said so", nested, PARAMETER),
        ("a token in a token", provider.rs256(RS256, &good), CLAIM),
        ("a token in quotes", provider.rs256(RS256, format!("\"{good}\"")), CLAIM),
        ("oversized", provider.rs256(RS256, format!(r#"{{"x":"{}"}}"#, "x".repeat(16_384))), Err("oauth.jwt_too_large")),
        ("the payload of another token", joined(header, &b64(CLAIMS.replace("s1", "s2")), value), SIGNATURE),
        ("the header of another token", joined(&b64(r#"{"kid":"rsa","alg":"RS256"}"#), payload, value), SIGNATURE),
    ]);
}

#[test]
fn headers_that_ask_for_something() {
    let provider = Provider::new();
    let own =
        serde_json::to_value(SigningKey::from_pkcs8(SigningKey::generate_rsa_pkcs8().unwrap().expose()).unwrap().public_jwk()).unwrap();
    let with = |members: &str| provider.rs256(&format!(r#"{{"alg":"RS256","kid":"rsa",{members}}}"#), CLAIMS);
    let kid = |kid: &str| provider.rs256(&format!(r#"{{"alg":"RS256","kid":{kid}}}"#), CLAIMS);
    let deep = format!(r#""x":{}{}"#, "[".repeat(3_000), "]".repeat(3_000));
    provider.verdicts(vec![
        ("a key of the attacker", with(&format!(r#""jwk":{own}"#)), PARAMETER),
        ("a key set elsewhere", with(r#""jku":"https://attacker.test/jwks""#), PARAMETER),
        ("a key set at the issuer's", with(r#""jku":"https://idp.example/jwks""#), PARAMETER),
        ("a certificate elsewhere", with(r#""x5u":"https://attacker.test/x""#), PARAMETER),
        ("a certificate", with(r#""x5c":["MIIB"]"#), PARAMETER),
        ("an empty crit", with(r#""crit":[]"#), PARAMETER),
        ("a crit of null", with(r#""crit":null"#), PARAMETER),
        ("a crit that names a known parameter", with(r#""crit":["kid"]"#), PARAMETER),
        ("a crit that names exp", with(r#""crit":["exp"],"exp":1"#), PARAMETER),
        ("b64 false", with(r#""b64":false,"crit":["b64"]"#), PARAMETER),
        ("b64 true", with(r#""b64":true"#), PARAMETER),
        ("compressed", with(r#""zip":"DEF""#), PARAMETER),
        ("encrypted", with(r#""enc":"A256GCM""#), PARAMETER),
        ("an access token's type", with(r#""typ":"at+jwt""#), TYPE),
        ("a logout token's type", with(r#""typ":"logout+jwt""#), TYPE),
        ("a type with a parameter", with(r#""typ":"JWT;x=y""#), TYPE),
        ("a type with a space", with(r#""typ":"JWT ""#), TYPE),
        ("an empty type", with(r#""typ":"""#), TYPE),
        ("a type that is a list", with(r#""typ":["JWT"]"#), HEADER),
        ("a type that only looks like it", with(r#""typ":"JWТ""#), TYPE),
        ("a member twice", with(r#""typ":"JWT","typ":"JWT""#), HEADER),
        ("a member twice, once escaped", with(r#""\u0074yp":"JWT","typ":"JWT""#), HEADER),
        ("the algorithm twice", with(r#""alg":"none""#), HEADER),
        ("the key id twice", with(r#""kid":"ed""#), HEADER),
        ("a deep header", with(&deep), HEADER),
        ("half of a surrogate pair", with(r#""x":"\ud800""#), HEADER),
        ("a number out of range", with(r#""x":1e999"#), HEADER),
        ("a comment", with(r#""x":1/**/"#), HEADER),
        ("a comma too many", with(r#""x":1,"#), HEADER),
        ("an unknown member", with(r#""x":{"y":[1e10,null]}"#), Ok(())),
        ("no key id, one key fits", provider.rs256(r#"{"alg":"RS256"}"#, CLAIMS), Ok(())),
        ("an empty key id", kid(r#""""#), KEY),
        ("the key id of another kind of key", kid(r#""p256""#), KEY),
        ("the key id of a secret", kid(r#""oct""#), KEY),
        ("the key id in another case", kid(r#""RSA""#), KEY),
        ("the key id with a space", kid(r#""rsa ""#), KEY),
        ("the key id with a NUL", kid(r#""rsa\u0000""#), KEY),
        ("the key id escaped", kid(r#""\u0072sa""#), Ok(())),
        ("a path", kid(r#""../../../../dev/null""#), KEY),
        ("SQL", kid(r#""x' OR '1'='1""#), KEY),
        ("an address", kid(r#""https://attacker.test/key""#), KEY),
        ("a list of key ids", kid(r#"["rsa"]"#), HEADER),
        ("a number", kid("0"), HEADER),
        ("null", kid("null"), HEADER),
        ("an object", kid(r#"{"rsa":1}"#), HEADER),
        ("a long key id", kid(&format!("\"{}\"", "k".repeat(4_096))), KEY),
        ("a header that is a list", provider.rs256(r#"[{"alg":"RS256"}]"#, CLAIMS), HEADER),
        ("a header that is text", provider.rs256("\"RS256\"", CLAIMS), HEADER),
        (
            "a header that is not UTF-8",
            provider.rs256_raw(&format!("{}.{}", b64(b"{\"alg\":\"RS256\",\"x\":\"\xff\"}"), b64(CLAIMS))),
            HEADER,
        ),
        ("a byte order mark", provider.rs256("\u{feff}{\"alg\":\"RS256\"}", CLAIMS), HEADER),
        ("UTF-16", provider.rs256_raw(&format!("{}.{}", b64(b"{\0\"\0a\0"), b64(CLAIMS))), HEADER),
    ]);
}

/// A token with this header, whatever signed it.
fn with(header: &str, value: &[u8]) -> String {
    format!("{}.{}", part(header), b64(value))
}

/// What is signed: this header and the claims.
fn part(header: &str) -> String {
    format!("{}.{}", b64(header), b64(CLAIMS))
}

#[test]
fn public_keys_as_secrets_and_algorithms_by_name() {
    let provider = Provider::new();
    let own = SigningKey::from_pkcs8(&provider.rsa_der).unwrap().public_jwk();
    let spki = AsDer::<PublicKeyX509Der<'_>>::as_der(provider.rsa.public_key()).unwrap();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(spki.as_ref()));
    let jwk = serde_json::to_string(&own).unwrap();
    let modulus = URL_SAFE_NO_PAD.decode(serde_json::to_value(&own).unwrap()["n"].as_str().unwrap()).unwrap();
    let hs256 = |secret: &[u8]| {
        let signed = part(r#"{"alg":"HS256","kid":"rsa"}"#);
        format!("{signed}.{}", b64(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes())))
    };
    let rs_value = rsa_sign(&provider.rsa, &RSA_PKCS1_SHA256, &part(RS256));
    let mut cases = vec![
        ("HMAC with the public key in DER", hs256(spki.as_ref()), ALGORITHM),
        ("HMAC with the public key in PEM", hs256(pem.as_bytes()), ALGORITHM),
        ("HMAC with the public key in PEM without its last line end", hs256(pem.trim_end().as_bytes()), ALGORITHM),
        ("HMAC with the public key as a JWK", hs256(jwk.as_bytes()), ALGORITHM),
        ("HMAC with the modulus", hs256(&modulus), ALGORITHM),
        ("HMAC with the key set's secret", hs256(b"secret"), ALGORITHM),
        ("HMAC with nothing", hs256(b""), ALGORITHM),
    ];
    let refused = [
        "none",
        "None",
        "NONE",
        "nOnE",
        "none ",
        "",
        "RS256 ",
        "rs256",
        "RS",
        "HS256",
        "HS384",
        "HS512",
        "RS1",
        "dir",
        "RSA-OAEP",
        "A128KW",
        "PBES2-HS256+A128KW",
    ];
    for name in refused {
        cases.push((name, with(&format!(r#"{{"alg":"{name}","kid":"rsa"}}"#), &rs_value), ALGORITHM));
    }
    cases.push(("none without a signature", format!("{}.", part(r#"{"alg":"none"}"#)), MALFORMED));
    provider.verdicts(cases);
}

#[test]
fn forged_rsa_signatures() {
    let provider = Provider::new();
    let own = SigningKey::from_pkcs8(&provider.rsa_der).unwrap().public_jwk();
    let modulus = URL_SAFE_NO_PAD.decode(serde_json::to_value(&own).unwrap()["n"].as_str().unwrap()).unwrap();
    let foreign = rsa_sign(&RsaPair::generate(KeySize::Rsa2048).unwrap(), &RSA_PKCS1_SHA256, &part(RS256));
    let rs_value = rsa_sign(&provider.rsa, &RSA_PKCS1_SHA256, &part(RS256));
    provider.verdicts(vec![
        ("another RSA key", with(RS256, &foreign), SIGNATURE),
        ("an RSA signature of zeros", with(RS256, &[0; 256]), SIGNATURE),
        ("an RSA signature of one", with(RS256, &[&[0; 255][..], &[1]].concat()), SIGNATURE),
        ("an RSA signature as large as the modulus", with(RS256, &modulus), SIGNATURE),
        ("an RSA signature with a zero in front", with(RS256, &[&[0][..], &rs_value].concat()), SIGNATURE),
        ("an RSA signature cut off", with(RS256, &rs_value[..255]), SIGNATURE),
        ("an RSA signature that says PS256", with(r#"{"alg":"PS256","kid":"rsa"}"#, &rs_value), SIGNATURE),
        ("an RSA signature that says RS512", with(r#"{"alg":"RS512","kid":"rsa"}"#, &rs_value), SIGNATURE),
    ]);
    // A key of 1024 bits is not in the set, whoever published it: its tokens find no key.
    let short = json!({ "keys": [{ "kty": "RSA", "kid": "short", "n": b64(&modulus[..128]), "e": "AQAB" }] });
    assert_eq!(JwkSet::parse(short.to_string().as_bytes()).map_err(|error| error.code()), Err("oauth.jwks_no_usable_key"));
    assert_eq!(provider.check(&with(r#"{"alg":"RS256","kid":"short"}"#, &rs_value[..128])), KEY);
}

#[test]
fn forged_curve_signatures() {
    let provider = Provider::new();
    let random = SystemRandom::new();
    let es256 = r#"{"alg":"ES256","kid":"p256"}"#;
    let es_value = provider.p256.sign(&random, part(es256).as_bytes()).unwrap();
    let other = Ed25519KeyPair::generate().unwrap();
    let ed = r#"{"alg":"EdDSA","kid":"ed"}"#;
    let twisted = provider.ed.sign(part(ed).as_bytes());
    // S + L: the same signature once more for libraries that do not ask for S below the order (RFC 8032 section 5.1.7).
    let mut malleable = twisted.as_ref().to_vec();
    add_order(&mut malleable[32..]);
    provider.verdicts(vec![
        ("ES256 with DER", with(es256, &der(es_value.as_ref())), SIGNATURE),
        ("ES256 of zeros", with(es256, &[0; 64]), SIGNATURE),
        ("ES256 too short", with(es256, &es_value.as_ref()[..63]), SIGNATURE),
        ("ES256 too long", with(es256, &[es_value.as_ref(), &[0]].concat()), SIGNATURE),
        (
            "ES256 as long as ES384",
            with(es256, &[&[0; 16][..], &es_value.as_ref()[..32], &[0; 16], &es_value.as_ref()[32..]].concat()),
            SIGNATURE,
        ),
        ("ES256 that says ES384", with(r#"{"alg":"ES384","kid":"p256"}"#, es_value.as_ref()), KEY),
        ("ES384 that says ES256", with(r#"{"alg":"ES256","kid":"p384"}"#, es_value.as_ref()), KEY),
        ("ES256 for the RSA key", with(r#"{"alg":"ES256","kid":"rsa"}"#, es_value.as_ref()), KEY),
        ("ES256K", with(r#"{"alg":"ES256K","kid":"p256"}"#, es_value.as_ref()), ALGORITHM),
        ("ES512", with(r#"{"alg":"ES512","kid":"p256"}"#, es_value.as_ref()), ALGORITHM),
        ("EdDSA by another key", with(ed, other.sign(part(ed).as_bytes()).as_ref()), SIGNATURE),
        ("EdDSA with S above the order", with(ed, &malleable), SIGNATURE),
        ("EdDSA of zeros", with(ed, &[0; 64]), SIGNATURE),
        ("EdDSA with the identity as R", with(ed, &[&[1][..], &[0; 63]].concat()), SIGNATURE),
        ("EdDSA cut off", with(ed, &twisted.as_ref()[..63]), SIGNATURE),
        ("Ed448", with(r#"{"alg":"Ed448","kid":"ed"}"#, twisted.as_ref()), ALGORITHM),
        ("EdDSA for the curve's point", with(r#"{"alg":"EdDSA","kid":"p256"}"#, twisted.as_ref()), KEY),
    ]);
}

/// Claims that are truly signed, and not what they should be.
#[test]
fn payloads() {
    let provider = Provider::new();
    let token = |payload: &str| provider.rs256(RS256, payload);
    let with = |from: &str, to: &str| token(&CLAIMS.replace(from, to));
    let also = |member: &str| with(r#""nonce":"n1""#, &format!(r#""nonce":"n1",{member}"#));
    provider.verdicts(vec![
        ("nothing", token(" "), CLAIM),
        ("null", token("null"), CLAIM),
        ("a list", token(&format!("[{CLAIMS}]")), CLAIM),
        ("text", token("\"claims\""), CLAIM),
        ("a number", token("1"), CLAIM),
        ("two objects", token(&format!("{CLAIMS}{CLAIMS}")), CLAIM),
        ("something behind", token(&format!("{CLAIMS}\0")), CLAIM),
        ("a byte order mark", token(&format!("\u{feff}{CLAIMS}")), CLAIM),
        ("a claim twice", also(r#""sub":"s2""#), CLAIM),
        ("a claim twice, once escaped", also(r#""s\u0075b":"s2""#), CLAIM),
        ("a claim twice, deep inside", also(r#""x":[{"y":1,"y":2}]"#), CLAIM),
        ("a deep claim", also(&format!(r#""x":{}{}"#, "[".repeat(4_000), "]".repeat(4_000))), CLAIM),
        ("a deep object", also(&format!(r#""x":{}1{}"#, r#"{"y":"#.repeat(1_500), "}".repeat(1_500))), CLAIM),
        ("half of a surrogate pair", also(r#""x":"\udfff""#), CLAIM),
        ("a number out of range", also(r#""x":-1e999"#), CLAIM),
        ("NaN", also(r#""x":NaN"#), CLAIM),
        ("a control character", also("\"x\":\"\u{1}\""), CLAIM),
        ("a claim in another case", with(r#""nonce""#, r#""Nonce""#), VALUE),
        ("a claim with a NUL in its name", with(r#""nonce""#, r#""nonce\u0000""#), VALUE),
        ("a claim of the Kelvin sign", also(r#""to\u212aen":1"#), Ok(())),
        ("an end as a fraction", with("1800000300", "1800000300.5"), VALUE),
        ("an end as a power", with("1800000300", "18e8"), VALUE),
        ("an end of many digits", with("1800000300", &"9".repeat(400)), CLAIM),
        ("an end beyond 64 bits", with("1800000300", "18446744073709551616"), VALUE),
        ("an end below zero", with("1800000300", "-0"), VALUE),
        ("an end in milliseconds", with("1800000300", "1800000300000"), VALUE),
        ("an audience that begins like ours", with("\"doorward\"", "\"doorward2\""), Err("oauth.jwt_audience_mismatch")),
        ("an audience with a space", with("\"doorward\"", "\"other doorward\""), Err("oauth.jwt_audience_mismatch")),
        ("a list in a list", with("\"doorward\"", "[[\"doorward\"]]"), VALUE),
        ("an issuer with a slash more", with("https://idp.example", "https://idp.example/"), Err("oauth.jwt_issuer_mismatch")),
        ("an issuer with a user", with("https://idp.example", "https://idp.example@attacker.test"), Err("oauth.jwt_issuer_mismatch")),
        ("a subject of another script", with("\"s1\"", "\"ѕ1\""), Err("oidc.subject_malformed")),
        ("a subject with a line end", with("\"s1\"", r#""s1\n""#), Err("oidc.subject_malformed")),
        ("an empty nonce", with("\"n1\"", "\"\""), VALUE),
        ("a longer nonce", with("\"n1\"", "\"n1x\""), Err("oidc.nonce_mismatch")),
        ("a logout token's event", also(r#""events":{}"#), Err("oidc.not_an_id_token")),
    ]);
}

/// Adds the order of the curve to a little-endian scalar (RFC 8032 section 5.1).
fn add_order(scalar: &mut [u8]) {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0x10,
    ];
    let mut carry = 0_u16;
    for (byte, add) in scalar.iter_mut().zip(ORDER) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
}

/// The DER form of a signature (RFC 3279 section 2.2.3), which is not JWS's.
fn der(fixed: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let at = number.iter().position(|byte| *byte != 0).unwrap_or(number.len() - 1);
        let zero: &[u8] = if number[at] > 0x7f { &[0] } else { &[] };
        let body = [zero, &number[at..]].concat();
        [&[2, u8::try_from(body.len()).unwrap()], &body[..]].concat()
    };
    let body = [integer(&fixed[..32]), integer(&fixed[32..])].concat();
    [&[0x30, u8::try_from(body.len()).unwrap()], &body[..]].concat()
}
