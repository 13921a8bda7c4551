//! Responses and metadata of a development identity provider.

use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use jiff::{SignedDuration, Timestamp};
use url::Url;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::IdpKey;
use crate::encoding::{encode_base64, escape_xml};
use crate::entity_id::EntityId;
use crate::error::RequestError;
use crate::instant;
use crate::keys::hex;
use crate::names::{
    AES256_GCM, BINDING_POST, BINDING_REDIRECT, CM_BEARER, DIGEST_SHA1, DS, ENC_ELEMENT, MD, RSA_OAEP_MGF1P, SAML, SAMLP, STATUS_SUCCESS,
    XENC,
};
use crate::sign::sign_enveloped;

/// Why an answer cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdpError {
    /// Signing failed, or the key has no certificate.
    #[error("the answer cannot be signed: {0}")]
    Signing(#[from] RequestError),
    /// The service provider's certificate has no RSA key, or encrypting failed.
    #[error("the assertion cannot be encrypted for the service provider")]
    Encryption,
}

/// What is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// The assertion only.
    Assertion,
    /// The response only.
    Response,
    /// Both.
    Both,
    /// Nothing: for tests that must be refused.
    Nothing,
}

/// Encrypts the assertion with AES-256-GCM, its key with RSA-OAEP.
#[derive(Debug, Clone, Copy)]
pub struct Encryption<'a> {
    /// The service provider's certificate in DER.
    pub certificate_der: &'a [u8],
    /// A fresh random key.
    pub key: [u8; 32],
    /// Fresh random bytes.
    pub nonce: [u8; 12],
}

/// One attribute of the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerAttribute {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Vec<String>,
}

/// A successful sign-in, to be told to a service provider.
#[derive(Debug, Clone)]
pub struct Answer<'a> {
    /// The identity provider's entity id.
    pub issuer: &'a EntityId,
    /// The service provider's entity id.
    pub audience: &'a EntityId,
    /// The service provider's assertion consumer service.
    pub acs_url: &'a Url,
    /// The id of the request that is answered; `None` for an unsolicited response.
    pub in_response_to: Option<&'a str>,
    /// The subject.
    pub name_id: &'a str,
    /// The format of the subject.
    pub name_id_format: &'a str,
    /// The attributes.
    pub attributes: &'a [AnswerAttribute],
    /// The present, which is also when the person signed in.
    pub now: Timestamp,
    /// How long the assertion lives.
    pub lifetime: Duration,
    /// How the person signed in: an AuthnContext class.
    pub authn_context: &'a str,
    /// The identity provider's session.
    pub session_index: &'a str,
    /// Random bytes for the ids of response and assertion.
    pub random: [u8; 32],
    /// What is signed.
    pub signing: Signing,
    /// Whether the assertion is encrypted, and for whom.
    pub encryption: Option<Encryption<'a>>,
}

impl Answer<'_> {
    /// The response as XML.
    pub fn to_xml(&self, key: &IdpKey) -> Result<String, IdpError> {
        let (first, second) = self.random.split_at(16);
        let assertion = self.assertion(&format!("_{}", hex(second)), key)?;
        let assertion = match &self.encryption {
            Some(encryption) => encrypt(&assertion, encryption).ok_or(IdpError::Encryption)?,
            None => assertion,
        };
        let id = format!("_{}", hex(first));
        let (now, issuer) = (instant::format(self.now), escape_xml(self.issuer.as_str()));
        let acs = escape_xml(self.acs_url.as_str());
        let request = self.request_attribute();
        let before = format!(
            r#"<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{id}" Version="2.0" IssueInstant="{now}" Destination="{acs}"{request}><saml:Issuer>{issuer}</saml:Issuer>"#
        );
        let after = format!(r#"<samlp:Status><samlp:StatusCode Value="{STATUS_SUCCESS}"/></samlp:Status>{assertion}</samlp:Response>"#);
        if matches!(self.signing, Signing::Response | Signing::Both) {
            return Ok(sign_enveloped(&before, &after, &id, key)?);
        }
        Ok([before, after].concat())
    }

    /// The response as the form field `SAMLResponse`.
    pub fn to_form_field(&self, key: &IdpKey) -> Result<String, IdpError> {
        Ok(encode_base64(self.to_xml(key)?.as_bytes()))
    }

    fn assertion(&self, id: &str, key: &IdpKey) -> Result<String, IdpError> {
        let lifetime = SignedDuration::try_from(self.lifetime).unwrap_or(SignedDuration::ZERO);
        let end = instant::format(self.now.checked_add(lifetime).unwrap_or(Timestamp::MAX));
        let now = instant::format(self.now);
        let issuer = escape_xml(self.issuer.as_str());
        let acs = escape_xml(self.acs_url.as_str());
        let audience = escape_xml(self.audience.as_str());
        let (name_id, format) = (escape_xml(self.name_id), escape_xml(self.name_id_format));
        let session = escape_xml(self.session_index);
        let class = escape_xml(self.authn_context);
        let request = self.request_attribute();
        let before = format!(
            r#"<saml:Assertion xmlns:saml="{SAML}" ID="{id}" Version="2.0" IssueInstant="{now}"><saml:Issuer>{issuer}</saml:Issuer>"#
        );
        let subject = format!(
            r#"<saml:Subject><saml:NameID Format="{format}">{name_id}</saml:NameID><saml:SubjectConfirmation Method="{CM_BEARER}"><saml:SubjectConfirmationData NotOnOrAfter="{end}" Recipient="{acs}"{request}/></saml:SubjectConfirmation></saml:Subject>"#
        );
        let conditions = format!(
            r#"<saml:Conditions NotBefore="{now}" NotOnOrAfter="{end}"><saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>"#
        );
        let authentication = format!(
            r#"<saml:AuthnStatement AuthnInstant="{now}" SessionIndex="{session}"><saml:AuthnContext><saml:AuthnContextClassRef>{class}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"#
        );
        let after = [subject, conditions, authentication, self.attribute_statement(), "</saml:Assertion>".to_owned()].concat();
        if matches!(self.signing, Signing::Assertion | Signing::Both) {
            return Ok(sign_enveloped(&before, &after, id, key)?);
        }
        Ok([before, after].concat())
    }

    fn attribute_statement(&self) -> String {
        if self.attributes.is_empty() {
            return String::new();
        }
        let attributes = self.attributes.iter().map(|attribute| {
            let values = attribute.values.iter().map(|value| format!("<saml:AttributeValue>{}</saml:AttributeValue>", escape_xml(value)));
            let name = escape_xml(&attribute.name);
            let format = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic";
            format!(r#"<saml:Attribute Name="{name}" NameFormat="{format}">{}</saml:Attribute>"#, values.collect::<String>())
        });
        format!("<saml:AttributeStatement>{}</saml:AttributeStatement>", attributes.collect::<String>())
    }

    fn request_attribute(&self) -> String {
        self.in_response_to.map(|id| format!(r#" InResponseTo="{}""#, escape_xml(id))).unwrap_or_default()
    }
}

/// A failed sign-in as XML: an unsigned response with a status code such as
/// `urn:oasis:names:tc:SAML:2.0:status:AuthnFailed` below `Responder`.
pub fn failure(issuer: &EntityId, acs_url: &Url, in_response_to: &str, status: &str, random: [u8; 16], now: Timestamp) -> String {
    let (id, now, issuer) = (hex(&random), instant::format(now), escape_xml(issuer.as_str()));
    let (acs, request, status) = (escape_xml(acs_url.as_str()), escape_xml(in_response_to), escape_xml(status));
    format!(
        r#"<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="_{id}" Version="2.0" IssueInstant="{now}" Destination="{acs}" InResponseTo="{request}"><saml:Issuer>{issuer}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"><samlp:StatusCode Value="{status}"/></samlp:StatusCode></samlp:Status></samlp:Response>"#
    )
}

/// Metadata of a development identity provider that takes requests by Redirect and POST at one address, and logout messages,
/// if it knows them, at another.
pub fn metadata_xml(entity_id: &EntityId, sso_url: &Url, logout_url: Option<&Url>, key: &IdpKey) -> String {
    let certificate = encode_base64(key.certificate_der().unwrap_or_default());
    let services = |service: &str, url: &Url| {
        [BINDING_REDIRECT, BINDING_POST]
            .map(|binding| format!(r#"<md:{service} Binding="{binding}" Location="{}"/>"#, escape_xml(url.as_str())))
            .concat()
    };
    let logout = logout_url.map(|url| services("SingleLogoutService", url)).unwrap_or_default();
    let services = services("SingleSignOnService", sso_url);
    let entity_id = escape_xml(entity_id.as_str());
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<md:EntityDescriptor xmlns:md="{MD}" xmlns:ds="{DS}" entityID="{entity_id}"><md:IDPSSODescriptor protocolSupportEnumeration="{SAMLP}"><md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>{logout}<md:NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</md:NameIDFormat>{services}</md:IDPSSODescriptor></md:EntityDescriptor>
"#
    )
}

/// An aggregate of the members given as XML, which use the prefixes `md` and `ds`, signed as a federation signs it.
pub fn aggregate_xml(members: &str, key: &IdpKey) -> Result<String, IdpError> {
    let before = format!(r#"<md:EntitiesDescriptor xmlns:md="{MD}" xmlns:ds="{DS}" ID="_aggregate">"#);
    Ok(sign_enveloped(&before, &format!("{members}</md:EntitiesDescriptor>"), "_aggregate", key)?)
}

/// A Response of the caller's own making, signed behind its Issuer: for tests of what no [`Answer`] says.
pub fn sign_response(xml: &str, key: &IdpKey) -> Result<String, IdpError> {
    let (before, after) = xml.split_once("</saml:Issuer>").ok_or(RequestError::Signing)?;
    let id = before.split_once(r#" ID=""#).and_then(|(_, rest)| rest.split_once('"')).map(|(id, _)| id).ok_or(RequestError::IdInvalid)?;
    Ok(sign_enveloped(&format!("{before}</saml:Issuer>"), after, id, key)?)
}

fn encrypt(assertion: &str, encryption: &Encryption<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(encryption.certificate_der).ok()?;
    let public = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(certificate.public_key().raw).ok()?).ok()?;
    let mut wrapped = vec![0; public.ciphertext_size()];
    let wrapped = encode_base64(public.encrypt(&OAEP_SHA1_MGF1SHA1, &encryption.key, &mut wrapped, None).ok()?);
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &encryption.key).ok()?);
    let mut sealed = assertion.as_bytes().to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(encryption.nonce), Aad::empty(), &mut sealed).ok()?;
    let sealed = encode_base64(&[encryption.nonce.as_slice(), &sealed].concat());
    let encrypted_key = format!(
        r#"<xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="{RSA_OAEP_MGF1P}"><ds:DigestMethod Algorithm="{DIGEST_SHA1}"/></xenc:EncryptionMethod><xenc:CipherData><xenc:CipherValue>{wrapped}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>"#
    );
    Some(format!(
        r#"<saml:EncryptedAssertion><xenc:EncryptedData xmlns:xenc="{XENC}" xmlns:ds="{DS}" Type="{ENC_ELEMENT}"><xenc:EncryptionMethod Algorithm="{AES256_GCM}"/><ds:KeyInfo>{encrypted_key}</ds:KeyInfo><xenc:CipherData><xenc:CipherValue>{sealed}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></saml:EncryptedAssertion>"#
    ))
}
