//! Which era a request speaks, and whether its headers say the same as its body.
//!
//! Legacy is the `initialize` handshake (up to 2025-11-25), modern is metadata on every request (2026-07-28). The era
//! is a property of one request. The body is the truth; headers are only compared with it (2026-07-28, transports,
//! "Server Validation"), and in the legacy era too, where some peer might look at them.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::message::{Call, Message};
use crate::method::Method;

/// A published revision of MCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProtocolVersion {
    /// HTTP+SSE.
    V2024_11_05,
    /// Streamable HTTP.
    V2025_03_26,
    /// Version header, resource server.
    V2025_06_18,
    /// Tasks, URL elicitation.
    V2025_11_25,
    /// Stateless.
    V2026_07_28,
}

impl ProtocolVersion {
    /// Every revision, oldest first.
    pub const ALL: [Self; 5] = [Self::V2024_11_05, Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25, Self::V2026_07_28];

    /// The revision on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// The revision with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == text)
    }

    /// The era it belongs to.
    pub fn era(self) -> Era {
        if self >= Self::V2026_07_28 { Era::Modern } else { Era::Legacy }
    }
}

/// How a request carries its protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// `initialize`, sessions, GET and DELETE.
    Legacy,
    /// `_meta` on every request, no sessions.
    Modern,
}

/// The mirrored headers of a request. The caller has made sure that each stands at most once.
#[derive(Debug, Clone, Copy, Default)]
pub struct StandardHeaders<'a> {
    /// `MCP-Protocol-Version`
    pub protocol_version: Option<&'a str>,
    /// `Mcp-Method`
    pub method: Option<&'a str>,
    /// `Mcp-Name`, as sent (perhaps in base64).
    pub name: Option<&'a str>,
}

/// Why headers and body do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// A mirrored header is missing, malformed, or says something else than the body.
    #[error("Header mismatch: {header} is missing, malformed or differs from the body")]
    Mismatch {
        /// The header.
        header: &'static str,
    },
    /// A revision that Doorward does not know.
    #[error("Unsupported protocol version")]
    UnsupportedVersion {
        /// What was asked for, shortened.
        requested: String,
    },
    /// A modern request without the metadata it must carry.
    #[error("Missing required _meta member {member}")]
    MissingMeta {
        /// The member.
        member: &'static str,
    },
    /// A response posted in the modern era, which has no requests of servers.
    #[error("the modern era has no responses of clients")]
    ResponseNotAllowed,
}

impl HeaderError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Mismatch { .. } => "mcp.header_mismatch",
            Self::UnsupportedVersion { .. } => "mcp.unsupported_version",
            Self::MissingMeta { .. } => "mcp.missing_meta",
            Self::ResponseNotAllowed => "mcp.response_not_allowed",
        }
    }

    /// The JSON-RPC error code of 2026-07-28.
    pub fn json_rpc_code(&self) -> i64 {
        match self {
            Self::Mismatch { .. } => -32020,
            Self::UnsupportedVersion { .. } => -32022,
            Self::MissingMeta { .. } => -32602,
            Self::ResponseNotAllowed => -32600,
        }
    }
}

const PROTOCOL_VERSION: &str = "MCP-Protocol-Version";
const METHOD: &str = "Mcp-Method";
const NAME: &str = "Mcp-Name";

/// Compares headers and body and says which era speaks.
pub fn agree(message: &Message<'_>, headers: &StandardHeaders<'_>) -> Result<Era, HeaderError> {
    let in_header = headers.protocol_version.map(version).transpose()?;
    let (call, is_request) = match message {
        Message::Request(request) => (&request.call, true),
        Message::Notification(notification) => (&notification.call, false),
        Message::Response(_) => return response(in_header, headers),
    };
    let said = call.params.meta.protocol_version.as_deref();
    if let (Some(header), Some(body)) = (in_header, said)
        && header.as_str() != body
    {
        // Also where the body names no revision at all: two different words are a mismatch before either is unsupported.
        return Err(HeaderError::Mismatch { header: PROTOCOL_VERSION });
    }
    let in_body = said.map(version).transpose()?;
    let era = era_of(call, is_request, in_header, in_body)?;
    match headers.method {
        Some(method) if method != call.method_name => return Err(HeaderError::Mismatch { header: METHOD }),
        None if era == Era::Modern => return Err(HeaderError::Mismatch { header: METHOD }),
        _ => {}
    }
    compare_name(call, era, headers.name)?;
    if era == Era::Modern && is_request && call.params.meta.client_capabilities.is_none() {
        return Err(HeaderError::MissingMeta { member: "io.modelcontextprotocol/clientCapabilities" });
    }
    Ok(era)
}

fn response(in_header: Option<ProtocolVersion>, headers: &StandardHeaders<'_>) -> Result<Era, HeaderError> {
    if in_header.is_some_and(|version| version.era() == Era::Modern) {
        return Err(HeaderError::ResponseNotAllowed);
    }
    match (headers.method, headers.name) {
        (None, None) => Ok(Era::Legacy),
        (Some(_), _) => Err(HeaderError::Mismatch { header: METHOD }),
        (None, Some(_)) => Err(HeaderError::Mismatch { header: NAME }),
    }
}

fn era_of(
    call: &Call<'_>,
    is_request: bool,
    in_header: Option<ProtocolVersion>,
    in_body: Option<ProtocolVersion>,
) -> Result<Era, HeaderError> {
    match (in_header, in_body) {
        (header, Some(body)) if header == Some(body) => Ok(body.era()),
        (None, Some(body)) if body.era() == Era::Legacy => Ok(Era::Legacy),
        (_, Some(_)) => Err(HeaderError::Mismatch { header: PROTOCOL_VERSION }),
        // A handshake is legacy whatever the header says: its version is negotiated in the body.
        (_, None) if call.method == Some(Method::Initialize) => Ok(Era::Legacy),
        (Some(header), None) if header.era() == Era::Modern && is_request => {
            Err(HeaderError::MissingMeta { member: "io.modelcontextprotocol/protocolVersion" })
        }
        (Some(header), None) => Ok(header.era()),
        (None, None) => Ok(Era::Legacy),
    }
}

fn compare_name(call: &Call<'_>, era: Era, header: Option<&str>) -> Result<(), HeaderError> {
    let mismatch = HeaderError::Mismatch { header: NAME };
    let mirrored = call.params.name.as_deref().or(call.params.uri.as_deref()).or(call.params.task_id.as_deref());
    let required = matches!(call.method, Some(Method::CallTool | Method::ReadResource | Method::GetPrompt));
    match (header, mirrored) {
        (None, _) if required && era == Era::Modern => Err(mismatch),
        (None, _) => Ok(()),
        (Some(header), Some(value)) if decode_header_value(header).as_deref() == Some(value) => Ok(()),
        // Nothing is known of the parameters of a method outside the table, and it goes nowhere.
        (Some(_), None) if call.method.is_none() => Ok(()),
        (Some(_), _) => Err(mismatch),
    }
}

fn version(text: &str) -> Result<ProtocolVersion, HeaderError> {
    ProtocolVersion::parse(text).ok_or_else(|| HeaderError::UnsupportedVersion { requested: text.chars().take(64).collect() })
}

/// The value behind a mirrored header: itself, or the text inside `=?base64?…?=`. `None` if that is malformed.
pub fn decode_header_value(value: &str) -> Option<Cow<'_, str>> {
    let value = value.trim_matches([' ', '\t']);
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        None => Some(Cow::Borrowed(value)),
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok().map(Cow::Owned),
    }
}

#[cfg(test)]
mod tests;
