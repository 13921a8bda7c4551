//! The question that is put to a policy set, and its two possible answers.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// One question: may this person, through this client, do this at this upstream?
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The person's id, `usr_…`.
    pub user: &'a str,
    /// The identity provider they signed in at.
    pub idp: &'a str,
    /// Their user name there.
    pub username: Option<&'a str>,
    /// Their e-mail address.
    pub email: Option<&'a str>,
    /// Their groups.
    pub groups: &'a [String],
    /// Their roles: what [`crate::PolicySet::roles`] gave.
    pub roles: &'a BTreeSet<String>,
    /// The `client_id` of the MCP client.
    pub client: &'a str,
    /// The scopes of the access token.
    pub scopes: &'a [String],
    /// The upstream.
    pub upstream: &'a str,
    /// What is to be done.
    pub action: Action<'a>,
}

/// What a request does at an upstream.
#[derive(Clone, Copy, Debug)]
pub enum Action<'a> {
    /// `tools/call`, or the question whether a tool is shown.
    CallTool {
        /// The tool's name.
        name: &'a str,
        /// What the upstream says about it.
        annotations: ToolAnnotations,
        /// The arguments, where they are known.
        arguments: Option<&'a Map<String, Value>>,
    },
    /// `resources/read`.
    ReadResource {
        /// The resource's URI.
        uri: &'a str,
    },
    /// `resources/subscribe` and `unsubscribe`: decided as reading that resource.
    Subscribe {
        /// The resource's URI.
        uri: &'a str,
    },
    /// `prompts/get`.
    GetPrompt {
        /// The prompt's name.
        name: &'a str,
    },
    /// `completion/complete` for a prompt's argument: decided as getting that prompt.
    CompletePrompt {
        /// The prompt's name.
        name: &'a str,
    },
    /// `completion/complete` for a resource template: decided as reading that URI.
    CompleteResource {
        /// The resource template's URI.
        uri: &'a str,
    },
    /// `tools/list`.
    ListTools,
    /// `resources/list` and `resources/templates/list`.
    ListResources,
    /// `prompts/list`.
    ListPrompts,
    /// `initialize`, `ping`, notifications: what everybody needs who may use the upstream at all.
    Connect,
    /// `logging/setLevel`.
    SetLogLevel,
}

/// The annotations of a tool that policies look at. `None`: the upstream does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ToolAnnotations {
    /// `readOnlyHint`.
    pub read_only: Option<bool>,
    /// `destructiveHint`.
    pub destructive: Option<bool>,
}

/// Proof that a policy allows `T`. Only [`crate::decide`] makes one, around the very thing it was asked for.
///
/// It cannot be made elsewhere, and what it holds cannot be exchanged:
///
/// ```compile_fail,E0451
/// let forged = policy::Permit { subject: "tool", policies: Vec::new() };
/// ```
///
/// ```compile_fail,E0624
/// let forged = policy::Permit::new("tool", Vec::new());
/// ```
///
/// ```compile_fail,E0616
/// fn exchange(permit: &mut policy::Permit<&str>) {
///     permit.subject = "another tool";
/// }
/// ```
///
/// Nor can one permit serve for two:
///
/// ```compile_fail,E0382
/// fn twice(permit: policy::Permit<String>) -> (String, String) {
///     (permit.into_inner(), permit.into_inner())
/// }
/// ```
#[derive(Debug)]
#[must_use = "a permit that is not used means that something was decided and not done"]
pub struct Permit<T> {
    subject: T,
    policies: Vec<String>,
}

impl<T> Permit<T> {
    pub(crate) fn new(subject: T, policies: Vec<String>) -> Self {
        Self { subject, policies }
    }

    /// The permitted thing; the permit is used up.
    pub fn into_inner(self) -> T {
        self.subject
    }

    /// The permitted thing.
    pub fn subject(&self) -> &T {
        &self.subject
    }

    /// The ids of the policies that permit it, such as `grants[0].tools`, in order.
    pub fn policies(&self) -> &[String] {
        &self.policies
    }
}

/// Why something is not permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenialCode {
    /// No policy permits it.
    DefaultDeny,
    /// A policy forbids it.
    ExplicitDeny,
    /// A policy could not be evaluated.
    EvaluationError,
}

impl DenialCode {
    /// The stable code; each has a page in `docs/errors`.
    pub fn code(self) -> &'static str {
        match self {
            Self::DefaultDeny => "policy.default_deny",
            Self::ExplicitDeny => "policy.explicit_deny",
            Self::EvaluationError => "policy.evaluation_error",
        }
    }
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Denial {
    /// Why.
    pub code: DenialCode,
    /// The policies that decided; empty where none permits.
    pub policies: Vec<String>,
    /// One sentence for the administrator; names nothing secret.
    pub reason: String,
}

impl Denial {
    /// The stable code, such as `policy.default_deny`.
    pub fn code(&self) -> &'static str {
        self.code.code()
    }
}
