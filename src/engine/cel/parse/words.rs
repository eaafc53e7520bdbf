//! What the parser has against a source, in our words.

use cel_interpreter::{ParseError, ParseErrors};

use crate::engine::cel::{parse::lower::too_deep, program::BadExpression};

/// The first error: what follows it is often its consequence.
pub(super) fn first(source: &str, errors: &ParseErrors) -> BadExpression {
    let Some(error) = errors.errors.first() else {
        return BadExpression::new(source, 0, "this is no expression");
    };
    // No place in the source: the parser gave up, which it does at its limit alone.
    if error.source.is_some() && error.pos == (0, 0) {
        return BadExpression::new(source, 0, too_deep());
    }
    BadExpression::new(source, byte_at(source, error), word(&error.msg))
}

fn word(message: &str) -> String {
    message.to_owned()
}

fn byte_at(source: &str, error: &ParseError) -> usize {
    let (line, column) = (usize::try_from(error.pos.0).unwrap_or(1), usize::try_from(error.pos.1).unwrap_or(1));
    let start: usize = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = source.get(start..).unwrap_or_default();
    start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(byte, _)| byte)
}
