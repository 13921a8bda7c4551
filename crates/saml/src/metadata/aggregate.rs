//! Finding one identity provider among the entities of a document (SAML metadata 2.3.1).

use std::collections::HashSet;

use jiff::Timestamp;

use super::IdpMetadata;
use super::entity::{Lifetime, read, role};
use crate::entity_id::EntityId;
use crate::error::MetadataError;
use crate::limits::Limits;
use crate::names::MD;
use crate::scan::Mode;
use crate::xml::{Node, Step, Stream, Tag, printable};

/// How many of several identity providers an error names.
const MOST_NAMED: usize = 10;

/// Walks the document as a stream: only entities that may be the one wanted become nodes, one at a time.
pub(super) fn find(xml: &[u8], want: Option<&EntityId>, now: Timestamp) -> Result<IdpMetadata, MetadataError> {
    let mut stream = Stream::open(xml, &Limits::METADATA, Mode::Metadata)?;
    let mut search = Search::new(want, now);
    // The lifetimes of the groups that are open.
    let mut groups: Vec<Lifetime> = Vec::new();
    let mut at_root = true;
    loop {
        match stream.step()? {
            Step::Open(tag) if tag.is(MD, "EntitiesDescriptor") => groups.push(Lifetime::of(|name| tag.attribute(name))),
            Step::Open(tag) if tag.is(MD, "EntityDescriptor") => entity(&mut stream, tag, &groups, &mut search)?,
            Step::Open(tag) if at_root => return Err(refuse_root(stream, &tag)),
            Step::Open(_) => stream.skip()?,
            Step::Close => {
                groups.pop();
            }
            Step::End => return search.verdict(),
        }
        at_root = false;
    }
}

/// Not metadata; but text that is not XML at all is told as such.
fn refuse_root(mut stream: Stream<'_>, root: &Tag<'_>) -> MetadataError {
    match stream.skip() {
        Ok(()) => MetadataError::NotMetadata { actual: root.label() },
        Err(error) => error.into(),
    }
}

fn entity<'i>(stream: &mut Stream<'i>, tag: Tag<'i>, groups: &[Lifetime], search: &mut Search<'_>) -> Result<(), MetadataError> {
    if !search.wants(tag.attribute("entityID").unwrap_or_default()) {
        return Ok(stream.skip()?);
    }
    let subtree = stream.subtree(tag)?;
    search.look_at(subtree.root()?, groups);
    Ok(())
}

/// What was found so far.
pub(super) struct Search<'w> {
    want: Option<&'w EntityId>,
    now: Timestamp,
    /// The entities that were looked at: with a wanted one, that one only.
    seen: HashSet<String>,
    repeated: HashSet<String>,
    found: Option<(String, Result<IdpMetadata, MetadataError>)>,
    /// Some of the identity providers beside the first.
    others: Vec<String>,
}

impl<'w> Search<'w> {
    pub(super) fn new(want: Option<&'w EntityId>, now: Timestamp) -> Search<'w> {
        Search { want, now, seen: HashSet::new(), repeated: HashSet::new(), found: None, others: Vec::new() }
    }

    /// Whether an entity of that id has to be looked at.
    pub(super) fn wants(&self, entity_id: &str) -> bool {
        self.want.is_none_or(|want| want.as_str() == entity_id)
    }

    /// Looks at an entity; `groups` are the lifetimes of what it stands in.
    pub(super) fn look_at(&mut self, entity: Node<'_>, groups: &[Lifetime]) {
        let id = entity.attribute("entityID").unwrap_or_default();
        if !self.seen.insert(id.to_owned()) {
            self.repeated.insert(id.to_owned());
        }
        let Some(role) = role(entity) else { return };
        match &self.found {
            None => {
                let around: Vec<Lifetime> =
                    groups.iter().cloned().chain(std::iter::once(Lifetime::of(|name| entity.attribute(name)))).collect();
                self.found = Some((id.to_owned(), read(id, role, &around, self.now)));
            }
            Some((first, _)) if first != id && self.others.len() < MOST_NAMED => self.others.push(printable(id, 200)),
            Some(_) => {}
        }
    }

    /// The one identity provider, if there is exactly one that it can be.
    pub(super) fn verdict(self) -> Result<IdpMetadata, MetadataError> {
        let Some((id, metadata)) = self.found else {
            return Err(MetadataError::NoIdentityProvider { wanted: self.want.map(EntityId::to_string) });
        };
        if self.repeated.contains(&id) {
            return Err(MetadataError::DuplicateEntity { entity_id: printable(&id, 200) });
        }
        if !self.others.is_empty() {
            let found = std::iter::once(printable(&id, 200)).chain(self.others).take(MOST_NAMED).collect();
            return Err(MetadataError::SeveralIdentityProviders { found });
        }
        metadata
    }
}
