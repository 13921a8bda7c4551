//! A decision in words: which policy decided, and what would have to be different.

use std::collections::BTreeSet;

use crate::decide::decide;
use crate::request::{Action, Request, ToolAnnotations};
use crate::set::PolicySet;

/// A decision with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whether it is permitted.
    pub permitted: bool,
    /// The code of the denial.
    pub code: Option<&'static str>,
    /// One sentence.
    pub reason: String,
    /// The deciding policies, each with the place it was written at.
    pub policies: Vec<(String, Option<String>)>,
    /// Single changes that would turn a default deny into a permit.
    pub would: Vec<Would>,
}

/// A change after which the request would be permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Would {
    /// If the person had this role.
    Role {
        /// The role.
        role: String,
        /// The policies that would permit it.
        policies: Vec<String>,
    },
    /// If the tool were annotated as read-only.
    ReadOnly {
        /// The policies that would permit it.
        policies: Vec<String>,
    },
}

/// Explains a decision: asks [`decide`], and for a denial asks again with one thing changed at a time.
pub fn explain(set: &PolicySet, request: &Request<'_>) -> Explanation {
    let with_source = |ids: &[String]| ids.iter().map(|id| (id.clone(), set.source(id).map(str::to_owned))).collect();
    match decide(set, request, ()) {
        Ok(permit) => {
            let reason = format!("permitted by {}", permit.policies().join(", "));
            Explanation { permitted: true, code: None, reason, policies: with_source(permit.policies()), would: Vec::new() }
        }
        Err(denial) => {
            let code = Some(denial.code());
            Explanation {
                permitted: false,
                code,
                policies: with_source(&denial.policies),
                reason: denial.reason,
                would: changes(set, request),
            }
        }
    }
}

fn changes(set: &PolicySet, request: &Request<'_>) -> Vec<Would> {
    let mut would = Vec::new();
    let permits = |request: &Request<'_>| decide(set, request, ()).ok().map(|permit| permit.policies().to_vec());
    let others: BTreeSet<&String> = set.roles.iter().map(|rule| &rule.role).filter(|role| !request.roles.contains(*role)).collect();
    for role in others {
        let mut roles = request.roles.clone();
        roles.insert(role.clone());
        if let Some(policies) = permits(&Request { roles: &roles, ..request.clone() }) {
            would.push(Would::Role { role: role.clone(), policies });
        }
    }
    if let Action::CallTool { name, annotations, arguments } = request.action
        && annotations.read_only != Some(true)
    {
        let annotations = ToolAnnotations { read_only: Some(true), ..annotations };
        let action = Action::CallTool { name, annotations, arguments };
        if let Some(policies) = permits(&Request { action, ..request.clone() }) {
            would.push(Would::ReadOnly { policies });
        }
    }
    would
}
