//! Golden pairs: a bad file and the exact list of its problems; and every example of the repository.

use std::path::Path;

use super::super::problem::{Problem, ProblemKind};
use super::super::resolve::Origin;
use super::super::sources::Files;
use super::read;

fn variable(name: &str) -> Option<String> {
    match name {
        "SET" => Some("value".to_owned()),
        "EMPTY" => Some(String::new()),
        "PORT" => Some("9999".to_owned()),
        "TRUE" => Some("true".to_owned()),
        _ => None,
    }
}

/// Each `testdata/config/NAME.yaml` has a `NAME.problems` beside it. `UPDATE_GOLDENS=1` writes them anew.
#[test]
fn bad_files_give_exactly_their_problems() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/config");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        seen += 1;
        let text = std::fs::read_to_string(&file).unwrap();
        let files = Files::default();
        let origin = Origin { file: Some(Path::new("doorward.yaml")), base_dir: &folder, files: &files };
        let found = match read(&text, &origin, &variable) {
            Ok(_) => "no problems\n".to_owned(),
            Err(problems) => problems.iter().fold(String::new(), |all, problem| format!("{all}{problem}\n")),
        };
        let found = found.replace(&format!("{}/", folder.display()), "");
        let golden = file.with_extension("problems");
        if std::env::var_os("UPDATE_GOLDENS").is_some() {
            std::fs::write(&golden, &found).unwrap();
        }
        assert_eq!(found, std::fs::read_to_string(&golden).unwrap_or_default(), "{}", file.display());
    }
    assert!(seen >= 10, "only {seen} golden files");
}

/// Files that hold no configuration at all.
#[test]
fn a_file_that_cannot_be_read_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let latin = dir.path().join("latin.yaml");
    std::fs::write(&latin, b"public_url: https://mcp.example.com\n# caf\xe9\n").unwrap();
    let large = dir.path().join("large.yaml");
    std::fs::write(&large, " ".repeat(5 << 20)).unwrap();
    let cases = [
        (dir.path().join("none.yaml"), "(os error 2); name another with --config, or let `doorward init` write a starting one"),
        (dir.path().to_owned(), "Is a directory (os error 21)"),
        (latin, "line 2 is not UTF-8 text; save the file as UTF-8"),
        (large, "it is larger than 4194304 bytes"),
    ];
    for (file, end) in cases {
        let problems = super::load(&file).unwrap_err();
        assert_eq!(problems.iter().map(|problem| problem.kind).collect::<Vec<_>>(), [ProblemKind::Unreadable]);
        assert!(problems.iter().all(|problem| problem.message.ends_with(end)), "{problems:?}");
    }
}

/// Every YAML block of README and docs is a part of a configuration: it may lack things, but every key and type is real.
#[test]
fn documents_show_only_keys_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = vec![root.join("README.md")];
    for folder in ["docs", "docs/guide", "docs/reference", "docs/errors"] {
        files.extend(std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    let mut seen = 0;
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
        let text = std::fs::read_to_string(file).unwrap();
        for block in text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            seen += 1;
            let problems =
                read(block, &Origin { file: None, base_dir: Path::new("/"), files: &Files::default() }, &|_| Some(String::new()))
                    .err()
                    .unwrap_or_default();
            let faults = problems
                .iter()
                .filter(|problem| matches!(problem.kind, ProblemKind::UnknownKey | ProblemKind::WrongType | ProblemKind::Syntax));
            assert_eq!(faults.collect::<Vec<_>>(), [] as [&Problem; 0], "{}:\n{block}", file.display());
        }
    }
    assert!(seen >= 3, "only {seen} blocks");
}

/// A configuration that is right, in as few lines as it goes.
#[test]
fn a_small_file_gets_every_default() {
    let text = "public_url: http://localhost:8080\nidentity_providers: { idp: { oidc: { issuer: 'https://idp.example.com', client_id: doorward } } }\nupstreams: { crm: { url: 'http://127.0.0.1:9000/mcp' } }\n";
    let config = super::Config::from_yaml(text, Path::new("/etc/doorward")).unwrap();
    assert_eq!(config.public_url.issuer(), "http://localhost:8080");
    assert_eq!(config.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(config.data_dir, Path::new("/etc/doorward/data"));
    assert_eq!(config.audit.dir, Path::new("/etc/doorward/data/audit"));
    assert_eq!(config.upstreams["crm"].resource.as_str(), "http://localhost:8080/crm/mcp");
    assert_eq!(config.upstreams["crm"].identity_providers.len(), 1);
    assert_eq!(config.tokens.access, std::time::Duration::from_mins(15));
    assert_eq!(config.limits.body, 4 << 20);
}
