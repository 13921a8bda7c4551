use super::super::{ReloadError, Trigger, reload};
use super::round;
use crate::app::App;
use crate::clock::Clock;
use crate::config;

const CONFIGURATION: &str = "public_url: https://mcp.example.com
data_dir: data
master_key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
identity_providers: { open: { oidc: { issuer: 'http://127.0.0.1:9', client_id: x } } }
upstreams: { crm: { url: 'http://127.0.0.1:9/mcp' } }
";

/// A role that is taken away while the disk is full must not stay until somebody touches the file again.
#[tokio::test]
async fn what_could_not_be_recorded_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doorward.yaml");
    std::fs::write(&file, CONFIGURATION).unwrap();
    let app = App::start(config::load(&file).unwrap(), Clock::System).await.unwrap();
    assert!(round(&app, None, false).await.is_none(), "nothing has changed");
    app.audit.close().await;
    for text in [CONFIGURATION.replace("crm:", "wiki:"), "public_url: [".to_owned()] {
        std::fs::write(&file, text).unwrap();
        assert!(matches!(reload(&app, &Trigger::Signal).await, Err(ReloadError::Audit(_))));
        assert!(round(&app, None, false).await.is_some(), "the change waits to be taken");
    }
}
