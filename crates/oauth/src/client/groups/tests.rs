use serde_json::json;

use super::*;

#[test]
fn what_claims_say_about_groups() {
    let overage = |marker| Err(GroupsError::Overage { marker });
    let shape = |claim: &str, received| Err(GroupsError::UnknownShape { claim: claim.to_owned(), received });
    let some = |groups: &[&str]| Ok(Some(groups.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>()));
    let cases = [
        (json!({}), "groups", Ok(None)),
        (json!({"groups": null}), "groups", Ok(None)),
        (json!({"groups": []}), "groups", some(&[])),
        (json!({"groups": ["a", "b,c", "d\ne"]}), "groups", some(&["a", "b,c", "d\ne"])),
        (json!({"groups": "Sales, EMEA"}), "groups", some(&["Sales, EMEA"])),
        (json!({"realm_access": {"roles": ["admin"]}}), "realm_access.roles", some(&["admin"])),
        (json!({"https://x.example/groups": ["a"]}), "https://x.example/groups", some(&["a"])),
        (json!({"realm_access": "x"}), "realm_access.roles", Ok(None)),
        (json!({"groups": ["a", 1]}), "groups", shape("groups", "an array with something else in it")),
        (json!({"groups": [["a"]]}), "groups", shape("groups", "an array with something else in it")),
        (json!({"groups": {"a": true}}), "groups", shape("groups", "an object")),
        (json!({"groups": true}), "groups", shape("groups", "a boolean")),
        (json!({"groups": 7}), "groups", shape("groups", "a number")),
        (json!({"_claim_names": {"groups": "src1"}, "_claim_sources": {}}), "groups", overage("_claim_names")),
        (json!({"_claim_names": {"groups": "src1"}}), "roles", overage("_claim_names")),
        (json!({"_claim_names": {"address": "src1"}}), "groups", Ok(None)),
        (json!({"hasgroups": true}), "groups", overage("hasgroups")),
        (json!({"hasgroups": "true", "groups": []}), "groups", overage("hasgroups")),
        (json!({"hasgroups": false, "groups": ["a"]}), "groups", some(&["a"])),
    ];
    for (claims, claim, expected) in cases {
        assert_eq!(groups(claims.as_object().unwrap(), claim), expected, "{claims}");
    }
}
