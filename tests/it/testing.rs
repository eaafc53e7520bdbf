//! `portcullis test`: cases that hold, that do not, and that make no sense.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use portcullis::{
    cases::{self, CaseFile},
    engine::{
        rules,
        yaml::{self, Dialect},
    },
    files::paths,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::binary::{Ran, finish, portcullis, project, run, run_with_input};

const CASES: &str = "\
policies: [backend-refs]
cases:
- name: a Service that is not there
  subject:
    apiVersion: gateway.kgateway.dev/v1alpha1
    kind: ListenerPolicy
    metadata: { name: logs, namespace: shop }
    spec:
      default:
        httpSettings:
          accessLog:
          - openTelemetry: { grpcService: { logName: shop, backendRef: { name: missing, port: 4317 } } }
  expect:
    findings:
    - { code: backend-refs/not-found }
";

const POLICY: &str = "\
apiVersion: portcullis.dev/v1alpha1
kind: GuardPolicy
metadata: { name: no-debug }
spec:
  matchConstraints:
    resourceRules:
    - { apiGroups: [''], apiVersions: ['*'], resources: [configmaps], operations: [CREATE, UPDATE] }
    namespaceSelector: { matchLabels: { team: payments } }
  action: Deny
  remedy: Apply
  levels: [{ code: debug-exporters/in-pipeline, level: error }]
  rule: { debugExporters: {} }
";

const POLICY_CASES: &str = "\
namespaceLabels: { pay: { team: payments } }
cases:
- name: in our namespace
  subject: &collector
    apiVersion: v1
    kind: ConfigMap
    metadata: { name: collector, namespace: pay }
    data:
      relay: |
        receivers: { otlp: { protocols: { grpc: {} } } }
        exporters: { debug: {}, otlp: { endpoint: 'tempo:4317' } }
        service:
          pipelines:
            traces: { receivers: [otlp], exporters: [debug, otlp] }
  expect:
    findings: [{ code: debug-exporters/in-pipeline, level: error, fixable: true }]
    unknowns: []
    excepted: []
- name: where nobody knows whose it is
  namespaceLabels: { pay: { team: others } }
  request: { operation: CREATE, user: jane, groups: [developers], object: *collector }
  expect: { findings: [], allowed: true }
- name: in a namespace of which nothing is known
  subject: { <<: *collector, metadata: { name: collector, namespace: far } }
  expect:
    findings: [{ code: debug-exporters/in-pipeline, level: note }]
    unknowns: [whether namespace `far` has the labels]
";

/// A folder of these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    folder
}

fn test_in(folder: &TempDir, args: &[&str]) -> Ran {
    finish(portcullis().arg("test").args(args).current_dir(folder.path()), b"")
}

/// One file, tested.
fn test(cases: &str) -> Ran {
    test_in(&folder(&[("mine.test.yaml", cases)]), &[])
}

#[test]
fn cases_that_hold_pass() {
    test(CASES).ends_with(0).says("ok       mine.test.yaml:3  a Service that is not there\n\n1 passed, 0 failed\n");
    let deep = folder(&[("a/b/mine.test.yaml", CASES), ("c.test.yaml", CASES), ("other.yaml", "a: [")]);
    test_in(&deep, &[]).ends_with(0).says("ok       a/b/mine.test.yaml:3  a Serv").says("2 passed, 0 failed");
    test_in(&deep, &["a", "c.test.yaml"]).ends_with(0).says("2 passed");
    run_with_input(&["test", "-"], CASES.as_bytes()).ends_with(0).says("ok       -:3  a Service");
    run(["test", "tests/cases", "policies"]).ends_with(0).says(", 0 failed\n");
}

#[test]
fn a_case_that_no_policy_judges_says_so() {
    let misspelt =
        CASES.replace("ListenerPolicy", "ListnerPolicy").replace("\n    - { code: backend-refs/not-found }", " []");
    test(&misspelt).ends_with(0).says("a Service that is not there (no policy judges it)\n");
}

#[test]
fn nothing_in_a_case_acts_on_a_terminal() {
    let hostile = CASES
        .replace("a Service that is not there", "\"\\e]0;owned\\a\"")
        .replace("backend-refs/not-found", "\"udp\\e[31m\"");
    for format in ["human", "json", "junit"] {
        let ran = test_in(&folder(&[("mine.test.yaml", &hostile)]), &["--format", format]).ends_with(1);
        ran.never_says("\u{1b}").never_says("\u{7}").says("owned");
    }
}

#[test]
fn findings_that_differ_are_shown_side_by_side() {
    for (to, says) in [
        (
            "- { code: backend-refs/udp }",
            &["  - missing     backend-refs/udp\n", "  + unexpected  warning backend-refs/not-found at `"][..],
        ),
        ("  []", &["  + unexpected  warning backend-refs/not-found"]),
        (
            "- { code: backend-refs/not-found, level: note }",
            &["  ~ differs     backend-refs/not-found\n                level  expected note  found warning\n"],
        ),
        (
            "- { code: backend-refs/not-found, path: spec }",
            &["path  expected spec  found spec.default.httpSettings.accessLog[0]."],
        ),
        (
            "- { code: backend-refs/not-found, says: zebra }",
            &["says  expected zebra  found Service `shop/missing` does not exist"],
        ),
        ("- { code: backend-refs/not-found, help: zebra }", &["help  expected zebra  found "]),
        ("- { code: backend-refs/not-found, fixable: true }", &["fixable  expected true  found false"]),
        // The one that says more takes what fits it.
        (
            "- { code: backend-refs/not-found }\n    - { code: backend-refs/not-found, level: warning }",
            &["  - missing     backend-refs/not-found\n"],
        ),
    ] {
        let cases = CASES.replace("    - { code: backend-refs/not-found }\n", &format!("    {to}\n"));
        let ran = test(&cases).ends_with(1).says("FAILED   mine.test.yaml:3  a Service").says("0 passed, 1 failed");
        says.iter().fold(ran, |ran, words| ran.says(words));
    }
}

#[test]
fn what_is_decided_and_made_is_compared_too() {
    let with = |expect: &str| {
        let cases = POLICY_CASES.replace("    excepted: []\n", &format!("    {expect}\n"));
        test_in(&folder(&[("no-debug.yaml", POLICY), ("no-debug.test.yaml", &cases)]), &[])
    };
    with("allowed: true").ends_with(0);
    with("allowed: false").ends_with(1).says("  ~ differs     allowed  expected false  found true\n");
    with("warned: [a/b]").ends_with(1).says("  ~ differs     warned  expected a/b  found none\n");
    with("excepted: [a/b]").ends_with(1).says("  ~ differs     excepted  expected a/b  found none\n");
    with("ensures: [{ kind: Zebra }]").ends_with(1).says("    -kind: Zebra\n");
    let patched = "patched: { apiVersion: v1, kind: ConfigMap, metadata: { name: collector, namespace: pay }, data: { relay: a } }";
    let ran = with(patched).ends_with(1).says("  ~ differs     patched\n    --- expected\n    +++ found\n");
    ran.says("    -  relay: a\n    +  relay: |\n")
        .says("    +        traces: { receivers: [otlp], exporters: [otlp] }\n");
    let unknown = POLICY_CASES.replace("[whether namespace `far` has", "[whether namespace `near` has");
    let ran = test_in(&folder(&[("no-debug.yaml", POLICY), ("no-debug.test.yaml", &unknown)]), &[]).ends_with(1);
    ran.says(
        "unknowns  expected whether namespace `near` has the labels  found whether namespace `far` has the labels",
    );
}

#[test]
fn policies_are_those_beside_the_cases_unless_others_are_named() {
    let beside = folder(&[("sub/no-debug.yaml", POLICY), ("sub/no-debug.test.yaml", POLICY_CASES)]);
    test_in(&beside, &[]).ends_with(0).says("3 passed");
    test_in(&beside, &["sub/no-debug.test.yaml"]).ends_with(0).says("3 passed");
    // Elsewhere all shipped ones are asked, which want another label.
    test_in(&folder(&[("other.test.yaml", POLICY_CASES)]), &[]).ends_with(1).says("- missing");
    let file = format!("policies: [{{ file: ../no-debug.yaml }}]\n{POLICY_CASES}");
    test_in(&folder(&[("no-debug.yaml", POLICY), ("a/cases.test.yaml", &file)]), &[]).ends_with(0).says("3 passed");
    let all = format!("policies: [{{ file: ../policies }}, in-use]\n{POLICY_CASES}");
    test_in(&folder(&[("policies/a.yaml", POLICY), ("a/cases.test.yaml", &all)]), &[]).ends_with(0).says("3 passed");
    let indented: String = POLICY.lines().map(|line| format!("  {line}\n")).collect();
    let written_out = format!("policies:\n-\n{indented}{POLICY_CASES}");
    test(&written_out).ends_with(0).says("3 passed");
}

#[test]
fn a_policy_that_makes_no_sense_is_shown_where_it_stands() {
    let wrong = POLICY.replace("action: Deny", "acton: Deny");
    let beside = [("no-debug.yaml", &*wrong), ("no-debug.test.yaml", POLICY_CASES)];
    let ran = test_in(&folder(&beside), &[]).ends_with(2);
    let ran = ran
        .says("unknown field `acton`")
        .says(" --> no-debug.yaml:9:")
        .says("^^^^")
        .says("0 passed, 0 failed, 1 could");
    ran.says("refused  no-debug.test.yaml:3   in our namespace").never_says("FAILED");
    let named = format!("policies: [{{ file: wrong.yaml }}]\n{POLICY_CASES}");
    let ran = test_in(&folder(&[("wrong.yaml", &wrong), ("a.test.yaml", &named), ("b.test.yaml", CASES)]), &[]);
    ran.ends_with(2).says(" --> wrong.yaml:9:").says("1 passed, 0 failed, 1 could not be read");
    let gone = format!("policies: [{{ file: gone.yaml }}]\n{POLICY_CASES}");
    test(&gone).ends_with(2).says("gone.yaml: no such file or folder").says(" --> mine.test.yaml:1:12");
    let none = [("mine.yaml", "kind: ConfigMap\n"), ("mine.test.yaml", POLICY_CASES)];
    test_in(&folder(&none), &[]).ends_with(2).says("there is no GuardPolicy here").says("mine.yaml");
    let twice = format!("policies: [in-use, in-use]\n{POLICY_CASES}");
    test(&twice).ends_with(2).says("there are two policies named `in-use`").says("mine.test.yaml:1:20");
}

#[test]
fn a_case_that_makes_no_sense_is_refused_with_its_line() {
    let case = |line: &str| CASES.replace("  subject:", &format!("  {line}\n  subject:"));
    let request = |text: &str| {
        let (head, _) = CASES.split_once("  subject:").unwrap();
        format!("{head}  request: {text}\n  expect: {{ findings: [] }}\n")
    };
    let unknown = "no shipped policy is named `backend-ref`";
    for (text, line, says) in [
        (CASES.replace("[backend-refs]", "\n- backend-refs\n- backend-ref"), 3, unknown),
        (case("policies: [backend-ref]"), 4, "did you mean `backend-refs`?"),
        (case("policies: [./mine.yaml]"), 4, "policies in a file are `{ file: ./mine.yaml }`"),
        (case("policies: [{ fil: mine.yaml }]"), 4, "write `{ file: policy.yaml }`"),
        (case("policies: [{ kind: GuardPolicy }]"), 4, "missing field `apiVersion`"),
        (case("now: yesterday"), 4, "now: "),
        (case("controlPlane: [nginx=1]"), 4, "controlPlane: "),
        (case("request: { operation: DELETE }"), 3, "either a `subject` or a `request`"),
        (request("{ operation: DELETE }"), 4, "a DELETE has an `oldObject` and no `object`"),
        (case("world: [{ file: world.yaml }]"), 4, "an object of the world has `apiVersion` and `kind`"),
        (CASES.replace("    kind: ListenerPolicy\n", ""), 4, "a subject has `apiVersion` and `kind`"),
        (request("{ operation: CREATE, object: {} }"), 4, "what a request is about has `apiVersion` and `kind`"),
        (request("{ operation: CREATE, oldObject: {} }"), 4, "a CREATE has an `object` and no `oldObject`"),
        (request("{ operation: UPDATE, object: {} }"), 4, "an UPDATE has an `object` and an `oldObject`"),
        (request("{ operation: CONNECT, object: {} }"), 4, "a case is about a CREATE, an UPDATE or a DELETE"),
        (CASES.split_once("  expect:").unwrap().0.to_owned() + "  expect: {}\n", 13, "nothing is expected"),
        (CASES.split_once("cases:").unwrap().0.to_owned() + "cases: []\n", 2, "there is no case in this file"),
        (format!("{CASES}---\n{CASES}"), 16, "a second one begins here"),
    ] {
        let ran = test(&text).ends_with(2).says(says).says(&format!(" --> mine.test.yaml:{line}:"));
        ran.says("0 passed, 0 failed, 1 could not be read").never_says("FAILED");
    }
    // One mistake is told once, however many cases it spoils.
    let (head, one) = CASES.split_once("cases:\n").unwrap();
    let spoiled = format!("{head}cases:\n{one}{one}").replace("-refs]", "-ref]");
    test(&spoiled).ends_with(2).says(", 1 could not be read");
}

#[test]
fn a_case_file_that_cannot_be_read_is_refused_with_its_line() {
    for (from, to, line, says) in [
        ("cases:", "case:", 2, "did you mean `cases`?"),
        ("  expect:", "  expects:", 13, "unknown field `expects`"),
        ("- name: a Service", "- nam: a Service", 3, "did you mean `name`?"),
        ("    findings:", "    finding:", 14, "did you mean `findings`?"),
        ("{ code: backend-refs/not-found }", "{ code: a/b, says: c, pth: d }", 15, "unknown field `pth`"),
        (
            "{ code: backend-refs/not-found }",
            "{ code: a/b, level: fatal }",
            15,
            "unknown value `fatal`, expected one of",
        ),
        ("cases:", "cases: [", 2, "this is not YAML"),
        ("policies: [backend-refs]", "policies: [a]\npolicies: [b]", 2, "stands twice"),
    ] {
        let text = CASES.replacen(from, to, 1);
        assert_ne!(text, CASES, "{from}");
        let (wrong, right) = (("wrong.test.yaml", text.as_str()), ("right.test.yaml", CASES));
        let ran = test_in(&folder(&[wrong, right]), &[]).ends_with(2).says(says);
        let ran = ran.says("1 passed, 0 failed, 1 could not be read");
        let place = ran.out.lines().find_map(|line| line.trim_start().strip_prefix("--> wrong.test.yaml:")).unwrap();
        let at: u64 = place.split(':').next().unwrap().parse().unwrap();
        // What is not closed is seen further down.
        assert!(at == line || to.ends_with('[') && at >= line, "{to}: {place}");
    }
    run(["test", "no/such/folder"]).ends_with(2).says("no such file or folder");
    run(["test", "examples"]).ends_with(2).says("there are no `*.test.yaml` files in examples");
}

#[test]
fn a_filter_leaves_cases_out_and_a_list_runs_none() {
    let other = CASES.replace("a Service that is not there", "another").replace("not-found", "udp");
    let two = folder(&[("first.test.yaml", CASES), ("second.test.yaml", &other)]);
    for (filter, passed) in [("a Service", "1 passed, 0 failed, 1 left out"), ("first.test.yaml > a S", "1 passed, 0 ")]
    {
        test_in(&two, &["--filter", filter]).ends_with(0).says(passed);
    }
    test_in(&two, &["--filter", "second"]).ends_with(1).says("0 passed, 1 failed, 1 left out");
    test_in(&two, &["--filter", "first", "--filter", "another"]).ends_with(1).says("1 passed, 1 failed\n");
    let said = "error: none of the 2 cases has `zebra` or `yak` in its `FILE > NAME`";
    test_in(&two, &["--filter", "zebra", "--filter", "yak"]).ends_with(2).says(said);
    let listed = "first.test.yaml:3   a Service that is not there\n\nsecond.test.yaml:3  another\n\n2 cases\n";
    assert_eq!(test_in(&two, &["--list"]).ends_with(0).out, listed);
    test_in(&two, &["--list", "--filter", "first"]).ends_with(0).says("\n1 case, 1 left out\n");
    test_in(&two, &["--list", "--format", "junit"]).ends_with(2);
}

#[test]
fn a_case_may_say_why_it_is_not_run() {
    let skipped = CASES.replace("  subject:", "  skip: the fix is on its way\n  subject:").replace("not-found", "udp");
    let ran = test(&skipped)
        .ends_with(0)
        .says("skipped  mine.test.yaml:3  a Service that is not there (the fix is on its way)");
    ran.says("0 passed, 0 failed, 1 skipped");
}

#[test]
fn programs_are_told_the_same() {
    let wrong = CASES.replace("not-found", "udp");
    let skipped = CASES.replace("  subject:", "  skip: later\n  subject:");
    let files =
        [("a.test.yaml", CASES), ("b.test.yaml", &*wrong), ("c.test.yaml", &skipped), ("d.test.yaml", "case: []\n")];
    let folder = folder(&files);
    let report = test_in(&folder, &["--format", "json"]).ends_with(2).json();
    assert_eq!(report["version"], 1);
    let outcomes: Vec<_> =
        report["cases"].as_array().unwrap().iter().map(|case| case["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["passed", "failed", "skipped"]);
    let differences = report["cases"][1]["differences"].as_array().unwrap();
    assert_eq!(differences[0], serde_json::json!({ "what": "missing", "finding": "backend-refs/udp" }));
    assert_eq!(differences[1]["what"], "unexpected");
    assert_eq!((&report["refusals"][0]["line"], &report["summary"]["refused"]), (&1.into(), &1.into()));
    let xml = test_in(&folder, &["--format", "junit"]).ends_with(2);
    let xml = xml.says("tests=\"4\" skipped=\"1\" failures=\"1\" errors=\"1\"").says("missing: backend-refs/udp");
    xml.says("file=\"b.test.yaml\" line=\"3\"")
        .says("<skipped message=\"later\"/>")
        .says("d.test.yaml:1: unknown field");
}

#[test]
fn colours_are_printed_where_they_are_wanted_and_say_nothing_more() {
    let wrong = CASES.replace("not-found", "udp");
    let folder = folder(&[("a.test.yaml", CASES), ("b.test.yaml", &wrong), ("c.test.yaml", "case: []\n")]);
    let plain = test_in(&folder, &[]).ends_with(2).never_says("\u{1b}").out;
    let colored = test_in(&folder, &["--color", "always"]).ends_with(2).says("\u{1b}[32mok     \u{1b}[0m").out;
    let mut stripped = String::new();
    for (index, part) in colored.split('\u{1b}').enumerate() {
        stripped.push_str(if index == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(stripped, plain);
}

/// The codes of a shipped policy: those of its rule, or of what it has written in CEL.
fn codes(policy: &Value) -> BTreeSet<String> {
    let spec = &policy["spec"];
    if let Some(rule) = spec["rule"].as_object() {
        let rule = rules::by_name(rule.keys().next().unwrap()).unwrap();
        return rule.codes.iter().map(|code| code.name.to_owned()).collect();
    }
    let written = ["validations", "mutations"].into_iter().filter_map(|field| spec[field].as_array()).flatten();
    let name = policy["metadata"]["name"].as_str().unwrap();
    written.map(|one| format!("{name}/{}", one["name"].as_str().unwrap())).collect()
}

/// The codes that each case of these files expects.
fn expected(paths: &[std::path::PathBuf]) -> Vec<BTreeSet<String>> {
    let (sources, refusals) = paths::read(paths);
    assert!(refusals.is_empty(), "{refusals:?}");
    let files = sources.iter().filter(|source| source.name.ends_with(".test.yaml"));
    let files: Vec<CaseFile> = files.map(|source| cases::read(source).unwrap()).collect();
    let of_case = |case: &cases::Case| -> BTreeSet<String> {
        case.expect.findings.iter().flatten().map(|finding| finding.code.clone()).collect()
    };
    files.iter().flat_map(|file| &file.cases).filter(|case| case.skip.is_none()).map(of_case).collect()
}

#[test]
fn every_shipped_policy_has_cases_for_each_of_its_codes() {
    let mut missing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, text) in portcullis::engine::policy::shipped::SHIPPED {
        let stem = file.strip_suffix(".yaml").unwrap();
        let beside = project("policies").join(format!("{stem}.test.yaml"));
        assert!(beside.exists(), "policies/{file} has no cases beside it");
        let policy = yaml::tree::parse(text).unwrap().value(Dialect::Kubernetes).unwrap();
        let codes = codes(&policy);
        let own = expected(std::slice::from_ref(&beside));
        assert!(own.iter().any(|found| !found.is_disjoint(&codes)), "policies/{stem}.test.yaml finds nothing");
        assert!(own.iter().any(BTreeSet::is_empty), "policies/{stem}.test.yaml has no case that finds nothing");
        let more = project("tests/cases").join(stem);
        let all = if more.exists() { expected(&[beside, more]) } else { own };
        for code in codes {
            let found = all.iter().any(|found| found.contains(&code));
            let clean = all.iter().any(|found| !found.contains(&code));
            if !found || !clean {
                missing.entry(stem.to_owned()).or_default().push(code);
            }
        }
    }
    assert!(missing.is_empty(), "no case finds, or no case lacks: {missing:#?}");
    let files = fs::read_dir(project("policies")).unwrap().map(|entry| entry.unwrap().file_name());
    let files: Vec<_> = files.map(|name| name.to_str().unwrap().to_owned()).collect();
    let shipped = |name: &str| portcullis::engine::policy::shipped::SHIPPED.iter().any(|(file, _)| *file == name);
    let others: Vec<_> = files
        .iter()
        .filter(|name| Path::new(name).extension().is_some() && !name.ends_with(".test.yaml") && !shipped(name))
        .collect();
    assert!(others.is_empty(), "not shipped: {others:?}");
}
