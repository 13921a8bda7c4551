//! What is known of one sign-in, for an administrator: what the identity provider sent, what became of it, what it gives.
//!
//! Made for a test ([`super::trial`]) and for a capture ([`super::capture`], which masks it). Kept by the store as JSON.

use std::collections::BTreeSet;

use http::HeaderMap;
use http::header::{HOST, ORIGIN, REFERER, USER_AGENT};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::config::{IdentityProvider, Protocol};
use crate::cookies;
use crate::request_id::RequestContext;

use super::access::{self, Person};
use super::diagnosis::{self, Diagnosis, Place, Sent};
use super::error::LoginError;
use super::provision::VerifiedIdentity;
use super::saml::Posted;
use super::{idp_metadata, saml, words};

/// One sign-in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Report {
    /// When.
    pub(super) at: Timestamp,
    /// The request id, which the audit trail has as well.
    pub(super) request_id: String,
    /// The identity provider's id.
    pub(super) idp: String,
    /// `saml` or `openid`.
    pub(super) protocol: String,
    /// The stable code of the refusal; none if the sign-in would succeed.
    pub(super) code: Option<String>,
    /// The refusal in full.
    pub(super) reason: Option<String>,
    /// Who, where that was verified.
    pub(super) person: Option<Asserted>,
    /// Where groups are looked for.
    pub(super) place: Place,
    /// The groups found.
    pub(super) groups: Vec<String>,
    /// The roles they give.
    pub(super) roles: BTreeSet<String>,
    /// What those give.
    pub(super) upstreams: Vec<UpstreamAccess>,
    /// Every attribute or claim.
    pub(super) sent: Vec<Sent>,
    /// SAML: every check of the response, in order.
    pub(super) checks: Vec<Check>,
    /// SAML: subjects and SHA-256 fingerprints of the certificates that count, from the metadata.
    pub(super) trusted_certificates: Vec<String>,
    /// What an administrator may want to change, although nothing failed.
    pub(super) warnings: Vec<String>,
    /// Headers of the browser's request that matter: where it came to and from. Never a value of a cookie.
    pub(super) headers: Vec<(String, String)>,
}

/// Who, as the identity provider says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Asserted {
    /// Entity id or issuer.
    pub(super) issuer: String,
    /// NameID or `sub`: with the issuer, the key of the person.
    pub(super) subject: String,
    /// The format of a NameID.
    pub(super) name_id_format: Option<String>,
    /// The name people type.
    pub(super) username: Option<String>,
    /// E-mail address.
    pub(super) email: Option<String>,
    /// Name for people to read.
    pub(super) display_name: Option<String>,
    /// When the person proved who they are.
    pub(super) authn_instant: Timestamp,
    /// How.
    pub(super) acr: Option<String>,
    /// When the identity provider wants the session to end.
    pub(super) ends_at: Option<Timestamp>,
}

/// One upstream, for this person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct UpstreamAccess {
    /// Its id.
    pub(super) upstream: String,
    /// Whether they may connect.
    pub(super) permitted: bool,
    /// If not, why.
    pub(super) diagnosis: Option<Diagnosis>,
}

/// One check of a SAML response.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Check {
    /// Its name.
    pub(super) name: String,
    /// Whether it passed.
    pub(super) passed: bool,
    /// What was seen.
    pub(super) detail: String,
    /// The code of the fault.
    pub(super) code: Option<String>,
}

/// What the SAML response itself shows.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// Every check, in order.
    pub(super) checks: Vec<Check>,
    /// The certificates that count, from the metadata.
    pub(super) trusted_certificates: Vec<String>,
}

impl Evidence {
    /// Every check of a response, with the metadata that is in force.
    pub(super) async fn of(app: &App, idp: &IdentityProvider, posted: &Posted<'_>, request_id: Option<&str>) -> Option<Self> {
        let Protocol::Saml(settings) = &idp.protocol else { return None };
        let metadata = idp_metadata::of(app, &idp.id, settings).await.ok()?;
        let trusted_certificates = metadata.signing_keys.iter().map(::saml::SigningCertificate::describe).collect();
        let checks = saml::inspect(app, idp, &metadata, posted, request_id).map(|found| found.checks).unwrap_or_default();
        let check = |check: ::saml::Check| Check {
            name: check.name.to_owned(),
            passed: check.passed,
            detail: check.detail,
            code: check.code.map(str::to_owned),
        };
        Some(Self { checks: checks.into_iter().map(check).collect(), trusted_certificates })
    }
}

impl Report {
    /// Everything that is known before anything is judged.
    pub(super) fn new(app: &App, context: &RequestContext, headers: &HeaderMap, idp: &IdentityProvider) -> Self {
        let header = |name: http::HeaderName| {
            let value = headers.get(&name).and_then(|value| value.to_str().ok())?;
            Some((name.as_str().to_owned(), value.chars().take(200).collect()))
        };
        let site = http::HeaderName::from_static("sec-fetch-site");
        let mut shown: Vec<(String, String)> = [HOST, ORIGIN, REFERER, site, USER_AGENT].into_iter().filter_map(header).collect();
        shown.push(("cookies (names)".to_owned(), cookies::names(headers).join(", ").chars().take(400).collect()));
        Self {
            at: app.clock.now(),
            request_id: context.request_id.clone(),
            idp: idp.id.to_string(),
            protocol: if matches!(idp.protocol, Protocol::Saml(_)) { "saml" } else { "openid" }.to_owned(),
            code: None,
            reason: None,
            person: None,
            place: access::place(idp),
            groups: Vec::new(),
            roles: BTreeSet::new(),
            upstreams: Vec::new(),
            sent: Vec::new(),
            checks: Vec::new(),
            trusted_certificates: Vec::new(),
            warnings: Vec::new(),
            headers: shown,
        }
    }

    /// The person whom the identity provider vouched for, and what that gives under the configuration of now.
    pub(super) fn accepted(&mut self, app: &App, identity: &VerifiedIdentity) {
        let runtime = app.runtime.load_full();
        let person = Person {
            id: "usr_test",
            idp: identity.idp.as_str(),
            username: identity.username.as_deref(),
            email: identity.email.as_deref(),
            groups: &identity.groups,
        };
        let names = diagnosis::names::of(&identity.sent);
        self.roles = person.roles(&runtime);
        for upstream in runtime.config.upstreams.values().filter(|upstream| upstream.identity_providers.contains(&identity.idp)) {
            let found = access::examine(&runtime, &person, ("", &[]), upstream.id.as_str());
            let diagnosis = found.map(|needed| diagnosis::diagnose(self.place.clone(), &identity.groups, needed, &names));
            self.upstreams.push(UpstreamAccess { upstream: upstream.id.to_string(), permitted: diagnosis.is_none(), diagnosis });
        }
        self.person = Some(Asserted {
            issuer: identity.issuer.clone(),
            subject: identity.subject.clone(),
            name_id_format: identity.idp_session.name_id_format.clone(),
            username: identity.username.clone(),
            email: identity.email.clone(),
            display_name: identity.display_name.clone(),
            authn_instant: identity.authn_instant,
            acr: identity.acr.clone(),
            ends_at: identity.ends_at,
        });
        self.warn(identity);
        self.groups.clone_from(&identity.groups);
        self.sent.clone_from(&identity.sent);
        self.evidence(identity.evidence.as_ref());
    }

    fn warn(&mut self, identity: &VerifiedIdentity) {
        let mut warnings = Vec::new();
        if identity.groups.is_empty() {
            let names = diagnosis::names::of(&identity.sent);
            let probably = diagnosis::names::probably(&self.place.name, &names)
                .map_or_else(String::new, |name| format!("; they are probably in “{name}”"));
            warnings.push(format!("no group was found in “{}” ({}){probably}", self.place.name, self.place.setting));
        }
        for (what, value) in
            [("e-mail address", &identity.email), ("display name", &identity.display_name), ("user name", &identity.username)]
        {
            if value.is_none() {
                warnings.push(format!("there is no {what}: pages and the audit trail show the subject instead"));
            }
        }
        if self.roles.is_empty() {
            warnings.push("the groups give no role".to_owned());
        }
        self.warnings.append(&mut warnings);
    }

    /// The refusal.
    pub(super) fn refused(&mut self, error: &LoginError) {
        self.code = Some(error.code().to_owned());
        self.reason = Some(error.private());
    }

    /// What the SAML response itself shows.
    pub(super) fn evidence(&mut self, evidence: Option<&Evidence>) {
        let Some(evidence) = evidence else { return };
        self.checks.clone_from(&evidence.checks);
        self.trusted_certificates.clone_from(&evidence.trusted_certificates);
    }

    /// As the store keeps it, with its words, which the command line prints.
    pub(super) fn to_json(&self) -> serde_json::Value {
        let mut json = serde_json::to_value(self).unwrap_or_default();
        let sections = words::of(self).into_iter().map(|section| json!({ "title": section.title, "lines": section.lines }));
        if let Some(fields) = json.as_object_mut() {
            fields.insert("words".to_owned(), sections.collect());
        }
        json
    }
}
