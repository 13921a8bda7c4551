//! `upstreams` and `clients`: who is behind Doorward, and who comes to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use oauth::Secret;
use oauth::redirect::RedirectUri;
use oauth::resource::ResourceUri;
use oauth::scope::{Scope, ScopeSet};
use url::{Host, Url};

use super::super::file::{FileClient, FileStepUp, FileUpstream};
use super::super::ids::UpstreamId;
use super::super::problem::ProblemKind;
use super::super::public_url::PublicUrl;
use super::super::types::{Client, StepUpRule, Upstream};
use super::super::{check, path};
use super::{Named, Resolver, days};

impl Resolver<'_> {
    pub(super) fn upstreams(
        &mut self,
        file: Option<BTreeMap<String, FileUpstream>>,
        public_url: Option<&PublicUrl>,
        idps: &[&str],
    ) -> Named<UpstreamId, Upstream> {
        let mut named = Named { entries: BTreeMap::new(), known: Vec::new() };
        let Some(file) = file else { return named };
        if file.is_empty() {
            self.invalid("upstreams", "at least one upstream is needed");
        }
        let mut hosts = BTreeSet::new();
        for (name, upstream) in file {
            let at = path::key("upstreams", &name);
            let id = self.parsed(&at, UpstreamId::parse(&name));
            let upstream = self.upstream(&at, &name, upstream, (public_url, idps), &mut hosts);
            if let (Some(id), Some(upstream)) = (id, upstream) {
                let upstream = upstream(id.clone());
                named.entries.insert(id, upstream);
            }
            named.known.push(name);
        }
        named
    }

    fn upstream(
        &mut self,
        at: &str,
        name: &str,
        file: FileUpstream,
        (public_url, idps): (Option<&PublicUrl>, &[&str]),
        hosts: &mut BTreeSet<String>,
    ) -> Option<impl FnOnce(UpstreamId) -> Upstream + use<>> {
        let url = file.url.and_then(|text| self.upstream_url(&path::key(at, "url"), &text));
        let host_path = path::key(at, "host");
        let host = file.host.and_then(|text| self.host_name(&host_path, &text));
        if let Some(host) = &host {
            let ours = public_url.and_then(|url| url.url().host_str()) == Some(host);
            if ours || !hosts.insert(host.clone()) {
                self.invalid(&host_path, "this host name already leads somewhere else: to public_url or to another upstream");
            }
        }
        let scopes_path = path::key(at, "scopes");
        self.scopes(&scopes_path, &file.scopes);
        if file.scopes.is_empty() {
            self.invalid(&scopes_path, "at least one scope is needed");
        }
        // Each one is told above; the set knows one rule more, how many there may be.
        let scopes = self.parsed(&scopes_path, file.scopes.join(" ").parse::<ScopeSet>());
        let range = (Duration::from_millis(100), Duration::from_hours(1));
        let timeout = self.duration(&path::key(at, "timeout"), &file.timeout, range);
        let identity_providers = self.idp_choice(&path::key(at, "identity_providers"), file.identity_providers, idps);
        let step_up_path = path::key(at, "step_up");
        let step_up =
            file.step_up.into_iter().enumerate().map(|(number, rule)| self.step_up(&path::index(&step_up_path, number), rule)).collect();
        let resource = match &host {
            Some(host) => format!("https://{host}/mcp"),
            None => public_url?.join(&format!("/{name}/mcp")),
        };
        let resource = self.parsed(at, ResourceUri::parse(&resource))?;
        let (url, scopes, timeout, name) = (url?, scopes?, timeout?, file.name.unwrap_or_else(|| name.to_owned()));
        Some(move |id| Upstream { id, name, url, host, resource, scopes, timeout, identity_providers, step_up })
    }

    fn step_up(&mut self, at: &str, file: FileStepUp) -> StepUpRule {
        let lists = [("tools", file.tools.as_deref()), ("acr", Some(file.acr.as_slice()))];
        for (key, list) in lists {
            for (number, entry) in list.unwrap_or_default().iter().enumerate() {
                self.not_empty(&path::index(&path::key(at, key), number), entry);
            }
        }
        // It stands in a list with spaces between, in quotes, and in a header.
        let is_class = |acr: &String| acr.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        if !file.acr.iter().all(is_class) {
            self.invalid(&path::key(at, "acr"), "a class is printable ASCII without spaces, quotes and backslashes");
        }
        if file.tools.as_ref().is_some_and(Vec::is_empty) {
            self.invalid(&path::key(at, "tools"), "an empty list names no tool; leave the key out for every request");
        }
        if file.acr.is_empty() && file.max_age.is_none() {
            self.report(ProblemKind::MissingKey, at, "needs acr, max_age or both: else it asks for nothing");
        }
        let range = (Duration::from_mins(1), Duration::from_hours(30 * 24));
        let max_age = file.max_age.and_then(|text| self.duration(&path::key(at, "max_age"), &text, range));
        StepUpRule { tools: file.tools, acr: file.acr, max_age }
    }

    fn upstream_url(&mut self, at: &str, text: &str) -> Option<Url> {
        let url = self.parsed(at, Url::parse(text).map_err(|_| "not an absolute URL; write one such as http://10.0.0.5:9000/mcp"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            self.invalid(at, "must begin with http:// or https://");
            return None;
        }
        if url.fragment().is_some() {
            self.invalid(at, "must not have a fragment (#…)");
            return None;
        }
        self.without_credentials(at, url)
    }

    /// A URL is shown in messages and metadata, so a password does not belong in one.
    pub(super) fn without_credentials(&mut self, at: &str, url: Url) -> Option<Url> {
        if !url.username().is_empty() || url.password().is_some() {
            self.invalid(at, "must not hold a user name or password");
            return None;
        }
        Some(url)
    }

    /// A DNS name, in lower case.
    pub(super) fn host_name(&mut self, at: &str, text: &str) -> Option<String> {
        match Host::parse(text) {
            Ok(Host::Domain(name)) if !name.is_empty() => Some(name),
            Ok(Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_)) | Err(_) => {
                self.invalid(at, "must be a host name without scheme, port and path, such as mcp.example.com");
                None
            }
        }
    }

    /// Scope tokens (RFC 6749 section 3.3), each once.
    pub(super) fn scopes(&mut self, at: &str, scopes: &[String]) {
        for (number, scope) in scopes.iter().enumerate() {
            if Scope::try_from(scope.clone()).is_err() {
                self.invalid(&path::index(at, number), "not a scope: printable ASCII without space, quote and backslash");
            } else if scopes.iter().take(number).any(|earlier| earlier == scope) {
                self.invalid(&path::index(at, number), "this scope stands here twice");
            }
        }
    }

    pub(super) fn not_empty(&mut self, at: &str, text: &str) {
        if text.trim().is_empty() {
            self.invalid(at, "must not be empty");
        }
    }

    /// A name that must be defined elsewhere in the file.
    pub(super) fn known_name(&mut self, at: &str, what: &str, name: &str, known: &[&str]) {
        // Where the whole section is missing or of the wrong type, that is the one thing to say.
        let section = match what {
            "upstream" => "upstreams",
            "role" => "roles",
            _ => "identity_providers",
        };
        if known.contains(&name) || self.problems.iter().any(|problem| problem.path == section) {
            return;
        }
        let near = known.iter().map(|candidate| (check::distance(name, candidate), *candidate)).min();
        let hint = match near {
            Some((distance, candidate)) if distance <= name.chars().count().div_ceil(3) => format!("; did you mean {candidate:?}?"),
            _ if known.is_empty() => String::new(),
            _ => format!("; defined are: {}", known.join(", ")),
        };
        self.report(ProblemKind::UnknownReference, at, format!("no {what} {name:?} is defined{hint}"));
    }

    pub(super) fn clients(&mut self, file: BTreeMap<String, FileClient>) -> BTreeMap<String, Client> {
        let mut clients = BTreeMap::new();
        for (id, client) in file {
            let at = path::key("clients", &id);
            if id.is_empty() || id.len() > 128 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
                self.invalid(&at, "a client_id is 1 to 128 letters, digits, dots, underscores and hyphens");
            }
            let uris_path = path::key(&at, "redirect_uris");
            if client.redirect_uris.as_ref().is_some_and(Vec::is_empty) {
                self.invalid(&uris_path, "at least one redirect URI is needed");
            }
            let mut redirect_uris = Vec::new();
            for (number, uri) in client.redirect_uris.unwrap_or_default().iter().enumerate() {
                redirect_uris.extend(self.parsed(&path::index(&uris_path, number), RedirectUri::parse(uri)));
            }
            let secret_path = path::key(&at, "secret");
            let secret = client.secret.inspect(|secret| self.client_secret(&secret_path, secret)).map(Secret::new);
            let lifetime_path = path::key(&at, "refresh_lifetime");
            let limits = (Duration::from_secs(1), days(400));
            let refresh_lifetime = client.refresh_lifetime.and_then(|text| self.duration(&lifetime_path, &text, limits));
            let name = client.name.unwrap_or_else(|| id.clone());
            clients.insert(id.clone(), Client { id, name, redirect_uris, secret, refresh_lifetime });
        }
        clients
    }

    fn client_secret(&mut self, at: &str, secret: &str) {
        if secret.len() < 16 {
            self.invalid(at, "must have at least 16 characters");
        }
    }
}
