//! `collector`: every collector configuration in the subject, parsed. What the configurations of one object define is
//! listed together, each with the place where it stands.

mod credentials;
mod endpoints;
mod scrape_jobs;

use std::collections::BTreeSet;

use memchr::memmem;
use serde_json::{Map, Value, json};

use crate::engine::{
    cel::{
        Type,
        given::place::{self, Places},
    },
    kinds::{
        OPENTELEMETRY,
        collector::{
            ComponentId, Configuration, Extent, extent,
            flattened::{Nested, nested},
            pipelines::{Definition, List, Section},
        },
        meta,
    },
    limits,
    node::{Node, Path, Segment},
    subject::ObjectKey,
    yaml::{self, Dialect},
};

/// The lists of `collector`, all of them empty where there is no configuration.
const LISTS: [&str; 9] = [
    "pipelines",
    "receivers",
    "processors",
    "exporters",
    "connectors",
    "extensions",
    "endpoints",
    "credentials",
    "scrapeJobs",
];

/// Every text that holds a configuration has one of these in it; what has none is not parsed.
pub const NEEDLES: &[&str] = &["exporters", "pipelines"];

/// A configuration as it stands in the subject.
struct Carrier<'a> {
    /// As written.
    written: &'a Value,
    /// Where keys with `::` were split.
    nested: Option<&'a Nested>,
    /// Of the whole, in the subject; into the text, where it is one.
    path: Path,
    /// What is not here may be in another file.
    is_part: bool,
    places: &'a Places,
}

/// The components that the collector starts, as far as that can be seen: what other files say is not known.
struct Used<'c> {
    /// With the list that they are defined in.
    ids: BTreeSet<(&'static str, &'c ComponentId)>,
    /// Lists of which any may be started: `${…}` names one.
    any: BTreeSet<&'static str>,
    all: bool,
}

/// The type of `collector`.
pub fn declared() -> Type {
    let pipeline = Type::object(
        "portcullis.Pipeline",
        [
            ("name", Type::String),
            ("signal", Type::String),
            ("receivers", Type::list(Type::String)),
            ("processors", Type::list(Type::String)),
            ("exporters", Type::list(Type::String)),
            ("at", place::declared()),
        ],
    );
    let component = Type::list(Type::object("portcullis.Component", component_fields()));
    let text = Type::object("portcullis.Text", [("text", Type::String), ("at", place::declared())]);
    let strings = ("strings", Type::list(text));
    let exporter = Type::object("portcullis.Exporter", component_fields().into_iter().chain([strings]));
    Type::object(
        "portcullis.Collector",
        [
            ("found", Type::Bool),
            ("pipelines", Type::list(pipeline)),
            ("receivers", component.clone()),
            ("processors", component.clone()),
            ("exporters", Type::list(exporter)),
            ("connectors", component.clone()),
            ("extensions", component),
            ("endpoints", Type::list(endpoints::declared())),
            ("credentials", Type::list(credentials::declared())),
            ("scrapeJobs", Type::list(scrape_jobs::declared())),
        ],
    )
}

/// Of every component, whatever it does.
fn component_fields() -> [(&'static str, Type); 5] {
    [
        ("name", Type::String),
        ("type", Type::String),
        // Whatever is written there.
        ("config", Type::Dyn),
        ("used", Type::Bool),
        ("at", place::declared()),
    ]
}

/// The value of `collector` for this object.
///
/// # Errors
/// Where there is more in it than anybody writes.
pub fn of(key: &ObjectKey, object: &Value) -> Result<Value, String> {
    let places = Places::new();
    let mut lists: Map<String, Value> = LISTS.iter().map(|list| ((*list).to_owned(), json!([]))).collect();
    let mut found = false;
    each(key, object, |path, config| {
        let Some(extent) = extent(config) else { return };
        found = true;
        let nested = nested(config);
        let carrier = Carrier {
            written: config,
            nested: nested.as_ref(),
            path,
            is_part: extent == Extent::Part,
            places: &places,
        };
        carrier.add_to(&mut lists);
    });
    lists.insert("found".to_owned(), found.into());
    places.or_too_much("collector", Value::Object(lists))
}

/// Every value in the object that may be a configuration.
fn each(key: &ObjectKey, object: &Value, mut take: impl FnMut(Path, &Value)) {
    let root = Node::root(object);
    let mut text = |node: &Node<'_>| {
        let text = node.text();
        if NEEDLES.iter().any(|needle| memmem::find(text.as_bytes(), needle.as_bytes()).is_some())
            && let Ok(value) = yaml::tree::parse(text).and_then(|tree| tree.value(Dialect::Collector))
        {
            take(node.path().yaml(), &value);
        }
    };
    match (key.group.as_str(), key.kind.as_str()) {
        // What the operator writes from an OpenTelemetryCollector is judged there.
        ("", "ConfigMap") if meta::controlling_owner(object) != Some("OpenTelemetryCollector") => {
            root.get("data").entries().for_each(|(_, node)| text(&node));
        }
        (OPENTELEMETRY, "OpenTelemetryCollector") => {
            let config = root.follow(&["spec", "config"]);
            match config.value() {
                Some(Value::String(_)) => text(&config),
                Some(value @ Value::Object(_)) => take(config.path().clone(), value),
                _ => {}
            }
        }
        _ => {}
    }
}

// === impl Carrier ===

impl Carrier<'_> {
    fn add_to(&self, lists: &mut Map<String, Value>) {
        let config = Configuration::read(self.nested.map_or(self.written, |nested| &nested.value));
        let mut push = |list: &str, value: Value| {
            if let Some(Value::Array(items)) = lists.get_mut(list) {
                items.push(value);
            }
        };
        let used = Used::by(&config, self.is_part);
        for pipeline in config.pipelines.seen().iter().take_while(|_| !self.places.are_spent()) {
            let names =
                |list: &List<'_>| -> Value { list.items().iter().map(|item| Value::from(item.text.trim())).collect() };
            let pipeline = json!({
                "name": pipeline.id.to_string(),
                "signal": pipeline.id.signal.name(),
                "receivers": names(&pipeline.receivers),
                "processors": names(&pipeline.processors),
                "exporters": names(&pipeline.exporters),
                "at": self.at(&pipeline.path),
            });
            push("pipelines", pipeline);
        }
        let sections = [
            ("receivers", &config.receivers),
            ("processors", &config.processors),
            ("exporters", &config.exporters),
            ("connectors", &config.connectors),
            ("extensions", &config.extensions),
        ];
        for (list, section) in sections {
            for (id, definition) in section.definitions().take_while(|_| !self.places.are_spent()) {
                let used = used.of(list, id);
                let mut component = self.component(id, definition, used);
                if list == "exporters" {
                    self.add_strings(&mut component, definition);
                    for endpoint in endpoints::of(id, definition.value, used, &|path| self.inner(definition, path)) {
                        push("endpoints", endpoint);
                    }
                }
                push(list, component);
                for credential in credentials::of(list, id, definition.value, &|path| self.inner(definition, path)) {
                    push("credentials", credential);
                }
            }
        }
        if let Section::Seen(receivers) = &config.receivers {
            for (id, definition) in receivers {
                for job in scrape_jobs::of(id, definition.value, &|path| self.inner(definition, path)) {
                    push("scrapeJobs", job);
                }
            }
        }
    }

    fn component(&self, id: &ComponentId, definition: &Definition<'_>, used: bool) -> Value {
        json!({
            "name": id.to_string(),
            "type": id.kind,
            // As with no settings at all, which is how the collector reads null.
            "config": if definition.value.is_null() { json!({}) } else { definition.value.clone() },
            "used": used,
            "at": self.at(&definition.path),
        })
    }

    /// Every string in the definition.
    fn add_strings(&self, component: &mut Value, definition: &Definition<'_>) {
        let place = |path: &Path| self.inner(definition, path);
        if let Value::Object(component) = component {
            let mut strings = Vec::new();
            self.collect_strings(definition.value, &mut Path::root(), &place, &mut strings, limits::DEPTH);
            component.insert("strings".to_owned(), strings.into());
        }
    }

    /// Every string in a definition: placeholders may stand anywhere.
    fn collect_strings(
        &self,
        value: &Value,
        path: &mut Path,
        place: &dyn Fn(&Path) -> Value,
        into: &mut Vec<Value>,
        depth: usize,
    ) {
        if self.places.are_spent() {
            return;
        }
        match value {
            Value::String(text) => into.push(json!({ "text": text, "at": place(path) })),
            Value::Array(items) if depth > 0 => {
                for (index, item) in items.iter().enumerate() {
                    path.push(Segment::Index(index));
                    self.collect_strings(item, path, place, into, depth - 1);
                    path.pop();
                }
            }
            Value::Object(entries) if depth > 0 => {
                for (key, entry) in entries {
                    path.push(Segment::Key(key.clone()));
                    self.collect_strings(entry, path, place, into, depth - 1);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    fn inner(&self, definition: &Definition<'_>, path: &Path) -> Value {
        self.at(&definition.path.join(path))
    }

    /// A path in the configuration, as a path of the subject.
    fn at(&self, path: &Path) -> Value {
        let written = self.nested.map_or_else(|| path.clone(), |nested| nested.locate(self.written, path));
        self.places.at(&self.path.join(&written))
    }
}

// === impl Used ===

impl<'c> Used<'c> {
    fn by(config: &'c Configuration<'_>, is_part: bool) -> Self {
        let pipelines = config.pipelines.seen();
        let mut used = Self { ids: BTreeSet::new(), any: BTreeSet::new(), all: is_part && pipelines.is_empty() };
        used.add("extensions", &config.started_extensions);
        for pipeline in pipelines {
            used.add("receivers", &pipeline.receivers);
            used.add("processors", &pipeline.processors);
            used.add("exporters", &pipeline.exporters);
            used.add("connectors", &pipeline.receivers);
            used.add("connectors", &pipeline.exporters);
        }
        used
    }

    fn add(&mut self, list: &'static str, names: &'c List<'_>) {
        for item in names.items() {
            match &item.id {
                Some(id) => _ = self.ids.insert((list, id)),
                None => _ = self.any.insert(list),
            }
        }
    }

    fn of(&self, list: &'static str, id: &ComponentId) -> bool {
        self.all || self.any.contains(list) || self.ids.contains(&(list, id))
    }
}

#[cfg(test)]
mod tests;
