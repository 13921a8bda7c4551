//! Attacks on the response, in the kinds that were seen exploited. Each must be refused with its own code: a response that
//! is refused for the wrong reason is one change away from being accepted.
//!
//! Kinds: 1 several assertions, 2 namespace declarations taken for attributes, 3 signature wrapping, 4 encrypted and
//! unsigned, 5 documents that two parsers see differently, 6 smuggled digests, 7 void canonicalization, 8 ids, 9 profile,
//! 10 keys and algorithms, 11 split text, 12 transforms, 13 denial of service, 14 stripped signatures. 15, the Redirect
//! binding, is in `bindings`; 16, metadata, is in `metadata`.

mod crypto;
mod document;
mod profile;
mod structure;

use std::collections::BTreeMap;

pub(crate) use self::crypto::{encrypted, encrypted_text, standalone};
pub(crate) use self::profile::unsolicited;
use crate::setup::Setup;

/// One attack.
pub(crate) struct Attack {
    pub(crate) kind: u8,
    pub(crate) name: &'static str,
    pub(crate) code: &'static str,
    pub(crate) build: fn() -> Setup,
}

pub(crate) const fn attack(kind: u8, name: &'static str, code: &'static str, build: fn() -> Setup) -> Attack {
    Attack { kind, name, code, build }
}

#[test]
fn every_attack_is_refused_with_its_own_code() {
    let mut kinds: BTreeMap<u8, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for attack in [structure::ATTACKS, crypto::ATTACKS, document::ATTACKS, profile::ATTACKS].into_iter().flatten() {
        *kinds.entry(attack.kind).or_default() += 1;
        let result = (attack.build)().run().map(|assertion| assertion.name_id.value);
        if result != Err(attack.code) {
            wrong.push(format!("{} {}: {result:?} instead of {}", attack.kind, attack.name, attack.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!((1..=14).all(|kind| kinds.get(&kind).is_some_and(|count| *count >= 2)), "{kinds:?}");
    assert!(kinds.values().sum::<usize>() >= 100, "{kinds:?}");
}
