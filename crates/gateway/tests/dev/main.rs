//! The whole job through the front door: the binary as `doorward dev`, a browser with cookies, an MCP client.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "in a test, a panic is the message")]

mod attacks;
mod browser;
mod client;
mod gateway;
mod step_up;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::client::{Client, Era};
use crate::gateway::Gateway;

/// Signs in without any MCP client and gives the page that follows.
async fn sign_in(gateway: &Gateway, browser: &mut Browser, idp: &str, person: &str) -> String {
    let chooser = browser.open(&gateway.url("/login/start?return=/")).await;
    let page = browser.submit(&chooser, &[("idp", idp)]).await;
    browser.sign_in_as(page, person).await.text
}

#[tokio::test]
async fn people_sign_in_at_both_identity_providers() {
    let gateway = Gateway::start().await;
    for idp in ["dev-saml", "dev-oidc"] {
        for (person, name, group) in [("alice", "Alice Adler", "engineering"), ("carol", "Carol Castro", "sales")] {
            let mut browser = Browser::default();
            let page = sign_in(&gateway, &mut browser, idp, person).await;
            assert!(page.contains(name) && page.contains(group), "{idp} {person}: {page}");
            let again = browser.open(&gateway.url("/")).await.text;
            assert!(again.contains(name), "the session holds: {again}");
        }
    }
}

#[tokio::test]
async fn the_401_names_the_metadata_that_leads_to_the_sign_in() {
    let gateway = Gateway::start().await;
    let reply = Client::anonymous(&gateway, "crm").call(Era::Stateless, "tools/list", json!({})).await;
    assert_eq!(reply.status, 401);
    let challenge = reply.challenge.unwrap();
    assert!(challenge.contains("resource_metadata=\"") && challenge.contains("scope="), "{challenge}");
}

/// People open the address of a server too; they learn what it is for, and programs still find the challenge.
#[tokio::test]
async fn a_browser_at_the_address_of_a_server_gets_a_page() {
    let gateway = Gateway::start().await;
    let address = gateway.url("/crm/mcp");
    let page = Browser::default().open(&address).await;
    assert_eq!(page.status, 401);
    for text in ["This is the address of an MCP server", "proxy.token_missing", &address] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
}

/// What everybody sees and may do; the table of docs/guide/dev.md.
#[tokio::test]
async fn everybody_sees_and_does_what_their_group_may() {
    let gateway = Gateway::start().await;
    let (crm, deploy) = (
        ["create_ticket", "delete_customer", "get_customer", "list_customers", "search_tickets", "whoami"],
        ["deploy", "list_services", "rollback", "whoami"],
    );
    let reading = ["get_customer", "list_customers", "search_tickets", "whoami"];
    let selling = ["create_ticket", "get_customer", "list_customers", "search_tickets", "whoami"];
    let cases: [(&str, &str, &[&str], &[&str]); 4] = [
        ("alice", "dev-saml", &crm, &deploy),
        ("bob", "dev-oidc", &reading, &["list_services", "whoami"]),
        ("carol", "dev-saml", &selling, &[]),
        ("dave", "dev-oidc", &crm, &deploy),
    ];
    for (person, idp, crm_tools, deploy_tools) in cases {
        for (upstream, seen, all) in [("crm", crm_tools, crm.as_slice()), ("deploy", deploy_tools, deploy.as_slice())] {
            if seen.is_empty() {
                // Who has nothing there is told so at the sign-in, and gets no token.
                let page = Client::try_connect(&gateway, upstream, idp, person).await.err().unwrap();
                assert!(page.text.contains("login.no_access"), "{person} at {upstream}: {page:?}");
                continue;
            }
            let client = Client::connect(&gateway, upstream, idp, person).await;
            for era in [Era::Stateless, Era::Sessions] {
                assert_eq!(client.tools(era).await, seen, "{person} at {upstream}");
            }
            for tool in all {
                let reply = client.call_tool(tool, arguments(tool)).await;
                // Who may roll back is asked for a second factor: see `step_up`.
                let is_permitted = reply.result.is_some() || (*tool == "rollback" && reply.status == 401);
                assert_eq!(is_permitted, seen.contains(tool), "{person} calls {tool} at {upstream}: {reply:?}");
            }
        }
    }
}

/// Arguments with which each sample tool works.
fn arguments(tool: &str) -> Value {
    match tool {
        "get_customer" => json!({ "id": 1 }),
        "delete_customer" => json!({ "id": 99 }),
        "search_tickets" => json!({ "text": "invoice" }),
        "create_ticket" => json!({ "customer_id": 1, "subject": "From a test" }),
        "deploy" => json!({ "service": "web", "version": "1.4.1", "step_milliseconds": 1 }),
        "rollback" => json!({ "service": "billing" }),
        _ => json!({}),
    }
}

#[tokio::test]
async fn the_upstream_learns_the_person_and_never_the_token() {
    let gateway = Gateway::start().await;
    let client = Client::connect(&gateway, "crm", "dev-saml", "carol").await;
    let seen = client.call_tool("whoami", json!({})).await.result.unwrap()["structuredContent"].clone();
    assert_eq!(seen["received_authorization"], false, "{seen}");
    assert_eq!(seen["received_cookie"], false, "{seen}");
    assert_eq!(seen["headers"]["x-auth-request-email"], "carol@example.com", "{seen}");
    assert_eq!(seen["headers"]["x-auth-request-groups"], "sales", "{seen}");
    assert_eq!(seen["identity_claims"]["preferred_username"], "carol", "{seen}");
}

#[tokio::test]
async fn the_audit_trail_names_the_person_for_every_step() {
    let gateway = Gateway::start().await;
    let client = Client::connect(&gateway, "crm", "dev-oidc", "bob").await;
    assert!(client.call_tool("get_customer", json!({ "id": 1 })).await.result.is_some());
    assert!(client.call_tool("delete_customer", json!({ "id": 1 })).await.result.is_none());
    let journal = gateway.audit();
    for expected in ["bob@example.com", "get_customer", "delete_customer"] {
        assert!(journal.contains(expected), "{expected}: {journal}");
    }
    assert!(!journal.contains("Aurora"), "no values in the trail");
}

#[tokio::test]
async fn progress_arrives_while_the_tool_works() {
    let gateway = Gateway::start().await;
    let client = Client::connect(&gateway, "deploy", "dev-saml", "alice").await;
    let pieces = client.stream_tool("deploy", json!({ "service": "web", "version": "2.0.0", "step_milliseconds": 200 })).await;
    let whole: String = pieces.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(whole.matches("notifications/progress").count(), 5, "{whole}");
    let first = pieces.iter().find(|(_, text)| text.contains("notifications/progress")).unwrap().0;
    let last = pieces.last().unwrap().0;
    assert!(last.saturating_sub(first) >= std::time::Duration::from_millis(600), "held back: first after {first:?}, last after {last:?}");
}

#[tokio::test]
async fn an_interrupt_stops_it_cleanly() {
    let mut gateway = Gateway::start().await;
    assert!(gateway.interrupt().success());
    assert!(!gateway.data_dir().exists(), "the temporary folder is gone");
}
