//! The annotations of a pod, against where it serves metrics. What the user wrote is never changed, only added to.

use serde_json::Value;

use super::{
    Endpoint, Pod,
    codes::{INCOMPLETE, NOT_TEXT, NOT_TRUE, PORT_NOT_DECLARED},
};
use crate::engine::{
    finding::{Change, Code, Finding},
    node::Node,
    rules::suggest,
};

pub(super) const SCRAPE: &str = "prometheus.io/scrape";
pub(super) const PORT: &str = "prometheus.io/port";
pub(super) const PATH: &str = "prometheus.io/path";

/// Where Istio's proxies serve their own metrics and the application's.
pub(super) const ISTIO_PATH: &str = "/stats/prometheus";

/// What the user said about being scraped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    Yes,
    No,
    /// Meant as yes, perhaps, and taken for no.
    Unclear,
}

pub(super) fn wish(pod: &Pod<'_>) -> Wish {
    let Some(scrape) = pod.annotations.get(SCRAPE).as_str() else { return Wish::Nothing };
    match scrape.to_ascii_lowercase().as_str() {
        _ if scrape == "true" => Wish::Yes,
        "" | "false" | "no" | "off" | "0" | "n" | "f" | "never" | "disabled" => Wish::No,
        _ => Wish::Unclear,
    }
}

/// Findings about the annotations of a pod that serves metrics there.
pub(super) fn judge(pod: &Pod<'_>, endpoint: &Endpoint<'_>, missing: &'static Code) -> Vec<Finding> {
    let not_text = not_text(pod, endpoint);
    if !not_text.is_empty() {
        return not_text;
    }
    let port = pod.annotations.get(PORT);
    let path = pod.annotations.get(PATH);
    match wish(pod) {
        Wish::No => Vec::new(),
        Wish::Unclear => vec![not_true(pod)],
        Wish::Nothing if !port.is_set() && !path.is_set() => vec![absent(pod, endpoint, missing)],
        Wish::Nothing => vec![incomplete(pod, endpoint)],
        Wish::Yes if !port.is_set() => vec![incomplete(pod, endpoint)],
        // Without a path, scrape jobs take `/metrics`.
        Wish::Yes => port_not_declared(pod, &port, endpoint).into_iter().collect(),
    }
}

fn absent(pod: &Pod<'_>, endpoint: &Endpoint<'_>, missing: &'static Code) -> Finding {
    let Endpoint { container, port } = endpoint;
    let message = format!(
        "container `{container}` serves metrics on port {port}, and no `prometheus.io/*` annotation leads a scraper there"
    );
    mended(Finding::new(missing, pod.place(), message), pod, endpoint)
}

fn incomplete(pod: &Pod<'_>, endpoint: &Endpoint<'_>) -> Finding {
    let Endpoint { container, port } = endpoint;
    let port_wish = pod.annotations.get(PORT);
    if wish(pod) == Wish::Yes {
        let message = format!(
            "`{SCRAPE}` is there and `{PORT}` is not: scrapers do not learn that container `{container}` serves metrics on port {port}"
        );
        return mended(Finding::new(&INCOMPLETE, pod.place(), message), pod, endpoint);
    }
    let present = [PORT, PATH].into_iter().filter(|key| pod.annotations.get(key).is_set());
    let present = suggest::listed(present.map(|key| format!("`{key}`")));
    let message = format!("{present} without `{SCRAPE}`: scrapers pass container `{container}` over");
    let finding = Finding::new(&INCOMPLETE, pod.place(), message);
    let another = port_wish.as_str().is_some_and(|text| text != port.to_string());
    if another {
        return finding.help(format!(
            "add `{SCRAPE}: \"true\"` if `{}` is what is meant, although metrics are served on port {port}; `\"false\"` if nothing is to be scraped",
            port_wish.text()
        ));
    }
    mended(finding, pod, endpoint)
}

fn not_true(pod: &Pod<'_>) -> Finding {
    let scrape = pod.annotations.get(SCRAPE);
    let message = format!("`{SCRAPE}: \"{}\"` is not `true`, so scrapers pass the pod over", scrape.text());
    Finding::new(&NOT_TRUE, scrape.path().clone(), message)
        .help("write `\"true\"`, or `\"false\"` if the pod must not be scraped")
}

fn port_not_declared(pod: &Pod<'_>, port: &Node<'_>, endpoint: &Endpoint<'_>) -> Option<Finding> {
    // Istio's agent serves 15020 for the whole pod and declares only 15090.
    let all = pod.containers().chain(pod.spec.get("initContainers").items());
    let meshed = all.into_iter().any(|container| container.get("name").text() == "istio-proxy");
    if meshed || pod.annotations.get(PATH).text() == ISTIO_PATH {
        return None;
    }
    let annotated = port.text();
    let message = match annotated.parse() {
        Ok(number) if number == endpoint.port || pod.declares(number) => return None,
        Ok(number) => format!("no container declares port {number}, to which `{PORT}` sends scrapers"),
        Err(_) => format!("`{PORT}: \"{annotated}\"` is no port number, so each scrape fails"),
    };
    let Endpoint { container, port: number } = endpoint;
    Some(
        Finding::new(&PORT_NOT_DECLARED, port.path().clone(), message)
            .help(format!("write `{PORT}: \"{number}\"`, where container `{container}` serves metrics")),
    )
}

/// Values that YAML reads as something else than a string. They can be put right: the API server takes none of them.
fn not_text(pod: &Pod<'_>, endpoint: &Endpoint<'_>) -> Vec<Finding> {
    let keys = [SCRAPE, PORT, PATH].into_iter();
    let nodes = keys.map(|key| (key, pod.annotations.get(key))).filter(|(_, node)| node.is_set());
    nodes
        .filter(|(_, node)| node.as_str().is_none())
        .map(|(key, node)| {
            let message = format!("`{key}` is not a string, and the API server takes only strings");
            let finding = Finding::new(&NOT_TEXT, node.path().clone(), message).help("put the value in quotes");
            match node.value() {
                Some(value @ (Value::Bool(_) | Value::Number(_))) if pod.maker.is_none() => {
                    let container = endpoint.container;
                    let value = Value::String(value.to_string());
                    let title = format!("writes `{key}` of the pod of `{container}` as a string");
                    finding.edit(title, vec![Change::Set { path: node.path().clone(), value }])
                }
                _ => finding,
            }
        })
        .collect()
}

/// With the edit that adds what is missing, or with a word on who would have to be told.
fn mended(finding: Finding, pod: &Pod<'_>, endpoint: &Endpoint<'_>) -> Finding {
    let Endpoint { container, port } = endpoint;
    let wanted = [(SCRAPE, "true".to_owned()), (PORT, port.to_string()), (PATH, "/metrics".to_owned())];
    let absent = wanted.into_iter().filter(|(key, _)| !pod.annotations.get(key).is_set());
    let absent: Vec<_> = absent.collect();
    let lines = suggest::listed(absent.iter().map(|(key, value)| format!("`{key}: \"{value}\"`")));
    match &pod.maker {
        Some(maker) if maker.kind == "Gateway" => {
            finding.help(format!("add {lines} under `spec.infrastructure.annotations` of Gateway `{}`", maker.name))
        }
        Some(maker) => finding.help(format!("add {lines} where {} `{}` takes its pods from", maker.kind, maker.name)),
        None => {
            let annotations = pod.annotations.path();
            let set = |(key, value): (&str, String)| Change::Set { path: annotations.key(key), value: value.into() };
            finding.help(format!("add the pod annotations {lines}")).edit(
                format!("annotates the pod so that Prometheus scrapes `{container}` on port {port}"),
                absent.into_iter().map(set).collect(),
            )
        }
    }
}
