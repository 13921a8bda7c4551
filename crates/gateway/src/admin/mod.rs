//! The surface for administrators: HTTP/1 and JSON on a Unix socket in the data folder, never on the network.
//!
//! Owns `{data_dir}/admin.sock`, its one router and the record of what was done over it. Flow of a request: [`socket`] (the
//! file and its mode), [`connection`] (deadlines, who is at the other end), [`record`] (the audit trail), then the handler
//! of its area, one file each. The other end is `doorward`'s own command line (`cli::admin`).
//!
//! Invariants: nobody but the user that Doorward runs as, and root, is served; an act (any method but GET) is in the audit
//! trail, with who did it, before it begins; every reply is JSON, an error `{"code", "message"}`. This surface imports no
//! other one: what it has to tell them goes through the store and the modules that all of them may use.

mod connection;
mod error;
mod operator;
mod people;
mod record;
mod reload;
mod saml_keys;
mod sessions;
mod sign_ins;
mod socket;
mod status;
#[cfg(test)]
mod tests;
mod users;

use axum::routing::{get, post};
use axum::{Router, middleware};

use crate::app::SharedApp;

pub use connection::Server;
pub use error::{AdminError, SocketError};
pub use operator::Operator;
pub use record::Body;
pub(crate) use saml_keys::SamlKeys;
pub use socket::{SOCKET_FILE, path_in};
pub(crate) use status::Status;

/// Every route of the administrators. An area is a file beside this one and adds its routes here.
fn router(app: SharedApp) -> Router {
    Router::new()
        .route("/reload", post(reload::post))
        .route("/sessions", get(sessions::list))
        .route("/sessions/end", post(sessions::end))
        .route("/status", get(status::get))
        .merge(saml_keys::routes())
        .route("/users", get(users::list))
        .route("/users/disable", post(users::disable))
        .route("/users/enable", post(users::enable))
        .route("/users/link", post(users::link))
        .route("/users/unlink", post(users::unlink))
        .route("/sign-in-tests", post(sign_ins::test))
        .route("/sign-in-tests/{id}", get(sign_ins::test_report))
        .route("/captures", get(sign_ins::captures).post(sign_ins::capture))
        .route("/captures/{id}", get(sign_ins::captured).delete(sign_ins::forget))
        .fallback(error::path_unknown)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), record::around))
        .with_state(app)
}
