//! What a check found, and how it is printed: one file per format, each a function of the same [`Report`].

mod excerpt;
mod github;
mod human;
pub mod json;
mod junit;
mod place;
mod sarif;
mod summary;
mod text;

use std::{collections::BTreeSet, io, ops::Range};

use jiff::Timestamp;

pub use crate::files::{Refusal, Source};

use crate::cli::{check::Ended, output};
use crate::engine::{
    finding::{Finding, Level},
    subject::ObjectKey,
};

/// How a report is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For a terminal: each finding with its lines of source.
    #[default]
    Human,
    /// `version: 1`; fields are added and never changed. Its schema is `docs/report.schema.json`.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// JUnit XML, for the test view of a CI system.
    Junit,
    /// GitHub workflow commands, which become annotations of a pull request.
    Github,
}

/// What the caller knows about where it prints.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Print terminal colours; only [`Format::Human`] has any.
    pub color: bool,
    /// Columns of the terminal, if it is one.
    pub width: Option<usize>,
}

/// Everything that a check says.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub sources: Vec<Source>,
    /// In the order of sources and of places in them.
    pub findings: Vec<Reported>,
    pub refusals: Vec<Refusal>,
    /// What was read and does nothing, in the form of what is refused.
    pub warnings: Vec<Refusal>,
    pub summary: Summary,
}

/// A finding about an object in a file.
#[derive(Clone, Debug)]
pub struct Reported {
    /// Into [`Report::sources`].
    pub source: usize,
    /// Bytes of the source's text that it points at; the object's first line where nothing closer exists.
    pub span: Range<usize>,
    pub object: ObjectKey,
    pub finding: Finding,
    /// Names of the policies that asked.
    pub policies: Vec<String>,
    /// What a webhook in a cluster would do with these policies: `deny`, `warn` or `record`.
    pub action: &'static str,
    /// `portcullis fix` can mend it.
    pub fixable: bool,
    /// The exception that was meant for it.
    pub exception: Option<Exempted>,
}

/// An exception that was meant for a finding.
#[derive(Clone, Debug)]
pub struct Exempted {
    pub namespace: String,
    pub name: String,
    pub reason: String,
    pub expires: Timestamp,
    pub ends_soon: bool,
    /// Why it does not hold; None where it does, and the finding counts for nothing.
    pub lapsed: Option<String>,
}

/// The numbers at the end of a check.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    pub files: usize,
    pub judged: usize,
    /// Objects that no policy judges, by `apiVersion/kind`.
    pub skipped: std::collections::BTreeMap<String, usize>,
    /// The same object twice, as text: `Service telemetry/otel in a.yaml:3 and b.yaml:9`.
    pub repeated: Vec<String>,
    /// Policies that matched no object that was given.
    pub unmatched_policies: Vec<String>,
}

/// How many findings there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub errors: usize,
    pub warnings: usize,
    pub notes: usize,
    /// Those that `portcullis fix` can mend.
    pub fixable: usize,
    /// Those that an exception takes out of all other numbers.
    pub excepted: usize,
}

/// Prints the report.
pub fn write(report: &Report, format: Format, options: Options, out: &mut dyn io::Write) -> io::Result<()> {
    match format {
        Format::Human => human::write(report, options, out),
        Format::Json => json::write(report, out),
        Format::Sarif => sarif::write(report, out),
        Format::Junit => junit::write(report, out),
        Format::Github => github::write(report, out),
    }
}

/// Prints what could not be read alone, for people.
pub fn write_refusals(report: &Report, options: Options, out: &mut dyn io::Write) -> io::Result<()> {
    human::refusals(report, options, out)
}

/// Text of several lines, safe to print as [`line()`] is.
pub fn block(text: &str) -> String {
    text::block(text)
}

/// JSON whose strings hold nothing that a terminal acts on.
pub fn json_text(document: &str) -> std::borrow::Cow<'_, str> {
    text::json(document)
}

/// `1 file`, `2 files`.
pub fn count(n: usize, word: &str) -> String {
    text::count(n, word)
}

/// Says of policies what is wrong with them, each with its lines, on standard error.
///
/// # Errors
/// Where standard error is gone.
pub fn refused(sources: Vec<Source>, refusals: Vec<Refusal>) -> anyhow::Result<Ended> {
    let report = Report { sources, refusals, ..Report::default() };
    human::refusals(&report, Options::default(), &mut output::stderr())?;
    Ok(Ended::Refused)
}

/// Text from the input or the command line as one line that is safe to print to a terminal.
pub fn line(text: &str) -> std::borrow::Cow<'_, str> {
    text::line(text)
}

// === impl Reported ===

impl Reported {
    /// The exception that holds for it.
    pub fn excepted(&self) -> Option<&Exempted> {
        self.exception.as_ref().filter(|exception| exception.lapsed.is_none())
    }
}

// === impl Report ===

impl Report {
    pub fn counts(&self) -> Counts {
        let counting = || self.findings.iter().filter(|reported| reported.excepted().is_none());
        let of = |level| counting().filter(|reported| reported.finding.level == level).count();
        Counts {
            errors: of(Level::Error),
            warnings: of(Level::Warning),
            notes: of(Level::Note),
            fixable: self.findings.iter().filter(|reported| reported.fixable).count(),
            excepted: self.findings.len() - counting().count(),
        }
    }

    /// The worst level of any finding that no exception spares: what `--fail-on` is compared with.
    pub fn worst(&self) -> Option<Level> {
        self.findings
            .iter()
            .filter(|reported| reported.excepted().is_none())
            .map(|reported| reported.finding.level)
            .max()
    }

    /// The name of the file that a finding is in.
    fn file(&self, source: usize) -> &str {
        self.sources.get(source).map_or("", |source| source.name.as_str())
    }

    /// What to type to mend what can be mended.
    fn fix_command(&self) -> Option<String> {
        const FILES_NAMED: usize = 3;
        let fixable = self.findings.iter().filter(|reported| reported.fixable);
        let sources: BTreeSet<usize> = fixable.map(|reported| reported.source).collect();
        match sources.len() {
            0 => None,
            1..=FILES_NAMED => {
                let files: Vec<_> = sources.into_iter().map(|source| text::argument(self.file(source))).collect();
                Some(format!("portcullis fix {}", files.join(" ")))
            }
            _ => Some("portcullis fix PATH...".to_owned()),
        }
    }
}

#[cfg(test)]
pub(in crate::cli) mod tests;
