//! The pipelines as a graph: what joins them are connectors, an exporter of one pipeline and a receiver of another
//! (`service/internal/graph/graph.go`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Rule, Violation};
use crate::engine::{
    kinds::collector::{
        is_expansion,
        parse::{ComponentId, PipelineId, Signal},
        pipelines::{Configuration, Pipeline, Pipelines},
    },
    node::Node,
};

/// How pipelines use one connector.
struct Uses<'c> {
    id: &'c ComponentId,
    /// Pipelines that write to it.
    writers: Vec<&'c Pipeline<'c>>,
    /// Pipelines that read from it.
    readers: Vec<&'c Pipeline<'c>>,
}

/// What is passed on from: a pipeline, or a connector between two signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Vertex<'c> {
    Pipeline(&'c PipelineId),
    Connector(&'c ComponentId, Signal, Signal),
}

/// INVARIANT: called only with a configuration whose references all resolve.
pub(super) fn check(configuration: &Configuration<'_>, found: &mut Vec<Violation>) {
    if configuration.connectors.is_unseen() || matches!(configuration.pipelines, Pipelines::Unseen) {
        return;
    }
    let pipelines = configuration.pipelines.seen();
    let sees_writers = pipelines.iter().all(|pipeline| pipeline.exporters.is_seen());
    let sees_readers = pipelines.iter().all(|pipeline| pipeline.receivers.is_seen());
    let uses = uses(configuration);
    for uses in &uses {
        check_both_sides(uses, configuration, sees_writers, sees_readers, found);
        if sees_readers {
            check_tables(uses, configuration, found);
        }
    }
    check_cycle(&uses, configuration, sees_writers && sees_readers, found);
}

fn uses<'c>(configuration: &'c Configuration<'_>) -> Vec<Uses<'c>> {
    let mut uses: BTreeMap<&ComponentId, Uses<'c>> = configuration
        .connectors
        .definitions()
        .map(|(id, _)| (id, Uses { id, writers: Vec::new(), readers: Vec::new() }))
        .collect();
    for pipeline in configuration.pipelines.seen() {
        for id in pipeline.exporters.ids().map(|(id, _)| id).collect::<BTreeSet<_>>() {
            if let Some(uses) = uses.get_mut(id) {
                uses.writers.push(pipeline);
            }
        }
        for id in pipeline.receivers.ids().map(|(id, _)| id).collect::<BTreeSet<_>>() {
            if let Some(uses) = uses.get_mut(id) {
                uses.readers.push(pipeline);
            }
        }
    }
    uses.into_values().collect()
}

/// Whether connectors of this type can turn one signal into the other; none where that is not known.
fn supports(connector: &ComponentId, from: Signal, to: Signal) -> Option<bool> {
    match connector.kind.as_str() {
        "forward" | "routing" | "failover" | "roundrobin" | "round_robin" => Some(from == to),
        "spanmetrics" | "span_metrics" | "servicegraph" | "service_graph" => {
            Some(from == Signal::Traces && to == Signal::Metrics)
        }
        _ => None,
    }
}

fn check_both_sides(
    uses: &Uses<'_>,
    configuration: &Configuration<'_>,
    sees_writers: bool,
    sees_readers: bool,
    found: &mut Vec<Violation>,
) {
    let Some(definition) = configuration.connectors.get(uses.id) else { return };
    let written = signals(&uses.writers);
    let read = signals(&uses.readers);
    for from in written.iter().filter(|_| sees_readers) {
        if read.iter().all(|to| supports(uses.id, *from, *to) == Some(false)) {
            let words = format!(
                "failed to build pipelines: connector \"{}\" used as exporter in [{}] pipeline but not used in any supported receiver pipeline",
                uses.id,
                names(&uses.writers, *from)
            );
            found.push(Violation { rule: Rule::ConnectorNotRead, path: definition.path.clone(), words });
        }
    }
    for to in read.iter().filter(|_| sees_writers) {
        if written.iter().all(|from| supports(uses.id, *from, *to) == Some(false)) {
            let words = format!(
                "failed to build pipelines: connector \"{}\" used as receiver in [{}] pipeline but not used in any supported exporter pipeline",
                uses.id,
                names(&uses.readers, *to)
            );
            found.push(Violation { rule: Rule::ConnectorNotWritten, path: definition.path.clone(), words });
        }
    }
}

fn signals(pipelines: &[&Pipeline<'_>]) -> BTreeSet<Signal> {
    pipelines.iter().map(|pipeline| pipeline.id.signal).collect()
}

fn names(pipelines: &[&Pipeline<'_>], signal: Signal) -> String {
    let names =
        pipelines.iter().filter(|pipeline| pipeline.id.signal == signal).map(|pipeline| pipeline.id.to_string());
    names.collect::<Vec<_>>().join(", ")
}

/// `routing` and `failover` name pipelines in their settings, and find only those that read from them.
fn check_tables(uses: &Uses<'_>, configuration: &Configuration<'_>, found: &mut Vec<Violation>) {
    // A connector that no pipeline uses is never made.
    let Some(definition) = configuration.connectors.get(uses.id).filter(|_| !uses.writers.is_empty()) else { return };
    let settings = Node::at(definition.value, definition.path.clone());
    let named: Vec<Node<'_>> = match uses.id.kind.as_str() {
        "routing" => settings
            .get("table")
            .items()
            .flat_map(|row| row.get("pipelines").items())
            .chain(settings.get("default_pipelines").items())
            .collect(),
        "failover" => settings.get("priority_levels").items().flat_map(|level| level.items()).collect(),
        _ => return,
    };
    let readers: BTreeSet<&PipelineId> = uses.readers.iter().map(|pipeline| &pipeline.id).collect();
    for node in named {
        let Some(text) = node.value().and_then(Value::as_str).filter(|text| !is_expansion(text)) else { continue };
        match PipelineId::parse(text) {
            Ok(id) if readers.contains(&id) => {}
            Ok(id) => found.push(Violation {
                rule: Rule::MissingPipeline,
                path: node.path().clone(),
                words: format!("failed to build pipelines: pipeline not found: missing consumer: \"{id}\""),
            }),
            Err(error) => found.push(Violation {
                rule: Rule::BadName,
                path: node.path().clone(),
                words: format!("'connectors::{}' {error}", uses.id),
            }),
        }
    }
}

/// An edge counts where the connector is known to support it, or where nothing else could make both its sides used.
fn check_cycle(uses: &[Uses<'_>], configuration: &Configuration<'_>, sees_all: bool, found: &mut Vec<Violation>) {
    let mut next: BTreeMap<Vertex<'_>, BTreeSet<Vertex<'_>>> = BTreeMap::new();
    for uses in uses {
        let (written, read) = (signals(&uses.writers), signals(&uses.readers));
        let is_only_pair = sees_all && written.len() == 1 && read.len() == 1;
        for (from, to) in written.iter().flat_map(|from| read.iter().map(move |to| (*from, *to))) {
            if !supports(uses.id, from, to).unwrap_or(is_only_pair) {
                continue;
            }
            let connector = Vertex::Connector(uses.id, from, to);
            for writer in uses.writers.iter().filter(|writer| writer.id.signal == from) {
                next.entry(Vertex::Pipeline(&writer.id)).or_default().insert(connector);
            }
            let readers = uses.readers.iter().filter(|reader| reader.id.signal == to);
            next.entry(connector).or_default().extend(readers.map(|reader| Vertex::Pipeline(&reader.id)));
        }
    }
    let cycle = find_cycle(next);
    let connectors = cycle.iter().filter_map(|vertex| match vertex {
        Vertex::Connector(id, from, to) => Some((*id, format!("connector \"{id}\" ({from} to {to})"))),
        Vertex::Pipeline(_) => None,
    });
    let (ids, mut steps): (Vec<_>, Vec<_>) = connectors.unzip();
    let Some(definition) = ids.first().and_then(|id| configuration.connectors.get(id)) else { return };
    steps.extend(steps.first().cloned());
    let words = format!("failed to build pipelines: cycle detected: {}", steps.join(" -> "));
    found.push(Violation { rule: Rule::Cycle, path: definition.path.clone(), words });
}

/// The vertices of one cycle in order; empty where there is none. Without recursion: pipelines may be many.
fn find_cycle<'c>(mut next: BTreeMap<Vertex<'c>, BTreeSet<Vertex<'c>>>) -> Vec<Vertex<'c>> {
    let mut previous: BTreeMap<Vertex<'c>, Vec<Vertex<'c>>> = BTreeMap::new();
    for (from, targets) in &next {
        for to in targets {
            previous.entry(*to).or_default().push(*from);
        }
    }
    // Take away what leads nowhere until all that is left leads into a cycle.
    let mut ends: Vec<_> = previous.keys().filter(|vertex| !next.contains_key(vertex)).copied().collect();
    while let Some(end) = ends.pop() {
        for from in previous.remove(&end).unwrap_or_default() {
            let Some(targets) = next.get_mut(&from) else { continue };
            targets.remove(&end);
            if targets.is_empty() {
                next.remove(&from);
                ends.push(from);
            }
        }
    }
    let mut walk = Vec::new();
    let mut place = BTreeMap::new();
    let mut here = next.keys().next().copied();
    while let Some(vertex) = here {
        if let Some(start) = place.insert(vertex, walk.len()) {
            return walk.into_iter().skip(start).collect();
        }
        walk.push(vertex);
        here = next.get(&vertex).and_then(|targets| targets.first()).copied();
    }
    Vec::new()
}
