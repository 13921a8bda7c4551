//! The attribute or claim that the groups are probably in, where the configured one is not there.

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

/// The closest of `sent` to the configured name: the same but for letters' case, the same last part of a URI, one or two letters
/// apart; else one of the usual names.
pub(in super::super) fn probably<'s>(configured: &str, sent: &'s [String]) -> Option<&'s str> {
    let wanted = configured.trim().to_lowercase();
    let last = |name: &str| name.rsplit(['/', ':', '.']).next().unwrap_or_default().to_owned();
    let tests: [&dyn Fn(&str) -> bool; 4] = [
        &|name| name.trim().to_lowercase() == wanted,
        &|name| last(&name.to_lowercase()) == last(&wanted) && !last(&wanted).is_empty(),
        &|name| (4..=100).contains(&wanted.len()) && name.len() <= 100 && crate::config::distance(&name.to_lowercase(), &wanted) <= 2,
        &|name| USUAL.contains(&name.to_lowercase().as_str()),
    ];
    tests.into_iter().find_map(|test| sent.iter().map(String::as_str).find(|name| *name != configured && test(name)))
}
