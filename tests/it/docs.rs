//! What the documents say is so: metrics, alerts, commands, links, and the tables that are made from the code.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use portcullis::{
    engine::{
        cel::{Type, given, library},
        limits,
        policy::shipped,
        subject::ObjectKey,
        yaml::{self, Dialect},
    },
    operate::permissions::{self, Named, Permission, Scope},
};
use serde_json::Value;

use crate::binary::{project, run};

const ALERTS: &str = "deploy/charts/portcullis/files/alerts.yaml";
const DASHBOARD: &str = "deploy/charts/portcullis/files/dashboard.json";
const VALUES: &str = "deploy/charts/portcullis/values.yaml";
const METRICS: &str = "docs/metrics.md";
const RUNBOOKS: &str = "docs/runbooks.md";
const FACTS: &str = "docs/policy-facts.md";
const SECURITY: &str = "docs/security.md";

const PAGES: [&str; 12] = [
    "README.md",
    "deploy/README.md",
    "docs/benchmarks.md",
    "docs/cel.md",
    "docs/exceptions.md",
    "docs/findings.md",
    METRICS,
    "docs/operations.md",
    FACTS,
    RUNBOOKS,
    SECURITY,
    "docs/testing.md",
];

/// Of the API server, of kube-state-metrics and of the kubelet.
const FOREIGN: [&str; 9] = [
    "apiserver_admission_match_condition_evaluation_errors_total",
    "apiserver_admission_webhook_admission_duration_seconds_bucket",
    "apiserver_admission_webhook_fail_open_count",
    "apiserver_admission_webhook_rejection_count",
    "apiserver_admission_webhook_request_total",
    "container_cpu_usage_seconds_total",
    "container_memory_working_set_bytes",
    "kube_deployment_status_replicas_unavailable",
    "kube_pod_container_status_restarts_total",
];

fn text(path: &str) -> String {
    fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    yaml::tree::parse(&text(path)).unwrap().value(Dialect::Kubernetes).unwrap()
}

fn str_at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

fn alerts() -> Vec<Value> {
    let groups = yaml(ALERTS)["groups"].as_array().unwrap().clone();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

/// Panels of the dashboard, without the rows between them.
fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(&text(DASHBOARD)).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().clone();
    panels.into_iter().filter(|panel| panel["type"] != "row").collect()
}

/// Every PromQL expression, with where it is.
fn expressions() -> Vec<(String, String)> {
    let of_alerts =
        alerts().into_iter().map(|one| (str_at(&one, "/alert").to_owned(), str_at(&one, "/expr").to_owned()));
    let of_panel = |panel: Value| {
        let targets = panel["targets"].as_array().unwrap().clone();
        let title = str_at(&panel, "/title").to_owned();
        targets.into_iter().map(move |target| (title.clone(), str_at(&target, "/expr").to_owned()))
    };
    of_alerts.chain(panels().into_iter().flat_map(of_panel)).collect()
}

/// Names of metrics in an expression: words with at least two `_` that are neither in quotes nor in brackets.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    let (mut names, mut word, mut depth, mut quoted) = (BTreeSet::new(), String::new(), 0, false);
    for c in expression.chars().chain([' ']) {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ => {}
        }
        if !quoted && (c.is_ascii_alphanumeric() || c == '_') && depth == 0 {
            word.push(c);
        } else if !word.is_empty() {
            let is_metric = word.matches('_').count() > 1 || word.starts_with("portcullis_");
            names.extend(Some(std::mem::take(&mut word)).filter(|_| is_metric));
        }
    }
    names
}

/// The metrics on the page, and the samples of its histograms.
fn known_metrics() -> BTreeSet<String> {
    let rows = text(METRICS);
    let rows = rows.lines().filter_map(|line| line.strip_prefix("| `portcullis_")?.split_once("` | "));
    rows.flat_map(|(name, rest)| {
        let samples: &[&str] = if rest.starts_with("histogram") { &["_bucket", "_sum", "_count"] } else { &[""] };
        samples.iter().map(move |sample| format!("portcullis_{name}{sample}"))
    })
    .collect()
}

#[test]
fn dashboard_and_alerts_use_metrics_that_exist() {
    let known = known_metrics();
    assert!(known.len() > 10, "{known:?}");
    let mut unknown = Vec::new();
    for (place, expression) in expressions() {
        let used = metrics_in(&expression);
        assert!(!used.is_empty(), "{place}: `{expression}` asks for nothing");
        let is_known = |name: &&String| known.contains(*name) || FOREIGN.contains(&name.as_str());
        unknown.extend(used.iter().filter(|name| !is_known(name)).map(|name| format!("{place}: {name}")));
    }
    assert_eq!(unknown, Vec::<String>::new());
}

/// No parser of PromQL: what a slip of the hand leaves open.
#[test]
fn every_expression_is_balanced() {
    for (place, expression) in expressions() {
        let mut open = Vec::new();
        let mut quoted = false;
        for c in expression.chars() {
            quoted ^= c == '"';
            match c {
                _ if quoted => {}
                '(' => open.push(')'),
                '{' => open.push('}'),
                '[' => open.push(']'),
                ')' | '}' | ']' => assert_eq!(open.pop(), Some(c), "{place}: {expression}"),
                _ => {}
            }
        }
        assert!(open.is_empty() && !quoted, "{place}: {expression}");
    }
}

#[test]
fn every_alert_has_its_section_and_every_section_its_alert() {
    let runbooks = text(RUNBOOKS);
    let sections: BTreeSet<_> = runbooks.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let alerts = alerts();
    let names: BTreeSet<_> = alerts.iter().map(|alert| str_at(alert, "/alert")).collect();
    assert_eq!(names.len(), alerts.len(), "two alerts of one name");
    assert_eq!(names, sections);
    for alert in &alerts {
        let name = str_at(alert, "/alert");
        assert!(["warning", "critical"].contains(&str_at(alert, "/labels/severity")), "{name}");
        assert!(!str_at(alert, "/annotations/summary").ends_with('.'), "{name}: a summary is no sentence");
        assert!(str_at(alert, "/annotations/description").ends_with('.'), "{name}");
        let anchor = format!("docs/runbooks.md#{}", name.to_lowercase());
        assert_eq!(str_at(alert, "/annotations/runbook_url"), anchor, "{name}");
    }
    for section in runbooks.split("\n## ").skip(1) {
        for part in ["**Means.**", "**Breaks.**", "Look", "end.**"] {
            assert!(section.contains(part), "no {part} in {}", section.lines().next().unwrap());
        }
    }
}

#[test]
fn the_dashboard_can_be_imported() {
    let dashboard: Value = serde_json::from_str(&text(DASHBOARD)).unwrap();
    assert_eq!(dashboard["id"], Value::Null, "an id is of one Grafana");
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert!(variables.iter().any(|one| one["name"] == "datasource" && one["type"] == "datasource"));
    let all = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = all.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), all.len());
    let place = |panel: &Value, side: &str| panel["gridPos"][side].as_u64().unwrap();
    for (index, panel) in all.iter().enumerate() {
        let title = str_at(panel, "/title");
        assert!(place(panel, "x") + place(panel, "w") <= 24, "{title}");
        let overlaps = |other: &&Value| {
            let beside = |from: &str, size: &str| {
                place(panel, from) + place(panel, size) <= place(other, from)
                    || place(other, from) + place(other, size) <= place(panel, from)
            };
            !beside("x", "w") && !beside("y", "h")
        };
        let under = all.iter().skip(index + 1).find(overlaps);
        assert!(under.is_none(), "{title} lies on {}", under.unwrap()["title"]);
    }
    for panel in panels() {
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
        }
    }
}

/// Whoever registers a metric finds it on the page.
#[test]
fn every_metric_in_the_code_is_on_the_page() {
    let page = text(METRICS);
    let mut missing = Vec::new();
    let mut found = 0;
    for file in walk("src", ".rs") {
        let code = text(&file);
        for rest in code.split("registry.register(").skip(1) {
            let Some(name) = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()) else {
                continue;
            };
            found += 1;
            let rows = [format!("| `portcullis_{name}` |"), format!("| `portcullis_{name}_total` |")];
            if !rows.iter().any(|row| page.contains(row.as_str())) {
                missing.push(format!("{file}: {name}"));
            }
        }
    }
    assert!(found > 10, "{found}");
    assert_eq!(missing, Vec::<String>::new(), "give them a sample in src/admin/page.rs");
}

fn walk(folder: &str, end: &str) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(project(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            files.extend(walk(&path, end));
        } else if path.ends_with(end) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// As GitHub makes them from headings.
fn anchors(markdown: &str) -> BTreeSet<String> {
    let headings =
        markdown.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let anchor = |heading: &str| {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    for page in PAGES {
        let markdown = text(page);
        let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        for target in markdown.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("http") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if path.is_empty() { project(page) } else { project(folder).join(path) };
            let there = fs::exists(&file).unwrap();
            let known = || anchor.is_empty() || anchors(&fs::read_to_string(&file).unwrap()).contains(anchor);
            if !there || !known() {
                broken.push(format!("{page}: {target}"));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

/// Lines of the shell blocks of a page, those that go on put together, without their comments.
fn shell(markdown: &str) -> Vec<String> {
    let blocks = markdown.split("```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let joined = blocks.map(|block| block.replace("\\\n", " ").replace("|\n", "| "));
    let lines: Vec<String> = joined.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines.into_iter().map(|line| line.split(" #").next().unwrap().to_owned()).collect()
}

#[test]
fn every_command_and_flag_exists() {
    let commands = run(["--help"]).out;
    let mut wrong = Vec::new();
    let mut tried = 0;
    for page in PAGES {
        for line in shell(&text(page)) {
            for said in line.split("| ").filter_map(|part| part.trim().strip_prefix("portcullis ")) {
                let words: Vec<_> = said.split_whitespace().collect();
                let is_there = commands.lines().any(|line| line.trim_start().split(' ').next() == Some(words[0]));
                if !is_there {
                    wrong.push(format!("{page}: `portcullis {said}`"));
                    continue;
                }
                tried += 1;
                let help = run([words[0], "--help"]).out;
                let lists = |word: &&&str| help.lines().any(|line| line.starts_with(&format!("  {word} ")));
                let help = words.get(1).filter(lists).map(|word| run([words[0], word, "--help"]).out).unwrap_or(help);
                let flags = words.iter().filter(|word| word.starts_with("--") && word.len() > 2);
                for flag in flags.map(|flag| flag.split('=').next().unwrap()) {
                    if !help.contains(&format!("{flag} ")) && !help.contains(&format!("{flag}\n")) {
                        wrong.push(format!("{page}: `{flag}` in `portcullis {said}`"));
                    }
                }
            }
        }
    }
    assert!(tried > 3, "{tried}");
    assert_eq!(wrong, Vec::<String>::new());
}

/// `--set a.b=c` in commands and `a.b=c` in prose; `NAME` stands for any name.
#[test]
fn every_value_of_the_chart_that_is_named_exists() {
    if !fs::exists(project(VALUES)).unwrap() {
        return;
    }
    let values = yaml(VALUES);
    let mut wrong = Vec::new();
    for page in PAGES {
        let markdown = text(page);
        let in_commands = markdown.split("--set ").skip(1);
        let in_prose = markdown.split('`').skip(1).step_by(2);
        for said in in_commands.chain(in_prose).filter_map(|said| said.split_once('=')).map(|(path, _)| path) {
            let is_path = said.starts_with(|c: char| c.is_ascii_lowercase())
                && said.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
            let mut at = Some(&values);
            for step in said.split('.').filter(|_| is_path) {
                at = at.and_then(|at| if step == "NAME" { at.as_object()?.values().next() } else { at.get(step) });
            }
            if at.is_none() {
                wrong.push(format!("{page}: {said}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The part of a page between its markers is what is made from the code.
pub(crate) fn assert_made(page: &str, part: &str, expected: &str) {
    let before = text(page);
    let (head, rest) = before.split_once(&format!("<!-- made: {part} -->\n")).expect("a marker");
    let (made, tail) = rest.split_once("<!-- end -->").expect("its end");
    if std::env::var_os("UPDATE_FILES").is_some() {
        let after = format!("{head}<!-- made: {part} -->\n{expected}<!-- end -->{tail}");
        fs::write(project(page), after).unwrap();
    } else {
        assert!(made == expected, "{page} is not up to date: run the tests once with UPDATE_FILES=1");
    }
}

#[test]
fn what_is_made_from_the_code_is_up_to_date() {
    assert_made(SECURITY, "permissions", &permissions());
    assert_made(SECURITY, "limits", &bounds());
}

/// Resources with the same scope, verbs and reason share a row.
fn permissions() -> String {
    let mut rows: BTreeMap<Permission, Vec<String>> = BTreeMap::new();
    for permission in permissions::needed(&shipped::policies()) {
        let Permission { group, resource, .. } = permission;
        let (name, below) = resource.split_at(resource.find('/').unwrap_or(resource.len()));
        let dot = if group.is_empty() { "" } else { "." };
        let row = rows.entry(Permission { group: "", resource: "", ..permission }).or_default();
        row.push(format!("`{name}{dot}{group}{below}`"));
    }
    let mut lines = vec!["| where | what | verbs | without it |".to_owned(), "| --- | --- | --- | --- |".to_owned()];
    for (Permission { scope, named, verbs, without, .. }, resources) in rows {
        let place = match scope {
            Scope::Cluster => "the cluster",
            Scope::OwnNamespace => "our namespace",
        };
        let only = match named {
            None => "",
            Some(Named::Lease) => "; only `portcullis`",
            Some(Named::WebhookConfiguration) => "; only the one of `--webhook-configuration`",
            Some(Named::TlsSecret) => "; only the one of `--tls-secret`",
        };
        lines.push(format!("| {place} | {}{only} | {} | {without} |", resources.join(", "), verbs.join(", ")));
    }
    lines.join("\n") + "\n"
}

fn bounds() -> String {
    let rows = [
        ("bytes of one AdmissionReview", bytes(limits::REVIEW_BYTES)),
        ("bytes of reviews in hand at once", bytes(limits::REVIEWS_BYTES)),
        ("the least that one review counts for in that", bytes(limits::REVIEW_UNIT)),
        ("reviews that wait for room", limits::REVIEWS_WAITING.to_string()),
        ("time for which a review waits for room", time(limits::WAIT_MS)),
        ("time for a body to arrive", time(limits::BODY_MS)),
        ("time for a review, whatever its caller says", time(limits::REVIEW_MS_MOST)),
        ("reviews larger than the next line that are judged at once", limits::LARGE_AT_ONCE.to_string()),
        ("bytes of a review that is judged on the worker that read it", bytes(limits::INLINE_BYTES)),
        ("connections", limits::CONNECTIONS.to_string()),
        ("time for a TLS handshake", time(limits::HANDSHAKE_MS)),
        ("time from there to the first request", time(limits::FIRST_REQUEST_MS)),
        ("time that a connection may be idle", time(limits::IDLE_MS)),
        ("bytes of a request's head", bytes(limits::HEAD_BYTES)),
        ("levels of nesting", limits::DEPTH.to_string()),
        ("nodes of a YAML document, as written and with aliases followed", limits::EXPANDED_NODES.to_string()),
        ("bytes of a YAML document with aliases followed", bytes(limits::EXPANDED_BYTES)),
        ("bytes of a file that `check` reads", bytes(usize::try_from(limits::FILE_BYTES).unwrap())),
        ("levels of YAML in a string in YAML", limits::EMBEDDED_DEPTH.to_string()),
        ("findings of one policy about one object", limits::FINDINGS.to_string()),
        ("bytes of a denial", bytes(limits::DENIAL_BYTES)),
        ("characters of all warnings of an answer", limits::WARNINGS_CHARS.to_string()),
        ("look-ups read again for one answer, in each of two rounds", limits::CONFIRMED.to_string()),
        ("such calls at once, of all answers together", limits::CONFIRMING_AT_ONCE.to_string()),
        ("calls of the controller at once", limits::CALLS_AT_ONCE.to_string()),
        ("names tried for a grant where others have the one before", limits::GRANT_NAMES.to_string()),
    ];
    assert_eq!((limits::NODES, limits::CONFIRM_ROUNDS), (limits::EXPANDED_NODES, 2), "the rows say so");
    let rows = rows.into_iter().map(|(what, bound)| format!("| {what} | {bound} |\n"));
    format!("| of | at most |\n| --- | --- |\n{}", rows.collect::<String>())
}

fn bytes(count: usize) -> String {
    match count {
        _ if count.is_multiple_of(1024 * 1024) => format!("{} MiB", count / 1024 / 1024),
        _ => format!("{} KiB", count / 1024),
    }
}

fn time(milliseconds: u64) -> String {
    if milliseconds.is_multiple_of(1000) { format!("{} s", milliseconds / 1000) } else { format!("{milliseconds} ms") }
}

/// What expressions are told is told on the page, field by field.
#[test]
fn every_fact_that_expressions_are_told_is_on_its_page() {
    let mut types = BTreeMap::new();
    let mut rows = Vec::new();
    for (name, of) in [("collector", given::collector::declared()), ("krakend", given::krakend::declared())] {
        let Type::Object(object) = &of else { panic!("{name} is an object") };
        rows.extend(
            object.fields.iter().map(|(field, of)| (format!("{name}.{field}"), format!("`{field}`"), of.clone())),
        );
        gather(&of, &mut types);
    }
    for function in given::look_ups::FUNCTIONS {
        let name = format!("cluster.{}", function.name);
        let [overload] = library::overloads(&name) else { panic!("`{name}` is called in one way") };
        rows.push((format!("{name}("), format!("`{name}("), overload.result.clone()));
        gather(&overload.result, &mut types);
    }
    let page = text(FACTS);
    let mut missing = Vec::new();
    for (name, alias, of) in rows {
        let is_its = |line: &&str| {
            let first = line.split(" | ").next().unwrap_or_default();
            let root = name.split('.').next().unwrap_or_default();
            let of_root = first.starts_with(&format!("| `{root}."));
            of_root && (first.contains(&format!("`{name}")) || first.contains(&format!(", {alias}")))
        };
        let Some(row) = page.lines().find(is_its) else {
            missing.push(name);
            continue;
        };
        let of = match &of {
            Type::List(of) | Type::Optional(of) => of,
            of => of,
        };
        if let Type::Object(of) = of {
            let fields = of.fields.iter().map(|(field, _)| field);
            missing.extend(
                fields.filter(|field| !row.contains(&format!("`{field}`"))).map(|field| format!("{name}: {field}")),
            );
        }
    }
    assert_eq!(missing, Vec::<String>::new());
    let mut made = "| type | fields |\n| --- | --- |\n".to_owned();
    for (name, fields) in types {
        let fields: Vec<_> = fields.iter().map(|(field, of)| format!("`{field}` {of}")).collect();
        made.push_str(&format!("| `{name}` | {} |\n", fields.join(", ")));
    }
    assert_made(FACTS, "types", &made);
}

/// The types of ours that it holds, each with its fields.
fn gather(of: &Type, into: &mut BTreeMap<String, Vec<(String, String)>>) {
    match of {
        Type::List(of) | Type::Optional(of) => gather(of, into),
        Type::Object(of) => {
            let fields = of.fields.iter().map(|(field, of)| (field.to_string(), of.to_string())).collect();
            into.insert(of.name.to_string(), fields);
            of.fields.iter().for_each(|(_, of)| gather(of, into));
        }
        _ => {}
    }
}

/// What cases and examples hold is told as it is declared.
#[test]
fn what_expressions_are_told_is_of_the_types_that_are_declared() {
    let types = (given::collector::declared(), given::krakend::declared());
    let mut configurations = 0;
    let folders = ["policies", "tests/cases", "examples"];
    for path in folders.iter().flat_map(|folder| walk(folder, ".yaml")) {
        for document in yaml::documents::split(&text(&path)) {
            let Ok(document) = yaml::tree::parse(document.text).and_then(|tree| tree.value(Dialect::Kubernetes)) else {
                continue;
            };
            let mut objects = Vec::new();
            config_maps(&document, &mut objects);
            for object in objects {
                let key = ObjectKey::new("", "ConfigMap", "a", "b");
                let told = (given::collector::of(&key, object).unwrap(), given::krakend::of(&key, object).unwrap());
                assert!(types.0.admits(&told.0), "{path}: {}", told.0);
                assert!(types.1.admits(&told.1), "{path}: {}", told.1);
                configurations += [&told.0, &told.1].iter().filter(|told| told["found"] == true).count();
            }
        }
    }
    assert!(configurations > 20, "{configurations}");
}

/// Every ConfigMap in it: cases hold objects in lists.
fn config_maps<'v>(value: &'v Value, into: &mut Vec<&'v Value>) {
    match value {
        Value::Object(entries) if entries.get("kind").is_some_and(|kind| kind == "ConfigMap") => into.push(value),
        Value::Object(entries) => entries.values().for_each(|value| config_maps(value, into)),
        Value::Array(items) => items.iter().for_each(|value| config_maps(value, into)),
        _ => {}
    }
}
