//! Gateway pods that serve metrics are annotated so that a scraper finds them.
//!
//! Which gateway a pod is, and where it serves metrics, is told by its containers alone: labels are shared by gateways
//! that serve them elsewhere (Istio's pods carry `gateway.networking.k8s.io/gateway-name` too).

mod annotations;
mod codes;
mod krakend;

use crate::engine::{
    finding::Finding,
    kinds::workload,
    node::{Node, Path},
    rules::{Judge, Rule, SeenIn},
    subject::{Operation, Subject},
};
use codes::{CODES, MISSING};

pub static RULE: Rule = Rule {
    name: "scrapeAnnotations",
    prefix: "scrape-annotations",
    resources: &[("", "pods")],
    operations: &[Operation::Create],
    looks_up: &[],
    in_files: &[("apps", "daemonsets"), ("apps", "deployments"), ("apps", "statefulsets")],
    seen_in: SeenIn::Everywhere,
    gives_edits: true,
    needle: None,
    codes: CODES,
    run,
};

/// A pod, or the template of one.
struct Pod<'a> {
    node: Node<'a>,
    spec: Node<'a>,
    annotations: Node<'a>,
    maker: Option<Maker<'a>>,
}

/// What makes the object and would undo a change of it.
struct Maker<'a> {
    kind: &'a str,
    name: &'a str,
}

/// Where a container serves metrics, under `/metrics` in all gateways that are known.
struct Endpoint<'a> {
    container: &'a str,
    port: i64,
}

fn run(judge: &Judge<'_>) -> Vec<Finding> {
    let pod = Pod::of(judge.subject);
    match pod.envoy().or_else(|| pod.agentgateway()) {
        Some(endpoint) => annotations::judge(&pod, &endpoint, &MISSING),
        None => krakend::judge(judge, &pod),
    }
}

// === impl Pod ===

impl<'a> Pod<'a> {
    fn of(subject: &'a Subject<'_>) -> Self {
        let node = workload::pod(&subject.key.kind, subject.value());
        let spec = node.get("spec");
        let annotations = node.follow(&["metadata", "annotations"]);
        // A pod that has an owner and no node yet is being created, where a change is kept. What a controller made
        // before, as found in a file, is made again without the change.
        let being_created = subject.key.kind == "Pod" && !spec.get("nodeName").is_set();
        let owners = subject.object().follow(&["metadata", "ownerReferences"]);
        let controller = owners.items().find(|owner| owner.get("controller").as_bool() == Some(true));
        let maker = controller
            .filter(|_| !being_created)
            .map(|owner| Maker { kind: owner.get("kind").text(), name: owner.get("name").text() });
        Self { node, spec, annotations, maker }
    }

    fn containers(&self) -> impl Iterator<Item = Node<'a>> + use<'a> {
        self.spec.get("containers").items()
    }

    /// Ports that containers declare, sidecars that are init containers among them.
    fn declares(&self, port: i64) -> bool {
        let all = self.containers().chain(self.spec.get("initContainers").items());
        all.flat_map(|container| container.get("ports").items())
            .any(|declared| declared.get("containerPort").as_i64() == Some(port))
    }

    /// kgateway's Envoy. With `stats.enabled: false` it neither declares the port nor listens on it.
    fn envoy(&self) -> Option<Endpoint<'a>> {
        let container = self.containers().find(|container| container.get("name").text() == "kgateway-proxy")?;
        let ports = container.get("ports");
        let number = |port: &Node<'_>| port.get("containerPort").as_i64();
        let named = ports.items().find(|port| port.get("name").text() == "http-monitoring");
        let port = named.or_else(|| ports.items().find(|port| number(port) == Some(9091)))?;
        Some(Endpoint { container: container.get("name").text(), port: number(&port)? })
    }

    /// agentgateway, but not as Istio's waypoint, which is annotated by Istio and serves another path.
    fn agentgateway(&self) -> Option<Endpoint<'a>> {
        let named = |container: &Node<'_>| matches!(container.get("name").text(), "agentgateway" | "agent-gateway");
        let container = self.containers().find(named)?;
        let labels = self.node.follow(&["metadata", "labels"]);
        let class = labels.get("gateway.networking.k8s.io/gateway-class-name").text();
        let path = self.annotations.get(annotations::PATH).text();
        if class.starts_with("istio") || path == annotations::ISTIO_PATH {
            return None;
        }
        let metrics =
            |port: &Node<'_>| port.get("name").text() == "metrics" && port.get("containerPort").as_i64() == Some(15020);
        container.get("ports").items().find(metrics)?;
        Some(Endpoint { container: container.get("name").text(), port: 15020 })
    }

    /// The innermost mapping on the way to the annotations that is there.
    fn place(&self) -> Path {
        let metadata = self.node.get("metadata");
        let here = [&self.annotations, &metadata].into_iter().find(|node| node.is_set());
        here.unwrap_or(&self.node).path().clone()
    }
}

#[cfg(test)]
mod tests;
