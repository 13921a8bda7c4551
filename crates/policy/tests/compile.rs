//! Sources that must not load, each with its exact problems; and what a name cannot do.

use std::collections::BTreeSet;

use policy::{
    Action, CedarFile, Deny, Grant, GroupForms, GroupMapping, NearGroup, PolicySet, PolicySource, Request, RoleRule, ToolAnnotations, Would,
};
use policy::{decide, explain, needs_annotations};

fn source() -> PolicySource {
    PolicySource {
        roles: vec![RoleRule { role: "sales".to_owned(), groups: vec!["Sales".to_owned()], ..RoleRule::default() }],
        upstreams: vec!["crm".to_owned(), "erp".to_owned()],
        ..PolicySource::default()
    }
}

fn with_cedar(text: &str) -> PolicySource {
    PolicySource { cedar: vec![CedarFile { name: "extra.cedar".to_owned(), text: text.to_owned() }], ..source() }
}

fn call<'a>(tool: &'a str, roles: &'a BTreeSet<String>) -> Request<'a> {
    Request {
        user: "usr_test",
        idp: "okta",
        username: None,
        email: None,
        groups: &[],
        roles,
        client: "client",
        scopes: &[],
        upstream: "crm",
        action: Action::CallTool { name: tool, annotations: ToolAnnotations::default(), arguments: None },
    }
}

#[test]
fn faulty_cedar_does_not_load() {
    let cases = [
        ("permit (principal, action, resource)\n  whn { true };", "extra.cedar:2:3", "policy.syntax"),
        ("permit (principal, action == Action::\"call_tol\", resource);", "extra.cedar:1:30", "policy.schema_mismatch"),
        (
            "permit (principal, action == Action::\"call_tool\", resource)\nwhen { resource.read_only };",
            "extra.cedar:2:8",
            "policy.schema_mismatch",
        ),
        (
            "permit (principal, action == Action::\"call_tool\", resource)\nwhen { resource.nmae == \"x\" };",
            "extra.cedar:2:8",
            "policy.schema_mismatch",
        ),
        ("\npermit (principal == ?principal, action, resource);", "extra.cedar:2:1", "policy.template"),
        ("forbid (principal in Role::\"slaes\", action, resource);", "extra.cedar:1:28", "policy.unknown_entity"),
        ("forbid (principal, action, resource == Tool::\"delete\");", "extra.cedar:1:46", "policy.unknown_entity"),
        ("forbid (principal, action, resource in Upstream::\"cmr\");", "extra.cedar:1:50", "policy.unknown_entity"),
        (
            "@id(\"a\") permit (principal, action, resource);\n@id(\"a\") permit (principal, action, resource);",
            "extra.cedar:2:1",
            "policy.duplicate_id",
        ),
        ("@id(\"grants[0].tools\") permit (principal, action, resource);", "extra.cedar:1:1", "policy.duplicate_id"),
    ];
    for (text, place, code) in cases {
        let problems = PolicySet::compile(&with_cedar(text)).unwrap_err();
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(
            shown.len() == 1 && shown[0].starts_with(&format!("{place}: ")) && shown[0].ends_with(&format!("[{code}]")),
            "{text}\n{shown:#?}"
        );
    }
}

#[test]
fn a_rule_about_an_unknown_role_or_upstream_does_not_load() {
    let deny = Deny { roles: vec!["slaes".to_owned()], upstreams: vec!["cmr".to_owned()], tools: vec!["*".to_owned()], ..Deny::default() };
    let problems = PolicySet::compile(&PolicySource { denies: vec![deny], ..source() }).unwrap_err();
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "denies[0]: no role \"slaes\" is defined [policy.unknown_entity]",
            "denies[0]: no upstream \"cmr\" is defined [policy.unknown_entity]"
        ]
    );
}

/// Cedar skips a policy that fails: a broken `forbid` would let everything pass.
#[test]
fn a_policy_that_fails_to_evaluate_denies() {
    let mut source =
        with_cedar("@id(\"broken\") forbid (principal, action == Action::\"call_tool\", resource) when { 9223372036854775807 + 1 == 0 };");
    source.grants =
        vec![Grant { roles: vec!["sales".to_owned()], upstreams: vec!["crm".to_owned()], tools: vec!["*".to_owned()], ..Grant::default() }];
    let set = PolicySet::compile(&source).unwrap();
    let roles = BTreeSet::from(["sales".to_owned()]);
    let denial = decide(&set, &call("get", &roles), ()).unwrap_err();
    assert_eq!((denial.code(), denial.policies), ("policy.evaluation_error", vec!["broken".to_owned()]));
}

/// Names come from the configuration and from upstreams; none of them may end a string and begin a policy.
#[test]
fn hostile_names_stay_names() {
    let hostile = "x\" }; permit (principal, action, resource); //";
    let mut source = source();
    source.roles.push(RoleRule { role: hostile.to_owned(), groups: vec!["Evil".to_owned()], ..RoleRule::default() });
    source.grants = vec![Grant {
        roles: vec![hostile.to_owned()],
        upstreams: vec!["crm".to_owned()],
        tools: vec![format!("{hostile}*"), "a\\*b".to_owned()],
        source: Some(hostile.to_owned()),
        ..Grant::default()
    }];
    let set = PolicySet::compile(&source).unwrap();
    let evil = BTreeSet::from([hostile.to_owned()]);
    assert!(decide(&set, &call("anything", &evil), ()).is_err());
    assert!(decide(&set, &call("anything", &BTreeSet::new()), ()).is_err());
    assert!(decide(&set, &call(&format!("{hostile} and more"), &evil), ()).is_ok());
    // A backslash is a character like any other: the star after it is still a wildcard.
    assert!(decide(&set, &call("a\\zzzb", &evil), ()).is_ok());
    assert!(decide(&set, &call("a*b", &evil), ()).is_err());
}

/// A tool name with a slash does not reach into another upstream.
#[test]
fn a_tool_name_cannot_name_another_upstream() {
    let set = PolicySet::compile(&with_cedar("permit (principal, action == Action::\"call_tool\", resource == Tool::\"erp/x\");")).unwrap();
    let nobody = BTreeSet::new();
    for tool in ["erp/x", "x", "../erp/x"] {
        assert!(decide(&set, &call(tool, &nobody), ()).is_err(), "{tool}");
    }
    let request = Request { upstream: "erp", ..call("x", &nobody) };
    assert!(decide(&set, &request, ()).is_ok());
}

#[test]
fn annotations_are_needed_only_where_a_policy_reads_them() {
    let grant = |upstream: &str, read_only| Grant {
        roles: vec!["sales".to_owned()],
        upstreams: vec![upstream.to_owned()],
        tools: vec!["*".to_owned()],
        read_only,
        ..Grant::default()
    };
    let set = PolicySet::compile(&PolicySource { grants: vec![grant("crm", true), grant("erp", false)], ..source() }).unwrap();
    let (sales, nobody) = (BTreeSet::from(["sales".to_owned()]), BTreeSet::new());
    let asked = |set: &PolicySet, roles| (needs_annotations(set, "crm", roles), needs_annotations(set, "erp", roles));
    assert_eq!(asked(&set, &sales), (true, false));
    assert_eq!(asked(&set, &nobody), (false, false), "the policy is about another role");
    let forbid = "forbid (principal, action, resource is Tool) when { resource has destructive && resource.destructive };";
    let set = PolicySet::compile(&with_cedar(forbid)).unwrap();
    assert_eq!(asked(&set, &nobody), (true, true), "the policy is about everybody");
}

#[test]
fn the_fingerprint_follows_the_source() {
    let one = PolicySet::compile(&source()).unwrap();
    let two = PolicySet::compile(&with_cedar("permit (principal, action, resource);")).unwrap();
    assert_eq!(one.fingerprint(), PolicySet::compile(&source()).unwrap().fingerprint());
    assert_ne!(one.fingerprint(), two.fingerprint());
    assert_eq!(one.fingerprint().len(), 64);
}

/// The usual reasons for a refusal, each named.
#[test]
fn a_denial_is_explained() {
    let grant = Grant {
        roles: vec!["sales".to_owned()],
        upstreams: vec!["crm".to_owned()],
        tools: vec!["get_*".to_owned()],
        read_only: true,
        source: Some("doorward.yaml:9".to_owned()),
        ..Grant::default()
    };
    let set = PolicySet::compile(&PolicySource { grants: vec![grant], ..source() }).unwrap();
    let permits = vec!["grants[0].tools".to_owned()];
    let (nobody, sales) = (BTreeSet::new(), BTreeSet::from(["sales".to_owned()]));
    let read_only = |request: Request<'static>| {
        let annotations = ToolAnnotations { read_only: Some(true), destructive: None };
        Request { action: Action::CallTool { name: "get_x", annotations, arguments: None }, ..request }
    };
    let nobody: &'static BTreeSet<String> = Box::leak(Box::new(nobody));
    let sales: &'static BTreeSet<String> = Box::leak(Box::new(sales));

    let groups = ["/sales ".to_owned(), "Marketing".to_owned()];
    let missing_role = explain(&set, &Request { groups: &groups, ..read_only(call("get_x", nobody)) });
    assert_eq!((missing_role.permitted, missing_role.code), (false, Some("policy.default_deny")));
    let near = NearGroup { sent: "/sales ".to_owned(), wanted: "Sales".to_owned(), role: "sales".to_owned() };
    assert_eq!(missing_role.near_groups, [near]);
    assert_eq!(missing_role.would, [Would::Role { role: "sales".to_owned(), policies: permits.clone() }]);

    let not_annotated = explain(&set, &call("get_x", sales));
    assert_eq!(not_annotated.would, [Would::ReadOnly { policies: permits }]);

    let permitted = explain(&set, &read_only(call("get_x", sales)));
    assert!(permitted.permitted);
    assert_eq!(permitted.policies, [("grants[0].tools".to_owned(), Some("doorward.yaml:9".to_owned()))]);
}

/// Mappings, groups of the person; their forms, and how many are nearly right.
type Near<'a> = (&'a [GroupMapping], &'a [&'a str], Option<GroupForms>, usize);

/// The usual reasons why a role is missing: another spelling, or ids where names are configured.
#[test]
fn groups_that_can_never_fit_are_explained() {
    let id = "0F9D5C2E-1111-4222-8333-444455556666";
    let nobody: &'static BTreeSet<String> = Box::leak(Box::new(BTreeSet::new()));
    let with_ids = GroupMapping { idp: "entra".to_owned(), groups: [(id.to_lowercase(), vec!["sales".to_owned()])].into() };
    let cases: [Near<'_>; 6] = [
        (&[], &[id], Some(GroupForms::IdsForNames), 0),
        (&[], &[id, "Marketing"], None, 0),
        (&[], &[], None, 0),
        (std::slice::from_ref(&with_ids), &[id], None, 1),
        (std::slice::from_ref(&with_ids), &["Marketing"], None, 0),
        (&[], &["sales"], None, 1),
    ];
    for (mappings, groups, forms, near) in cases {
        let set = PolicySet::compile(&PolicySource { mappings: mappings.to_vec(), ..source() }).unwrap();
        let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        let found = explain(&set, &Request { idp: "entra", groups: &groups, ..call("get_x", nobody) });
        assert_eq!((found.group_forms, found.near_groups.len()), (forms, near), "{groups:?}");
    }
    let only_ids =
        PolicySource { roles: vec![RoleRule { role: "sales".to_owned(), ..RoleRule::default() }], mappings: vec![with_ids], ..source() };
    let set = PolicySet::compile(&only_ids).unwrap();
    let groups = ["Sales".to_owned()];
    let found = explain(&set, &Request { idp: "entra", groups: &groups, ..call("get_x", nobody) });
    assert_eq!(found.group_forms, Some(GroupForms::NamesForIds));
}
