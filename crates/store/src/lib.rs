//! What Doorward remembers: people, browser sessions, sign-ins under way, codes, grants, clients, consents, keys.
//!
//! Owns every SQL statement of the project, and the sealing of what must not lie readable in a database. One file per
//! aggregate; each adds methods to the one concrete [`Store`].
//!
//! Invariants:
//! - A thing that may happen once is one SQL statement (`UPDATE … WHERE … IS NULL RETURNING`), so that its replay safety
//!   can be seen, does not depend on a lock in memory, and survives a restart.
//! - Bearer values are never stored: only their SHA-256, or nothing where the value can be derived again.
//! - Secrets that must be read back (keys, the PKCE verifier of a sign-in) are sealed under the master key, bound to
//!   their table, column and row.
//! - An error is never an answer: no method turns a failing database into "not found" or "not revoked".
//!
//! The SQL is written to run on PostgreSQL as well. Time comes in as an argument; only identifiers and the nonces of
//! sealing draw randomness here.

/// All identities of the person whose identity is `$1`: itself and those that an administrator linked.
macro_rules! identities_of {
    () => {
        "(SELECT id FROM users WHERE COALESCE(linked_to, id) = (SELECT COALESCE(linked_to, id) FROM users WHERE id = $1))"
    };
}

mod authorization;
mod clients;
mod codes;
mod consents;
mod database;
mod diagnosis;
mod error;
mod grants;
mod hash;
mod idp_refresh;
mod ids;
mod keys;
mod links;
mod listing;
mod logout;
mod once;
mod prune;
mod refresh;
mod seal;
mod sessions;
mod step_up;
mod time;
mod users;

pub use authorization::{
    Advanced, AuthorizationRequest, Loaded, NewAuthorizationRequest, Purpose, SignInProtocol, SignInState, Stage, StepUpAsked,
};
pub use clients::{Client, NewClient};
pub use codes::{NewCode, RedeemedCode, Redemption};
pub use consents::Consent;
pub use database::{Location, Options, Store};
pub use diagnosis::{Capture, NewCapture, SignInTest};
pub use error::StoreError;
pub use grants::{Grant, GrantsOf, LiveGrant, NewGrant, RevokeReason, SignInContext};
pub use hash::{Hash, sha256};
pub use idp_refresh::{IdpRefresh, IdpTokens, PersonNow};
pub use ids::{AuthorizationRequestId, BrowserSessionId, CaptureId, ClientId, GrantId, InvalidId, SignInTestId, UserId};
pub use keys::{NewSigningKey, StoredKey};
pub use links::{Linked, Unlinked};
pub use listing::{ListedGrant, ListedSession, SessionsOf};
pub use logout::{EndedAtIdp, EndedFor, SignOut};
pub use once::{Once, OnceKind};
pub use prune::Pruned;
pub use refresh::{NewRefreshToken, Rotation, RotationRequest};
pub use seal::SealingKey;
pub use sessions::{BrowserSession, IdpSession, NewBrowserSession};
pub use step_up::StepUpDemand;
pub use users::{Created, NewIdentity, User};
