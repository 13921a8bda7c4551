//! Changes to documents: to their structure, white space, namespaces, ids, references, transforms, digests and encodings.

/// A reproducible sequence (Knuth's MMIX constants); what is wanted is variety, not secrecy.
pub(super) struct Sequence(pub(super) u64);

impl Sequence {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }
}

/// Makes changes, one after the other, from one sequence.
pub(super) struct Mutator(Sequence);

/// A kind of change: its name and what it does. A change that finds no place does nothing.
type Kind = (&'static str, fn(&mut Mutator, &mut String));

/// Those that a canonicalization must not notice stand first, so that half of the documents keep their signature.
const KINDS: [Kind; 40] = [
    ("white space in a tag", |m, xml| m.in_tag(xml, &[" ", "\n", "\t ", "  "])),
    ("white space in a tag", |m, xml| m.before_end_of_tag(xml, &[" ", "\n\t", "\r\n"])),
    ("quotes", |m, xml| m.quotes(xml)),
    ("order of attributes", |m, xml| m.swap_attributes(xml)),
    ("an unused namespace", |m, xml| m.in_tag(xml, NAMESPACES)),
    ("a namespace again", |m, xml| m.declare_again(xml)),
    ("an empty element", |m, xml| m.expand_empty(xml)),
    ("a character reference", |m, xml| m.reference(xml)),
    ("line ends", |_, xml| *xml = xml.replace('\n', "\r\n")),
    ("a byte order mark", |_, xml| xml.insert(0, '\u{feff}')),
    ("a declaration", |m, xml| m.declaration(xml)),
    ("white space in base64", |m, xml| m.in_base64(xml, &[" ", "\n", "&#10;", "\r\n", "&#13;", "\t"])),
    ("nothing", |_, _| {}),
    ("white space between elements", |m, xml| m.between(xml, &[" ", "\n", "&#x20;", "&#13;", "\t"])),
    ("text between elements", |m, xml| m.between(xml, &["x", "é", "&amp;", "]]", "&#x1F642;"])),
    ("a prefix renamed", |m, xml| m.rename_prefix(xml)),
    ("a prefix bound to something else", |m, xml| {
        m.in_tag(xml, &[" xmlns:saml=\"urn:x\"", " xmlns:samlp=\"urn:x\"", " xmlns:ds=\"urn:x\""]);
    }),
    ("a default namespace", |m, xml| {
        m.in_tag(xml, &[" xmlns=\"\"", " xmlns=\"urn:x\"", " xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\""]);
    }),
    ("an attribute", |m, xml| m.in_tag(xml, ATTRIBUTES)),
    ("an attribute taken away", |m, xml| m.drop_attribute(xml)),
    ("an element taken away", |m, xml| m.drop_element(xml)),
    ("an element twice", |m, xml| m.copy_element(xml, false)),
    ("an element moved", |m, xml| m.copy_element(xml, true)),
    ("another ID", |m, xml| m.in_value(xml, " ID=\"", &["_x", "x", "_a", "_r", "-"])),
    ("another reference", |m, xml| m.in_value(xml, " URI=\"", &["x", "#_a", "#_r", "#xpointer(/)", "#xpointer(id('_a'))", ""])),
    ("no reference", |m, xml| m.replace_one(xml, &[("URI=\"#", "URI=\""), (" URI=", " Uri="), (" URI=\"#_", " URI=\"\" X=\"")])),
    ("transforms", |m, xml| m.replace_one(xml, TRANSFORMS)),
    ("algorithms", |m, xml| m.replace_one(xml, ALGORITHMS)),
    ("a digest", |m, xml| m.in_value(xml, "DigestValue>", &["A", "=", "\n", " ", "&#65;", "<!---->"])),
    ("a signature value", |m, xml| m.in_value(xml, "SignatureValue>", &["A", "=", "\n", "&#x9;", "&#65;", "<x/>"])),
    ("a comment", |m, xml| m.between(xml, &["<!-- x -->", "<!---->"])),
    ("an instruction", |m, xml| m.between(xml, &["<?x y?>", "<?xml-stylesheet href=\"x\"?>"])),
    ("a CDATA section", |m, xml| m.between(xml, &["<![CDATA[x]]>", "<![CDATA[]]>"])),
    ("an entity", |m, xml| m.between(xml, &["&x;", "&lt;", "&#0;", "&#xD800;", "&#xFFFE;"])),
    ("a control character in a value", |m, xml| m.in_attribute(xml, &["\t", "\n", "&#9;", "&#10;", "&#13;", "&lt;", "\r\n"])),
    ("a namespace name", |m, xml| m.in_value(xml, " xmlns:", &["%", "#", "?", "\\", "[", "{", "|", "^", "`", "é", " ", ":", "%zz"])),
    ("a namespace value", |m, xml| m.in_namespace(xml, &["%", "#", "?", "\\", "[", "{", "|", "^", "`", "é", " ", ":", "%zz", "//", "@"])),
    ("a document type", |_, xml| xml.insert_str(0, "<!DOCTYPE x [<!ATTLIST y z CDATA \"1\">]>")),
    ("characters", |m, xml| m.characters(xml)),
    ("characters", |m, xml| m.characters(xml)),
];

const NAMESPACES: &[&str] = &[
    " xmlns:n=\"urn:n\"",
    " xmlns:m='urn:m'",
    " xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\"",
    " xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"",
    " xmlns:q=\"http://x.test/?a=b&amp;c#d\"",
    " xmlns:u=\"a:b{}|\"",
    " xmlns:i=\"http://[::1]/\"",
    " xmlns:e=\"http://x.test/%zz\"",
];

const ATTRIBUTES: &[&str] = &[
    " xml:lang=\"en\"",
    " xml:space=\"preserve\"",
    " xml:base=\"http://x.test/\"",
    " xml:id=\"_z\"",
    " Id=\"_z\"",
    " xmlns:z=\"urn:z\" z:ID=\"_z\"",
    " a=\"b\"",
    " xmlns:z=\"urn:z\" z:a=\"&#10; b\"",
    " ID=\"_a\"",
];

const TRANSFORMS: &[(&str, &str)] = &[
    ("enveloped-signature\"/>", "enveloped-signature\"></ds:Transform>"),
    ("xml-exc-c14n#\"", "xml-exc-c14n#WithComments\""),
    ("http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
    ("http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/2006/12/xml-c14n11"),
    ("http://www.w3.org/2000/09/xmldsig#enveloped-signature", "http://www.w3.org/2001/10/xml-exc-c14n#"),
    (
        "xml-exc-c14n#\"/>",
        "xml-exc-c14n#\"><ec:InclusiveNamespaces xmlns:ec=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"saml n\"/></ds:Transform>",
    ),
    ("<ds:Transforms>", "<ds:Transforms><ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#base64\"/>"),
    ("</ds:Transforms>", "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></ds:Transforms>"),
];

const ALGORITHMS: &[(&str, &str)] = &[
    ("xmldsig-more#rsa-sha256", "xmldsig-more#rsa-sha512"),
    ("xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256"),
    ("2001/04/xmldsig-more#rsa-sha256", "2000/09/xmldsig#rsa-sha1"),
    ("xmlenc#sha256", "xmlenc#sha512"),
    ("2001/04/xmlenc#sha256", "2000/09/xmldsig#sha1"),
    ("Algorithm=\"http", "Algorithm=\" http"),
    ("Algorithm=\"http", "Algorithm=\"&#x68;ttp"),
];

impl Mutator {
    pub(super) fn new(sequence: Sequence) -> Mutator {
        Mutator(sequence)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0.below(limit)
    }

    /// Changes the document in one to three ways; gives their names.
    pub(super) fn change(&mut self, xml: &mut String) -> String {
        let harmless = self.below(2) == 0;
        let names: Vec<&str> = (0..=self.below(3))
            .map(|_| {
                let (name, change) = KINDS[self.below(if harmless { 13 } else { KINDS.len() })];
                change(self, xml);
                name
            })
            .collect();
        names.join(" + ")
    }

    fn pick<'p>(&mut self, pieces: &[&'p str]) -> &'p str {
        pieces[self.below(pieces.len())]
    }

    /// An element with namespaces and attributes of every sort, up to four levels.
    pub(super) fn foreign(&mut self) -> String {
        self.element(4)
    }

    fn element(&mut self, depth: usize) -> String {
        let prefix = self.pick(&["", "", "n:", "m:", "n:"]);
        let name = self.pick(&["a", "b", "Å", "c.d-e"]);
        let mut tag = format!("<{prefix}{name}");
        let mut declared = String::new();
        for (at, candidate) in ["xmlns:n", "xmlns:m", "xmlns", "xmlns:o"].into_iter().enumerate() {
            if self.below(2) == 0 || (at < 2 && depth == 4) {
                let default = if candidate == "xmlns" { "" } else { "urn:2" };
                let value = self.pick(&["urn:1", "urn:2", "http://x.test/a b".split(' ').next().unwrap_or_default(), default]);
                declared.push_str(&[" ", candidate, "=\"", value, "\""].concat());
            }
        }
        tag.push_str(&declared);
        for attribute in ["b=\"1\"", "a='2 &lt; \"3\"'", "n:a=\"\t&#9;\"", "m:b=\"&#xA;é\"", "xml:lang=\"de\"", "B=\"&quot;'>\""] {
            if self.below(4) == 0 {
                tag.push(' ');
                tag.push_str(attribute);
            }
        }
        if depth == 0 || self.below(4) == 0 {
            return tag + "/>";
        }
        let mut inside = String::new();
        for _ in 0..self.below(3) {
            inside.push_str(self.pick(&["", " ", "\n", "x &amp; y", "&gt;&#13;", "]]", "&#x1F642;", "\"'"]));
            inside.push_str(&self.element(depth - 1));
        }
        format!("{tag}>{inside}</{prefix}{name}>")
    }

    /// The places right behind the names of start tags.
    fn tag_places(xml: &str) -> Vec<usize> {
        let name_end = |at: usize| xml.get(at..).and_then(|rest| rest.find([' ', '>', '/', '\n', '\t'])).map(|length| at + length);
        xml.match_indices('<')
            .filter(|(at, _)| xml.as_bytes().get(at + 1).is_some_and(u8::is_ascii_alphabetic))
            .filter_map(|(at, _)| name_end(at))
            .collect()
    }

    fn insert_at(&mut self, xml: &mut String, places: &[usize], pieces: &[&str]) {
        if !places.is_empty() {
            let at = places[self.below(places.len())];
            let piece = self.pick(pieces);
            xml.insert_str(at, piece);
        }
    }

    fn in_tag(&mut self, xml: &mut String, pieces: &[&str]) {
        let places = Mutator::tag_places(xml);
        self.insert_at(xml, &places, pieces);
    }

    fn before_end_of_tag(&mut self, xml: &mut String, pieces: &[&str]) {
        let places: Vec<usize> = xml
            .match_indices('>')
            .map(|(at, _)| if xml.get(..at).is_some_and(|before| before.ends_with('/')) { at - 1 } else { at })
            .collect();
        self.insert_at(xml, &places, pieces);
    }

    fn between(&mut self, xml: &mut String, pieces: &[&str]) {
        let places: Vec<usize> = xml.match_indices('>').map(|(at, _)| at + 1).collect();
        self.insert_at(xml, &places, pieces);
    }

    /// Inside some place behind `marker`, up to 30 characters further.
    fn in_value(&mut self, xml: &mut String, marker: &str, pieces: &[&str]) {
        let places: Vec<usize> = xml.match_indices(marker).map(|(at, _)| at + marker.len()).collect();
        if places.is_empty() {
            return;
        }
        let mut at = places[self.below(places.len())] + self.below(30);
        at = at.min(xml.len());
        while !xml.is_char_boundary(at) {
            at -= 1;
        }
        let piece = self.pick(pieces);
        xml.insert_str(at, piece);
    }

    fn in_namespace(&mut self, xml: &mut String, pieces: &[&str]) {
        let places: Vec<usize> =
            xml.match_indices(" xmlns").filter_map(|(at, _)| xml.get(at..)?.find("=\"").map(|length| at + length + 2)).collect();
        if !places.is_empty() {
            let at = places[self.below(places.len())];
            let length = xml.get(at..).and_then(|rest| rest.find('"')).unwrap_or_default();
            let piece = self.pick(pieces);
            let within = at + self.below(length + 1);
            if xml.is_char_boundary(within) {
                xml.insert_str(within, piece);
            }
        }
    }

    fn in_attribute(&mut self, xml: &mut String, pieces: &[&str]) {
        let places: Vec<usize> = xml.match_indices("=\"").map(|(at, _)| at + 2).collect();
        self.insert_at(xml, &places, pieces);
    }

    fn in_base64(&mut self, xml: &mut String, pieces: &[&str]) {
        let marker = self.pick(&["SignatureValue>", "DigestValue>"]);
        self.in_value(xml, marker, pieces);
    }

    fn replace_one(&mut self, xml: &mut String, pairs: &[(&str, &str)]) {
        let (from, to) = pairs[self.below(pairs.len())];
        *xml = xml.replacen(from, to, 1 + self.below(2));
    }

    /// The attributes of a start tag, by their places: name to closing quote.
    fn attributes(&mut self, xml: &str) -> Option<(usize, Vec<String>, usize)> {
        let places = Mutator::tag_places(xml);
        let start = *places.get(self.below(places.len()))?;
        let end = start + xml.get(start..)?.find('>')?;
        let end = if xml.get(..end)?.ends_with('/') { end - 1 } else { end };
        let mut rest = xml.get(start..end)?.trim();
        let mut found = Vec::new();
        while let Some((name, after)) = rest.split_once('=') {
            let quote = after.chars().next()?;
            let (value, tail) = after.get(1..)?.split_once(quote)?;
            found.push(format!("{}={quote}{value}{quote}", name.trim()));
            rest = tail.trim_start();
        }
        Some((start, found, end))
    }

    fn with_attributes(&mut self, xml: &mut String, change: fn(&mut Mutator, &mut Vec<String>)) {
        if let Some((start, mut found, end)) = self.attributes(xml)
            && !found.is_empty()
        {
            change(self, &mut found);
            xml.replace_range(start..end, &[" ", &found.join(" ")].concat());
        }
    }

    fn swap_attributes(&mut self, xml: &mut String) {
        self.with_attributes(xml, |m, found| {
            let (one, other) = (m.below(found.len()), m.below(found.len()));
            found.swap(one, other);
        });
    }

    fn drop_attribute(&mut self, xml: &mut String) {
        self.with_attributes(xml, |m, found| drop(found.remove(m.below(found.len()))));
    }

    fn quotes(&mut self, xml: &mut String) {
        self.with_attributes(xml, |m, found| {
            let at = m.below(found.len());
            if !found[at].contains('\'') {
                found[at] = found[at].replace('"', "'");
            }
        });
    }

    /// Declares a prefix that the document knows once more, with the same name.
    fn declare_again(&mut self, xml: &mut String) {
        let known: Vec<String> = xml
            .match_indices(" xmlns:")
            .filter_map(|(at, _)| {
                let rest = xml.get(at..)?;
                let (name, after) = rest.split_once("=\"")?;
                Some(format!("{name}=\"{}\"", after.split('"').next()?))
            })
            .collect();
        if !known.is_empty() {
            let piece = known[self.below(known.len())].clone();
            self.in_tag(xml, &[&piece]);
        }
    }

    fn expand_empty(&mut self, xml: &mut String) {
        let places: Vec<usize> = xml.match_indices("/>").map(|(at, _)| at).collect();
        if places.is_empty() {
            return;
        }
        let at = places[self.below(places.len())];
        let name: String = xml
            .get(..at)
            .and_then(|before| before.rsplit('<').next())
            .unwrap_or_default()
            .chars()
            .take_while(|c| !c.is_whitespace())
            .collect();
        xml.replace_range(at..at + 2, &format!("></{name}>"));
    }

    /// Writes a letter as a reference, in text or in an attribute.
    fn reference(&mut self, xml: &mut String) {
        let places: Vec<usize> = ["alice", "https://gw.test", "2026-11-20T", "urn:oasis", "example.com", "mcp-dev"]
            .iter()
            .flat_map(|word| xml.match_indices(word).map(|(at, _)| at).collect::<Vec<_>>())
            .collect();
        if !places.is_empty() {
            let at = places[self.below(places.len())];
            let letter = xml.as_bytes()[at];
            xml.replace_range(at..=at, &if self.below(2) == 0 { format!("&#{letter};") } else { format!("&#x{letter:X};") });
        }
    }

    fn declaration(&mut self, xml: &mut String) {
        if !xml.starts_with("<?xml") {
            let piece = self.pick(&[
                "<?xml version=\"1.0\"?>",
                "<?xml version='1.0' encoding='utf-8'?>\n",
                "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>",
                "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>",
                "<?xml version=\"1.0\" encoding=\"UTF-16\"?>",
                "<?xml version=\"1.1\"?>",
            ]);
            xml.insert_str(0, piece);
        }
    }

    fn rename_prefix(&mut self, xml: &mut String) {
        let prefix = self.pick(&["saml", "samlp", "ds", "xs"]);
        *xml = xml
            .replace(&format!("<{prefix}:"), "<renamed:")
            .replace(&format!("</{prefix}:"), "</renamed:")
            .replace(&format!("xmlns:{prefix}="), "xmlns:renamed=");
    }

    /// A whole element, by its place; it must not hold another of its own name.
    fn some_element(&mut self, xml: &str) -> Option<std::ops::Range<usize>> {
        let places = Mutator::tag_places(xml);
        let name_end = *places.get(self.below(places.len()))?;
        let start = xml.get(..name_end)?.rfind('<')?;
        let name = xml.get(start + 1..name_end)?;
        let close = format!("</{name}>");
        let tag_end = name_end + xml.get(name_end..)?.find('>')?;
        if xml.get(..tag_end)?.ends_with('/') {
            return Some(start..tag_end + 1);
        }
        Some(start..start + xml.get(start..)?.find(&close)? + close.len())
    }

    fn drop_element(&mut self, xml: &mut String) {
        if let Some(range) = self.some_element(xml) {
            xml.replace_range(range, "");
        }
    }

    fn copy_element(&mut self, xml: &mut String, moved: bool) {
        if let Some(range) = self.some_element(xml) {
            let copy = xml.get(range.clone()).unwrap_or_default().to_owned();
            if moved {
                xml.replace_range(range, "");
            }
            self.between(xml, &[&copy]);
        }
    }

    /// One character overwritten, taken away or doubled.
    fn characters(&mut self, xml: &mut String) {
        let mut text: Vec<char> = xml.chars().collect();
        if text.is_empty() {
            return;
        }
        let at = self.below(text.len());
        match self.below(3) {
            0 => text[at] = char::from(u8::try_from(32 + self.below(95)).unwrap()),
            1 => drop(text.remove(at)),
            _ => text.insert(at, text[at]),
        }
        *xml = text.into_iter().collect();
    }
}
