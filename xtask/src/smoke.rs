//! The first minute of a new user: `cargo run --release -- dev`, one request without a token, and a clean stop.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::shell::{self, Job};

const BUILD_LIMIT: Duration = Duration::from_mins(25);
const READY_IN: Duration = Duration::from_mins(1);

/// Starts `doorward dev` on free ports, expects the 401 with the metadata address, and stops it.
pub(crate) fn run(root: &Path) -> Result<()> {
    let log = shell::logs(root).join("doorward-dev.log");
    shell::run(Job { command: shell::cargo(root, &["build", "--quiet", "--release", "--locked"]), log: &log, limit: BUILD_LIMIT })?;
    std::fs::write(&log, "")?;
    let mut child = shell::spawn(shell::cargo(root, &["run", "--quiet", "--release", "--locked", "--", "dev", "--port", "0"]), &log)?;
    let asked = wait_for_url(&mut child, &log).and_then(|url| expect_401(&url));
    let left_in = shell::stop(&mut child)?;
    asked.with_context(|| shell::tail(&log, 40))?;
    ensure!(left_in < Duration::from_secs(5), "doorward dev did not stop when told to");
    Ok(())
}

/// The first address of an MCP server that `doorward dev` prints.
fn wait_for_url(child: &mut std::process::Child, log: &Path) -> Result<String> {
    let start = Instant::now();
    loop {
        let printed = shell::tail(log, 200);
        let is_url = |word: &&str| word.starts_with("http://") && word.ends_with("/mcp");
        if let Some(url) = printed.split([' ', '\n', '"', '\'']).find(is_url) {
            return Ok(url.to_owned());
        }
        if let Some(status) = child.try_wait()? {
            bail!("doorward dev ended with {status}");
        }
        ensure!(start.elapsed() < READY_IN, "doorward dev printed no address within {} s", READY_IN.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn expect_401(url: &str) -> Result<()> {
    let (host, path) = url.trim_start_matches("http://").split_once('/').context("an address with a path")?;
    let mut socket = connect(host)?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(socket, "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    let mut reply = String::new();
    socket.read_to_string(&mut reply)?;
    ensure!(reply.starts_with("HTTP/1.1 401"), "expected 401 without a token, got:\n{reply}");
    ensure!(reply.to_ascii_lowercase().contains("resource_metadata="), "the 401 does not say where the metadata is:\n{reply}");
    Ok(())
}

/// The address is printed when the listener is there, so one attempt must do.
fn connect(host: &str) -> Result<TcpStream> {
    TcpStream::connect(host).with_context(|| format!("connect to {host}"))
}
