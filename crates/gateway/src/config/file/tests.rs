//! The reference page is made from the schema, every example loads, and what is shown is everything there is.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::schema;
use crate::config::{Config, load};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The examples in a folder of their own, with the secret files that they name.
fn examples() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    for name in ["secrets/oidc-client-secret", "secrets/inspector-secret", "tls/certificate.pem", "tls/key.pem", "adfs-metadata.xml"] {
        write(name, b"hidden-hidden-hidden\n");
    }
    write("federation.pem", &std::fs::read(repository().join("crates/saml/testdata/keys/idp.crt")).unwrap());
    write("secrets/master.key", b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
    for name in [
        "minimal.yaml",
        "saml-okta.yaml",
        "oidc-entra.yaml",
        "full.yaml",
        "roles/entra.yaml",
        "roles/keycloak.yaml",
        "policies/extra.cedar",
    ] {
        write(name, &std::fs::read(repository().join("examples").join(name)).unwrap());
    }
    folder
}

#[test]
fn every_example_loads() {
    let folder = examples();
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(repository().join("examples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if Path::new(&name).extension().is_some_and(|extension| extension == "yaml") {
            let result = load(&folder.path().join(&name));
            assert!(result.is_ok(), "{name}: {:#?}", result.err());
            seen.insert(name);
        }
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
}

#[test]
fn the_smallest_example_has_at_most_twenty_lines() {
    let text = std::fs::read_to_string(repository().join("examples/minimal.yaml")).unwrap();
    assert!(text.lines().count() <= 20);
}

fn full() -> Config {
    load(&examples().path().join("full.yaml")).unwrap()
}

/// A key that `config show` forgets would be a key that nobody can check.
#[test]
fn every_key_is_shown_and_every_secret_hidden() {
    let shown = full().effective();
    let text = shown.to_string();
    assert!(!text.contains("hidden-hidden") && !text.contains("AAAAAAAA"), "{text}");
    let full_text = std::fs::read_to_string(repository().join("examples/full.yaml")).unwrap();
    for key in keys(&schema()) {
        assert!(full_text.contains(&format!("{key}:")), "examples/full.yaml does not show the key {key}");
        // The singular forms are shown as the plural that they stand for.
        if !matches!(key.as_str(), "role" | "upstream") {
            assert!(text.contains(&format!("\"{key}\":")), "config show does not show the key {key}");
        }
    }
    // Debug output goes to logs.
    let debugged = format!("{:?}", full());
    assert!(!debugged.contains("hidden-hidden") && !debugged.contains("AAAAAAAA"));
}

/// All property names of the schema.
fn keys(schema: &Value) -> BTreeSet<String> {
    let definitions = schema["$defs"].as_object().unwrap().values();
    let structures = definitions.chain([schema]).filter_map(|definition| definition["properties"].as_object());
    structures.flat_map(|properties| properties.keys().cloned()).collect()
}

/// `docs/reference/configuration.md` is made here. `UPDATE_GOLDENS=1` writes it anew.
#[test]
fn the_reference_page_is_current() {
    let page = reference_page(&schema());
    let file = repository().join("docs/reference/configuration.md");
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap_or_default(), page, "run with UPDATE_GOLDENS=1");
}

fn reference_page(schema: &Value) -> String {
    let mut page = String::from(
        "# Configuration reference\n\nDoorward reads one YAML file, `doorward.yaml`. This page is made from its schema; a test keeps it current.\n\n\
         - `doorward init` writes a starting file, `doorward config check` checks one, `doorward config show` prints the values in force.\n\
         - `doorward config schema` prints the JSON Schema; a first line `# yaml-language-server: $schema=…` gives editors completion.\n\
         - In every text value `${NAME}` is an environment variable, `${NAME:-default}` the same with a default for when it is unset or empty,\n  \
         `${file:path}` the content of a file without the line break at its end, and `$${` the characters `${`. Keys are never replaced.\n\
         - Relative paths start from the folder of the file. Durations: `500ms`, `90s`, `15m`, `10h`, `30d`, `1h30m`. Sizes: `512B`, `32KiB`, `4MiB`, `1GiB`.\n\
         - An unknown key, a missing key or a wrong value stops the start; all problems are listed at once. Exit status 3.\n",
    );
    section(&mut page, schema, schema, "Top level", "");
    page
}

/// One table for a mapping, then those of the mappings in it.
fn section(page: &mut String, root: &Value, schema: &Value, title: &str, path: &str) {
    let _ = write!(page, "\n## {title}\n\n");
    if !path.is_empty() {
        let _ = write!(page, "{}\n\n", schema["description"].as_str().unwrap_or_default().replace('\n', " "));
    }
    page.push_str("| Key | Type | Default | Meaning |\n|---|---|---|---|\n");
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut inner = Vec::new();
    for (key, property) in schema["properties"].as_object().unwrap() {
        let (kind, below) = describe(root, property);
        let default = match &property["default"] {
            _ if required.contains(&key.as_str()) => "**needed**".to_owned(),
            Value::Null => "–".to_owned(),
            _ if below.is_some() && property["default"].is_object() => "–".to_owned(),
            Value::String(text) => format!("`{text}`"),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => format!("`{other}`"),
        };
        let meaning = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        let examples = property["examples"].as_array().and_then(|all| all.first());
        let example = examples.map_or_else(String::new, |example| {
            format!(" Example: `{}`.", example.as_str().map_or_else(|| example.to_string(), str::to_owned))
        });
        let _ = writeln!(page, "| `{key}` | {kind} | {default} | {meaning}{example} |");
        if let Some((name, definition)) = below {
            let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
            inner.push((format!("{prefix}{key}{name}"), definition));
        }
    }
    for (path, definition) in inner {
        section(page, root, definition, &format!("`{path}`"), &path);
    }
}

/// The type in words, and the mapping below it with how its path goes on.
fn describe<'a>(root: &'a Value, schema: &'a Value) -> (String, Option<(&'static str, &'a Value)>) {
    if let Some(name) = schema["$ref"].as_str() {
        let definition = &root["$defs"][name.trim_start_matches("#/$defs/")];
        if definition["properties"].is_object() {
            return ("mapping".to_owned(), Some(("", definition)));
        }
        let words = definition["oneOf"].as_array().into_iter().flatten().filter_map(|choice| choice["const"].as_str());
        return (words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or "), None);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        return describe(root, choices.iter().find(|choice| choice["type"] != "null").unwrap());
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"].as_array()?.iter().filter_map(Value::as_str).find(|kind| *kind != "null"));
    match kind.unwrap_or_default() {
        "object" => ("mapping by name".to_owned(), describe(root, &schema["additionalProperties"]).1.map(|(_, below)| (".NAME", below))),
        "array" => {
            let (item, below) = describe(root, &schema["items"]);
            (format!("list of {item}"), below.map(|(_, below)| ("[]", below)))
        }
        "boolean" => ("`true` or `false`".to_owned(), None),
        "integer" => ("number".to_owned(), None),
        _ => ("text".to_owned(), None),
    }
}
