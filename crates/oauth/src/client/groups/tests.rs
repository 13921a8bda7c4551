use serde_json::json;

use super::*;

type Found = Result<Option<Vec<String>>, GroupsError>;

#[expect(clippy::unnecessary_wraps, reason = "it stands beside refusals in the tables")]
fn some(groups: &[&str]) -> Found {
    Ok(Some(groups.iter().map(|group| (*group).to_owned()).collect()))
}

/// What is configured, the values; the groups.
type Values<'a> = (Format, &'a [&'a str], Option<&'a [&'a str]>);

#[test]
fn what_claims_say_about_groups() {
    use Format::{Comma, List, String};
    let overage = |marker| Err(GroupsError::Overage { marker });
    let shape = |claim: &str, received| Err(GroupsError::UnknownShape { claim: claim.to_owned(), received });
    let text = |claim: &str| Err(GroupsError::StringForList { claim: claim.to_owned() });
    let list = |format| Err(GroupsError::ListForString { claim: "groups".to_owned(), format });
    let cases = [
        (json!({}), "groups", List, Ok(None)),
        (json!({"groups": null}), "groups", List, Ok(None)),
        (json!({"groups": []}), "groups", List, some(&[])),
        (json!({"groups": ["a", "b,c", "d\ne"]}), "groups", List, some(&["a", "b,c", "d\ne"])),
        (json!({"groups": "Sales, EMEA"}), "groups", List, text("groups")),
        (json!({"groups": "Sales, EMEA"}), "groups", String, some(&["Sales, EMEA"])),
        (json!({"groups": "Sales, EMEA,,"}), "groups", Comma, some(&["Sales", "EMEA"])),
        (json!({"groups": ""}), "groups", String, some(&[])),
        (json!({"groups": ""}), "groups", Comma, some(&[])),
        (json!({"groups": ""}), "groups", List, text("groups")),
        (json!({"groups": ["a"]}), "groups", String, list(String)),
        (json!({"groups": []}), "groups", Comma, list(Comma)),
        (json!({"realm_access": {"roles": ["admin"]}}), "realm_access.roles", List, some(&["admin"])),
        (json!({"https://x.example/groups": ["a"]}), "https://x.example/groups", List, some(&["a"])),
        (json!({"realm_access": "x"}), "realm_access.roles", List, shape("realm_access.roles", "inside of a string")),
        (json!({"groups": ["a", 1]}), "groups", List, shape("groups", "an array with something else in it")),
        (json!({"groups": [["a"]]}), "groups", List, shape("groups", "an array with something else in it")),
        (json!({"groups": {"a": true}}), "groups", List, shape("groups", "an object")),
        (json!({"groups": true}), "groups", String, shape("groups", "a boolean")),
        (json!({"groups": 7}), "groups", Comma, shape("groups", "a number")),
        (json!({"_claim_names": {"groups": "src1"}, "_claim_sources": {}}), "groups", List, overage("_claim_names")),
        (json!({"_claim_names": {"groups": "src1"}, "groups": ["some"]}), "groups", List, overage("_claim_names")),
        (json!({"_claim_names": {"groups": "src1"}}), "roles", List, overage("_claim_names")),
        (json!({"_claim_names": {"groups": "src1"}, "roles": ["a"]}), "roles", List, some(&["a"])),
        (json!({"_claim_names": {"roles": "src1"}, "roles": ["a"]}), "roles", List, overage("_claim_names")),
        (json!({"_claim_names": {"address": "src1"}}), "groups", List, Ok(None)),
        (json!({"_claim_names": {"groups": "src1"}}), "/groups", List, overage("_claim_names")),
        (json!({"hasgroups": true, "groups": ["a"]}), "/groups", List, overage("hasgroups")),
        (json!({"_claim_names": {"realm_access": "src1"}}), "/realm_access/roles", List, overage("_claim_names")),
        (json!({"x": {"_claim_names": {"groups": "src1"}}}), "/x/groups", List, overage("_claim_names")),
        (json!({"x": {"_claim_names": {"groups": "src1"}}}), "x.groups", List, overage("_claim_names")),
        (json!({"hasgroups": true}), "groups", List, overage("hasgroups")),
        (json!({"hasgroups": true}), "/x/groups", List, overage("hasgroups")),
        (json!({"hasgroups": "true", "groups": []}), "groups", List, overage("hasgroups")),
        (json!({"hasgroups": false, "groups": ["a"]}), "groups", List, some(&["a"])),
    ];
    for (claims, claim, format, expected) in cases {
        assert_eq!(groups(claims.as_object().unwrap(), claim, format), expected, "{claims} {claim} {format:?}");
    }
}

/// RFC 6901, with its own examples of escapes.
#[test]
fn json_pointers() {
    let claims = json!({
        "realm_access": {"roles": ["a"]}, "a/b": ["slash"], "m~n": ["tilde"], "": ["empty"], "x": [{"y": ["in array"]}], "~1": ["order"],
        "https://x.example/groups": {"all": ["url"]}, "s": "text",
    });
    let cases = [
        ("/realm_access/roles", some(&["a"])),
        ("/a~1b", some(&["slash"])),
        ("/m~0n", some(&["tilde"])),
        ("/~01", some(&["order"])),
        ("/", some(&["empty"])),
        ("/x/0/y", some(&["in array"])),
        ("/x/00/y", Ok(None)),
        ("/x/1/y", Ok(None)),
        ("/x/-/y", Ok(None)),
        ("/https:~1~1x.example~1groups/all", some(&["url"])),
        ("/realm_access/none", Ok(None)),
        ("/none/roles", Ok(None)),
        ("/s/roles", Err(GroupsError::UnknownShape { claim: "/s/roles".to_owned(), received: "inside of a string" })),
    ];
    for (pointer, expected) in cases {
        assert_eq!(groups(claims.as_object().unwrap(), pointer, Format::List), expected, "{pointer}");
    }
    for (text, expected) in [("/a~1b", true), ("/", true), ("/~", false), ("/a~2", false), ("/a~", false), ("groups", false)] {
        assert_eq!(is_pointer(text), expected, "{text}");
    }
}

#[test]
fn what_an_attribute_says_about_groups() {
    use Format::{Comma, List, String};
    let cases: [Values<'_>; 10] = [
        (List, &[], Some(&[])),
        (List, &["a,b"], Some(&["a,b"])),
        (List, &["a", "b"], Some(&["a", "b"])),
        (String, &[], Some(&[])),
        (String, &["a,b"], Some(&["a,b"])),
        (String, &["a", "b"], None),
        (Comma, &[], Some(&[])),
        (Comma, &[" a ,b,"], Some(&["a", "b"])),
        (Comma, &["a,b", "c"], None),
        (Comma, &[""], Some(&[])),
    ];
    for (format, values, expected) in cases {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        assert_eq!(format.read_values(owned(values)), expected.map(owned), "{format:?} {values:?}");
    }
}
