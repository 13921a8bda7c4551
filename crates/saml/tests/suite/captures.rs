//! Real output of real identity providers: each capture is accepted or refused as its case file says.

use std::fs;

use serde_json::Value;

use crate::setup::{Setup, read, testdata};

/// How many captures must be accepted.
pub(crate) fn accepted() -> usize {
    cases().filter(|(_, case)| case["subject"].is_string()).count()
}

fn cases() -> impl Iterator<Item = (String, Value)> {
    fs::read_dir(testdata("captures")).unwrap().map(Result::unwrap).flat_map(|folder| {
        let idp = folder.file_name().into_string().unwrap();
        let files = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let stems = files.filter_map(|file| file.strip_suffix(".case.json").map(str::to_owned));
        stems
            .map(|stem| format!("{idp}/{stem}"))
            .map(|name| (name.clone(), serde_json::from_str(&read(&format!("captures/{name}.case.json"))).unwrap()))
            .collect::<Vec<_>>()
    })
}

#[test]
fn captures_are_judged_as_their_cases_say() {
    let mut seen = 0;
    for (name, case) in cases() {
        let result = Setup::capture(&name).run().map(|assertion| assertion.name_id.value);
        let expected = match case["code"].as_str() {
            Some(code) => Err(code.to_owned()),
            None => Ok(case["subject"].as_str().unwrap().to_owned()),
        };
        assert_eq!(result.map_err(str::to_owned), expected, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 19, "every capture has a case");
}

#[test]
fn an_accepted_assertion_says_what_the_capture_says() {
    let assertion = Setup::capture("simplesamlphp/signed_both").run().unwrap();
    assert_eq!(assertion.issuer.as_str(), "http://127.0.0.1:8081/idp");
    assert_eq!(assertion.assertion_id, "_cb90dc07a1d71de4f611918e259bc3c73fadf3628a");
    assert_eq!(assertion.name_id.format.as_deref(), Some("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"));
    assert_eq!(assertion.name_id.sp_name_qualifier.as_deref(), Some("https://gw.test/sp"));
    assert_eq!(assertion.values("groups").collect::<Vec<_>>(), ["mcp-dev", "sre"]);
    assert_eq!(assertion.values("displayName").collect::<Vec<_>>(), ["Alice Åberg & Söner"]);
    assert_eq!(assertion.authn_instant.to_string(), "2026-11-20T09:35:20Z");
    assert_eq!(assertion.authn_context.as_deref(), Some("urn:oasis:names:tc:SAML:2.0:ac:classes:Password"));
    assert_eq!(assertion.session_index.as_deref(), Some("_737550f97f6c1c8ec58d57866a38d6b73ff85a537b"));
    assert_eq!(assertion.session_not_on_or_after.unwrap().to_string(), "2026-11-20T17:35:20Z");
    assert_eq!(assertion.replay_until.to_string(), "2026-11-20T09:41:20Z");
    assert_eq!(assertion.in_response_to.as_deref(), Some("_310a796248cd4670a4bb4bc917b1f512"));
    assert!(!assertion.one_time_use);
}
