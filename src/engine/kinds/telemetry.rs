//! Telemetry objects: what they refer to, what they attach to, and what they set.
//!
//! References are found by walking for `backendRef`, so that a path which a later version adds is seen as well.

pub mod agentgateway;
pub mod kgateway;
pub mod krakend;

use jiff::Timestamp;
use serde_json::Value;

use crate::engine::{
    kinds::{AGENTGATEWAY, CORE, KGATEWAY, meta::Meta},
    node::{Node, Path, Segment},
    selector::{LabelSelector, Labels},
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
    pub targets: Vec<Target>,
    pub references: Vec<Reference>,
    /// Which signals it sets, and for which listeners.
    pub settings: Vec<Setting>,
    /// It sets telemetry, and some of its access log entries are wrong in themselves.
    pub bad_sinks: bool,
}

/// What a telemetry object wants to attach to: an entry of `targetRefs` or `targetSelectors`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub path: Path,
    pub group: Box<str>,
    pub kind: Box<str>,
    pub by: TargetBy,
    pub section: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetBy {
    Name(Box<str>),
    Labels(Labels),
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
    pub path: Path,
}

/// A reference to a collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Of the `backendRef`.
    pub path: Path,
    pub signal: Signal,
    /// Whether data is sent as gRPC; not so for a path named `httpService`, or agentgateway's `protocol: HTTP`.
    pub grpc: bool,
    pub backend: BackendRef,
}

/// Gateway API's BackendRef with its defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendRef {
    pub group: Box<str>,
    pub kind: Box<str>,
    /// None means the telemetry object's own.
    pub namespace: Option<Box<str>>,
    pub name: Box<str>,
    pub port: Option<i64>,
}

// === impl TelemetryKind ===

impl TelemetryKind {
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
    pub fn read(kind: TelemetryKind, meta: &Meta, object: &Value) -> Self {
        let spec = Node::root(object).get("spec");
        let ((references, settings), bad_sinks) = match kind {
            TelemetryKind::AgentgatewayPolicy => (agentgateway::read(&spec), false),
            TelemetryKind::HttpListenerPolicy | TelemetryKind::ListenerPolicy => {
                (kgateway::read(kind, &spec), kgateway::has_bad_sinks(kind, &spec))
            }
        };
        let targets = targets(kind, &spec);
        Self { kind, created: meta.creation_timestamp, targets, references, settings, bad_sinks }
    }
}

impl Telemetry {
    /// Whether it says anything about telemetry at all.
    pub fn sets_telemetry(&self) -> bool {
        !self.settings.is_empty() || !self.references.is_empty()
    }
}

// === impl Target ===

impl Target {
    /// The only kind that gateway telemetry attaches to.
    pub fn is_gateway(&self) -> bool {
        &*self.group == crate::engine::kinds::GATEWAY_API && &*self.kind == "Gateway"
    }
}

// === impl BackendRef ===

impl BackendRef {
    /// With the defaults that the API server fills in: group `""`, kind `Service`. None without a name.
    pub fn read(node: &Node<'_>) -> Option<Self> {
        let text = |key: &str, default: &str| node.get(key).as_str().unwrap_or(default).into();
        let name = node.get("name").as_str().filter(|name| !name.is_empty())?;
        Some(Self {
            group: text("group", CORE),
            kind: text("kind", "Service"),
            namespace: node.get("namespace").as_str().filter(|namespace| !namespace.is_empty()).map(Into::into),
            name: name.into(),
            port: node.get("port").as_i64(),
        })
    }

    pub fn namespace_or<'a>(&'a self, own: &'a str) -> &'a str {
        self.namespace.as_deref().unwrap_or(own)
    }

    pub fn is_service(&self) -> bool {
        &*self.group == CORE && &*self.kind == "Service"
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

/// Every `backendRef` mapping below `node`, with its path.
fn walk<'a>(node: &Node<'a>, found: &mut Vec<Node<'a>>) {
    for (key, child) in node.entries() {
        if key == "backendRef" {
            found.push(child);
        } else {
            walk(&child, found);
        }
    }
    for item in node.items() {
        walk(&item, found);
    }
}

fn targets(kind: TelemetryKind, spec: &Node<'_>) -> Vec<Target> {
    let target = |node: &Node<'_>, by: TargetBy| Target {
        path: node.path().clone(),
        group: node.get("group").text().into(),
        kind: node.get("kind").text().into(),
        by,
        // HTTPListenerPolicy has no `sectionName`: the API server drops it, and the whole Gateway is meant.
        section: node
            .get("sectionName")
            .as_str()
            .filter(|section| !section.is_empty() && kind != TelemetryKind::HttpListenerPolicy)
            .map(Into::into),
    };
    let refs = spec.get("targetRefs");
    let by_name = refs.items().map(|node| target(&node, TargetBy::Name(node.get("name").text().into())));
    let selectors = spec.get("targetSelectors");
    let by_labels = selectors.items().map(|node| {
        let labels = node.get("matchLabels").entries().map(|(key, value)| (key.to_owned(), value.text().to_owned()));
        target(&node, TargetBy::Labels(labels.collect()))
    });
    by_name.chain(by_labels).collect()
}

/// A selector of labels alone, for matching Gateways.
pub fn labels_match(wanted: &Labels, labels: &Labels) -> bool {
    LabelSelector { match_labels: wanted.clone(), match_expressions: Vec::new() }.matches(labels)
}
