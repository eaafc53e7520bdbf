//! KrakenD's configuration: a JSON file, in which telemetry stands under `extra_config."telemetry/opentelemetry"`, and
//! which a pod finds in its image or mounts. Only what a ConfigMap holds can be seen.
//!
//! Fields and defaults are those of krakend-otel (`config/config.go`), which differ from KrakenD's documentation.

use serde_json::Value;

use crate::engine::{kinds::config_map::KRAKEND_TELEMETRY, node::Node};

/// What a KrakenD offers to scrapers and sends to collectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Krakend {
    /// The gateway's own port, where the configuration names one.
    pub port: Option<i64>,
    pub prometheus: Vec<PrometheusExporter>,
    pub otlp: Vec<OtlpExporter>,
}

/// A server of its own for `/metrics`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrometheusExporter {
    pub name: Box<str>,
    pub port: i64,
    /// What the community edition binds to; undocumented.
    pub host: Option<Box<str>>,
    /// Documented, and read by no version of krakend-otel.
    pub listen_ip: Option<Box<str>>,
    /// The port is opened all the same.
    pub disable_metrics: bool,
}

/// A collector that metrics and traces are sent to. KrakenD sends no logs over OTLP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpExporter {
    pub name: Box<str>,
    pub host: Box<str>,
    /// 4317 by default, with `use_http` too.
    pub port: i64,
    /// Over HTTP; else over gRPC.
    pub use_http: bool,
    pub disable_metrics: bool,
    pub disable_traces: bool,
}

/// The key of a ConfigMap that a pod mounts where KrakenD looks for its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile<'a> {
    pub config_map: &'a str,
    pub key: String,
}

/// Why a configuration cannot be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// Something else starts KrakenD, or the path is made when it starts.
    Command,
    /// No volume is mounted there.
    Image,
    /// A volume that is no ConfigMap.
    Volume,
    /// Flexible configuration, YAML or TOML: KrakenD reads something else than what stands there.
    NotJson,
}

/// Where the image expects the configuration (`CMD ["run", "-c", "/etc/krakend/krakend.json"]`).
const DEFAULT_FILE: &str = "/etc/krakend/krakend.json";
/// The image's working directory.
const DEFAULT_FOLDER: &str = "/etc/krakend";
pub const DEFAULT_PORT: i64 = 8080;
pub const DEFAULT_PROMETHEUS_PORT: i64 = 9090;
pub const DEFAULT_OTLP_PORT: i64 = 4317;

/// Whether this container runs KrakenD: by its command, else by its image.
pub fn is_krakend(container: &Node<'_>) -> bool {
    match command(container) {
        Some("krakend") => true,
        Some(_) => has_image(container),
        None => {
            let first = container.get("args").items().next();
            has_image(container) && first.is_none_or(|first| first.text() == "run" || first.text().starts_with('-'))
        }
    }
}

/// Where the configuration of this container comes from.
pub fn config_file<'a>(container: &Node<'a>, pod_spec: &Node<'a>) -> Result<ConfigFile<'a>, Unseen> {
    if command(container).is_some_and(|command| command != "krakend") {
        return Err(Unseen::Command);
    }
    let words = words(container);
    let file = flag(&words, "-c", "--config").unwrap_or(DEFAULT_FILE);
    if file.contains("$(") || file.split('/').any(|part| part == "..") {
        return Err(Unseen::Command);
    }
    let folder = container.get("workingDir").as_str().unwrap_or(DEFAULT_FOLDER);
    let mut path = if file.starts_with('/') { Vec::new() } else { parts(folder) };
    path.extend(parts(file));
    let mounts = container.get("volumeMounts");
    let mount = mounts
        .items()
        .filter(|mount| path.starts_with(&parts(mount.get("mountPath").text())))
        .max_by_key(|mount| parts(mount.get("mountPath").text()).len())
        .ok_or(Unseen::Image)?;
    if mount.get("subPathExpr").is_set() {
        return Err(Unseen::Command);
    }
    let mut inside = parts(mount.get("subPath").text());
    inside.extend(path.iter().skip(parts(mount.get("mountPath").text()).len()));
    let name = mount.get("name").text();
    let volumes = pod_spec.get("volumes");
    let volume = volumes.items().find(|volume| volume.get("name").text() == name).ok_or(Unseen::Volume)?;
    let projected = volume.follow(&["projected", "sources"]);
    let mut sources = std::iter::once(volume)
        .chain(projected.items())
        .filter_map(|source| from_config_map(&source.get("configMap"), &inside.join("/")));
    match (sources.next(), sources.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(Unseen::Volume),
    }
}

/// Whether the file is a template: any value of `FC_ENABLE` turns flexible configuration on, `0` and `false` too.
pub fn is_flexible(container: &Node<'_>) -> bool {
    variable(container, "FC_ENABLE")
        .is_some_and(|variable| variable.get("valueFrom").is_set() || !variable.get("value").text().is_empty())
}

// === impl Krakend ===

impl Krakend {
    /// None where it has no telemetry.
    pub fn read(text: &str) -> Result<Option<Self>, Unseen> {
        let root: Value = serde_json::from_str(text).map_err(|_| Unseen::NotJson)?;
        let root = Node::root(&root);
        let telemetry = root.get("extra_config").get(KRAKEND_TELEMETRY);
        if !telemetry.is_set() {
            return Ok(None);
        }
        let exporters = telemetry.get("exporters");
        if exporters.value().is_some_and(is_templated) {
            return Err(Unseen::NotJson);
        }
        Ok(Some(Self {
            port: root.get("port").as_i64(),
            prometheus: exporters.get("prometheus").items().map(|node| PrometheusExporter::read(&node)).collect(),
            otlp: exporters.get("otlp").items().map(|node| OtlpExporter::read(&node)).collect(),
        }))
    }

    /// The gateway's own port: the flag, else `KRAKEND_PORT`, else the configuration.
    pub fn main_port(&self, container: &Node<'_>) -> i64 {
        let number = |text: &str| text.parse().ok();
        let flag = flag(&words(container), "-p", "--port").and_then(number);
        let variable = || variable(container, "KRAKEND_PORT").and_then(|variable| number(variable.get("value").text()));
        flag.or_else(variable).or(self.port).unwrap_or(DEFAULT_PORT)
    }
}

// === impl PrometheusExporter ===

impl PrometheusExporter {
    /// The address that it is meant to be restricted to, if only the pod itself could reach that.
    pub fn loopback(&self) -> Option<(&'static str, &str)> {
        let local = |address: &&str| *address == "localhost" || *address == "::1" || address.starts_with("127.");
        let find = |key, address: &'_ Option<Box<str>>| {
            let address = address.as_deref()?;
            local(&address.trim_matches(['[', ']'])).then_some(key)
        };
        find("host", &self.host)
            .or_else(|| find("listen_ip", &self.listen_ip))
            .map(|key| (key, if key == "host" { &self.host } else { &self.listen_ip }.as_deref().unwrap_or_default()))
    }

    fn read(node: &Node<'_>) -> Self {
        Self {
            name: node.get("name").text().into(),
            port: node.get("port").as_i64().filter(|port| *port != 0).unwrap_or(DEFAULT_PROMETHEUS_PORT),
            host: node.get("host").as_str().map(Into::into),
            listen_ip: node.get("listen_ip").as_str().map(Into::into),
            disable_metrics: node.get("disable_metrics").as_bool().unwrap_or_default(),
        }
    }
}

// === impl OtlpExporter ===

impl OtlpExporter {
    fn read(node: &Node<'_>) -> Self {
        let is = |key: &str| node.get(key).as_bool().unwrap_or_default();
        let host = node.get("host").as_str().filter(|host| !host.is_empty()).unwrap_or("localhost");
        Self {
            name: node.get("name").text().into(),
            host: host.into(),
            port: node.get("port").as_i64().filter(|port| *port != 0).unwrap_or(DEFAULT_OTLP_PORT),
            use_http: is("use_http"),
            disable_metrics: is("disable_metrics"),
            disable_traces: is("disable_traces"),
        }
    }
}

/// The file name of what the container starts, where the pod says so.
fn command<'a>(container: &Node<'a>) -> Option<&'a str> {
    container.get("command").items().next().map(|first| first.text().rsplit('/').next().unwrap_or_default())
}

/// `krakend`, `devopsfaith/krakend`, `krakend/krakend-ee`, or an image that was made from one of them.
fn has_image(container: &Node<'_>) -> bool {
    let image = container.get("image").text().split('@').next().unwrap_or_default();
    let file = image.rsplit('/').next().unwrap_or_default();
    let name = file.split(':').next().unwrap_or_default();
    name.starts_with("krakend") && !name.ends_with("operator")
}

/// What KrakenD sees on its command line.
fn words<'a>(container: &Node<'a>) -> Vec<&'a str> {
    let command = container.get("command").items().skip(1);
    command.chain(container.get("args").items()).map(|word| word.text()).collect()
}

/// The value of a flag, in any of the ways in which it can be written.
fn flag<'a>(words: &[&'a str], short: &str, long: &str) -> Option<&'a str> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if *word == short || *word == long {
            return words.next().copied();
        }
        if let Some(value) = word.strip_prefix(long).and_then(|value| value.strip_prefix('=')) {
            return Some(value);
        }
        if let Some(value) = word.strip_prefix(short) {
            return Some(value.strip_prefix('=').unwrap_or(value));
        }
    }
    None
}

fn variable<'a>(container: &Node<'a>, name: &str) -> Option<Node<'a>> {
    container.get("env").items().find(|variable| variable.get("name").text() == name)
}

fn parts(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").collect()
}

/// The key that a ConfigMap volume shows as this file.
fn from_config_map<'a>(source: &Node<'a>, file: &str) -> Option<ConfigFile<'a>> {
    let config_map = source.get("name").as_str().filter(|name| !name.is_empty())?;
    if source.get("items").is_set() {
        let item = source.get("items").items().find(|item| item.get("path").text() == file)?;
        return Some(ConfigFile { config_map, key: item.get("key").text().to_owned() });
    }
    let plain = !file.is_empty() && !file.contains('/');
    plain.then(|| ConfigFile { config_map, key: file.to_owned() })
}

/// Whether a string in it is made by a template.
fn is_templated(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("{{"),
        Value::Array(items) => items.iter().any(is_templated),
        Value::Object(entries) => entries.iter().any(|(key, value)| key.contains("{{") || is_templated(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests;
