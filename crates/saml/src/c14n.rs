//! Exclusive XML Canonicalization 1.0 without comments of one subtree (the only form accepted or produced).
//!
//! One walk over the subtree itself, whatever stands around it: general libraries select nodes by sets and walk the whole
//! document, which costs as much as the signature check, and far more where a message is made for it. The suite's signer uses
//! such a library, and the differential test libxmlsec, so that there is always a second opinion.

use std::fmt::Write;

use uppsala::{Attribute, Document, Element, NodeId, NodeKind};

use crate::xml::Node;

/// Canonicalization failed; it does not on a parsed document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct C14nError;

const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// The canonical bytes of `apex` and everything below it but `without` (the enveloped signature).
pub(crate) fn canonicalize(apex: Node<'_>, without: Option<Node<'_>>, prefixes: &[&str]) -> Result<Vec<u8>, C14nError> {
    let (document, id) = apex.parts();
    let inclusive: Vec<&str> =
        prefixes.iter().map(|prefix| if *prefix == "#default" { "" } else { prefix }).filter(|prefix| *prefix != "xml").collect();
    let mut writer = Writer {
        document,
        without: without.map(|node| node.parts().1),
        in_scope: if inclusive.is_empty() { Vec::new() } else { scope_around(document, id) },
        inclusive,
        rendered: Vec::new(),
        out: String::with_capacity(8_192),
    };
    writer.element(id)?;
    Ok(writer.out.into_bytes())
}

struct Writer<'d> {
    document: &'d Document<'d>,
    without: Option<NodeId>,
    /// The prefixes that are treated as in inclusive canonicalization (exc-c14n section 3, item 4.2).
    inclusive: Vec<&'d str>,
    /// Declarations in scope, the innermost last; kept only where there are inclusive prefixes.
    in_scope: Vec<(&'d str, &'d str)>,
    /// Declarations that the elements around, as far as they are written, have shown; the innermost last.
    rendered: Vec<(&'d str, &'d str)>,
    out: String,
}

/// The declarations of the elements around `id`, the outermost first.
fn scope_around<'d>(document: &'d Document<'d>, id: NodeId) -> Vec<(&'d str, &'d str)> {
    let around: Vec<NodeId> = std::iter::successors(document.parent(id), |id| document.parent(*id)).collect();
    let elements = around.iter().rev().filter_map(|id| document.element(*id));
    elements.flat_map(|element| element.namespace_declarations.iter().map(|(prefix, uri)| (prefix.as_ref(), uri.as_ref()))).collect()
}

fn latest<'d>(declarations: &[(&'d str, &'d str)], prefix: &str) -> Option<&'d str> {
    declarations.iter().rev().find(|(found, _)| *found == prefix).map(|(_, uri)| *uri)
}

impl<'d> Writer<'d> {
    /// The depth of a document is limited, so the recursion is.
    fn node(&mut self, id: NodeId) -> Result<(), C14nError> {
        if Some(id) == self.without {
            return Ok(());
        }
        match self.document.node_kind(id).ok_or(C14nError)? {
            NodeKind::Element(_) => self.element(id),
            NodeKind::Text(text) | NodeKind::CData(text) => {
                self.escape(text, false);
                Ok(())
            }
            NodeKind::ProcessingInstruction(instruction) => {
                let data = instruction.data.as_deref().filter(|data| !data.is_empty());
                let space = if data.is_some() { " " } else { "" };
                write!(self.out, "<?{}{space}{}?>", instruction.target, data.unwrap_or_default()).map_err(|_| C14nError)
            }
            NodeKind::Comment(_) => Ok(()),
            NodeKind::Document | NodeKind::Attribute(..) => Err(C14nError),
        }
    }

    fn element(&mut self, id: NodeId) -> Result<(), C14nError> {
        let element = self.document.element(id).ok_or(C14nError)?;
        let (in_scope, rendered) = (self.in_scope.len(), self.rendered.len());
        if !self.inclusive.is_empty() {
            self.in_scope.extend(element.namespace_declarations.iter().map(|(prefix, uri)| (prefix.as_ref(), uri.as_ref())));
        }
        self.out.push('<');
        self.name(element);
        self.declarations(element);
        self.attributes(element);
        self.out.push('>');
        for child in self.document.children_iter(id) {
            self.node(child)?;
        }
        self.out.push_str("</");
        self.name(element);
        self.out.push('>');
        self.in_scope.truncate(in_scope);
        self.rendered.truncate(rendered);
        Ok(())
    }

    fn name(&mut self, element: &Element<'_>) {
        if let Some(prefix) = element.name.prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
            self.out.push_str(prefix);
            self.out.push(':');
        }
        self.out.push_str(&element.name.local_name);
    }

    /// What is visibly used here, and the inclusive prefixes, where the output does not say so already.
    fn declarations(&mut self, element: &'d Element<'d>) {
        let before = self.rendered.len();
        let names = std::iter::once(&element.name).chain(element.attributes.iter().map(|attribute| &attribute.name));
        for (at, name) in names.enumerate() {
            let prefix = name.prefix.as_deref().unwrap_or_default();
            // An attribute without a prefix has no namespace (Namespaces in XML 1.0, section 6.2).
            if (at == 0 || !prefix.is_empty()) && !self.inclusive.contains(&prefix) {
                self.show(prefix, name.namespace_uri.as_deref().unwrap_or_default());
            }
        }
        for at in 0..self.inclusive.len() {
            let prefix = self.inclusive.get(at).copied().unwrap_or_default();
            let uri = latest(&self.in_scope, prefix);
            // Only the default namespace can be taken back.
            if let Some(uri) = uri.or((prefix.is_empty()).then_some("")) {
                self.show(prefix, uri);
            }
        }
        let new = self.rendered.get_mut(before..).unwrap_or_default();
        new.sort_unstable_by_key(|(prefix, _)| *prefix);
        for at in before..self.rendered.len() {
            let Some((prefix, uri)) = self.rendered.get(at).copied() else { continue };
            self.out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            self.out.push_str(prefix);
            self.out.push_str("=\"");
            self.escape(uri, true);
            self.out.push('"');
        }
    }

    /// Adds a declaration unless it is in force in the output; no default namespace at all is in force at the beginning.
    fn show(&mut self, prefix: &'d str, uri: &'d str) {
        let in_force = latest(&self.rendered, prefix).or(prefix.is_empty().then_some(""));
        if uri != XML && in_force != Some(uri) {
            self.rendered.push((prefix, uri));
        }
    }

    /// By namespace name, then by local name; those without a namespace come first.
    fn attributes(&mut self, element: &'d Element<'d>) {
        let order =
            |attribute: &&'d Attribute<'d>| (attribute.name.namespace_uri.as_deref().unwrap_or_default(), &*attribute.name.local_name);
        if element.attributes.iter().is_sorted_by_key(|attribute| order(&attribute)) {
            for attribute in &element.attributes {
                self.attribute(attribute);
            }
            return;
        }
        let mut attributes: Vec<_> = element.attributes.iter().collect();
        attributes.sort_unstable_by_key(order);
        for attribute in attributes {
            self.attribute(attribute);
        }
    }

    fn attribute(&mut self, attribute: &Attribute<'_>) {
        self.out.push(' ');
        if let Some(prefix) = attribute.name.prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
            self.out.push_str(prefix);
            self.out.push(':');
        }
        self.out.push_str(&attribute.name.local_name);
        self.out.push_str("=\"");
        self.escape(&attribute.value, true);
        self.out.push('"');
    }

    /// Canonical XML section 2.3, of text and of attribute values.
    fn escape(&mut self, text: &str, in_value: bool) {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|byte| match byte {
            b'&' | b'<' | b'\r' => true,
            b'>' => !in_value,
            b'"' | b'\t' | b'\n' => in_value,
            _ => false,
        }) {
            let (plain, tail) = rest.split_at(at);
            self.out.push_str(plain);
            let (special, after) = tail.split_at(1);
            self.out.push_str(match special {
                "&" => "&amp;",
                "<" => "&lt;",
                ">" => "&gt;",
                "\"" => "&quot;",
                "\t" => "&#x9;",
                "\n" => "&#xA;",
                _ => "&#xD;",
            });
            rest = after;
        }
        self.out.push_str(rest);
    }
}
