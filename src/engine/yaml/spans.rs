//! Bytes of a document that a path means, also where it leads into YAML held in a string.

use std::collections::BTreeMap;

use crate::engine::{
    limits,
    node::Path,
    yaml::{
        Located,
        embedded::Positions,
        lines::{bom_len, cut, line_end},
        tree::{Kind, Style, Tree, parse},
    },
};

/// A range of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// One document, read once for however many paths: it, and the YAML held in its strings.
#[derive(Debug)]
pub struct Places {
    tree: Tree,
    depth: usize,
    /// By the path of the string; None where it holds no YAML.
    embedded: BTreeMap<Path, Option<(Box<Self>, Positions)>>,
}

/// What to point at for a path: a value that fits on a line, else its key, else its first line. What does not exist is
/// shown at its nearest ancestor. None where the text is not YAML.
pub fn locate(text: &str, path: &Path) -> Option<Span> {
    Places::of(text).map(|mut places| places.locate(path))
}

/// As [`locate`], but what is pointed at is the key, where it is an entry of a mapping.
pub fn locate_key(text: &str, path: &Path) -> Option<Span> {
    Places::of(text).map(|mut places| places.locate_key(path))
}

/// The character at this byte of the text that a path leads to, where it can be told where that stands.
pub fn within(text: &str, path: &Path, inner: usize) -> Option<Span> {
    let tree = parse(text).ok()?;
    let found = tree.locate(path);
    let positions = Positions::of(&tree, found.node).filter(|_| found.exact)?;
    Some(positions.outward(Span { start: inner, end: inner + 1 }))
}

/// Line and column from 1, the column in characters; a byte order mark is none.
pub fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = cut(text, bom_len(text).min(at), at);
    let line_feeds = memchr::memchr_iter(b'\n', before.as_bytes()).count();
    let returns = memchr::memchr_iter(b'\r', before.as_bytes())
        .filter(|brk| before.as_bytes().get(brk + 1) != Some(&b'\n'))
        .count();
    // A `\r` at the very end is half of a line break, unless it stands alone.
    let half = usize::from(before.ends_with('\r') && text.as_bytes().get(at) == Some(&b'\n'));
    let line = before.rsplit(['\n', '\r']).next().unwrap_or_default();
    if half == 1 {
        let line = before.strip_suffix('\r').unwrap_or(before).rsplit(['\n', '\r']).next().unwrap_or_default();
        return (line_feeds + returns, line.chars().count() + 1);
    }
    (line_feeds + returns + 1, line.chars().count() + 1)
}

// === impl Span ===

impl Span {
    pub const fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    pub const fn contains(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

// === impl Places ===

impl Places {
    /// None where the text is not YAML.
    pub fn of(text: &str) -> Option<Self> {
        Self::at_depth(text, limits::EMBEDDED_DEPTH)
    }

    fn at_depth(text: &str, depth: usize) -> Option<Self> {
        Some(Self { tree: parse(text).ok()?, depth, embedded: BTreeMap::new() })
    }

    /// As [`locate`].
    pub fn locate(&mut self, path: &Path) -> Span {
        let (outer, inner) = path.split_at_yaml();
        let found = self.tree.locate(&outer);
        let whole = best(&self.tree, &found);
        let Some(inner) = inner.filter(|_| found.exact && self.depth > 0) else { return whole };
        let (tree, depth) = (&self.tree, self.depth - 1);
        let embedded = self.embedded.entry(outer).or_insert_with(|| {
            let (text, _) = tree.scalar(found.node)?;
            Some((Box::new(Self::at_depth(text, depth)?), Positions::of(tree, found.node)?))
        });
        embedded.as_mut().map_or(whole, |(places, positions)| positions.outward(places.locate(&inner)))
    }

    /// As [`locate_key`].
    pub fn locate_key(&mut self, path: &Path) -> Span {
        let found = self.tree.locate(path);
        found.key.filter(|_| found.exact).unwrap_or_else(|| self.locate(path))
    }
}

/// One line of what was found, the more telling the better.
fn best(tree: &Tree, found: &Located) -> Span {
    let text = tree.text();
    let node = tree.node(found.node);
    let one_line = line_end(text, node.span.start) >= node.span.end;
    let telling = match &node.kind {
        Kind::Scalar { style: Style::Literal | Style::Folded, .. } => false,
        Kind::Scalar { .. } | Kind::Alias(_) => one_line,
        Kind::Sequence { flow, .. } | Kind::Mapping { flow, .. } => one_line && *flow,
    };
    match found.key {
        _ if telling => node.span,
        Some(key) => key,
        None => Span { start: node.span.start, end: node.span.end.min(line_end(text, node.span.start)) },
    }
}

#[cfg(test)]
mod tests;
