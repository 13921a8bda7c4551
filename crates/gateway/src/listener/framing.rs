//! Where each HTTP/1 request begins and ends, byte by byte, before hyper sees a byte of it.
//!
//! hyper accepts what the proxies and servers around it may read differently: bare line feeds, `Content-Length` beside
//! `Transfer-Encoding`, chunk extensions, trailers, a fragment in the target. By the time a request is parsed these
//! are gone, so they are refused here. The scanner is pure: received bytes in, passed bytes out.
//!
//! Invariant: a header is passed only as a whole and only when it has one reading; of a body exactly the bytes that the
//! header announced.

use bytes::BytesMut;

use crate::listener::edge::{EdgeError, is_length};

/// No chunk size needs more digits; more could overflow a reader.
const MAX_CHUNK_DIGITS: usize = 15;

/// Which part of a request is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing of the next request has arrived.
    Between,
    /// A part of a header has arrived.
    Head,
    /// The header has arrived, the body not yet whole.
    Body,
}

/// What the next bytes belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head { scanned: usize },
    Fixed { left: u64 },
    ChunkSize,
    ChunkData { left: u64 },
    ChunkEnd,
    LastChunk,
}

/// The scanner of one connection.
pub(super) struct Framing {
    state: State,
    max_header_bytes: usize,
    max_headers: usize,
    requests: u64,
}

impl Framing {
    /// A scanner at the beginning of a connection.
    pub(super) fn new(max_header_bytes: usize, max_headers: usize) -> Self {
        Self { state: State::Head { scanned: 0 }, max_header_bytes, max_headers, requests: 0 }
    }

    /// How many headers were passed.
    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    /// What is awaited, when `input` is what [`Framing::advance`] left.
    pub(super) fn phase(&self, input: &BytesMut) -> Phase {
        match self.state {
            State::Head { .. } if input.is_empty() => Phase::Between,
            State::Head { .. } => Phase::Head,
            State::Fixed { .. } | State::ChunkSize | State::ChunkData { .. } | State::ChunkEnd | State::LastChunk => Phase::Body,
        }
    }

    /// Moves what is well-formed from the front of `input` to the end of `passed`; leaves what is not yet whole.
    pub(super) fn advance(&mut self, input: &mut BytesMut, passed: &mut BytesMut) -> Result<(), EdgeError> {
        while !input.is_empty() {
            let next = match self.state {
                State::Head { scanned } => self.head(scanned, input, passed)?,
                State::Fixed { left } => Some(data(left, input, passed).map_or(State::Head { scanned: 0 }, |left| State::Fixed { left })),
                State::ChunkSize => chunk_size(input, passed)?,
                State::ChunkData { left } => Some(data(left, input, passed).map_or(State::ChunkEnd, |left| State::ChunkData { left })),
                State::ChunkEnd => line_end(input, passed)?.then_some(State::ChunkSize),
                State::LastChunk => line_end(input, passed)?.then_some(State::Head { scanned: 0 }),
            };
            match next {
                Some(state) => self.state = state,
                None => break,
            }
        }
        Ok(())
    }

    /// Passes a header once it is whole and sound; `None` while it is not whole.
    fn head(&mut self, scanned: usize, input: &mut BytesMut, passed: &mut BytesMut) -> Result<Option<State>, EdgeError> {
        let end = end_of_head(input, scanned)?;
        if end.unwrap_or(input.len()) > self.max_header_bytes {
            return Err(EdgeError::HeaderTooLarge);
        }
        let Some(end) = end else {
            self.state = State::Head { scanned: input.len() };
            return Ok(None);
        };
        let head = input.split_to(end);
        let body = body_of(&head, self.max_headers)?;
        passed.extend_from_slice(&head);
        self.requests += 1;
        Ok(Some(body))
    }
}

/// The offset after the empty line that ends a header; RFC 9112 section 2.2: only CRLF ends a line.
fn end_of_head(input: &[u8], scanned: usize) -> Result<Option<usize>, EdgeError> {
    let mut previous = scanned.checked_sub(1).and_then(|last| input.get(last)).copied();
    for (index, byte) in input.iter().copied().enumerate().skip(scanned) {
        let carriage_return = previous == Some(b'\r');
        if byte == 0 || carriage_return != (byte == b'\n') {
            return Err(EdgeError::HeaderLine);
        }
        if input.get(..=index).is_some_and(|so_far| so_far.ends_with(b"\r\n\r\n")) {
            return Ok(Some(index + 1));
        }
        previous = Some(byte);
    }
    Ok(None)
}

/// Checks every line of a header and says how its body is framed: RFC 9112 sections 3, 5 and 6.3.
fn body_of(head: &[u8], max_headers: usize) -> Result<State, EdgeError> {
    let text = head.strip_suffix(b"\r\n\r\n").ok_or(EdgeError::HeaderLine)?;
    let mut lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let http_11 = request_line(lines.next().unwrap_or_default())?;
    let (mut lengths, mut encodings, mut count) = (Vec::new(), Vec::new(), 0_usize);
    for line in lines {
        let (name, value) = header_line(line)?;
        count += 1;
        if name.eq_ignore_ascii_case(b"content-length") {
            lengths.push(value);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            encodings.push(value);
        }
    }
    if count > max_headers {
        return Err(EdgeError::HeaderTooLarge);
    }
    match (encodings.as_slice(), lengths.as_slice()) {
        ([], []) => Ok(State::Head { scanned: 0 }),
        ([], [length]) => fixed(length),
        ([encoding], []) if http_11 && encoding.eq_ignore_ascii_case(b"chunked") => Ok(State::ChunkSize),
        (_, []) => Err(EdgeError::TransferEncoding),
        (_, _) => Err(EdgeError::BodyLength),
    }
}

/// The state after a header with this `Content-Length`.
fn fixed(length: &[u8]) -> Result<State, EdgeError> {
    let digits = std::str::from_utf8(length).ok().filter(|_| is_length(length)).ok_or(EdgeError::BodyLength)?;
    match digits.parse() {
        Ok(0) => Ok(State::Head { scanned: 0 }),
        Ok(left) => Ok(State::Fixed { left }),
        Err(_) => Err(EdgeError::BodyLength),
    }
}

/// `method SP target SP HTTP/1.x`; gives whether it is HTTP/1.1.
fn request_line(line: &[u8]) -> Result<bool, EdgeError> {
    let parts: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = parts.as_slice() else { return Err(EdgeError::RequestLine) };
    if method.is_empty() || !method.iter().copied().all(is_token_byte) {
        return Err(EdgeError::RequestLine);
    }
    // hyper drops a fragment without a word, so that it and a reader that keeps it would route differently.
    if target.is_empty() || !target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#') {
        return Err(EdgeError::TargetMalformed);
    }
    match *version {
        b"HTTP/1.1" => Ok(true),
        b"HTTP/1.0" => Ok(false),
        _ => Err(EdgeError::RequestLine),
    }
}

/// `name ":" value`, the value without the white space around it; a folded line begins with white space and has no name.
fn header_line(line: &[u8]) -> Result<(&[u8], &[u8]), EdgeError> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or(EdgeError::HeaderLine)?;
    let (name, rest) = line.split_at_checked(colon).ok_or(EdgeError::HeaderLine)?;
    let value = rest.strip_prefix(b":").unwrap_or(rest);
    let sound =
        !name.is_empty() && name.iter().copied().all(is_token_byte) && value.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control());
    if sound { Ok((name, value.trim_ascii())) } else { Err(EdgeError::HeaderLine) }
}

/// RFC 9110 section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Passes up to `left` bytes of a body; what is then still left, or `None` when it is whole.
fn data(left: u64, input: &mut BytesMut, passed: &mut BytesMut) -> Option<u64> {
    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
    passed.extend_from_slice(&input.split_to(taken));
    let left = left.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX));
    (left > 0).then_some(left)
}

/// RFC 9112 section 7.1: only digits before the CRLF; extensions and white space are refused.
fn chunk_size(input: &mut BytesMut, passed: &mut BytesMut) -> Result<Option<State>, EdgeError> {
    let digits = input.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let after = input.get(digits..).unwrap_or_default();
    if digits > MAX_CHUNK_DIGITS || (digits == 0 && !after.is_empty()) || !(b"\r\n".starts_with(after) || after.starts_with(b"\r\n")) {
        return Err(EdgeError::Chunk);
    }
    if after.len() < 2 {
        return Ok(None);
    }
    let line = input.split_to(digits + 2);
    passed.extend_from_slice(&line);
    let text = line.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or(EdgeError::Chunk)?;
    match u64::from_str_radix(text, 16) {
        Ok(0) => Ok(Some(State::LastChunk)),
        Ok(left) => Ok(Some(State::ChunkData { left })),
        Err(_) => Err(EdgeError::Chunk),
    }
}

/// Passes a CRLF; `false` while it is not whole. Anything else after the last chunk is a trailer, and refused.
fn line_end(input: &mut BytesMut, passed: &mut BytesMut) -> Result<bool, EdgeError> {
    if input.starts_with(b"\r\n") {
        passed.extend_from_slice(&input.split_to(2));
        return Ok(true);
    }
    if input.as_ref() == b"\r" { Ok(false) } else { Err(EdgeError::Chunk) }
}

#[cfg(test)]
mod tests;
