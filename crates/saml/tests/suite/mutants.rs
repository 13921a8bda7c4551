//! Small random changes to genuine responses: a mutant may be refused or say exactly what the original said, nothing else.

use crate::setup::Setup;

/// A reproducible sequence (Knuth's MMIX constants); what is wanted is variety, not secrecy.
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

const PIECES: [&str; 14] = [
    "<",
    ">",
    "\"",
    "&amp;",
    "&#x41;",
    "<!---->",
    "<x/>",
    " xmlns:q=\"urn:q\"",
    " ID=\"_x\"",
    "\u{0}",
    "é",
    "/",
    "\r\n",
    "<saml:Assertion/>",
];

fn mutate(xml: &str, sequence: &mut Sequence) -> String {
    let mut text: Vec<char> = xml.chars().collect();
    for _ in 0..=sequence.below(2) {
        let at = sequence.below(text.len());
        let length = sequence.below(40).min(text.len() - at);
        match sequence.below(5) {
            0 => text[at] = char::from(u8::try_from(32 + sequence.below(95)).unwrap()),
            1 => drop(text.drain(at..at + length)),
            2 => {
                let piece: Vec<char> = PIECES[sequence.below(PIECES.len())].chars().collect();
                text.splice(at..at, piece);
            }
            3 => {
                let copy = text[at..at + length].to_vec();
                let to = sequence.below(text.len());
                text.splice(to..to, copy);
            }
            _ => {
                let to = sequence.below(text.len());
                text.swap(at, to);
            }
        }
    }
    text.into_iter().collect()
}

#[test]
fn no_mutant_says_anything_else() {
    for name in ["simplesamlphp/signed_assertion", "simplesamlphp/signed_response", "npm-samlp/encrypted_gcm"] {
        let genuine = Setup::capture(name);
        let original = genuine.run().unwrap();
        let mut sequence = Sequence(20_261_120);
        let mut accepted = 0;
        for round in 0..400 {
            let mut mutant = genuine.clone();
            mutant.xml = mutate(&genuine.xml, &mut sequence);
            if let Ok(assertion) = mutant.run() {
                assert_eq!(assertion, original, "{name}, round {round}");
                accepted += 1;
            }
        }
        assert!(accepted > 0, "{name}: some mutations touch nothing that counts");
    }
}
