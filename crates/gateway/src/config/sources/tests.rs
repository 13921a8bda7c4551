use super::*;

#[test]
fn a_change_of_any_file_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let look = |names: &[&str]| {
        let files = Files::default();
        for name in names {
            let _: Result<Vec<u8>, String> = files.read(&path(name), 10);
        }
        files.into_sources()
    };
    std::fs::write(path("a"), "one").unwrap();
    let first = look(&["a", "missing"]);
    assert!(first.are_current());
    assert_eq!(look(&["a", "missing"]), first);
    std::fs::write(path("a"), "two").unwrap();
    assert!(!first.are_current(), "same size, other content");
    let second = look(&["a", "missing"]);
    assert_eq!(second.changed_since(&first), [path("a")]);
    std::fs::write(path("missing"), "here").unwrap();
    assert!(!second.are_current(), "a file came");
    let third = look(&["missing"]);
    assert_eq!(third.changed_since(&second), [path("missing"), path("a")]);
    assert!(!format!("{third:?}").contains(char::is_numeric) || !format!("{third:?}").contains("Some"), "no hashes in logs");
}

#[test]
fn a_file_is_read_up_to_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a");
    std::fs::write(&file, "12345").unwrap();
    let files = Files::default();
    assert_eq!(files.read(&file, 5), Ok(b"12345".to_vec()));
    assert_eq!(files.read(&file, 4), Err("it is larger than 4 bytes".to_owned()));
    assert!(files.read(folder.path(), 4).is_err());
}

/// What is read but not noted is never read again: not by the watch, and not by whoever asks for it.
#[test]
fn the_certificates_that_metadata_must_be_signed_by_are_a_source() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doorward.yaml");
    let text = "identity_providers: { a: { saml: { metadata: 'https://a.example/', metadata_signing_certificate: federation.pem } } }";
    std::fs::write(&file, text).unwrap();
    let signers = folder.path().join("federation.pem");
    for pem in [None, Some("no certificate")] {
        if let Some(pem) = pem {
            std::fs::write(&signers, pem).unwrap();
        }
        let loaded = super::super::load::load_noting(&file);
        assert!(loaded.sources.paths().any(|path| path == signers), "{:?}", loaded.sources);
        let problems = loaded.result.unwrap_err();
        assert!(problems.iter().any(|problem| problem.path.ends_with("metadata_signing_certificate")), "{problems:?}");
    }
}
