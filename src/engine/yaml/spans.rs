//! Where in a document's bytes a path stands, also inside YAML that a string holds.

use granit_parser::ScalarStyle;

use crate::engine::{
    limits,
    node::Path,
    yaml::tree::{self, Kind, Tree},
};

/// Bytes in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// The bytes that a path points at: of an entry its key and the first line of its value, of an item the item. Where the
/// path does not exist, the nearest thing above it. None where the text cannot be read.
pub fn locate(text: &str, path: &Path) -> Option<Span> {
    locate_within(text, path, limits::EMBEDDED_DEPTH)
}

fn locate_within(text: &str, path: &Path, depth: usize) -> Option<Span> {
    let tree = tree::parse(text).ok()?;
    let (outer, inner) = path.split_at_yaml();
    let located = tree.locate(&outer);
    let here = shown(text, &tree, located);
    let Some(inner) = inner.filter(|_| located.exact && depth > 0) else { return Some(here) };
    let node = tree.node(located.node)?;
    let Kind::Scalar { value, style, .. } = &node.kind else { return Some(here) };
    let Some(found) = locate_within(value, &inner, depth - 1) else { return Some(here) };
    let outside = |offset| outer_offset(text, node.start..node.end, value, *style, offset);
    match (outside(found.start), outside(found.end)) {
        (Some(start), Some(end)) if start <= end => Some(Span { start, end }),
        _ => Some(here),
    }
}

/// What to underline: a scalar with its key, a collection's key alone.
fn shown(text: &str, tree: &Tree, located: tree::Located) -> Span {
    let Some(node) = tree.node(located.node) else { return Span { start: 0, end: 0 } };
    let key = located.key.and_then(|key| tree.node(key));
    let scalar = matches!(node.kind, Kind::Scalar { .. });
    let span = match key {
        // An aliased value stands elsewhere: the key is what is here.
        Some(key) if located.exact && scalar && node.start >= key.end => (key.start, node.end),
        Some(key) => (key.start, key.end),
        None if located.exact && scalar => (node.start, node.end),
        None => (node.start, node.end),
    };
    let (start, end) = span;
    // One line is enough to show where.
    let line_end = text.get(start..end).and_then(|text| text.find('\n')).map_or(end, |line| start + line);
    Span { start, end: line_end.max(start) }
}

/// The byte in the document that a byte of a scalar's value comes from.
fn outer_offset(
    text: &str,
    node: std::ops::Range<usize>,
    value: &str,
    style: ScalarStyle,
    offset: usize,
) -> Option<usize> {
    let source = text.get(node.clone())?;
    match style {
        ScalarStyle::Literal => {
            // Inner line k is outer line k without its indentation; the span begins behind that of the first line.
            let before = value.get(..offset)?;
            let line = before.matches('\n').count();
            let column = offset - before.rfind('\n').map_or(0, |at| at + 1);
            let mut at = 0;
            let mut lines = source.split_inclusive('\n');
            for _ in 0..line {
                at += lines.next()?.len();
            }
            let outer = lines.next().unwrap_or_default();
            let inner = value.get(offset - column..)?.lines().next().unwrap_or_default();
            let outer_text = outer.trim_end_matches(['\r', '\n']);
            let indentation = if line == 0 { 0 } else { outer_text.len().saturating_sub(inner.len()) };
            Some(node.start + at + indentation + column)
        }
        ScalarStyle::DoubleQuoted => escaped_offset(source, value, offset).map(|at| node.start + at),
        ScalarStyle::SingleQuoted if !source.contains('\n') => {
            let quotes = value.get(..offset)?.matches('\'').count();
            Some(node.start + 1 + offset + quotes)
        }
        ScalarStyle::Plain if !source.contains('\n') => Some(node.start + offset),
        _ => None,
    }
}

/// Walks the escapes of a double-quoted scalar on one line, as JSON writes them.
fn escaped_offset(source: &str, value: &str, offset: usize) -> Option<usize> {
    if source.contains('\n') {
        return None;
    }
    let mut inner = 0;
    let mut chars = source.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if inner >= offset {
            return Some(at);
        }
        if c != '\\' {
            inner += c.len_utf8();
            continue;
        }
        let (_, escape) = chars.next()?;
        let digits = match escape {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        for _ in 0..digits {
            chars.next()?;
        }
        inner += value.get(inner..)?.chars().next().map_or(1, char::len_utf8);
    }
    Some(source.len())
}
