//! The command over real captures, through the functions that it consists of.

use std::fs;
use std::path::PathBuf;

use super::*;

type Change = fn(&mut Args);
type Case = (&'static str, &'static str, &'static str, Change, Result<&'static str, &'static str>);

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../saml/testdata/keys");
const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../saml/testdata/captures");

fn arguments(response: &str, now: &str) -> Args {
    let folder = PathBuf::from(CAPTURES).join(response).parent().unwrap().to_owned();
    Args {
        metadata: folder.join("idp-metadata.xml"),
        response: PathBuf::from(format!("{CAPTURES}/{response}.xml")),
        sp_entity_id: "https://gw.test/sp".to_owned(),
        acs: "http://127.0.0.1:9999/acs".to_owned(),
        request_id: None,
        sp_key: None,
        now: Some(now.to_owned()),
        idp_entity_id: None,
        json: false,
    }
}

fn verdict(args: &Args) -> Result<String, &'static str> {
    let inspection = inspect(args, &Clock::System).unwrap();
    inspection.subject.ok_or_else(|| inspection.code.unwrap())
}

#[test]
fn captures_are_accepted_or_refused() {
    let genuine = "simplesamlphp/signed_both";
    let during = "2026-11-20T09:35:30Z";
    let cases: [Case; 11] = [
        ("accepted", genuine, during, |_| {}, Ok("alice@example.com")),
        (
            "with its request",
            genuine,
            during,
            |args| args.request_id = Some("_310a796248cd4670a4bb4bc917b1f512".into()),
            Ok("alice@example.com"),
        ),
        ("another request", genuine, during, |args| args.request_id = Some("_other".into()), Err("saml.in_response_to_mismatch")),
        ("another audience", genuine, during, |args| args.sp_entity_id = "https://else.test".into(), Err("saml.audience_mismatch")),
        ("another address", genuine, during, |args| args.acs = "https://else.test/acs".into(), Err("saml.destination_mismatch")),
        ("an hour later", genuine, "2026-11-20T10:35:30Z", |_| {}, Err("saml.expired")),
        (
            "another identity provider",
            genuine,
            during,
            |args| args.metadata = format!("{CAPTURES}/lemonldap/idp-metadata.xml").into(),
            Err("saml.signature_invalid"),
        ),
        ("metadata that is none", genuine, during, |args| args.metadata.clone_from(&args.response), Err("saml.metadata_not_saml")),
        ("encrypted, no key", "npm-samlp/encrypted_gcm", "2026-11-20T09:05:30Z", |_| {}, Err("saml.no_decryption_key")),
        (
            "encrypted",
            "npm-samlp/encrypted_gcm",
            "2026-11-20T09:05:30Z",
            |args| args.sp_key = Some(format!("{KEYS}/sp.pkcs8.b64").into()),
            Ok("alice"),
        ),
        ("SHA-1", "npm-samlp/sha1", "2026-11-20T09:05:30Z", |_| {}, Err("saml.signature_algorithm")),
    ];
    for (name, capture, now, change, expected) in cases {
        let mut args = arguments(capture, now);
        change(&mut args);
        assert_eq!(verdict(&args).as_deref(), expected.as_deref(), "{name}");
    }
}

#[test]
fn base64_and_every_form_of_the_key_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let key = fs::read_to_string(format!("{KEYS}/sp.pkcs8.b64")).unwrap();
    let der = STANDARD.decode(key.split_whitespace().collect::<String>()).unwrap();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", key.trim());
    let response = folder.path().join("response.b64");
    let mut args = arguments("simplesamlphp/encrypted_signed_both", "2026-11-20T09:12:10Z");
    fs::write(&response, STANDARD.encode(fs::read(&args.response).unwrap())).unwrap();
    args.response = response;
    args.sp_entity_id = "https://gw.test/sp-enc".to_owned();
    for (form, bytes) in [("base64", key.into_bytes()), ("der", der), ("pem", pem.into_bytes())] {
        let path = folder.path().join(form);
        fs::write(&path, bytes).unwrap();
        args.sp_key = Some(path);
        assert_eq!(verdict(&args), Ok("alice@example.com".to_owned()), "{form}");
    }
}

#[test]
fn arguments_that_cannot_be_used_are_usage_errors() {
    let cases: [(&str, Change); 6] = [
        ("cannot read /nowhere/file", |args| args.response = "/nowhere/file".into()),
        ("--acs \"acs\" is not an absolute URL", |args| args.acs = "acs".into()),
        ("--sp-entity-id \"\" is not an entity id", |args| args.sp_entity_id = String::new()),
        ("--now \"noon\" is not an instant", |args| args.now = Some("noon".into())),
        ("--sp-key", |args| args.sp_key = Some(args.response.clone())),
        ("cannot read /nowhere/metadata", |args| args.metadata = "/nowhere/metadata".into()),
    ];
    for (begins, change) in cases {
        let mut args = arguments("simplesamlphp/signed_both", "2026-11-20T09:35:30Z");
        change(&mut args);
        let message = inspect(&args, &Clock::System).unwrap_err().to_string();
        assert!(message.starts_with(begins), "{message}");
    }
}

#[test]
fn the_report_is_readable_by_people_and_programs() {
    let mut args = arguments("simplesamlphp/signed_both", "2026-11-20T09:35:30Z");
    args.sp_entity_id = "https://else.test".to_owned();
    let inspection = inspect(&args, &Clock::System).unwrap();
    let text = as_text(&inspection, false);
    assert!(text.contains("✗ audience"), "{text}");
    assert!(text.contains("saml.audience_mismatch, see docs/errors/saml.audience_mismatch.md"), "{text}");
    assert!(text.contains("✓ attributes"), "an inspection goes on after a failed profile check: {text}");
    assert!(text.ends_with("refused: saml.audience_mismatch\n"), "{text}");
    assert!(!text.contains('\x1b'));
    assert!(as_text(&inspection, true).contains("\x1b[31m✗\x1b[0m audience"));
    let json = as_json(&inspection);
    assert_eq!(json["accepted"], false);
    assert_eq!(json["subject"], serde_json::Value::Null);
    assert_eq!(json["code"], "saml.audience_mismatch");
    let audience = json["checks"].as_array().unwrap().iter().find(|check| check["name"] == "audience").unwrap();
    assert_eq!(audience["passed"], false);
}
