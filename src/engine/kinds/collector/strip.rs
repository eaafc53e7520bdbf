//! Takes the exporters that only print out of a configuration's pipelines, and never turns one that starts into one
//! that does not.
//!
//! References go, definitions stay: an unused exporter costs nothing, and another file may refer to it. A pipeline
//! that would be left empty does not start, so it gets the `nop` exporter where the image is known to have it. Else
//! one reference stays and is tamed: one short line a second, and no batch is written out as text.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    Extent, Image, extent,
    flattened::{self, Nested},
    parse::{ComponentId, PipelineId, Signal},
    pipelines::{Configuration, List, Pipeline, Section, Unseen},
    validity::{judge, violations_in},
};
use crate::engine::{
    finding::Change,
    node::{Path, Segment},
    yaml::edit,
};

mod obstacle;
mod tame;

pub use self::{obstacle::Obstacle, tame::Verbosity};

/// What to know beside the configuration and the image.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether the collector reads other files too; told by shape where it is not known.
    pub extent: Option<Extent>,
}

/// What would be done, and what cannot be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Each reference to an exporter that only prints, in the order of pipelines.
    pub uses: Vec<Use>,
    /// Paths are relative to the configuration as written.
    pub changes: Vec<Change>,
    /// Of each pipeline with such a reference.
    pub treatments: BTreeMap<PipelineId, Treatment>,
    /// Where `${…}` may hide more of them.
    pub unseen: Vec<Unseen>,
    pub obstacles: Vec<Obstacle>,
}

/// One reference to an exporter that only prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    pub pipeline: PipelineId,
    pub exporter: ComponentId,
    pub verbosity: Verbosity,
    pub defined: Defined,
    /// Whether it prints at most one short line a second.
    pub tamed: bool,
    /// Where the reference stands.
    pub path: Path,
}

/// Where the exporter of a reference is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defined {
    Here,
    /// In another file, or behind `${…}`.
    Elsewhere,
    /// The configuration is whole and does not define it.
    Nowhere,
}

/// What becomes of a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// The references are removed; what else it has keeps it going.
    Removed,
    /// It ends in `nop`: data is taken and dropped, as before.
    Replaced,
    /// One reference stays, and prints at most one short line a second.
    Tamed,
    /// All that it has is one tamed reference: there is nothing to do.
    AlreadyTamed,
    /// An [`Obstacle`] says why.
    Untouched,
}

struct Planner<'a> {
    configuration: &'a Configuration<'a>,
    image: Image,
    /// Whether `exporters` can be given another key without changing what else it means.
    can_define: bool,
    changes: Vec<Change>,
    defined_nop: bool,
    tamed: BTreeSet<ComponentId>,
    obstacles: Vec<Obstacle>,
}

pub fn plan(config: &Value, image: Image, options: Options) -> Plan {
    let extent = options.extent.or_else(|| extent(config)).unwrap_or(Extent::Whole);
    let nested = flattened::nested(config);
    let configuration = Configuration::read(nested.as_ref().map_or(config, |nested| &nested.value));
    let mut plan = Plan {
        uses: uses(&configuration, extent, image),
        unseen: configuration.unseen.iter().filter(|unseen| may_hide_exporters(&unseen.path)).cloned().collect(),
        ..Plan::default()
    };
    if plan.uses.is_empty() {
        plan.locate_in(config, nested.as_ref());
        return plan;
    }
    plan.treatments = plan.uses.iter().map(|found| (found.pipeline.clone(), Treatment::Untouched)).collect();
    plan.obstacles = obstacles(config, &configuration, extent, image);
    if plan.obstacles.is_empty() {
        let mut planner = Planner {
            configuration: &configuration,
            image,
            can_define: match configuration.exporters {
                // A null here takes away what other files define, and `{nop: {}}` in its place would not.
                Section::Seen(_) => config.get("exporters").is_some_and(Value::is_object),
                Section::Absent => true,
                Section::Unseen => false,
            },
            changes: Vec::new(),
            defined_nop: false,
            tamed: BTreeSet::new(),
            obstacles: Vec::new(),
        };
        for pipeline in configuration.pipelines.seen() {
            let first = plan.uses.partition_point(|found| found.pipeline < pipeline.id);
            let mine = plan.uses.iter().skip(first).take_while(|found| found.pipeline == pipeline.id);
            if let Some(treatment) = plan.treatments.get_mut(&pipeline.id) {
                *treatment = planner.treat(pipeline, &mine.collect::<Vec<_>>());
            }
        }
        (plan.changes, plan.obstacles) = (planner.changes, planner.obstacles);
        plan.drop_what_breaks(config, extent, image);
    }
    plan.locate_in(config, nested.as_ref());
    plan
}

// === impl Plan ===

impl Plan {
    /// INVARIANT: a configuration that starts is never turned into one that does not.
    fn drop_what_breaks(&mut self, config: &Value, extent: Extent, image: Image) {
        if self.changes.is_empty() {
            return;
        }
        let mut after = config.clone();
        let applied = edit::apply_to_value(&mut after, &self.changes).is_ok();
        let violations = violations_in(&after, extent, image);
        if !applied || !violations.is_empty() {
            self.changes.clear();
            self.treatments.values_mut().for_each(|treatment| *treatment = Treatment::Untouched);
            self.obstacles.push(Obstacle::WouldNotStart(violations));
        }
    }

    /// Leads paths through keys with `::` where there are any. Changes need none: such files are not edited.
    fn locate_in(&mut self, config: &Value, nested: Option<&Nested>) {
        let Some(nested) = nested else { return };
        let uses = self.uses.iter_mut().map(|found| &mut found.path);
        let unseen = self.unseen.iter_mut().map(|unseen| &mut unseen.path);
        for path in uses.chain(unseen) {
            *path = nested.locate(config, path);
        }
    }
}

// === impl Planner ===

impl Planner<'_> {
    fn treat(&mut self, pipeline: &Pipeline<'_>, mine: &[&Use]) -> Treatment {
        let Some((first, rest)) = mine.split_first() else { return Treatment::Untouched };
        if mine.len() < pipeline.exporters.items().len() {
            self.remove(mine.iter().copied());
            return Treatment::Removed;
        }
        if rest.is_empty() && first.tamed {
            return Treatment::AlreadyTamed;
        }
        if let Some(nop) = self.nop(pipeline.id.signal) {
            self.changes.push(Change::Set { path: first.path.clone(), value: Value::String(nop) });
            self.remove(rest.iter().copied());
            return Treatment::Replaced;
        }
        let kept = mine.iter().find(|found| found.tamed).or_else(|| mine.iter().find(|found| self.tame(found)));
        if let Some(kept) = kept {
            self.remove(mine.iter().copied().filter(|found| found.path != kept.path));
            return Treatment::Tamed;
        }
        let (pipeline, exporter, path) = (pipeline.id.clone(), first.exporter.clone(), first.path.clone());
        self.obstacles.push(match first.defined {
            Defined::Elsewhere if !self.configuration.exporters.is_unseen() => {
                Obstacle::DefinedElsewhere { pipeline, exporter, path }
            }
            _ => Obstacle::Hidden { pipeline, exporter, path },
        });
        Treatment::Untouched
    }

    fn remove<'u>(&mut self, uses: impl IntoIterator<Item = &'u Use>) {
        self.changes.extend(uses.into_iter().map(|found| Change::Remove { path: found.path.clone() }));
    }

    /// The name of a `nop` exporter to end a pipeline in, defined where it must be.
    fn nop(&mut self, signal: Signal) -> Option<String> {
        // An image that did not have it would not start with the definition.
        let own = self.configuration.exporters.definitions().find(|(id, _)| id.kind == "nop");
        if let Some((id, _)) = own {
            let fits = signal != Signal::Profiles || self.image.nop_knows_profiles();
            return fits.then(|| id.to_string());
        }
        if !self.can_define || !self.image.has_nop(signal) {
            return None;
        }
        let nop = ComponentId { kind: "nop".to_owned(), name: String::new() };
        if self.configuration.connectors.is_unseen() || self.configuration.connectors.get(&nop).is_some() {
            return None;
        }
        if !self.defined_nop {
            self.defined_nop = true;
            self.changes.push(Change::Set { path: Path::of(&["exporters", "nop"]), value: json!({}) });
        }
        Some(nop.to_string())
    }

    /// Whether the exporter could be tamed, which it then is.
    fn tame(&mut self, found: &Use) -> bool {
        let Some(definition) = self.configuration.exporters.get(&found.exporter) else { return false };
        let Some(changes) = tame::changes(&found.exporter, definition, self.image) else { return false };
        if self.tamed.insert(found.exporter.clone()) {
            self.changes.extend(changes);
        }
        true
    }
}

fn uses(configuration: &Configuration<'_>, extent: Extent, image: Image) -> Vec<Use> {
    let Configuration { exporters, connectors, .. } = configuration;
    let mut uses = Vec::new();
    for pipeline in configuration.pipelines.seen() {
        let mut note = |id: &ComponentId, path: &Path| {
            let definition = exporters.get(id);
            if !id.is_debug() || (definition.is_none() && connectors.get(id).is_some()) {
                return;
            }
            let defined = match definition {
                Some(_) => Defined::Here,
                None if exporters.is_unseen() || connectors.is_unseen() || extent == Extent::Part => Defined::Elsewhere,
                None => Defined::Nowhere,
            };
            uses.push(Use {
                pipeline: pipeline.id.clone(),
                exporter: id.clone(),
                verbosity: definition.map_or(Verbosity::Unseen, |definition| tame::verbosity(id, definition, image)),
                defined,
                tamed: definition.is_some_and(|definition| tame::is_tamed(id, definition)),
                path: path.clone(),
            });
        };
        if let List::Scalar(text, path) = &pipeline.exporters {
            text.split(',').filter_map(|part| ComponentId::parse(part).ok()).for_each(|id| note(&id, path));
        }
        pipeline.exporters.ids().for_each(|(id, item)| note(id, &item.path));
    }
    uses
}

fn obstacles(config: &Value, configuration: &Configuration<'_>, extent: Extent, image: Image) -> Vec<Obstacle> {
    let scalars = configuration.pipelines.seen().iter().filter_map(|pipeline| match &pipeline.exporters {
        List::Scalar(_, path) => Some(Obstacle::ScalarList { path: path.clone() }),
        _ => None,
    });
    let flattened = flattened::first_key(config).map(|path| Obstacle::FlattenedKeys { path });
    let violations = judge(configuration, extent, image);
    let invalid = (!violations.is_empty()).then_some(Obstacle::Invalid(violations));
    scalars.chain(flattened).chain(invalid).collect()
}

/// `exporters`, `service`, `service.pipelines`, a pipeline, its `exporters`, or an item of them.
fn may_hide_exporters(path: &Path) -> bool {
    let is = |segment: Option<&Segment>, key: &str| matches!(segment, Some(Segment::Key(found)) if found == key);
    let segments = path.segments();
    match segments.len() {
        0 => true,
        1 => is(segments.first(), "exporters") || is(segments.first(), "service"),
        length => {
            is(segments.first(), "service")
                && is(segments.get(1), "pipelines")
                && (length <= 3 || is(segments.get(3), "exporters"))
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
