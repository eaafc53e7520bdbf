//! Finds the node of a path: through aliases, and through merges where a key is not written out.

use std::collections::BTreeSet;

use crate::engine::{
    node::{Path, Segment},
    yaml::{
        Dialect,
        spans::Span,
        tree::{Entry, Kind, NodeId, Style, Tree},
    },
};

/// Where something stands, or the nearest thing that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// The key, where it is an entry of a mapping.
    pub key: Option<Span>,
    pub value: Span,
    pub node: NodeId,
    /// Whether the whole path exists; else this is its deepest ancestor.
    pub exact: bool,
}

/// A place in a list or mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    pub container: NodeId,
    pub index: usize,
    pub key: Option<NodeId>,
    /// As written: an alias is not followed.
    pub node: NodeId,
    /// Reached through a `<<`.
    pub merged: bool,
}

// === impl Tree ===

impl Tree {
    /// The place of a path that leads into no YAML held in a string; such a path is followed up to that string.
    pub fn locate(&self, path: &Path) -> Located {
        let mut found = Located { key: None, value: self.node(self.root()).span, node: self.root(), exact: true };
        for segment in path.segments() {
            let Some(slot) = self.slot(found.node, segment) else { return Located { exact: false, ..found } };
            let node = self.follow(slot.node);
            found =
                Located { key: slot.key.map(|key| self.node(key).span), value: self.node(node).span, node, ..found };
        }
        found
    }

    /// The entry or item of a collection, or of what the node is an alias of.
    pub fn slot(&self, id: NodeId, segment: &Segment) -> Option<Slot> {
        let container = self.follow(id);
        match (&self.node(container).kind, segment) {
            (Kind::Sequence { items, .. }, Segment::Index(index)) => items.get(*index).map(|item| Slot {
                container,
                index: *index,
                key: None,
                node: item.node,
                merged: false,
            }),
            (Kind::Mapping { .. }, Segment::Key(key)) => self.entry(container, key),
            _ => None,
        }
    }

    fn entry(&self, id: NodeId, key: &str) -> Option<Slot> {
        let (mut seen, mut next) = (BTreeSet::new(), vec![id]);
        while let Some(at) = next.pop() {
            if !seen.insert(at) {
                continue;
            }
            match &self.node(at).kind {
                Kind::Mapping { entries, .. } => {
                    if let Some((index, entry)) = self.find(entries, key) {
                        let merged = at != id;
                        return Some(Slot { container: at, index, key: Some(entry.key), node: entry.value, merged });
                    }
                    let sources = entries.iter().filter(|entry| self.is_merge(entry));
                    next.extend(sources.map(|entry| self.follow(entry.value)).rev());
                }
                Kind::Sequence { items, .. } if at != id => {
                    next.extend(items.iter().map(|item| self.follow(item.node)).rev());
                }
                _ => {}
            }
        }
        None
    }

    /// A key by its text, else by what either dialect makes of it, as `true` of a plain `on`.
    fn find<'t>(&self, entries: &'t [Entry], key: &str) -> Option<(usize, &'t Entry)> {
        let explicit = || entries.iter().enumerate().filter(|(_, entry)| !self.is_merge(entry));
        explicit().find(|(_, entry)| matches!(self.scalar(entry.key), Some((text, _)) if text == key)).or_else(|| {
            explicit().find(|(_, entry)| {
                matches!(self.scalar(entry.key), Some((_, Style::Plain)))
                    && [Dialect::Kubernetes, Dialect::Collector]
                        .iter()
                        .any(|dialect| self.key_text(entry.key, *dialect).as_deref() == Some(key))
            })
        })
    }

    /// The text and style of a scalar, or of the scalar that the node is an alias of.
    pub fn scalar(&self, id: NodeId) -> Option<(&str, Style)> {
        match &self.node(self.follow(id)).kind {
            Kind::Scalar { value, style, .. } => Some((value, *style)),
            _ => None,
        }
    }
}
