//! Replacements of byte ranges, brought into an order in which they do not disturb each other.

use super::CannotEdit;
use crate::engine::yaml::lines::{after_break, before_break, cut, line_start};

/// Puts a text in the place of a range of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Splice {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) text: String,
}

/// Sorts and dedupes; unites deletions that overlap. Insertions at one place come in the order in which they are given.
pub(super) fn settle(text: &str, splices: Vec<Splice>) -> Result<Vec<Splice>, CannotEdit> {
    let (mut deletions, mut all): (Vec<_>, Vec<_>) = splices.into_iter().partition(|splice| splice.text.is_empty());
    deletions.sort_by_key(|splice| (splice.start, splice.end));
    let mut united: Vec<Splice> = Vec::new();
    for next in deletions.into_iter().filter(|splice| splice.start < splice.end) {
        match united.last_mut() {
            Some(last) if next.start < last.end => last.end = last.end.max(next.end),
            _ => united.push(next),
        }
    }
    all.sort_by_key(|splice| splice.start);
    all.dedup();
    keep_open_end(text, &mut united, &all);
    all.extend(united);
    all.sort_by_key(|splice| (splice.start, splice.end));
    let overlaps = all.iter().zip(all.iter().skip(1)).any(|(first, second)| second.start < first.end);
    if overlaps {
        return Err(CannotEdit::because("two changes concern the same part of the text"));
    }
    Ok(all)
}

/// A text without a line break at its end shall not get one because its last lines go.
fn keep_open_end(text: &str, deletions: &mut [Splice], insertions: &[Splice]) {
    if before_break(text, text.len()) != text.len() {
        return;
    }
    let mut start = text.len();
    let mut first = None;
    for deletion in deletions.iter_mut().rev() {
        if deletion.end != start || (first.is_some() && insertions.iter().any(|insertion| insertion.start == start)) {
            break;
        }
        start = deletion.start;
        first = Some(deletion);
    }
    if let Some(first) = first
        && start == line_start(text, start)
        && insertions.iter().all(|insertion| insertion.start != start)
    {
        first.start = before_break(text, start);
    }
}

pub(super) fn apply(text: &str, splices: &[Splice]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for splice in splices {
        out.push_str(cut(text, at, splice.start));
        out.push_str(&splice.text);
        at = splice.end;
    }
    out.push_str(cut(text, at, text.len()));
    out
}

// === impl Splice ===

impl Splice {
    pub(super) fn delete(start: usize, end: usize) -> Self {
        Self { start, end, text: String::new() }
    }

    pub(super) fn insert(at: usize, text: impl Into<String>) -> Self {
        Self { start: at, end: at, text: text.into() }
    }

    pub(super) fn replace(start: usize, end: usize, text: impl Into<String>) -> Self {
        Self { start, end, text: text.into() }
    }

    /// New lines (without the last line break) that begin at the line start `at`, or at the end of a text without a
    /// line break.
    pub(super) fn lines(text: &str, at: usize, lines: &str, line_break: &str) -> Self {
        let ends_open = at == text.len() && before_break(text, at) == at && after_break(text, at) == at && at > 0;
        let lines = if ends_open { format!("{line_break}{lines}") } else { format!("{lines}{line_break}") };
        Self::insert(at, lines)
    }
}
