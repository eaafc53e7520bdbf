//! Edits of lists and mappings that are written on lines of their own.

use super::{
    CannotEdit, scalar,
    splice::Splice,
    walk::{NodeEdit, Part, Walk},
};
use crate::engine::yaml::{
    lines::{column, cut, line_end, line_start, next_line, starts_line},
    tree::{Kind, NodeId},
};

pub(super) fn splices(walk: &Walk<'_>, id: NodeId, edit: &NodeEdit, out: &mut Vec<Splice>) -> Result<(), CannotEdit> {
    let parts = walk.parts(id);
    let (Some(first), Some(last)) = (parts.first().copied(), parts.last().copied()) else { return Ok(()) };
    let text = walk.tree.text();
    let node = walk.tree.node(id);
    let indent = column(text, first.start);
    let is_list = matches!(node.kind, Kind::Sequence { .. });
    if edit.removed.len() == parts.len() && !edit.adds() {
        let empty = if is_list { "[]" } else { "{}" };
        if starts_line(text, first.start) && id != walk.tree.root() {
            out.push(Splice::insert(node.slot_end, format!(" {empty}")));
            remove_lines(text, &parts, |_| true, out);
        } else {
            out.push(Splice::replace(first.start, first.end, empty));
            remove_lines(text, parts.get(1..).unwrap_or_default(), |_| true, out);
        }
        return Ok(());
    }
    let mut from = 0;
    if !starts_line(text, first.start) {
        from = (0..parts.len()).find(|index| !edit.removed.contains(index)).unwrap_or(parts.len());
        remove_beside_indicator(text, &parts, from, node.slot_end, out);
    }
    remove_lines(text, &parts, |index| index >= from && edit.removed.contains(&index), out);
    for (index, value) in &edit.replaced {
        if let Some(part) = parts.get(*index) {
            scalar::replace(walk, part, value, Some(indent), out)?;
        }
    }
    if edit.adds() {
        let lines: Vec<String> = if is_list {
            edit.appended.values().map(|value| walk.layout.item(value, indent)).collect()
        } else {
            edit.added.iter().map(|(key, value)| walk.layout.entry(key, value, indent)).collect()
        };
        let lines = format!("{}{}", " ".repeat(indent), lines.join(&walk.layout.indentation(indent)));
        out.push(Splice::lines(text, next_line(text, last_line(text, &last)), &lines, walk.layout.line_break));
    }
    Ok(())
}

/// Removes parts with their whole lines.
fn remove_lines(text: &str, parts: &[Part], removed: impl Fn(usize) -> bool, out: &mut Vec<Splice>) {
    for (index, part) in parts.iter().enumerate().filter(|(index, _)| removed(*index)) {
        if starts_line(text, part.start) {
            out.push(Splice::delete(line_start(text, part.start), next_line(text, last_line(text, part))));
        } else if let Some(next) = parts.get(index + 1) {
            out.push(Splice::delete(part.start, next.start));
        }
    }
}

/// Removes the first `count` parts, of which the first stands on the line of the `-` that holds them all. What comes
/// next moves up to it, unless comments stand between.
fn remove_beside_indicator(text: &str, parts: &[Part], count: usize, indicator_end: usize, out: &mut Vec<Splice>) {
    let (Some(first), Some(last)) = (parts.first(), count.checked_sub(1).and_then(|last| parts.get(last))) else {
        return;
    };
    let next = parts.get(count);
    let comments = |next: &Part| cut(text, next_line(text, last.end).min(next.start), next.start).contains('#');
    match next {
        Some(next) if !comments(next) => out.push(Splice::delete(first.start, next.start)),
        _ => {
            out.push(Splice::delete(indicator_end, line_end(text, first.end)));
            remove_lines(text, parts, |index| index > 0 && index < count, out);
        }
    }
}

/// A place on the last line that belongs to the part: comments that are indented deeper than it are its own.
pub(super) fn last_line(text: &str, part: &Part) -> usize {
    let indent = column(text, part.start);
    let (mut last, mut at) = (part.end, next_line(text, part.end));
    while at < text.len() {
        let end = line_end(text, at);
        let line = cut(text, at, end);
        let content = line.trim_start_matches(' ');
        match content.bytes().next() {
            None => {}
            Some(b'#') if line.len() - content.len() > indent => last = at,
            Some(_) => break,
        }
        at = next_line(text, at);
    }
    last
}
