//! A tool that needs a second factor: refused, signed in again for, and then done.

use serde_json::json;

use crate::browser::Browser;
use crate::client::{Client, REDIRECT};
use crate::gateway::Gateway;

/// The challenge of RFC 9470, and who is asked: only those who may call the tool at all.
#[tokio::test]
async fn a_call_that_needs_a_stronger_sign_in_goes_through_after_one() {
    let gateway = Gateway::start().await;
    for idp in ["dev-saml", "dev-oidc"] {
        let mut client = Client::anonymous(&gateway, "deploy");
        let client_id = client.register(&gateway).await;
        let mut browser = Browser::default();
        browser.stop_at = Some(REDIRECT.to_owned());
        let tokens = client.sign_in(&gateway, &mut browser, &client_id, idp, "alice").await;
        let first_refresh_token = tokens["refresh_token"].as_str().unwrap().to_owned();

        let refused = client.call_tool("rollback", json!({ "service": "billing" })).await;
        assert_eq!(refused.status, 401, "{idp}: {refused:?}");
        let challenge = refused.challenge.unwrap();
        for part in
            ["Bearer error=\"insufficient_user_authentication\"", "acr_values=\"urn:doorward:dev:second-factor\"", "max_age=\"600\""]
        {
            assert!(challenge.contains(part), "{part}: {challenge}");
        }
        assert!(client.call_tool("list_services", json!({})).await.result.is_some(), "other tools go on");
        let refreshed = client.refresh(&gateway, &client_id, &first_refresh_token).await;
        assert_eq!(refreshed["error"], "invalid_grant", "{refreshed}");
        assert!(refreshed["error_description"].as_str().unwrap().contains("authserver.step_up_required"), "{refreshed}");

        // The browser is still signed in, and is sent to the identity provider all the same.
        let tokens = client.sign_in(&gateway, &mut browser, &client_id, idp, "alice").await;
        assert!(client.call_tool("rollback", json!({ "service": "billing" })).await.result.is_some(), "{idp}");
        let refreshed = client.refresh(&gateway, &client_id, tokens["refresh_token"].as_str().unwrap()).await;
        client.token = Some(refreshed["access_token"].as_str().unwrap_or_else(|| panic!("{refreshed}")).to_owned());
        let again = client.call_tool("rollback", json!({ "service": "web" })).await;
        assert!(again.result.is_some() || again.status == 200, "a refreshed token rests on the same sign-in: {again:?}");

        // It is not asked of somebody who may not roll back anyway.
        let bob = Client::connect(&gateway, "deploy", idp, "bob").await;
        let denied = bob.call_tool("rollback", json!({ "service": "billing" })).await;
        assert_eq!((denied.status, denied.challenge), (200, None), "{idp}");
    }
    let journal = gateway.audit();
    for expected in ["proxy.step_up_required", "authserver.step_up_required", "urn:doorward:dev:second-factor"] {
        assert!(journal.contains(expected), "{expected}: {journal}");
    }
}
