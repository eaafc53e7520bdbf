//! Replaces one value by another, and writes edited YAML back into the string that holds it.

use serde_json::Value;

use super::{
    CannotEdit, Edited,
    splice::Splice,
    walk::{NodeEdit, Part, Walk},
};
use crate::engine::yaml::{
    embedded::Positions,
    lines::{column, line_end, line_start, next_line, starts_line},
    spans::Span,
    tree::{Kind, NodeId, Style},
    write,
};

/// Edits of a scalar as a container: a null becomes a list or mapping, a string is edited inside.
pub(super) fn splices(walk: &Walk<'_>, id: NodeId, edit: &NodeEdit, out: &mut Vec<Splice>) -> Result<(), CannotEdit> {
    if let Some(edited) = &edit.string {
        return write_back(walk, id, edited, out);
    }
    if !edit.adds() {
        return Ok(());
    }
    let value = edit.additions();
    if id == walk.tree.root() {
        let text = walk.tree.text();
        let at = text.len();
        out.push(Splice::lines(text, at, &walk.layout.block(&value, 0), walk.layout.line_break));
        return Ok(());
    }
    let owner = walk.tree.ids().find_map(|owner| {
        let node = walk.tree.node(owner);
        let part = walk.parts(owner).into_iter().find(|part| part.value == id)?;
        Some((part, node.is_block_collection()))
    });
    match owner {
        Some((part, block)) => {
            let indent = block.then(|| column(walk.tree.text(), part.start));
            replace(walk, &part, &value, indent, out)
        }
        None => Err(CannotEdit::because("there is no mapping or list to write into")),
    }
}

/// Replaces the value of an item or entry. `indent` is the column of a block collection; None in brackets.
pub(super) fn replace(
    walk: &Walk<'_>,
    part: &Part,
    value: &Value,
    indent: Option<usize>,
    out: &mut Vec<Splice>,
) -> Result<(), CannotEdit> {
    let (text, layout) = (walk.tree.text(), walk.layout);
    let node = walk.tree.node(part.value);
    let is_collection =
        value.as_object().is_some_and(|map| !map.is_empty()) || value.as_array().is_some_and(|list| !list.is_empty());
    let start = if node.tag.is_some() { node.outer } else { node.span.start };
    let inline = || match (value, &node.kind) {
        (Value::String(text), Kind::Scalar { style, .. }) => in_style(text, *style, indent.is_none()),
        (Value::String(text), _) => write::string(text, indent.is_none()),
        _ => layout.flow(value),
    };
    if node.is_block_collection() {
        let first = node.span.start;
        let old_column = column(text, first);
        if is_collection {
            let least = indent.map_or(0, |indent| indent + if value.is_array() { 0 } else { 2 });
            let at = if starts_line(text, first) { old_column.max(least) } else { old_column };
            let lines = layout.block(value, at);
            let (from, lines) = if at == old_column {
                (first, lines)
            } else {
                (line_start(text, first), format!("{}{lines}", " ".repeat(at)))
            };
            // A comment behind the old last line would become text of a literal at the end of the new ones.
            let end = if layout.ends_in_literal(value) { line_end(text, node.span.end) } else { node.span.end };
            out.push(Splice::replace(from, end, lines));
        } else if starts_line(text, first) {
            out.push(Splice::insert(node.slot_end, format!(" {}", inline())));
            out.push(Splice::delete(line_start(text, first), next_line(text, node.span.end)));
        } else {
            out.push(Splice::replace(first, node.span.end, inline()));
        }
        return Ok(());
    }
    if node.is_missing() && node.tag.is_none() {
        let Some(indent) = indent else {
            let colon = if part.colon { "" } else { ":" };
            out.push(Splice::insert(node.slot_end, format!("{colon} {}", inline())));
            return Ok(());
        };
        if !part.colon {
            return Err(CannotEdit::because("a key without a value is not edited"));
        }
        let is_item = part.start + 1 == node.slot_end;
        if is_collection && !is_item {
            let inner = if value.is_array() && !layout.indent_lists { indent } else { indent + 2 };
            let lines = format!("{}{}", " ".repeat(inner), layout.block(value, inner));
            out.push(Splice::lines(text, next_line(text, node.slot_end), &lines, layout.line_break));
        } else {
            out.push(Splice::insert(node.slot_end, format!(" {}", inline())));
        }
        return Ok(());
    }
    let literal = match (value, &node.kind) {
        (Value::String(text), Kind::Scalar { style: Style::Literal | Style::Folded, indent, .. }) => {
            layout.literal(text, *indent)
        }
        _ => None,
    };
    out.push(Splice::replace(start, node.span.end, literal.unwrap_or_else(inline)));
    Ok(())
}

fn in_style(text: &str, style: Style, flow: bool) -> String {
    match style {
        Style::Double => write::double(text),
        Style::Single => write::single(text).unwrap_or_else(|| write::double(text)),
        Style::Plain | Style::Literal | Style::Folded => write::string(text, flow),
    }
}

fn write_back(walk: &Walk<'_>, id: NodeId, edited: &Edited, out: &mut Vec<Splice>) -> Result<(), CannotEdit> {
    let node = walk.tree.node(id);
    let Kind::Scalar { style, indent, .. } = &node.kind else { return Ok(()) };
    if edited.splices.is_empty() {
        return Ok(());
    }
    if !walk.strategy.rewrite_strings {
        let spliced = match style {
            Style::Literal => splice_literal(walk, id, edited, *indent),
            _ => splice_characters(walk, id, edited, *style),
        };
        let spliced = spliced.ok_or_else(|| CannotEdit::because("the string cannot be edited in place"))?;
        out.extend(spliced);
        return Ok(());
    }
    let literal = matches!(style, Style::Literal | Style::Folded).then(|| walk.layout.literal(&edited.text, *indent));
    // In quotes it is right in block style and in brackets; only a plain scalar must know.
    let text = literal.flatten().unwrap_or_else(|| in_style(&edited.text, *style, true));
    out.push(Splice::replace(node.span.start, node.span.end, text));
    Ok(())
}

/// Line by line: what begins or ends at a line of the value does so at a line of the text.
fn splice_literal(walk: &Walk<'_>, id: NodeId, edited: &Edited, indent: usize) -> Option<Vec<Splice>> {
    let text = walk.tree.text();
    let (value, _) = walk.tree.scalar(id)?;
    let positions = Positions::of(walk.tree, id)?;
    let outer_break = walk.layout.line_break;
    let starts = |at: usize| line_start(value, at) == at;
    let outer = |at: usize| {
        let outer = positions.of_start(at);
        if starts(at) && at < value.len() { line_start(text, outer) } else { outer }
    };
    let mut splices = Vec::new();
    for splice in &edited.splices {
        let (start, end) = (outer(splice.start), outer(splice.end));
        let mut lines = String::new();
        let mut fresh = starts(splice.start);
        for piece in splice.text.split_inclusive('\n') {
            let line = piece.strip_suffix('\n');
            if fresh && line != Some("") {
                lines.push_str(&" ".repeat(indent));
            }
            lines.push_str(line.unwrap_or(piece));
            if line.is_some() {
                lines.push_str(outer_break);
            }
            fresh = line.is_some();
        }
        splices.push(Splice::replace(start, end, lines));
    }
    Some(splices)
}

/// Character by character, where what is new needs no line break.
fn splice_characters(walk: &Walk<'_>, id: NodeId, edited: &Edited, style: Style) -> Option<Vec<Splice>> {
    let positions = Positions::of(walk.tree, id)?;
    let one = |splice: &Splice| {
        let outer = positions.outward(Span { start: splice.start, end: splice.end });
        let text = match style {
            Style::Double => write::escaped(&splice.text),
            Style::Single => write::single(&splice.text)?.strip_prefix('\'')?.strip_suffix('\'')?.to_owned(),
            _ if splice.text.contains('\n') => return None,
            _ => splice.text.clone(),
        };
        Some(Splice::replace(outer.start, outer.end, text))
    };
    edited.splices.iter().map(one).collect()
}
