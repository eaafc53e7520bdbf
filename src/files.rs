//! From paths to what the engine judges: documents, objects, the view they make, and policies.

#![expect(clippy::disallowed_methods, reason = "an edge: files are read here")]

pub mod manifests;
pub mod paths;
pub mod policies;
pub mod world;

use std::{ops::Range, sync::Arc};

/// A file that was read.
#[derive(Clone, Debug)]
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
