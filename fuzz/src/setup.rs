//! The captures and keys of `crates/saml/testdata`.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use saml::{EntityId, Expected, IdpMetadata, ServiceProvider, SigningCertificate, SpKey, VerifiedAssertion, verify_response};
use serde_json::Value;
use url::Url;

/// A capture of a real identity provider and what it is judged by.
pub struct Case {
    pub xml: Vec<u8>,
    pub idp: IdpMetadata,
    pub sp: ServiceProvider,
    pub request_id: String,
    pub now: Timestamp,
    /// What the capture says; `None` for one that is refused.
    pub genuine: Option<VerifiedAssertion>,
}

impl Case {
    pub fn expected(&self) -> Expected<'_> {
        Expected::new(&self.idp, &self.sp, &self.sp.acs_url, Some(&self.request_id), self.now)
    }
}

fn testdata(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crates/saml/testdata").join(name)
}

pub fn read(name: &str) -> String {
    fs::read_to_string(testdata(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub(crate) fn key_der(name: &str) -> Vec<u8> {
    let text: String = read(&format!("keys/{name}.pkcs8.b64")).split_whitespace().collect();
    STANDARD.decode(text).unwrap()
}

pub fn certificate_der(name: &str) -> Vec<u8> {
    let text: String = read(&format!("keys/{name}.crt")).lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(text).unwrap()
}

pub fn sp_key(name: &str) -> SpKey {
    SpKey::from_pkcs8(&key_der(name), certificate_der(name)).unwrap()
}

/// The metadata files of all captured identity providers, in order of their names.
pub fn metadata_files() -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(testdata("captures")).unwrap().map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.iter().map(|name| read(&format!("captures/{name}/idp-metadata.xml"))).collect()
}

/// All captures, in order of their names.
pub static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let mut names = Vec::new();
    for folder in fs::read_dir(testdata("captures")).unwrap() {
        let folder = folder.unwrap();
        for file in fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap().file_name().into_string().unwrap();
            if let Some(stem) = file.strip_suffix(".case.json") {
                names.push(format!("{}/{stem}", folder.file_name().into_string().unwrap()));
            }
        }
    }
    names.sort();
    names.iter().map(|name| load(name)).collect()
});

fn load(name: &str) -> Case {
    let case: Value = serde_json::from_str(&read(&format!("captures/{name}.case.json"))).unwrap();
    let text = |field: &str| case[field].as_str().unwrap();
    let now = text("now").parse().unwrap();
    let sp = ServiceProvider {
        entity_id: EntityId::parse(text("sp")).unwrap(),
        acs_url: Url::parse(text("acs")).unwrap(),
        slo_url: None,
        keys: vec![sp_key("sp")],
    };
    let mut case = Case {
        xml: read(&format!("captures/{name}.xml")).into_bytes(),
        idp: IdpMetadata::parse(read(&format!("captures/{}", text("idp"))).as_bytes(), None, now).unwrap(),
        sp,
        request_id: text("request_id").to_owned(),
        now,
        genuine: None,
    };
    case.genuine = verify_response(STANDARD.encode(&case.xml).as_bytes(), &case.expected()).ok();
    case
}

/// A response that is not signed yet; `{SIG:id}` is the place of a signature.
pub const FRESH_XML: &str = include_str!("../../crates/saml/testdata/fresh.xml");

/// That response and what it is judged by: the identity provider's key is that of [`crate::signer`].
pub static FRESH: LazyLock<Case> = LazyLock::new(|| {
    let now = "2026-11-20T09:00:10Z".parse().unwrap();
    let mut idp = IdpMetadata::parse(read("captures/npm-samlp/idp-metadata.xml").as_bytes(), None, now).unwrap();
    idp.signing_keys = vec![SigningCertificate::from_der(&certificate_der("ec")).unwrap().unwrap()];
    Case {
        xml: FRESH_XML.as_bytes().to_vec(),
        idp,
        sp: ServiceProvider {
            entity_id: EntityId::parse("https://gw.test/sp").unwrap(),
            acs_url: Url::parse("https://gw.test/acs").unwrap(),
            slo_url: None,
            keys: vec![sp_key("sp")],
        },
        request_id: "_request".to_owned(),
        now,
        genuine: None,
    }
});
