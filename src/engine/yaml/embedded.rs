//! Where the characters of a scalar's value stand in the text that the scalar was read from.

use crate::engine::yaml::{
    lines::{after_break, cut, is_blank, line_end, next_line},
    spans::Span,
    tree::{Kind, NodeId, Style, Tree},
};

/// A value cut into runs of bytes that stand in the text as they are.
#[derive(Debug)]
pub(super) struct Positions {
    /// Where runs begin, in the value and in the text.
    runs: Vec<(usize, usize)>,
    end: usize,
}

struct Decoder {
    value: String,
    runs: Vec<(usize, usize)>,
}

// === impl Positions ===

impl Positions {
    /// None where the value does not follow from its text in a way known here (a folded scalar with blank lines).
    pub(super) fn of(tree: &Tree, id: NodeId) -> Option<Self> {
        let node = tree.node(tree.follow(id));
        let Kind::Scalar { value, style, indent } = &node.kind else { return None };
        let (text, span) = (tree.text(), node.span);
        let mut decoder = Decoder { value: String::new(), runs: Vec::new() };
        match style {
            Style::Literal | Style::Folded => decoder.lines(text, span, *indent),
            Style::Plain => decoder.folded_line(text, span, *style),
            Style::Single | Style::Double => {
                decoder.folded_line(text, Span { start: span.start + 1, end: span.end.saturating_sub(1) }, *style);
            }
        }
        let decoded = decoder.value.trim_end_matches('\n');
        let expected = value.trim_end_matches('\n');
        let same = match style {
            Style::Folded => {
                decoded.len() == expected.len()
                    && decoded.bytes().zip(expected.bytes()).all(|(a, b)| a == b || (a == b'\n' && b == b' '))
            }
            _ => decoded == expected,
        };
        let end = decoder.runs.last().map_or(span.end, |(_, outer)| span.end.max(*outer));
        same.then_some(Self { runs: decoder.runs, end })
    }

    pub(super) fn outward(&self, inner: Span) -> Span {
        let start = self.of_start(inner.start);
        let end = if inner.is_empty() { start } else { self.of_end(inner.end) };
        Span { start, end: end.max(start) }
    }

    /// Where the character at this place of the value begins.
    pub(super) fn of_start(&self, inner: usize) -> usize {
        let after = self.runs.partition_point(|(run, _)| *run <= inner);
        let run = after.checked_sub(1).and_then(|run| self.runs.get(run));
        run.map_or(self.end, |(at, outer)| outer + (inner - at)).min(self.end)
    }

    /// Where the character before this place of the value ends.
    fn of_end(&self, inner: usize) -> usize {
        match self.runs.binary_search_by_key(&inner, |(run, _)| *run) {
            Ok(_) => self.of_start(inner),
            Err(_) => self.of_start(inner.saturating_sub(1)).saturating_add(1).min(self.end),
        }
    }
}

// === impl Decoder ===

impl Decoder {
    fn push(&mut self, part: &str, outer: usize) {
        let inner = self.value.len();
        if self.runs.last().is_none_or(|(run, at)| at + (inner - run) != outer) {
            self.runs.push((inner, outer));
        }
        self.value.push_str(part);
    }

    fn lines(&mut self, text: &str, span: Span, indent: usize) {
        let mut at = next_line(text, span.start);
        while at <= span.end {
            let end = line_end(text, at);
            let blanks = cut(text, at, end).bytes().take_while(|byte| *byte == b' ').count().min(indent);
            self.runs.push((self.value.len(), at + blanks));
            self.value.push_str(cut(text, at + blanks, end));
            self.value.push('\n');
            at = after_break(text, end);
            if at == end {
                break;
            }
        }
        self.runs.push((self.value.len(), at));
    }

    /// A plain or quoted scalar: a line break is a space, further ones are line breaks, blanks around them vanish.
    fn folded_line(&mut self, text: &str, span: Span, style: Style) {
        let mut at = span.start;
        // Blanks written as such, which a line break swallows.
        let mut loose_from = None;
        while let Some(c) = cut(text, at, span.end).chars().next() {
            let next = at + c.len_utf8();
            match c {
                '\n' | '\r' => {
                    if let Some(loose) = loose_from.take() {
                        self.value.truncate(loose);
                        self.runs.retain(|(run, _)| *run <= loose);
                    }
                    let (end, breaks) = over_breaks(text, at, span.end);
                    let folded = if breaks == 1 { " ".to_owned() } else { "\n".repeat(breaks - 1) };
                    self.push(&folded, at);
                    at = end;
                    self.runs.push((self.value.len(), at));
                }
                ' ' | '\t' => {
                    loose_from.get_or_insert(self.value.len());
                    self.push(cut(text, at, next), at);
                    at = next;
                }
                '\\' if style == Style::Double => {
                    loose_from = None;
                    let (decoded, end) = escape(text, at, span.end);
                    self.runs.push((self.value.len(), at));
                    self.value.push_str(&decoded);
                    at = end;
                    self.runs.push((self.value.len(), at));
                }
                '\'' if style == Style::Single => {
                    loose_from = None;
                    self.push("'", at);
                    at = next + 1;
                }
                _ => {
                    loose_from = None;
                    self.push(cut(text, at, next), at);
                    at = next;
                }
            }
        }
        self.runs.push((self.value.len(), span.end));
    }
}

/// Over line breaks and the blanks around them, with their number.
fn over_breaks(text: &str, mut at: usize, end: usize) -> (usize, usize) {
    let mut breaks = 0;
    loop {
        let stop = line_end(text, at).min(end);
        let line = cut(text, at, stop);
        if breaks > 0 && (!is_blank(line) || stop == end) {
            return (at + line.len() - line.trim_start_matches([' ', '\t']).len(), breaks);
        }
        at = after_break(text, stop);
        breaks += 1;
    }
}

/// What an escape stands for, and where it ends (YAML 1.2.2, 5.7). A pair of surrogates is one character, as in JSON.
fn escape(text: &str, at: usize, end: usize) -> (String, usize) {
    let hex = |at: usize, digits: usize| u32::from_str_radix(cut(text, at, at + digits), 16).unwrap_or_default();
    let Some(c) = cut(text, at + 1, end).chars().next() else { return (String::new(), end) };
    let next = at + 1 + c.len_utf8();
    let simple = match c {
        '0' => "\0",
        'a' => "\u{7}",
        'b' => "\u{8}",
        't' | '\t' => "\t",
        'n' => "\n",
        'v' => "\u{b}",
        'f' => "\u{c}",
        'r' => "\r",
        'e' => "\u{1b}",
        'N' => "\u{85}",
        '_' => "\u{a0}",
        'L' => "\u{2028}",
        'P' => "\u{2029}",
        '\n' | '\r' => {
            let line = after_break(text, at + 1).min(end);
            let blanks = cut(text, line, end).bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            return (String::new(), line + blanks);
        }
        'x' | 'u' | 'U' => {
            let digits = match c {
                'x' => 2,
                'u' => 4,
                _ => 8,
            };
            let (mut code, mut end) = (hex(next, digits), next + digits);
            if (0xd800..0xdc00).contains(&code) && cut(text, end, end + 2) == "\\u" {
                code = 0x1_0000 + ((code - 0xd800) << 10) + (hex(end + 2, 4).wrapping_sub(0xdc00) & 0x3ff);
                end += 6;
            }
            return (char::from_u32(code).map(String::from).unwrap_or_default(), end);
        }
        other => return (other.to_string(), next),
    };
    (simple.to_owned(), next)
}
