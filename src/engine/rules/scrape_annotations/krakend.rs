//! KrakenD: where it serves metrics stands in its configuration, which a pod may mount from a ConfigMap.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Endpoint, Pod,
    annotations::{self, PORT, Wish},
    codes::{
        KRAKEND_DUPLICATE_NAME, KRAKEND_DUPLICATE_PORT, KRAKEND_LOOPBACK, KRAKEND_MISSING, KRAKEND_SEVERAL,
        KRAKEND_UNSEEN, KRAKEND_WRONG_PORT, PORT_NOT_DECLARED,
    },
};
use crate::engine::{
    finding::{Code, Finding},
    kinds::telemetry::krakend::{self, ConfigFile, Krakend, PrometheusExporter, Unseen},
    node::Node,
    rules::{Judge, suggest},
    view::Answer,
};

/// A configuration, and where it was read.
struct Seen<'a> {
    config: Krakend,
    file: ConfigFile<'a>,
    container: &'a Node<'a>,
}

pub(super) fn judge(judge: &Judge<'_>, pod: &Pod<'_>) -> Vec<Finding> {
    let Some(container) = pod.containers().find(krakend::is_krakend) else { return Vec::new() };
    match look(judge, pod, &container) {
        Ok(Some(seen)) => flaws(pod, &seen),
        Ok(None) => Vec::new(),
        // Who annotated the pod knows where it serves metrics.
        Err(_) if annotations::wish(pod) != Wish::Nothing => Vec::new(),
        Err(finding) => vec![*finding],
    }
}

/// The configuration, if it has telemetry; a note where it cannot be seen.
fn look<'a>(judge: &Judge<'_>, pod: &Pod<'a>, container: &'a Node<'a>) -> Result<Option<Seen<'a>>, Box<Finding>> {
    let unseen = |why: String| {
        let message = format!("where KrakenD in container `{}` serves metrics cannot be seen: {why}", name(container));
        let finding = Finding::new(&KRAKEND_UNSEEN, container.path().clone(), message);
        Box::new(finding.help("annotate the pod by hand if it has a Prometheus exporter"))
    };
    let said = |why: Unseen| {
        unseen(match why {
            Unseen::Command => "its command does not say which configuration it reads".to_owned(),
            Unseen::Image => "its configuration is in the image".to_owned(),
            Unseen::Volume => "its configuration is in no ConfigMap".to_owned(),
            Unseen::NotJson => "its configuration is a template, or no JSON".to_owned(),
        })
    };
    let file = krakend::config_file(container, &pod.spec).map_err(said)?;
    let namespace = judge.subject.key.namespace.as_str();
    let place = format!("ConfigMap `{namespace}/{}`", file.config_map);
    let config_map = match judge.lens.config_map(namespace, file.config_map) {
        Answer::Found(config_map) => config_map,
        Answer::Absent => return Err(unseen(format!("{place} does not exist"))),
        Answer::Unknown => {
            let finding = unseen(format!("{place} could not be looked up"));
            return Err(Box::new(
                finding.unknown(format!("what is in {place}")).help("give the ConfigMap's manifest too"),
            ));
        }
    };
    let Some(text) = config_map.krakend.get(file.key.as_str()) else {
        // A template may take its telemetry from another file.
        return if krakend::is_flexible(container) { Err(said(Unseen::NotJson)) } else { Ok(None) };
    };
    let config = Krakend::read(text).map_err(said)?;
    Ok(config.map(|config| Seen { config, file, container }))
}

fn flaws(pod: &Pod<'_>, seen: &Seen<'_>) -> Vec<Finding> {
    let wish = annotations::wish(pod);
    let enabled: Vec<_> = seen.config.prometheus.iter().filter(|exporter| !exporter.disable_metrics).collect();
    let mut found: Vec<_> = enabled.iter().filter_map(|exporter| seen.loopback(exporter)).collect();
    let duplicate_names = seen.duplicate_names();
    // Without a name of its own, no exporter is registered at all: annotations would lead nowhere.
    let is_running = duplicate_names.is_none();
    found.extend(duplicate_names);
    found.extend(seen.duplicate_ports());
    if enabled.len() > 1 && wish != Wish::No {
        found.push(seen.several(&enabled));
    }
    let main_port = seen.config.main_port(seen.container);
    let usable = enabled.iter().find(|exporter| exporter.loopback().is_none() && exporter.port != main_port);
    if let Some(exporter) = usable.filter(|_| is_running) {
        let wrong = (wish == Wish::Yes).then(|| seen.wrong_port(pod, &enabled)).flatten();
        let endpoint = Endpoint { container: name(seen.container), port: exporter.port };
        if let Some(wrong) = wrong {
            found.push(wrong);
        } else {
            let said = annotations::judge(pod, &endpoint, &KRAKEND_MISSING);
            found.extend(said.into_iter().filter(|finding| finding.code != PORT_NOT_DECLARED.name));
        }
    } else if wish == Wish::Yes && !enabled.is_empty() {
        found.extend(seen.wrong_port(pod, &enabled));
    }
    found
}

// === impl Seen ===

impl Seen<'_> {
    fn finding(&self, code: &'static Code, message: String) -> Finding {
        Finding::new(code, self.container.path().clone(), message)
    }

    /// `in key `krakend.json` of ConfigMap `shop-config``, for messages about the configuration.
    fn place(&self) -> String {
        format!("in key `{}` of ConfigMap `{}`", self.file.key, self.file.config_map)
    }

    fn loopback(&self, exporter: &PrometheusExporter) -> Option<Finding> {
        let (key, address) = exporter.loopback()?;
        let message = format!(
            "the Prometheus exporter `{}` has `{key}: \"{address}\"` {}: it is not scrapeable, or not as restricted as it looks",
            exporter.name,
            self.place()
        );
        Some(
            self.finding(&KRAKEND_LOOPBACK, message)
                .help(format!("remove `{key}`, and restrict access to port {} with a NetworkPolicy", exporter.port)),
        )
    }

    fn several(&self, enabled: &[&PrometheusExporter]) -> Finding {
        let ports = suggest::listed(enabled.iter().map(|exporter| format!("`{}` on {}", exporter.name, exporter.port)));
        let message =
            format!("{} Prometheus exporters, {ports}, {}: annotations carry one port", enabled.len(), self.place());
        self.finding(&KRAKEND_SEVERAL, message)
            .help("keep one, set `disable_metrics` on the others, or scrape the pod with a PodMonitor")
    }

    /// `disable_metrics` does not close a port, so all exporters count.
    fn duplicate_ports(&self) -> Vec<Finding> {
        let main = (self.config.main_port(self.container), "the gateway itself".to_owned());
        let mut listeners: BTreeMap<i64, Vec<String>> = BTreeMap::from([(main.0, vec![main.1])]);
        for exporter in &self.config.prometheus {
            listeners.entry(exporter.port).or_default().push(format!("the exporter `{}`", exporter.name));
        }
        listeners
            .into_iter()
            .filter(|(_, names)| names.len() > 1)
            .map(|(port, names)| {
                let message =
                    format!("{} listen on port {port} {}: only one of them can", suggest::listed(names), self.place());
                self.finding(&KRAKEND_DUPLICATE_PORT, message).help("give each a port of its own")
            })
            .collect()
    }

    fn duplicate_names(&self) -> Option<Finding> {
        let prometheus = self.config.prometheus.iter().map(|exporter| &exporter.name);
        let names = prometheus.chain(self.config.otlp.iter().map(|exporter| &exporter.name));
        let mut seen = BTreeSet::new();
        let twice = names.into_iter().find(|name| !seen.insert(*name))?;
        let message =
            format!("two exporters are called `{twice}` {}: KrakenD then runs without any telemetry", self.place());
        Some(self.finding(&KRAKEND_DUPLICATE_NAME, message).help("give each exporter a name of its own"))
    }

    /// A port where neither an exporter nor another container listens.
    fn wrong_port(&self, pod: &Pod<'_>, enabled: &[&PrometheusExporter]) -> Option<Finding> {
        let annotation = pod.annotations.get(PORT);
        let annotated = annotation.as_str()?;
        let number: Option<i64> = annotated.parse().ok();
        let listens = number.is_some_and(|number| {
            pod.declares(number) || self.config.prometheus.iter().any(|exporter| exporter.port == number)
        });
        if listens {
            return None;
        }
        let ports = suggest::listed(enabled.iter().map(|exporter| exporter.port.to_string()));
        let message = format!(
            "`{PORT}: \"{annotated}\"` leads scrapers to a port where nothing listens: KrakenD serves metrics on {ports}, as it says {}",
            self.place()
        );
        let first = enabled.first()?.port;
        Some(
            Finding::new(&KRAKEND_WRONG_PORT, annotation.path().clone(), message)
                .help(format!("write `{PORT}: \"{first}\"`")),
        )
    }
}

fn name<'a>(container: &Node<'a>) -> &'a str {
    container.get("name").text()
}
