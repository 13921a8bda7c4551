//! Groups that almost fit: what was received is nearly what is needed, and this is how they differ.

use serde::{Deserialize, Serialize};

use super::Needed;

/// How many groups of each side are compared: a few hundred of each are a moment's work.
const COMPARED: usize = 500;
/// How many pairs are worth telling.
const SHOWN: usize = 5;
/// Longer texts are no typing errors.
const TYPED: usize = 64;

/// How a received group differs from a needed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Difference {
    /// The same group, but its role is for other identity providers.
    OtherIdentityProvider,
    /// Spaces around it.
    Spaces,
    /// Capital and small letters.
    Case,
    /// `/sales` for `sales`.
    LeadingSlash,
    /// `/europe/sales` for `sales`.
    Path,
    /// `CN=sales,OU=…` for `sales`, or the other way round.
    DistinguishedName,
    /// `EXAMPLE\sales` or `sales@example.com` for `sales`.
    Qualified,
    /// Several groups in one text.
    OneText,
    /// Object ids for names.
    IdForName,
    /// Names for object ids.
    NameForId,
    /// One letter.
    Typo,
}

/// One pair that almost fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct NearMiss {
    /// What the identity provider sent.
    pub(in super::super) received: String,
    /// What the configuration has.
    pub(in super::super) needed: String,
    /// The role that it would give.
    pub(in super::super) role: String,
    /// How they differ.
    pub(in super::super) difference: Difference,
}

impl NearMiss {
    /// A sentence with the value to change.
    pub(super) fn words(&self) -> String {
        let Self { received, needed, .. } = self;
        match self.difference {
            Difference::OtherIdentityProvider => {
                format!("The group “{received}” gives access only after a sign-in at another identity provider.")
            }
            Difference::Spaces => format!("“{received}” has spaces around it; “{needed}” is needed, without them."),
            Difference::Case => format!("“{received}” and “{needed}” differ in capital and small letters."),
            Difference::LeadingSlash => {
                format!("“{received}” and “{needed}” differ in the slash at the beginning (Keycloak: “Full group path”).")
            }
            Difference::Path => format!("“{received}” is a path; “{needed}” is needed (Keycloak: switch “Full group path” off)."),
            Difference::DistinguishedName => {
                format!("Of “{received}” and “{needed}”, one is a distinguished name and the other a plain one.")
            }
            Difference::Qualified => format!("“{received}” carries a domain; “{needed}” is needed, without it."),
            Difference::OneText => format!("“{received}” is one text with several groups in it; they have to be sent, or read, as a list."),
            Difference::IdForName => {
                format!("“{received}” is an object id, where a name is configured: configure ids, or have names sent.")
            }
            Difference::NameForId => {
                format!("“{received}” is a name, where an object id is configured: configure names, or have ids sent.")
            }
            Difference::Typo => format!("“{received}” and “{needed}” differ in one letter."),
        }
    }
}

/// The nearest needed group of each received one; ids for names once, not for each.
pub(super) fn misses(received: &[String], needed: &[Needed]) -> Vec<NearMiss> {
    let mut found: Vec<NearMiss> = Vec::new();
    for group in received.iter().take(COMPARED) {
        let nearest = needed
            .iter()
            .take(COMPARED)
            .filter_map(|needed| Some((difference(group, needed)?, needed)))
            .min_by_key(|(difference, _)| *difference as u8);
        if let Some((difference, needed)) = nearest {
            found.push(NearMiss { received: group.clone(), needed: needed.group.clone(), role: needed.role.clone(), difference });
        }
    }
    found.truncate(SHOWN);
    if found.is_empty() {
        found.extend(ids_and_names(received, needed));
    }
    found
}

fn difference(received: &str, needed: &Needed) -> Option<Difference> {
    let group = needed.group.as_str();
    if group == "*" {
        return (!needed.here).then_some(Difference::OtherIdentityProvider);
    }
    if received == group {
        return (!needed.here).then_some(Difference::OtherIdentityProvider);
    }
    let same = |left: &str, right: &str| !left.is_empty() && left.to_lowercase() == right.to_lowercase();
    let last = |text: &str| text.rsplit('/').next().map(str::to_owned);
    let checks: [(Difference, bool); 8] = [
        (Difference::Spaces, received.trim() == group.trim()),
        (Difference::Case, same(received, group)),
        (Difference::LeadingSlash, same(received.trim_start_matches('/'), group.trim_start_matches('/'))),
        (Difference::Path, received.starts_with('/') && last(received).is_some_and(|last| same(&last, group.trim_start_matches('/')))),
        (
            Difference::DistinguishedName,
            [(received, group), (group, received)].iter().any(|(dn, name)| common_name(dn).is_some_and(|cn| same(&cn, name))),
        ),
        (Difference::Qualified, unqualified(received).any(|name| same(name, group))),
        (Difference::OneText, parts(received).is_some_and(|parts| parts.iter().any(|part| same(part, group)))),
        (
            Difference::Typo,
            (5..=TYPED).contains(&group.len()) && received.len() <= TYPED && !is_id(group) && crate::config::distance(received, group) == 1,
        ),
    ];
    checks.into_iter().find(|(_, holds)| *holds).map(|(difference, _)| difference)
}

/// All ids on one side and none on the other.
fn ids_and_names(received: &[String], needed: &[Needed]) -> Option<NearMiss> {
    let (first, wanted) = (received.first()?, needed.iter().find(|needed| needed.here && needed.group != "*")?);
    let all_needed = |id: bool| needed.iter().filter(|needed| needed.group != "*").all(|needed| is_id(&needed.group) == id);
    let difference = if received.iter().all(|group| is_id(group)) && all_needed(false) {
        Difference::IdForName
    } else if received.iter().all(|group| !is_id(group)) && all_needed(true) {
        Difference::NameForId
    } else {
        return None;
    };
    // What is needed has nothing in common with what the person has: its name stays here.
    Some(NearMiss { received: first.clone(), needed: String::new(), role: wanted.role.clone(), difference })
}

/// `8-4-4-4-12` hexadecimal digits, as Entra ID names groups.
fn is_id(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// The first `CN` of a distinguished name (RFC 4514).
fn common_name(text: &str) -> Option<String> {
    let (kind, rest) = text.split_once('=')?;
    if !kind.trim().eq_ignore_ascii_case("cn") || !rest.contains('=') {
        return None;
    }
    let mut name = String::new();
    let mut escaped = false;
    for character in rest.chars() {
        match character {
            _ if escaped => {
                name.push(character);
                escaped = false;
            }
            '\\' => escaped = true,
            ',' => break,
            _ => name.push(character),
        }
    }
    Some(name.trim().to_owned())
}

/// `DOMAIN\name` and `name@domain` without the domain.
fn unqualified(text: &str) -> impl Iterator<Item = &str> {
    [text.split_once('\\').map(|(_, name)| name), text.split_once('@').map(|(name, _)| name)].into_iter().flatten()
}

/// The groups in a text that is a JSON list, or is divided by commas, semicolons, bars or spaces.
fn parts(text: &str) -> Option<Vec<String>> {
    if let Ok(list) = serde_json::from_str::<Vec<String>>(text) {
        return Some(list);
    }
    let divided = |divider: &dyn Fn(char) -> bool| -> Vec<String> {
        text.split(divider).map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
    };
    let parts = divided(&|character| matches!(character, ',' | ';' | '|'));
    let parts = if parts.len() > 1 { parts } else { divided(&char::is_whitespace) };
    (parts.len() > 1).then_some(parts)
}
