//! What a decision looks at does not grow with the policies that cannot matter to it.

use crate::source::{CedarFile, Grant, PolicySource, RoleRule};
use crate::vocabulary::ActionKind;
use crate::{PolicySet, Request, decide};

/// Two thousand grants over twenty upstreams and a hundred roles, and three Cedar policies.
fn large() -> PolicySource {
    let roles: Vec<String> = (0..100).map(|number| format!("role{number}")).collect();
    let upstreams: Vec<String> = (0..20).map(|number| format!("up{number}")).collect();
    let grants = roles.iter().flat_map(|role| {
        upstreams.iter().map(move |upstream| Grant {
            roles: vec![role.clone()],
            upstreams: vec![upstream.clone()],
            tools: vec![format!("{role}_*")],
            ..Grant::default()
        })
    });
    let cedar = "@id(\"everywhere\") forbid (principal, action, resource) when { context.client == \"bad\" };
        @id(\"one-upstream\") permit (principal, action == Action::\"call_tool\", resource in Upstream::\"up1\") when { resource.name == \"ping\" };
        @id(\"one-role\") permit (principal is User in Role::\"role1\", action in [Action::\"call_tool\", Action::\"get_prompt\"], resource);";
    PolicySource {
        grants: grants.collect(),
        roles: roles.iter().map(|role| RoleRule { role: role.clone(), groups: vec![role.clone()], ..RoleRule::default() }).collect(),
        cedar: vec![CedarFile { name: "extra.cedar".to_owned(), text: cedar.to_owned() }],
        upstreams,
        ..PolicySource::default()
    }
}

#[test]
fn a_slice_holds_only_what_can_matter() {
    let set = PolicySet::compile(&large()).unwrap();
    let sizes = |upstream: &str, kind: ActionKind, role: &str| {
        let slice = &set.slices[upstream][&kind];
        (slice.common.num_of_policies(), slice.by_role.get(role).map_or(0, cedar_policy::PolicySet::num_of_policies))
    };
    assert_eq!(sizes("up1", ActionKind::CallTool, "role1"), (2, 2), "everywhere, one-upstream; a grant, one-role");
    assert_eq!(sizes("up2", ActionKind::CallTool, "role2"), (1, 1), "everywhere; a grant");
    assert_eq!(sizes("up2", ActionKind::GetPrompt, "role1"), (1, 1), "everywhere; one-role");
    assert_eq!(sizes("up2", ActionKind::ReadResource, "role2"), (1, 0), "everywhere");
    assert_eq!(sizes("up2", ActionKind::Connect, "role2"), (1, 1), "everywhere; a grant");
}

/// The parts of a slice, joined, give what the whole set would give.
#[test]
fn slices_decide_like_the_whole() {
    let set = PolicySet::compile(&large()).unwrap();
    let cases = [
        ("up1", "role1_x", "good", &["role1"][..], "permit grants[21].tools one-role"),
        ("up1", "ping", "good", &[], "permit one-upstream"),
        ("up2", "ping", "good", &[], "deny"),
        ("up2", "role7_x", "good", &["role7", "role8"], "permit grants[142].tools"),
        ("up2", "role7_x", "bad", &["role7", "role8"], "deny everywhere"),
        ("up2", "role7_x", "good", &["role8"], "deny"),
    ];
    for (upstream, tool, client, roles, expected) in cases {
        let roles = roles.iter().map(ToString::to_string).collect();
        let request = Request {
            user: "usr_test",
            idp: "okta",
            username: None,
            email: None,
            groups: &[],
            roles: &roles,
            client,
            scopes: &[],
            upstream,
            action: crate::Action::CallTool { name: tool, annotations: crate::ToolAnnotations::default(), arguments: None },
        };
        let (word, policies) = match decide(&set, &request, ()) {
            Ok(permit) => ("permit", permit.policies().to_vec()),
            Err(denial) => ("deny", denial.policies),
        };
        let found = std::iter::once(word.to_owned()).chain(policies).collect::<Vec<_>>().join(" ");
        assert_eq!(found, expected, "{upstream} {tool} {client}");
    }
}
