//! The suite of the SAML crate: real captures, attacks, the positive set, metadata and the two bindings.
//!
//! A test is a table of named cases and one runner; every refusal names its exact code.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod bindings;
#[cfg(test)]
mod captures;
#[cfg(test)]
mod development_idp;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod logout;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod metadata;
#[cfg(test)]
mod mutants;
#[cfg(test)]
mod positive;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod signed_metadata;
#[cfg(test)]
mod signer;
#[cfg(test)]
mod timing;
