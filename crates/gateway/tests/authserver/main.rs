//! The authorization server as an MCP client sees it, through the whole application in one process: real store, real
//! keys, real audit trail, mock clock. The sign-in between `authorize` and `resume` belongs to `login`; here the stored
//! request is moved on directly, as `login` would.

#[cfg(test)]
mod administrators;
#[cfg(test)]
mod authorize;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod lifetimes;
#[cfg(test)]
mod register;
#[cfg(test)]
mod resume;
#[cfg(test)]
mod token;
