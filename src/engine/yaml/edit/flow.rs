//! Edits of lists and mappings in brackets.

use super::{
    scalar,
    splice::Splice,
    walk::{NodeEdit, Part, Walk},
};
use crate::engine::yaml::{
    lines::{byte, column, cut, line_end, line_start, next_line, skip_trivia, starts_line, trim_left},
    tree::{Kind, NodeId},
};

pub(super) fn splices(walk: &Walk<'_>, id: NodeId, edit: &NodeEdit, out: &mut Vec<Splice>) {
    let text = walk.tree.text();
    let parts = walk.parts(id);
    let span = walk.tree.node(id).span;
    let is_list = matches!(walk.tree.node(id).kind, Kind::Sequence { .. });
    let new: Vec<String> = if is_list {
        edit.appended.values().map(|value| walk.layout.flow(value)).collect()
    } else {
        edit.added.iter().map(|(key, value)| walk.layout.flow_entry(key, value)).collect()
    };
    let last_kept = (0..parts.len()).rev().find(|index| !edit.removed.contains(index));
    let Some((last_index, last_kept)) = last_kept.and_then(|index| Some((index, parts.get(index)?))) else {
        out.push(Splice::replace(span.start + 1, span.end.saturating_sub(1), new.join(", ")));
        return;
    };
    if !new.is_empty() {
        add(text, &parts, last_kept, &new, walk.layout.line_break, out);
    }
    remove_tail(text, parts.get(last_index..).unwrap_or_default(), out);
    for (index, part) in parts.iter().enumerate().take(last_index) {
        if edit.removed.contains(&index) {
            let next = parts.get(index + 1).map_or(part.end, |next| next.start);
            remove(text, part, next, out);
        }
    }
    for (index, value) in &edit.replaced {
        if let Some(part) = parts.get(*index) {
            // A replacement in brackets is never refused.
            drop(scalar::replace(walk, part, value, None, out));
        }
    }
}

/// Removes a part behind which a kept one follows.
fn remove(text: &str, part: &Part, next: usize, out: &mut Vec<Splice>) {
    if has_own_lines(text, part) {
        out.push(Splice::delete(line_start(text, part.start), next_line(text, part.end)));
    } else if line_start(text, next) <= part.end {
        out.push(Splice::delete(part.start, next));
    } else {
        let end = comma(text, part).map_or(part.end, |comma| comma + 1);
        out.push(Splice::delete(trim_left(text, part.start), end));
    }
}

/// Removes all that follows the first of these parts, which is the last that is kept.
fn remove_tail(text: &str, parts: &[Part], out: &mut Vec<Splice>) {
    let (Some((kept, gone)), Some(last)) = (parts.split_first(), parts.last()) else { return };
    if gone.is_empty() {
        return;
    }
    if line_end(text, kept.end) >= last.end {
        out.push(Splice::delete(kept.end, last.end));
        return;
    }
    // JSON allows no comma behind the last item: it stays only where one was.
    if comma(text, last).is_none()
        && let Some(comma) = comma(text, kept)
    {
        out.push(Splice::delete(comma, comma + 1));
    }
    for part in gone {
        if has_own_lines(text, part) {
            out.push(Splice::delete(line_start(text, part.start), next_line(text, part.end)));
        } else {
            let end = comma(text, part).map_or(part.end, |comma| comma + 1);
            out.push(Splice::delete(trim_left(text, part.start), end));
        }
    }
}

fn add(text: &str, parts: &[Part], last_kept: &Part, new: &[String], line_break: &str, out: &mut Vec<Splice>) {
    let all_on_lines = parts.iter().all(|part| starts_line(text, part.start));
    if !all_on_lines || !has_own_lines(text, last_kept) {
        out.push(Splice::insert(last_kept.end, format!(", {}", new.join(", "))));
        return;
    }
    let after_last = parts.last().and_then(|last| comma(text, last));
    if comma(text, last_kept).is_none()
        || (after_last.is_none() && parts.last().is_some_and(|p| p.end != last_kept.end))
    {
        out.push(Splice::insert(last_kept.end, ","));
    }
    let indent = " ".repeat(column(text, last_kept.start));
    let mut lines = new.join(&format!(",{line_break}{indent}"));
    lines.insert_str(0, &indent);
    if after_last.is_some() {
        lines.push(',');
    }
    out.push(Splice::insert(next_line(text, last_kept.end), format!("{lines}{line_break}")));
}

fn comma(text: &str, part: &Part) -> Option<usize> {
    let at = skip_trivia(text, part.end);
    (byte(text, at) == Some(b',')).then_some(at)
}

/// Whether nothing but its comma and comment stands on the lines of the part.
fn has_own_lines(text: &str, part: &Part) -> bool {
    let rest = cut(text, part.end, line_end(text, part.end)).trim_start();
    let rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    starts_line(text, part.start) && (rest.is_empty() || rest.starts_with('#'))
}
