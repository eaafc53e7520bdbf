//! A document as a tree of nodes that know where they stand in the text.

mod build;
mod refuse;

use crate::engine::yaml::{YamlError, spans::Span};

/// One YAML document: its text and its nodes. The root is a null where the document holds nothing.
#[derive(Clone, Debug)]
pub struct Tree {
    text: String,
    nodes: Vec<Node>,
    root: NodeId,
}

/// A node of one [`Tree`]. A node comes before all that it contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

#[derive(Clone, Debug)]
pub struct Node {
    pub kind: Kind,
    /// Its bytes without anchor, tag and what follows it: comments, blank lines, the last line break. Empty, just
    /// behind the `:` or `-`, for a null that is not written.
    pub span: Span,
    /// Where its anchor or tag begins; else the beginning of its span.
    pub outer: usize,
    /// Behind the `:` or `-` before it and its anchor and tag: where another value could be written.
    pub slot_end: usize,
    pub anchored: bool,
    /// The tag as `int` for YAML's own `!!int`, else as written in full.
    pub tag: Option<String>,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Scalar {
        value: String,
        style: Style,
        /// Of the lines of a literal or folded scalar.
        indent: usize,
    },
    Sequence {
        flow: bool,
        items: Vec<Item>,
    },
    Mapping {
        flow: bool,
        entries: Vec<Entry>,
    },
    /// INVARIANT: what it stands for is no alias.
    Alias(NodeId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Single,
    Double,
    Literal,
    Folded,
}

#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Its `-`, or where the item itself begins in a flow list.
    pub start: usize,
    pub node: NodeId,
}

#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Where the key or its `?`, anchor or tag begins.
    pub start: usize,
    pub key: NodeId,
    /// None for a key alone, as in `{a}`.
    pub colon: Option<usize>,
    pub value: NodeId,
}

/// Parses one document. Duplicate keys are an error, as for the collector and for `kubectl --validate=strict`.
pub fn parse(text: &str) -> Result<Tree, YamlError> {
    build::build(text)
}

// === impl Tree ===

impl Tree {
    pub fn text(&self) -> &str {
        &self.text
    }

    pub const fn root(&self) -> NodeId {
        self.root
    }

    pub fn node(&self, id: NodeId) -> &Node {
        static NOTHING: Node = Node {
            kind: Kind::Scalar { value: String::new(), style: Style::Plain, indent: 0 },
            span: Span { start: 0, end: 0 },
            outer: 0,
            slot_end: 0,
            anchored: false,
            tag: None,
        };
        // INVARIANT: ids are made by `build` for this tree; an id of another tree finds nothing.
        self.nodes.get(id.0).unwrap_or(&NOTHING)
    }

    /// The node itself, or what it is an alias of.
    pub fn follow(&self, id: NodeId) -> NodeId {
        match self.node(id).kind {
            Kind::Alias(target) => target,
            _ => id,
        }
    }

    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    pub(super) fn error(&self, id: NodeId, message: impl Into<String>) -> YamlError {
        YamlError::at(&self.text, self.node(id).span.start, message)
    }
}

// === impl Node ===

impl Node {
    /// A list or mapping written on lines of its own.
    pub const fn is_block_collection(&self) -> bool {
        matches!(self.kind, Kind::Sequence { flow: false, .. } | Kind::Mapping { flow: false, .. })
    }

    /// Text behind a `|` or `>`.
    pub const fn is_block_scalar(&self) -> bool {
        matches!(self.kind, Kind::Scalar { style: Style::Literal | Style::Folded, .. })
    }

    /// A null that is not written at all.
    pub fn is_missing(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { style: Style::Plain, .. }) && self.span.is_empty()
    }
}

#[cfg(test)]
mod tests;
