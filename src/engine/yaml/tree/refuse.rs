//! What go-yaml refuses and the parser takes.

use super::{Entry, Kind, Node};
use crate::engine::yaml::{YamlError, lines::bom_len, spans::line_column};

/// Keys that stand twice in a mapping, by their text as written.
pub(super) fn refuse_duplicates(text: &str, nodes: &[Node], entries: &[Entry]) -> Result<(), YamlError> {
    let mut keys: Vec<(&str, usize)> = Vec::with_capacity(entries.len());
    for entry in entries {
        if let Some(Node { kind: Kind::Scalar { value, .. }, span, .. }) = nodes.get(entry.key.0) {
            keys.push((value, span.start));
        }
    }
    keys.sort_unstable();
    let twice = keys.iter().zip(keys.iter().skip(1)).filter(|((first, _), (second, _))| first == second);
    match twice.min_by_key(|(_, (_, at))| *at) {
        Some(((key, first), (_, second))) => {
            let (line, _) = line_column(text, *first);
            Err(YamlError::at(text, *second, format!("key `{key}` stands twice, first on line {line}")))
        }
        None => Ok(()),
    }
}

/// What YAML calls non-printable (1.2.2, 5.1).
pub(super) fn refuse_control_characters(text: &str) -> Result<(), YamlError> {
    let is_bad = |c: char| {
        matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}')
            || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    let skip = bom_len(text);
    match text.get(skip..).unwrap_or_default().char_indices().find(|(_, c)| is_bad(*c)) {
        Some((at, c)) => {
            let message = format!("the character U+{:04X} is not allowed in YAML", u32::from(c));
            Err(YamlError::at(text, skip + at, message))
        }
        None => Ok(()),
    }
}
