//! Where a command prints, and whether in colour.

use std::io::{IsTerminal, Write};

use crate::cli::{args::Color, check::Ended};

/// Said where the paths mean no file: a check that judged nothing must not look like one that found nothing.
pub const NO_FILES: &str =
    "there is nothing to read here: in a folder, files are read that end in `.yaml`, `.yml` or `.json`";

/// Buffered standard output.
pub fn stdout() -> std::io::BufWriter<std::io::StdoutLock<'static>> {
    std::io::BufWriter::new(std::io::stdout().lock())
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
    writeln!(std::io::stderr(), "error: {message}")?;
    Ok(Ended::Refused)
}
