//! The part of Doorward that a reload swaps: built whole, then exchanged atomically, never changed in place.

use std::sync::Arc;

use crate::config::Config;

/// One consistent view of configuration and policy. A request loads it once and uses it to its end.
#[derive(Debug)]
pub struct Runtime {
    /// The configuration.
    pub config: Arc<Config>,
}
