//! What can be wrong with a configuration, and where.

use std::fmt;

use serde::Serialize;

/// A place in a configuration or policy file; both numbers count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

/// Which kind of fault a [`Problem`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The configuration file itself cannot be read.
    Unreadable,
    /// The text is not YAML, or not one mapping.
    Syntax,
    /// A key that the schema does not know.
    UnknownKey,
    /// A key that has to be there is not.
    MissingKey,
    /// A value of another type than the schema asks for.
    WrongType,
    /// A value of the right type that breaks a rule.
    InvalidValue,
    /// `${NAME}` names a variable that is not set and has no default.
    UnsetVariable,
    /// A file that a value names cannot be read.
    FileUnreadable,
    /// A value names a role, upstream or identity provider that is not defined.
    UnknownReference,
    /// Two keys exclude each other, or one of several is needed.
    ConflictingKeys,
    /// The master key is missing, or is not 32 bytes in base64.
    InvalidMasterKey,
    /// `doorward init` found a file that it would have to overwrite.
    AlreadyExists,
    /// A fault that the policy compiler found; carries its `policy.` code.
    Policy(&'static str),
}

impl ProblemKind {
    /// The stable code; each has a page in `docs/errors`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "config.unreadable",
            Self::Syntax => "config.syntax",
            Self::UnknownKey => "config.unknown_key",
            Self::MissingKey => "config.missing_key",
            Self::WrongType => "config.wrong_type",
            Self::InvalidValue => "config.invalid_value",
            Self::UnsetVariable => "config.unset_variable",
            Self::FileUnreadable => "config.file_unreadable",
            Self::UnknownReference => "config.unknown_reference",
            Self::ConflictingKeys => "config.conflicting_keys",
            Self::InvalidMasterKey => "config.invalid_master_key",
            Self::AlreadyExists => "config.already_exists",
            Self::Policy(code) => code,
        }
    }
}

/// One fault of a configuration. Values are not quoted where they may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    /// Which kind of fault.
    pub kind: ProblemKind,
    /// The key, such as `upstreams.crm.url`; empty where the fault is the file's.
    pub path: String,
    /// The file, where it is known.
    pub file: Option<String>,
    /// Where in the file.
    pub position: Option<Position>,
    /// What is wrong, and where it can be said, what to write instead.
    pub message: String,
}

impl Problem {
    /// The stable code, such as `config.unknown_key`.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }
}

impl fmt::Display for Problem {
    /// `doorward.yaml:7:5: upstreams.crm.ur: unknown key; did you mean "url"? [config.unknown_key]`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(formatter, "{file}:")?;
        }
        if let Some(position) = self.position {
            write!(formatter, "{}:{}:", position.line, position.column)?;
        }
        if self.file.is_some() || self.position.is_some() {
            formatter.write_str(" ")?;
        }
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        write!(formatter, "{} [{}]", self.message, self.code())
    }
}

impl Serialize for Problem {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut object = serializer.serialize_struct("Problem", 6)?;
        object.serialize_field("code", self.code())?;
        object.serialize_field("path", &self.path)?;
        object.serialize_field("file", &self.file)?;
        object.serialize_field("line", &self.position.map(|position| position.line))?;
        object.serialize_field("column", &self.position.map(|position| position.column))?;
        object.serialize_field("message", &self.message)?;
        object.end()
    }
}
