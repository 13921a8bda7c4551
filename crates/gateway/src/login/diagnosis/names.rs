//! The attribute or claim that the groups are probably in, where the configured one is not there.

use super::Sent;

/// Names under which identity providers send groups, in lower case: AD FS, Entra ID, Shibboleth (`isMemberOf`), LDAP, Okta.
const USUAL: [&str; 10] = [
    "groups",
    "group",
    "memberof",
    "roles",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups",
    "http://schemas.xmlsoap.org/claims/group",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
    "urn:oid:1.3.6.1.4.1.5923.1.5.1.1",
    "ismemberof",
    "cognito:groups",
];

/// Every name by which something that was sent can be configured: `Name`, `FriendlyName`, and the path of a list within a claim.
pub(in super::super) fn of(sent: &[Sent]) -> Vec<String> {
    const KEPT: usize = 100;
    let short = |name: &str| name.chars().take(200).collect::<String>();
    let names = sent.iter().flat_map(|sent| {
        let inner = sent.values.first().filter(|value| value.starts_with('{')).and_then(|value| serde_json::from_str(value).ok());
        let inner: serde_json::Map<String, serde_json::Value> = inner.unwrap_or_default();
        let lists = inner.into_iter().filter(|(_, value)| value.is_array()).map(|(key, _)| short(&format!("{}.{key}", sent.name)));
        std::iter::once(short(&sent.name)).chain(sent.friendly_name.as_deref().map(short)).chain(lists).collect::<Vec<_>>()
    });
    names.take(KEPT).collect()
}

/// The closest of `sent` to the configured name: the same but for letters' case, the same last part of a URI, one or two letters
/// apart; else one of the usual names.
pub(in super::super) fn probably<'s>(configured: &str, sent: &'s [String]) -> Option<&'s str> {
    let wanted = configured.trim().to_lowercase();
    let last = |name: &str| name.rsplit(['/', ':', '.']).next().unwrap_or_default().to_owned();
    let tests: [&dyn Fn(&str) -> bool; 5] = [
        &|name| name.trim().to_lowercase() == wanted,
        &|name| last(&name.to_lowercase()) == last(&wanted) && !last(&wanted).is_empty(),
        &|name| (4..=100).contains(&wanted.len()) && name.len() <= 100 && crate::config::distance(&name.to_lowercase(), &wanted) <= 2,
        &|name| USUAL.contains(&name.to_lowercase().as_str()),
        &|name| name.contains('.') && USUAL.contains(&last(&name.to_lowercase()).as_str()),
    ];
    tests.into_iter().find_map(|test| sent.iter().map(String::as_str).find(|name| *name != configured && test(name)))
}
