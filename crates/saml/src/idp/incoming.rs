//! Authentication requests as a development identity provider receives them.

use url::Url;

use crate::encoding::decode_base64;
use crate::entity_id::EntityId;
use crate::error::{ResponseError, XmlError};
use crate::keys::SigningCertificate;
use crate::limits::Limits;
use crate::names::{DS, SAML, SAMLP};
use crate::redirect::{self, Parameter, RedirectError};
use crate::scan::Mode;
use crate::signature;
use crate::xml::Dom;

/// A request of a service provider.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IncomingRequest {
    /// Its id, to be named in the answer.
    pub id: String,
    /// The service provider.
    pub issuer: EntityId,
    /// Where the service provider wants the answer, if it says so. Compare it with what is registered.
    pub acs_url: Option<Url>,
    /// Where the request was meant to go.
    pub destination: Option<String>,
    /// Whether the person must prove themselves again.
    pub force_authn: bool,
    /// Whether the person must not be asked anything.
    pub is_passive: bool,
    /// The service provider's name for people.
    pub provider_name: Option<String>,
    /// The wanted NameID format.
    pub name_id_format: Option<String>,
    /// The AuthnContext classes of which one is wanted; empty: any.
    pub requested_authn_context: Vec<String>,
    /// To be given back as it came.
    pub relay_state: Option<String>,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IncomingError {
    /// The query is wrong.
    #[error(transparent)]
    Redirect(#[from] RedirectError),
    /// The XML is wrong.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// The signature is wrong or absent.
    #[error(transparent)]
    Signature(#[from] ResponseError),
    /// Not base64.
    #[error("SAMLRequest is not base64")]
    Base64,
    /// Not an AuthnRequest with an id and an issuer.
    #[error("the message is not an AuthnRequest with an ID and an Issuer")]
    NotARequest,
}

/// Takes the raw query; with a certificate, the request must be signed with its key.
pub fn parse_redirect_request(query: &str, sp: Option<&SigningCertificate>) -> Result<IncomingRequest, IncomingError> {
    let message = redirect::parse(query, Parameter::Request, sp.map(std::slice::from_ref), &Limits::default())?;
    read(&message.xml, None, message.relay_state)
}

/// Takes the form fields; with a certificate, the request must be signed with its key.
pub fn parse_post_request(
    saml_request: &str,
    relay_state: Option<&str>,
    sp: Option<&SigningCertificate>,
) -> Result<IncomingRequest, IncomingError> {
    let xml = decode_base64(saml_request.as_bytes()).ok_or(IncomingError::Base64)?;
    read(&xml, sp, relay_state.map(str::to_owned))
}

fn read(xml: &[u8], sp: Option<&SigningCertificate>, relay_state: Option<String>) -> Result<IncomingRequest, IncomingError> {
    let dom = Dom::parse(xml, &Limits::default(), Mode::Protocol)?;
    let root = dom.root()?;
    if !root.is(SAMLP, "AuthnRequest") {
        return Err(IncomingError::NotARequest);
    }
    if let Some(key) = sp {
        let signed = root.children_named(DS, "Signature").next().ok_or(ResponseError::NotSigned)?;
        signature::verify(root, signed, std::slice::from_ref(key), "AuthnRequest")?;
    }
    let id = root.attribute("ID").filter(|id| !id.is_empty()).ok_or(IncomingError::NotARequest)?;
    let issuer = root.children_named(SAML, "Issuer").next().ok_or(IncomingError::NotARequest)?;
    let issuer = EntityId::parse(issuer.text()?).map_err(|_| IncomingError::NotARequest)?;
    let policy = root.children_named(SAMLP, "NameIDPolicy").next();
    let context = root.children_named(SAMLP, "RequestedAuthnContext").next();
    let classes = context.into_iter().flat_map(|context| context.children_named(SAML, "AuthnContextClassRef"));
    let flag = |name| matches!(root.attribute(name), Some("true" | "1"));
    Ok(IncomingRequest {
        id: id.to_owned(),
        issuer,
        acs_url: root.attribute("AssertionConsumerServiceURL").and_then(|url| Url::parse(url).ok()),
        destination: root.attribute("Destination").map(str::to_owned),
        force_authn: flag("ForceAuthn"),
        is_passive: flag("IsPassive"),
        provider_name: root.attribute("ProviderName").map(str::to_owned),
        name_id_format: policy.and_then(|policy| policy.attribute("Format")).map(str::to_owned),
        requested_authn_context: classes.map(|class| Ok(class.text()?.to_owned())).collect::<Result<_, ResponseError>>()?,
        relay_state,
    })
}
