//! What a check found, and how it is printed: one file per format, each a function of the same [`Report`].

use std::{ops::Range, sync::Arc};

use crate::engine::{finding::Finding, subject::ObjectKey};

/// A file that was read.
#[derive(Clone, Debug)]
pub struct Source {
    /// As the user named it; `-` is standard input.
    pub name: String,
    pub text: Arc<str>,
}

/// Everything that a check says.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub sources: Vec<Source>,
    /// In the order of sources and of places in them.
    pub findings: Vec<Reported>,
    pub refusals: Vec<Refusal>,
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
    /// What a webhook with these policies would do: `deny`, `warn` or `record`.
    pub action: &'static str,
    /// `portcullis fix` can mend it.
    pub fixable: bool,
}

/// Input that could not be judged.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// As in [`Source::name`]; the file may not have been readable at all.
    pub file: String,
    /// Where in the text, if the file was read.
    pub span: Option<(usize, Range<usize>)>,
    pub message: String,
    pub help: Option<String>,
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
