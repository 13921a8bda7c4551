//! A report in words: sections of names and values, the same on the page and at the command line.

use crate::pages::ReportSection as Section;

use super::report::Report;

/// The sections that have something to say.
pub(super) fn of(report: &Report) -> Vec<Section> {
    let sections = [verdict(report), person(report), groups(report), upstreams(report), warnings(report), checks(report), sent(report)];
    sections.into_iter().filter(|section| !section.lines.is_empty()).collect()
}

fn title(text: &str) -> String {
    text.to_owned()
}

fn line(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

fn verdict(report: &Report) -> Section {
    let mut lines = vec![line("Result", if report.code.is_some() { "would be refused" } else { "would succeed" })];
    lines.extend(report.code.as_deref().map(|code| line("Code", code)));
    lines.extend(report.reason.as_deref().map(|reason| line("Reason", reason)));
    lines.push(line("Request", report.request_id.as_str()));
    Section { title: title("Sign-in"), lines }
}

fn person(report: &Report) -> Section {
    let Some(person) = &report.person else { return Section { title: title("Person"), lines: Vec::new() } };
    let mut lines = vec![line("Issuer", person.issuer.as_str()), line("Subject", person.subject.as_str())];
    let optional = [
        ("NameID format", person.name_id_format.clone()),
        ("User name", person.username.clone()),
        ("E-mail", person.email.clone()),
        ("Display name", person.display_name.clone()),
        ("Signed in there at", Some(person.authn_instant.to_string())),
        ("By (acr, context class)", person.acr.clone()),
        ("Session ends at", person.ends_at.map(|end| end.to_string())),
    ];
    lines.extend(optional.into_iter().filter_map(|(name, value)| Some(line(name, value?))));
    Section { title: title("Person"), lines }
}

fn groups(report: &Report) -> Section {
    if report.person.is_none() {
        return Section { title: title("Groups and roles"), lines: Vec::new() };
    }
    let listed = |values: Vec<&str>| if values.is_empty() { "none".to_owned() } else { values.join(", ") };
    let from = format!("{} ({})", report.place.name, report.place.setting);
    let lines = vec![
        line("Looked for in", from),
        line("Groups", listed(report.groups.iter().map(String::as_str).collect())),
        line("Roles", listed(report.roles.iter().map(String::as_str).collect())),
    ];
    Section { title: title("Groups and roles"), lines }
}

fn upstreams(report: &Report) -> Section {
    let access = report.upstreams.iter().map(|access| {
        let why = access.diagnosis.as_ref().map_or_else(|| "may connect".to_owned(), |why| format!("no access: {why}"));
        line(&access.upstream, why)
    });
    Section { title: title("Servers"), lines: access.collect() }
}

fn warnings(report: &Report) -> Section {
    Section { title: title("Warnings"), lines: report.warnings.iter().map(|warning| line("•", warning.as_str())).collect() }
}

fn checks(report: &Report) -> Section {
    let mut lines: Vec<(String, String)> = report
        .checks
        .iter()
        .map(|check| {
            let code = check.code.as_deref().map_or_else(String::new, |code| format!(" [{code}]"));
            line(&format!("{} {}", if check.passed { "✓" } else { "✗" }, check.name), format!("{}{code}", check.detail))
        })
        .collect();
    lines.extend(report.trusted_certificates.iter().map(|print| line("trusted certificate", print.as_str())));
    Section { title: title("SAML response"), lines }
}

fn sent(report: &Report) -> Section {
    let lines = report.sent.iter().map(|sent| {
        let name = sent.friendly_name.as_ref().map_or_else(|| sent.name.clone(), |friendly| format!("{} ({friendly})", sent.name));
        (name, sent.values.join(", "))
    });
    // Nobody is named: the document that says this was refused.
    let heading = if report.person.is_some() { "Received" } else { "Received, not verified" };
    Section { title: title(heading), lines: lines.collect() }
}
