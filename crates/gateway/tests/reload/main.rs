//! A changed configuration, without a restart: the binary `doorward serve`, its files, SIGHUP, and what the trail says.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "in a test, a panic is the message")]

mod files;
mod process;

use std::os::unix::fs::symlink;

use crate::files::{CONFIGURATION, Folder, ROLES};
use crate::process::Doorward;

/// A change, by whichever way it is noticed; then what the trail says, and what the gateway does.
#[tokio::test]
async fn a_good_change_takes_effect_without_a_restart() {
    let folder = Folder::new();
    let doorward = Doorward::start(&folder).await;
    assert_eq!(doorward.status("/.well-known/oauth-protected-resource/wiki/mcp").await, 404);
    // Noticed by itself.
    let second = CONFIGURATION.replace("upstreams:", "upstreams:\n  wiki: { url: 'http://127.0.0.1:9/mcp' }");
    folder.write("doorward.yaml", &second);
    let event = doorward.next_event("config_reloaded").await;
    assert_eq!(event["detail"]["trigger"], "a changed file", "{event}");
    assert!(event["detail"]["changed"].as_str().unwrap().ends_with("doorward.yaml"), "{event}");
    assert_ne!(event["detail"]["configuration"], event["detail"]["configuration_before"], "{event}");
    doorward.serves("mcp.example.com", "/.well-known/oauth-protected-resource/wiki/mcp").await;
    // On demand; a host name of its own is answered from then on.
    assert_eq!(doorward.status_at("wiki.example.com", "/.well-known/oauth-protected-resource").await, 421);
    folder.write("doorward.yaml", &second.replace("wiki: {", "wiki: { host: wiki.example.com,"));
    doorward.hang_up();
    let event = doorward.next_event("config_reloaded").await;
    assert_eq!(event["detail"]["trigger"], "SIGHUP", "{event}");
    doorward.serves("wiki.example.com", "/.well-known/oauth-protected-resource/mcp").await;
}

/// A bad file changes nothing; every problem has its place and its code.
#[tokio::test]
async fn a_bad_file_changes_nothing_and_says_so() {
    let folder = Folder::new();
    let doorward = Doorward::start(&folder).await;
    let address = "/.well-known/oauth-protected-resource/crm/mcp";
    let cases = [
        (
            "policies/extra.cedar",
            "permit (principal, action, resource) when { context.nothing };",
            "policy.schema_mismatch",
            "extra.cedar:1:",
        ),
        ("roles/entra.yaml", &ROLES.replace(": staff", ": stuff"), "config.unknown_reference", "entra.yaml:2:3: groups.0f9d5c2e"),
        ("roles/entra.yaml", "groups: [staff]", "config.wrong_type", "entra.yaml:1:"),
        ("doorward.yaml", "public_url: [", "config.syntax", "doorward.yaml:"),
        ("doorward.yaml", &CONFIGURATION.replace("role: staff", "role: stuff"), "config.unknown_reference", "did you mean \"staff\"?"),
        ("doorward.yaml", &CONFIGURATION.replace("secrets/client", "secrets/none"), "config.file_unreadable", "doorward.yaml:6:"),
    ];
    for (name, text, code, words) in cases {
        let good = folder.read(name);
        folder.write(name, text);
        doorward.hang_up();
        let event = doorward.next_event("config_reload_refused").await;
        assert_eq!(event["code"], code, "{event}");
        assert!(event["detail"]["problem_01"].as_str().unwrap().contains(words), "{event}");
        assert_eq!(event["detail"]["configuration"], doorward.start_event()["detail"]["configuration"], "the old one stays");
        assert_eq!(doorward.status(address).await, 200, "{name}");
        folder.write(name, &good);
    }
}

/// What only a start can set stays, is named, and does not hold up the rest.
#[tokio::test]
async fn what_needs_a_restart_is_said_and_the_rest_takes_effect() {
    let folder = Folder::new();
    let doorward = Doorward::start(&folder).await;
    let changed = CONFIGURATION
        .replace("https://mcp.example.com", "https://other.example.com")
        .replace("127.0.0.1:0", "127.0.0.1:1")
        .replace("data_dir: data", "data_dir: elsewhere")
        .replace("upstreams:", "limits: { header_timeout: 7s, body: 1MiB }\nupstreams:\n  wiki: { url: 'http://127.0.0.1:9/mcp' }");
    folder.write("doorward.yaml", &changed);
    doorward.hang_up();
    let event = doorward.next_event("config_reloaded").await;
    assert_eq!(event["detail"]["restart_needed"], "public_url, listen, data_dir, audit.dir, limits.header_timeout", "{event}");
    doorward.serves("mcp.example.com", "/.well-known/oauth-protected-resource/wiki/mcp").await;
    let metadata = doorward.json("/.well-known/oauth-protected-resource/wiki/mcp").await;
    assert_eq!(metadata["resource"], "https://mcp.example.com/wiki/mcp", "one public address, everywhere");
    assert_eq!(metadata["authorization_servers"][0], "https://mcp.example.com");
    assert_eq!(doorward.status_at("other.example.com", "/").await, 421);
}

/// How Kubernetes changes a mounted volume: the names lead through `..data`, and only that link is exchanged.
#[tokio::test]
async fn a_volume_that_is_exchanged_is_noticed() {
    let folder = Folder::new();
    let names = ["doorward.yaml", "policies/extra.cedar", "roles/entra.yaml", "secrets/client"];
    let version = |name: &str, yaml: &str, secret: &str| {
        for (file, text) in names.into_iter().zip([yaml, "", ROLES, secret]) {
            folder.write(&format!("mount/{name}/{file}"), text);
        }
    };
    version("..1", CONFIGURATION, "one");
    symlink("..1", folder.path("mount/..data")).unwrap();
    for name in ["doorward.yaml", "policies", "roles", "secrets"] {
        symlink(format!("..data/{name}"), folder.path(&format!("mount/{name}"))).unwrap();
    }
    let doorward = Doorward::start_with(&folder, "mount/doorward.yaml").await;
    let exchange = |to: &str| {
        symlink(to, folder.path("mount/..data_tmp")).unwrap();
        std::fs::rename(folder.path("mount/..data_tmp"), folder.path("mount/..data")).unwrap();
    };
    version("..2", &CONFIGURATION.replace("upstreams:", "upstreams:\n  wiki: { url: 'http://127.0.0.1:9/mcp' }"), "one");
    exchange("..2");
    let event = doorward.next_event("config_reloaded").await;
    assert!(event["detail"]["changed"].as_str().unwrap().ends_with("mount/doorward.yaml"), "{event}");
    doorward.serves("mcp.example.com", "/.well-known/oauth-protected-resource/wiki/mcp").await;
    // A secret alone: the fingerprint hides it, the event names its file.
    version("..3", &folder.read("mount/..2/doorward.yaml"), "two");
    exchange("..3");
    let event = doorward.next_event("config_reloaded").await;
    assert!(event["detail"]["changed"].as_str().unwrap().ends_with("mount/secrets/client"), "{event}");
    assert!(!event.to_string().contains("\"two\""), "{event}");
}

/// By command: the problems, or what became of it, come back to whoever typed it.
#[tokio::test]
async fn an_administrator_reloads_by_command() {
    let folder = Folder::new();
    let doorward = Doorward::start(&folder).await;
    let (status, out, _) = folder.command(&["reload", "--config", "doorward.yaml"]).await;
    assert_eq!((status, out.as_str()), (0, "Nothing has changed since the configuration in force was read.\n"));
    folder.write("policies/extra.cedar", "permit (principal, action, resource) when { context.nothing };");
    for place in [["--config", "doorward.yaml"], ["--data-dir", "data"]] {
        let (status, _, problems) = folder.command(&["reload", place[0], place[1]]).await;
        assert_eq!(status, 3, "{place:?} {problems}");
        assert!(problems.contains("extra.cedar:1:") && problems.contains("[policy.schema_mismatch]"), "{place:?} {problems}");
    }
    folder.write("policies/extra.cedar", "@id(\"all\") permit (principal, action, resource);");
    folder.write("doorward.yaml", &CONFIGURATION.replace("127.0.0.1:0", "127.0.0.1:1"));
    // The gateway may have been quicker by itself; then there is nothing left to do.
    let (status, out, note) = folder.command(&["reload", "--data-dir", "data", "--json"]).await;
    assert_eq!(status, 0, "{out} {note}");
    let event = doorward.next_event("config_reloaded").await;
    assert_eq!(event["detail"]["restart_needed"], "listen", "{event}");
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(["reloaded", "unchanged"].contains(&answer["result"].as_str().unwrap()), "{answer}");
}

/// A role file that another team keeps: a change of it alone gives and takes roles.
#[tokio::test]
async fn a_role_file_takes_effect_by_itself() {
    let folder = Folder::new();
    let doorward = Doorward::start(&folder).await;
    let explain = ["policy", "explain", "--upstream", "crm", "--tool", "get_x", "--user-groups"];
    let id = "0f9d5c2e-1111-4222-8333-444455556666";
    let (status, out, _) = folder.command(&[&explain[..], &[id]].concat()).await;
    assert!(status == 0 && out.contains("roles:  staff"), "{out}");
    folder.write("roles/entra.yaml", &ROLES.replace("0f9d", "1f9d"));
    let event = doorward.next_event("config_reloaded").await;
    assert!(event["detail"]["changed"].as_str().unwrap().ends_with("roles/entra.yaml"), "{event}");
    assert_ne!(event["detail"]["policies"], event["detail"]["policies_before"], "{event}");
    let (status, out, _) = folder.command(&[&explain[..], &[id]].concat()).await;
    assert!(status == 1 && out.contains("policy.default_deny"), "{out}");
    // Names where ids are configured: said, not guessed.
    folder.write("doorward.yaml", &CONFIGURATION.replace("groups: [Staff]", "groups: []"));
    let (status, out, _) = folder.command(&[&explain[..], &["Staff"]].concat()).await;
    assert!(status == 1 && out.contains("the groups are names, the roles have object ids"), "{out}");
}
