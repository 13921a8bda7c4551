//! Why somebody who signed in well has no access: what is needed against what was received, and where it was looked for.
//!
//! Pure: the same analysis stands on the page of the person, in the audit trail and in the test of a sign-in. [`near`] finds
//! groups that almost fit, [`names`] finds the attribute or claim that the groups are probably in.

pub(super) mod names;
pub(super) mod near;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use near::NearMiss;

/// One attribute or claim, as the identity provider sent it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sent {
    /// Its `Name`, or the claim's name.
    pub(super) name: String,
    /// Its `FriendlyName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) friendly_name: Option<String>,
    /// Its values; what is not text stands as JSON.
    pub(super) values: Vec<String>,
}

/// Where groups are looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The key of the configuration: `groups_attribute` or `groups_claim`.
    pub(super) setting: String,
    /// What that key says.
    pub(super) name: String,
    /// In what: an assertion, or an ID token and userinfo.
    pub(super) document: String,
}

/// A group that gives a role that gives access.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Needed {
    /// The group, as the configuration has it.
    pub(super) group: String,
    /// The role.
    pub(super) role: String,
    /// Whether the role is for sign-ins at this identity provider.
    pub(super) here: bool,
}

/// Needed against received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Diagnosis {
    /// Where the groups were looked for.
    pub(super) place: Place,
    /// The groups that were found there.
    pub(super) received: Vec<String>,
    /// The groups of which one would be enough.
    pub(super) needed: Vec<Needed>,
    /// What almost fits.
    pub(super) near: Vec<NearMiss>,
    /// The names of all attributes or claims that were sent, where they are known and there was no group among them.
    pub(super) sent: Vec<String>,
    /// The one that the groups are probably in.
    pub(super) probably: Option<String>,
}

/// Compares.
pub(super) fn diagnose(place: Place, received: &[String], needed: BTreeSet<Needed>, sent: &[String]) -> Diagnosis {
    let needed: Vec<Needed> = needed.into_iter().collect();
    let near = near::misses(received, &needed);
    let probably = if received.is_empty() { names::probably(&place.name, sent).map(str::to_owned) } else { None };
    let sent = if received.is_empty() { sent.to_vec() } else { Vec::new() };
    Diagnosis { place, received: received.to_vec(), needed, near, sent, probably }
}

impl Diagnosis {
    /// What the person may read, a sentence each. Groups that would give access are named only where one that the person has
    /// almost is the same: who has nothing in common with them does not learn their names.
    pub(super) fn public(&self) -> Vec<String> {
        let mut lines = vec![self.what_was_found()];
        lines.extend(
            self.probably.as_ref().map(|name| format!("The groups are probably in “{name}”: {} should be that.", self.place.setting)),
        );
        lines.extend(self.near.iter().map(NearMiss::words));
        if self.near.is_empty() && self.probably.is_none() {
            lines.push(if self.needed.is_empty() {
                "No group gives access to it: no role has been granted anything there.".to_owned()
            } else {
                "None of them gives access to it.".to_owned()
            });
        }
        lines
    }

    fn what_was_found(&self) -> String {
        let Place { setting, name, document } = &self.place;
        if self.received.is_empty() {
            let others = if self.sent.is_empty() { String::new() } else { format!(" It has: {}.", listed(&self.sent)) };
            return format!("No group was found: {document} has nothing in “{name}” ({setting}).{others}");
        }
        format!("Your groups, from “{name}” ({setting}) in {document}: {}.", listed(&self.received))
    }
}

/// For the audit trail and administrators: the same, with the groups that are needed.
impl fmt::Display for Diagnosis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needed: Vec<String> = self
            .needed
            .iter()
            .map(|needed| {
                format!("{} (role {}{})", needed.group, needed.role, if needed.here { "" } else { ", other identity providers only" })
            })
            .collect();
        let needed = if needed.is_empty() { "no group of the configuration".to_owned() } else { listed(&needed) };
        write!(formatter, "needed one of: {needed}. {}", self.public().join(" "))
    }
}

impl std::error::Error for Diagnosis {}

/// At most twenty of them, and how many more.
fn listed(values: &[String]) -> String {
    const SHOWN: usize = 20;
    let more = values.len().saturating_sub(SHOWN);
    let shown = values.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

#[cfg(test)]
mod tests;
