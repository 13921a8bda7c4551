//! Words for what an identity provider or an address says, so that nobody has to look them up.

use url::Url;

/// What a status code means here and who looks where (SAML core section 3.2.2.2). The code may be any URI.
pub(crate) fn status_meaning(code: &str) -> Option<&'static str> {
    Some(match code.rsplit(':').next()? {
        "NoPassive" => {
            "it was to sign the person in without a question and cannot; Doorward never asks for that (IsPassive), so look for such a setting of the application there"
        }
        "InvalidNameIDPolicy" => "the NameID format that was asked for is not set up there; compare it with name_id_format here",
        "RequestDenied" => "it denies the request: is the person assigned to the application?",
        "AuthnFailed" => "the person could not prove there who they are",
        "NoAuthnContext" => "it has no sign-in of the kind that was asked for; compare it with authn_context and step_up here",
        "UnknownPrincipal" => "it does not know the person",
        "RequestUnsupported" | "UnsupportedBinding" => "it does not support a request of this kind; compare it with request_binding here",
        "Requester" => "it says that our request is at fault: give it Doorward's current metadata",
        "Responder" => "it says that the fault is its own: its log has the reason",
        "VersionMismatch" => "it does not speak SAML 2.0 with us",
        _ => return None,
    })
}

/// In which parts two addresses differ, for eyes that would miss a slash.
pub(crate) fn difference(expected: &str, actual: &str) -> String {
    let (Ok(ours), Ok(theirs)) = (Url::parse(expected), Url::parse(actual)) else { return "it is no address".to_owned() };
    let trimmed = |url: &Url| url.path().trim_end_matches('/').to_owned();
    let same_but_slash = trimmed(&ours) == trimmed(&theirs);
    let parts = [
        ("scheme", ours.scheme() != theirs.scheme()),
        ("host", ours.host_str() != theirs.host_str()),
        ("port", ours.port() != theirs.port()),
        ("slash at the end", same_but_slash && ours.path() != theirs.path()),
        ("path", !same_but_slash),
        ("query", ours.query() != theirs.query() || ours.fragment() != theirs.fragment()),
    ];
    let parts: Vec<&str> = parts.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect();
    if parts.is_empty() { "they differ in spelling only".to_owned() } else { format!("they differ in {}", parts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_addresses_differ() {
        const OURS: &str = "https://mcp.example.com/login/saml/okta/acs";
        let cases = [
            ("http://mcp.example.com/login/saml/okta/acs", "they differ in scheme"),
            ("https://mcp.example.org/login/saml/okta/acs", "they differ in host"),
            ("https://mcp.example.com:8443/login/saml/okta/acs", "they differ in port"),
            ("https://mcp.example.com/login/saml/okta/acs/", "they differ in slash at the end"),
            ("http://mcp.example.com/login/saml/entra/acs?x=1", "they differ in scheme, path, query"),
            ("HTTPS://MCP.example.com/login/saml/okta/acs", "they differ in spelling only"),
            ("mcp.example.com", "it is no address"),
        ];
        for (theirs, expected) in cases {
            assert_eq!(difference(OURS, theirs), expected, "{theirs}");
        }
    }

    #[test]
    fn the_status_codes_of_the_specification_have_words() {
        for code in ["NoPassive", "InvalidNameIDPolicy", "RequestDenied", "AuthnFailed", "NoAuthnContext", "Requester", "Responder"] {
            assert!(status_meaning(&format!("urn:oasis:names:tc:SAML:2.0:status:{code}")).is_some(), "{code}");
        }
        assert_eq!(status_meaning("urn:example:Own"), None);
    }
}
