//! Authorization requests, one change at a time.

use super::{AuthorizeError, ReplyTarget, TargetError, check, login_hint, reply_target};
use crate::pkce::PkceError;
use crate::redirect::{RedirectError, RedirectUri};
use crate::resource::{ProtectedResource, ResourceError, ResourceUri};
use crate::scope::ScopeError;
use crate::server::parameters::Parameters;

const GOOD: &str = "response_type=code&client_id=c&redirect_uri=http%3A%2F%2F127.0.0.1%3A5000%2Fcb&state=s%26t&resource=https%3A%2F%2Fgw.example%2Fcrm%2Fmcp\
&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

fn registered() -> Vec<RedirectUri> {
    ["http://127.0.0.1/cb", "https://app.example/cb"].map(|uri| RedirectUri::parse(uri).unwrap()).to_vec()
}

fn protected() -> Vec<ProtectedResource> {
    ["crm", "wiki"]
        .map(|name| ProtectedResource {
            upstream: name.to_owned(),
            uri: ResourceUri::parse(&format!("https://gw.example/{name}/mcp")).unwrap(),
            scopes: "mcp".parse().unwrap(),
        })
        .to_vec()
}

fn parameters(query: &str) -> Parameters {
    Parameters::parse(query.as_bytes()).unwrap()
}

fn target() -> ReplyTarget {
    reply_target(&parameters(GOOD), &registered()).unwrap()
}

#[test]
fn a_good_request_is_kept_as_it_was_meant() {
    let params = check(&parameters(GOOD), &target(), "c", &protected()).unwrap();
    assert_eq!(params.redirect_uri.as_str(), "http://127.0.0.1:5000/cb");
    assert_eq!((params.upstream.as_str(), params.resource.as_str()), ("crm", "https://gw.example/crm/mcp"));
    assert_eq!((params.scopes.to_string().as_str(), params.state.as_deref()), ("mcp", Some("s&t")));
    let stored = serde_json::to_string(&params).unwrap();
    assert_eq!(serde_json::from_str::<super::AuthorizationParams>(&stored).unwrap(), params);
}

/// OpenID Connect Core section 3.1.2.1.
#[test]
fn prompt_and_login_hint() {
    let long = "a".repeat(321);
    // (parameters, [login, consent, select_account, none], hint)
    let cases = [
        (String::new(), [false; 4], None),
        ("prompt=login+consent".to_owned(), [true, true, false, false], None),
        ("prompt=select_account".to_owned(), [false, false, true, false], None),
        ("prompt=none".to_owned(), [false, false, false, true], None),
        // RFC 6749 section 3.1: without a value is as good as not there; a value that means nothing is passed over.
        ("prompt=&login_hint=".to_owned(), [false; 4], None),
        ("prompt=create".to_owned(), [false; 4], None),
        ("login_hint=dana%40example.com".to_owned(), [false; 4], Some("dana@example.com")),
        ("login_hint=+dana%40example.com+".to_owned(), [false; 4], Some("dana@example.com")),
        (format!("login_hint={long}"), [false; 4], None),
    ];
    assert_eq!(login_hint("dana\u{85}x"), None);
    for (more, prompts, hint) in cases {
        let params = check(&parameters(&format!("{GOOD}&{more}")), &target(), "c", &protected()).unwrap();
        assert_eq!([params.force_login, params.force_consent, params.select_account, params.no_page], prompts, "{more}");
        assert_eq!(params.login_hint.as_deref(), hint, "{more}");
    }
}

#[test]
fn faults_of_the_target_are_never_redirected() {
    let cases = [
        (GOOD.replace("redirect_uri=", "x="), TargetError::RedirectUriMissing),
        (format!("{GOOD}&redirect_uri=https%3A%2F%2Fevil.example%2F"), TargetError::Repeated("redirect_uri")),
        (format!("{GOOD}&client_id=d"), TargetError::Repeated("client_id")),
        (
            GOOD.replace("http%3A%2F%2F127.0.0.1%3A5000%2Fcb", "javascript%3Aalert(1)"),
            TargetError::RedirectUriRefused(RedirectError::SchemeRefused),
        ),
        (GOOD.replace("http%3A%2F%2F127.0.0.1%3A5000%2Fcb", "https%3A%2F%2Fevil.example%2Fcb"), TargetError::RedirectUriUnregistered),
        (GOOD.replace("%2Fcb", "%2Fcb%2F"), TargetError::RedirectUriUnregistered),
    ];
    for (query, expected) in cases {
        assert_eq!(reply_target(&parameters(&query), &registered()), Err(expected), "{query}");
    }
}

#[test]
fn faults_of_the_request_are_redirected() {
    let cases = [
        (format!("{GOOD}&scope=a&scope=b"), AuthorizeError::Repeated("scope".to_owned()), "invalid_request"),
        (format!("{GOOD}&state=2"), AuthorizeError::Repeated("state".to_owned()), "invalid_request"),
        (
            format!("{GOOD}&resource=https%3A%2F%2Fgw.example%2Fwiki%2Fmcp"),
            AuthorizeError::Resource(ResourceError::Repeated),
            "invalid_target",
        ),
        (GOOD.replace("response_type=code", "response_type="), AuthorizeError::ResponseTypeMissing, "invalid_request"),
        (GOOD.replace("response_type=code", "response_type=token"), AuthorizeError::ResponseTypeUnsupported, "unsupported_response_type"),
        (
            GOOD.replace("response_type=code", "response_type=code+id_token"),
            AuthorizeError::ResponseTypeUnsupported,
            "unsupported_response_type",
        ),
        (format!("{GOOD}&response_mode=fragment"), AuthorizeError::ResponseModeUnsupported, "invalid_request"),
        (format!("{GOOD}&response_mode=form_post"), AuthorizeError::ResponseModeUnsupported, "invalid_request"),
        (format!("{GOOD}&request=e30"), AuthorizeError::RequestObjectUnsupported, "request_not_supported"),
        (format!("{GOOD}&request_uri=https%3A%2F%2Fevil"), AuthorizeError::RequestUriUnsupported, "request_uri_not_supported"),
        (format!("{GOOD}&prompt=none+login"), AuthorizeError::PromptCombined, "invalid_request"),
        (format!("{GOOD}&login_hint=a&login_hint=b"), AuthorizeError::Repeated("login_hint".to_owned()), "invalid_request"),
        (GOOD.replace("code_challenge=E9", "x=E9"), AuthorizeError::Pkce(PkceError::ChallengeMissing), "invalid_request"),
        (GOOD.replace("S256", "plain"), AuthorizeError::Pkce(PkceError::MethodRefused), "invalid_request"),
        (GOOD.replace("crm", "hr"), AuthorizeError::Resource(ResourceError::Unknown), "invalid_target"),
        (GOOD.replace("resource=", "x="), AuthorizeError::Resource(ResourceError::Ambiguous), "invalid_target"),
        (format!("{GOOD}&scope=admin"), AuthorizeError::Scope(ScopeError::Unknown), "invalid_scope"),
        (format!("{GOOD}&scope=%22"), AuthorizeError::Scope(ScopeError::Malformed), "invalid_scope"),
    ];
    for (query, expected, oauth_error) in cases {
        assert_eq!(expected.oauth_error(), oauth_error);
        assert_eq!(check(&parameters(&query), &target(), "c", &protected()), Err(expected), "{query}");
    }
    let long = GOOD.replace("state=s%26t", &format!("state={}", "s".repeat(4097)));
    let target = reply_target(&parameters(&long), &registered()).unwrap();
    assert_eq!(check(&parameters(&long), &target, "c", &protected()), Err(AuthorizeError::StateTooLong));
}

#[test]
fn answers_carry_state_and_issuer() {
    assert_eq!(target().success("C", "https://gw.example"), "http://127.0.0.1:5000/cb?code=C&state=s%26t&iss=https%3A%2F%2Fgw.example");
    assert_eq!(
        target().error("invalid_scope", "a \"bad\" scope\n", "https://gw.example"),
        "http://127.0.0.1:5000/cb?error=invalid_scope&error_description=a+%27bad%27+scope%27&state=s%26t&iss=https%3A%2F%2Fgw.example"
    );
}
