//! What can be wrong with the socket, and with a request on it.

use std::path::PathBuf;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;
use store::StoreError;

use crate::audit::AuditError;

/// Why the admin socket cannot be opened; then Doorward does not start.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The operating system has no room for such a name.
    #[error("the path of the admin socket `{}` has {bytes} bytes, and a Unix socket may have {max}", path.display())]
    PathTooLong {
        /// The path.
        path: PathBuf,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        max: usize,
    },
    /// Another process serves this data folder.
    #[error("another process answers on the admin socket `{}`", path.display())]
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// Something that is no socket has its name.
    #[error("`{}` is not a socket, and Doorward does not delete what it did not make", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refuses.
    #[error("the admin socket `{}` cannot be opened: {source}", path.display())]
    Open {
        /// The path.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
}

impl SocketError {
    /// The stable code; its page is in docs/errors.
    pub fn code(&self) -> &'static str {
        match self {
            Self::PathTooLong { .. } => "admin.path_too_long",
            Self::InUse { .. } => "admin.socket_in_use",
            Self::NotASocket { .. } => "admin.not_a_socket",
            Self::Open { .. } => "admin.socket_unusable",
        }
    }
}

/// Why a request of an administrator is refused.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Neither the user that Doorward runs as, nor root.
    #[error("the admin socket serves the user that Doorward runs as, and root; you are {0}")]
    PeerRefused(String),
    /// There is no such path.
    #[error("this Doorward does not know `{0}`; is the command of another version than the gateway?")]
    PathUnknown(String),
    /// The path has no such method.
    #[error("the path does not take this method")]
    MethodNotAllowed,
    /// The body or the query cannot be read.
    #[error("the request cannot be read: {0}")]
    Malformed(String),
    /// The body is larger than any that is needed.
    #[error("the body is larger than {0} bytes, or did not arrive")]
    BodyTooLarge(usize),
    /// The act took longer than a request may.
    #[error("the gateway did not finish this in time; what it did is in the audit trail")]
    TimedOut,
    /// A fault of ours.
    #[error("the gateway failed while it did this; its log says more")]
    Crashed,
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The audit trail cannot be written: nothing is done that it could not tell of.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// What an area refuses, with a code of its own.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The stable code.
        code: &'static str,
        /// What is wrong and how to mend it, for whoever typed the command.
        message: String,
    },
}

impl AdminError {
    /// What an area refuses: see [`AdminError::Refused`].
    pub fn refused(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self::Refused { status, code, message: message.into() }
    }

    /// The stable code; its page is in docs/errors.
    pub fn code(&self) -> &'static str {
        match self {
            Self::PeerRefused(_) => "admin.peer_refused",
            Self::PathUnknown(_) => "admin.path_unknown",
            Self::MethodNotAllowed => "admin.method_not_allowed",
            Self::Malformed(_) => "admin.request_malformed",
            Self::BodyTooLarge(_) => "admin.body_too_large",
            Self::TimedOut => "admin.timed_out",
            Self::Crashed => "admin.crashed",
            Self::Store(error) => error.code(),
            Self::Audit(error) => error.code(),
            Self::Refused { code, .. } => code,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::PeerRefused(_) => StatusCode::FORBIDDEN,
            Self::PathUnknown(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            Self::Crashed => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Store(_) | Self::Audit(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Refused { status, .. } => *status,
        }
    }
}

/// The code of a refusal, for the audit trail: it travels with the response.
#[derive(Clone, Copy, Debug)]
pub(super) struct RefusalCode(pub(super) &'static str);

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        let body = Json(json!({ "code": self.code(), "message": self.to_string() }));
        let mut response = (self.status(), body).into_response();
        response.extensions_mut().insert(RefusalCode(self.code()));
        response
    }
}

/// No route has this path.
pub(super) async fn path_unknown(uri: http::Uri) -> AdminError {
    AdminError::PathUnknown(uri.path().chars().take(100).collect())
}

/// The route has no such method.
pub(super) async fn method_not_allowed() -> AdminError {
    AdminError::MethodNotAllowed
}
