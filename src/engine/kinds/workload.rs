//! Pods and what makes them: containers, images, mounted ConfigMaps, and where a collector's configuration comes from.

use serde_json::Value;

use crate::engine::node::{Node, Path};

/// The lean form of a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    pub containers: Box<[Container]>,
    /// Names of ConfigMaps that its volumes mount, by volume.
    pub config_maps: Box<[(Box<str>, Box<str>)]>,
}

/// What of a container tells which configuration it reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    pub image: Box<str>,
    /// Names of the volumes that it mounts.
    pub mounts: Box<[Box<str>]>,
    /// `--config` and `--set` with their values, in order.
    pub config_arguments: Box<[Box<str>]>,
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

// === impl Workload ===

impl Workload {
    pub fn read(kind: &str, object: &Value) -> Self {
        let spec = pod(kind, object).get("spec");
        let containers = spec.get("containers").items().map(|container| Container::read(&container)).collect();
        let mut config_maps = Vec::new();
        for volume in spec.get("volumes").items() {
            let projected = volume.follow(&["projected", "sources"]);
            for source in std::iter::once(volume.clone()).chain(projected.items()) {
                let name = source.follow(&["configMap", "name"]).text();
                if !name.is_empty() {
                    config_maps.push((volume.get("name").text().into(), name.into()));
                }
            }
        }
        Self { containers, config_maps: config_maps.into() }
    }

    pub fn reads(&self, config_map: &str) -> bool {
        self.config_maps.iter().any(|(_, name)| &**name == config_map)
    }

    /// The containers that mount this ConfigMap.
    pub fn containers_reading<'w>(&'w self, config_map: &str) -> impl Iterator<Item = &'w Container> + use<'w> {
        let volumes: Vec<&str> =
            self.config_maps.iter().filter(|(_, name)| &**name == config_map).map(|(volume, _)| &**volume).collect();
        self.containers.iter().filter(move |container| container.mounts.iter().any(|mount| volumes.contains(&&**mount)))
    }
}

// === impl Container ===

impl Container {
    /// How many configurations it is given.
    pub fn config_sources(&self) -> usize {
        self.config_arguments.iter().filter(|argument| argument.starts_with("--config=")).count()
    }

    fn read(container: &Node<'_>) -> Self {
        let mounts = container.get("volumeMounts").items().map(|mount| mount.get("name").text().into()).collect();
        let words: Vec<&str> = [container.get("command"), container.get("args")]
            .iter()
            .flat_map(Node::items)
            .map(|word| word.text())
            .collect();
        let mut config_arguments = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            // Both `--config=x` and `--config x` are taken.
            match *word {
                "--config" | "--set" => {
                    config_arguments.push(format!("{word}={}", words.next().copied().unwrap_or_default()).into());
                }
                word if word.starts_with("--config=") || word.starts_with("--set=") => {
                    config_arguments.push(word.into());
                }
                _ => {}
            }
        }
        Self { image: container.get("image").text().into(), mounts, config_arguments: config_arguments.into() }
    }
}
