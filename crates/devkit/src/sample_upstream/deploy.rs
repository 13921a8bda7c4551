//! The sample deployment service: three services, and a deployment that reports its progress.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::request::Parts;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::Extension;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    CallToolResult, ContentBlock, Implementation, ProgressNotificationParam, RequestMetaObject, ServerCapabilities, ServerConfig,
};
use rmcp::{Peer, RoleServer, ServerHandler, tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::sample_upstream::whoami;

/// How many steps a deployment has.
const STEPS: u32 = 5;
/// How long one step takes unless the caller says otherwise.
const STEP_MILLISECONDS: u64 = 200;
/// The longest step that a caller may ask for.
const MAX_STEP_MILLISECONDS: u64 = 10_000;

/// The deployment service; clones share the versions.
#[derive(Clone)]
pub struct Deploy {
    versions: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    tool_router: ToolRouter<Self>,
}

/// Which service.
#[derive(Debug, Deserialize, JsonSchema)]
struct ServiceArgument {
    /// The name of the service, as `list_services` shows it.
    service: String,
}

/// What to deploy.
#[derive(Debug, Deserialize, JsonSchema)]
struct DeployArgument {
    /// The name of the service, as `list_services` shows it.
    service: String,
    /// The version to deploy.
    version: String,
    /// How long each of the five steps takes, in milliseconds; 200 unless given.
    step_milliseconds: Option<u64>,
}

impl Default for Deploy {
    fn default() -> Self {
        let versions = [("web", "1.4.0"), ("billing", "2.0.3"), ("search", "0.9.1")];
        let versions = versions.into_iter().map(|(name, version)| (name.to_owned(), vec![version.to_owned()])).collect();
        Self { versions: Arc::new(Mutex::new(versions)), tool_router: Self::tool_router() }
    }
}

impl Deploy {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<String>>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A tool's own failure, which the model may read.
fn unknown_service(service: &str) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(format!("there is no service {service}"))])
}

#[tool_router]
impl Deploy {
    /// Lists the services and the version of each.
    #[tool(annotations(title = "List services", read_only_hint = true))]
    fn list_services(&self) -> CallToolResult {
        let services: BTreeMap<String, Option<String>> =
            self.lock().iter().map(|(name, versions)| (name.clone(), versions.last().cloned())).collect();
        CallToolResult::structured(json!({ "services": services }))
    }

    /// Deploys a version, slowly, and reports the progress of each step.
    #[tool(annotations(title = "Deploy", read_only_hint = false, destructive_hint = false))]
    async fn deploy(
        &self,
        Parameters(argument): Parameters<DeployArgument>,
        meta: RequestMetaObject,
        client: Peer<RoleServer>,
    ) -> CallToolResult {
        let DeployArgument { service, version, step_milliseconds } = argument;
        if !self.lock().contains_key(&service) {
            return unknown_service(&service);
        }
        let pause = Duration::from_millis(step_milliseconds.unwrap_or(STEP_MILLISECONDS).min(MAX_STEP_MILLISECONDS));
        for step in 1..=STEPS {
            tokio::time::sleep(pause).await;
            let Some(token) = meta.get_progress_token() else { continue };
            let progress = ProgressNotificationParam::new(token, f64::from(step))
                .with_total(f64::from(STEPS))
                .with_message(format!("step {step} of {STEPS}"));
            if client.notify_progress(progress).await.is_err() {
                tracing::debug!(service, "nobody listens to the progress");
            }
        }
        self.lock().entry(service.clone()).or_default().push(version.clone());
        CallToolResult::structured(json!({ "service": service, "version": version }))
    }

    /// Goes back to the version before.
    #[tool(annotations(title = "Roll back", read_only_hint = false, destructive_hint = true))]
    fn rollback(&self, Parameters(ServiceArgument { service }): Parameters<ServiceArgument>) -> CallToolResult {
        match self.lock().get_mut(&service) {
            None => unknown_service(&service),
            Some(versions) if versions.len() < 2 => {
                CallToolResult::error(vec![ContentBlock::text(format!("{service} has no earlier version"))])
            }
            Some(versions) => {
                versions.pop();
                CallToolResult::structured(json!({ "service": service, "version": versions.last() }))
            }
        }
    }

    /// Shows what Doorward told this server about the caller.
    #[tool(annotations(title = "Who am I", read_only_hint = true))]
    fn whoami(Extension(parts): Extension<Parts>) -> CallToolResult {
        CallToolResult::structured(whoami::describe(&parts))
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Deploy {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("doorward-sample-deploy", env!("CARGO_PKG_VERSION")))
            .with_instructions("A sample deployment service: list, deploy, roll back, and whoami.")
    }
}
