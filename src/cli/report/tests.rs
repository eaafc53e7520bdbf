use std::{collections::BTreeMap, fs, path::Path as FilePath};

use serde_json::{Value, json};

use super::{
    excerpt::Excerpt,
    place::{Columns, Lines, Place},
    *,
};
use crate::engine::{
    finding::{Change, Finding},
    node::Path,
    rules,
};

const LOGGING: &str = "\
apiVersion: gateway.kgateway.dev/v1alpha1
kind: HTTPListenerPolicy
metadata:
  name: logging-policy
  namespace: kgateway-system
spec:
  accessLog:
    - openTelemetry:
        grpcService:
          logName: \"åccess 🚀\" # the log
          backendRef:
            name: otel
            namespace: telemetry
            port: 4319
";

const CONFIG: &str = "apiVersion: v1\r\nkind: ConfigMap\r\nmetadata:\r\n\tname: relay\r\ndata:\r\n  a: b\r\n  relay: x";

/// What is committed is what is made. `UPDATE_FILES=1 cargo test` writes it anew.
#[expect(clippy::disallowed_methods, reason = "an edge")]
pub(in crate::cli) fn assert_file(path: &str, actual: &str) {
    let file = FilePath::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_FILES").is_some() {
        fs::write(&file, actual).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert!(actual == expected, "{path} is not up to date, see `UPDATE_FILES`; it would be:\n{actual}");
}

fn span(text: &str, part: &str) -> Range<usize> {
    let start = text.find(part).unwrap();
    start..start + part.len()
}

fn finding(code: &str, path: Path, message: &str) -> Finding {
    Finding::new(rules::code(code).unwrap(), path, message)
}

fn policy() -> ObjectKey {
    ObjectKey::new("gateway.kgateway.dev", "HTTPListenerPolicy", "kgateway-system", "logging-policy")
}

fn reported(source: usize, span: Range<usize>, object: ObjectKey, finding: Finding) -> Reported {
    let policies = vec!["backend-refs".to_owned()];
    Reported { source, span, object, finding, policies, action: "deny", fixable: false, exception: None }
}

fn report() -> Report {
    let backend = Path::of(&["spec", "accessLog"]).index(0).key("openTelemetry").key("grpcService").key("backendRef");
    let port = finding("backend-refs/no-such-port", backend.key("port"), "Service `telemetry/otel` has no port 4319")
        .details("it has the ports 4317 and 4318", false)
        .related(
            ObjectKey::new("gateway.networking.k8s.io", "Gateway", "kgateway-system", "http"),
            "every route of it would answer HTTP 500",
        )
        .help("write one of its ports");
    let grant = json!({
        "apiVersion": "gateway.networking.k8s.io/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": { "name": "logging", "namespace": "telemetry" },
    });
    let missing = finding("reference-grants/missing", backend, "no ReferenceGrant in namespace `telemetry` allows it")
        .help("this grant allows it:\nkind: ReferenceGrant\nmetadata:\n  name: logging\n")
        .ensure(vec![grant])
        .unknown("ReferenceGrants in `telemetry`");
    let made_up = Finding {
        code: "house/names".into(),
        level: Level::Note,
        ..finding("backend-refs/udp", Path::of(&["data"]).key("relay").yaml().key("x"), "100% odd: \u{1b}[31m, \u{9b}")
    };
    let exporter = made_up.edit("removes the exporter `debug`", vec![Change::Remove { path: Path::root() }]);
    let relay = ObjectKey::new("", "ConfigMap", "", "relay");
    Report {
        sources: vec![
            Source { name: "./telemetry/logging policy.yaml".into(), text: LOGGING.into() },
            Source { name: "good.yaml".into(), text: "kind: Namespace\n".into() },
            Source { name: "relay.yaml".into(), text: CONFIG.into() },
        ],
        findings: vec![
            reported(0, span(LOGGING, "4319"), policy(), port),
            Reported {
                fixable: true,
                action: "warn",
                policies: vec!["reference-grants".into(), "strict".into()],
                ..reported(0, span(LOGGING, "name: otel\n            namespace: telemetry\n"), policy(), missing)
            },
            Reported {
                fixable: true,
                action: "record",
                policies: vec!["house".into()],
                ..reported(2, CONFIG.len() - 1..CONFIG.len(), relay, exporter)
            },
        ],
        refusals: vec![
            Refusal {
                file: "relay.yaml".into(),
                span: Some((2, span(CONFIG, "\tname"))),
                message: "a tab cannot indent".into(),
                help: Some("write spaces\nas in the line below".into()),
            },
            Refusal { file: "gone.yaml".into(), span: None, message: "no such file".into(), help: None },
        ],
        warnings: Vec::new(),
        summary: Summary {
            files: 4,
            judged: 2,
            skipped: ["v1/Secret", "v1/A", "v1/B", "v1/C", "v1/D", "v1/E", "v1/F"]
                .iter()
                .enumerate()
                .map(|(n, kind)| ((*kind).to_owned(), 9 - n))
                .collect::<BTreeMap<_, _>>(),
            repeated: vec!["Service telemetry/otel in a.yaml:3 and b.yaml:9".into()],
            unmatched_policies: vec!["in-use".into(), "debug-exporters".into()],
        },
    }
}

fn written(report: &Report, format: Format) -> String {
    let mut out = Vec::new();
    write(report, format, Options::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// A report with one error about a text.
fn about(text: &str, span: Range<usize>) -> Report {
    let found = finding("backend-refs/no-port", Path::root(), "it is odd");
    Report {
        sources: vec![Source { name: "a.yaml".into(), text: text.into() }],
        findings: vec![reported(0, span, policy(), found)],
        ..Report::default()
    }
}

#[test]
fn human() {
    assert_file("tests/snapshots/report/human.txt", &written(&report(), Format::Human));
}

#[test]
fn colors_are_the_only_difference_they_make() {
    let mut out = Vec::new();
    write(&report(), Format::Human, Options { color: true, width: None }, &mut out).unwrap();
    let colored = String::from_utf8(out).unwrap();
    assert!(colored.contains("\u{1b}["));
    assert_eq!(anstream::adapter::strip_str(&colored).to_string(), written(&report(), Format::Human));
}

#[test]
fn json() {
    let text = written(&report(), Format::Json);
    assert_file("tests/snapshots/report/report.json", &text);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["findings"][2]["message"], "100% odd: \u{1b}[31m, \u{9b}");
}

#[test]
fn the_schema_of_the_report_is_up_to_date() {
    let mut schema = serde_json::to_string_pretty(&json::schema()).unwrap();
    schema.push('\n');
    assert_file("docs/report.schema.json", &schema);
}

#[test]
fn sarif() {
    let text = written(&report(), Format::Sarif);
    let mut log: Value = serde_json::from_str(&text).unwrap();
    let rules = log["runs"][0]["tool"]["driver"]["rules"].take();
    let known: usize = rules::RULES.iter().map(|rule| rule.codes.len()).sum();
    assert_eq!(rules.as_array().unwrap().len(), known + 1);
    for result in log["runs"][0]["results"].as_array_mut().unwrap() {
        let index = result.as_object_mut().unwrap().remove("ruleIndex").unwrap().as_u64().unwrap();
        assert_eq!(rules[usize::try_from(index).unwrap()]["id"], result["ruleId"]);
    }
    // New codes do not change the file.
    log["runs"][0]["tool"]["driver"]["rules"] = json!([rules[0], rules[known]]);
    let text = serde_json::to_string_pretty(&log).unwrap() + "\n";
    assert_file("tests/snapshots/report/report.sarif", &text);
}

#[test]
fn a_fingerprint_survives_a_move_and_tells_two_findings_of_one_place_apart() {
    let prints = |report: &Report| -> Vec<String> {
        let log: Value = serde_json::from_str(&written(report, Format::Sarif)).unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap().clone();
        results.iter().map(|result| result["partialFingerprints"]["portcullisFinding/v1"].to_string()).collect()
    };
    let here = about("a: b\n", 0..1);
    let mut moved = about("\n\n\n  a: b\n", 5..6);
    assert_eq!(prints(&here), prints(&moved));
    moved.findings.push(moved.findings[0].clone());
    let both = prints(&moved);
    assert_ne!(both[0], both[1]);
}

#[test]
fn junit() {
    assert_file("tests/snapshots/report/junit.xml", &written(&report(), Format::Junit));
}

#[test]
fn github() {
    assert_file("tests/snapshots/report/github.txt", &written(&report(), Format::Github));
}

#[test]
fn github_takes_no_command_from_the_input() {
    let mut report = about("a", 0..1);
    report.sources[0].name = "a,b:c%\n::error::x.yaml".into();
    report.findings[0].finding.message = "one\n::stop-commands::x".into();
    report.summary.skipped.insert("##[add-path]x".into(), 1);
    let text = written(&report, Format::Github);
    let first = text.lines().next().unwrap();
    assert!(first.starts_with(r"::error file=a%2Cb%3Ac%25\n%3A%3Aerror%3A%3Ax.yaml,line=1"), "{first}");
    assert_eq!(text.lines().filter(|line| line.starts_with("::")).count(), 1);
    assert!(!text.contains("##["), "{text}");
}

#[test]
fn nothing_found_is_said_plainly() {
    let summary = Summary { files: 1, judged: 3, ..Summary::default() };
    let report = Report { summary, ..Report::default() };
    assert_eq!(written(&report, Format::Human), "read 1 file: 3 objects judged, 0 skipped\nno findings\n");
    assert_eq!(report.worst(), None);
}

#[test]
fn no_format_lets_a_terminal_escape_through() {
    let hostile = "\u{1b}]0;x\u{7} \u{9b}31m \u{202e} \u{7f} \u{ffff}";
    let mut report = about(&format!("a: {hostile}\n"), 0..1);
    report.sources[0].name = format!("{hostile}.yaml");
    report.findings[0].object.name = hostile.into();
    report.findings[0].policies.push(hostile.into());
    let Reported { finding, fixable, .. } = &mut report.findings[0];
    *fixable = true;
    finding.code = hostile.into();
    finding.message = hostile.into();
    finding.path = Path::of(&[hostile]);
    *finding = finding.clone().help(hostile).details(hostile, false).unknown(hostile).edit(hostile, vec![]);
    let refusal = Refusal { file: hostile.into(), span: None, message: hostile.into(), help: Some(hostile.into()) };
    report.refusals.push(refusal);
    report.summary.skipped.insert(hostile.into(), 1);
    report.summary.repeated.push(hostile.into());
    report.summary.unmatched_policies.push(hostile.into());
    for format in [Format::Human, Format::Json, Format::Sarif, Format::Junit, Format::Github] {
        let text = written(&report, format);
        let raw = |c: &char| (c.is_control() && *c != '\n') || "\u{202e}\u{ffff}".contains(*c);
        assert_eq!(text.chars().find(raw), None, "{format:?}: {text:?}");
    }
}

#[test]
fn columns_count_what_the_reader_counts() {
    let text = "# é🚀\na: 🚀é b\r\nc\n";
    let lines = Lines::of(text);
    let at = |part| {
        let part = span(text, part);
        let (chars, utf16) = (lines.region(&part, Columns::Chars).start, lines.region(&part, Columns::Utf16).start);
        (chars.line, chars.column, utf16.column)
    };
    assert_eq!(at("a:"), (2, 1, 1));
    assert_eq!(at("b"), (2, 7, 8));
    assert_eq!(at("c"), (3, 1, 1));
    let all = lines.region(&(0..text.len()), Columns::Chars);
    assert_eq!((all.start, all.end), (Place { line: 1, column: 1 }, Place { line: 3, column: 2 }));
}

#[test]
fn columns_are_right_far_into_a_text() {
    let text = "é🚀x\n".repeat(2_000) + &"🚀".repeat(5_000) + "end";
    let region = Lines::of(&text).region(&span(&text, "end"), Columns::Utf16);
    assert_eq!(region.start, Place { line: 2_001, column: 10_001 });
    let region = Lines::of(&text).region(&span(&text, "end"), Columns::Chars);
    assert_eq!((region.start.column, region.end.column), (5_001, 5_004));
}

#[test]
fn a_place_is_always_within_a_line() {
    let place = |text: &str, span: Range<usize>| {
        let region = Lines::of(text).region(&span, Columns::Chars);
        (region.start.line, region.start.column, region.end.line, region.end.column)
    };
    assert_eq!(place("a: b\n", 5..5), (1, 5, 1, 5), "the end of the file is the end of its last line");
    assert_eq!(place("a: b\r\nc", 4..6), (1, 5, 1, 5), "not in the end of a line");
    assert_eq!(place("a: b\r\nc", 5..6), (1, 5, 1, 5));
    assert_eq!(place("a: b\n  \nc", 0..8), (1, 1, 1, 5), "what ends with a line does not reach into the next");
    assert_eq!(place("", 0..0), (1, 1, 1, 1));
    assert_eq!(place("é", 1..1), (1, 1, 1, 2), "not within a character");
    #[expect(clippy::reversed_empty_ranges, reason = "whatever is given")]
    let beyond = 99..7;
    assert_eq!(place("a\nbc", beyond), (2, 3, 2, 3));
}

#[test]
fn a_span_at_the_end_of_the_file_is_shown_there() {
    for text in ["a:\n  b:", "a:\n  b:\n", "a:\r\n  b:\r\n"] {
        let shown = written(&about(text, text.len()..text.len()), Format::Human);
        assert!(shown.contains(" --> a.yaml:2:5\n  |\n2 |   b:\n  |     ^\n"), "{shown}");
    }
}

#[test]
fn underlines_stand_below_what_they_mean() {
    let text = "a: é x\n\tb: \u{1b}[31m y\n";
    let shown = written(&about(text, span(text, "x")), Format::Human);
    assert!(shown.contains("1 | a: é x\n  |      ^\n"), "{shown}");
    let shown = written(&about(text, span(text, "y")), Format::Human);
    assert!(shown.contains("2 |     b: ␛[31m y\n  |              ^\n"), "{shown}");
}

#[test]
fn many_lines_are_shown_by_their_first() {
    let text = "spec:\n".to_owned() + &"  a: b\r\n".repeat(30);
    let shown = written(&about(&text, 0..text.len()), Format::Human);
    assert!(shown.contains("1 | spec:\n  | ^^^^^\n  |\n"), "{shown}");
    let few = Excerpt::of(&Lines::of(&text), &(8..20));
    assert_eq!(few, Excerpt { text: "  a: b\n  a: b".into(), line: 2, span: 2..13 });
}

#[test]
fn a_line_of_200_kb_is_cut_around_what_is_meant() {
    let item = r#"{"name":"ö","port":1},"#;
    let text = item.repeat(9_000);
    let at = item.len() * 5_000;
    let mut report = about(&text, at..at + item.len());
    let lines = Lines::of(&text);
    let excerpt = Excerpt::of(&lines, &report.findings[0].span);
    assert!(excerpt.text.starts_with('…') && excerpt.text.ends_with('…'));
    assert_eq!(excerpt.text.get(excerpt.span.clone()), Some(item));
    let whole = Excerpt::of(&lines, &(0..text.len()));
    assert!(whole.text.starts_with('{') && whole.text.len() < 200, "{whole:?}");
    report.findings = vec![report.findings[0].clone(); 3];
    let shown = written(&report, Format::Human);
    assert!(shown.lines().all(|line| line.chars().count() < 160), "{shown}");
    assert!(shown.contains("--> a.yaml:1:110001\n"), "{shown}");
}

#[test]
fn a_command_names_files_as_a_shell_reads_them() {
    assert_eq!(text::argument("a/b-1.yaml"), "a/b-1.yaml");
    assert_eq!(text::argument("it's $x"), r"'it'\''s $x'");
}

proptest::proptest! {
    #[test]
    fn whatever_is_pointed_at_is_printed(text in "[ a\u{e9}\u{1f680}\u{1b}\t\r\n\u{1}]{0,600}", start in 0..700usize, length in 0..700usize) {
        let mut report = about(&text, start..start + length);
        report.refusals.push(Refusal {
            file: "a.yaml".into(),
            span: Some((0, length..start)),
            message: "odd".into(),
            help: None,
        });
        for format in [Format::Human, Format::Json, Format::Sarif, Format::Junit, Format::Github] {
            let printed = written(&report, format);
            proptest::prop_assert!(!printed.contains(|c: char| c.is_control() && c != '\n'));
        }
        let lines = Lines::of(&text);
        let settled = lines.settle(&(start..start + length));
        proptest::prop_assert_eq!(lines.settle(&settled), settled.clone());
        proptest::prop_assert!(text.get(settled).is_some());
    }
}
