//! The closed table of methods a client may send, of every revision from 2024-11-05 to 2026-07-28.
//!
//! One table for all revisions on purpose: a client that names an older revision must not find another rule.
//! Requests that only servers send (`sampling/createMessage`, `elicitation/create`, `roots/list`) and methods of
//! extensions that Doorward does not know are not in it and never reach an upstream.

/// A method of a client's request or notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// `initialize`, up to 2025-11-25.
    Initialize,
    /// `ping`, up to 2025-11-25.
    Ping,
    /// `server/discover`, since 2026-07-28.
    Discover,
    /// `tools/list`.
    ListTools,
    /// `tools/call`.
    CallTool,
    /// `resources/list`.
    ListResources,
    /// `resources/templates/list`.
    ListResourceTemplates,
    /// `resources/read`.
    ReadResource,
    /// `resources/subscribe`, up to 2025-11-25.
    SubscribeResource,
    /// `resources/unsubscribe`, up to 2025-11-25.
    UnsubscribeResource,
    /// `prompts/list`.
    ListPrompts,
    /// `prompts/get`.
    GetPrompt,
    /// `completion/complete`.
    Complete,
    /// `logging/setLevel`, up to 2025-11-25.
    SetLogLevel,
    /// `subscriptions/listen`, since 2026-07-28.
    Listen,
    /// `tasks/get`.
    GetTask,
    /// `tasks/result`, 2025-11-25.
    GetTaskResult,
    /// `tasks/list`, 2025-11-25.
    ListTasks,
    /// `tasks/cancel`.
    CancelTask,
    /// `tasks/update`, since 2026-07-28.
    UpdateTask,
    /// `notifications/initialized`.
    Initialized,
    /// `notifications/cancelled`.
    Cancelled,
    /// `notifications/progress`.
    Progress,
    /// `notifications/roots/list_changed`.
    RootsListChanged,
    /// `notifications/tasks/status`, 2025-11-25: a task of the client's own.
    TaskStatus,
}

/// Name on the wire, method, and whether it is a notification.
const TABLE: &[(&str, Method, bool)] = &[
    ("initialize", Method::Initialize, false),
    ("ping", Method::Ping, false),
    ("server/discover", Method::Discover, false),
    ("tools/list", Method::ListTools, false),
    ("tools/call", Method::CallTool, false),
    ("resources/list", Method::ListResources, false),
    ("resources/templates/list", Method::ListResourceTemplates, false),
    ("resources/read", Method::ReadResource, false),
    ("resources/subscribe", Method::SubscribeResource, false),
    ("resources/unsubscribe", Method::UnsubscribeResource, false),
    ("prompts/list", Method::ListPrompts, false),
    ("prompts/get", Method::GetPrompt, false),
    ("completion/complete", Method::Complete, false),
    ("logging/setLevel", Method::SetLogLevel, false),
    ("subscriptions/listen", Method::Listen, false),
    ("tasks/get", Method::GetTask, false),
    ("tasks/result", Method::GetTaskResult, false),
    ("tasks/list", Method::ListTasks, false),
    ("tasks/cancel", Method::CancelTask, false),
    ("tasks/update", Method::UpdateTask, false),
    ("notifications/initialized", Method::Initialized, true),
    ("notifications/cancelled", Method::Cancelled, true),
    ("notifications/progress", Method::Progress, true),
    ("notifications/roots/list_changed", Method::RootsListChanged, true),
    ("notifications/tasks/status", Method::TaskStatus, true),
];

impl Method {
    /// The method of a request (`notification` false) or notification, if the table has it in that form.
    pub fn named(name: &str, notification: bool) -> Option<Self> {
        TABLE.iter().find(|(wire, _, kind)| *wire == name && *kind == notification).map(|(_, method, _)| *method)
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        TABLE.iter().find(|(_, method, _)| *method == self).map_or("", |(wire, _, _)| *wire)
    }

    /// Every method of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(_, method, _)| *method)
    }

    /// Whether the reply is a list that must be cut down to what the caller may use.
    pub fn is_list(self) -> bool {
        matches!(self, Self::ListTools | Self::ListResources | Self::ListResourceTemplates | Self::ListPrompts | Self::ListTasks)
    }

    /// Whether the method speaks about one task and so carries `params.taskId`.
    pub fn names_task(self) -> bool {
        matches!(self, Self::GetTask | Self::GetTaskResult | Self::CancelTask | Self::UpdateTask)
    }
}

#[cfg(test)]
mod tests {
    use super::{Method, TABLE};

    #[test]
    fn every_method_has_one_row_and_finds_itself() {
        for (wire, method, notification) in TABLE {
            assert_eq!(Method::named(wire, *notification), Some(*method), "{wire}");
            assert_eq!(Method::named(wire, !notification), None, "{wire} in the other form");
            assert_eq!(method.as_str(), *wire);
            assert_eq!(wire.starts_with("notifications/"), *notification, "{wire}");
        }
    }

    #[test]
    fn methods_outside_the_table_have_no_meaning() {
        for name in [
            "sampling/createMessage",
            "elicitation/create",
            "roots/list",
            "Tools/call",
            "tools/call ",
            "tools//call",
            "",
            "skills/list",
            "rpc.discover",
        ] {
            assert_eq!(Method::named(name, false), None, "{name}");
            assert_eq!(Method::named(name, true), None, "{name}");
        }
    }
}
