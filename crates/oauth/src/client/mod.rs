//! Doorward as an OpenID Connect relying party: what it sends, and every check on what it gets back.
//!
//! The flow, one file per step, in the order in which a sign-in meets them: [`discovery`] (the IdP's metadata),
//! [`authorize`] (the address the browser is sent to, and what the browser brings back), [`token`] (the code's exchange, and later a refresh), [`authentication`] (how we prove who we are there), [`issuer`] (whose tokens they may be),
//! [`id_token`] (claim by claim), [`userinfo`] (when groups are missing), [`groups`] (what the claims say about groups). Apart from
//! it, [`end_session`] (a sign-out goes on there) and [`logout_token`] (the IdP ends what it began).
//!
//! Nothing here opens a connection, asks for the time or makes randomness: documents come in as bytes, `now` and random
//! values as arguments. Documents are read strictly: a key that stands twice makes a document unreadable.

pub mod authentication;
pub mod authorize;
pub mod discovery;
pub mod end_session;
pub mod groups;
pub mod id_token;
pub mod issuer;
pub mod logout_token;
pub mod token;
pub mod userinfo;
