use super::near::Difference;
use super::*;

const ID: &str = "1b2c3d4e-0000-4a4b-8c8d-0123456789ab";

fn place() -> Place {
    Place { setting: "groups_claim".to_owned(), name: "groups".to_owned(), document: "the ID token".to_owned() }
}

fn needed(group: &str, here: bool) -> BTreeSet<Needed> {
    BTreeSet::from([Needed { group: group.to_owned(), role: "sales".to_owned(), here }])
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[test]
fn groups_that_almost_fit() {
    use Difference::*;
    // (received, needed, difference)
    let cases = [
        ("Sales", "sales", Some(Case)),
        ("ÜBERSICHT", "übersicht", Some(Case)),
        ("/sales", "sales", Some(LeadingSlash)),
        ("sales", "/sales", Some(LeadingSlash)),
        ("/europe/sales", "sales", Some(Path)),
        ("/europe/Sales", "/sales", Some(Path)),
        (" sales", "sales", Some(Spaces)),
        ("sales\t", "sales", Some(Spaces)),
        ("CN=Sales,OU=Groups,DC=example,DC=com", "sales", Some(DistinguishedName)),
        ("cn=Sales\\, Europe,ou=Groups", "Sales, Europe", Some(DistinguishedName)),
        ("sales", "CN=Sales,OU=Groups,DC=example,DC=com", Some(DistinguishedName)),
        ("EXAMPLE\\sales", "sales", Some(Qualified)),
        ("sales@example.com", "sales", Some(Qualified)),
        ("staff,sales", "sales", Some(OneText)),
        ("staff; sales", "sales", Some(OneText)),
        ("staff sales", "sales", Some(OneText)),
        ("[\"staff\",\"sales\"]", "sales", Some(OneText)),
        (ID, "sales", Some(IdForName)),
        ("sales", ID, Some(NameForId)),
        ("salez", "sales", Some(Typo)),
        ("hr", "it", None),
        ("marketing", "sales", None),
        ("presales", "sales", None),
        ("sales-readonly", "sales", None),
        ("", "sales", None),
        ("CN=Sales", "sales", None),
    ];
    for (received, wanted, expected) in cases {
        let found = diagnose(place(), &texts(&[received]), needed(wanted, true), &[]);
        assert_eq!(found.near.first().map(|near| near.difference), expected, "{received:?} {wanted:?}");
    }
    let elsewhere = diagnose(place(), &texts(&["sales"]), needed("sales", false), &[]);
    assert_eq!(elsewhere.near[0].difference, OtherIdentityProvider);
}

#[test]
fn the_attribute_that_is_meant() {
    const ENTRA: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups";
    // (configured, sent, probably)
    let cases: [(&str, &[&str], Option<&str>); 9] = [
        ("groups", &["email", ENTRA], Some(ENTRA)),
        (ENTRA, &["email", "groups"], Some("groups")),
        ("groups", &["Groups", ENTRA], Some("Groups")),
        ("groups", &["group"], Some("group")),
        ("groups", &["gruops", "email"], Some("gruops")),
        ("groups", &["email", "memberOf"], Some("memberOf")),
        ("groups", &["urn:oid:1.3.6.1.4.1.5923.1.5.1.1"], Some("urn:oid:1.3.6.1.4.1.5923.1.5.1.1")),
        ("groups", &["email", "displayName"], None),
        ("groups", &[], None),
    ];
    for (configured, sent, expected) in cases {
        assert_eq!(names::probably(configured, &texts(sent)), expected, "{configured} {sent:?}");
    }
}

#[test]
fn every_name_that_can_be_configured_is_looked_at() {
    let sent = |name: &str, friendly: Option<&str>, value: &str| Sent {
        name: name.to_owned(),
        friendly_name: friendly.map(str::to_owned),
        values: vec![value.to_owned()],
    };
    // (configured, what was sent, probably)
    let cases = [
        ("groups", sent("urn:oid:2.999", Some("Groups"), "a"), Some("Groups")),
        ("Groups", sent("urn:oid:2.999", Some("isMemberOf"), "a"), Some("isMemberOf")),
        ("groups", sent("realm_access", None, r#"{"roles":["a"],"x":1}"#), Some("realm_access.roles")),
        ("groups", sent("resource_access", None, r#"{"doorward":{"roles":["a"]}}"#), None),
        ("groups", sent("address", None, "{broken"), None),
    ];
    for (configured, sent, expected) in cases {
        let names = names::of(&[sent]);
        assert_eq!(names::probably(configured, &names), expected, "{configured} {names:?}");
    }
}

/// Who has nothing in common with a group does not learn its name; the audit trail has it.
#[test]
fn the_person_learns_less_than_the_administrator() {
    let found = diagnose(place(), &texts(&["staff"]), needed("secret-merger-team", true), &[]);
    assert!(!found.public().join(" ").contains("secret-merger-team"), "{:?}", found.public());
    assert!(found.to_string().contains("needed one of: secret-merger-team (role sales)"), "{found}");
    let ids = diagnose(place(), &texts(&[ID]), needed("secret-merger-team", true), &[]);
    assert!(!ids.public().join(" ").contains("secret-merger-team"), "{:?}", ids.public());
    let near = diagnose(place(), &texts(&["Secret-Merger-Team"]), needed("secret-merger-team", true), &[]);
    assert!(near.public().join(" ").contains("“secret-merger-team” differ in capital"), "{:?}", near.public());
}

#[test]
fn an_absent_attribute_is_told_with_those_that_came() {
    let found = diagnose(place(), &[], needed("sales", true), &texts(&["email", "Groups"]));
    let text = found.public().join(" ");
    assert!(text.contains("has nothing in “groups” (groups_claim). It has: email, Groups."), "{text}");
    assert!(text.contains("probably in “Groups”"), "{text}");
    let nothing = diagnose(place(), &[], BTreeSet::new(), &[]);
    assert!(nothing.public().join(" ").contains("no role has been granted anything there"), "{nothing}");
    let many: Vec<String> = (0..300).map(|number| format!("g{number}")).collect();
    assert!(diagnose(place(), &many, BTreeSet::new(), &[]).public()[0].ends_with("and 280 more."));
}
