//! RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0 section 2): the address to send the browser to.

use url::Url;

use super::discovery::ProviderMetadata;

/// A hint longer than this is left out: it would not fit into the request line of many servers, and the provider then asks
/// the person instead.
const MOST_HINT_BYTES: usize = 6000;

/// A sign-out that goes on at the provider.
#[derive(Debug, Clone)]
pub struct EndSession<'a> {
    /// The ID token of the session.
    pub id_token_hint: Option<&'a str>,
    /// Our identifier at the provider.
    pub client_id: &'a str,
    /// Where the provider sends the browser back to, as registered there.
    pub post_logout_redirect_uri: &'a str,
    /// Comes back with the browser.
    pub state: &'a str,
}

/// The address; none if the provider has no such endpoint.
pub fn end_session_url(metadata: &ProviderMetadata, request: &EndSession<'_>) -> Option<Url> {
    let mut url = metadata.end_session_endpoint.clone()?;
    url.query_pairs_mut()
        .extend_pairs(request.id_token_hint.filter(|hint| hint.len() <= MOST_HINT_BYTES).map(|hint| ("id_token_hint", hint)))
        .append_pair("client_id", request.client_id)
        .append_pair("post_logout_redirect_uri", request.post_logout_redirect_uri)
        .append_pair("state", request.state);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::discovery::IssuerUrl;

    fn metadata(end_session: &str) -> ProviderMetadata {
        let document = format!(
            r#"{{"issuer":"https://idp.example","authorization_endpoint":"https://idp.example/a","token_endpoint":"https://idp.example/t","jwks_uri":"https://idp.example/j"{end_session}}}"#
        );
        ProviderMetadata::parse(document.as_bytes(), &IssuerUrl::parse("https://idp.example").unwrap()).unwrap()
    }

    #[test]
    fn the_address() {
        let long = "x".repeat(MOST_HINT_BYTES + 1);
        let request = |id_token_hint| EndSession {
            id_token_hint,
            client_id: "door ward",
            post_logout_redirect_uri: "https://gw.example/logout/done",
            state: "s",
        };
        let tail = "client_id=door+ward&post_logout_redirect_uri=https%3A%2F%2Fgw.example%2Flogout%2Fdone&state=s";
        let with = metadata(r#","end_session_endpoint":"https://idp.example/end?tenant=1""#);
        let url = |hint| end_session_url(&with, &request(hint)).unwrap().to_string();
        assert_eq!(url(Some("ey")), format!("https://idp.example/end?tenant=1&id_token_hint=ey&{tail}"));
        assert_eq!(url(None), format!("https://idp.example/end?tenant=1&{tail}"));
        assert_eq!(url(Some(&long)), url(None));
        assert_eq!(end_session_url(&metadata(""), &request(None)), None);
    }
}
