//! The effective configuration as data: every key of the file, with its value or default; secrets hidden.

use std::fmt::Write as _;

use oauth::client::authentication::ClientAuth;
use oauth::redirect::RedirectUri;
use oauth::scope::Scope;
use saml::EntityId;
use serde_json::{Map, Value, json};

use super::master_key::MasterKey;
use super::quantity::{show_duration, show_size};
use super::types::{Config, IdentityProvider, MetadataSource, OidcIdp, Protocol, Rule, SamlIdp, Upstream, UpstreamChoice};

/// What stands in place of a secret.
const HIDDEN: &str = "(hidden)";

impl Config {
    /// SHA-256 of what is in force, in hexadecimal; secrets are hidden before it is taken.
    pub fn fingerprint(&self) -> String {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.effective().to_string().as_bytes());
        let mut fingerprint = String::with_capacity(64);
        for byte in digest.as_ref() {
            // Writing to a String cannot fail.
            let _ = write!(fingerprint, "{byte:02x}");
        }
        fingerprint
    }

    /// All values that are in force, in the shape of the file.
    pub fn effective(&self) -> Value {
        let master_key = match &self.master_key {
            MasterKey::Given(_) => HIDDEN.to_owned(),
            MasterKey::File(path) => format!("${{file:{}}}", path.display()),
        };
        json!({
            "public_url": self.public_url.issuer(),
            "listen": self.listen.to_string(),
            "tls": self.tls.as_ref().map(|tls| json!({ "certificate": tls.certificate, "key": tls.key })),
            "data_dir": self.data_dir,
            "master_key": master_key,
            "identity_providers": by_name(self.identity_providers.values().map(|idp| (idp.id.to_string(), show_idp(idp)))),
            "upstreams": by_name(self.upstreams.values().map(|upstream| (upstream.id.to_string(), show_upstream(upstream)))),
            "roles": by_name(self.roles.iter().map(|(name, role)| {
                let idps = (!role.identity_providers.is_empty()).then_some(&role.identity_providers);
                (name.clone(), json!({ "groups": role.groups, "users": role.users, "identity_providers": idps }))
            })),
            "role_mapping_files": self.role_mappings.iter().map(|mapping| &mapping.file).collect::<Vec<_>>(),
            "grants": self.grants.iter().map(|rule| show_rule(rule, true)).collect::<Vec<_>>(),
            "denies": self.denies.iter().map(|rule| show_rule(rule, false)).collect::<Vec<_>>(),
            "policy_files": self.policy_files.iter().map(|file| &file.name).collect::<Vec<_>>(),
            "clients": by_name(self.clients.values().map(|client| {
                let secret = client.secret.as_ref().map(|_| HIDDEN);
                (client.id.clone(), json!({ "name": client.name, "redirect_uris": client.redirect_uris.iter().map(RedirectUri::as_str).collect::<Vec<_>>(), "secret": secret, "refresh_lifetime": client.refresh_lifetime.map(show_duration) }))
            })),
            "allowed_origins": self.allowed_origins,
            "registration": {
                "dynamic": self.registration.dynamic,
                "allowed_redirect_hosts": self.registration.allowed_redirect_hosts,
            },
            "sessions": { "lifetime": show_duration(self.sessions.lifetime), "idle": show_duration(self.sessions.idle) },
            "tokens": {
                "access": show_duration(self.tokens.access),
                "refresh": show_duration(self.tokens.refresh),
                "refresh_idle": self.tokens.refresh_idle.map(show_duration),
                "refresh_grace": show_duration(self.tokens.refresh_grace),
                "code": show_duration(self.tokens.code),
            },
            "audit": { "dir": self.audit.dir },
            "limits": {
                "body": show_size(self.limits.body),
                "header_bytes": show_size(self.limits.header_bytes),
                "headers": self.limits.headers,
                "connections_per_address": self.limits.connections_per_address,
                "sign_ins_per_address": self.limits.sign_ins_per_address,
                "header_timeout": show_duration(self.limits.header_timeout),
                "body_timeout": show_duration(self.limits.body_timeout),
                "idle_timeout": show_duration(self.limits.idle_timeout),
            },
        })
    }
}

fn by_name(entries: impl Iterator<Item = (String, Value)>) -> Value {
    Value::Object(entries.collect::<Map<_, _>>())
}

fn show_idp(idp: &IdentityProvider) -> Value {
    let mut shown = match &idp.protocol {
        Protocol::Saml(saml) => json!({ "saml": show_saml(saml) }),
        Protocol::Oidc(oidc) => json!({ "oidc": show_oidc(oidc) }),
    };
    let shared = [
        ("name", json!(idp.name)),
        ("domains", json!(idp.domains)),
        ("listed", json!(idp.listed)),
        ("login_hint", json!(idp.login_hint)),
        ("graph", show_graph(&idp.protocol)),
        ("sign_out", json!(idp.sign_out)),
    ];
    for (key, value) in shared {
        shown.as_object_mut().map(|shown| shown.insert(key.to_owned(), value));
    }
    shown
}

fn show_graph(protocol: &Protocol) -> Value {
    let graph = match protocol {
        Protocol::Saml(saml) => &saml.graph,
        Protocol::Oidc(oidc) => &oidc.graph,
    };
    json!(graph.as_ref().map(|graph| json!({
        "tenant": graph.tenant,
        "client_id": graph.client_id,
        "client_secret": HIDDEN,
        "login_url": graph.login_url,
        "graph_url": graph.graph_url,
        "security_enabled_only": graph.security_enabled_only,
    })))
}

fn show_saml(saml: &SamlIdp) -> Value {
    let (metadata, metadata_file) = match &saml.metadata {
        MetadataSource::Url(url) => (Some(url), None),
        MetadataSource::File(path) => (None, Some(path)),
    };
    json!({
        "metadata": metadata,
        "metadata_file": metadata_file,
        "metadata_signing_certificate": saml.metadata_signers.as_ref().map(|signers| &signers.file),
        "entity_id": saml.entity_id.as_ref().map(EntityId::as_str),
        "groups_attribute": saml.groups_attribute,
        "groups_format": saml.groups_format.word(),
        "username_attribute": saml.username_attribute,
        "email_attribute": saml.email_attribute,
        "name_attribute": saml.name_attribute,
        "sign_requests": saml.sign_requests,
        "request_binding": saml.request_binding,
        "provider_name": saml.provider_name,
        "force_authn": saml.force_authn,
        "is_passive": saml.is_passive,
        "name_id_format": saml.name_id_format,
        "authn_context": saml.authn_context,
        "expired_certificates": saml.expired_certificates,
        "allow_idp_initiated": saml.allow_idp_initiated,
        "idp_initiated_targets": saml.idp_initiated_targets,
    })
}

fn show_oidc(oidc: &OidcIdp) -> Value {
    json!({
        "issuer": oidc.issuer.as_str(),
        "client_id": oidc.client_id,
        "client_secret": oidc.client_secret.as_ref().map(|_| HIDDEN),
        "client_auth": oidc.client_auth.map(ClientAuth::name),
        "tenants": oidc.tenants,
        "acr_values": oidc.acr_values,
        "prompt": oidc.prompt,
        "max_age": oidc.max_age.map(show_duration),
        "refresh_interval": show_duration(oidc.refresh_interval),
        "domain_hint": oidc.domain_hint,
        "subject_claim": oidc.subject_claim,
        "scopes": oidc.scopes,
        "groups_claim": oidc.groups_claim,
        "groups_format": oidc.groups_format.word(),
        "username_claim": oidc.username_claim,
        "email_claim": oidc.email_claim,
        "name_claim": oidc.name_claim,
    })
}

fn show_upstream(upstream: &Upstream) -> Value {
    json!({
        "name": upstream.name,
        "url": upstream.url,
        "host": upstream.host,
        "scopes": upstream.scopes.iter().map(Scope::as_str).collect::<Vec<_>>(),
        "timeout": show_duration(upstream.timeout),
        "identity_providers": upstream.identity_providers,
        "step_up": upstream.step_up.iter().map(|rule| json!({ "tools": rule.tools, "acr": rule.acr, "max_age": rule.max_age.map(show_duration) })).collect::<Vec<_>>(),
    })
}

fn show_rule(rule: &Rule, is_grant: bool) -> Value {
    let upstreams = match &rule.upstreams {
        UpstreamChoice::All => vec!["*"],
        UpstreamChoice::Named(ids) => ids.iter().map(AsRef::as_ref).collect(),
    };
    let mut shown = Map::from_iter([
        ("roles".to_owned(), json!(rule.roles)),
        ("upstreams".to_owned(), json!(upstreams)),
        ("tools".to_owned(), json!(rule.tools)),
        ("resources".to_owned(), json!(rule.resources)),
        ("prompts".to_owned(), json!(rule.prompts)),
    ]);
    if is_grant {
        shown.insert("read_only".to_owned(), json!(rule.read_only));
    }
    Value::Object(shown)
}
