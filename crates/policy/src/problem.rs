//! What can be wrong with a policy, and where.

use std::fmt;

/// Which kind of fault a [`PolicyProblem`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyProblemKind {
    /// Not Cedar.
    Syntax,
    /// Cedar, but not in the words of Doorward's schema.
    SchemaMismatch,
    /// A template: it has no meaning without a link.
    Template,
    /// Two policies with one id, or an id that the short form uses.
    DuplicateId,
    /// A role or upstream that the configuration does not define.
    UnknownEntity,
}

impl PolicyProblemKind {
    /// The stable code; each has a page in `docs/errors`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Syntax => "policy.syntax",
            Self::SchemaMismatch => "policy.schema_mismatch",
            Self::Template => "policy.template",
            Self::DuplicateId => "policy.duplicate_id",
            Self::UnknownEntity => "policy.unknown_entity",
        }
    }
}

/// One fault of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyProblem {
    /// Which kind of fault.
    pub kind: PolicyProblemKind,
    /// The Cedar file; `None` for the short form.
    pub file: Option<String>,
    /// Line and column in it, from 1.
    pub position: Option<(u64, u64)>,
    /// What is wrong.
    pub message: String,
}

impl PolicyProblem {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }
}

impl std::error::Error for PolicyProblem {}

impl fmt::Display for PolicyProblem {
    /// `extra.cedar:3:17: … [policy.schema_mismatch]`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(formatter, "{file}:")?;
        }
        if let Some((line, column)) = self.position {
            write!(formatter, "{line}:{column}:")?;
        }
        if self.file.is_some() {
            formatter.write_str(" ")?;
        }
        write!(formatter, "{} [{}]", self.message, self.code())
    }
}
