//! [`FileConfig`] to [`Config`]: every value parsed, every reference followed, every problem collected.

mod access;
mod endpoints;
mod identity;
mod role_mapping;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use oauth::Secret;

use super::file::{FileConfig, FileLimits, FileSessions, FileTls, FileTokens};
use super::master_key::{self, MasterKey};
use super::path::Positions;
use super::problem::{Problem, ProblemKind};
use super::public_url::PublicUrl;
use super::quantity;
use super::sources::{Files, Sources};
use super::types::{Audit, Config, Limits, Registration, Sessions, Tls, Tokens};

/// See [`Limits::grant_recheck`].
const GRANT_RECHECK: Duration = Duration::from_secs(10);

/// Where the text came from.
pub(super) struct Origin<'a> {
    pub(super) file: Option<&'a Path>,
    pub(super) base_dir: &'a Path,
    /// Takes note of what is read.
    pub(super) files: &'a Files,
}

/// Collects problems; the place of each is looked up by its path.
pub(super) struct Resolver<'a> {
    pub(super) origin: Origin<'a>,
    pub(super) positions: &'a Positions,
    pub(super) problems: &'a mut Vec<Problem>,
}

/// The typed configuration; `None` if a value without default is missing or wrong (then a problem says so).
pub(super) fn resolve(file: FileConfig, resolver: &mut Resolver<'_>) -> Option<Config> {
    let public_url = file.public_url.as_deref().and_then(|text| resolver.parsed("public_url", PublicUrl::parse(text)));
    let data_dir = resolver.relative(&file.data_dir);
    let identity_providers = resolver.identity_providers(file.identity_providers);
    let names: Vec<&str> = identity_providers.known.iter().map(String::as_str).collect();
    let upstreams = resolver.upstreams(file.upstreams, public_url.as_ref(), &names);
    resolver.domains_are_clear(&identity_providers.entries, &upstreams.entries);
    let roles = resolver.roles(file.roles, &names);
    let role_mappings = resolver.role_mappings(&file.role_mapping_files, &roles, &names);
    let grants = resolver.grants(file.grants, &roles, &upstreams.known);
    let denies = resolver.denies(file.denies, &roles, &upstreams.known);
    // Everything is resolved before anything is missed, so that the first fault does not hide the others.
    let listen = resolver.listen(&file.listen);
    let tls = resolver.tls(file.tls);
    let master_key = resolver.master_key(file.master_key, &data_dir);
    let policy_files = resolver.policy_files(&file.policy_files);
    let clients = resolver.clients(file.clients);
    let allowed_origins = resolver.allowed_origins(&file.allowed_origins);
    let registration = resolver.registration(file.registration.dynamic, &file.registration.allowed_redirect_hosts);
    let sessions = resolver.sessions(&file.sessions);
    let tokens = resolver.tokens(&file.tokens);
    let limits = resolver.limits(&file.limits);
    Some(Config {
        sources: Sources::default(),
        file: resolver.origin.file.map(Path::to_owned),
        base_dir: resolver.origin.base_dir.to_owned(),
        public_url: public_url?,
        listen: listen?,
        tls,
        master_key: master_key?,
        identity_providers: identity_providers.entries,
        upstreams: upstreams.entries,
        roles,
        role_mappings,
        grants,
        denies,
        policy_files,
        clients,
        allowed_origins,
        registration,
        sessions: sessions?,
        tokens: tokens?,
        audit: Audit { dir: file.audit.dir.map_or_else(|| data_dir.join("audit"), |dir| resolver.relative(&dir)) },
        limits: limits?,
        data_dir,
    })
}

/// Things by name: those that are right, and the names of all, so that a reference to a wrong one is not a second problem.
pub(super) struct Named<K, V> {
    pub(super) entries: BTreeMap<K, V>,
    pub(super) known: Vec<String>,
}

impl Resolver<'_> {
    pub(super) fn report(&mut self, kind: ProblemKind, path: &str, message: impl Into<String>) {
        let position = self.positions.find(path);
        self.problems.push(Problem { kind, path: path.to_owned(), file: None, position, message: message.into() });
    }

    pub(super) fn invalid(&mut self, path: &str, message: impl Into<String>) {
        self.report(ProblemKind::InvalidValue, path, message);
    }

    /// The value of a parse, or its error as a problem.
    pub(super) fn parsed<T, E: std::fmt::Display>(&mut self, path: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.invalid(path, error.to_string())).ok()
    }

    /// A path of the file system, from the configuration's folder.
    pub(super) fn relative(&self, text: &str) -> PathBuf {
        self.origin.base_dir.join(text)
    }

    /// A file that must be there.
    pub(super) fn existing_file(&mut self, path: &str, text: &str) -> PathBuf {
        let file = self.relative(text);
        if let Err(error) = std::fs::File::open(&file) {
            self.report(ProblemKind::FileUnreadable, path, format!("cannot read the file {}: {error}", file.display()));
        }
        file
    }

    /// The text of a file that must be there, named by the value at `path`.
    pub(super) fn text_file(&mut self, path: &str, name: &str, limit: u64) -> Option<String> {
        let file = self.relative(name);
        let read = self.origin.files.read(&file, limit);
        let text = read.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned()));
        text.map_err(|reason| self.report(ProblemKind::FileUnreadable, path, format!("cannot read the file {}: {reason}", file.display())))
            .ok()
    }

    /// A duration within `range`, ends included.
    pub(super) fn duration(&mut self, path: &str, text: &str, range: (Duration, Duration)) -> Option<Duration> {
        let Some(duration) = quantity::duration(text) else {
            self.invalid(path, "not a duration; write a number and a unit (ms, s, m, h, d), such as 90s or 1h30m");
            return None;
        };
        if duration < range.0 || duration > range.1 {
            let (low, high) = (quantity::show_duration(range.0), quantity::show_duration(range.1));
            self.invalid(path, format!("must be between {low} and {high}"));
            return None;
        }
        Some(duration)
    }

    fn size(&mut self, path: &str, text: &str, range: (usize, usize)) -> Option<usize> {
        let Some(size) = quantity::size(text) else {
            self.invalid(path, "not a size; write a number and a unit (B, KiB, MiB, GiB), such as 4MiB");
            return None;
        };
        if size < range.0 || size > range.1 {
            let (low, high) = (quantity::show_size(range.0), quantity::show_size(range.1));
            self.invalid(path, format!("must be between {low} and {high}"));
            return None;
        }
        Some(size)
    }

    fn count(&mut self, path: &str, count: u32, highest: u32) -> Option<usize> {
        if count == 0 || count > highest {
            self.invalid(path, format!("must be between 1 and {highest}"));
            return None;
        }
        usize::try_from(count).ok()
    }

    fn listen(&mut self, text: &str) -> Option<SocketAddr> {
        let address = text.parse().map_err(|_| "not an address and port; write one such as 127.0.0.1:8080 or [::]:8080");
        self.parsed("listen", address)
    }

    fn tls(&mut self, file: Option<FileTls>) -> Option<Tls> {
        let file = file?;
        let certificate = file.certificate.map(|text| self.existing_file("tls.certificate", &text));
        let key = file.key.map(|text| self.existing_file("tls.key", &text));
        Some(Tls { certificate: certificate?, key: key? })
    }

    fn master_key(&mut self, text: Option<String>, data_dir: &Path) -> Option<MasterKey> {
        let Some(text) = text else { return Some(MasterKey::File(data_dir.join("master.key"))) };
        match master_key::decode(&Secret::new(text)) {
            Ok(key) => Some(MasterKey::Given(key)),
            Err(error) => {
                self.report(ProblemKind::InvalidMasterKey, "master_key", error.to_string());
                None
            }
        }
    }

    /// As `Origin` headers say them: scheme, host and port without a slash at the end.
    fn allowed_origins(&mut self, origins: &[String]) -> Vec<String> {
        let mut allowed = Vec::new();
        for (number, text) in origins.iter().enumerate() {
            let path = super::path::index("allowed_origins", number);
            allowed.extend(self.parsed(&path, PublicUrl::parse(text)).map(|origin| origin.issuer().to_owned()));
        }
        allowed
    }

    fn registration(&mut self, dynamic: bool, hosts: &[String]) -> Registration {
        let mut allowed_redirect_hosts = Vec::new();
        for (number, host) in hosts.iter().enumerate() {
            let path = super::path::index("registration.allowed_redirect_hosts", number);
            allowed_redirect_hosts.extend(self.host_name(&path, host));
        }
        Registration { dynamic, allowed_redirect_hosts }
    }

    fn sessions(&mut self, file: &FileSessions) -> Option<Sessions> {
        let range = (Duration::from_mins(1), days(90));
        let lifetime = self.duration("sessions.lifetime", &file.lifetime, range);
        let idle = self.duration("sessions.idle", &file.idle, range);
        if idle? > lifetime? {
            self.invalid("sessions.idle", "must not be longer than sessions.lifetime");
        }
        Some(Sessions { lifetime: lifetime?, idle: idle? })
    }

    fn tokens(&mut self, file: &FileTokens) -> Option<Tokens> {
        let second = Duration::from_secs(1);
        let access = self.duration("tokens.access", &file.access, (second, Duration::from_hours(1)));
        let refresh = self.duration("tokens.refresh", &file.refresh, (second, days(400)));
        let refresh_idle = file.refresh_idle.as_ref().map(|text| self.duration("tokens.refresh_idle", text, (second, days(400))));
        let refresh_grace = self.duration("tokens.refresh_grace", &file.refresh_grace, (Duration::ZERO, Duration::from_mins(5)));
        let code = self.duration("tokens.code", &file.code, (second, Duration::from_mins(10)));
        Some(Tokens {
            access: access?,
            refresh: refresh?,
            refresh_idle: refresh_idle.flatten(),
            refresh_grace: refresh_grace?,
            code: code?,
        })
    }

    fn limits(&mut self, file: &FileLimits) -> Option<Limits> {
        let timeouts = (Duration::from_millis(10), days(1));
        let body = self.size("limits.body", &file.body, (1 << 10, 1 << 30));
        let header_bytes = self.size("limits.header_bytes", &file.header_bytes, (4 << 10, 1 << 20));
        let headers = self.count("limits.headers", file.headers, 1_000);
        let connections_per_address = self.count("limits.connections_per_address", file.connections_per_address, 1_000_000);
        let sign_ins_per_address = self.count("limits.sign_ins_per_address", file.sign_ins_per_address, 1_000_000);
        let header_timeout = self.duration("limits.header_timeout", &file.header_timeout, timeouts);
        let body_timeout = self.duration("limits.body_timeout", &file.body_timeout, timeouts);
        let idle_timeout = self.duration("limits.idle_timeout", &file.idle_timeout, timeouts);
        Some(Limits {
            body: body?,
            header_bytes: header_bytes?,
            headers: headers?,
            connections_per_address: connections_per_address?,
            sign_ins_per_address: sign_ins_per_address?,
            header_timeout: header_timeout?,
            body_timeout: body_timeout?,
            idle_timeout: idle_timeout?,
            grant_recheck: GRANT_RECHECK,
        })
    }
}

/// That many days.
pub(super) fn days(count: u64) -> Duration {
    Duration::from_hours(count * 24)
}
