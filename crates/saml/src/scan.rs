//! One linear pass over the bytes before the parser sees them: limits and forbidden constructs.
//!
//! The parser compares every pair of attributes of a tag and searches all namespace declarations in scope for every
//! name, so both are counted here first. The pass understands just enough of XML to know where tags begin and end; on
//! input that is not well-formed it may count anything, and the parser refuses it afterwards.

use memchr::{memchr, memchr3};

use crate::error::XmlError;
use crate::limits::Limits;

/// Which constructs may occur beside elements and text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Protocol messages: none.
    Protocol,
    /// Metadata files, which people edit: comments, processing instructions and CDATA sections, but no DTD.
    Metadata,
}

/// Checks the size and the encoding and scans; gives the text to parse, without its byte order mark.
pub(crate) fn scan<'i>(bytes: &'i [u8], limits: &Limits, mode: Mode) -> Result<&'i str, XmlError> {
    if bytes.len() > limits.max_bytes {
        return Err(XmlError::TooLarge { limit: limits.max_bytes, actual: bytes.len() });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.starts_with('\u{feff}') {
        // The parser would pass over it; to every other it is text before the document element.
        return Err(XmlError::Malformed { detail: "two byte order marks".to_owned() });
    }
    let mut scanner = Scanner { rest: text.as_bytes(), limits, mode, namespaces: Vec::new(), in_scope: 0, nodes: 0 };
    scanner.skip_declaration();
    while scanner.next_markup()? {}
    Ok(text)
}

struct Scanner<'i, 'l> {
    rest: &'i [u8],
    limits: &'l Limits,
    mode: Mode,
    /// For each open element, how many namespaces it declares.
    namespaces: Vec<usize>,
    in_scope: usize,
    /// Elements and attributes so far.
    nodes: usize,
}

impl Scanner<'_, '_> {
    /// The XML declaration looks like a processing instruction but is none; `xml` checks what it says.
    fn skip_declaration(&mut self) {
        if self.rest.starts_with(b"<?xml") && self.rest.get(5).is_some_and(u8::is_ascii_whitespace) {
            self.skip_past(b"?>");
        }
    }

    /// Goes to the next `<` and past what begins there; false at the end.
    fn next_markup(&mut self) -> Result<bool, XmlError> {
        let Some(at) = memchr(b'<', self.rest) else { return Ok(false) };
        self.advance(at);
        if self.rest.starts_with(b"<!--") {
            self.optional(XmlError::Comment, b"-->")?;
        } else if self.rest.starts_with(b"<![CDATA[") {
            self.optional(XmlError::Cdata, b"]]>")?;
        } else if self.rest.starts_with(b"<!") {
            return Err(XmlError::Dtd);
        } else if self.rest.starts_with(b"<?") {
            self.optional(XmlError::ProcessingInstruction, b"?>")?;
        } else if self.rest.starts_with(b"</") {
            self.in_scope = self.in_scope.saturating_sub(self.namespaces.pop().unwrap_or(0));
            self.skip_past(b">");
        } else {
            self.start_tag()?;
        }
        Ok(true)
    }

    fn optional(&mut self, error: XmlError, end: &[u8]) -> Result<(), XmlError> {
        if self.mode == Mode::Protocol {
            return Err(error);
        }
        self.skip_past(end);
        Ok(())
    }

    /// Counts the attributes of a start tag by their `=` outside quotes, and looks at their values.
    ///
    /// A tab or a line end in a value is a space to every XML processor (XML 1.0 section 3.3.3) but our parser: what is
    /// canonicalized would differ from what the signer, or anybody else, has read.
    fn start_tag(&mut self) -> Result<(), XmlError> {
        let (mut attributes, mut namespaces, mut previous, mut at) = (0_usize, 0_usize, b'<', 1_usize);
        while let Some(&byte) = self.rest.get(at) {
            let behind = self.rest.get(at + 1..).unwrap_or_default();
            at += 1;
            match byte {
                b'"' | b'\'' => {
                    let length = memchr(byte, behind).unwrap_or(behind.len());
                    let value = behind.get(..length).unwrap_or_default();
                    if self.mode == Mode::Protocol && memchr3(b'\t', b'\n', b'\r', value).is_some() {
                        return Err(XmlError::Malformed { detail: "a tab or a line end in an attribute value".to_owned() });
                    }
                    at = at.saturating_add(length).saturating_add(1);
                }
                b'=' => {
                    attributes += 1;
                    if attributes > self.limits.max_attributes {
                        return Err(XmlError::TooManyAttributes { limit: self.limits.max_attributes });
                    }
                }
                b'x' if previous.is_ascii_whitespace() && behind.starts_with(b"mlns") => namespaces += 1,
                b'>' => break,
                _ => {}
            }
            previous = byte;
        }
        self.nodes = self.nodes.saturating_add(1 + attributes);
        if self.nodes > self.limits.max_nodes {
            return Err(XmlError::TooManyNodes { limit: self.limits.max_nodes });
        }
        self.advance(at);
        self.open(namespaces, previous == b'/')
    }

    fn open(&mut self, namespaces: usize, empty: bool) -> Result<(), XmlError> {
        if self.in_scope + namespaces > self.limits.max_namespaces {
            return Err(XmlError::TooManyNamespaces { limit: self.limits.max_namespaces });
        }
        if self.namespaces.len() >= self.limits.max_depth {
            return Err(XmlError::TooDeep { limit: self.limits.max_depth });
        }
        if !empty {
            self.namespaces.push(namespaces);
            self.in_scope += namespaces;
        }
        Ok(())
    }

    fn skip_past(&mut self, end: &[u8]) {
        let at = self.rest.windows(end.len()).position(|window| window == end);
        self.advance(at.map_or(self.rest.len(), |at| at + end.len()));
    }

    fn advance(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests;
