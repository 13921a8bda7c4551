//! SAML metadata of ours: what the administrator of an identity provider imports.

use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::app::App;
use crate::config::IdpId;

use super::error::LoginError;
use super::idp_metadata::saml_idps;
use super::saml::service_provider;

/// `GET /saml/metadata` and `GET /saml/{idp}/metadata`: what the IdP's administrator imports. Our entity id is the same for
/// all IdPs, the assertion consumer service is not; so the first form is for the usual case of one SAML IdP.
pub(super) fn ours(app: &App, idp: Option<&str>) -> Result<Response, LoginError> {
    let runtime = app.runtime.load_full();
    let all: Vec<&IdpId> = saml_idps(&runtime.config).map(|(id, _)| id).collect();
    let id = match (idp, all.as_slice()) {
        (Some(wanted), all) => {
            all.iter().find(|id| id.as_str() == wanted).copied().ok_or_else(|| LoginError::IdpUnknown(wanted.to_owned()))?
        }
        (None, [only]) => only,
        (None, several) => {
            let addresses: Vec<String> = several.iter().map(|id| format!("/saml/{id}/metadata")).collect();
            return Err(LoginError::SamlMetadataAmbiguous(if addresses.is_empty() { "none".to_owned() } else { addresses.join(", ") }));
        }
    };
    let xml = service_provider(app, id)?.metadata_xml(app.clock.now())?;
    Ok(([(CONTENT_TYPE, "application/samlmetadata+xml"), (CACHE_CONTROL, "no-cache")], xml).into_response())
}
