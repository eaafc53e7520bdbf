//! Bytes of a document that a path means, also where it leads into YAML held in a string.

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

/// What to point at for a path: a value that fits on a line, else its key, else its first line. What does not exist is
/// shown at its nearest ancestor. None where the text is not YAML.
pub fn locate(text: &str, path: &Path) -> Option<Span> {
    parse(text).ok().map(|tree| within(&tree, path, limits::EMBEDDED_DEPTH))
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

fn within(tree: &Tree, path: &Path, depth: usize) -> Span {
    let (outer, inner) = path.split_at_yaml();
    let found = tree.locate(&outer);
    let whole = best(tree, &found);
    let Some(inner) = inner.filter(|_| found.exact && depth > 0) else { return whole };
    let Some((text, _)) = tree.scalar(found.node) else { return whole };
    let Ok(inner_tree) = parse(text) else { return whole };
    let span = within(&inner_tree, &inner, depth - 1);
    Positions::of(tree, found.node).map_or(whole, |positions| positions.outward(span))
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
