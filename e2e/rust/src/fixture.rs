//! The MCP server behind Doorward: tools that read, write and destroy, and one that says who is calling.
//! Prints `ready <url>` when it listens; `E2E_PORT` is the port on loopback; with `E2E_STATELESS`
//! it keeps no sessions and answers in JSON, for the benchmark.

use std::sync::{Arc, Mutex};

use anyhow::Context;
use axum::serve::ListenerExt;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::Extension;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock, ServerCapabilities, ServerConfig};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, ServerHandler, tool, tool_handler, tool_router};
use serde::Deserialize;
use serde_json::json;

#[derive(Clone)]
struct Notes {
    notes: Arc<Mutex<Vec<String>>>,
    tool_router: ToolRouter<Self>,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Note {
    /// The text of the note.
    text: String,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Number {
    /// The number of the note, from 0.
    number: usize,
}

fn text(value: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(value.into())])
}

#[tool_router]
impl Notes {
    fn new() -> Self {
        Self { notes: Arc::new(Mutex::new(vec!["first".to_owned()])), tool_router: Self::tool_router() }
    }

    fn with<T>(&self, body: impl FnOnce(&mut Vec<String>) -> T) -> T {
        body(&mut self.notes.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    #[tool(description = "Every header about the caller, as this server received it", annotations(read_only_hint = true))]
    fn whoami(&self, Extension(parts): Extension<http::request::Parts>) -> Result<CallToolResult, ErrorData> {
        let shown = ["x-auth-request-user", "x-auth-request-email", "x-auth-request-groups", "x-auth-request-preferred-username", "x-doorward-identity"];
        let seen = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let headers: serde_json::Map<_, _> = shown.into_iter().filter_map(|name| Some((name.to_owned(), json!(seen(name)?)))).collect();
        let carries = |name: &str| parts.headers.contains_key(name);
        Ok(text(json!({ "headers": headers, "authorization": carries("authorization"), "cookie": carries("cookie") }).to_string()))
    }

    #[tool(description = "All notes", annotations(read_only_hint = true))]
    fn list_notes(&self) -> Result<CallToolResult, ErrorData> {
        Ok(text(self.with(|notes| notes.join("\n"))))
    }

    #[tool(description = "One note", annotations(read_only_hint = true))]
    fn read_note(&self, Parameters(Number { number }): Parameters<Number>) -> Result<CallToolResult, ErrorData> {
        let note = self.with(|notes| notes.get(number).cloned());
        note.map(text).ok_or_else(|| ErrorData::invalid_params("no such note", None))
    }

    #[tool(description = "Write a note down", annotations(read_only_hint = false, destructive_hint = false))]
    fn add_note(&self, Parameters(Note { text: note }): Parameters<Note>) -> Result<CallToolResult, ErrorData> {
        let count = self.with(|notes| {
            notes.push(note);
            notes.len()
        });
        Ok(text(format!("{count} notes")))
    }

    #[tool(description = "Throw a note away", annotations(read_only_hint = false, destructive_hint = true))]
    fn delete_note(&self, Parameters(Number { number }): Parameters<Number>) -> Result<CallToolResult, ErrorData> {
        self.with(|notes| (number < notes.len()).then(|| notes.remove(number)));
        Ok(text("deleted"))
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Notes {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let port: u16 = std::env::var("E2E_PORT").context("E2E_PORT")?.parse()?;
    let notes = Notes::new();
    let mut config = StreamableHttpServerConfig::default();
    if std::env::var_os("E2E_STATELESS").is_some() {
        config = config.with_legacy_session_mode(false).with_json_response(true);
    }
    let service = StreamableHttpService::new(move || Ok(notes.clone()), Arc::new(LocalSessionManager::default()), config);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?.tap_io(|socket| {
        let _ = socket.set_nodelay(true);
    });
    println!("ready http://127.0.0.1:{port}/mcp");
    axum::serve(listener, axum::Router::new().route_service("/mcp", service)).await?;
    Ok(())
}
