use serde_json::{Value, json};

use super::{emit, string};
use crate::engine::yaml::{Dialect, tree::parse};

#[test]
fn prints_manifests_as_kubectl_does() {
    let manifest = json!({
        "apiVersion": "gateway.networking.k8s.io/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": {"name": "allow", "namespace": "telemetry", "labels": {}, "annotations": {"on": "true", "v": "1.0"}},
        "spec": {"from": [{"group": "gateway.kgateway.dev", "kind": "ListenerPolicy"}], "to": [{"group": "", "kind": "Service"}]},
        "data": {"relay": "a: 1\n\nb:\n  - c\n", "port": "9091", "ports": [4317, [1, []]], "args": ["--config=x", "a: b"]},
    });
    let expected = r#"apiVersion: gateway.networking.k8s.io/v1beta1
data:
  args:
  - "--config=x"
  - "a: b"
  port: "9091"
  ports:
  - 4317
  - - 1
    - []
  relay: |
    a: 1

    b:
      - c
kind: ReferenceGrant
metadata:
  annotations:
    "on": "true"
    v: "1.0"
  labels: {}
  name: allow
  namespace: telemetry
spec:
  from:
  - group: gateway.kgateway.dev
    kind: ListenerPolicy
  to:
  - group: ""
    kind: Service
"#;
    assert_eq!(emit(&manifest), expected);
}

#[test]
fn every_reader_gets_the_string_back() {
    let strings = [
        "",
        "true",
        "y",
        "No",
        "null",
        "~",
        "9091",
        "1e3",
        "0x1",
        "1_000",
        ".5",
        "-",
        "- a",
        "-a",
        "?",
        "a: b",
        "a:",
        "a #b",
        "a#b",
        " a",
        "a ",
        "#a",
        "&a",
        "*a",
        "!a",
        "|",
        ">",
        "'a'",
        "\"a\"",
        "%a",
        "@a",
        "`a`",
        "{a}",
        "[a]",
        "a,b",
        "{{x}}",
        "---",
        "...",
        "a\nb",
        "a\n",
        "\n",
        "a\n\n",
        " a\nb\n",
        "a\n  \nb",
        "\t",
        "a\tb",
        "é",
        "\u{85}",
        "\u{2028}a",
        "\u{feff}",
        "\u{7f}",
        "\\",
        "2024-01-01",
        "12:30",
        "=",
        "<<",
        "${env:X}",
        "http://a:1",
        "a\r\nb",
        "\0",
    ];
    for text in strings {
        let value = json!({"block": text, "list": [text], text: 1});
        for written in [emit(&value), format!("[{}, {{{}: x}}]", string(text, true), string(text, true))] {
            for dialect in [Dialect::Kubernetes, Dialect::Collector] {
                let read =
                    parse(&written).and_then(|tree| tree.value(dialect)).unwrap_or_else(|e| panic!("{written}: {e}"));
                let read_text = read.get("block").or_else(|| read.get(0)).and_then(Value::as_str);
                assert_eq!(read_text, Some(text), "{written}");
            }
        }
    }
}
