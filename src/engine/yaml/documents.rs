//! Splits a stream into its documents without parsing them.

use crate::engine::yaml::lines::{after_break, bom_len, byte, cut, line_end, skip_trivia};

/// One document of a stream, with where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Document<'a> {
    /// From its `---` line (or its directives) to the next marker; a byte order mark at the start is kept.
    pub text: &'a str,
    /// Bytes before it in the stream.
    pub offset: usize,
    /// Lines before it in the stream.
    pub line: usize,
}

/// Where a document may begin.
struct Beginning {
    offset: usize,
    line: usize,
}

/// What the lines so far belong to.
enum State {
    /// Before any content, at the start or behind `...`: where directives may stand.
    Prefix { start: Beginning, directives: bool },
    /// In a document. `content` is behind its `---`.
    Inside { start: Beginning, content: usize },
}

/// The documents of a stream that hold more than blank lines and comments. A line that begins with `---` or `...`
/// ends a document wherever it stands, inside of a scalar too (YAML 1.2.2, 9.1.2).
pub fn split(text: &str) -> Vec<Document<'_>> {
    let mut found = Vec::new();
    let mut state = State::Prefix { start: Beginning { offset: 0, line: 0 }, directives: false };
    let (mut at, mut line) = (0, 0);
    while at < text.len() {
        let begin = if at == 0 { bom_len(text) } else { at };
        let end = line_end(text, begin);
        if is_marker(text, begin, b'-') {
            state = match state {
                State::Prefix { start, directives: true } => State::Inside { start, content: begin + 3 },
                State::Prefix { start: Beginning { offset: 0, .. }, .. } if begin == bom_len(text) => {
                    State::Inside { start: Beginning { offset: 0, line }, content: begin + 3 }
                }
                State::Prefix { .. } => State::Inside { start: Beginning { offset: at, line }, content: begin + 3 },
                State::Inside { start, content } => {
                    keep(&mut found, text, &start, content, at);
                    State::Inside { start: Beginning { offset: at, line }, content: begin + 3 }
                }
            };
        } else if is_marker(text, begin, b'.') {
            if let State::Inside { start, content } = &state {
                keep(&mut found, text, start, *content, at);
            }
            state = State::Prefix {
                start: Beginning { offset: after_break(text, end), line: line + 1 },
                directives: false,
            };
        } else if let State::Prefix { start, directives } = state {
            let first = cut(text, begin, end).trim_start_matches([' ', '\t']).bytes().next();
            state = match first {
                None | Some(b'#') => State::Prefix { start, directives },
                Some(b'%') if byte(text, begin) == Some(b'%') => State::Prefix { start, directives: true },
                Some(_) => State::Inside { content: start.offset, start },
            };
        }
        at = after_break(text, end);
        line += 1;
    }
    match state {
        State::Inside { start, content } => keep(&mut found, text, &start, content, text.len()),
        // Directives without a document: kept, so that parsing it can say so.
        State::Prefix { start, directives: true } => keep(&mut found, text, &start, start.offset, text.len()),
        State::Prefix { .. } => {}
    }
    found
}

fn keep<'a>(found: &mut Vec<Document<'a>>, text: &'a str, start: &Beginning, content: usize, end: usize) {
    let document = cut(text, start.offset, end);
    let content = content.max(bom_len(text));
    if skip_trivia(cut(text, 0, end), content) < end {
        found.push(Document { text: document, offset: start.offset, line: start.line });
    }
}

fn is_marker(text: &str, at: usize, of: u8) -> bool {
    (0..3).all(|n| byte(text, at + n) == Some(of))
        && matches!(byte(text, at + 3), None | Some(b' ' | b'\t' | b'\n' | b'\r'))
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn finds_documents_and_where_they_stand() {
        type Parts = &'static [(&'static str, usize, usize)];
        let cases: &[(&str, Parts)] = &[
            ("", &[]),
            ("# nothing\n\n", &[]),
            ("---\n---\n# no\n---\n", &[]),
            ("a: 1\n", &[("a: 1\n", 0, 0)]),
            ("a: 1\n---\nb: 2\n", &[("a: 1\n", 0, 0), ("---\nb: 2\n", 5, 1)]),
            ("a: 1\r\n---\r\nb: 2", &[("a: 1\r\n", 0, 0), ("---\r\nb: 2", 6, 1)]),
            ("# head\n---\na: 1\n...\n# tail\n", &[("---\na: 1\n", 7, 1)]),
            ("\u{feff}a: 1\n", &[("\u{feff}a: 1\n", 0, 0)]),
            ("\u{feff}---\na: 1\n", &[("\u{feff}---\na: 1\n", 0, 0)]),
            ("\u{feff}# no\n", &[]),
            ("--- foo\n--- {a: 1} # c\n", &[("--- foo\n", 0, 0), ("--- {a: 1} # c\n", 8, 1)]),
            ("%YAML 1.2\n---\na: 1\n", &[("%YAML 1.2\n---\na: 1\n", 0, 0)]),
            ("a: 1\n...\n%YAML 1.2\n---\nb: 1\n", &[("a: 1\n", 0, 0), ("%YAML 1.2\n---\nb: 1\n", 9, 2)]),
            ("a: |\n  x\n  ---\n----\n", &[("a: |\n  x\n  ---\n----\n", 0, 0)]),
            ("a: |\n---\nb: 1\n", &[("a: |\n", 0, 0), ("---\nb: 1\n", 5, 1)]),
            ("a: 1\n%b: 2\n", &[("a: 1\n%b: 2\n", 0, 0)]),
            ("\n\n# c\na: 1\n---\n", &[("\n\n# c\na: 1\n", 0, 0)]),
        ];
        for (text, expected) in cases {
            let found: Vec<_> = split(text).into_iter().map(|d| (d.text, d.offset, d.line)).collect();
            assert_eq!(found, *expected, "{text:?}");
        }
    }
}
