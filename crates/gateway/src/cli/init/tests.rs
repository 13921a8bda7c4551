//! What `doorward init` writes, and what it leaves alone.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn args(dir: &Path) -> Args {
    Args {
        dir: dir.to_owned(),
        public_url: "https://mcp.example.com".to_owned(),
        idp_metadata: None,
        oidc_issuer: None,
        oidc_client_id: "doorward".to_owned(),
        upstreams: Vec::new(),
        force: false,
    }
}

fn status(code: ExitCode) -> String {
    format!("{code:?}")
}

#[test]
fn the_starting_files_are_valid_and_private() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("new");
    assert_eq!(status(run(&args(&target)).unwrap()), status(ExitCode::SUCCESS));
    let text = fs::read_to_string(target.join("doorward.yaml")).unwrap();
    assert!(text.starts_with("# yaml-language-server: $schema=doorward.schema.json\n"));
    let meaningful = text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')).count();
    assert!(meaningful <= 20, "{meaningful} lines");
    assert_eq!(fs::metadata(target.join("master.key")).unwrap().permissions().mode() & 0o777, 0o600);
    let config = config::load(&target.join("doorward.yaml")).unwrap();
    assert!(config.master_key.read().is_ok());
    let schema: serde_json::Value = serde_json::from_slice(&fs::read(target.join("doorward.schema.json")).unwrap()).unwrap();
    assert_eq!(schema, config::schema());
}

#[test]
fn nothing_is_overwritten_without_force_and_the_key_never() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("doorward.yaml");
    fs::write(&file, "mine").unwrap();
    assert_eq!(status(run(&args(dir.path())).unwrap()), status(ExitCode::FAILURE));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert!(!dir.path().join("master.key").exists());
    let forced = Args { force: true, ..args(dir.path()) };
    run(&forced).unwrap();
    let key = fs::read(dir.path().join("master.key")).unwrap();
    run(&forced).unwrap();
    assert_eq!(fs::read(dir.path().join("master.key")).unwrap(), key);
}

#[test]
fn every_way_to_sign_in_gives_a_valid_file() {
    let dir = tempfile::tempdir().unwrap();
    let metadata = dir.path().join("idp.xml");
    fs::write(&metadata, "<EntityDescriptor/>").unwrap();
    let upstreams =
        vec![("crm".to_owned(), "http://10.0.0.5:9000/mcp".to_owned()), ("erp".to_owned(), "http://10.0.0.6:9000/mcp?a=b".to_owned())];
    let base = args(dir.path());
    let cases = [
        Args { idp_metadata: Some("https://idp.example.com/metadata".to_owned()), ..args(dir.path()) },
        Args { idp_metadata: Some(metadata.display().to_string()), ..args(dir.path()) },
        Args { oidc_issuer: Some("https://idp.example.com/tenant".to_owned()), upstreams, ..base },
    ];
    for case in cases {
        let case = Args { force: true, ..case };
        assert_eq!(status(run(&case).unwrap()), status(ExitCode::SUCCESS), "{}", starting_file(&case));
        config::load(&dir.path().join("doorward.yaml")).unwrap();
    }
}

#[test]
fn a_value_that_is_not_valid_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let hostile = Args { public_url: "http://mcp.example.com\"\nupstreams: {}\n#".to_owned(), ..args(dir.path()) };
    assert_eq!(status(run(&hostile).unwrap()), status(ExitCode::from(EXIT_CONFIG)));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
