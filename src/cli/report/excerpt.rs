//! The few lines of a source that a finding is shown with: short enough to read, and nothing in them that a terminal
//! would act on.

use std::ops::Range;

use crate::cli::report::{place::Lines, text};

/// Lines of a span beyond which only its first is shown: a whole object says nothing that its first line does not.
const ROWS: usize = 6;

/// Bytes of a line beyond which it is cut around what is pointed at: JSON is often one line of 100 KB.
const LONG: usize = 240;

/// Bytes of a long line that are shown before what is pointed at.
const BEFORE: usize = 40;

/// Bytes of a long line that are shown from the start of what is pointed at.
const FROM: usize = 80;

const CUT: char = '…';

/// Text to show, and what to underline in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) text: String,
    /// Of its first line, from 1.
    pub(super) line: usize,
    /// Bytes of `text`.
    pub(super) span: Range<usize>,
}

impl Excerpt {
    pub(super) fn of(lines: &Lines<'_>, span: &Range<usize>) -> Self {
        let span = lines.settle(span);
        let (first, last) = (lines.row(span.start), lines.row(span.end));
        let first_line = lines.line_span(first);
        let is_long = |row| lines.line_span(row).len() > LONG;
        let whole = first == last || (last - first < ROWS && !(first..=last).any(is_long));
        let span = if whole { span } else { span.start..first_line.end };
        let shown = match () {
            () if whole && first != last => first_line.start..lines.line_span(last).end,
            () if is_long(first) => window(lines, &first_line, &span),
            () => first_line.clone(),
        };

        let span = span.start..span.end.min(shown.end);
        let mut excerpt = Self { text: String::new(), line: first + 1, span: 0..0 };
        if shown.start > first_line.start {
            excerpt.text.push(CUT);
        }
        excerpt.push(lines.text(shown.start..span.start));
        excerpt.span.start = excerpt.text.len();
        excerpt.push(lines.text(span.clone()));
        excerpt.span.end = excerpt.text.len();
        excerpt.push(lines.text(span.end..shown.end));
        if shown.end < first_line.end {
            excerpt.text.push(CUT);
        }
        excerpt
    }

    fn push(&mut self, source: &str) {
        for row in source.split_inclusive('\n') {
            let line = row.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
            self.text.extend(line.unwrap_or(row).chars().map(text::in_source));
            if line.is_some() {
                self.text.push('\n');
            }
        }
    }
}

/// The part of a long line around what is pointed at.
fn window(lines: &Lines<'_>, line: &Range<usize>, span: &Range<usize>) -> Range<usize> {
    let text = lines.text(line.clone());
    let at = span.start - line.start;
    let start = text.floor_char_boundary(at.saturating_sub(BEFORE));
    let end = text.ceil_char_boundary(at + FROM);
    line.start + start..line.start + end
}
