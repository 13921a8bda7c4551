//! Finds the events of a `text/event-stream` (WHATWG HTML, section 9.2) whatever the chunks, and changes nothing.
//!
//! An [`Event`] keeps the bytes it came with, so an event that is passed on is passed on exactly; only
//! [`Event::with_data`] writes a new one, and it keeps every other line (`id`, `event`, `retry`, comments).

/// Why a stream cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// One event is longer than the limit.
    #[error("an event of the stream is longer than {limit} bytes")]
    EventTooLarge {
        /// The limit that was passed.
        limit: usize,
    },
}

impl SseError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::EventTooLarge { .. } => "mcp.event_too_large",
        }
    }
}

/// May stand before the first line of a stream, and is no part of it.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One event, from its first line to the empty line that ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    raw: Vec<u8>,
    data: Option<Vec<u8>>,
    /// The first of the stream, after a byte order mark.
    marked: bool,
}

impl Event {
    /// The bytes as they came.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The bytes as they came.
    pub fn into_raw(self) -> Vec<u8> {
        self.raw
    }

    /// The `data` lines joined by newlines, or `None` if the event has none (a comment, a bare `id`).
    pub fn data(&self) -> Option<&[u8]> {
        self.data.as_deref()
    }

    /// The same event with other data, without a byte order mark.
    pub fn with_data(&self, data: &[u8]) -> Vec<u8> {
        let mut written = false;
        let mut out = Vec::with_capacity(self.raw.len().min(data.len() + 128));
        let raw = if self.marked { self.raw.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&self.raw) } else { &self.raw };
        for line in lines(raw) {
            let content = trim_end(line);
            if field(content).0 != b"data" || content.is_empty() {
                out.extend_from_slice(line);
                continue;
            }
            if !std::mem::replace(&mut written, true) {
                for part in data.split(|byte| matches!(byte, b'\n' | b'\r')) {
                    out.extend_from_slice(b"data: ");
                    out.extend_from_slice(part);
                    out.push(b'\n');
                }
            }
        }
        out
    }
}

/// Cuts a stream of chunks into events.
#[derive(Debug)]
pub struct EventScanner {
    limit: usize,
    raw: Vec<u8>,
    line: Vec<u8>,
    data: Option<Vec<u8>>,
    /// The last byte was `\r`: a `\n` now belongs to the same line end.
    after_cr: bool,
    /// Still on the first line, which may begin with a byte order mark.
    first_line: bool,
    /// The event being read began with it.
    marked: bool,
}

impl EventScanner {
    /// A scanner that refuses events of more than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, raw: Vec::new(), line: Vec::new(), data: None, after_cr: false, first_line: true, marked: false }
    }

    /// Takes the next chunk and gives the events that it completes.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<Event>, SseError> {
        let mut events = Vec::new();
        let mut rest = chunk;
        if self.after_cr
            && let Some((b'\n', tail)) = rest.split_first()
        {
            self.raw.push(b'\n');
            rest = tail;
        }
        self.after_cr = self.after_cr && chunk.is_empty();
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, tail) = rest.split_at(end);
            let carriage_return = tail.first() == Some(&b'\r');
            let terminator = if carriage_return && tail.get(1) == Some(&b'\n') { 2 } else { 1 };
            self.after_cr = carriage_return && tail.len() == 1;
            self.grow(line)?;
            let (terminator, tail) = tail.split_at(terminator);
            self.raw.extend_from_slice(terminator);
            events.extend(self.end_line());
            rest = tail;
        }
        self.grow(rest)?;
        Ok(events)
    }

    /// What stands after the last complete event. A client ignores it, as the specification says.
    pub fn finish(self) -> Vec<u8> {
        self.raw
    }

    fn grow(&mut self, part: &[u8]) -> Result<(), SseError> {
        if self.raw.len() + part.len() > self.limit {
            return Err(SseError::EventTooLarge { limit: self.limit });
        }
        self.raw.extend_from_slice(part);
        self.line.extend_from_slice(part);
        Ok(())
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let mut line = line.as_slice();
        if std::mem::replace(&mut self.first_line, false)
            && let Some(unmarked) = line.strip_prefix(BYTE_ORDER_MARK)
        {
            self.marked = true;
            line = unmarked;
        }
        if line.is_empty() {
            return Some(Event { raw: std::mem::take(&mut self.raw), data: self.data.take(), marked: std::mem::take(&mut self.marked) });
        }
        if let (b"data", value) = field(line) {
            match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            }
        }
        None
    }
}

/// Field name and value of a line; a comment has an empty name.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    match line.iter().position(|byte| *byte == b':') {
        None => (line, &[]),
        Some(colon) => {
            let (name, rest) = line.split_at(colon);
            let value = rest.strip_prefix(b":").unwrap_or(rest);
            (name, value.strip_prefix(b" ").unwrap_or(value))
        }
    }
}

/// The lines of an event, each with its line end.
fn lines(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = raw;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).map_or(rest.len(), |end| match rest.get(end..end + 2) {
            Some(b"\r\n") => end + 2,
            _ => end + 1,
        });
        let (line, tail) = rest.split_at(end);
        rest = tail;
        Some(line)
    })
}

fn trim_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
    line.split_at(end).0
}

#[cfg(test)]
mod tests;
