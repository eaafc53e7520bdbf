//! Input that is wrong, odd or hostile, given to the real binary: it is refused with its file and line, everything else
//! is still judged, and nothing panics, hangs or eats the machine.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::binary::{FORMATS, Ran, finish, portcullis, run};

/// Something to find: its Service does not exist. So it shows that the rest was judged.
const BROKEN: &str = "\
apiVersion: gateway.kgateway.dev/v1alpha1
kind: ListenerPolicy
metadata:
  name: logs
  namespace: shop
spec:
  targetRefs:
  - { group: gateway.networking.k8s.io, kind: Gateway, name: shop }
  default:
    httpSettings:
      accessLog:
      - openTelemetry:
          grpcService:
            logName: shop
            backendRef: { name: missing, port: 4317 }
";
const FOUND: &str = "backend-refs/not-found";

/// Input that cannot be judged.
struct Bad {
    file: &'static str,
    bytes: Vec<u8>,
    says: &'static str,
    line: Option<u64>,
}

fn bad(file: &'static str, bytes: impl Into<Vec<u8>>, says: &'static str, line: impl Into<Option<u64>>) -> Bad {
    Bad { file, bytes: bytes.into(), says, line: line.into() }
}

/// Ten levels of ten aliases each: ten thousand million nodes.
fn alias_bomb() -> String {
    let level = |level: usize| {
        let below = if level == 0 { "x".to_owned() } else { format!("*a{}", level - 1) };
        format!("a{level}: &a{level} [{}]", vec![below; 10].join(", "))
    };
    (0..10).map(level).collect::<Vec<_>>().join("\n")
}

fn table() -> Vec<Bad> {
    const LEVELS: usize = 100_000;
    let service = "apiVersion: v1\nkind: Service\nmetadata:\n";
    vec![
        bad("not-yaml.yaml", "a: 1\nb: [1, 2\nc: }\n", "this is not YAML", 3),
        bad("prose.yaml", "kind: Service\nDear all, please apply this.\n", "this is not YAML", 2),
        bad("duplicate-key.yaml", format!("{service}  name: a\n  name: b\n"), "key `name` stands twice", 5),
        bad("tab.yaml", format!("{service}\tname: a\n"), "tab used as indentation", 4),
        bad("alias-bomb.yaml", alias_bomb(), "aliases", 1),
        bad("alias-of-itself.yaml", "a: &a\n  b: *a\n", "alias", 2),
        bad("no-anchor.yaml", "a: 1\nb: *nowhere\n", "", 2),
        bad("deep-block.yaml", format!("{}x\n", "- ".repeat(LEVELS)), "nested more than 100 levels deep", 1),
        bad("deep-flow.yaml", format!("a:\n  {}", "[".repeat(LEVELS)), "nested more than 100 levels deep", 2),
        bad(
            "deep-json.json",
            format!("{}1{}", r#"{"a":"#.repeat(LEVELS), "}".repeat(LEVELS)),
            "nested more than 100",
            1,
        ),
        bad("binary.yaml", b"\x7fELF\x02\x01\x01\x00\x00\x00".to_vec(), "it is not text", None),
        bad("latin-1.yaml", b"a: 1\nname: caf\xe9\n".to_vec(), "it is not UTF-8: line 2", None),
        bad(
            "template.yaml",
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Release.Name }}\n{{- if .Values.on }}\nspec: {}\n{{- end }}\n",
            "this is the source of a Helm template, not a manifest",
            4,
        ),
        bad(
            "template-that-is-yaml.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: '{{ include \"x.name\" . }}'\ndata: {}\n",
            "this is the source of a Helm template, not a manifest",
            4,
        ),
    ]
}

/// The refusals of a report, as `(file, line, message)`, and whether the rest was judged.
fn refusals(ran: &Ran, format: &str) -> (Vec<(String, Option<u64>, String)>, bool) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found = ran.out.contains(FOUND);
    let refusals = match format {
        "json" => ran.json()["refusals"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (text(&one["file"]), one["line"].as_u64(), text(&one["message"])))
            .collect(),
        "sarif" => {
            let sarif = ran.json();
            assert_eq!(sarif["runs"][0]["invocations"][0]["executionSuccessful"], false);
            let found = sarif["runs"][0]["results"].as_array().unwrap().iter().any(|result| result["ruleId"] == FOUND);
            let notifications = &sarif["runs"][0]["invocations"][0]["toolExecutionNotifications"];
            let refusals = notifications
                .as_array()
                .unwrap()
                .iter()
                .map(|one| {
                    let place = &one["locations"][0]["physicalLocation"];
                    let line = place["region"]["startLine"].as_u64();
                    (text(&place["artifactLocation"]["uri"]), line, text(&one["message"]["text"]))
                })
                .collect();
            return (refusals, found);
        }
        "junit" => ran
            .out
            .split("<testcase ")
            .filter(|case| case.contains("<error "))
            .map(|case| {
                let line = attribute(case, "line").and_then(|line| line.parse().ok());
                (attribute(case, "file").unwrap(), line, attribute(case, "message").unwrap())
            })
            .collect(),
        "github" => ran
            .out
            .lines()
            .filter_map(|line| line.strip_prefix("::error ")?.split_once("title=cannot be judged::"))
            .map(|(place, message)| {
                let of = |name: &str| place.split(',').find_map(|pair| Some(pair.strip_prefix(name)?.to_owned()));
                (of("file=").unwrap(), of("line=").and_then(|line| line.parse().ok()), message.to_owned())
            })
            .collect(),
        _ => {
            let mut refusals = Vec::new();
            let mut lines = ran.out.lines();
            while let Some(line) = lines.next() {
                let Some(message) = line.strip_prefix("error: ") else { continue };
                let place = lines.next().unwrap().trim_start().strip_prefix("--> ").unwrap();
                let mut parts = place.split(':');
                let file = parts.next().unwrap().to_owned();
                refusals.push((file, parts.next().and_then(|line| line.parse().ok()), message.to_owned()));
            }
            refusals
        }
    };
    (refusals, found)
}

fn attribute(xml: &str, name: &str) -> Option<String> {
    let value = xml.split_once(&format!(" {name}=\""))?.1.split_once('"')?.0;
    Some(value.to_owned())
}

fn folder_with(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

/// Checks a folder as a closed world, from inside it, so that files are named as they are called.
fn check_in(folder: &Path, args: &[&str]) -> Ran {
    finish(portcullis().current_dir(folder).args(["check", "--closed-world", "--fail-on", "warning"]).args(args), b"")
}

#[test]
fn what_cannot_be_judged_is_refused_with_its_place_and_the_rest_is_judged() {
    for Bad { file, bytes, says, line } in table() {
        let folder = folder_with(&[(file, &bytes), ("zz-broken.yaml", BROKEN.as_bytes())]);
        for format in FORMATS {
            let ran = check_in(folder.path(), &[".", "--format", format]).ends_with(2);
            let (refusals, found) = refusals(&ran, format);
            let [(named, at, message)] = refusals.as_slice() else {
                panic!("{file} as {format}: not one refusal but {refusals:?} in\n{}", ran.out)
            };
            assert_eq!((named.as_str(), *at), (file, line), "{file} as {format}: {message}");
            assert!(message.contains(says) || ran.out.contains(says), "{file} as {format} says {message}");
            assert!(found, "{file} as {format}: the rest was not judged:\n{}", ran.out);
        }
    }
}

#[test]
fn a_template_is_told_how_to_be_rendered() {
    let folder = folder_with(&[("a.yaml", b"kind: {{ .Values.kind }}\n")]);
    check_in(folder.path(), &["a.yaml"]).ends_with(2).says("`helm template RELEASE CHART | portcullis check -`");
}

#[test]
fn a_bad_document_costs_no_other_of_its_file() {
    let stream = format!("a: [\n---\n{BROKEN}---\nb: 1\nb: 2\n");
    let folder = folder_with(&[("stream.yaml", stream.as_bytes())]);
    let ran = check_in(folder.path(), &["stream.yaml", "--format", "json"]).ends_with(2);
    assert!(ran.codes().iter().any(|code| code == FOUND));
    let report = ran.json();
    let lines: Vec<_> = report["refusals"].as_array().unwrap().iter().map(|one| one["line"].clone()).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[1], 20, "the second `b`");
}

#[test]
fn a_file_without_a_document_is_refused() {
    let folder = folder_with(&[
        ("empty.yaml", b""),
        ("comments.yaml", b"# nothing\n---\n# yet\n"),
        ("blank.yaml", b"\n\n\n"),
        ("bom.yaml", b"\xef\xbb\xbf"),
        ("empty.json", b""),
        ("null.yaml", b"---\nnull\n"),
    ]);
    for format in FORMATS {
        check_in(folder.path(), &[".", "--format", format]).ends_with(2).says("comments.yaml");
    }
    let report = check_in(folder.path(), &[".", "--format", "json"]).json();
    assert_eq!(report["refusals"].as_array().unwrap().len(), 5, "a document that says nothing is one");
}

#[test]
fn what_is_no_object_is_counted() {
    let folder = folder_with(&[
        ("values.yaml", b"replicas: 3\nimage: { tag: a }\n"),
        ("no-kind.yaml", b"apiVersion: v1\nmetadata: { name: a }\n"),
        ("list.yaml", b"- 1\n- 2\n"),
        ("text.yaml", b"hello\n"),
        ("strange.yaml", b"apiVersion: example.org/v9\nkind: Zebra\nmetadata: { name: z }\n"),
    ]);
    let report = check_in(folder.path(), &[".", "--format", "json"]).ends_with(0).json();
    let skipped = &report["summary"]["skipped"];
    assert_eq!(skipped["example.org/v9/Zebra"], 1);
    assert_eq!(skipped["without `apiVersion` or `kind`"], 4);
    check_in(folder.path(), &["."]).ends_with(0).says("1 example.org/v9/Zebra");
}

#[test]
fn an_object_without_a_name_is_judged() {
    for metadata in ["metadata: { generateName: logs- }", "metadata: {}", "metadata:", "x: y"] {
        let text = BROKEN.replace("metadata:\n  name: logs\n  namespace: shop", metadata);
        assert_ne!(text, BROKEN);
        let folder = folder_with(&[("a.yaml", text.as_bytes())]);
        for format in FORMATS {
            check_in(folder.path(), &["a.yaml", "--format", format]).ends_with(1).says(FOUND);
        }
    }
}

#[test]
fn fields_of_another_type_do_not_stop_it() {
    for (from, to) in [
        ("metadata:\n  name: logs\n  namespace: shop", "metadata: [a]"),
        ("  name: logs\n", "  name: { a: b }\n"),
        ("  namespace: shop", "  namespace: 7"),
        ("  name: logs\n", "  name: logs\n  labels: [a, b]\n"),
        ("- { group: gateway.networking.k8s.io, kind: Gateway, name: shop }", "  a: b"),
        ("{ name: missing, port: 4317 }", "[missing, 4317]"),
        ("port: 4317", "port: '4317'"),
        ("port: 4317", "port: -99999999999999999999"),
        ("name: missing", "name: null"),
        ("      - openTelemetry:", "        openTelemetry:"),
    ] {
        let text = BROKEN.replace(from, to);
        assert_ne!(text, BROKEN, "{from}");
        let folder = folder_with(&[("a.yaml", text.as_bytes())]);
        let ran = check_in(folder.path(), &["a.yaml"]);
        assert!(matches!(ran.code, Some(0..=2)), "{to}: {}{}", ran.out, ran.err);
    }
}

#[test]
fn every_encoding_and_line_break_of_an_editor_is_read() {
    let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        std::iter::once(0xFEFF).chain(BROKEN.encode_utf16()).flat_map(bytes).collect()
    };
    for (name, bytes) in [
        ("lf.yaml", BROKEN.as_bytes().to_vec()),
        ("crlf.yaml", BROKEN.replace('\n', "\r\n").into_bytes()),
        ("bom.yaml", format!("\u{feff}{BROKEN}").into_bytes()),
        ("utf-16-le.yaml", utf16(u16::to_le_bytes)),
        ("utf-16-be.yaml", utf16(u16::to_be_bytes)),
    ] {
        let folder = folder_with(&[(name, &bytes)]);
        let report = check_in(folder.path(), &[name, "--format", "json"]).ends_with(1).json();
        let finding = report["findings"].as_array().unwrap().iter().find(|one| one["code"] == FOUND).unwrap();
        assert_eq!((finding["line"].as_u64(), finding["file"].as_str()), (Some(15), Some(name)), "{finding}");
    }
}

/// A List in YAML and as `kubectl get -o json` prints it, with and without kinds on its items, and a stream.
#[test]
fn objects_are_found_however_they_are_packed() {
    let item = format!("{}\n", BROKEN.trim_end().replace('\n', "\n  "));
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {item}- {}", item.replace("name: logs", "name: other"));
    let json = serde_json::json!({
        "apiVersion": "v1", "kind": "List", "metadata": { "resourceVersion": "" },
        "items": [
            { "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } },
            { "apiVersion": "gateway.kgateway.dev/v1alpha1", "kind": "ListenerPolicy",
              "metadata": { "name": "logs", "namespace": "shop" },
              "spec": { "targetRefs": [{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "shop" }],
                "default": { "httpSettings": { "accessLog": [{ "openTelemetry": { "grpcService": {
                  "logName": "shop", "backendRef": { "name": "missing", "port": 4317 } } } }] } } } },
        ],
    });
    let typed = list
        .replace("kind: List\n", "kind: ListenerPolicyList\n")
        .replace("apiVersion: v1\n", "apiVersion: gateway.kgateway.dev/v1alpha1\n")
        .replace("- apiVersion: gateway.kgateway.dev/v1alpha1\n  kind: ListenerPolicy\n", "- ")
        .replace("-   metadata", "- metadata");
    for (name, text) in [
        ("list.yaml", list),
        ("typed.yaml", typed),
        ("one-line.json", json.to_string()),
        ("pretty.json", serde_json::to_string_pretty(&json).unwrap()),
        ("stream.yaml", format!("---\n{BROKEN}---\n{}", BROKEN.replace("name: logs", "name: other"))),
    ] {
        let folder = folder_with(&[(name, text.as_bytes())]);
        let report = check_in(folder.path(), &[name, "--format", "json"]).ends_with(1).json();
        let found: Vec<_> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| finding["code"] == FOUND)
            .map(|finding| finding["line"].as_u64().unwrap())
            .collect();
        let missing = text.lines().zip(1..).filter(|(line, _)| line.contains("missing")).map(|(_, number)| number);
        assert_eq!(found, missing.collect::<Vec<_>>(), "{name}:\n{text}");
    }
}

#[test]
fn an_object_that_is_given_twice_is_said() {
    let folder = folder_with(&[
        ("a.yaml", format!("# first\n{BROKEN}").as_bytes()),
        ("b.yaml", format!("a: 1\n---\n{BROKEN}").as_bytes()),
    ]);
    check_in(folder.path(), &["."])
        .ends_with(1)
        .says("given twice: ")
        .says("ListenerPolicy shop/logs in a.yaml:2 and b.yaml:3");
    let report = check_in(folder.path(), &[".", "--format", "json"]).json();
    assert_eq!(report["summary"]["repeated"].as_array().map(Vec::len), Some(1));
    // One file by two paths is one file.
    let report = check_in(folder.path(), &["a.yaml", "./a.yaml", "--format", "json"]).json();
    assert_eq!(report["summary"]["repeated"], serde_json::json!([]));
}

#[test]
fn what_is_not_there_is_said() {
    let folder = folder_with(&[("broken.yaml", BROKEN.as_bytes())]);
    for format in FORMATS {
        let ran = check_in(folder.path(), &["nowhere.yaml", "broken.yaml", "--format", format]).ends_with(2);
        let (refusals, found) = refusals(&ran, format);
        let [(file, None, message)] = refusals.as_slice() else { panic!("{refusals:?}") };
        assert_eq!((file.as_str(), message.as_str()), ("nowhere.yaml", "no such file or folder"));
        assert!(found, "{}", ran.out);
    }
}

#[cfg(unix)]
mod unix {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    use super::{BROKEN, FORMATS, FOUND, check_in, folder_with, refusals};

    #[test]
    fn a_folder_that_may_not_be_read_is_said_and_the_rest_is_judged() {
        let folder = folder_with(&[("zz.yaml", BROKEN.as_bytes())]);
        let locked = folder.path().join("locked");
        fs::create_dir(&locked).unwrap();
        fs::set_permissions(&locked, Permissions::from_mode(0o000)).unwrap();
        let may_anyway = fs::read_dir(&locked).is_ok();
        let ran = check_in(folder.path(), &["."]);
        fs::set_permissions(&locked, Permissions::from_mode(0o700)).unwrap();
        // Root may read everything.
        let ran = ran.ends_with(if may_anyway { 1 } else { 2 }).says(FOUND);
        if !may_anyway {
            ran.says("not allowed to read it").says("--> locked");
        }
    }

    #[test]
    fn links_that_lead_round_in_a_circle_end() {
        let folder = folder_with(&[("zz.yaml", BROKEN.as_bytes())]);
        fs::create_dir(folder.path().join("a")).unwrap();
        symlink("..", folder.path().join("a/up")).unwrap();
        symlink("nowhere", folder.path().join("dangling.yaml")).unwrap();
        symlink("itself.yaml", folder.path().join("itself.yaml")).unwrap();
        for format in FORMATS {
            let ran = check_in(folder.path(), &[".", "--format", format]).ends_with(2);
            let (refusals, found) = refusals(&ran, format);
            let files: Vec<_> = refusals.iter().map(|(file, ..)| file.as_str()).collect();
            assert_eq!(files.len(), 3, "{files:?}");
            assert!(found);
        }
    }

    /// As `portcullis check <(helm template .)` gives it, and a pipe in a folder would block for ever.
    #[test]
    fn a_pipe_is_read_where_it_is_named_alone() {
        let folder = folder_with(&[("broken.yaml", BROKEN.as_bytes())]);
        let made = |name: &str| {
            let path = folder.path().join(name);
            assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
            path
        };
        made("never-written.yaml");
        check_in(folder.path(), &["."]).ends_with(1).says("read 1 file:");
        let pipe = made("pipe");
        let writer = std::thread::spawn(move || fs::write(pipe, BROKEN).unwrap());
        check_in(folder.path(), &["pipe"]).ends_with(1).says("--> pipe:15");
        writer.join().unwrap();
    }
}

/// It may not be read into memory to find that out: 200 MB must be refused with less.
#[cfg(target_os = "linux")]
#[test]
fn a_file_of_two_hundred_megabytes_is_refused_without_holding_it() {
    let folder = folder_with(&[("zz.yaml", BROKEN.as_bytes())]);
    fs::File::create(folder.path().join("huge.yaml")).unwrap().set_len(200 * 1024 * 1024).unwrap();
    let mut limited = std::process::Command::new("sh");
    limited
        .current_dir(folder.path())
        .args(["-c", "ulimit -v 180000; exec \"$0\" check --closed-world . --format json"])
        .arg(env!("CARGO_BIN_EXE_portcullis"));
    let ran = finish(&mut limited, b"").ends_with(2);
    let report = ran.json();
    assert_eq!(report["refusals"][0]["file"], "huge.yaml");
    assert_eq!(report["refusals"][0]["message"], "it is larger than 64 MiB");
    assert!(ran.codes().iter().any(|code| code == FOUND));
}

#[test]
fn endless_input_is_refused() {
    let line = vec![b'#'; 70 * 1024 * 1024];
    finish(portcullis().args(["check", "-"]), &line).ends_with(2).says("it is larger than 64 MiB");
}

#[test]
fn a_folder_of_thousands_of_documents_is_judged() {
    let folder = TempDir::new().unwrap();
    for file in 0..200 {
        let named = |n| BROKEN.replace("name: logs", &format!("name: logs-{file}-{n}"));
        let stream = (0..20).map(named).collect::<Vec<_>>().join("---\n");
        fs::write(folder.path().join(format!("{file}.yaml")), stream).unwrap();
    }
    let ran = check_in(folder.path(), &[".", "--format", "json"]).ends_with(1);
    let report = ran.json();
    assert_eq!((&report["summary"]["files"], &report["summary"]["judged"]), (&200.into(), &4000.into()));
}

/// As `kubectl get -A -o json` prints a cluster.
#[test]
fn a_list_of_a_thousand_objects_is_judged() {
    let items: Vec<_> = (0..1000)
        .map(|n| {
            serde_json::json!({
                "apiVersion": "gateway.kgateway.dev/v1alpha1", "kind": "ListenerPolicy",
                "metadata": { "name": format!("logs-{n}"), "namespace": "shop" },
                "spec": { "default": { "httpSettings": { "accessLog": [{ "openTelemetry": { "grpcService": {
                    "logName": "shop", "backendRef": { "name": "missing", "port": 4317 } } } }] } } },
            })
        })
        .collect();
    let list = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": items });
    let folder = folder_with(&[("one-line.json", list.to_string().as_bytes())]);
    let ran = check_in(folder.path(), &["one-line.json", "--format", "json"]).ends_with(1);
    assert_eq!(ran.json()["summary"]["judged"], 1000);
}

#[test]
fn a_terminal_is_not_controlled_by_what_is_read() {
    let text = BROKEN.replace("name: missing", "name: \"\\e[2J\\a\"").replace("name: logs", "name: \"lo\\e[31mgs\"");
    let folder = folder_with(&[("a.yaml", text.as_bytes())]);
    for format in FORMATS {
        run(["check", "--closed-world", "--format", format, folder.path().join("a.yaml").to_str().unwrap()])
            .never_says("\u{1b}")
            .never_says("\u{7}");
    }
}
