//! What a user types, and what comes back: exit codes, formats, colours, explanations.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use tempfile::TempDir;

use crate::binary::{FORMATS, finish, portcullis, project, run, run_with_input};

const SETUPS: [&str; 4] = ["kgateway", "agentgateway", "krakend", "central-collector"];
/// Errors and warnings.
const BROKEN: &str = "examples/kgateway/broken";
const GOOD: &str = "examples/kgateway/good";

#[test]
fn good_examples_have_nothing_above_a_note() {
    for setup in SETUPS {
        let folder = format!("examples/{setup}/good");
        for world in [&["--closed-world"][..], &[]] {
            let ran = run(["check", "--fail-on", "warning", "--format", "json", &folder].iter().chain(world));
            let report = ran.ends_with(0).json();
            assert!(report["summary"]["judged"].as_u64() > Some(0), "{folder}");
            let worse: Vec<_> =
                report["findings"].as_array().unwrap().iter().filter(|finding| finding["level"] != "note").collect();
            assert!(worse.is_empty(), "{folder}: {worse:?}");
        }
    }
}

#[test]
fn broken_examples_have_findings_that_point_somewhere() {
    for setup in SETUPS {
        let folder = format!("examples/{setup}/broken");
        let report = run(["check", "--closed-world", "--format", "json", &folder]).ends_with(1).json();
        let findings = report["findings"].as_array().unwrap();
        assert!(findings.iter().any(|finding| finding["level"] == "error"), "{folder}");
        for finding in findings {
            let number = |name: &str| finding[name].as_u64().unwrap_or_default();
            assert!(number("line") > 0 && number("column") > 0, "{finding}");
            assert!((number("endLine"), number("endColumn")) >= (number("line"), number("column")), "{finding}");
            let text = fs::read_to_string(project(finding["file"].as_str().unwrap())).unwrap();
            let line = text.lines().nth(usize::try_from(number("line")).unwrap() - 1);
            assert!(line.is_some_and(|line| line.chars().count() as u64 + 1 >= number("column")), "{finding}");
            assert!(!finding["policies"].as_array().unwrap().is_empty(), "{finding}");
            assert!(["deny", "warn", "record"].contains(&finding["action"].as_str().unwrap()), "{finding}");
        }
    }
}

#[test]
fn the_exit_code_says_how_bad_it_is() {
    // The worst of the kgateway example is an error in a closed world; in an open one, what is not given is unknown.
    let warnings = "examples/kgateway/broken/telemetry-shop.yaml";
    for (args, code) in [
        (vec!["--closed-world", BROKEN], 1),
        (vec!["--closed-world", "--fail-on", "error", BROKEN], 1),
        (vec!["--closed-world", "--fail-on", "never", BROKEN], 0),
        (vec![warnings], 0),
        (vec!["--fail-on", "error", warnings], 0),
        (vec!["--fail-on", "warning", warnings], 1),
        (vec!["--fail-on", "note", warnings], 1),
        (vec!["--fail-on", "note", "--closed-world", GOOD], 0),
        (vec!["no-such-file.yaml"], 2),
        (vec!["--closed-world", "--fail-on", "never", BROKEN, "no-such-file.yaml"], 2),
        (vec!["--fail-on", "panic", GOOD], 2),
        (vec!["--format", "xml", GOOD], 2),
        (vec!["--no-such-flag", GOOD], 2),
        (vec!["--control-plane", "nginx=1.0", GOOD], 2),
        (vec!["--control-plane", "kgateway=9.9.9.9", GOOD], 2),
        (vec![], 2),
    ] {
        run(["check"].iter().chain(&args)).ends_with(code);
    }
    run(["no-such-command"]).ends_with(2);
    run([""; 0]).ends_with(2);
    run(["--help"]).ends_with(0).says("check");
    run(["--version"]).ends_with(0).says(env!("CARGO_PKG_VERSION"));
}

#[test]
fn help_says_what_to_type_and_how_it_ends() {
    for command in ["check", "fix", "test", "serve"] {
        for help in ["-h", "--help"] {
            let ran = run([command, help]).ends_with(0).says("\nExamples:\n").says("\nExit codes:\n");
            assert!(ran.out.lines().all(|line| line.chars().count() <= 100), "{}", ran.out);
        }
    }
    run(["serve", "--manifests", GOOD, "--control-plane", "nginx=1"]).ends_with(2).says("is no control plane");
}

#[test]
fn the_action_is_what_a_cluster_would_do() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    let shipped = |name: &str| fs::read_to_string(project(&format!("policies/{name}.yaml"))).unwrap();
    let (debug, grants) = (shipped("debug-exporters"), shipped("reference-grants"));
    file(
        "namespace.yaml",
        "apiVersion: v1\nkind: Namespace\nmetadata: { name: telemetry, labels: { environment: production, portcullis.dev/shared: 'true' } }\n",
    );
    file("objects.yaml", "apiVersion: v1
kind: ConfigMap
metadata: { name: collector, namespace: telemetry }
data:
  relay: |
    receivers: {otlp: {protocols: {grpc: {}}}}
    exporters: {debug: {}, otlp: {endpoint: 'tempo:4317'}}
    service: {pipelines: {traces: {receivers: [otlp], exporters: [debug, otlp]}}}
---
apiVersion: v1
kind: Service
metadata: { name: otel, namespace: telemetry, labels: { portcullis.dev/shared: 'true' }, annotations: { portcullis.dev/shared: 'true' } }
spec: { ports: [{ name: grpc, port: 4317, appProtocol: grpc }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: http, namespace: shop }
spec: { gatewayClassName: kgateway }
---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: ListenerPolicy
metadata: { name: logs, namespace: shop }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: http }]
  default:
    httpSettings:
      accessLog:
      - openTelemetry: { grpcService: { logName: a, backendRef: { name: otel, namespace: telemetry, port: 4317 } } }
");
    let (deny, suggest, audit) =
        (("action: Warn", "action: Deny"), ("remedy: Apply", "remedy: Suggest"), ("action: Deny", "action: Audit"));
    let as_is = ("", "");
    for (code, edit, action, left) in [
        // Edited before it is judged, which a warning tells.
        ("debug-exporters/in-pipeline", deny, "warn", false),
        ("debug-exporters/in-pipeline", suggest, "warn", true),
        // Settled by the grant that is made.
        ("reference-grants/missing", as_is, "record", false),
        ("reference-grants/missing", suggest, "deny", true),
        // Nothing is made for what is only recorded.
        ("reference-grants/missing", audit, "record", true),
    ] {
        file("policies/debug.yaml", &debug.replace(edit.0, edit.1));
        file("policies/grants.yaml", &grants.replace(edit.0, edit.1));
        let world = folder.path().to_str().unwrap();
        let policies = format!("{world}/policies");
        let check = |more: &[&str]| {
            let args = ["check", "--closed-world", "--fail-on", "never", "--format", "json", "--policies", &policies];
            run(args.iter().chain(more).chain([&world])).ends_with(0).json()
        };
        let with_code = |report: serde_json::Value| {
            let findings = report["findings"].as_array().unwrap();
            findings.iter().find(|finding| finding["code"] == code).cloned()
        };
        let as_written = with_code(check(&[])).unwrap_or_else(|| panic!("{code}: {}", check(&[])));
        assert_eq!(as_written["action"], action, "{code} {edit:?}");
        assert_eq!(with_code(check(&["--admission"])).is_some(), left, "{code} {edit:?}");
    }
}

#[test]
fn standard_input_is_a_file_named_dash() {
    let text = fs::read(project("examples/kgateway/broken/telemetry-shop.yaml")).unwrap();
    let report = run_with_input(&["check", "-", "--format", "json"], &text).ends_with(0).json();
    assert_eq!(report["findings"][0]["file"], "-");
    run_with_input(&["check", "-", "--fail-on", "warning"], &text).ends_with(1).says("--> -:");
    run_with_input(&["check", "-"], b"a: [").ends_with(2).says("--> -:1");
    run_with_input(&["check", "-"], b"").ends_with(2).says("there is no document");
}

#[test]
fn objects_whose_names_are_to_be_generated_are_not_one() {
    let gateway = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: { name: http, namespace: shop }\nspec: { gatewayClassName: kgateway }\n";
    let policy = "apiVersion: gateway.kgateway.dev/v1alpha1
kind: HTTPListenerPolicy
metadata: { generateName: logs-, namespace: shop }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: http }]
  accessLog: [{ fileSink: { path: /dev/stdout, stringFormat: a } }]
";
    let check = |text: &str| {
        run_with_input(&["check", "-", "--closed-world", "--format", "json"], text.as_bytes()).ends_with(0).json()
    };
    let found = |report: &serde_json::Value, code: &str| -> Vec<serde_json::Value> {
        let findings = report["findings"].as_array().unwrap();
        findings.iter().filter(|finding| finding["code"] == code).cloned().collect()
    };
    let alone = check(&format!("{gateway}---\n{policy}"));
    assert!(found(&alone, "listener-policies/overridden").is_empty(), "{alone}");

    let report = check(&format!("{gateway}---\n{policy}---\n{policy}"));
    assert_eq!(report["summary"]["judged"], 3, "{report}");
    assert_eq!(report["summary"]["repeated"], serde_json::json!([]));
    let overridden = found(&report, "listener-policies/overridden");
    assert_eq!(overridden.len(), 1, "{report}");
    assert_eq!(overridden[0]["object"]["name"], "logs-");
    assert!(overridden[0]["message"].as_str().unwrap().contains("`logs-… (-:"), "{report}");
    assert_eq!(overridden[0]["related"][0]["object"]["name"], "logs-");
    for deprecated in found(&report, "listener-policies/deprecated") {
        assert_eq!(
            deprecated["manifest"]["metadata"],
            serde_json::json!({"generateName": "logs-", "namespace": "shop"})
        );
    }

    // On one line, too.
    let one = r#"{"apiVersion": "gateway.kgateway.dev/v1alpha1", "kind": "HTTPListenerPolicy", "metadata": {"generateName": "logs-", "namespace": "shop"}, "spec": {"targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "http"}], "accessLog": [{"fileSink": {"path": "/dev/stdout", "stringFormat": "a"}}]}}"#;
    let report =
        check(&format!("{gateway}---\n{{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{one}, {one}]}}\n"));
    assert_eq!(found(&report, "listener-policies/overridden").len(), 1, "{report}");
}

#[test]
fn colours_are_for_terminals_and_for_who_asks() {
    let colored = |args: &[&str], no_color: bool| {
        let mut command = portcullis();
        command.args(["check", "--closed-world", BROKEN]).args(args);
        if no_color {
            command.env("NO_COLOR", "1");
        }
        finish(&mut command, b"").ends_with(1).out.contains('\u{1b}')
    };
    assert!(!colored(&[], false), "a pipe is no terminal");
    assert!(!colored(&["--color", "never"], false));
    assert!(!colored(&["--color", "auto"], true));
    assert!(colored(&["--color", "always"], false));
    assert!(colored(&["--color", "always"], true), "who asks on the command line means it");
    for format in ["json", "sarif", "junit", "github"] {
        assert!(!colored(&["--color", "always", "--format", format], false), "{format} is for machines");
    }
}

#[test]
fn every_format_tells_of_the_same_findings() {
    let in_format = |format| run(["check", "--closed-world", "--format", format, BROKEN]).ends_with(1);
    let json = in_format("json");
    let report = json.json();
    assert_eq!(report["version"], 1);
    let findings = report["findings"].as_array().unwrap();
    let codes = json.codes();
    let of_level = |level: &str| findings.iter().filter(|finding| finding["level"] == level).count();
    assert_eq!(report["summary"]["errors"].as_u64(), Some(of_level("error") as u64));
    assert_eq!(report["summary"]["warnings"].as_u64(), Some(of_level("warning") as u64));

    let sarif = in_format("sarif").json();
    assert_eq!(sarif["version"], "2.1.0");
    let sarif = &sarif["runs"][0];
    let results = sarif["results"].as_array().unwrap();
    let ids: Vec<_> = results.iter().map(|result| result["ruleId"].as_str().unwrap()).collect();
    assert_eq!(ids, codes);
    let rules = sarif["tool"]["driver"]["rules"].as_array().unwrap();
    for result in results {
        assert!(rules.iter().any(|rule| rule["id"] == result["ruleId"]), "{result}");
        assert!(result["locations"][0]["physicalLocation"]["region"]["startLine"].as_u64() > Some(0), "{result}");
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()), "{result}");
    }

    let junit = in_format("junit").out;
    assert!(junit.starts_with("<?xml"), "{junit}");
    for tag in ["testsuites", "testsuite", "testcase", "failure"] {
        let opened = junit.matches(&format!("<{tag} ")).count() + junit.matches(&format!("<{tag}>")).count();
        let alone = junit.split('<').filter(|one| one.starts_with(&format!("{tag} ")) && one.trim().ends_with("/>"));
        assert_eq!(opened, junit.matches(&format!("</{tag}>")).count() + alone.count(), "{tag}");
    }
    assert!(codes.iter().all(|code| junit.contains(code.as_str())));

    let github = in_format("github").out;
    let commands = github.lines().filter(|line| line.starts_with("::"));
    let titles: Vec<_> = commands
        .map(|line| {
            let (place, _) = line.split_once("::").and_then(|(_, line)| line.split_once("::")).unwrap();
            assert!(place.contains("file=examples/kgateway/broken/") && place.contains(",line="), "{line}");
            place.split_once("title=").unwrap().1.to_owned()
        })
        .collect();
    assert_eq!(titles, codes);

    let human = in_format("human").out;
    let mut told: Vec<_> = human
        .lines()
        .filter_map(|line| line.split_once("]: ")?.0.split_once('['))
        .filter(|(level, _)| ["error", "warning", "note"].contains(level))
        .map(|(_, code)| code.to_owned())
        .collect();
    let mut codes = codes;
    told.sort();
    codes.sort();
    assert_eq!(told, codes);
    assert!(human.lines().any(|line| line.starts_with("found ")), "{human}");
}

#[test]
fn what_is_printed_is_always_the_same() {
    for format in FORMATS {
        let once = || run(["check", "--closed-world", "--format", format, BROKEN]).out;
        assert_eq!(once(), once(), "{format}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    for args in [&["check", "--closed-world", BROKEN][..], &["explain"], &["completions", "bash"], &["fix", BROKEN]] {
        let mut child = portcullis().args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Closed after one line, or before the first.
        let mut lines = BufReader::with_capacity(16, child.stdout.take().unwrap());
        lines.read_line(&mut String::new()).unwrap();
        drop(lines);
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(!said.contains("panicked") && !said.contains("error: "), "{args:?}: {said}");
        assert!(matches!(ended.status.code(), Some(0 | 1)), "{args:?}: {:?}: {said}", ended.status);
    }
}

#[test]
fn a_reader_that_left_hides_no_outcome() {
    for (args, code) in [
        (&["check", "--closed-world", BROKEN][..], 1),
        (&["check", "--closed-world", "--format", "json", BROKEN], 1),
        (&["check", "--closed-world", GOOD], 0),
        (&["check", "no-such-file.yaml"], 2),
        (&["fix", BROKEN], 0),
        (&["fix", BROKEN, "no-such-file.yaml"], 2),
        (&["test", "tests/cases/in-use"], 0),
        (&["test", "examples"], 2),
        (&["explain"], 0),
        (&["explain", "zebra"], 2),
        (&["completions", "bash"], 0),
    ] {
        let gone = || {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            writer
        };
        let status = portcullis().args(args).stdout(gone()).stderr(gone()).status().unwrap();
        assert_eq!(status.code(), Some(code), "{args:?}");
        let mut child = portcullis().args(args).stdout(gone()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{args:?}");
        assert!(!said.contains("panicked") && !said.to_lowercase().contains("broken pipe"), "{args:?}: {said}");
    }
}

#[test]
fn codes_are_explained() {
    run(["explain", "backend-refs/no-such-port"]).ends_with(0).says("why: ").says("fix: ").says("example");
    run(["explain", "backend-refs"]).ends_with(0).says("backend-refs/no-such-port");
    run(["explain"]).ends_with(0).says("reference-grants/missing");
    run(["explain", "backend-refs/no-such-prt"]).ends_with(2).says("did you mean `backend-refs/no-such-port`?");
    run(["explain", "no-such-port"]).ends_with(2).says("did you mean `backend-refs/no-such-port`?");
    run(["explain", "zebra"]).ends_with(2).says("`portcullis explain` lists all of them");
}

#[test]
fn every_finding_of_the_examples_has_a_page() {
    for setup in SETUPS {
        let report = run(["check", "--closed-world", "--format", "json", &format!("examples/{setup}/broken")]);
        for code in report.codes() {
            run(["explain", &code]).ends_with(0).says(&code);
        }
    }
}

#[test]
fn shells_complete() {
    for shell in ["bash", "zsh", "fish"] {
        run(["completions", shell]).ends_with(0).says("portcullis").says("closed-world");
    }
    run(["completions", "tcsh"]).ends_with(2);
}

/// Before anybody has put it into a ConfigMap, a KrakenD configuration is judged where it stands.
#[test]
fn a_krakend_configuration_is_judged_as_a_file() {
    let folder = TempDir::new().unwrap();
    let telemetry = "{\n  \"exporters\": {\n    \"prometheus\": [\n      { \"name\": \"a\", \"listen_ip\": \"::1\" }\n    ]\n  }\n}";
    let text = format!("{{ \"extra_config\": {{ \"telemetry/opentelemetry\": {telemetry} }} }}\n");
    for name in ["one", "two"] {
        let folder = folder.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("krakend.json"), &text).unwrap();
    }
    fs::write(folder.path().join("other.json"), "{ \"extra_config\": {} }").unwrap();
    let report = run(["check", "--format", "json", folder.path().to_str().unwrap()]).ends_with(0).json();
    let findings = report["findings"].as_array().unwrap();
    let places: Vec<_> =
        findings.iter().map(|finding| (finding["code"].as_str().unwrap(), finding["line"].clone())).collect();
    assert_eq!(places, [("krakend-telemetry/loopback", 4.into()), ("krakend-telemetry/loopback", 4.into())]);
    assert_eq!(report["summary"]["judged"], 2);
}
