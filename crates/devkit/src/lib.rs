//! What development and tests need around Doorward: identity providers that really sign, and sample MCP servers.
//!
//! Everything here listens on the loopback interface only and knows four people without passwords ([`people`]): it is
//! for `doorward dev` and for tests, never for production. Time comes in as a [`Clock`].

pub mod idp_oidc;
pub mod idp_saml;
pub mod loopback;
mod page;
pub mod people;
pub mod sample_upstream;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

/// Where the development servers take the time from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The system's random number generator did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's random number generator failed")]
pub struct RandomError;

/// What a sign-in with a second factor is called here: SAML's AuthnContext class and OpenID's `acr`. Nobody has one to show, so who
/// is asked for it is taken to have it.
pub const SECOND_FACTOR: &str = "urn:doorward:dev:second-factor";

/// That class, if it is among those that a service wishes for.
fn second_factor(wishes: impl IntoIterator<Item = impl AsRef<str>>) -> Option<&'static str> {
    wishes.into_iter().any(|wish| wish.as_ref() == SECOND_FACTOR).then_some(SECOND_FACTOR)
}

/// `N` random bytes in base64url: letters, digits, `-` and `_`.
fn random_token<const N: usize>() -> Result<String, RandomError> {
    let mut bytes = [0_u8; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
