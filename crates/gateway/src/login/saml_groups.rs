//! The groups in an assertion: the same table as for claims, and the overage of Microsoft Entra ID.

use oauth::client::groups::Format;

use super::error::LoginError;
use crate::app::App;
use crate::config::SamlIdp;
use crate::graph::{self, GraphFault, Person};

/// What Microsoft Entra ID and AD FS send in place of the groups when there are more than 150. Its value is an address, and is never followed.
pub(super) const GROUPS_LINK: &str = "http://schemas.microsoft.com/claims/groups.link";
const OBJECT_ID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
const TENANT_ID: &str = "http://schemas.microsoft.com/identity/claims/tenantid";

/// Why the groups of an assertion are not known.
#[derive(Debug, thiserror::Error)]
pub enum SamlGroupsError {
    /// Several values where one is configured.
    #[error(
        "{count} values came in the attribute `{attribute}` where one is configured (groups_format: {}); set groups_format: list.", format.word()
    )]
    SeveralValues {
        /// The configured attribute.
        attribute: String,
        /// How many values came.
        count: usize,
        /// What is configured.
        format: Format,
    },
    /// The overage could not be resolved.
    #[error(transparent)]
    Graph(#[from] GraphFault),
}

impl SamlGroupsError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SeveralValues { .. } => "login.groups_several_values",
            Self::Graph(error) => error.code(),
        }
    }

    /// Whether trying again may help.
    pub(super) fn is_down(&self) -> bool {
        matches!(self, Self::Graph(error) if error.is_down())
    }

    /// What only the log and the audit trail are told.
    pub(super) fn private(&self) -> String {
        match self {
            Self::SeveralValues { .. } => self.to_string(),
            Self::Graph(error) => error.private(),
        }
    }
}

/// All groups, from `values` of the configured attribute; `first` gives an attribute's first value.
pub(super) async fn groups(
    app: &App,
    settings: &SamlIdp,
    values: Vec<String>,
    first: impl Fn(&str) -> Option<String>,
) -> Result<Vec<String>, LoginError> {
    if first(GROUPS_LINK).is_some() {
        let Some(graph) = &settings.graph else { return Err(LoginError::GroupsOverage(GROUPS_LINK.to_owned())) };
        let (object_id, tenant) = (first(OBJECT_ID), first(TENANT_ID));
        let person = Person { name: OBJECT_ID, object_id: object_id.as_deref(), tenant: tenant.as_deref() };
        return Ok(graph::groups_of(app, graph, &person).await.map_err(SamlGroupsError::from)?);
    }
    let (count, format) = (values.len(), settings.groups_format);
    let several = || SamlGroupsError::SeveralValues { attribute: settings.groups_attribute.clone(), count, format };
    Ok(format.read_values(values).ok_or_else(several)?)
}
