//! The conformance suite: what every database behind the store must do.
#![cfg(test)]

mod codes;
mod common;
mod diagnosis;
mod lifetimes;
mod links;
mod logout;
mod opening;
mod people;
mod pruning;
mod refresh;
mod requests;
mod step_up;
