//! The part of Doorward that a reload swaps: built whole, then exchanged atomically, never changed in place.

use std::sync::Arc;

use policy::{PolicyProblem, PolicySet};

use crate::config::Config;

/// One consistent view of configuration and policy. A request loads it once and uses it to its end.
#[derive(Debug)]
pub struct Runtime {
    /// The configuration.
    pub config: Arc<Config>,
    /// Who may do what, compiled from it.
    pub policies: PolicySet,
}

impl Runtime {
    /// Builds the view of a configuration.
    pub fn new(config: Arc<Config>) -> Result<Self, Vec<PolicyProblem>> {
        let policies = PolicySet::compile(&config.policy_source())?;
        Ok(Self { config, policies })
    }
}
