//! A line on a terminal for who waits longer than a second.

#![expect(clippy::disallowed_methods, reason = "an edge: a person waits")]

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

/// The line; it is overwritten, and gone at the end.
#[derive(Debug)]
pub struct Progress<W> {
    /// None where nobody looks.
    out: Option<W>,
    every: Duration,
    last: Instant,
    /// How many columns it takes.
    shown: usize,
}

/// Writes to standard error, if that is a terminal.
pub fn on_terminal() -> Progress<std::io::Stderr> {
    let stderr = std::io::stderr();
    Progress::new(stderr.is_terminal().then_some(stderr), Duration::from_secs(1))
}

// === impl Progress ===

impl<W: Write> Progress<W> {
    fn new(out: Option<W>, every: Duration) -> Self {
        Self { out, every, last: Instant::now(), shown: 0 }
    }

    /// Says `judging 3 of 4,000 objects`, if it is time to.
    pub fn at(&mut self, doing: &str, done: usize, all: usize, what: &str) {
        let Some(out) = self.out.as_mut().filter(|_| self.last.elapsed() >= self.every) else { return };
        let line = format!("{doing} {done} of {all} {what}");
        // A progress line that cannot be written is nobody's loss.
        let _ = write!(out, "\r{line:width$}", width = self.shown).and_then(|()| out.flush());
        self.shown = self.shown.max(line.len());
        self.last = Instant::now();
    }

    /// Takes the line away.
    pub fn done(&mut self) {
        if let Some(out) = self.out.as_mut().filter(|_| self.shown > 0) {
            let _ = write!(out, "\r{:width$}\r", "", width = self.shown).and_then(|()| out.flush());
        }
        self.shown = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(out: Option<Vec<u8>>, every: Duration) -> String {
        let mut progress = Progress::new(out, every);
        progress.at("reading", 1, 10, "files");
        progress.at("judging", 1, 2, "it");
        progress.done();
        String::from_utf8(progress.out.unwrap_or_default()).unwrap()
    }

    #[test]
    fn each_line_covers_the_one_before_and_none_stays() {
        let lines = format!("\rreading 1 of 10 files\rjudging 1 of 2 it    \r{:21}\r", "");
        assert_eq!(said(Some(Vec::new()), Duration::ZERO), lines);
    }

    #[test]
    fn nothing_is_said_before_its_time_or_to_nobody() {
        assert_eq!(said(Some(Vec::new()), Duration::MAX), "");
        assert_eq!(said(None, Duration::ZERO), "");
    }
}
