//! Telemetry objects: what they refer to, what they attach to, and what they set.
//!
//! References are found by walking for `backendRef`, so that a path which a later version adds is seen as well.

pub mod agentgateway;
pub mod kgateway;
pub mod krakend;
mod walk;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
    sync::Arc,
};

use jiff::Timestamp;
use serde_json::Value;

use crate::engine::{
    kinds::{AGENTGATEWAY, CORE, GATEWAY_API, KGATEWAY, meta::Meta},
    name::Name,
    node::{Node, Path, Segment},
    selector::Labels,
};

/// The kinds that refer to a collector by a backendRef.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TelemetryKind {
    HttpListenerPolicy,
    ListenerPolicy,
    AgentgatewayPolicy,
}

/// The lean form of a telemetry object.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    pub kind: TelemetryKind,
    /// Older objects win; without a time (not stored yet, or a file) the age is not known.
    pub created: Option<Timestamp>,
    pub targets: Box<[Target]>,
    pub references: Box<[Reference]>,
    /// Which signals it sets, and for which listeners.
    pub settings: Box<[Setting]>,
    /// It sets telemetry, and some of its access log entries are wrong in themselves.
    pub bad_sinks: bool,
}

/// Where in a subject something stands. The view keeps no paths: findings are about the subject alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectPath(Option<Box<Path>>);

/// What a telemetry object wants to attach to: an entry of `targetRefs` or `targetSelectors`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub path: SubjectPath,
    pub group: Name,
    pub kind: Name,
    pub by: TargetBy,
    pub section: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetBy {
    Name(Name),
    Labels(Box<Labels>),
}

/// A telemetry signal of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    AccessLog,
    Tracing,
    /// Under a path that this version does not know.
    Other,
}

/// Listeners that a setting is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Listeners {
    /// Every listener that no `perPort` entry names.
    Default,
    Port(i64),
}

/// A signal that is set for some listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub signal: Signal,
    pub listeners: Listeners,
    pub path: SubjectPath,
}

/// A reference to a collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Of the `backendRef`.
    pub path: SubjectPath,
    pub signal: Signal,
    /// Whether data is sent as gRPC; not so for a path named `httpService`, or agentgateway's `protocol: HTTP`.
    pub grpc: bool,
    /// Shared by all references that say the same.
    pub backend: Arc<BackendRef>,
}

/// Gateway API's BackendRef with its defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendRef {
    pub group: Name,
    pub kind: Name,
    /// None means the telemetry object's own.
    pub namespace: Option<Name>,
    pub name: Name,
    pub port: Option<i64>,
}

// === impl TelemetryKind ===

impl TelemetryKind {
    /// In the order of their keys.
    pub const ALL: [Self; 3] = [Self::AgentgatewayPolicy, Self::HttpListenerPolicy, Self::ListenerPolicy];

    pub fn of(group: &str, kind: &str) -> Option<Self> {
        match (group, kind) {
            (KGATEWAY, "HTTPListenerPolicy") => Some(Self::HttpListenerPolicy),
            (KGATEWAY, "ListenerPolicy") => Some(Self::ListenerPolicy),
            (AGENTGATEWAY, "AgentgatewayPolicy") => Some(Self::AgentgatewayPolicy),
            _ => None,
        }
    }

    pub const fn group(self) -> &'static str {
        match self {
            Self::HttpListenerPolicy | Self::ListenerPolicy => KGATEWAY,
            Self::AgentgatewayPolicy => AGENTGATEWAY,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::HttpListenerPolicy => "HTTPListenerPolicy",
            Self::ListenerPolicy => "ListenerPolicy",
            Self::AgentgatewayPolicy => "AgentgatewayPolicy",
        }
    }

    /// As it stands in a sentence.
    pub const fn with_article(self) -> &'static str {
        match self {
            Self::HttpListenerPolicy => "an HTTPListenerPolicy",
            Self::ListenerPolicy => "a ListenerPolicy",
            Self::AgentgatewayPolicy => "an AgentgatewayPolicy",
        }
    }

    /// Translated for Envoy by kgateway, where one bad reference replaces all routes.
    pub const fn is_kgateway(self) -> bool {
        matches!(self, Self::HttpListenerPolicy | Self::ListenerPolicy)
    }
}

// === impl Telemetry ===

impl Telemetry {
    pub fn read(kind: TelemetryKind, object: &Value) -> Self {
        let spec = Node::root(object).get("spec");
        let (references, settings, bad_sinks) = match kind {
            TelemetryKind::AgentgatewayPolicy => agentgateway::read(&spec),
            TelemetryKind::HttpListenerPolicy | TelemetryKind::ListenerPolicy => kgateway::read(kind, &spec),
        };
        let targets = targets(kind, &spec);
        Self {
            kind,
            created: Meta::of(object).created(),
            targets,
            references: references.into(),
            settings: settings.into(),
            bad_sinks,
        }
    }

    /// What others ask of it: to whom it refers, in order, and what it sets, each once, and not where that stands.
    #[must_use]
    pub fn for_view(mut self) -> Self {
        let references: BTreeMap<Arc<BackendRef>, Reference> = self
            .references
            .into_iter()
            .map(|reference| (Arc::clone(&reference.backend), Reference { path: SubjectPath::default(), ..reference }))
            .collect();
        let settings: BTreeSet<(Signal, Listeners)> =
            self.settings.iter().map(|setting| (setting.signal, setting.listeners)).collect();
        let settings = settings.into_iter();
        for target in &mut self.targets {
            target.path = SubjectPath::default();
        }
        self.references = references.into_values().collect();
        self.settings =
            settings.map(|(signal, listeners)| Setting { signal, listeners, path: SubjectPath::default() }).collect();
        self
    }

    /// Whether it says anything about telemetry at all.
    pub fn sets_telemetry(&self) -> bool {
        !self.settings.is_empty() || !self.references.is_empty()
    }
}

// === impl SubjectPath ===

impl SubjectPath {
    pub fn to_path(&self) -> Path {
        (**self).clone()
    }
}

impl Deref for SubjectPath {
    type Target = Path;

    fn deref(&self) -> &Path {
        static ROOT: Path = Path::root();
        self.0.as_deref().unwrap_or(&ROOT)
    }
}

impl From<Path> for SubjectPath {
    fn from(path: Path) -> Self {
        Self(Some(Box::new(path)))
    }
}

// === impl Target ===

impl Target {
    /// The only kind that gateway telemetry attaches to.
    pub fn is_gateway(&self) -> bool {
        self.group == GATEWAY_API && self.kind == "Gateway"
    }
}

// === impl BackendRef ===

impl BackendRef {
    /// With the defaults that the API server fills in: group `""`, kind `Service`. None without a name.
    fn read(reference: &Value) -> Option<Self> {
        let text = |key: &str| reference.get(key).and_then(Value::as_str);
        Some(Self {
            name: text("name").filter(|name| !name.is_empty())?.into(),
            group: Name::word(text("group").unwrap_or(CORE)),
            kind: Name::word(text("kind").unwrap_or("Service")),
            namespace: text("namespace").filter(|namespace| !namespace.is_empty()).map(Into::into),
            port: reference.get("port").and_then(Value::as_i64),
        })
    }

    pub fn namespace_or<'a>(&'a self, own: &'a str) -> &'a str {
        self.namespace.as_deref().unwrap_or(own)
    }

    pub fn is_service(&self) -> bool {
        self.group == CORE && self.kind == "Service"
    }
}

// === impl Signal ===

impl Signal {
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessLog => "access logs",
            Self::Tracing => "traces",
            Self::Other => "telemetry",
        }
    }

    fn of(path: &Path) -> Self {
        let has = |key: &str| path.segments().iter().any(|segment| matches!(segment, Segment::Key(k) if k == key));
        if has("accessLog") {
            Self::AccessLog
        } else if has("tracing") {
            Self::Tracing
        } else {
            Self::Other
        }
    }
}

fn targets(kind: TelemetryKind, spec: &Node<'_>) -> Box<[Target]> {
    let text = |node: &Node<'_>, key: &str| -> Name {
        node.value().and_then(|target| target.get(key)).and_then(Value::as_str).map(Name::word).unwrap_or_default()
    };
    let target = |node: &Node<'_>, by: TargetBy| Target {
        path: node.path().clone().into(),
        group: text(node, "group"),
        kind: text(node, "kind"),
        by,
        // HTTPListenerPolicy has no `sectionName`: the API server drops it, and the whole Gateway is meant.
        section: Some(text(node, "sectionName"))
            .filter(|section| !section.is_empty() && kind != TelemetryKind::HttpListenerPolicy)
            .map(|section| section.as_str().into()),
    };
    let refs = spec.get("targetRefs");
    let by_name = refs.items().map(|node| target(&node, TargetBy::Name(text(&node, "name"))));
    let selectors = spec.get("targetSelectors");
    let by_labels = selectors.items().map(|node| {
        let labels = node.get("matchLabels").entries().map(|(key, value)| (key.to_owned(), value.text().to_owned()));
        target(&node, TargetBy::Labels(Box::new(labels.collect())))
    });
    by_name.chain(by_labels).collect()
}

/// A selector of labels alone, for matching Gateways.
pub fn labels_match(wanted: &Labels, labels: &Labels) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}
