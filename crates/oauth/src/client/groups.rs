//! What claims say about groups. "Not all of them" is an answer of its own and is never read as "none".

use serde_json::{Map, Value};

/// Why the groups of a person are not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupsError {
    /// The IdP left the groups out because there are too many, and points elsewhere (Microsoft Entra ID: `_claim_names`, `hasgroups`).
    #[error("the IdP left out the groups because there are too many (`{marker}`)")]
    Overage {
        /// The claim that says so.
        marker: &'static str,
    },
    /// The claim is there, and is neither a string nor an array of strings.
    #[error("the claim `{claim}` is {received}, not a string or an array of strings")]
    UnknownShape {
        /// The configured claim.
        claim: String,
        /// What it is instead.
        received: &'static str,
    },
}

impl GroupsError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Overage { .. } => "oidc.groups_overage",
            Self::UnknownShape { .. } => "oidc.groups_unknown_shape",
        }
    }
}

/// The groups in `claim`: none if the claim is absent, an error if it is there and cannot be read whole.
///
/// `claim` is a claim's name, or a path through objects with dots between the names (Keycloak: `realm_access.roles`).
/// One string is one group: a comma or a line break in it separates nothing.
pub fn groups(claims: &Map<String, Value>, claim: &str) -> Result<Option<Vec<String>>, GroupsError> {
    if claims.get("hasgroups").is_some_and(|value| *value != Value::Bool(false)) {
        return Err(GroupsError::Overage { marker: "hasgroups" });
    }
    // Core section 5.6.2: the claim is distributed, its value stands elsewhere.
    if claims.get("_claim_names").and_then(Value::as_object).is_some_and(|names| names.contains_key(claim) || names.contains_key("groups"))
    {
        return Err(GroupsError::Overage { marker: "_claim_names" });
    }
    let shape = |received| GroupsError::UnknownShape { claim: claim.to_owned(), received };
    match find(claims, claim) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(group)) => Ok(Some(vec![group.clone()])),
        Some(Value::Array(items)) => {
            let groups: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            groups.map(Some).ok_or_else(|| shape("an array with something else in it"))
        }
        Some(Value::Object(_)) => Err(shape("an object")),
        Some(Value::Bool(_)) => Err(shape("a boolean")),
        Some(Value::Number(_)) => Err(shape("a number")),
    }
}

/// A claim by its exact name (which may itself hold dots), else by its path.
fn find<'a>(claims: &'a Map<String, Value>, claim: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(claim) {
        return Some(value);
    }
    let (first, rest) = claim.split_once('.')?;
    find(claims.get(first)?.as_object()?, rest)
}

#[cfg(test)]
mod tests;
