//! `doorward serve` as a child process.

use std::cell::Cell;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gateway::outbound::{FetchRequest, Fetched, Outbound};
use http::HeaderValue;
use serde_json::Value;

use crate::files::Folder;

/// Long enough for a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running gateway; ends with this value.
pub(crate) struct Doorward {
    child: Child,
    address: String,
    journal: PathBuf,
    outbound: Outbound,
    /// How many events of the trail were looked at.
    seen: Cell<usize>,
}

impl Doorward {
    pub(crate) async fn start(folder: &Folder) -> Self {
        Self::start_with(folder, "doorward.yaml").await
    }

    /// Starts it with a configuration of the folder and waits until it listens.
    pub(crate) async fn start_with(folder: &Folder, config: &str) -> Self {
        let config = folder.path(config);
        let journal = config.parent().unwrap().join("data/audit");
        let start = move || {
            let mut child = Command::new(env!("CARGO_BIN_EXE_doorward"))
                .args(["serve", "--log-format", "json", "--config"])
                .arg(&config)
                .env("DOORWARD_LOG", "info")
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
            let mut lines = Vec::new();
            let address = log.by_ref().map(Result::unwrap).find_map(|line| {
                let address = serde_json::from_str::<Value>(&line).ok().and_then(|line| line["address"].as_str().map(str::to_owned));
                lines.push(line);
                address
            });
            let address = address.unwrap_or_else(|| panic!("did not start: {lines:?}"));
            // Nobody may stop reading, or the gateway would wait for somebody to.
            std::thread::spawn(move || log.for_each(drop));
            (child, address)
        };
        let (child, address) = tokio::task::spawn_blocking(start).await.unwrap();
        Self { child, address, journal, outbound: Outbound::new().unwrap(), seen: Cell::new(0) }
    }

    pub(crate) fn hang_up(&self) {
        assert!(Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().unwrap().success());
    }

    async fn get(&self, host: &str, path: &str) -> Fetched {
        let mut request = FetchRequest::get(format!("http://{}{path}", self.address).parse().unwrap());
        request.headers.insert(http::header::HOST, HeaderValue::from_str(host).unwrap());
        self.outbound.fetch(request).await.unwrap()
    }

    pub(crate) async fn status(&self, path: &str) -> u16 {
        self.status_at("mcp.example.com", path).await
    }

    pub(crate) async fn status_at(&self, host: &str, path: &str) -> u16 {
        self.get(host, path).await.status.as_u16()
    }

    /// Waits until the address is served: an event is on record before what it tells takes effect.
    pub(crate) async fn serves(&self, host: &str, path: &str) {
        let begun = Instant::now();
        while self.status_at(host, path).await != 200 {
            assert!(begun.elapsed() < PATIENCE, "{host}{path} is not served");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&self.get("mcp.example.com", path).await.body).unwrap()
    }

    /// Every event of the trail, in order.
    fn events(&self) -> Vec<Value> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(&self.journal).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
        files.sort();
        let text: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    pub(crate) fn start_event(&self) -> Value {
        self.events().into_iter().find(|event| event["kind"] == "config_loaded").unwrap()
    }

    /// The next event of this kind after those that were asked for before.
    pub(crate) async fn next_event(&self, kind: &str) -> Value {
        let begun = Instant::now();
        loop {
            let events = self.events();
            if let Some(place) = events.iter().skip(self.seen.get()).position(|event| event["kind"] == kind) {
                self.seen.set(self.seen.get() + place + 1);
                return events[self.seen.get() - 1].clone();
            }
            assert!(begun.elapsed() < PATIENCE, "no {kind} in {events:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Doorward {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
