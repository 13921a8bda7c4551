//! Replies: the errors Doorward writes itself, and what the audit trail wants to know of the upstream's.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::message::Id;

/// A JSON-RPC error reply (JSON-RPC 2.0 section 5.1) that Doorward writes.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorReply<'a> {
    /// The request's id; `None` where it could not be read.
    pub id: Option<Id<'a>>,
    /// The code. Doorward's own lie outside -32768..-32000, which the specifications reserve.
    pub code: i64,
    /// One sentence for a person.
    pub message: &'a str,
    /// `{code, reason, request_id}` and what else helps.
    pub data: Option<Value>,
}

impl ErrorReply<'_> {
    /// The code for a call that policy refuses.
    pub const DENIED: i64 = -31403;
    /// The code for a fault between Doorward and the upstream.
    pub const UPSTREAM: i64 = -31502;
    /// The code for a call that Doorward cannot serve now (audit, store).
    pub const UNAVAILABLE: i64 = -31503;
    /// The code for a request of HTTP that Doorward does not take.
    pub const REFUSED: i64 = -31400;

    /// The reply as JSON.
    pub fn to_json(&self) -> String {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let (Some(data), Value::Object(members)) = (&self.data, &mut error) {
            members.insert("data".to_owned(), data.clone());
        }
        // The id goes in as it came: a client compares it by value, and 2^63 or "01" must survive.
        let id = self.id.map_or("null", |id| id.as_json());
        format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{error}}}")
    }
}

/// What one message of an upstream is, for the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// A response, and not a request or notification of the server.
    pub is_response: bool,
    /// It carries `error` and not `result`.
    pub is_error: bool,
    /// A tool's result with `isError`.
    pub is_tool_error: bool,
    /// The id of a task that the result created.
    pub task_id: Option<String>,
}

/// Reads the outline of a message of an upstream; `None` if it is not JSON-RPC.
pub fn summarize(message: &[u8]) -> Option<Summary> {
    #[derive(Deserialize)]
    struct Outline<'a> {
        method: Option<IgnoredAny>,
        #[serde(borrow)]
        result: Option<&'a RawValue>,
        error: Option<IgnoredAny>,
    }
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct ResultOutline {
        is_error: Option<bool>,
        task: Option<TaskOutline>,
        task_id: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct TaskOutline {
        task_id: Option<String>,
    }
    let outline: Outline<'_> = serde_json::from_slice(message).ok()?;
    if outline.method.is_some() || (outline.result.is_none() && outline.error.is_none()) {
        return outline.method.map(|_| Summary::default());
    }
    let result: ResultOutline = outline.result.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    Some(Summary {
        is_response: true,
        is_error: outline.error.is_some(),
        is_tool_error: result.is_error == Some(true),
        task_id: result.task.and_then(|task| task.task_id).or(result.task_id),
    })
}

#[cfg(test)]
mod tests;
