//! Which person an administrator means by a name.

use http::StatusCode;
use store::{StoreError, User, UserId};

use super::error::AdminError;
use crate::app::App;

/// Why it is not clear who is meant.
#[derive(Debug, thiserror::Error)]
pub(super) enum PersonError {
    /// Nobody.
    #[error("nobody has the user name, e-mail address or id {0:?}; `doorward user list` shows who has signed in")]
    Unknown(String),
    /// Several, and an act must not hit the wrong one.
    #[error("several people are called {name:?}: {ids}; name one by the id")]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Their ids, with the identity provider of each.
        ids: String,
    },
    /// Where only an id will do.
    #[error("{0:?} is not the id of an identity (usr_…); `doorward user list` shows the ids")]
    NotAnId(String),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PersonError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "admin.user_unknown",
            Self::Ambiguous { .. } => "admin.user_ambiguous",
            Self::NotAnId(_) => "admin.user_id_malformed",
            Self::Store(error) => error.code(),
        }
    }
}

impl From<PersonError> for AdminError {
    fn from(error: PersonError) -> Self {
        let status = match &error {
            PersonError::Unknown(_) => StatusCode::NOT_FOUND,
            PersonError::Ambiguous { .. } => StatusCode::CONFLICT,
            PersonError::NotAnId(_) => StatusCode::BAD_REQUEST,
            PersonError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::refused(status, error.code(), error.to_string())
    }
}

/// All identities that `name` may mean: an id, a user name or an e-mail address.
pub(super) async fn called(app: &App, name: &str) -> Result<Vec<User>, PersonError> {
    let found = match name.parse::<UserId>() {
        Ok(id) => app.store.user(id).await?.into_iter().collect(),
        Err(_) => app.store.find_users(name).await?,
    };
    if found.is_empty() { Err(PersonError::Unknown(name.to_owned())) } else { Ok(found) }
}

/// The one person that `name` means. The same address at two identity providers is two people, unless they are linked.
pub(super) async fn one(app: &App, name: &str) -> Result<User, PersonError> {
    let mut found = called(app, name).await?;
    let first = found.swap_remove(0);
    if found.iter().all(|other| other.person() == first.person()) {
        return Ok(first);
    }
    found.push(first);
    let ids: Vec<String> = found.iter().map(|user| format!("{} ({})", user.id, user.idp)).collect();
    Err(PersonError::Ambiguous { name: name.to_owned(), ids: ids.join(", ") })
}

/// Where a name could hit the wrong one: the id and nothing else.
pub(super) fn id(text: &str) -> Result<UserId, PersonError> {
    text.parse().map_err(|_| PersonError::NotAnId(text.to_owned()))
}
