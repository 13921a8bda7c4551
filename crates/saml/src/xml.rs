//! The one document model: parsed once, walked by node handles, never written back to text.
//!
//! A [`Node`] matches names by namespace and local name, and attributes only without a namespace. Namespace declarations
//! are not attributes here. In [`Mode::Protocol`] the model holds elements and text, nothing else, and ids are unique over
//! every attribute that some processor might take for an id, in any namespace.

mod stream;

use std::collections::HashSet;

use uppsala::{Document, NodeId, NodeKind, Parser, XmlDeclaration};

use crate::error::{ResponseError, XmlError};
use crate::limits::Limits;
use crate::scan::{Mode, scan};

pub(crate) use self::stream::{Step, Stream, Tag};

/// A parsed document that passed the limits.
pub(crate) struct Dom<'i>(Document<'i>);

/// An element of a document.
#[derive(Clone, Copy)]
pub(crate) struct Node<'d> {
    document: &'d Document<'d>,
    id: NodeId,
}

impl<'i> Dom<'i> {
    /// Scans, parses and checks; gives the document.
    pub(crate) fn parse(bytes: &'i [u8], limits: &Limits, mode: Mode) -> Result<Dom<'i>, XmlError> {
        let text = scan(bytes, limits, mode)?;
        let depth = u32::try_from(limits.max_depth).unwrap_or(u32::MAX);
        let parser = Parser::new().with_forbid_dtd(true).with_forbid_entities(true).with_max_depth(depth).with_max_entity_expansion(0);
        let document = parser.parse(text).map_err(|error| XmlError::Malformed { detail: printable(&error.to_string(), 200) })?;
        check_declaration(&document)?;
        let dom = Dom(document);
        dom.check_nodes(mode)?;
        Ok(dom)
    }

    /// The document element. A parsed document always has one.
    pub(crate) fn root(&self) -> Result<Node<'_>, XmlError> {
        let id = self.0.document_element().ok_or_else(|| XmlError::Malformed { detail: "no document element".to_owned() })?;
        Ok(Node { document: &self.0, id })
    }

    /// Every element, in document order.
    pub(crate) fn elements(&self) -> impl Iterator<Item = Node<'_>> {
        self.kinds().filter(|(_, kind)| matches!(kind, NodeKind::Element(_))).map(|(id, _)| Node { document: &self.0, id })
    }

    /// Every node of the arena; the parser allocates in document order.
    fn kinds(&self) -> impl Iterator<Item = (NodeId, &NodeKind<'i>)> {
        (0..).map(NodeId::new).map_while(|id| self.0.node_kind(id).map(|kind| (id, kind)))
    }

    fn check_nodes(&self, mode: Mode) -> Result<(), XmlError> {
        let mut ids = HashSet::new();
        for (_, kind) in self.kinds() {
            match kind {
                NodeKind::Element(element) => {
                    check_names(element, mode)?;
                    if mode == Mode::Protocol {
                        check_ids(element, &mut ids)?;
                    }
                }
                // The scanner refused these before the parser ran; the model must not depend on that.
                NodeKind::Comment(_) if mode == Mode::Protocol => return Err(XmlError::Comment),
                NodeKind::CData(_) if mode == Mode::Protocol => return Err(XmlError::Cdata),
                NodeKind::ProcessingInstruction(_) if mode == Mode::Protocol => return Err(XmlError::ProcessingInstruction),
                NodeKind::Comment(_)
                | NodeKind::CData(_)
                | NodeKind::ProcessingInstruction(_)
                | NodeKind::Document
                | NodeKind::Text(_)
                | NodeKind::Attribute(..) => {}
            }
        }
        Ok(())
    }
}

impl<'d> Node<'d> {
    /// The parser's document and id, for canonicalization only.
    pub(crate) fn parts(self) -> (&'d Document<'d>, NodeId) {
        (self.document, self.id)
    }

    /// Whether this is the element of that namespace and local name.
    pub(crate) fn is(self, namespace: &str, local: &str) -> bool {
        self.document.element(self.id).is_some_and(|element| element.name.matches(Some(namespace), local))
    }

    /// The local name, for checks that must hold in every namespace.
    pub(crate) fn local_name(self) -> &'d str {
        self.document.element(self.id).map_or("", |element| element.name.local_name.as_ref())
    }

    /// The name as it was written, for messages.
    pub(crate) fn label(self) -> String {
        self.document.element(self.id).map_or_else(String::new, |element| printable(&element.name.prefixed_name(), 80))
    }

    /// The attribute of that name without a namespace.
    pub(crate) fn attribute(self, local: &str) -> Option<&'d str> {
        let element = self.document.element(self.id)?;
        let attribute =
            element.attributes.iter().find(|attribute| attribute.name.namespace_uri.is_none() && attribute.name.local_name == local)?;
        Some(attribute.value.as_ref())
    }

    /// The parent element.
    pub(crate) fn parent(self) -> Option<Node<'d>> {
        let id = self.document.parent(self.id)?;
        self.document.element(id).map(|_| Node { document: self.document, id })
    }

    /// The child elements, whatever stands between them.
    pub(crate) fn children(self) -> impl Iterator<Item = Node<'d>> {
        let document = self.document;
        document.children_iter(self.id).filter(move |id| document.element(*id).is_some()).map(move |id| Node { document, id })
    }

    /// The child elements of a name, whatever stands between them.
    pub(crate) fn children_named(self, namespace: &'static str, local: &'static str) -> impl Iterator<Item = Node<'d>> {
        self.children().filter(move |child| child.is(namespace, local))
    }

    /// The child elements of an element that holds elements and white space only.
    pub(crate) fn only_elements(self) -> Result<Vec<Node<'d>>, ResponseError> {
        let mut elements = Vec::new();
        for id in self.document.children_iter(self.id) {
            match self.document.node_kind(id) {
                Some(NodeKind::Element(_)) => elements.push(Node { document: self.document, id }),
                Some(NodeKind::Text(text)) if text.chars().all(|c| matches!(c, ' ' | '\t' | '\r' | '\n')) => {}
                _ => return Err(ResponseError::UnexpectedContent { element: self.label() }),
            }
        }
        Ok(elements)
    }

    /// The text of an element that holds text only. In a checked document that text is one node.
    pub(crate) fn text(self) -> Result<&'d str, ResponseError> {
        let mut children = self.document.children_iter(self.id);
        let text = match children.next().map(|id| self.document.node_kind(id)) {
            None => "",
            Some(Some(NodeKind::Text(text))) => text.as_ref(),
            Some(_) => return Err(ResponseError::UnexpectedContent { element: self.label() }),
        };
        if children.next().is_some() {
            return Err(ResponseError::UnexpectedContent { element: self.label() });
        }
        Ok(text)
    }

    /// All text below, for metadata, where comments may stand between.
    pub(crate) fn text_below(self) -> String {
        self.document.text_content_deep(self.id)
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.document, other.document) && self.id == other.id
    }
}

impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<{}>", self.label())
    }
}

/// Text of a message as a log or a terminal may show it: no control characters, not longer than asked.
pub(crate) fn printable(text: &str, longest: usize) -> String {
    text.chars().take(longest).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn check_declaration(document: &Document<'_>) -> Result<(), XmlError> {
    document.xml_declaration.as_ref().map_or(Ok(()), check_declaration_of)
}

fn check_declaration_of(declaration: &XmlDeclaration<'_>) -> Result<(), XmlError> {
    let utf8 = declaration.encoding.as_deref().is_none_or(|name| name.eq_ignore_ascii_case("utf-8"));
    if declaration.version == "1.0" && utf8 { Ok(()) } else { Err(XmlError::NotUtf8) }
}

/// Namespaces in XML 1.0: one colon at most, no prefix may be undeclared. A namespace name in a protocol message is an
/// absolute ASCII URI: canonicalization of anything else is undefined, and implementations disagree.
fn check_names(element: &uppsala::Element<'_>, mode: Mode) -> Result<(), XmlError> {
    let names = std::iter::once(&element.name).chain(element.attributes.iter().map(|attribute| &attribute.name));
    for name in names {
        if name.local_name.contains(':') {
            return Err(XmlError::Namespace { name: printable(&name.prefixed_name(), 80) });
        }
    }
    for (prefix, uri) in &element.namespace_declarations {
        let undeclares_prefix = uri.is_empty() && !prefix.is_empty();
        let odd = mode == Mode::Protocol && !uri.is_empty() && !is_absolute_uri(uri);
        if undeclares_prefix || odd {
            return Err(XmlError::Namespace { name: printable(uri, 80) });
        }
    }
    Ok(())
}

/// A strict subset of RFC 3986: a scheme, a colon, the characters of URIs, whole escapes, one fragment, an authority without
/// an address in brackets whose port is a number. libxml2 refuses to canonicalize the rest.
fn is_absolute_uri(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    let whole_escapes = rest.split('%').skip(1).all(|part| part.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2);
    let characters = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=%".contains(&byte));
    let authority = rest.strip_prefix("//").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let host = authority.map(|authority| authority.rsplit('@').next().unwrap_or_default());
    let port = host.and_then(|host| host.split_once(':')).map(|(_, port)| port);
    named
        && whole_escapes
        && characters
        && rest.matches('#').count() <= 1
        && host.is_none_or(|host| !host.is_empty() && !host.starts_with(':'))
        && port.is_none_or(|port| port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn check_ids<'e>(element: &'e uppsala::Element<'_>, seen: &mut HashSet<&'e str>) -> Result<(), XmlError> {
    let mut own = 0;
    for attribute in &element.attributes {
        let local = &attribute.name.local_name;
        if local.eq_ignore_ascii_case("id") || local.eq_ignore_ascii_case("assertionid") {
            own += 1;
            if own > 1 {
                return Err(XmlError::AmbiguousId { element: printable(&element.name.prefixed_name(), 80) });
            }
            if !seen.insert(attribute.value.as_ref()) {
                return Err(XmlError::DuplicateId { id: printable(&attribute.value, 80) });
            }
        }
    }
    Ok(())
}
