//! Pods and what makes them: containers, images, mounted ConfigMaps.

use serde_json::Value;

use crate::engine::node::{Node, Path};

/// The lean form of a workload: which images read which ConfigMaps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    pub images: Box<[Box<str>]>,
    /// Names of ConfigMaps that its volumes mount.
    pub config_maps: Box<[Box<str>]>,
}

/// Where the pod stands in an object of this kind: the object itself for a Pod, `spec.template` for what makes Pods.
pub fn pod_path(kind: &str) -> Path {
    match kind {
        "Pod" => Path::root(),
        _ => Path::of(&["spec", "template"]),
    }
}

/// The pod, or the template of one, in an object of this kind.
pub fn pod<'a>(kind: &str, object: &'a Value) -> Node<'a> {
    let root = Node::root(object);
    if kind == "Pod" { root } else { root.follow(&["spec", "template"]) }
}

impl Workload {
    pub fn read(kind: &str, object: &Value) -> Self {
        let spec = pod(kind, object).get("spec");
        let images = spec.get("containers").items().map(|container| container.get("image").text().into()).collect();
        let volumes: Vec<_> = spec.get("volumes").items().collect();
        let projected = volumes.iter().flat_map(|volume| volume.follow(&["projected", "sources"]).items());
        let config_maps = volumes
            .iter()
            .cloned()
            .chain(projected)
            .map(|source| source.follow(&["configMap", "name"]).text())
            .filter(|name| !name.is_empty())
            .map(Into::into)
            .collect();
        Self { images, config_maps }
    }
}
