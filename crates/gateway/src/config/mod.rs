//! Configuration: one YAML file, read in four steps.
//!
//! text -> [`tree`] (values with their line and column) -> `${…}` replaced ([`substitute`]) -> checked against the
//! schema of [`file`] ([`check`]) -> [`resolve`] parses every value and follows every reference -> [`Config`].
//!
//! Invariants: every problem is collected, none stops the others; a [`Config`] exists only if there is none.
//! No value of a `Config` is "maybe wrong": addresses, durations and names are parsed. Secrets are [`oauth::Secret`].

mod check;
mod file;
mod ids;
mod load;
mod master_key;
mod path;
mod problem;
mod public_url;
mod quantity;
pub mod realm;
mod resolve;
mod show;
mod sources;
mod startup;
mod substitute;
mod tree;
mod types;

pub(crate) use check::distance;
pub use file::schema;
pub use ids::{IdpId, NameError, UpstreamId};
pub use load::{Loaded, load, load_noting};
pub(crate) use master_key::encode as encode_master_key;
pub use master_key::{MasterKey, MasterKeyError};
pub use problem::{Position, Problem, ProblemKind};
pub use public_url::{PublicUrl, PublicUrlError};
pub use sources::Sources;
pub use types::{
    ANY_DOMAIN, Audit, Client, Config, ExpiredCertificates, Graph, IdentityProvider, Limits, MetadataSigners, MetadataSource, OidcIdp,
    PolicyFile, Protocol, Registration, RequestBinding, Role, RoleMapping, Rule, SamlIdp, Sessions, SignOutAt, StepUpRule, Tls, Tokens,
    Upstream, UpstreamChoice,
};

#[cfg(test)]
mod tests;
