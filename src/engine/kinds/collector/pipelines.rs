//! A configuration as the collector decodes it: sections of definitions, and pipelines that refer to them. What does
//! not decode is kept as defects, what `${…}` stands for as unseen.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    parse::{ComponentId, PipelineId},
    validity::Violation,
};
use crate::engine::node::Path;

mod reader;

/// What can be seen of a configuration. Paths are relative to its root.
#[derive(Debug)]
pub struct Configuration<'a> {
    pub receivers: Section<'a>,
    pub processors: Section<'a>,
    pub exporters: Section<'a>,
    pub connectors: Section<'a>,
    pub extensions: Section<'a>,
    pub pipelines: Pipelines<'a>,
    /// `service.extensions`.
    pub started_extensions: List<'a>,
    /// What `${…}` stands for, in the order of reading.
    pub unseen: Vec<Unseen>,
    /// What the collector could not decode; where there is any, the rest may be incomplete.
    pub defects: Vec<Violation>,
}

/// The definitions under one of the top keys.
#[derive(Debug)]
pub enum Section<'a> {
    Absent,
    /// None for null and `{}`.
    Seen(BTreeMap<ComponentId, Definition<'a>>),
    Unseen,
}

#[derive(Clone, Debug)]
pub struct Definition<'a> {
    pub value: &'a Value,
    /// With the key as written, which may have white space around it.
    pub path: Path,
}

#[derive(Debug)]
pub enum Pipelines<'a> {
    Absent,
    Seen(Vec<Pipeline<'a>>),
    Unseen,
}

#[derive(Debug)]
pub struct Pipeline<'a> {
    pub id: PipelineId,
    pub path: Path,
    pub receivers: List<'a>,
    pub processors: List<'a>,
    pub exporters: List<'a>,
}

/// A list of references to components.
#[derive(Debug)]
pub enum List<'a> {
    /// No key, or null.
    Absent,
    Items(Vec<Item<'a>>),
    /// `exporters: debug`: a list up to 0.104 (with commas up to 0.92), an error since 0.105.
    Scalar(&'a str, Path),
    Unseen,
}

#[derive(Debug)]
pub struct Item<'a> {
    pub text: &'a str,
    /// None for `${…}`.
    pub id: Option<ComponentId>,
    pub path: Path,
}

/// What is not known before the collector starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    pub path: Path,
    /// The text with `${…}` in it.
    pub text: String,
}

// === impl Configuration ===

impl<'a> Configuration<'a> {
    /// Reads a configuration whose keys have no `::` (see [`super::flattened::nested`]).
    pub fn read(config: &'a Value) -> Self {
        reader::read(config)
    }
}

// === impl Section ===

impl<'a> Section<'a> {
    pub fn get(&self, id: &ComponentId) -> Option<&Definition<'a>> {
        self.iter().find_map(|definitions| definitions.get(id))
    }

    pub const fn is_unseen(&self) -> bool {
        matches!(self, Self::Unseen)
    }

    /// Whether it is known to define nothing.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::Seen(definitions) => definitions.is_empty(),
            Self::Unseen => false,
        }
    }

    pub fn definitions(&self) -> impl Iterator<Item = (&ComponentId, &Definition<'a>)> {
        self.iter().flatten()
    }

    fn iter(&self) -> impl Iterator<Item = &BTreeMap<ComponentId, Definition<'a>>> {
        match self {
            Self::Seen(definitions) => Some(definitions),
            Self::Absent | Self::Unseen => None,
        }
        .into_iter()
    }
}

// === impl Pipelines ===

impl<'a> Pipelines<'a> {
    /// Those that can be seen.
    pub fn seen(&self) -> &[Pipeline<'a>] {
        match self {
            Self::Seen(pipelines) => pipelines,
            Self::Absent | Self::Unseen => &[],
        }
    }
}

// === impl List ===

impl<'a> List<'a> {
    pub fn items(&self) -> &[Item<'a>] {
        match self {
            Self::Items(items) => items,
            Self::Absent | Self::Scalar(..) | Self::Unseen => &[],
        }
    }

    /// The ids that can be seen.
    pub fn ids(&self) -> impl Iterator<Item = (&ComponentId, &Item<'a>)> {
        self.items().iter().filter_map(|item| item.id.as_ref().map(|id| (id, item)))
    }

    /// Whether it is known to name nothing.
    pub const fn is_empty(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::Items(items) => items.is_empty(),
            Self::Scalar(..) | Self::Unseen => false,
        }
    }

    /// Whether all that it names can be seen.
    pub fn is_seen(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::Items(items) => items.iter().all(|item| item.id.is_some()),
            Self::Scalar(..) | Self::Unseen => false,
        }
    }
}
