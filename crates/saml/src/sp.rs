//! The service provider: us.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use url::Url;

use crate::encoding::{encode_base64, escape_xml};
use crate::entity_id::EntityId;
use crate::error::RequestError;
use crate::instant;
use crate::keys::{SpKey, hex};
use crate::names::{AES128_GCM, AES256_GCM, BINDING_POST, BINDING_REDIRECT, DS, MD, RSA_OAEP_MGF1P, SAMLP};
use crate::sign::sign_enveloped;

/// Who we are to one identity provider.
#[derive(Debug, Clone)]
pub struct ServiceProvider {
    /// Our name, which is also the audience that assertions must have.
    pub entity_id: EntityId,
    /// Where responses are posted to.
    pub acs_url: Url,
    /// Where single logout messages go, if they are supported.
    pub slo_url: Option<Url>,
    /// The first signs, all decrypt, and all that have a certificate are published.
    pub keys: Vec<SpKey>,
}

impl ServiceProvider {
    /// Our metadata (SAML metadata 2.4.4), for the identity provider's administrator, signed with the first key.
    ///
    /// It ends with the certificate of that key, unless that has ended already, and is to be fetched again every day, so that
    /// a next key is known long before it signs.
    pub fn metadata_xml(&self, now: Timestamp) -> Result<String, RequestError> {
        let key = self.signing_key().ok_or(RequestError::NoKey)?;
        let valid_until = key.not_after().filter(|end| *end > now);
        let valid_until = valid_until.map(|end| format!(r#" validUntil="{}""#, instant::format(end))).unwrap_or_default();
        let role = self.role();
        // Of the content alone, so that the same metadata has the same id.
        let id = format!("_{}", hex(digest(&SHA256, role.as_bytes()).as_ref()));
        let entity_id = escape_xml(self.entity_id.as_str());
        let before = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<md:EntityDescriptor xmlns:md="{MD}" xmlns:ds="{DS}" ID="{id}"{valid_until} cacheDuration="P1D" entityID="{entity_id}">"#
        );
        sign_enveloped(&before, &format!("{role}</md:EntityDescriptor>\n"), &id, key)
    }

    fn role(&self) -> String {
        let certificates: Vec<String> = self.keys.iter().filter_map(|key| key.certificate_der().map(encode_base64)).collect();
        let mut keys = String::new();
        for (usage, methods) in [("signing", String::new()), ("encryption", encryption_methods())] {
            for certificate in &certificates {
                let info =
                    format!("<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>");
                let _ = write!(keys, r#"<md:KeyDescriptor use="{usage}">{info}{methods}</md:KeyDescriptor>"#);
            }
        }
        let mut logout = String::new();
        if let Some(url) = &self.slo_url {
            for binding in [BINDING_REDIRECT, BINDING_POST] {
                let _ = write!(logout, r#"<md:SingleLogoutService Binding="{binding}" Location="{}"/>"#, escape_xml(url.as_str()));
            }
        }
        let formats = ["2.0:nameid-format:persistent", "1.1:nameid-format:emailAddress", "1.1:nameid-format:unspecified"]
            .map(|format| format!("<md:NameIDFormat>urn:oasis:names:tc:SAML:{format}</md:NameIDFormat>"))
            .concat();
        let acs = escape_xml(self.acs_url.as_str());
        let signs = !certificates.is_empty();
        format!(
            r#"<md:SPSSODescriptor protocolSupportEnumeration="{SAMLP}" AuthnRequestsSigned="{signs}" WantAssertionsSigned="true">{keys}{logout}{formats}<md:AssertionConsumerService Binding="{BINDING_POST}" Location="{acs}" index="0" isDefault="true"/></md:SPSSODescriptor>"#
        )
    }

    /// The key that signs requests.
    pub(crate) fn signing_key(&self) -> Option<&SpKey> {
        self.keys.iter().find(|key| key.certificate_der().is_some())
    }
}

/// What assertions may be encrypted with, best first. CBC is accepted in a signed response, but not advertised.
fn encryption_methods() -> String {
    [AES256_GCM, AES128_GCM, RSA_OAEP_MGF1P].map(|algorithm| format!(r#"<md:EncryptionMethod Algorithm="{algorithm}"/>"#)).concat()
}
