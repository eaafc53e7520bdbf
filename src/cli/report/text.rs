//! Words that come from the input, made safe to print.
//!
//! A manifest can hold terminal escapes (`ESC ]0;…`), C1 controls and text-direction marks. None of them reaches a
//! terminal, an XML file or a CI log: what cannot be seen is written out.

use std::borrow::Cow;

/// One line: what cannot be seen, line ends and tabs too, is escaped as in Rust (`\u{1b}`, `\n`).
pub(super) fn line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        push_line(c, &mut shown);
    }
    Cow::Owned(shown)
}

/// Several lines, as a manifest in a help: line ends stay, a tab is four spaces, all else is as in [`line`].
pub(super) fn block(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for row in text.trim_end().lines() {
        if !shown.is_empty() {
            shown.push('\n');
        }
        for c in row.chars() {
            match c {
                '\t' => shown.push_str("    "),
                c => push_line(c, &mut shown),
            }
        }
    }
    shown
}

/// One character of source in the place of one: underlines stay below what they point at.
pub(super) fn in_source(c: char) -> char {
    match u32::from(c) {
        0x09 => '\t',
        control @ 0..0x20 => char::from_u32(0x2400 + control).unwrap_or(char::REPLACEMENT_CHARACTER),
        0x7F => '\u{2421}',
        _ if is_hidden(c) => char::REPLACEMENT_CHARACTER,
        _ => c,
    }
}

/// A word of a command line, quoted for a shell where it must be.
pub(super) fn argument(word: &str) -> String {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_./\\:+,@%=".contains(c));
    if plain { word.to_owned() } else { format!("'{}'", line(word).replace('\'', r"'\''")) }
}

/// `1 file`, `2 files`.
pub(super) fn count(n: usize, word: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {word}{plural}")
}

/// `a, b and c`.
pub(super) fn listed(words: &[String]) -> String {
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// JSON whose strings hold no character that a terminal acts on: JSON itself only escapes those below U+0020. Outside
/// of strings JSON has none of them, so that replacing them everywhere is right.
pub(super) fn json(document: &str) -> Cow<'_, str> {
    let hidden = |c| is_hidden(c) && c != '\n';
    if !document.chars().any(hidden) {
        return Cow::Borrowed(document);
    }
    let mut shown = String::with_capacity(document.len() + 16);
    for c in document.chars() {
        if hidden(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                shown.extend(["\\u".to_owned(), format!("{unit:04x}")]);
            }
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

fn push_line(c: char, shown: &mut String) {
    match c {
        '\n' | '\r' | '\t' => shown.extend(c.escape_default()),
        c if is_hidden(c) => shown.extend(c.escape_unicode()),
        c => shown.push(c),
    }
}

/// Controls (C0, DEL, C1), marks that change the direction of text (CVE-2021-42574), line separators, and what XML 1.0
/// cannot hold.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{FFFE}' | '\u{FFFF}')
}
