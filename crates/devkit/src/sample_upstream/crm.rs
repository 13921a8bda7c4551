//! The sample CRM: customers and tickets in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::request::Parts;
use rmcp::handler::server::router::prompt::PromptRouter;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::Extension;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    CallToolResult, ContentBlock, Implementation, ListResourcesResult, PaginatedRequestParams, PromptMessage, ReadResourceRequestParams,
    ReadResourceResponse, ReadResourceResult, Resource, ResourceContents, Role, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, prompt, prompt_handler, prompt_router, tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::sample_upstream::whoami;

/// The one resource.
const HANDBOOK: &str = "crm://handbook";
const HANDBOOK_TEXT: &str = "Write to a customer within one working day. Ask before you delete anything.";

#[derive(Clone, Debug, Serialize)]
struct Customer {
    id: u32,
    name: String,
    city: String,
}

#[derive(Clone, Debug, Serialize)]
struct Ticket {
    id: u32,
    customer_id: u32,
    subject: String,
}

#[derive(Debug, Default)]
struct Records {
    customers: Vec<Customer>,
    tickets: Vec<Ticket>,
    last_ticket: u32,
}

/// The CRM; clones share the records.
#[derive(Clone)]
pub struct Crm {
    records: Arc<Mutex<Records>>,
    tool_router: ToolRouter<Self>,
    prompt_router: PromptRouter<Self>,
}

/// Which customer.
#[derive(Debug, Deserialize, JsonSchema)]
struct CustomerArgument {
    /// The number of the customer.
    id: u32,
}

/// What to look for.
#[derive(Debug, Deserialize, JsonSchema)]
struct SearchArgument {
    /// A part of the subject; upper and lower case are the same.
    text: String,
}

/// A new ticket.
#[derive(Debug, Deserialize, JsonSchema)]
struct TicketArgument {
    /// The number of the customer.
    customer_id: u32,
    /// What it is about.
    subject: String,
}

impl Default for Crm {
    fn default() -> Self {
        let customers = [(1, "Aurora Bakery", "Porto"), (2, "Blue Harbour Logistics", "Rotterdam"), (3, "Cedar Clinic", "Graz")];
        let records = Records {
            customers: customers.map(|(id, name, city)| Customer { id, name: name.to_owned(), city: city.to_owned() }).to_vec(),
            tickets: vec![Ticket { id: 1, customer_id: 2, subject: "Invoice shows the wrong address".to_owned() }],
            last_ticket: 1,
        };
        Self { records: Arc::new(Mutex::new(records)), tool_router: Self::tool_router(), prompt_router: Self::prompt_router() }
    }
}

impl Crm {
    fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A result with the same value as text and as structured content.
fn found(value: serde_json::Value) -> CallToolResult {
    CallToolResult::structured(value)
}

/// A tool's own failure, which the model may read.
fn unknown_customer(id: u32) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(format!("there is no customer {id}"))])
}

#[tool_router]
impl Crm {
    /// Lists all customers.
    #[tool(annotations(title = "List customers", read_only_hint = true))]
    fn list_customers(&self) -> CallToolResult {
        found(json!({ "customers": self.lock().customers }))
    }

    /// Shows one customer.
    #[tool(annotations(title = "Show a customer", read_only_hint = true))]
    fn get_customer(&self, Parameters(CustomerArgument { id }): Parameters<CustomerArgument>) -> CallToolResult {
        self.lock()
            .customers
            .iter()
            .find(|customer| customer.id == id)
            .map_or_else(|| unknown_customer(id), |customer| found(json!(customer)))
    }

    /// Finds tickets by their subject.
    #[tool(annotations(title = "Search tickets", read_only_hint = true))]
    fn search_tickets(&self, Parameters(SearchArgument { text }): Parameters<SearchArgument>) -> CallToolResult {
        let text = text.to_lowercase();
        let tickets: Vec<Ticket> =
            self.lock().tickets.iter().filter(|ticket| ticket.subject.to_lowercase().contains(&text)).cloned().collect();
        found(json!({ "tickets": tickets }))
    }

    /// Opens a ticket for a customer.
    #[tool(annotations(title = "Create a ticket", read_only_hint = false, destructive_hint = false))]
    fn create_ticket(&self, Parameters(TicketArgument { customer_id, subject }): Parameters<TicketArgument>) -> CallToolResult {
        let mut records = self.lock();
        if !records.customers.iter().any(|customer| customer.id == customer_id) {
            return unknown_customer(customer_id);
        }
        records.last_ticket += 1;
        let ticket = Ticket { id: records.last_ticket, customer_id, subject };
        records.tickets.push(ticket.clone());
        found(json!(ticket))
    }

    /// Deletes a customer and all of its tickets.
    #[tool(annotations(title = "Delete a customer", read_only_hint = false, destructive_hint = true))]
    fn delete_customer(&self, Parameters(CustomerArgument { id }): Parameters<CustomerArgument>) -> CallToolResult {
        let mut records = self.lock();
        let before = records.customers.len();
        records.customers.retain(|customer| customer.id != id);
        records.tickets.retain(|ticket| ticket.customer_id != id);
        if records.customers.len() == before { unknown_customer(id) } else { found(json!({ "deleted": id })) }
    }

    /// Shows what Doorward told this server about the caller.
    #[tool(annotations(title = "Who am I", read_only_hint = true))]
    fn whoami(Extension(parts): Extension<Parts>) -> CallToolResult {
        found(whoami::describe(&parts))
    }
}

#[prompt_router]
impl Crm {
    /// Asks for a short summary of one customer.
    #[prompt(name = "summarize_customer")]
    fn summarize_customer(&self, Parameters(CustomerArgument { id }): Parameters<CustomerArgument>) -> Vec<PromptMessage> {
        let name = self
            .lock()
            .customers
            .iter()
            .find(|customer| customer.id == id)
            .map_or_else(|| format!("number {id}"), |customer| customer.name.clone());
        vec![PromptMessage::new_text(
            Role::User,
            format!("Look up customer {name} and its tickets, and summarize them in three sentences."),
        )]
    }
}

#[tool_handler(router = self.tool_router)]
#[prompt_handler(router = self.prompt_router)]
impl ServerHandler for Crm {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_resources().enable_prompts().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("doorward-sample-crm", env!("CARGO_PKG_VERSION")))
            .with_instructions("A sample CRM: customers, tickets, and whoami.")
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(vec![Resource::new(HANDBOOK, "Handbook").with_mime_type("text/plain")]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        if request.uri == HANDBOOK {
            Ok(ReadResourceResult::new(vec![ResourceContents::text(HANDBOOK_TEXT, HANDBOOK)]).into())
        } else {
            Err(ErrorData::resource_not_found("there is no such resource", Some(json!({ "uri": request.uri }))))
        }
    }
}
