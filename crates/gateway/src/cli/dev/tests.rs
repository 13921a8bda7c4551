use std::net::SocketAddr;
use std::path::Path;

use super::data::DataDir;
use super::plan::Plan;
use super::report::Report;
use crate::config::Config;
use crate::random::Random;

fn plan() -> Plan {
    Plan::example(SocketAddr::from(([127, 0, 0, 1], 8080)))
}

#[test]
fn the_configuration_is_a_real_one() {
    let config = Config::from_yaml(&plan().yaml(), Path::new("")).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(config.public_url.issuer(), "http://127.0.0.1:8080");
    assert_eq!(config.listen, SocketAddr::from(([127, 0, 0, 1], 8080)));
    assert_eq!(config.upstreams.keys().map(ToString::to_string).collect::<Vec<_>>(), ["crm", "deploy"]);
    assert_eq!(config.identity_providers.len(), 2);
    assert!(policy::PolicySet::compile(&config.policy_source()).is_ok());
}

#[test]
fn a_folder_with_odd_characters_stays_one_text() {
    let odd = Plan { data_dir: "/tmp/a \"b\": ${HOME} #c".into(), ..plan() };
    let config = Config::from_yaml(&odd.yaml(), Path::new("")).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(config.data_dir, odd.data_dir);
}

#[test]
fn the_report_has_what_each_client_needs() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::open(Some(folder.path()), Random).unwrap();
    let plan = plan();
    let report = Report::new(&plan, &data);
    let json = report.json();
    assert_eq!(json["cursor"]["mcpServers"]["crm"]["url"], "http://127.0.0.1:8080/crm/mcp");
    assert_eq!(json["vs_code"]["servers"]["deploy"]["type"], "http");
    let text = report.text();
    for expected in
        ["claude mcp add --transport http crm http://127.0.0.1:8080/crm/mcp", "alice", "bob", "carol", "dave", "curl -i", "audit"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn the_master_key_is_made_once_and_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new");
    DataDir::open(Some(&path), Random).unwrap();
    let key = std::fs::read_to_string(path.join("master.key")).unwrap();
    DataDir::open(Some(&path), Random).unwrap();
    assert_eq!(std::fs::read_to_string(path.join("master.key")).unwrap(), key);
    assert_eq!(std::fs::metadata(path.join("master.key")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
}
