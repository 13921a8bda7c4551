//! Installs what a run needs and the machine has not: Debian packages, npm packages, Python packages.
//! What is there already costs nothing, so that a second run is quick.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::shell::{self, Job};

const LIMIT: Duration = Duration::from_mins(15);

/// The SAML IdPs (PHP, Perl), the second opinion on signatures, the browser, the load generator, what starts them,
/// and the compiler of libFuzzer.
/// LemonLDAP::NG is the portal alone, with what its SAML needs; as a whole it brings a manager and a web server.
const DEBIAN: [&str; 20] = [
    "ca-certificates",
    "chromium",
    "fonts-dejavu-core",
    "g++",
    "libglib-perl",
    "libio-string-perl",
    "liblasso-perl",
    "liblemonldap-ng-portal-perl",
    "libstring-random-perl",
    "libxml-simple-perl",
    "openssl",
    "php-cli",
    "php-curl",
    "php-mbstring",
    "php-sqlite3",
    "php-xml",
    "python3-venv",
    "simplesamlphp",
    "wrk",
    "xmlsec1",
];

/// Debian packages, as root or by `sudo` without a question.
pub(crate) fn debian(log: &Path) -> Result<()> {
    let mut missing: Vec<&str> = DEBIAN.into_iter().filter(|name| !is_installed(name)).collect();
    // Only where there is no Node yet: one from elsewhere would conflict with Debian's. It installs Node 22 from the lock file.
    if !shell::succeeds(Command::new("npm").arg("--version")) {
        missing.extend(["nodejs", "npm"]);
    }
    if missing.is_empty() {
        return Ok(());
    }
    println!("      installing {}", missing.join(" "));
    shell::run(Job { command: as_root(&["apt-get", "update", "-q"])?, log, limit: LIMIT })?;
    let mut command = as_root(&["apt-get", "install", "-q", "-y", "--no-install-recommends"])?;
    command.args(missing);
    shell::run(Job { command, log, limit: LIMIT })
}

fn is_installed(package: &str) -> bool {
    let query = shell::output(Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}", package]));
    query.is_ok_and(|status| status == "installed")
}

fn as_root(words: &[&str]) -> Result<Command> {
    let is_root = shell::output(Command::new("id").arg("-u"))?.trim() == "0";
    let mut command = Command::new(if is_root { "env" } else { "sudo" });
    if !is_root {
        command.args(["-n", "env"]);
    }
    command.arg("DEBIAN_FRONTEND=noninteractive").args(words);
    Ok(command)
}

/// The npm packages of `e2e/package-lock.json`, Node 22 among them, and those of saml-idp, which wants others of its own.
pub(crate) fn npm(root: &Path, log: &Path) -> Result<()> {
    ["e2e", "e2e/idp/saml-idp"].into_iter().try_for_each(|folder| {
        let folder = root.join(folder);
        once(&folder.join("package-lock.json"), &folder.join("node_modules/.doorward-installed"), || {
            let mut command = Command::new("npm");
            command.current_dir(&folder).args(["ci", "--no-audit", "--no-fund"]);
            shell::run(Job { command, log, limit: LIMIT })
        })
    })
}

/// The Python packages of `e2e/requirements.txt`, in an environment of their own.
pub(crate) fn python(root: &Path, log: &Path) -> Result<()> {
    let venv = root.join("e2e/.work/venv");
    let requirements = root.join("e2e/requirements.txt");
    once(&requirements, &venv.join(".doorward-installed"), || {
        let mut make = Command::new("python3");
        make.args(["-m", "venv", "--clear"]).arg(&venv);
        shell::run(Job { command: make, log, limit: LIMIT })?;
        let mut install = Command::new(venv.join("bin/python"));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&requirements);
        shell::run(Job { command: install, log, limit: LIMIT })
    })
}

/// The Rust SDK's client and fixture server: a workspace of its own, so that its HTTP client stays out of the product's tree.
pub(crate) fn rust_clients(root: &Path, log: &Path) -> Result<()> {
    shell::run(Job { command: rust_clients_build(root), log, limit: LIMIT })
}

/// The command that builds `e2e/rust`, beside the product's own target folder so that neither waits for the other.
pub(crate) fn rust_clients_build(root: &Path) -> Command {
    let mut command = shell::cargo(root, &["build", "--locked", "--manifest-path", "e2e/rust/Cargo.toml"]);
    command.env("CARGO_TARGET_DIR", root.join("e2e/.work/rust-target"));
    command
}

/// Does the work unless `stamp` says that it was done for these very contents of `source`.
fn once(source: &Path, stamp: &Path, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let wanted = fs::read(source).with_context(|| source.display().to_string())?;
    if fs::read(stamp).is_ok_and(|done| done == wanted) {
        return Ok(());
    }
    work()?;
    fs::write(stamp, wanted).with_context(|| stamp.display().to_string())
}
