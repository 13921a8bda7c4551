//! At the end of a sign-in for a client: may this person use that upstream at all? If not, it is said here, with what is needed
//! against what was received, and not by a 403 that a program swallows.
//!
//! The answer is `policy`'s own: connecting, with the roles of now. Which groups would give access is found by asking it once more
//! for each role of the configuration.

use std::collections::BTreeSet;

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use oauth::scope::Scope;
use policy::{Action, Permit, Request, decide};
use store::{Advanced, Stage, UserId};

use crate::app::App;
use crate::audit::Kind;
use crate::config::{IdentityProvider, Protocol};
use crate::pages::{self, NoAccessPage};
use crate::request_id::RequestContext;
use crate::runtime::Runtime;

use super::browser::{SignedInBrowser, Transaction};
use super::capture::{self, Failed};
use super::diagnosis::{self, Needed, Place};
use super::error::{LoginError, Mender};
use super::record::{self, Subject};

/// Signed in, and no more.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// No role of the person is granted anything at the upstream.
    #[error("You are signed in, but nothing on the server “{upstream}” has been granted to you")]
    NoAccess {
        /// The upstream's display name.
        upstream: String,
        /// Needed against received: for the audit trail whole, for the person in part.
        #[source]
        diagnosis: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl AccessError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoAccess { .. } => "login.no_access",
        }
    }

    /// Status, heading, and who can mend it.
    pub(super) fn presentation(&self) -> (StatusCode, &'static str, Mender) {
        match self {
            Self::NoAccess { .. } => (StatusCode::FORBIDDEN, "You have no access here", Mender::Administrator),
        }
    }
}

/// The page that says so, with the refusal on record; none if the person may go on.
pub(super) async fn refuse(
    app: &App,
    context: &RequestContext,
    headers: &HeaderMap,
    transaction: &Transaction,
    user: UserId,
) -> Result<Option<Response>, LoginError> {
    let Some(params) = &transaction.params else { return Ok(None) };
    // Whoever is gone meanwhile is refused where the code would be made.
    let Some(user) = app.store.user(user).await? else { return Ok(None) };
    let runtime = app.runtime.load_full();
    let scopes: Vec<String> = params.scopes.iter().map(|scope| Scope::as_str(scope).to_owned()).collect();
    let person = Person {
        id: &user.id.to_string(),
        idp: &user.idp,
        username: user.username.as_deref(),
        email: user.email.as_deref(),
        groups: &user.groups,
    };
    let Some(needed) = examine(&runtime, &person, (&params.client_id, &scopes), &params.upstream) else { return Ok(None) };
    let Some(idp) = runtime.config.identity_providers.get(user.idp.as_str()) else { return Ok(None) };
    let upstream = transaction.upstream(&runtime.config)?.map_or_else(|| params.upstream.clone(), |upstream| upstream.name.clone());
    let sent = names_in_session(app, headers).await?;
    let diagnosis = diagnosis::diagnose(place(idp), &user.groups, needed, &sent);
    let page = NoAccessPage {
        upstream: &upstream,
        person: super::browser::name_of(&user),
        idp_name: &idp.name,
        findings: &diagnosis.public(),
        code: "",
        request_id: &context.request_id,
        back: &format!("/oauth/resume?req={}", transaction.request.id),
    };
    let error = LoginError::from(AccessError::NoAccess { upstream: upstream.clone(), diagnosis: Box::new(diagnosis) });
    let response = pages::no_access(&NoAccessPage { code: error.code(), ..page });
    let subject = Subject { transaction: Some(transaction), user: Some(&user), idp: Some(&user.idp) };
    record::refusal(app, context, Kind::SignInRefused, &subject, &error).await;
    capture::keep(
        app,
        context,
        headers,
        &Failed { transaction: Some(transaction), idp, posted: None, user: Some(&user), sent: Vec::new() },
        &error,
    )
    .await;
    let _: Advanced = transaction.advance(app, &Stage::Denied { code: error.code().to_owned() }).await?;
    Ok(Some(response))
}

/// Where the groups of this IdP are looked for.
pub(super) fn place(idp: &IdentityProvider) -> Place {
    let (setting, name, document) = match &idp.protocol {
        Protocol::Saml(settings) => ("groups_attribute", &settings.groups_attribute, "the assertion"),
        Protocol::Oidc(settings) => ("groups_claim", &settings.groups_claim, "the ID token and userinfo"),
    };
    Place { setting: setting.to_owned(), name: name.clone(), document: document.to_owned() }
}

/// The names of what the IdP sent when this browser's session began.
async fn names_in_session(app: &App, headers: &HeaderMap) -> Result<Vec<String>, LoginError> {
    let browser = SignedInBrowser::find(app, headers).await?;
    Ok(browser.and_then(|browser| browser.session.idp_session).map(|session| session.attribute_names).unwrap_or_default())
}

/// A person, as policy sees them.
pub(super) struct Person<'p> {
    /// `usr_…`
    pub(super) id: &'p str,
    /// Where they signed in.
    pub(super) idp: &'p str,
    /// The name people type.
    pub(super) username: Option<&'p str>,
    /// E-mail address.
    pub(super) email: Option<&'p str>,
    /// Their groups.
    pub(super) groups: &'p [String],
}

impl Person<'_> {
    /// Their roles, under the policy of now.
    pub(super) fn roles(&self, runtime: &Runtime) -> BTreeSet<String> {
        runtime.policies.roles(self.groups, self.username, self.email, self.idp)
    }
}

/// Nothing if the person may connect; else the groups of the roles that would change the answer.
pub(super) fn examine(
    runtime: &Runtime,
    person: &Person<'_>,
    (client, scopes): (&str, &[String]),
    upstream: &str,
) -> Option<BTreeSet<Needed>> {
    let permits = |roles: &BTreeSet<String>| {
        let Person { id: user, idp, username, email, groups } = *person;
        let request = Request { user, idp, username, email, groups, roles, client, scopes, upstream, action: Action::Connect };
        decide(&runtime.policies, &request, ()).map(Permit::into_inner).is_ok()
    };
    let roles = person.roles(runtime);
    if permits(&roles) {
        return None;
    }
    let mut needed = BTreeSet::new();
    for (name, role) in &runtime.config.roles {
        if permits(&roles.iter().chain(std::iter::once(name)).cloned().collect()) {
            let here = role.identity_providers.is_empty() || role.identity_providers.contains(person.idp);
            needed.extend(role.groups.iter().map(|group| Needed { group: group.clone(), role: name.clone(), here }));
            for mapping in &runtime.config.role_mappings {
                let here = mapping.identity_provider.as_str() == person.idp;
                let giving = mapping.groups.iter().filter(|(_, roles)| roles.contains(name));
                needed.extend(giving.map(|(group, _)| Needed { group: group.clone(), role: name.clone(), here }));
            }
        }
    }
    Some(needed)
}

#[cfg(test)]
mod tests;
