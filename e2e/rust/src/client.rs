//! The Rust SDK as a client: the job of `e2e/README.md`, its facts as one JSON object on standard output.

use anyhow::{Context, bail};
use rmcp::ServiceExt;
use rmcp::model::{CallToolRequestParams, ContentBlock};
use rmcp::service::{RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::auth::{AuthClient, AuthorizationManager, AuthorizationRequest, OAuthState};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Job {
    url: String,
    user: String,
    idp: String,
    node: String,
    person_script: String,
    sign_out_script: String,
    allowed: Call,
    refused: Call,
}

#[derive(Deserialize)]
struct Call {
    name: String,
    arguments: Map<String, Value>,
}

type Client = RunningService<RoleClient, ()>;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let job: Job = serde_json::from_str(&std::env::args().nth(1).context("the job, as JSON")?)?;
    let manager = sign_in(&job).await.context("sign in")?;
    let (client_id, first) = credentials(&manager).await?;

    let client = connect(&job, manager).await.context("connect")?;
    let tools = tools(&client).await.context("list")?;
    let allowed = call(&client, &job.allowed).await.context("the allowed call")?;
    let refused = match call(&client, &job.refused).await {
        Ok(text) => bail!("the refused call was allowed: {text}"),
        Err(error) => format!("{error:#}"),
    };
    client.cancel().await?;

    let manager = resume(&job, &client_id, &first).await?;
    manager.refresh_token().await.context("refresh")?;
    let (_, second) = credentials(&manager).await?;
    let client = connect(&job, manager).await.context("connect with the refreshed token")?;
    let tools_after_refresh = self::tools(&client).await.context("list after the refresh")?;
    client.cancel().await?;

    let signed_out = sign_out(&job, &client_id, &second).await.context("sign out")?;
    let manager = resume(&job, &client_id, &second).await?;
    let after = match connect(&job, manager).await {
        Ok(client) => match self::tools(&client).await {
            Ok(_) => bail!("the client still works after the sign-out"),
            Err(error) => format!("{error:#}"),
        },
        Err(error) => format!("{error:#}"),
    };
    let is_rotated = first["refresh_token"] != second["refresh_token"] && first["access_token"] != second["access_token"];
    println!(
        "{}",
        json!({ "clientId": client_id, "tools": tools, "allowed": allowed, "refused": refused, "isRotated": is_rotated,
                "toolsAfterRefresh": tools_after_refresh, "signedOut": signed_out, "afterSignOut": after })
    );
    Ok(())
}

async fn sign_in(job: &Job) -> anyhow::Result<AuthorizationManager> {
    let mut state = OAuthState::Unauthorized(AuthorizationManager::new(&job.url).await?);
    let redirect = "http://127.0.0.1:9/callback";
    state.start_authorization(AuthorizationRequest::new(redirect).with_client_name("e2e rmcp")).await?;
    let browser = json!({ "url": state.get_authorization_url().await?, "user": job.user, "idp": job.idp, "stopAt": redirect });
    let reached = script(job, &job.person_script, &browser).await?;
    state.handle_callback_url(reached["callback"].as_str().context("callback")?).await?;
    state.into_authorization_manager().context("an authorized manager")
}

/// Client id and token response, as JSON.
async fn credentials(manager: &AuthorizationManager) -> anyhow::Result<(String, Value)> {
    let (client_id, tokens) = manager.get_credentials().await?;
    Ok((client_id, serde_json::to_value(tokens.context("no tokens")?)?))
}

/// A new manager with stored credentials: what a client does when it starts again.
async fn resume(job: &Job, client_id: &str, tokens: &Value) -> anyhow::Result<AuthorizationManager> {
    let mut state = OAuthState::Unauthorized(AuthorizationManager::new(&job.url).await?);
    state.set_credentials(client_id, serde_json::from_value(tokens.clone())?).await?;
    state.into_authorization_manager().context("an authorized manager")
}

async fn connect(job: &Job, manager: AuthorizationManager) -> anyhow::Result<Client> {
    let http = AuthClient::new(reqwest::Client::new(), manager);
    let transport = StreamableHttpClientTransport::with_client(http, StreamableHttpClientTransportConfig::with_uri(job.url.as_str()));
    Ok(().serve(transport).await?)
}

async fn tools(client: &Client) -> anyhow::Result<Vec<String>> {
    let mut names: Vec<String> = client.list_all_tools().await?.into_iter().map(|tool| tool.name.into_owned()).collect();
    names.sort();
    Ok(names)
}

async fn call(client: &Client, call: &Call) -> anyhow::Result<String> {
    let result = client.call_tool(CallToolRequestParams::new(call.name.clone()).with_arguments(call.arguments.clone())).await?;
    let text: Vec<String> = result.content.iter().filter_map(ContentBlock::as_text).map(|block| block.text.clone()).collect();
    if result.is_error == Some(true) {
        bail!("{}", text.join("\n"));
    }
    Ok(text.join("\n"))
}

async fn sign_out(job: &Job, client_id: &str, tokens: &Value) -> anyhow::Result<Value> {
    let input = json!({ "url": job.url, "clientId": client_id, "accessToken": tokens["access_token"], "refreshToken": tokens["refresh_token"] });
    script(job, &job.sign_out_script, &input).await
}

/// Runs one of the Node scripts and reads the JSON that it prints.
async fn script(job: &Job, path: &str, input: &Value) -> anyhow::Result<Value> {
    let output = tokio::process::Command::new(&job.node).arg(path).arg(input.to_string()).output().await?;
    if !output.status.success() {
        bail!("{path}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
