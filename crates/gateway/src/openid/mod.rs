//! Doorward's side of an OpenID provider, as far as it talks: its documents, its token endpoint, who the claims name.
//!
//! Used by the sign-in (`login::oidc`), which has a browser, and by whatever asks the provider later without one. The rules
//! are in `oauth::client`; here are the network and the caches. Knows no surface.

mod documents;
mod error;
mod identify;
mod logout;
mod token;

use std::time::Duration;

/// How far a provider's clock may be off.
pub(crate) const LEEWAY: Duration = Duration::from_mins(1);

pub use documents::Providers;
pub(crate) use documents::metadata;
pub(crate) use error::Fault;
pub use error::OpenIdError;
pub(crate) use identify::{Identified, identify, identify_again};
pub(crate) use logout::check_logout_token;
pub(crate) use token::{check_id_token, exchange, own_keys};
