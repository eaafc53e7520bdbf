//! Lines, columns and what YAML skips between tokens. A line ends at `\n`, `\r\n` or `\r` (YAML 1.2.2, 5.4).

use memchr::{memchr2, memrchr2};

const BOM: char = '\u{feff}';

/// A part of the text; empty where the range is not one of characters.
pub(super) fn cut(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end).unwrap_or_default()
}

pub(super) fn byte(text: &str, at: usize) -> Option<u8> {
    text.as_bytes().get(at).copied()
}

/// Bytes of the byte order mark that the text may begin with.
pub(super) fn bom_len(text: &str) -> usize {
    if text.starts_with(BOM) { BOM.len_utf8() } else { 0 }
}

/// Where the line begins that `at` stands on, behind a byte order mark.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    memrchr2(b'\n', b'\r', before).map_or_else(|| bom_len(text).min(at), |brk| brk + 1)
}

/// Where the line of `at` ends, before its line break.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    memchr2(b'\n', b'\r', rest).map_or(text.len(), |brk| at + brk)
}

/// Where the line after that of `at` begins; the end of the text if there is none.
pub(super) fn next_line(text: &str, at: usize) -> usize {
    after_break(text, line_end(text, at))
}

/// Behind the line break at `at`, or `at` itself where there is none.
pub(super) fn after_break(text: &str, at: usize) -> usize {
    match (byte(text, at), byte(text, at + 1)) {
        (Some(b'\r'), Some(b'\n')) => at + 2,
        (Some(b'\r' | b'\n'), _) => at + 1,
        _ => at,
    }
}

/// Before the line break that ends at `at`, or `at` itself where none does.
pub(super) fn before_break(text: &str, at: usize) -> usize {
    let back = |n: usize| at.checked_sub(n).and_then(|at| byte(text, at));
    match (back(2), back(1)) {
        (Some(b'\r'), Some(b'\n')) => at - 2,
        (_, Some(b'\n' | b'\r')) => at - 1,
        _ => at,
    }
}

/// Bytes between the beginning of the line and `at`.
pub(super) fn column(text: &str, at: usize) -> usize {
    at - line_start(text, at)
}

/// Whether only white space stands before `at` on its line.
pub(super) fn starts_line(text: &str, at: usize) -> bool {
    is_blank(cut(text, line_start(text, at), at))
}

pub(super) fn is_blank(line: &str) -> bool {
    line.bytes().all(|byte| matches!(byte, b' ' | b'\t'))
}

/// Skips blanks, line breaks and comments.
pub(super) fn skip_trivia(text: &str, mut at: usize) -> usize {
    loop {
        match byte(text, at) {
            Some(b' ' | b'\t' | b'\n' | b'\r') => at += 1,
            Some(b'#') => at = line_end(text, at),
            _ => return at,
        }
    }
}

/// Back over the blanks that stand before `at` on its line.
pub(super) fn trim_left(text: &str, at: usize) -> usize {
    let start = line_start(text, at);
    start + cut(text, start, at).trim_end_matches([' ', '\t']).len()
}

/// The line break that the text uses first.
pub(super) fn line_break(text: &str) -> &'static str {
    match byte(text, line_end(text, 0)) {
        Some(b'\r') if byte(text, line_end(text, 0) + 1) == Some(b'\n') => "\r\n",
        _ => "\n",
    }
}
