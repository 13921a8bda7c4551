//! Everything of Doorward that listens, calls out or renders.
//!
//! ARCHITECTURE.md tells how one call and one sign-in travel through these modules. The surfaces `login`,
//! `authserver`, `proxy` and `admin` never import each other: they meet in the store and in the modules below.

pub mod admin;
pub mod app;
pub mod audit;
pub mod authserver;
pub(crate) mod cached;
pub mod cli;
pub mod clock;
pub mod config;
pub mod cookies;
pub mod graph;
pub mod housekeeping;
pub mod idp_session;
pub mod keys;
pub mod listener;
pub mod login;
pub mod openid;
pub mod outbound;
pub mod pages;
pub mod proxy;
pub mod random;
pub mod reload;
pub mod request_id;
pub mod routes;
pub mod runtime;
pub mod sign_in;
pub mod step_up;
pub(crate) mod unrouted;
pub(crate) mod wildcard;
