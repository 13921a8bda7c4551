//! Authentication requests (SAML core 3.4.1), by Redirect (bindings 3.4) and POST (bindings 3.5).

use std::fmt::Write as _;

use jiff::Timestamp;
use url::Url;

use crate::encoding::{encode_base64, escape_xml};
use crate::error::RequestError;
use crate::instant;
use crate::keys::hex;
use crate::names::{BINDING_POST, SAML, SAMLP};
use crate::query;
use crate::sign::sign_enveloped;
use crate::sp::ServiceProvider;

/// A request to sign a person in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthnRequest {
    /// Its id, which the response must name: `_` and 32 hex digits.
    pub id: String,
    /// The present.
    pub issue_instant: Timestamp,
    /// The sign-in address of the identity provider.
    pub destination: Url,
    /// Whether the person must prove themselves again.
    pub force_authn: bool,
    /// Whether the identity provider must not ask the person anything.
    pub is_passive: bool,
    /// Our name for people, which the identity provider may show.
    pub provider_name: Option<String>,
    /// The wanted NameID format; any if `None`.
    pub name_id_format: Option<String>,
    /// The accepted authentication context classes; any if empty.
    pub requested_authn_context: Vec<String>,
}

/// A form that the browser posts to the identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostForm {
    /// Where to.
    pub action: Url,
    /// The field `SAMLRequest`.
    pub saml_request: String,
    /// The field `RelayState`.
    pub relay_state: String,
}

impl AuthnRequest {
    /// A plain request. `random` must come from a cryptographic source: the id is what ties the response to this sign-in.
    pub fn new(random: [u8; 16], issue_instant: Timestamp, destination: Url) -> AuthnRequest {
        AuthnRequest {
            id: format!("_{}", hex(&random)),
            issue_instant,
            destination,
            force_authn: false,
            is_passive: false,
            provider_name: None,
            name_id_format: None,
            requested_authn_context: Vec::new(),
        }
    }

    /// The address to send the browser to. With `sign`, the query is signed with the service provider's first key.
    pub fn redirect_url(&self, sp: &ServiceProvider, relay_state: &str, sign: bool) -> Result<Url, RequestError> {
        check_relay_state(relay_state)?;
        let (before, after) = self.xml(sp)?;
        let key = if sign { Some(sp.signing_key().ok_or(RequestError::NoKey)?) } else { None };
        let relay_state = Some(relay_state).filter(|state| !state.is_empty());
        query::address(&self.destination, "SAMLRequest", &[before, after].concat(), relay_state, key)
    }

    /// The form to have the browser post. With `sign`, the request carries an enveloped signature of the first key.
    pub fn post_form(&self, sp: &ServiceProvider, relay_state: &str, sign: bool) -> Result<PostForm, RequestError> {
        check_relay_state(relay_state)?;
        let (before, after) = self.xml(sp)?;
        let xml = if sign {
            sign_enveloped(&before, &after, &self.id, sp.signing_key().ok_or(RequestError::NoKey)?)?
        } else {
            [before, after].concat()
        };
        Ok(PostForm { action: self.destination.clone(), saml_request: encode_base64(xml.as_bytes()), relay_state: relay_state.to_owned() })
    }

    /// The request as text before and after the place of the signature.
    fn xml(&self, sp: &ServiceProvider) -> Result<(String, String), RequestError> {
        let digits = self.id.strip_prefix('_').unwrap_or_default();
        if digits.len() < 16 || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(RequestError::IdInvalid);
        }
        let (id, instant) = (&self.id, instant::format(self.issue_instant));
        let destination = escape_xml(self.destination.as_str());
        let acs = escape_xml(sp.acs_url.as_str());
        let issuer = escape_xml(sp.entity_id.as_str());
        let force = if self.force_authn { r#" ForceAuthn="true""# } else { "" };
        let passive = if self.is_passive { r#" IsPassive="true""# } else { "" };
        let name = self.provider_name.as_ref().map(|name| format!(r#" ProviderName="{}""#, escape_xml(name))).unwrap_or_default();
        let before = format!(
            r#"<samlp:AuthnRequest xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{id}" Version="2.0" IssueInstant="{instant}" Destination="{destination}"{force}{passive} ProtocolBinding="{BINDING_POST}" AssertionConsumerServiceURL="{acs}"{name}><saml:Issuer>{issuer}</saml:Issuer>"#
        );
        let format = self.name_id_format.as_ref().map(|format| format!(r#"Format="{}" "#, escape_xml(format))).unwrap_or_default();
        let mut after = format!(r#"<samlp:NameIDPolicy {format}AllowCreate="true"/>"#);
        if !self.requested_authn_context.is_empty() {
            after.push_str(r#"<samlp:RequestedAuthnContext Comparison="exact">"#);
            for class in &self.requested_authn_context {
                let _ = write!(after, "<saml:AuthnContextClassRef>{}</saml:AuthnContextClassRef>", escape_xml(class));
            }
            after.push_str("</samlp:RequestedAuthnContext>");
        }
        after.push_str("</samlp:AuthnRequest>");
        Ok((before, after))
    }
}

/// Bindings 3.4.3 and 3.5.3.
pub(crate) fn check_relay_state(relay_state: &str) -> Result<(), RequestError> {
    if relay_state.len() > 80 { Err(RequestError::RelayStateTooLong) } else { Ok(()) }
}
