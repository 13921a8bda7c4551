//! The names of the schema, parsed once: entity types, actions, and the ids made from them.

use cedar_policy::{EntityId, EntityTypeName, EntityUid, Schema};

/// The schema that every policy must fit.
pub const SCHEMA: &str = include_str!("../../../policies/doorward.cedarschema");

/// The four things that policies decide about. Every MCP method is one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ActionKind {
    Connect,
    CallTool,
    ReadResource,
    GetPrompt,
}

impl ActionKind {
    pub(crate) const ALL: [Self; 4] = [Self::Connect, Self::CallTool, Self::ReadResource, Self::GetPrompt];

    /// The action's id in the schema.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::CallTool => "call_tool",
            Self::ReadResource => "read_resource",
            Self::GetPrompt => "get_prompt",
        }
    }

    /// The entity type that the action is about.
    pub(crate) fn resource_type(self) -> &'static str {
        match self {
            Self::Connect => "Upstream",
            Self::CallTool => "Tool",
            Self::ReadResource => "Resource",
            Self::GetPrompt => "Prompt",
        }
    }
}

/// Parsed type names.
#[derive(Clone, Debug)]
pub(crate) struct Vocabulary {
    pub(crate) schema: Schema,
    user: EntityTypeName,
    role: EntityTypeName,
    upstream: EntityTypeName,
    action: EntityTypeName,
    tool: EntityTypeName,
    resource: EntityTypeName,
    prompt: EntityTypeName,
}

impl Vocabulary {
    /// Parses the schema. It is part of the program, so an error is a fault of ours; it is passed on rather than a panic.
    pub(crate) fn new() -> Result<Self, String> {
        let (schema, _warnings) = Schema::from_cedarschema_str(SCHEMA).map_err(|error| error.to_string())?;
        let name = |text: &str| text.parse::<EntityTypeName>().map_err(|error| error.to_string());
        Ok(Self {
            schema,
            user: name("User")?,
            role: name("Role")?,
            upstream: name("Upstream")?,
            action: name("Action")?,
            tool: name("Tool")?,
            resource: name("Resource")?,
            prompt: name("Prompt")?,
        })
    }

    pub(crate) fn user(&self, id: &str) -> EntityUid {
        uid(&self.user, id)
    }

    pub(crate) fn role(&self, name: &str) -> EntityUid {
        uid(&self.role, name)
    }

    pub(crate) fn upstream(&self, id: &str) -> EntityUid {
        uid(&self.upstream, id)
    }

    pub(crate) fn action(&self, kind: ActionKind) -> EntityUid {
        uid(&self.action, kind.id())
    }

    /// The entity that an action is about: the upstream, or a thing in it.
    pub(crate) fn subject(&self, kind: ActionKind, upstream: &str, name: &str) -> EntityUid {
        let type_name = match kind {
            ActionKind::Connect => return self.upstream(upstream),
            ActionKind::CallTool => &self.tool,
            ActionKind::ReadResource => &self.resource,
            ActionKind::GetPrompt => &self.prompt,
        };
        uid(type_name, &format!("{upstream}/{name}"))
    }
}

fn uid(type_name: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(type_name.clone(), EntityId::new(id))
}
