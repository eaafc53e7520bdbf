//! Why a change is not offered, in words.

use std::fmt;

use crate::engine::{
    kinds::collector::{
        parse::{ComponentId, PipelineId},
        validity::Violation,
    },
    node::Path,
};

/// Why a change is not offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// It does not start as it is; what is meant is not to be guessed.
    Invalid(Vec<Violation>),
    /// Keys with `::`: mixed with nested ones, chance decided up to 0.128.0 which of them won.
    FlattenedKeys { path: Path },
    /// `exporters: debug`: what it means depends on the version.
    ScalarList { path: Path },
    /// It would be left empty, and the definition to tame is not in this file, which overrides others.
    DefinedElsewhere { pipeline: PipelineId, exporter: ComponentId, path: Path },
    /// It would be left empty, and the definition to tame is behind `${…}`.
    Hidden { pipeline: PipelineId, exporter: ComponentId, path: Path },
    /// INVARIANT broken by the change: it is dropped.
    WouldNotStart(Vec<Violation>),
}

/// The first few of them, in the words of the collector.
struct Words<'v>(&'v [Violation]);

// === impl Obstacle ===

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(violations) => {
                write!(f, "the collector does not start with this configuration: {}", Words(violations))
            }
            Self::FlattenedKeys { path } => {
                write!(f, "`{path}` is a key with `::`, which collectors merge with other keys in no fixed order")
            }
            Self::ScalarList { path } => {
                write!(f, "`{path}` is not a list, and what that means depends on the version of the collector")
            }
            Self::DefinedElsewhere { pipeline, exporter, path } => write!(
                f,
                "`{path}` is all that the pipeline `{pipeline}` has, and `{exporter}` is defined in another file"
            ),
            Self::Hidden { pipeline, exporter, path } => write!(
                f,
                "`{path}` is all that the pipeline `{pipeline}` has, and the definition of `{exporter}` is filled in at start"
            ),
            Self::WouldNotStart(violations) => {
                write!(f, "the collector would not start without it: {}", Words(violations))
            }
        }
    }
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        for (index, violation) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}`{}`", if index == 0 { "" } else { ", " }, violation.words)?;
        }
        let more = self.0.len().saturating_sub(SHOWN);
        if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
    }
}
