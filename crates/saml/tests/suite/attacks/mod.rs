//! Attacks on the response, in the kinds that were seen exploited. Each must be refused with its own code: a response that
//! is refused for the wrong reason is one change away from being accepted.
//!
//! The kinds are those of `KINDS`, ranked as they were seen exploited. Kind 15, the Redirect binding, is in `bindings`; kind
//! 16, metadata, is in `metadata` and, where a signature is demanded, in `signed_metadata`; the census counts them all.

mod costs;
mod crypto;
mod document;
mod encryption;
mod profile;
mod structure;
mod wrapping;

use std::collections::HashSet;

pub(crate) use self::crypto::{encrypted, encrypted_text, standalone};
pub(crate) use self::encryption::cbc;
pub(crate) use self::profile::unsolicited;
use crate::setup::Setup;

/// What an attack tries. The first is kind 1.
const KINDS: [&str; 16] = [
    "several assertions, the unsigned one read",
    "a namespace declaration read as an attribute",
    "signature wrapping",
    "encrypted and not signed; padding",
    "two parsers see two documents",
    "a smuggled digest, two SignedInfo, two References",
    "void canonicalization, the digest of nothing",
    "games with IDs",
    "the profile: for others, for another time, for another request",
    "keys and algorithms",
    "text that is split",
    "transforms",
    "denial of service before anything is verified",
    "stripped signatures",
    "the Redirect binding",
    "metadata",
];

/// One attack.
pub(crate) struct Attack {
    pub(crate) kind: u8,
    pub(crate) name: &'static str,
    pub(crate) code: &'static str,
    pub(crate) build: fn() -> Setup,
}

/// One attack, built.
pub(crate) struct Built {
    pub(crate) kind: u8,
    pub(crate) name: String,
    pub(crate) code: &'static str,
    pub(crate) setup: Setup,
}

pub(crate) const fn attack(kind: u8, name: &'static str, code: &'static str, build: fn() -> Setup) -> Attack {
    Attack { kind, name, code, build }
}

/// Every attack by a Response.
fn all() -> impl Iterator<Item = Built> {
    let tables = [structure::ATTACKS, crypto::ATTACKS, encryption::ATTACKS, document::ATTACKS, costs::ATTACKS, profile::ATTACKS]
        .into_iter()
        .flatten();
    let tables = tables.map(|attack| Built { kind: attack.kind, name: attack.name.to_owned(), code: attack.code, setup: (attack.build)() });
    tables.chain(wrapping::attacks())
}

#[test]
fn every_attack_is_refused_with_its_own_code() {
    let mut wrong = Vec::new();
    for attack in all() {
        let result = attack.setup.run().map(|assertion| assertion.name_id.value);
        if result != Err(attack.code) {
            wrong.push(format!("{} {}: {result:?} instead of {}", attack.kind, attack.name, attack.code));
        }
    }
    assert!(wrong.is_empty(), "{} wrong verdicts\n{}", wrong.len(), wrong.join("\n"));
}

/// How many there are of each kind. `cargo test -p saml --test suite census -- --nocapture` prints the table.
#[test]
fn census() {
    let mut kinds = [0_usize; KINDS.len()];
    let mut names = HashSet::new();
    for attack in all() {
        kinds[usize::from(attack.kind) - 1] += 1;
        assert!(names.insert(attack.name.clone()), "{} is there twice", attack.name);
    }
    let responses: usize = kinds.iter().sum();
    kinds[14] += crate::bindings::refused();
    kinds[15] += crate::metadata::refused() + crate::signed_metadata::refused();
    for (at, (name, count)) in KINDS.iter().zip(kinds).enumerate() {
        println!("kind {:>2} {count:>4} {name}", at + 1);
        assert!(count >= 5, "kind {} ({name}) has {count}", at + 1);
    }
    let positives = crate::positive::count() + crate::captures::accepted();
    println!("{responses} attacks by a response, {} in all; {positives} messages that must be accepted", kinds.iter().sum::<usize>());
    assert!(responses >= 150 && positives >= 25, "{responses} attacks, {positives} positives");
}
