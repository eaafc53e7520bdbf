//! The scrape jobs of Prometheus receivers, with the pod labels that they keep.

use serde_json::{Value, json};

use crate::engine::{
    cel::{Type, given::place},
    kinds::collector::ComponentId,
    limits,
    node::{Node, Path},
};

/// How service discovery names a pod label; in the label, whatever is no letter, digit or `_` has become `_`.
const POD_LABEL: &str = "__meta_kubernetes_pod_label_";

/// The type of a job.
pub(super) fn declared() -> Type {
    let keep = Type::object(
        "portcullis.KeepRule",
        [("label", Type::String), ("regex", Type::String), ("at", place::declared())],
    );
    Type::object(
        "portcullis.ScrapeJob",
        [("receiver", Type::String), ("name", Type::String), ("keeps", Type::list(keep)), ("at", place::declared())],
    )
}

/// The jobs of one receiver that find pods.
pub(super) fn of(id: &ComponentId, config: &Value, place: &dyn Fn(&Path) -> Value) -> Vec<Value> {
    if id.kind != "prometheus" {
        return Vec::new();
    }
    let jobs = Node::root(config).follow(&["config", "scrape_configs"]);
    let finds_pods = |job: &Node<'_>| {
        job.get("kubernetes_sd_configs").items().any(|discovery| discovery.get("role").text() == "pod")
    };
    let jobs = jobs.items().filter(finds_pods).take(limits::CEL_GIVEN_EACH);
    jobs.map(|job| {
        let keeps: Vec<Value> = job
            .get("relabel_configs")
            .items()
            .take(limits::CEL_GIVEN_EACH)
            .filter_map(|rule| kept(&rule, place))
            .collect();
        json!({
            "receiver": id.to_string(),
            "name": job.get("job_name").text(),
            "keeps": keeps,
            "at": place(job.path()),
        })
    })
    .collect()
}

/// A rule that keeps pods by one label.
fn kept(rule: &Node<'_>, place: &dyn Fn(&Path) -> Value) -> Option<Value> {
    let mut sources = rule.get("source_labels").items();
    let (Some(source), None) = (sources.next(), sources.next()) else { return None };
    let label = source.text().strip_prefix(POD_LABEL).filter(|_| rule.get("action").text() == "keep")?;
    // The collector takes `$` for its own: what Prometheus is to see is written twice.
    let regex = match rule.get("regex").value() {
        Some(Value::String(text)) => text.replace("$$", "$"),
        Some(Value::Null) | None => "(.*)".to_owned(),
        Some(other) => other.to_string(),
    };
    Some(json!({ "label": label, "regex": regex, "at": place(rule.path()) }))
}
