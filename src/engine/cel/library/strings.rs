//! Strings, with what cel-go's extension adds in version 2 (`ext/strings.go`). Places count characters, not bytes.

use std::rc::Rc;

use crate::engine::cel::{
    Failure, Type, Value,
    functions::{Answer, Call, Cost, Overload},
    library::format,
    run::cost,
    value::Text,
};

pub fn functions() -> Vec<Overload> {
    let string = || Type::String;
    let strings = || Type::list(Type::String);
    let read: Cost = |args, _| cost::traversal(cost::size_of(args, 0));
    let rewrite: Cost = |args, _| cost::rewriting(cost::size_of(args, 0));
    let join: Cost = |_, result| cost::rewriting(cost::size(result));
    vec![
        Overload::member("charAt", "string_char_at_int", [string(), Type::Int], string(), char_at),
        Overload::member("indexOf", "string_index_of_string", [string(), string()], Type::Int, index_of).walking(),
        Overload::member("indexOf", "string_index_of_string_int", [string(), string(), Type::Int], Type::Int, index_of)
            .walking(),
        Overload::member("lastIndexOf", "string_last_index_of_string", [string(), string()], Type::Int, last_index_of)
            .walking(),
        Overload::member(
            "lastIndexOf",
            "string_last_index_of_string_int",
            [string(), string(), Type::Int],
            Type::Int,
            last_index_of,
        )
        .walking(),
        Overload::member("lowerAscii", "string_lower_ascii", [string()], string(), lower_ascii).costing(read),
        Overload::member("upperAscii", "string_upper_ascii", [string()], string(), upper_ascii).costing(read),
        Overload::member("trim", "string_trim", [string()], string(), trim).costing(read),
        Overload::member("replace", "string_replace_string_string", [string(), string(), string()], string(), replace)
            .costing(rewrite),
        Overload::member(
            "replace",
            "string_replace_string_string_int",
            [string(), string(), string(), Type::Int],
            string(),
            replace,
        )
        .costing(rewrite),
        Overload::member("split", "string_split_string", [string(), string()], strings(), split).costing(rewrite),
        Overload::member("split", "string_split_string_int", [string(), string(), Type::Int], strings(), split)
            .costing(rewrite),
        Overload::member("substring", "string_substring_int", [string(), Type::Int], string(), substring).costing(read),
        Overload::member(
            "substring",
            "string_substring_int_int",
            [string(), Type::Int, Type::Int],
            string(),
            substring,
        )
        .costing(read),
        Overload::member("join", "list_join", [strings()], string(), join_list).costing(join),
        Overload::member("join", "list_join_string", [strings(), string()], string(), join_list).costing(join),
        Overload::member("format", "string_format", [string(), Type::list(Type::Dyn)], string(), format::run)
            .costing_if_known(read),
        Overload::global("strings.quote", "strings_quote", [string()], string(), quote).costing_if_known(read),
    ]
}

/// A part of a text, between two of its bytes: borrowed from where the text is.
pub(super) fn part<'a>(text: &Text<'a>, from: usize, to: usize) -> Value<'a> {
    match text {
        Text::Borrowed(text) => Value::String(Text::Borrowed(text.get(from..to).unwrap_or_default())),
        Text::Shared(shared) if (from, to) == (0, shared.len()) => Value::String(Text::Shared(Rc::clone(shared))),
        Text::Shared(shared) => Value::text(shared.get(from..to).unwrap_or_default()),
    }
}

fn char_at<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::String(text), Value::Int(index)] = call.args else { return Err(Failure::no_such_overload()) };
    let from = byte_of(text.as_str(), *index)?;
    let length = text.as_str().get(from..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    Ok(part(text, from, from + length))
}

fn substring<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::String(text), Value::Int(start)] => {
            Ok(part(text, byte_of(text.as_str(), *start)?, text.as_str().len()))
        }
        [Value::String(_), Value::Int(start), Value::Int(end)] if start > end => {
            Err(Failure::error(format!("invalid substring range. start: {start}, end: {end}")))
        }
        [Value::String(text), Value::Int(start), Value::Int(end)] => {
            Ok(part(text, byte_of(text.as_str(), *start)?, byte_of(text.as_str(), *end)?))
        }
        _ => Err(Failure::no_such_overload()),
    }
}

/// The third argument is where to begin. An empty text is found there, also beyond the end.
fn index_of<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let (text, part, from) = match call.args {
        [Value::String(text), Value::String(part)] => (text.as_str(), part.as_str(), 0),
        [Value::String(text), Value::String(part), Value::Int(from)] => (text.as_str(), part.as_str(), *from),
        _ => return Err(Failure::no_such_overload()),
    };
    if part.is_empty() {
        return Ok(Value::Int(from));
    }
    let Some(start) = start(text, from)? else { return Ok(Value::Int(-1)) };
    let found = text.get(start..).and_then(|rest| rest.find(part)).map(|at| start + at);
    Ok(place(text, found))
}

/// The third argument is the last place where it may begin.
fn last_index_of<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let (text, part, from) = match call.args {
        [Value::String(text), Value::String(part)] => (text.as_str(), part.as_str(), None),
        [Value::String(text), Value::String(part), Value::Int(from)] => (text.as_str(), part.as_str(), Some(*from)),
        _ => return Err(Failure::no_such_overload()),
    };
    let found = match from {
        None if part.is_empty() => Some(text.len()),
        Some(from) if part.is_empty() => return Ok(Value::Int(from)),
        None => text.rfind(part),
        Some(from) => start(text, from)?.and_then(|start| {
            let end = text.floor_char_boundary(start.saturating_add(part.len()).min(text.len()));
            text.get(..end)?.rfind(part)
        }),
    };
    Ok(place(text, found))
}

fn lower_ascii<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::String(text)] = call.args else { return Err(Failure::no_such_overload()) };
    call.meter.allocate(text.as_str().len())?;
    Ok(Value::text(text.as_str().to_ascii_lowercase()))
}

fn upper_ascii<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::String(text)] = call.args else { return Err(Failure::no_such_overload()) };
    call.meter.allocate(text.as_str().len())?;
    Ok(Value::text(text.as_str().to_ascii_uppercase()))
}

fn trim<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::String(text)] = call.args else { return Err(Failure::no_such_overload()) };
    let whole = text.as_str();
    let from = whole.len() - whole.trim_start().len();
    Ok(part(text, from, from + whole.trim().len()))
}

fn replace<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let (text, old, new, times) = match call.args {
        [Value::String(text), Value::String(old), Value::String(new)] => (text, old, new, -1),
        [Value::String(text), Value::String(old), Value::String(new), Value::Int(times)] => (text, old, new, *times),
        _ => return Err(Failure::no_such_overload()),
    };
    let (whole, old, new) = (text.as_str(), old.as_str(), new.as_str());
    let times = usize::try_from(times).unwrap_or(usize::MAX).min(whole.matches(old).count());
    // What replaces may be far larger than what is paid for.
    call.meter.allocate(whole.len().saturating_add(times.saturating_mul(new.len())))?;
    Ok(Value::text(whole.replacen(old, new, times)))
}

fn split<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let (text, separator, most) = match call.args {
        [Value::String(text), Value::String(separator)] => (text, separator.as_str(), -1),
        [Value::String(text), Value::String(separator), Value::Int(most)] => (text, separator.as_str(), *most),
        _ => return Err(Failure::no_such_overload()),
    };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let whole = text.as_str();
    if most == 0 || (whole.is_empty() && separator.is_empty()) {
        return Ok(Value::list([]));
    }
    // The place before the first character is found too, and is none to split at.
    let skipped = usize::from(separator.is_empty());
    let ends = || whole.match_indices(separator).skip(skipped).filter(|(at, _)| *at < whole.len() || skipped == 0);
    let ends = || ends().take(most - 1);
    let count = ends().count() + 1;
    call.meter.allocate_items(count)?;
    call.meter.allocate(whole.len())?;
    let mut pieces = Vec::with_capacity(count);
    let mut from = 0;
    for (end, separator) in ends() {
        pieces.push(part(text, from, end));
        from = end + separator.len();
    }
    pieces.push(part(text, from, whole.len()));
    Ok(Value::list(pieces))
}

fn join_list<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let (list, separator) = match call.args {
        [Value::List(list)] => (list, ""),
        [Value::List(list), Value::String(separator)] => (list, separator.as_str()),
        _ => return Err(Failure::no_such_overload()),
    };
    let mut joined = String::new();
    for (index, item) in list.iter().enumerate() {
        let Value::String(text) = &item else {
            return Err(Failure::error(format!("join: invalid input: {item}")));
        };
        call.meter.allocate(separator.len().saturating_add(text.as_str().len()))?;
        if index > 0 {
            joined.push_str(separator);
        }
        joined.push_str(text.as_str());
    }
    Ok(Value::text(joined))
}

fn quote<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::String(text)] = call.args else { return Err(Failure::no_such_overload()) };
    call.meter.allocate(text.as_str().len().saturating_mul(2))?;
    let mut quoted = String::with_capacity(text.as_str().len() + 2);
    quoted.push('"');
    for character in text.as_str().chars() {
        match character {
            '\x07' => quoted.push_str("\\a"),
            '\x08' => quoted.push_str("\\b"),
            '\x0C' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\x0B' => quoted.push_str("\\v"),
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    Ok(Value::text(quoted))
}

/// The byte where a character begins, or the end.
fn byte_of(text: &str, index: i64) -> Result<usize, Failure> {
    let out_of_range = || Failure::error(format!("index out of range: {index}"));
    let index = usize::try_from(index).map_err(|_| out_of_range())?;
    byte_of_character(text, index).ok_or_else(out_of_range)
}

/// The byte where a character begins, or the end. Characters are counted many at a time, which is far faster than one by one.
fn byte_of_character(text: &str, index: usize) -> Option<usize> {
    const BLOCK: usize = 1024;
    let (mut at, mut left) = (0, index);
    while left >= BLOCK {
        let next = text.floor_char_boundary(at + BLOCK);
        if next <= at {
            return None;
        }
        left -= text.get(at..next)?.chars().count();
        at = next;
    }
    let rest = text.get(at..)?;
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).nth(left).map(|place| at + place)
}

/// Where a search begins; none beyond the last character.
fn start(text: &str, from: i64) -> Result<Option<usize>, Failure> {
    let from = usize::try_from(from).map_err(|_| Failure::error(format!("index out of range: {from}")))?;
    Ok(byte_of_character(text, from).filter(|at| *at < text.len()))
}

/// The number of a character by its byte; -1 where nothing was found.
fn place<'a>(text: &str, found: Option<usize>) -> Value<'a> {
    let place = found.and_then(|at| i64::try_from(text.get(..at)?.chars().count()).ok());
    Value::Int(place.unwrap_or(-1))
}

#[cfg(test)]
mod tests;
