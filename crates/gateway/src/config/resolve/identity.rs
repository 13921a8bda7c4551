//! `identity_providers`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use oauth::Secret;
use oauth::client::authentication::ClientAuth;
use oauth::client::discovery::IssuerUrl;
use oauth::client::groups::{Format, is_pointer};
use saml::{EntityId, SigningCertificate};
use url::Url;

use super::super::file::{FileBinding, FileClientAuth, FileExpired, FileGraph, FileGroupsFormat, FileIdp, FileOidc, FileSaml, FileSignOut};
use super::super::ids::{IdpId, UpstreamId};
use super::super::problem::ProblemKind;
use super::super::public_url::is_loopback;
use super::super::types::{
    ANY_DOMAIN, ExpiredCertificates, Graph, IdentityProvider, MetadataSigners, MetadataSource, OidcIdp, Protocol, RequestBinding, SamlIdp,
    SignOutAt, Upstream,
};
use super::super::{path, realm};
use super::{Named, Resolver};

/// Shorter than a sign-in takes would let nobody in; longer than a month asks for nothing.
const MAX_AGE: (Duration, Duration) = (Duration::from_mins(1), Duration::from_hours(31 * 24));
/// As long as a session goes on without an answer, at most.
const REFRESH_INTERVAL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(24));
/// The largest file of certificates.
const MAX_SIGNERS_BYTES: u64 = 1 << 20;
/// Each is tried in turn for an ID token.
const MAX_TENANTS: usize = 50;

impl Resolver<'_> {
    pub(super) fn identity_providers(&mut self, file: Option<BTreeMap<String, FileIdp>>) -> Named<IdpId, IdentityProvider> {
        let mut named = Named { entries: BTreeMap::new(), known: Vec::new() };
        let Some(file) = file else { return named };
        if file.is_empty() {
            self.invalid("identity_providers", "at least one identity provider is needed");
        }
        for (name, idp) in file {
            let at = path::key("identity_providers", &name);
            let id = self.parsed(&at, IdpId::parse(&name));
            let domains = self.domains(&path::key(&at, "domains"), &idp.domains);
            if !idp.listed && domains.is_empty() {
                self.invalid(&path::key(&at, "listed"), "nothing leads here: without a button it needs domains");
            }
            let graph_path = path::key(&at, "graph");
            let graph = idp.graph.map(|graph| self.graph(&graph_path, graph));
            // What is wrong with it is told; a provider without it would be another one.
            let protocol = self.protocol(&at, idp.saml, idp.oidc).map(|protocol| with_graph(protocol, graph.flatten()));
            if let (Some(id), Some(protocol)) = (id, protocol) {
                let login_hint = idp.login_hint.unwrap_or(matches!(protocol, Protocol::Oidc(_)));
                let provider_name = idp.name.unwrap_or_else(|| name.clone());
                let sign_out = match idp.sign_out {
                    FileSignOut::Local => SignOutAt::Local,
                    FileSignOut::Idp => SignOutAt::Idp,
                };
                let provider =
                    IdentityProvider { id: id.clone(), name: provider_name, domains, listed: idp.listed, login_hint, sign_out, protocol };
                named.entries.insert(id, provider);
            }
            named.known.push(name);
        }
        named
    }

    /// Domains as they stand after the `@`, exactly: no pattern reaches across names that belong to others.
    fn domains(&mut self, at: &str, list: &[String]) -> BTreeSet<String> {
        let mut domains = BTreeSet::new();
        for (number, text) in list.iter().enumerate() {
            let at = path::index(at, number);
            if text != ANY_DOMAIN && realm::domain(text).as_deref() != Some(text) {
                self.invalid(&at, "write the domain as it stands after the @, in lower case and ASCII, such as example.com, or *");
            }
            domains.insert(text.clone());
        }
        domains
    }

    /// Where an address leads must be clear: a domain belongs to one of the identity providers that an upstream admits.
    pub(super) fn domains_are_clear(&mut self, idps: &BTreeMap<IdpId, IdentityProvider>, upstreams: &BTreeMap<UpstreamId, Upstream>) {
        let pairs =
            idps.values().enumerate().flat_map(|(number, one)| idps.values().skip(number.saturating_add(1)).map(move |two| (one, two)));
        for (one, two) in pairs {
            let meet = |upstream: &&Upstream| [one, two].into_iter().all(|idp| upstream.identity_providers.contains(&idp.id));
            let Some(upstream) = upstreams.values().find(meet) else { continue };
            for domain in one.domains.intersection(&two.domains) {
                let message = format!(
                    "{domain} leads to {} as well, and the upstream {} admits both; leave one of them out of its identity_providers, or of domains",
                    one.id, upstream.id
                );
                self.report(
                    ProblemKind::ConflictingKeys,
                    &path::key(&path::key("identity_providers", two.id.as_str()), "domains"),
                    message,
                );
            }
        }
    }

    fn protocol(&mut self, at: &str, saml: Option<FileSaml>, oidc: Option<FileOidc>) -> Option<Protocol> {
        match (saml, oidc) {
            (Some(saml), None) => self.saml(&path::key(at, "saml"), saml).map(Protocol::Saml),
            (None, Some(oidc)) => self.oidc(&path::key(at, "oidc"), oidc).map(Protocol::Oidc),
            (Some(_), Some(_)) | (None, None) => {
                self.report(ProblemKind::ConflictingKeys, at, "needs exactly one of saml and oidc");
                None
            }
        }
    }

    fn saml(&mut self, at: &str, file: FileSaml) -> Option<SamlIdp> {
        let metadata = match (&file.metadata, &file.metadata_file) {
            (Some(text), None) => self.secure_url(&path::key(at, "metadata"), text).map(MetadataSource::Url),
            (None, Some(text)) => Some(MetadataSource::File(self.existing_file(&path::key(at, "metadata_file"), text))),
            (Some(_), Some(_)) | (None, None) => {
                self.report(ProblemKind::ConflictingKeys, at, "needs exactly one of metadata and metadata_file");
                None
            }
        };
        self.not_empty(&path::key(at, "groups_attribute"), &file.groups_attribute);
        if file.is_passive && file.force_authn {
            let words = "the identity provider cannot ask again without asking: leave out is_passive or force_authn";
            self.report(ProblemKind::ConflictingKeys, &path::key(at, "is_passive"), words);
        }
        let entity_id = file.entity_id.and_then(|text| self.parsed(&path::key(at, "entity_id"), EntityId::parse(&text)));
        let signers_path = path::key(at, "metadata_signing_certificate");
        // An unreadable file must not read as "no signature needed": that it was asked for is kept.
        let metadata_signers = file.metadata_signing_certificate.map(|text| self.metadata_signers(&signers_path, &text));
        let targets_path = path::key(at, "idp_initiated_targets");
        for (number, target) in file.idp_initiated_targets.iter().enumerate() {
            self.path_of_ours(&path::index(&targets_path, number), target);
        }
        if let Some(name) = &file.provider_name {
            self.not_empty(&path::key(at, "provider_name"), name);
        }
        Some(SamlIdp {
            metadata: metadata?,
            metadata_signers,
            entity_id,
            groups_attribute: file.groups_attribute,
            groups_format: format(file.groups_format),
            graph: None,
            username_attribute: file.username_attribute,
            email_attribute: file.email_attribute,
            name_attribute: file.name_attribute,
            sign_requests: file.sign_requests,
            request_binding: match file.request_binding {
                FileBinding::Redirect => RequestBinding::Redirect,
                FileBinding::Post => RequestBinding::Post,
            },
            provider_name: file.provider_name,
            force_authn: file.force_authn,
            is_passive: file.is_passive,
            name_id_format: file.name_id_format,
            authn_context: file.authn_context,
            expired_certificates: match file.expired_certificates {
                FileExpired::Warn => ExpiredCertificates::Warn,
                FileExpired::Refuse => ExpiredCertificates::Refuse,
            },
            allow_idp_initiated: file.allow_idp_initiated,
            idp_initiated_targets: file.idp_initiated_targets,
        })
    }

    /// A path that no browser takes for another site. 80 bytes are what a RelayState may have (SAML bindings 3.5.3).
    fn path_of_ours(&mut self, at: &str, text: &str) {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~');
        if !text.starts_with('/') || text.starts_with("//") || text.contains("..") || text.len() > 80 || !text.bytes().all(plain) {
            self.invalid(
                at,
                "not a path of this site such as /ui/: letters, digits, / - _ . ~, at most 80 characters, beginning with one /",
            );
        }
    }

    fn metadata_signers(&mut self, at: &str, text: &str) -> MetadataSigners {
        // Noted as a source: who takes a signer out of the file is not to wait for a restart.
        let pem = self.text_file(at, text, MAX_SIGNERS_BYTES);
        let certificates = pem.and_then(|pem| self.parsed(at, SigningCertificate::from_pem(&pem).map_err(|error| error.to_string())));
        MetadataSigners { file: self.relative(text), certificates: certificates.unwrap_or_default() }
    }

    fn oidc(&mut self, at: &str, file: FileOidc) -> Option<OidcIdp> {
        let issuer_path = path::key(at, "issuer");
        let issuer = file.issuer.and_then(|text| self.issuer(&issuer_path, &text));
        let client_id = file.client_id.inspect(|text| self.not_empty(&path::key(at, "client_id"), text));
        let secret_path = path::key(at, "client_secret");
        let client_secret = file.client_secret.inspect(|text| self.not_empty(&secret_path, text)).map(Secret::new);
        let scopes_path = path::key(at, "scopes");
        self.scopes(&scopes_path, &file.scopes);
        if !file.scopes.iter().any(|scope| scope == "openid") {
            self.invalid(&scopes_path, "openid must be among the scopes");
        }
        let claims = [
            ("groups_claim", &file.groups_claim),
            ("username_claim", &file.username_claim),
            ("email_claim", &file.email_claim),
            ("name_claim", &file.name_claim),
        ];
        if file.groups_claim.starts_with('/') && !is_pointer(&file.groups_claim) {
            let message = "not a JSON pointer (RFC 6901): after ~ stands 0 (for ~) or 1 (for /)";
            self.invalid(&path::key(at, "groups_claim"), message);
        }
        for (key, claim) in claims {
            self.not_empty(&path::key(at, key), claim);
        }
        if let Some(claim) = &file.subject_claim {
            self.not_empty(&path::key(at, "subject_claim"), claim);
        }
        let client_auth = self.client_auth(at, file.client_auth, client_secret.is_some());
        let prompt = self.prompt(at, file.prompt);
        let max_age = file.max_age.and_then(|text| self.duration(&path::key(at, "max_age"), &text, MAX_AGE));
        let refresh_interval = self.duration(&path::key(at, "refresh_interval"), &file.refresh_interval, REFRESH_INTERVAL);
        if let Some(issuer) = &issuer {
            self.tenants(at, issuer, &file.tenants);
        }
        let usual_subject = issuer.as_ref().map_or("sub", |issuer| if issuer.is_entra() { "oid" } else { "sub" });
        Some(OidcIdp {
            issuer: issuer?,
            client_id: client_id?,
            client_secret,
            client_auth,
            tenants: file.tenants,
            acr_values: file.acr_values,
            prompt,
            max_age,
            refresh_interval: refresh_interval?,
            domain_hint: file.domain_hint,
            subject_claim: file.subject_claim.unwrap_or_else(|| usual_subject.to_owned()),
            scopes: file.scopes,
            groups_claim: file.groups_claim,
            groups_format: format(file.groups_format),
            graph: None,
            username_claim: file.username_claim,
            email_claim: file.email_claim,
            name_claim: file.name_claim,
        })
    }

    /// A method and a secret go together, or neither is there.
    fn client_auth(&mut self, at: &str, method: Option<FileClientAuth>, has_secret: bool) -> Option<ClientAuth> {
        let method = match method? {
            FileClientAuth::ClientSecretBasic => ClientAuth::SecretBasic,
            FileClientAuth::ClientSecretPost => ClientAuth::SecretPost,
            FileClientAuth::ClientSecretJwt => ClientAuth::SecretJwt,
            FileClientAuth::PrivateKeyJwt => ClientAuth::PrivateKeyJwt,
            FileClientAuth::None => ClientAuth::None,
        };
        if method.needs_secret() && !has_secret {
            self.report(ProblemKind::MissingKey, &path::key(at, "client_secret"), "client_auth needs it");
        }
        if !method.needs_secret() && has_secret {
            self.report(
                ProblemKind::ConflictingKeys,
                &path::key(at, "client_secret"),
                "is not used with this client_auth; remove one of the two",
            );
        }
        Some(method)
    }

    /// OpenID Connect Core section 3.1.2.1; `none` would never let anybody in who is not there already.
    fn prompt(&mut self, at: &str, prompt: Option<String>) -> Option<String> {
        let known = |word: &str| matches!(word, "login" | "consent" | "select_account");
        let wrong = prompt.as_ref().is_some_and(|text| text.is_empty() || !text.split(' ').all(known));
        if wrong {
            self.invalid(&path::key(at, "prompt"), "one or more of login, consent and select_account, with a space between");
        }
        prompt
    }

    /// An issuer of Microsoft Entra ID that stands for many tenants lets in whom its list names, and nobody else.
    fn tenants(&mut self, at: &str, issuer: &IssuerUrl, tenants: &[String]) {
        let place = path::key(at, "tenants");
        match (issuer.is_for_many_tenants(), tenants.is_empty()) {
            (true, true) => self.report(
                ProblemKind::MissingKey,
                &place,
                "this issuer stands for the people of every tenant in the world: list the ids of those that may sign in, or write your own tenant's id into issuer",
            ),
            (false, false) => self.invalid(&place, "only for the issuers .../common/v2.0 and .../organizations/v2.0 of Microsoft Entra ID"),
            (true, false) | (false, true) => {}
        }
        if tenants.len() > MAX_TENANTS {
            self.invalid(&place, "too many tenants; 50 at most");
        }
        for (number, tenant) in tenants.iter().enumerate() {
            if uuid::Uuid::try_parse(tenant).map(|id| id.to_string()).as_ref() != Ok(tenant) {
                self.invalid(&path::index(&place, number), "a tenant id is 32 hexadecimal digits in lower case, with hyphens");
            }
        }
    }

    fn graph(&mut self, at: &str, file: FileGraph) -> Option<Graph> {
        let tenant_path = path::key(at, "tenant");
        let tenant = file.tenant.inspect(|text| {
            // It becomes a part of an address.
            if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)) || text.starts_with('.') {
                self.invalid(&tenant_path, "not a tenant: write its id, or one of its domains");
            }
        });
        let client_id = file.client_id.inspect(|text| self.not_empty(&path::key(at, "client_id"), text));
        let client_secret = file.client_secret.inspect(|text| self.not_empty(&path::key(at, "client_secret"), text)).map(Secret::new);
        let login_url = self.secure_url(&path::key(at, "login_url"), &file.login_url);
        let graph_url = self.secure_url(&path::key(at, "graph_url"), &file.graph_url);
        Some(Graph {
            tenant: tenant?,
            client_id: client_id?,
            client_secret: client_secret?,
            login_url: login_url?,
            graph_url: graph_url?,
            security_enabled_only: file.security_enabled_only,
        })
    }

    /// An issuer is a https URL without query and fragment (OpenID Connect Discovery section 3).
    fn issuer(&mut self, at: &str, text: &str) -> Option<IssuerUrl> {
        if text.ends_with("/.well-known/openid-configuration") {
            self.invalid(at, "write the issuer, not its discovery document: leave out /.well-known/openid-configuration");
            return None;
        }
        // The parser's own words quote the value, which may come from the environment.
        let rule = "not an issuer: it begins with https:// (http:// only on loopback) and has no user name, query or fragment";
        self.parsed(at, IssuerUrl::parse(text).map_err(|_| rule))
    }

    /// https, or http on loopback; no user name or password.
    fn secure_url(&mut self, at: &str, text: &str) -> Option<Url> {
        let url = self.parsed(at, Url::parse(text).map_err(|_| "not an absolute URL"))?;
        let secure = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
        if !secure {
            self.invalid(at, "must begin with https://; http:// is allowed only for loopback");
            return None;
        }
        self.without_credentials(at, url)
    }

    /// The ids in a list that must all be defined; an absent list is all of them.
    pub(super) fn idp_choice(&mut self, at: &str, list: Option<Vec<String>>, known: &[&str]) -> BTreeSet<IdpId> {
        let Some(list) = list else { return known.iter().filter_map(|name| IdpId::parse(name).ok()).collect() };
        if list.is_empty() {
            self.invalid(at, "an empty list shuts everybody out; leave the key out for every identity provider");
        }
        let mut chosen = BTreeSet::new();
        for (number, name) in list.iter().enumerate() {
            self.known_name(&path::index(at, number), "identity provider", name, known);
            chosen.extend(IdpId::parse(name).ok());
        }
        chosen
    }
}

fn format(file: FileGroupsFormat) -> Format {
    match file {
        FileGroupsFormat::List => Format::List,
        FileGroupsFormat::String => Format::String,
        FileGroupsFormat::Comma => Format::Comma,
    }
}

fn with_graph(protocol: Protocol, graph: Option<Graph>) -> Protocol {
    match protocol {
        Protocol::Saml(settings) => Protocol::Saml(SamlIdp { graph, ..settings }),
        Protocol::Oidc(settings) => Protocol::Oidc(OidcIdp { graph, ..settings }),
    }
}
