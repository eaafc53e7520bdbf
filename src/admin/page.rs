//! The page `docs/metrics.md`: each metric with its type, its labels and its help, as `/metrics` prints them.
//!
//! A family without a sample prints nothing, so each gets one here. A metric that got none fails the test below by name.
#![allow(clippy::disallowed_methods, reason = "a committed file is compared")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::Duration,
};

use prometheus_client::{encoding::text::encode, registry::Registry};

use crate::{
    admin::registry,
    cluster::{
        exceptions::Exceptions,
        metrics::{Confirmed, Metrics as Cluster},
    },
    engine::snapshot::Snapshot,
    health::Condition,
    operate::register::metrics::Metrics as Registration,
    tls::Standing,
    webhook::{
        Door,
        metrics::{Metrics as Webhook, Outcome},
        wire::Tally,
    },
};

const PAGE: &str = "docs/metrics.md";

/// The value of a label that may be anything; what is written for it is the label's name alone.
const ANY: &str = "…";

const ABOUT: &str = "\
# Metrics

What Portcullis counts, as `GET /metrics` on its admin port (8080 in the chart) prints it, in the OpenMetrics text format.
This page is made from the code: `UPDATE_FILES=1 cargo test --lib admin::`.

Every replica counts for itself. Sum counters over the replicas; of `portcullis_leader` take the largest. A counter with
labels is not printed before it has counted something, unless its labels have few fixed values.

A histogram has the samples `…_bucket` (with the label `le`), `…_sum` and `…_count`. A label without values below takes
those of your cluster: names of policies, codes of findings ([findings.md](findings.md)), kinds. Nothing of a request
becomes a label.

`deploy/charts/portcullis/files` holds a dashboard and alerts that use these metrics; [runbooks.md](runbooks.md) says what
to do about each alert.
";

/// What is printed of a metric.
#[derive(Debug, Default)]
struct Described {
    kind: String,
    help: String,
    labels: BTreeMap<String, BTreeSet<String>>,
}

/// Every metric that a process in a cluster registers, each with a sample of every value that its labels may have.
fn every() -> Registry {
    let mut registry = registry();
    let webhook = Webhook::register(&mut registry);
    for door in Door::ALL {
        for outcome in [Outcome::Allowed, Outcome::Denied, Outcome::Refused, Outcome::Failed, Outcome::Shed] {
            webhook.answered(door, outcome, Duration::ZERO);
        }
    }
    let at = jiff::Timestamp::UNIX_EPOCH;
    for refused in ["ca", "certificate", "expired", "file", "key", "made", "mismatch", "name", "not-yet-valid"] {
        webhook.certificate(&Standing {
            not_after: Some(at),
            bundle: None,
            authorities: vec![("signing", at), ("other", at)],
            condition: Condition::Ready,
            refused: Some(refused),
        });
    }
    let consequences = ["denied", "warned", "recorded", "ensured", "applied", "excepted"];
    webhook.found(&consequences.map(|consequence| Tally::new(ANY, ANY, consequence)));
    let cluster = Cluster::register(&mut registry);
    cluster.kind(ANY, 0, false);
    cluster.exceptions(&Exceptions::default(), &Snapshot::default(), at);
    for confirmed in [Confirmed::Alike, Confirmed::Changed, Confirmed::Unread] {
        cluster.confirmed(confirmed);
    }
    drop(Registration::register(&mut registry));
    registry
}

/// The page, from the text that `/metrics` prints.
fn page(text: &str) -> String {
    let mut lines = vec![ABOUT.to_owned(), "| metric | type | labels | meaning |".to_owned()];
    lines.push("| --- | --- | --- | --- |".to_owned());
    for (name, Described { kind, help, labels }) in described(text) {
        let suffix = if kind == "counter" { "_total" } else { "" };
        let labels: Vec<_> = labels.iter().filter(|(name, _)| *name != "le").map(label).collect();
        lines.push(format!("| `{name}{suffix}` | {kind} | {} | {help} |", labels.join("; ")));
    }
    lines.join("\n") + "\n"
}

fn label((name, values): (&String, &BTreeSet<String>)) -> String {
    let values: Vec<_> = values.iter().filter(|value| *value != ANY).map(|value| format!("`{value}`")).collect();
    if values.is_empty() { format!("`{name}`") } else { format!("`{name}`: {}", values.join(", ")) }
}

fn described(text: &str) -> BTreeMap<String, Described> {
    let mut all: BTreeMap<String, Described> = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        if let ["#", what @ ("HELP" | "TYPE"), name, said] = words[..] {
            let one = all.entry(name.to_owned()).or_default();
            let said = said.trim_end_matches('.').replace("\\n", " ").replace('|', "\\|");
            *(if what == "TYPE" { &mut one.kind } else { &mut one.help }) = said;
        } else if let Some((sample, rest)) = line.split_once('{') {
            let (labels, _) = rest.rsplit_once('}').unwrap();
            // Of names that begin alike, the longest: `…_requests_in_flight` is none of `…_requests`.
            let name = all.keys().filter(|name| sample.starts_with(name.as_str())).max_by_key(|name| name.len());
            let one = all.get_mut(&name.unwrap().clone()).unwrap();
            for (label, value) in labels.split(',').filter_map(|label| label.split_once('=')) {
                one.labels.entry(label.to_owned()).or_default().insert(value.trim_matches('"').to_owned());
            }
        }
    }
    all
}

/// As the registry names them, without the prefix: it shows what it holds even where there is no sample.
fn registered(registry: &Registry) -> BTreeSet<String> {
    let shown = format!("{registry:?}");
    let names = shown.split("Descriptor { name: \"").skip(1);
    names.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn the_page_of_metrics_is_up_to_date_and_none_is_forgotten() {
    let registry = every();
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    let described = described(&text);
    let names = registered(&registry);
    assert!(names.len() > 10, "{names:?}");
    for name in &names {
        let full = format!("portcullis_{name}");
        assert!(described.contains_key(&full), "`{full}` has no sample: give it one in `every`");
    }
    assert_eq!(described.len(), names.len());

    let expected = page(&text);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if std::env::var_os("UPDATE_FILES").is_some() {
        fs::write(&file, &expected).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == expected, "{PAGE} is not up to date, see `UPDATE_FILES`; it would be:\n{expected}");
}

#[test]
fn every_help_is_a_line_that_says_something() {
    let registry = every();
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    for (name, Described { kind, help, .. }) in described(&text) {
        assert!(["counter", "gauge", "histogram"].contains(&kind.as_str()), "{name}: {kind}");
        let begins = help.chars().next().is_some_and(|first| first.is_uppercase() || first.is_ascii_digit());
        assert!(begins && help.contains(' ') && help.chars().count() <= 200, "{name}: `{help}`");
        assert_eq!(name.ends_with("_seconds"), help.to_lowercase().contains("seconds"), "{name}: `{help}`");
    }
}
