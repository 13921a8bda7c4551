//! One verification to run: the message and everything it is judged by. Starts from a genuine capture or from a fresh
//! response; a case then changes what it is about.

use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use saml::{EntityId, Expected, IdpMetadata, ServiceProvider, SpKey, VerifiedAssertion, inspect, verify_response};
use serde_json::Value;
use url::Url;

use crate::signer::{Style, sign};

#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) xml: String,
    pub(crate) metadata: String,
    pub(crate) sp: String,
    pub(crate) acs: String,
    pub(crate) request_id: Option<String>,
    pub(crate) now: Timestamp,
    pub(crate) allow_unsolicited: bool,
    pub(crate) decrypts: bool,
}

pub(crate) fn testdata(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

pub(crate) fn read(name: &str) -> String {
    std::fs::read_to_string(testdata(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub(crate) fn key_der(name: &str) -> Vec<u8> {
    let text: String = read(&format!("keys/{name}.pkcs8.b64")).split_whitespace().collect();
    STANDARD.decode(text).unwrap()
}

pub(crate) fn certificate_der(name: &str) -> Vec<u8> {
    let text: String = read(&format!("keys/{name}.crt")).lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(text).unwrap()
}

pub(crate) fn sp_key(name: &str) -> SpKey {
    SpKey::from_pkcs8(&key_der(name), certificate_der(name)).unwrap()
}

pub(crate) fn sha256_base64(bytes: &[u8]) -> String {
    STANDARD.encode(digest(&SHA256, bytes))
}

/// The first element of that tag in some XML, from its start tag to its end tag.
pub(crate) fn element_of(xml: &str, tag: &str) -> String {
    let start = xml.find(&format!("<{tag} ")).or_else(|| xml.find(&format!("<{tag}>"))).unwrap_or_else(|| panic!("no {tag}"));
    let end_tag = format!("</{tag}>");
    let (_, rest) = xml.split_at(start);
    let end = rest.find(&end_tag).unwrap_or_else(|| panic!("no end of {tag}")) + end_tag.len();
    rest.split_at(end).0.to_owned()
}

impl Setup {
    /// The capture of that name, such as `simplesamlphp/signed_both`, judged as its case file says.
    pub(crate) fn capture(name: &str) -> Setup {
        let case: Value = serde_json::from_str(&read(&format!("captures/{name}.case.json"))).unwrap();
        let text = |field: &str| case[field].as_str().unwrap().to_owned();
        Setup {
            xml: read(&format!("captures/{name}.xml")),
            metadata: read(&format!("captures/{}", text("idp"))),
            sp: text("sp"),
            acs: text("acs"),
            request_id: Some(text("request_id")),
            now: text("now").parse().unwrap(),
            allow_unsolicited: false,
            decrypts: true,
        }
    }

    /// Replaces text that must be there.
    pub(crate) fn replace(&mut self, from: &str, to: &str) {
        assert!(self.xml.contains(from), "{from:?} is not in the message");
        self.xml = self.xml.replace(from, to);
    }

    /// Replaces the first occurrence of text that must be there.
    pub(crate) fn replace_first(&mut self, from: &str, to: &str) {
        assert!(self.xml.contains(from), "{from:?} is not in the message");
        self.xml = self.xml.replacen(from, to, 1);
    }

    /// The first element of that tag, from its start tag to its end tag.
    pub(crate) fn element(&self, tag: &str) -> String {
        element_of(&self.xml, tag)
    }

    /// Takes an element out of the message; gives it.
    pub(crate) fn cut(&mut self, tag: &str) -> String {
        let element = self.element(tag);
        self.xml = self.xml.replacen(&element, "", 1);
        element
    }

    /// The verdict, by the form field; an inspection must come to the same one.
    pub(crate) fn run(&self) -> Result<VerifiedAssertion, &'static str> {
        let entity = EntityId::parse(&self.sp).unwrap();
        let idp = IdpMetadata::parse(self.metadata.as_bytes(), None, self.now).map_err(|error| error.code())?;
        let acs_url = Url::parse(&self.acs).unwrap();
        let keys = if self.decrypts { vec![sp_key("sp")] } else { Vec::new() };
        let sp = ServiceProvider { entity_id: entity, acs_url: acs_url.clone(), slo_url: None, keys };
        let mut expected = Expected::new(&idp, &sp, &acs_url, self.request_id.as_deref(), self.now);
        expected.allow_unsolicited = self.allow_unsolicited;
        let xml = self.xml.replace("{SIG:_r}", "").replace("{SIG:_a}", "");
        let base64 = STANDARD.encode(&xml);
        let result = verify_response(base64.as_bytes(), &expected).map_err(|error| error.code());
        let raw = if xml.starts_with('<') { &xml } else { &base64 };
        let inspection = inspect(raw.as_bytes(), &expected);
        if self.request_id.is_some() || self.allow_unsolicited {
            assert_eq!(inspection.code, result.as_ref().err().copied(), "inspection and verification differ");
            assert_eq!(inspection.subject.as_deref(), result.as_ref().ok().map(|assertion| assertion.name_id.value.as_str()));
        }
        assert_eq!(inspection.accepted, inspection.checks.iter().all(|check| check.passed));
        result
    }
}

/// A response of our own making, for what no capture shows. `{SIG:_r}` and `{SIG:_a}` are the places of signatures.
const FRESH: &str = include_str!("../../testdata/fresh.xml");

impl Setup {
    /// A fresh response, not signed yet, of the identity provider whose key the test signer has.
    pub(crate) fn fresh() -> Setup {
        Setup {
            xml: FRESH.to_owned(),
            metadata: read("captures/npm-samlp/idp-metadata.xml"),
            sp: "https://gw.test/sp".to_owned(),
            acs: "https://gw.test/acs".to_owned(),
            request_id: Some("_request".to_owned()),
            now: "2026-11-20T09:00:10Z".parse().unwrap(),
            allow_unsolicited: false,
            decrypts: true,
        }
    }

    /// Signs the element of that ID as the identity provider would.
    pub(crate) fn sign(self, id: &str) -> Setup {
        self.sign_with(id, &Style::default())
    }

    pub(crate) fn sign_with(mut self, id: &str, style: &Style) -> Setup {
        if id == "_r" {
            // Whatever the response's signature covers is final.
            self.xml = self.xml.replace("{SIG:_a}", "");
        }
        self.xml = sign(&self.xml, id, style);
        self
    }

    /// A fresh response, edited and then signed by the identity provider: what only a faulty identity provider sends.
    pub(crate) fn edited(from: &str, to: &str) -> Setup {
        let mut setup = Setup::fresh();
        setup.replace_first(from, to);
        setup.sign("_a")
    }
}
