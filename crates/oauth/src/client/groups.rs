//! What claims say about groups. "Not all of them" is an answer of its own and is never read as "none".
//!
//! What shape the value has is configured ([`Format`]); another one is refused, for guessing would give or take rights:
//! `"Sales, EMEA"` is one group or two, and only the administrator knows. SAML attributes go through the same table.

pub mod graph;

use serde_json::{Map, Value};

/// The shape of the value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// A list; each entry is one group, whatever is in it.
    #[default]
    List,
    /// One text, which is one group, whatever is in it.
    String,
    /// One text with commas between the groups; white space around a group and empty groups do not count.
    Comma,
}

impl Format {
    /// The word of the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::String => "string",
            Self::Comma => "comma",
        }
    }

    /// A text where this shape is configured; none if it is not of this shape.
    fn read_text(self, text: &str) -> Option<Vec<String>> {
        match self {
            Self::List => None,
            Self::String if text.is_empty() => Some(Vec::new()),
            Self::String => Some(vec![text.to_owned()]),
            Self::Comma => Some(text.split(',').map(str::trim).filter(|group| !group.is_empty()).map(str::to_owned).collect()),
        }
    }

    /// The groups in the values of a SAML attribute, which has any number of values and does not say whether it is a list; none if
    /// there are several values where one is configured.
    pub fn read_values(self, values: Vec<String>) -> Option<Vec<String>> {
        match (self, values.as_slice()) {
            (Self::List, _) | (_, []) => Some(values),
            (Self::String | Self::Comma, [only]) => self.read_text(only),
            (Self::String | Self::Comma, [_, _, ..]) => None,
        }
    }
}

/// Why the groups of a person are not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupsError {
    /// The IdP left the groups out because there are too many, and points elsewhere (Microsoft Entra ID: `_claim_names`, `hasgroups`).
    #[error("the IdP left out the groups because there are too many (`{marker}`)")]
    Overage {
        /// The claim that says so.
        marker: &'static str,
    },
    /// One text where a list is configured.
    #[error(
        "a string came in `{claim}` where a list is configured; set groups_format: string if it is one group, or groups_format: comma if commas separate several"
    )]
    StringForList {
        /// The configured claim.
        claim: String,
    },
    /// A list where one text is configured.
    #[error("a list came in `{claim}` where one string is configured (groups_format: {}); set groups_format: list", format.word())]
    ListForString {
        /// The configured claim.
        claim: String,
        /// What is configured.
        format: Format,
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
            Self::StringForList { .. } => "oidc.groups_string_for_list",
            Self::ListForString { .. } => "oidc.groups_list_for_string",
            Self::UnknownShape { .. } => "oidc.groups_unknown_shape",
        }
    }
}

/// The groups in `claim`: none if the claim is absent, an error if it is there and cannot be read whole.
///
/// `claim` is a claim's name, a path through objects with dots between the names (Keycloak: `realm_access.roles`), or, if it
/// begins with a slash, a JSON pointer (RFC 6901), for names that have dots themselves.
pub fn groups(claims: &Map<String, Value>, claim: &str, format: Format) -> Result<Option<Vec<String>>, GroupsError> {
    let shape = |received| GroupsError::UnknownShape { claim: claim.to_owned(), received };
    let found = if claim.starts_with('/') { by_pointer(claims, claim)? } else { by_name(claims, claim)? };
    overage(claims, claim, found.is_some())?;
    match found {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => format.read_text(text).map(Some).ok_or_else(|| GroupsError::StringForList { claim: claim.to_owned() }),
        Some(Value::Array(items)) => {
            let groups: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            match (groups, format) {
                (None, _) => Err(shape("an array with something else in it")),
                (Some(groups), Format::List) => Ok(Some(groups)),
                (Some(_), Format::String | Format::Comma) => Err(GroupsError::ListForString { claim: claim.to_owned(), format }),
            }
        }
        Some(Value::Object(_)) => Err(shape("an object")),
        Some(Value::Bool(_)) => Err(shape("a boolean")),
        Some(Value::Number(_)) => Err(shape("a number")),
    }
}

/// Whether `claim` is a JSON pointer without a broken escape (RFC 6901 section 3).
pub fn is_pointer(claim: &str) -> bool {
    claim.starts_with('/') && claim.split('~').skip(1).all(|after| after.starts_with(['0', '1']))
}

/// What Entra ID says when it leaves groups out. Another claim that came whole, such as `roles`, is whole all the same.
fn overage(claims: &Map<String, Value>, claim: &str, found: bool) -> Result<(), GroupsError> {
    const ENTRA: &str = "groups";
    let of_groups = claim.trim_start_matches('/') == ENTRA || !found;
    if of_groups && claims.get("hasgroups").is_some_and(|value| *value != Value::Bool(false)) {
        return Err(GroupsError::Overage { marker: "hasgroups" });
    }
    // Core section 5.6.2: the claim is distributed, its value stands elsewhere.
    let names = claims.get("_claim_names").and_then(Value::as_object);
    if names.is_some_and(|names| names.contains_key(claim) || (of_groups && names.contains_key(ENTRA))) {
        return Err(GroupsError::Overage { marker: "_claim_names" });
    }
    Ok(())
}

/// A distributed claim is not there, also where it would stand inside of another.
fn step<'a>(object: &'a Map<String, Value>, name: &str) -> Result<Option<&'a Value>, GroupsError> {
    let names = object.get("_claim_names").and_then(Value::as_object);
    if names.is_some_and(|names| names.contains_key(name)) {
        return Err(GroupsError::Overage { marker: "_claim_names" });
    }
    Ok(object.get(name))
}

/// A claim by its exact name (which may itself hold dots), else by its path.
fn by_name<'a>(claims: &'a Map<String, Value>, claim: &str) -> Result<Option<&'a Value>, GroupsError> {
    if let Some(value) = step(claims, claim)? {
        return Ok(Some(value));
    }
    let Some((first, rest)) = claim.split_once('.') else { return Ok(None) };
    match step(claims, first)? {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(inner)) => by_name(inner, rest),
        Some(other) => Err(GroupsError::UnknownShape { claim: claim.to_owned(), received: on_the_way(other) }),
    }
}

/// RFC 6901 section 4: `~1` is a slash, `~0` a tilde; in an array, a token is an index.
fn by_pointer<'a>(claims: &'a Map<String, Value>, pointer: &str) -> Result<Option<&'a Value>, GroupsError> {
    let mut tokens = pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"));
    let Some(first) = tokens.next() else { return Ok(None) };
    let mut value = step(claims, &first)?;
    for token in tokens {
        value = match value {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Object(inner)) => step(inner, &token)?,
            Some(Value::Array(items)) => index(&token).and_then(|index| items.get(index)),
            Some(other) => return Err(GroupsError::UnknownShape { claim: pointer.to_owned(), received: on_the_way(other) }),
        };
    }
    Ok(value)
}

/// Digits without leading zeros.
fn index(token: &str) -> Option<usize> {
    let plain = token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    plain.then(|| token.parse().ok()).flatten()
}

/// The path goes on, but the value has nothing in it.
fn on_the_way(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "inside of a string",
        Value::Array(_) => "inside of an array",
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => "inside of a single value",
    }
}

#[cfg(test)]
mod tests;
