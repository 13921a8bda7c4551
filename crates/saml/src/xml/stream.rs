//! A document walked from start to end without being kept: for metadata aggregates of many thousand entities.
//!
//! The same tokenizer as [`Dom::parse`], so the same rules of well-formedness. An element that is wanted becomes a document
//! of its own, made of the events themselves: nothing is cut out of the text and parsed again.

use std::borrow::Cow;

use uppsala::{Document, Element, PullEvent, PullParser};

use super::{Dom, check_declaration_of, check_names, printable};
use crate::error::XmlError;
use crate::limits::Limits;
use crate::scan::{Mode, scan};

/// A document on its way past.
pub(crate) struct Stream<'i>(PullParser<'i>);

/// The start tag of an element.
pub(crate) struct Tag<'i>(Element<'i>);

/// What comes next; text, comments and processing instructions are passed over.
pub(crate) enum Step<'i> {
    /// An element begins.
    Open(Tag<'i>),
    /// The innermost open element ends.
    Close,
    /// The document ends, well-formed.
    End,
}

impl Tag<'_> {
    pub(crate) fn is(&self, namespace: &str, local: &str) -> bool {
        self.0.name.matches(Some(namespace), local)
    }

    /// The attribute of that name without a namespace.
    pub(crate) fn attribute(&self, local: &str) -> Option<&str> {
        let mut attributes = self.0.attributes.iter();
        let found = attributes.find(|attribute| attribute.name.namespace_uri.is_none() && attribute.name.local_name == local)?;
        Some(found.value.as_ref())
    }

    /// The name as it was written, for messages.
    pub(crate) fn label(&self) -> String {
        printable(&self.0.name.prefixed_name(), 80)
    }
}

impl<'i> Stream<'i> {
    /// Scans the whole text for the limits; nothing is parsed yet.
    pub(crate) fn open(bytes: &'i [u8], limits: &Limits, mode: Mode) -> Result<Stream<'i>, XmlError> {
        let text = scan(bytes, limits, mode)?;
        let depth = u32::try_from(limits.max_depth).unwrap_or(u32::MAX);
        let parser = PullParser::new(text);
        Ok(Stream(parser.with_forbid_dtd(true).with_forbid_entities(true).with_max_depth(depth).with_max_entity_expansion(0)))
    }

    pub(crate) fn step(&mut self) -> Result<Step<'i>, XmlError> {
        loop {
            match self.event()? {
                None => return Ok(Step::End),
                Some(PullEvent::StartElement { name, attributes, namespace_declarations, .. }) => {
                    return element(name, attributes, namespace_declarations).map(|element| Step::Open(Tag(element)));
                }
                Some(PullEvent::EndElement { .. }) => return Ok(Step::Close),
                Some(_) => {}
            }
        }
    }

    /// Goes past the element whose start tag was given last.
    pub(crate) fn skip(&mut self) -> Result<(), XmlError> {
        let mut open = 1_usize;
        while open > 0 {
            match self.step()? {
                Step::Open(_) => open += 1,
                Step::Close => open -= 1,
                Step::End => return Err(broken_off()),
            }
        }
        Ok(())
    }

    /// The element whose start tag was given last, whole, as a document of its own.
    pub(crate) fn subtree(&mut self, tag: Tag<'i>) -> Result<Dom<'i>, XmlError> {
        let mut document = Document::new();
        let root = document.root();
        let mut open = vec![append(&mut document, root, tag.0)];
        while let Some(parent) = open.last().copied() {
            let leaf = match self.event()?.ok_or_else(broken_off)? {
                PullEvent::StartElement { name, attributes, namespace_declarations, .. } => {
                    let element = element(name, attributes, namespace_declarations)?;
                    open.push(append(&mut document, parent, element));
                    continue;
                }
                PullEvent::EndElement { .. } => {
                    open.pop();
                    continue;
                }
                PullEvent::Text { content, .. } => document.create_text(content),
                PullEvent::CData { content, .. } => document.create_cdata(content),
                // Neither is read in metadata.
                PullEvent::Comment { .. } | PullEvent::ProcessingInstruction { .. } => continue,
                PullEvent::XmlDeclaration(_) | PullEvent::Doctype(_) | PullEvent::StartNamespace { .. } | PullEvent::EndNamespace => {
                    continue;
                }
            };
            document.append_child(parent, leaf);
        }
        Ok(Dom(document))
    }

    fn event(&mut self) -> Result<Option<PullEvent<'i>>, XmlError> {
        let event = self.0.next_event().map_err(|error| XmlError::Malformed { detail: printable(&error.to_string(), 200) })?;
        if let Some(PullEvent::XmlDeclaration(declaration)) = &event {
            check_declaration_of(declaration)?;
        }
        Ok(event)
    }
}

fn element<'i>(
    name: uppsala::QName<'i>,
    attributes: Vec<uppsala::Attribute<'i>>,
    namespace_declarations: Vec<(Cow<'i, str>, Cow<'i, str>)>,
) -> Result<Element<'i>, XmlError> {
    let element = Element { name, attributes, namespace_declarations };
    check_names(&element, Mode::Metadata)?;
    Ok(element)
}

fn append<'i>(document: &mut Document<'i>, parent: uppsala::NodeId, element: Element<'i>) -> uppsala::NodeId {
    let id = document.create_element(element.name.clone());
    if let Some(own) = document.element_mut(id) {
        *own = element;
    }
    document.append_child(parent, id);
    id
}

fn broken_off() -> XmlError {
    XmlError::Malformed { detail: "the document breaks off".to_owned() }
}
