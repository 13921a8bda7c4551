//! What ties a sign-in and a session to one browser: the two cookies, and what the store keeps about them.

use axum::response::Response;
use http::HeaderMap;
use oauth::Secret;
use oauth::server::authorize::AuthorizationParams;
use store::{Advanced, AuthorizationRequest, AuthorizationRequestId, BrowserSession, Loaded, Purpose, Stage, StepUpAsked, User};

use crate::app::App;
use crate::config::{Config, IdentityProvider, IdpId, Upstream};
use crate::cookies::{self, Cookie};
use crate::request_id::RequestContext;
use crate::sign_in;

use super::error::LoginError;
use super::forms::{self, see_other, with_cookie};
use super::return_path;

/// A sign-in under way, held by the browser that began it. Only [`Transaction::load`] makes one.
pub(super) struct Transaction {
    /// What the store knows.
    pub(super) request: AuthorizationRequest,
    /// The client's parameters; none for a browser sign-in.
    pub(super) params: Option<AuthorizationParams>,
    login_hint: Option<String>,
    cookie: Secret<String>,
}

impl Transaction {
    /// The sign-in that `id` names, if this browser's cookie belongs to it.
    pub(super) async fn load(app: &App, headers: &HeaderMap, id: &str) -> Result<Self, LoginError> {
        let id: AuthorizationRequestId = id.parse().map_err(|_| LoginError::RequestMalformed)?;
        let cookie = Cookie::Transaction(id).token(&app.config.public_url, headers).ok_or(LoginError::CookieMissing)?;
        match app.store.load_authorization_request(id, &cookies::hash(&cookie), app.clock.now()).await? {
            Loaded::Found(request) => {
                let params: Option<AuthorizationParams> = request.params()?;
                let typed = match &request.stage {
                    Stage::SignIn(leg) => leg.login_hint.clone(),
                    Stage::Consent | Stage::ChooseIdp | Stage::SignedIn { .. } | Stage::Completed | Stage::Denied { .. } => None,
                };
                let login_hint = typed.or_else(|| params.as_ref().and_then(|params| params.login_hint.clone()));
                Ok(Self { request: *request, params, login_hint, cookie })
            }
            Loaded::Unknown => Err(LoginError::RequestUnknown),
            Loaded::WrongBrowser => Err(LoginError::WrongBrowser),
            Loaded::Expired => Err(LoginError::RequestExpired),
        }
    }

    /// The hub's address for this sign-in.
    pub(super) fn hub(&self) -> String {
        format!("/login?req={}", self.request.id)
    }

    /// The proof that one of our forms must carry.
    pub(super) fn csrf(&self, form: &str) -> String {
        forms::csrf_token(&self.cookie, form, &self.request.id.to_string())
    }

    /// Checks that proof.
    pub(super) fn check_csrf(&self, received: &str, form: &str) -> Result<(), LoginError> {
        forms::check_csrf(received, &self.cookie, form, &self.request.id.to_string())
    }

    /// Moves on. `Lost`: another step of the same browser was faster, and the hub will find out how far it is.
    pub(super) async fn advance(&self, app: &App, stage: &Stage) -> Result<Advanced, LoginError> {
        Ok(app.store.advance(self.request.id, self.request.version, stage, app.clock.now()).await?)
    }

    /// The upstream the sign-in is for; none for a browser sign-in.
    pub(super) fn upstream<'c>(&self, config: &'c Config) -> Result<Option<&'c Upstream>, LoginError> {
        let Some(params) = &self.params else { return Ok(None) };
        config.upstreams.get(params.upstream.as_str()).map(Some).ok_or_else(|| LoginError::UpstreamUnknown(params.upstream.clone()))
    }

    /// The IdPs that may sign this person in.
    pub(super) fn identity_providers<'c>(&self, config: &'c Config) -> Result<Vec<&'c IdentityProvider>, LoginError> {
        let upstream = self.upstream(config)?;
        if let Purpose::SignInTest { idp, .. } = &self.request.purpose {
            return Ok(config.identity_providers.values().filter(|own| own.id.as_str() == idp).collect());
        }
        let allowed = |id: &IdpId| upstream.is_none_or(|upstream| upstream.identity_providers.contains(id));
        Ok(config.identity_providers.values().filter(|idp| allowed(&idp.id)).collect())
    }

    /// Whether this IdP may sign this person in.
    pub(super) fn require_allowed(&self, config: &Config, idp: &str) -> Result<(), LoginError> {
        if self.identity_providers(config)?.iter().any(|allowed| allowed.id.as_str() == idp) {
            return Ok(());
        }
        let upstream = self.params.as_ref().map(|params| params.upstream.clone()).unwrap_or_default();
        Err(LoginError::IdpNotAllowed { idp: idp.to_owned(), upstream })
    }

    /// Whether the person must prove anew who they are.
    pub(super) fn force_login(&self) -> bool {
        self.params.as_ref().is_some_and(|params| params.force_login)
    }

    /// Whether the client wants an answer without any page.
    pub(super) fn no_page(&self) -> bool {
        self.params.as_ref().is_some_and(|params| params.no_page)
    }

    /// Whether the person must be let choose the account.
    pub(super) fn select_account(&self) -> bool {
        self.params.as_ref().is_some_and(|params| params.select_account)
    }

    /// Who probably signs in: what the person typed, else what the client said. It chooses and fills in, it proves nothing.
    pub(super) fn login_hint(&self) -> Option<&str> {
        self.login_hint.as_deref()
    }

    /// The same, if this IdP is to be told.
    pub(super) fn login_hint_for(&self, idp: &IdentityProvider) -> Option<&str> {
        self.login_hint().filter(|_| idp.login_hint)
    }

    /// What the person has just typed.
    pub(super) fn set_login_hint(&mut self, typed: Option<&str>) {
        self.login_hint = typed.map(str::to_owned);
    }

    /// What the identity provider was asked for beyond its settings, if the browser is there.
    pub(super) fn step_up_asked(&self) -> Option<StepUpAsked> {
        match &self.request.stage {
            Stage::SignIn(leg) => leg.step_up.clone(),
            Stage::Consent | Stage::ChooseIdp | Stage::SignedIn { .. } | Stage::Completed | Stage::Denied { .. } => None,
        }
    }
}

/// A live browser session, its person, and its cookie.
pub(super) struct SignedInBrowser {
    /// The session.
    pub(super) session: BrowserSession,
    /// The person, not disabled.
    pub(super) user: User,
    /// The cookie, as the key of this browser's CSRF tokens.
    pub(super) cookie: Secret<String>,
}

impl SignedInBrowser {
    /// The session that this browser holds, if it is live.
    pub(super) async fn find(app: &App, headers: &HeaderMap) -> Result<Option<Self>, LoginError> {
        let Some(cookie) = Cookie::Session.token(&app.config.public_url, headers) else { return Ok(None) };
        let idle = app.runtime.load().config.sessions.idle;
        let found = app.store.find_browser_session(&cookies::hash(&cookie), idle, app.clock.now()).await?;
        Ok(found.map(|(session, user)| Self { session, user, cookie }))
    }

    /// What the person is called on pages.
    pub(super) fn person(&self) -> &str {
        name_of(&self.user)
    }
}

/// What a person is called on pages: the most readable name there is.
pub(super) fn name_of(user: &User) -> &str {
    user.display_name.as_deref().or(user.username.as_deref()).or(user.email.as_deref()).unwrap_or(&user.subject)
}

/// Begins a sign-in at Doorward itself, without a client: `GET /login/start?return=…`.
pub(super) async fn start(
    app: &App,
    context: &RequestContext,
    headers: &HeaderMap,
    return_to: Option<&str>,
) -> Result<Response, LoginError> {
    let return_path = return_path::parse(return_to)?;
    if SignedInBrowser::find(app, headers).await?.is_some() {
        return Ok(see_other(return_path));
    }
    let purpose = Purpose::BrowserSignIn { return_path: return_path.to_owned() };
    let begun = sign_in::begin(app, context, purpose, None, Stage::ChooseIdp).await?;
    Ok(with_cookie(see_other(&format!("/login?req={}", begun.id)), begun.cookie))
}
