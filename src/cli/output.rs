//! Where a command prints, and whether in colour.

use std::io::{BufWriter, ErrorKind, IsTerminal, Result, StderrLock, StdoutLock, Write};

use crate::cli::{args::Color, check::Ended};

/// Said where the paths mean no file: a check that judged nothing must not look like one that found nothing.
pub const NO_FILES: &str =
    "there is nothing to read here: in a folder, files are read that end in `.yaml`, `.yml` or `.json`";

/// A stream whose reader may leave early, as `head` does: what nobody reads any more is dropped, and no failure, so that
/// a command ends as it would have ended.
#[derive(Debug)]
pub struct Leavable<W>(W);

/// Buffered standard output.
pub fn stdout() -> BufWriter<Leavable<StdoutLock<'static>>> {
    BufWriter::new(Leavable(std::io::stdout().lock()))
}

pub fn stderr() -> Leavable<StderrLock<'static>> {
    Leavable(std::io::stderr().lock())
}

/// Colours only on a terminal, and never where `NO_COLOR` is set.
pub fn wants_color(color: Color) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            std::io::stdout().is_terminal()
                && anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
        }
    }
}

/// Says what was wrong with the call itself.
///
/// # Errors
/// Where standard error is gone.
pub fn refuse(message: &str) -> anyhow::Result<Ended> {
    writeln!(stderr(), "error: {message}")?;
    Ok(Ended::Refused)
}

// === impl Leavable ===

impl<W: Write> Write for Leavable<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}
