//! Two sample MCP servers on the official Rust SDK: a CRM and a deployment service.
//!
//! They speak both protocol eras as the SDK does, have tools that read, write, destroy and stream, and show in `whoami`
//! what Doorward told them about the person who calls. They check no token: Doorward stands in front of them.

mod crm;
mod deploy;
mod whoami;

use std::sync::Arc;

use axum::Router;
use rmcp::ServerHandler;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;

pub use crate::sample_upstream::crm::Crm;
pub use crate::sample_upstream::deploy::Deploy;

use crate::loopback::{Running, StartError};

/// Which sample server to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Customers and tickets.
    Crm,
    /// Services and their versions.
    Deploy,
}

/// Starts a sample server; its endpoint is `/mcp`.
pub fn start(listener: TcpListener, kind: Kind) -> Result<Running, StartError> {
    Running::spawn(listener, router(kind))
}

/// The routes of a sample server, for tests that bring their own listener.
pub fn router(kind: Kind) -> Router {
    match kind {
        Kind::Crm => {
            let server = Crm::default();
            mcp_router(move || server.clone())
        }
        Kind::Deploy => {
            let server = Deploy::default();
            mcp_router(move || server.clone())
        }
    }
}

/// Every MCP session gets a handle on the same data.
fn mcp_router<S: ServerHandler>(server: impl Fn() -> S + Send + Sync + 'static) -> Router {
    let service =
        StreamableHttpService::new(move || Ok(server()), Arc::new(LocalSessionManager::default()), StreamableHttpServerConfig::default());
    Router::new().route_service("/mcp", service)
}

#[cfg(test)]
mod tests;
