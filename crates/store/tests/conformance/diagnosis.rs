//! Tests of sign-ins and captures of failing ones: once each, for a while, sealed.

use serde_json::json;
use store::NewCapture;

use crate::common::{Fixture, at, hash};

#[tokio::test]
async fn a_test_is_opened_once_and_finished_once() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = store.create_sign_in_test("entra", &hash("link"), at(0), at(600)).await.unwrap();
    assert!(store.open_sign_in_test(&hash("other"), at(1)).await.unwrap().is_none());
    assert!(store.open_sign_in_test(&hash("link"), at(600)).await.unwrap().is_none(), "over");
    assert_eq!(store.find_sign_in_test(&hash("link"), at(1)).await.unwrap().unwrap().id, id);
    let opened = store.open_sign_in_test(&hash("link"), at(2)).await.unwrap().unwrap();
    assert_eq!((opened.id, opened.idp.as_str(), opened.opened_at), (id, "entra", Some(at(2))));
    assert!(store.open_sign_in_test(&hash("link"), at(3)).await.unwrap().is_none(), "a second time");
    assert!(store.find_sign_in_test(&hash("link"), at(3)).await.unwrap().is_none());

    let report = json!({ "email": "alice@example.com" });
    assert!(store.finish_sign_in_test(id, &report, at(4)).await.unwrap());
    assert!(!store.finish_sign_in_test(id, &json!({}), at(5)).await.unwrap(), "a second time");
    assert_eq!(store.sign_in_test(id, at(6)).await.unwrap().unwrap().report, Some(report));
    assert!(store.sign_in_test(id, at(600)).await.unwrap().is_none(), "over");
    for file in ["doorward.db", "doorward.db-wal"] {
        let bytes = std::fs::read(fixture.path().with_file_name(file)).unwrap_or_default();
        assert!(!bytes.windows(17).any(|window| window == b"alice@example.com"), "{file} is readable");
    }
}

#[tokio::test]
async fn a_capture_catches_once_and_is_forgotten() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let new = NewCapture { person: "alice", idp: Some("entra"), asked_by: "root (0)", armed_until: at(600), expires_at: at(700) };
    let (first, second) = (store.create_capture(&new, at(0)).await.unwrap(), store.create_capture(&new, at(1)).await.unwrap());
    assert_eq!(store.armed_captures(at(2)).await.unwrap().len(), 2);
    assert!(store.fill_capture(first, &json!({ "code": "saml.expired" }), at(3)).await.unwrap());
    assert!(!store.fill_capture(first, &json!({}), at(4)).await.unwrap(), "a second time");
    assert!(!store.fill_capture(second, &json!({}), at(600)).await.unwrap(), "not armed any more");
    assert_eq!(store.armed_captures(at(5)).await.unwrap().iter().map(|capture| capture.id).collect::<Vec<_>>(), [second]);
    let caught = store.capture(first, at(6)).await.unwrap().unwrap();
    assert_eq!((caught.caught_at, caught.report.unwrap()["code"].clone()), (Some(at(3)), "saml.expired".into()));
    assert_eq!(store.captures(at(6)).await.unwrap().len(), 2);
    assert!(store.delete_capture(second).await.unwrap() && !store.delete_capture(second).await.unwrap());
    assert!(store.capture(first, at(700)).await.unwrap().is_none() && store.captures(at(700)).await.unwrap().is_empty(), "over");
    assert_eq!(store.prune(at(701)).await.unwrap().rows, 1);
}
