//! Pages that explain: why somebody who is signed in has no access, why a sign-in goes in circles, what a test found.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::headers::{Policy, reply};
use super::text::shown;

/// Somebody is signed in, and that is all.
#[derive(Clone, Debug)]
pub struct NoAccessPage<'a> {
    /// The upstream's display name.
    pub upstream: &'a str,
    /// What the person is called.
    pub person: &'a str,
    /// The IdP's display name.
    pub idp_name: &'a str,
    /// Needed against received, a sentence each, as far as the person may know it.
    pub findings: &'a [String],
    /// The stable code.
    pub code: &'a str,
    /// The request id of this request.
    pub request_id: &'a str,
    /// A path of our own where the program learns of it.
    pub back: &'a str,
}

#[derive(Template)]
#[template(path = "no_access.html")]
struct NoAccessTemplate {
    upstream: String,
    person: String,
    idp_name: String,
    findings: Vec<String>,
    code: String,
    request_id: String,
    back: String,
}

/// The page at the end of a sign-in that gives nothing.
pub fn no_access(page: &NoAccessPage<'_>) -> Response {
    let template = NoAccessTemplate {
        upstream: shown(page.upstream, 80),
        person: shown(page.person, 120),
        idp_name: shown(page.idp_name, 80),
        findings: page.findings.iter().map(|finding| shown(finding, 1500)).collect(),
        code: page.code.to_owned(),
        request_id: shown(page.request_id, 80),
        back: page.back.to_owned(),
    };
    reply(StatusCode::FORBIDDEN, template.render(), &Policy::plain())
}

/// A sign-in goes in circles.
#[derive(Clone, Debug)]
pub struct LoopPage<'a> {
    /// What probably is the cause, a sentence or two each.
    pub causes: &'a [String],
    /// What was seen: name and value.
    pub evidence: &'a [(&'static str, String)],
    /// The stable code.
    pub code: &'a str,
    /// The request id of this request.
    pub request_id: &'a str,
    /// The id of the stored authorization request.
    pub request: &'a str,
    /// Proof that the wish to begin again comes from this page in this browser.
    pub csrf: &'a str,
}

#[derive(Template)]
#[template(path = "loop.html")]
struct LoopTemplate<'a> {
    causes: Vec<String>,
    evidence: Vec<(&'static str, String)>,
    code: &'a str,
    request_id: String,
    request: &'a str,
    csrf: &'a str,
}

/// The page that breaks a loop.
pub fn loop_detected(page: &LoopPage<'_>) -> Response {
    let template = LoopTemplate {
        causes: page.causes.iter().map(|cause| shown(cause, 800)).collect(),
        evidence: page.evidence.iter().map(|(name, value)| (*name, shown(value, 600))).collect(),
        code: page.code,
        request_id: shown(page.request_id, 80),
        request: page.request,
        csrf: page.csrf,
    };
    reply(StatusCode::TOO_MANY_REQUESTS, template.render(), &Policy::plain())
}

#[derive(Template)]
#[template(path = "ask_test.html")]
struct AskTestTemplate<'a> {
    token: &'a str,
    idp_name: String,
}

/// The question before a test of a sign-in begins: only a person's click uses its link up.
pub fn ask_test(token: &str, idp_name: &str) -> Response {
    reply(StatusCode::OK, AskTestTemplate { token, idp_name: shown(idp_name, 80) }.render(), &Policy::plain())
}

/// A heading, and names with their values.
#[derive(Clone, Debug)]
pub struct ReportSection {
    /// The heading.
    pub title: String,
    /// Name and value.
    pub lines: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "test_report.html")]
struct TestReportTemplate<'a> {
    idp_name: String,
    sections: Vec<ReportSection>,
    code: Option<&'a str>,
}

/// What came of the test of a sign-in.
pub fn test_report(idp_name: &str, sections: &[ReportSection], code: Option<&str>) -> Response {
    let clean = |section: &ReportSection| ReportSection {
        title: section.title.clone(),
        lines: section.lines.iter().map(|(name, value)| (shown(name, 300), shown(value, 4000))).collect(),
    };
    let template = TestReportTemplate { idp_name: shown(idp_name, 80), sections: sections.iter().map(clean).collect(), code };
    reply(StatusCode::OK, template.render(), &Policy::plain())
}
