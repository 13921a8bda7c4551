//! MCP on the wire: JSON-RPC messages, protocol eras, server-sent events and list filtering. No I/O, no clock.
//!
//! Flow of one request body: [`parse`] scans every byte strictly ([`Limits`], no duplicate, disguised or
//! control-character member anywhere) and gives a [`Message`] that borrows from the body; [`agree`] compares the
//! headers with it and says which [`Era`] speaks. Flow of one reply: [`EventScanner`] finds the events of a stream
//! without changing a byte, [`filter_lists`] cuts a list down to what policy shows.
//!
//! Invariants: what is decided upon is what the upstream will read, because a body that two JSON readers could
//! understand differently is refused; a method outside the table of [`Method`] has no meaning here at all.

#![warn(missing_docs)]

mod era;
mod list;
mod message;
mod method;
mod reply;
mod sse;
mod strict;
mod uri;

pub use era::{Era, HeaderError, ProtocolVersion, StandardHeaders, agree, decode_header_value};
pub use list::{Filtered, Item, ListKind, ReplyError, ToolAnnotations, filter_lists, make_private};
pub use message::{Call, Id, Message, Meta, Notification, Params, Reference, Request, Response, parse};
pub use method::Method;
pub use reply::{ErrorReply, Summary, summarize};
pub use sse::{Event, EventScanner, SseError};
pub use strict::{FrameError, Limits};
