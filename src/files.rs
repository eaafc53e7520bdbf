//! From paths to what the engine judges: documents, objects, the view they make, and policies.

#![expect(clippy::disallowed_methods, reason = "an edge: files are read and written here")]

pub mod encoding;
pub mod exceptions;
pub mod manifests;
pub mod paths;
pub mod policies;
pub mod world;
pub mod write;

use std::{ops::Range, sync::Arc};

/// A file that was read.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// As the user named it; `-` is standard input.
    pub name: String,
    pub text: Arc<str>,
}

/// Input that could not be judged.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// As in [`Source::name`]; the file may not have been readable at all.
    pub file: String,
    /// Which source and where in its text, if the file was read.
    pub span: Option<(usize, Range<usize>)>,
    pub message: String,
    pub help: Option<String>,
}

// === impl Refusal ===

impl Refusal {
    /// The line, from 1, that it is about; its span must point into these sources.
    pub fn line(&self, sources: &[Source]) -> Option<usize> {
        let (source, span) = self.span.as_ref()?;
        let before = sources.get(*source)?.text.as_bytes().get(..span.start)?;
        Some(memchr::memchr_iter(b'\n', before).count() + 1)
    }

    /// The same refusal where its source stands behind so many others.
    #[must_use]
    pub fn behind(mut self, sources: usize) -> Self {
        self.span = self.span.map(|(source, span)| (source + sources, span));
        self
    }
}

/// A refusal in one line, as `shop/logs.yaml:3: this is not YAML`; its span must point into these sources.
pub fn refusal_line(refusal: &Refusal, sources: &[Source]) -> String {
    let line = refusal.line(sources).map(|line| format!(":{line}")).unwrap_or_default();
    format!("{}{line}: {}", refusal.file, refusal.message)
}
