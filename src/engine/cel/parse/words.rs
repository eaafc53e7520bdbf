//! What the parser has against a source, in our words.

use cel_interpreter::{ParseError, ParseErrors};

use crate::engine::cel::{parse::lower::too_deep, program::BadExpression};

/// Characters of the source that a message repeats.
const REPEATED: usize = 40;

/// The first error: what follows it is often its consequence.
pub(super) fn first(source: &str, errors: &ParseErrors) -> BadExpression {
    let Some(error) = errors.errors.first() else {
        return BadExpression::new(source, 0, "this is no expression");
    };
    // No place in the source: the parser gave up, which it does at its limit alone.
    if error.source.is_some() && error.pos == (0, 0) {
        return BadExpression::new(source, 0, too_deep());
    }
    let at = byte_at(source, error);
    BadExpression::new(source, at, in_our_words(&error.msg, source.get(at..).unwrap_or_default()))
}

fn in_our_words(message: &str, rest: &str) -> String {
    let written = message.strip_prefix("Syntax error: ").unwrap_or(message);
    if rest.starts_with('`') || written.starts_with("unsupported syntax: '`'") {
        return "names in backticks are not read; write `object[\"a-b\"]`".to_owned();
    }
    if let Some((_, token)) = written.split_once("token recognition error at: ") {
        return unknown_token(unquoted(token));
    }
    if let Some((_, token)) = written.split_once("no viable alternative at input ") {
        if unquoted(token).starts_with('.') {
            return "the name of a field should follow the `.`".to_owned();
        }
        return format!("there is no way to read `{}`: something is missing or too much", short(unquoted(token)));
    }
    for unexpected in ["mismatched input ", "extraneous input "] {
        if let Some((token, wanted)) =
            written.strip_prefix(unexpected).and_then(|found| found.rsplit_once(" expecting "))
        {
            return expected(unquoted(token), wanted);
        }
    }
    if let Some((wanted, token)) = written.strip_prefix("missing ").and_then(|found| found.split_once(" at ")) {
        return expected(unquoted(token), wanted);
    }
    if let Some(name) = written.strip_prefix("reserved identifier: ") {
        return format!("`{}` is a reserved word, and no name", short(name));
    }
    let number: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
    if let Some(kind) = written.strip_prefix("invalid ").and_then(|kind| kind.strip_suffix(" literal")) {
        return format!("`{}` does not fit {kind}", short(&number));
    }
    if written.starts_with("invalid string literal") {
        return "this string has an escape that stands for no character".to_owned();
    }
    if written.starts_with("invalid bytes literal") {
        return "these bytes have an escape that stands for no byte".to_owned();
    }
    "this is no expression".to_owned()
}

fn expected(token: &str, wanted: &str) -> String {
    let what = match wanted {
        _ if wanted.contains("<EOF>") => {
            return format!("the expression should have ended before `{}`; is an operator missing?", short(token));
        }
        "IDENTIFIER" => "a name".to_owned(),
        _ if wanted.contains("IDENTIFIER") => "an expression".to_owned(),
        _ => wanted.trim_matches(['{', '}']).replace('\'', "`").replace(", ", " or "),
    };
    match token {
        "<EOF>" => format!("the expression ends where {what} should be"),
        _ => format!("{what} should be here, not `{}`", short(token)),
    }
}

fn unknown_token(token: &str) -> String {
    match token.chars().next() {
        Some('"' | '\'') => "this string has no end, or an escape that does not exist".to_owned(),
        _ => format!("`{}` means nothing in CEL", short(token)),
    }
}

/// Without one pair of single quotes.
fn unquoted(token: &str) -> &str {
    token.strip_prefix('\'').and_then(|token| token.strip_suffix('\'')).unwrap_or(token)
}

fn short(token: &str) -> String {
    let token = token.replace('`', "'");
    match token.char_indices().nth(REPEATED) {
        Some((end, _)) => format!("{}…", token.get(..end).unwrap_or_default()),
        None => token,
    }
}

fn byte_at(source: &str, error: &ParseError) -> usize {
    let (line, column) = (usize::try_from(error.pos.0).unwrap_or(1), usize::try_from(error.pos.1).unwrap_or(1));
    let start: usize = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = source.get(start..).unwrap_or_default();
    start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(byte, _)| byte)
}
