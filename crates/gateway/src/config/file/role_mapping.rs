//! A file of `role_mapping_files`, as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which groups of one identity provider give which roles.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["groups"]))]
pub(in super::super) struct FileRoleMapping {
    /// Whose groups these are; needed where there are several identity providers.
    pub(in super::super) identity_provider: Option<String>,
    /// Roles by group: its object id or its name, exactly as the identity provider sends it.
    #[schemars(required)]
    pub(in super::super) groups: BTreeMap<String, FileRoleNames>,
}

/// One role, or several.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in super::super) enum FileRoleNames {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

/// The JSON Schema of the file.
pub(in super::super) fn role_mapping_schema() -> serde_json::Value {
    schemars::schema_for!(FileRoleMapping).to_value()
}
