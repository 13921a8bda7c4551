//! A second opinion: random short-form sources and requests, decided by Cedar and by thirty plain lines, which must agree.

#![expect(clippy::wildcard_enum_match_arm, reason = "every other action is a way to connect")]

use std::collections::BTreeSet;

use policy::{Action, Deny, Grant, PolicySet, PolicySource, Request, RoleRule, ToolAnnotations, decide};

/// The same numbers on every run (Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn some(&mut self, from: &[&str], percent: usize) -> Vec<String> {
        from.iter().filter(|_| self.chance(percent)).map(ToString::to_string).collect()
    }
}

const ROLES: [&str; 4] = ["a", "b", "c", "d"];
const UPSTREAMS: [&str; 3] = ["one", "two", "three"];
const PATTERNS: [&str; 9] = ["*", "get_*", "*_all", "get_*_all", "x", "", "g*t*l", "get_\\*", "**"];
const NAMES: [&str; 9] = ["x", "get_", "get_x", "get_x_all", "_all", "drop_all", "get_*", "gtl", "get_\\"];

fn source(numbers: &mut Numbers) -> PolicySource {
    let upstreams = |numbers: &mut Numbers| if numbers.chance(20) { vec!["*".to_owned()] } else { numbers.some(&UPSTREAMS, 50) };
    let grants = (0..numbers.below(6)).map(|_| Grant {
        roles: numbers.some(&ROLES, 40),
        upstreams: upstreams(numbers),
        tools: numbers.some(&PATTERNS, 25),
        resources: numbers.some(&PATTERNS, 25),
        prompts: numbers.some(&PATTERNS, 25),
        read_only: numbers.chance(40),
        source: None,
    });
    let grants = grants.collect();
    let denies = (0..numbers.below(4)).map(|_| Deny {
        roles: numbers.some(&ROLES, 40),
        upstreams: upstreams(numbers),
        tools: numbers.some(&PATTERNS, 15),
        resources: numbers.some(&PATTERNS, 15),
        prompts: numbers.some(&PATTERNS, 15),
        source: None,
    });
    let denies = denies.collect();
    PolicySource {
        roles: ROLES.iter().map(|role| RoleRule { role: (*role).to_owned(), ..RoleRule::default() }).collect(),
        upstreams: UPSTREAMS.map(str::to_owned).to_vec(),
        grants,
        denies,
        mappings: Vec::new(),
        cedar: Vec::new(),
    }
}

/// Whether `name` fits `pattern`, one character at a time.
fn fits(pattern: &[char], name: &[char]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some(('*', rest)) => (0..=name.len()).any(|skipped| name.get(skipped..).is_some_and(|name| fits(rest, name))),
        Some((letter, rest)) => name.split_first().is_some_and(|(first, others)| first == letter && fits(rest, others)),
    }
}

fn any_fits(patterns: &[String], name: &str) -> bool {
    let letters = |text: &str| text.chars().collect::<Vec<_>>();
    patterns.iter().any(|pattern| fits(&letters(pattern), &letters(name)))
}

fn applies(roles: &[String], upstreams: &[String], request: &Request<'_>) -> bool {
    roles.iter().any(|role| request.roles.contains(role)) && upstreams.iter().any(|name| name == "*" || name == request.upstream)
}

/// What the guide says, in plain words.
fn expected(source: &PolicySource, request: &Request<'_>) -> bool {
    let denied = source.denies.iter().filter(|deny| applies(&deny.roles, &deny.upstreams, request)).any(|deny| match request.action {
        Action::CallTool { name, .. } => any_fits(&deny.tools, name),
        Action::ReadResource { uri } => any_fits(&deny.resources, uri),
        Action::GetPrompt { name } => any_fits(&deny.prompts, name),
        _ => false,
    });
    let granted = source.grants.iter().filter(|grant| applies(&grant.roles, &grant.upstreams, request)).any(|grant| match request.action {
        Action::CallTool { name, annotations, .. } => {
            any_fits(&grant.tools, name) && (!grant.read_only || annotations.read_only == Some(true))
        }
        Action::ReadResource { uri } => any_fits(&grant.resources, uri),
        Action::GetPrompt { name } => any_fits(&grant.prompts, name),
        _ => !(grant.tools.is_empty() && grant.resources.is_empty() && grant.prompts.is_empty()),
    });
    granted && !denied
}

#[test]
fn cedar_and_the_plain_reading_agree() {
    let mut numbers = Numbers(42);
    let (mut permits, mut denials) = (0, 0);
    for round in 0..80 {
        let source = source(&mut numbers);
        let set = PolicySet::compile(&source).unwrap();
        for _ in 0..60 {
            let roles: BTreeSet<String> = numbers.some(&ROLES, 40).into_iter().collect();
            let name = NAMES[numbers.below(NAMES.len())];
            let read_only = [None, Some(true), Some(false)][numbers.below(3)];
            let action = match numbers.below(5) {
                0 => Action::ReadResource { uri: name },
                1 => Action::GetPrompt { name },
                2 => Action::Connect,
                _ => Action::CallTool { name, annotations: ToolAnnotations { read_only, destructive: None }, arguments: None },
            };
            let request = Request {
                user: "usr_test",
                idp: "okta",
                username: None,
                email: None,
                groups: &[],
                roles: &roles,
                client: "client",
                scopes: &[],
                upstream: UPSTREAMS[numbers.below(3)],
                action,
            };
            let permitted = decide(&set, &request, ()).is_ok();
            assert_eq!(permitted, expected(&source, &request), "round {round}: {request:?}\n{source:#?}");
            if permitted { permits += 1 } else { denials += 1 }
        }
    }
    assert!(permits > 500 && denials > 500, "{permits} permits, {denials} denials");
}
