//! Writes values as YAML: whole manifests, and the pieces that an edit puts into a document.

use serde_json::{Map, Value};

use crate::engine::yaml::scalar::is_string_everywhere;

/// How the text around a piece is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) line_break: &'static str,
    /// The document is JSON and shall stay so.
    pub(super) json: bool,
    /// Lists under a key are indented, where kubectl does not indent them.
    pub(super) indent_lists: bool,
}

const KUBECTL: Layout = Layout { line_break: "\n", json: false, indent_lists: false };

/// The value as one YAML document in block style, as kubectl prints it.
pub fn emit(value: &Value) -> String {
    let mut text = KUBECTL.block(value, 0);
    text.push('\n');
    text
}

// === impl Layout ===

impl Layout {
    /// On one line: a scalar, or brackets.
    pub(super) fn flow(self, value: &Value) -> String {
        if self.json {
            return value.to_string();
        }
        match value {
            Value::String(text) => string(text, true),
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| self.flow(item)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Object(map) => {
                let entries: Vec<_> = map.iter().map(|(key, value)| self.flow_entry(key, value)).collect();
                format!("{{{}}}", entries.join(", "))
            }
            scalar => scalar.to_string(),
        }
    }

    pub(super) fn flow_entry(self, key: &str, value: &Value) -> String {
        let key = if self.json { double(key) } else { string(key, true) };
        format!("{key}: {}", self.flow(value))
    }

    /// A list or mapping on lines of its own from this column on; the first line without its indentation, the last
    /// without a line break. Anything else on one line.
    pub(super) fn block(self, value: &Value, column: usize) -> String {
        let lines: Vec<String> = match value {
            Value::Array(items) if !items.is_empty() => items.iter().map(|item| self.item(item, column)).collect(),
            Value::Object(map) if !map.is_empty() => self.entries(map, column),
            Value::String(text) => return string(text, false),
            scalar => return self.flow(scalar),
        };
        lines.join(&self.indentation(column))
    }

    /// `- item` at this column.
    pub(super) fn item(self, value: &Value, column: usize) -> String {
        match value {
            Value::String(text) => format!("- {}", self.text(text, column)),
            _ => format!("- {}", self.block(value, column + 2)),
        }
    }

    /// `key: value` at this column.
    pub(super) fn entry(self, key: &str, value: &Value, column: usize) -> String {
        let key = string(key, false);
        match value {
            Value::Array(items) if !items.is_empty() => {
                let inner = if self.indent_lists { column + 2 } else { column };
                format!("{key}:{}{}", self.indentation(inner), self.block(value, inner))
            }
            Value::Object(map) if !map.is_empty() => {
                format!("{key}:{}{}", self.indentation(column + 2), self.block(value, column + 2))
            }
            Value::String(text) => format!("{key}: {}", self.text(text, column)),
            scalar => format!("{key}: {}", self.flow(scalar)),
        }
    }

    /// Whether [`Self::block`] ends in lines of a literal.
    pub(super) fn ends_in_literal(self, value: &Value) -> bool {
        let mut last = value;
        loop {
            last = match last {
                Value::Array(items) if !items.is_empty() => items.last().unwrap_or(&Value::Null),
                Value::Object(map) if !map.is_empty() => map.values().next_back().unwrap_or(&Value::Null),
                Value::String(text) => return self.literal(text, 0).is_some(),
                _ => return false,
            };
        }
    }

    /// A line break and this many blanks.
    pub(super) fn indentation(self, column: usize) -> String {
        format!("{}{}", self.line_break, " ".repeat(column))
    }

    fn entries(self, map: &Map<String, Value>, column: usize) -> Vec<String> {
        map.iter().map(|(key, value)| self.entry(key, value, column)).collect()
    }

    fn text(self, text: &str, column: usize) -> String {
        self.literal(text, column + 2).unwrap_or_else(|| string(text, false))
    }

    /// `|` and lines at this column, for text of several lines that reads well so and survives it.
    pub(super) fn literal(self, text: &str, column: usize) -> Option<String> {
        let body = text.strip_suffix('\n').unwrap_or(text);
        let survives = |line: &str| !line.ends_with(' ') && !line.contains(|c: char| c == '\t' || needs_escape(c));
        let readable = !body.starts_with([' ', '\n']) && !body.is_empty() && !body.ends_with('\n');
        if !text.contains('\n') || !readable || !body.split('\n').all(survives) {
            return None;
        }
        let mut out = String::from(if body.len() == text.len() { "|-" } else { "|" });
        for line in body.split('\n') {
            if line.is_empty() {
                out.push_str(self.line_break);
            } else {
                out.push_str(&self.indentation(column));
                out.push_str(line);
            }
        }
        Some(out)
    }
}

/// A string without quotes where every reader takes it for that string, else in double quotes.
pub(super) fn string(text: &str, flow: bool) -> String {
    if is_plain(text, flow) { text.to_owned() } else { double(text) }
}

/// In double quotes, as JSON writes it, with escapes for what some YAML reader takes for a line break or refuses.
pub(super) fn double(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    out.push_str(&escaped(text));
    out.push('"');
    out
}

pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if needs_escape(c) => {
                let escape = format!("\\u{:04x}", u32::from(c));
                out.push_str(&escape);
            }
            c => out.push(c),
        }
    }
    out
}

/// In single quotes; None where only double quotes can hold it.
pub(super) fn single(text: &str) -> Option<String> {
    let fits = !text.contains(|c: char| matches!(c, '\n' | '\t') || needs_escape(c));
    fits.then(|| format!("'{}'", text.replace('\'', "''")))
}

pub(super) fn is_plain(text: &str, flow: bool) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let starts_well = first.is_alphanumeric() || matches!(first, '_' | '/' | '.' | '$' | '(' | '+' | '<' | '^' | ';');
    let flow_signs = |c: char| matches!(c, ',' | '[' | ']' | '{' | '}' | ':');
    let printable = |c: char| c == ' ' || !(c.is_whitespace() || c.is_control() || needs_escape(c));
    starts_well
        && text.chars().all(printable)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.starts_with("...")
        && !(flow && text.contains(flow_signs))
        && is_string_everywhere(text)
}

/// Controls, and what YAML 1.1 calls a line break or does not allow.
fn needs_escape(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests;
