//! From bytes of a text to lines and columns, for any number of places in linear time.

use std::ops::Range;

use crate::cli::report::Report;

/// Units are counted once per so many bytes, so that a column in a line of 100 KB is not counted from its start.
const BLOCK: usize = 1024;

/// What a column counts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Columns {
    Chars,
    /// What SARIF's viewers and editors count.
    Utf16,
}

/// Both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// The end is behind the last character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) start: Place,
    pub(super) end: Place,
}

/// The lines of a text.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
    /// Units before each block.
    marks: Vec<Units>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Units {
    chars: usize,
    utf16: usize,
}

/// The lines of every source that something is said about.
#[derive(Debug)]
pub(super) struct Places<'a>(Vec<Option<Lines<'a>>>);

// === impl Places ===

impl<'a> Places<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        let mut named = vec![false; report.sources.len()];
        let found = report.findings.iter().map(|reported| reported.source);
        let refused =
            report.refusals.iter().chain(&report.warnings).filter_map(|refusal| Some(refusal.span.as_ref()?.0));
        for source in found.chain(refused) {
            if let Some(named) = named.get_mut(source) {
                *named = true;
            }
        }
        let lines = |(source, named): (&'a super::Source, bool)| named.then(|| Lines::of(&source.text));
        Self(report.sources.iter().zip(named).map(lines).collect())
    }

    pub(super) fn lines(&self, source: usize) -> Option<&Lines<'a>> {
        self.0.get(source)?.as_ref()
    }

    /// Line 1, column 1 for a source that is not there.
    pub(super) fn region(&self, source: usize, span: &Range<usize>, columns: Columns) -> Region {
        const START: Place = Place { line: 1, column: 1 };
        self.lines(source).map_or(Region { start: START, end: START }, |lines| lines.region(span, columns))
    }
}

// === impl Lines ===

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1)).collect();
        let mut before = Units::default();
        let mut marks = Vec::with_capacity(text.len() / BLOCK + 1);
        for block in text.as_bytes().chunks(BLOCK) {
            marks.push(before);
            before = before.and(Units::of(block));
        }
        marks.push(before);
        Self { text, starts, marks }
    }

    /// The span without the white space at its end, inside the text, and never in the ends of lines: what ends with a
    /// line is not shown to reach into the next, and the end of the file is the end of its last line.
    pub(super) fn settle(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.ceil_char_boundary(span.end).max(start);
        let kept = self.text.get(start..end).map_or(0, |text| text.trim_end().len());
        let end = start + kept;
        let at_end = self.text.trim_end_matches(['\r', '\n']).len();
        let start = if start == self.text.len() { at_end } else { start };
        let start = start.min(self.line_span(self.row(start)).end);
        start..if kept == 0 { start } else { end }
    }

    /// Where the span is, once [settled](Self::settle).
    pub(super) fn region(&self, span: &Range<usize>, columns: Columns) -> Region {
        let span = self.settle(span);
        Region { start: self.place(span.start, columns), end: self.place(span.end, columns) }
    }

    /// The bytes of a line, from 0, without its end.
    pub(super) fn line_span(&self, row: usize) -> Range<usize> {
        let start = self.starts.get(row).copied().unwrap_or(self.text.len());
        let next = self.starts.get(row + 1).copied().unwrap_or(self.text.len());
        let line = self.text.get(start..next).unwrap_or_default();
        let line = line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line));
        start..start + line.len()
    }

    /// The line, from 0, that a byte is in.
    pub(super) fn row(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    pub(super) fn text(&self, span: Range<usize>) -> &'a str {
        self.text.get(span).unwrap_or_default()
    }

    fn place(&self, offset: usize, columns: Columns) -> Place {
        let row = self.row(offset);
        let (here, line) = (self.units(offset), self.units(self.line_span(row).start));
        let column = match columns {
            Columns::Chars => here.chars - line.chars,
            Columns::Utf16 => here.utf16 - line.utf16,
        };
        Place { line: row + 1, column: column + 1 }
    }

    /// Units before a byte.
    fn units(&self, offset: usize) -> Units {
        let block = offset / BLOCK;
        let rest = self.text.as_bytes().get(block * BLOCK..offset).unwrap_or_default();
        self.marks.get(block).copied().unwrap_or_default().and(Units::of(rest))
    }
}

// === impl Units ===

impl Units {
    /// A character is counted where its first byte is; one of four bytes is two units of UTF-16.
    fn of(bytes: &[u8]) -> Self {
        let chars = bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        Self { chars, utf16: chars + bytes.iter().filter(|byte| **byte >= 0xF0).count() }
    }

    const fn and(self, other: Self) -> Self {
        Self { chars: self.chars + other.chars, utf16: self.utf16 + other.utf16 }
    }
}
