use serde_json::{Value, json};

use super::{apply, apply_to_value};
use crate::engine::{
    finding::Change,
    node::{Path, Segment},
    yaml::{
        Dialect::{Collector, Kubernetes},
        tree::parse,
    },
};

mod random;

/// `a.b[0]>c`: keys, indices and steps into YAML held in a string.
fn path(text: &str) -> Path {
    let mut path = Path::root();
    for piece in text.split_inclusive(['.', '[', ']', '>']) {
        let name = piece.trim_end_matches(['.', '[', ']', '>']);
        if piece.ends_with(']') {
            path.push(Segment::Index(name.parse().unwrap()));
        } else if !name.is_empty() {
            path.push(Segment::Key(name.to_owned()));
        }
        if piece.ends_with('>') {
            path.push(Segment::Yaml);
        }
    }
    path
}

fn remove(at: &str) -> Change {
    Change::Remove { path: path(at) }
}

fn set(at: &str, value: Value) -> Change {
    Change::Set { path: path(at), value }
}

#[track_caller]
fn edits(text: &str, changes: &[Change], expected: &str) {
    let edited = apply(text, changes, Kubernetes).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    assert_eq!(edited, expected, "\n--- from\n{text}\n--- got\n{edited}\n--- wanted\n{expected}");
}

#[track_caller]
fn refuses(text: &str, changes: &[Change], reason: &str) {
    let error = apply(text, changes, Kubernetes).expect_err("should be refused");
    assert!(error.reason.contains(reason), "{error}");
}

#[test]
fn removes_from_block_lists() {
    let text = "a:\n  # first\n  - debug # noisy\n  # second\n  - otlp # keep\n\n  - x\nb: 1\n";
    edits(text, &[remove("a[0]")], "a:\n  # first\n  # second\n  - otlp # keep\n\n  - x\nb: 1\n");
    edits(text, &[remove("a[0]"), remove("a[2]")], "a:\n  # first\n  # second\n  - otlp # keep\n\nb: 1\n");
    edits(text, &[remove("a[2]"), remove("a[0]"), remove("a[1]")], "a: []\n  # first\n  # second\n\nb: 1\n");
    edits(text, &[remove("a[7]"), remove("nope"), remove("b.c")], text);
    edits("a: # why\n- x\n- y\n", &[remove("a[0]"), remove("a[1]")], "a: [] # why\n");
    edits("a: &x\n- x\n- y", &[remove("a[1]")], "a: &x\n- x");
    edits("a: &x\n- x", &[remove("a[0]")], "a: &x []");
    edits("- x\n- y\n", &[remove("[0]"), remove("[1]")], "[]\n");
    edits("- - x\n  - y\n- - z\n", &[remove("[0][0]")], "- - y\n- - z\n");
    edits("- - x\n  - y\n- - z\n", &[remove("[0][0]"), remove("[0][1]"), remove("[1]")], "- []\n");
    edits("- - x\n  - y\n- - z\n", &[remove("[0][1]"), remove("[1][0]")], "- - x\n- []\n");
    edits("a:\r\n- x\r\n- y # c\r\nb: 1", &[remove("a[1]")], "a:\r\n- x\r\nb: 1");
    edits("a:\n- |\n  text\n  more\n\n- y\n", &[remove("a[0]")], "a:\n\n- y\n");
}

#[test]
fn removes_from_block_mappings() {
    let text = "# head\nexporters:\n  debug: # d\n    verbosity: basic\n    # deep\n  # of otlp\n  otlp:\n    endpoint: x\nz: 1\n";
    edits(text, &[remove("exporters.debug")], "# head\nexporters:\n  # of otlp\n  otlp:\n    endpoint: x\nz: 1\n");
    edits(text, &[remove("exporters.debug"), remove("exporters.otlp")], "# head\nexporters: {}\n  # of otlp\nz: 1\n");
    edits(text, &[remove("exporters"), remove("z")], "# head\n{}\n");
    edits("- a: 1 # c\n  b: 2\n", &[remove("[0].a")], "- b: 2\n");
    edits("- a: 1 # c\n  # of b\n  b: 2\n", &[remove("[0].a")], "-\n  # of b\n  b: 2\n");
    edits("- a: 1\n  b: 2\n", &[remove("[0].b")], "- a: 1\n");
    edits("- a: 1\n  b: 2\n", &[remove("[0].a"), remove("[0].b")], "- {}\n");
    edits("\u{feff}a: 1\nb: 2\n", &[remove("a")], "\u{feff}b: 2\n");
    edits("---\na: 1\n? b\n: 2\n", &[remove("b")], "---\na: 1\n");
    edits("'a b': 1\n\"c.d/e\": 2\nf: 3\n", &[Change::Remove { path: Path::of(&["c.d/e"]) }], "'a b': 1\nf: 3\n");
    edits("a: |\n  x\nb:\n  c: 1\n  # deep\nd: 1\n", &[remove("b")], "a: |\n  x\nd: 1\n");
    edits("on: 1\nb: 2\n", &[remove("true")], "b: 2\n");
}

#[test]
fn removes_from_flow_collections() {
    let text = "e: [debug, otlp] # keep\n";
    edits(text, &[remove("e[0]")], "e: [otlp] # keep\n");
    edits(text, &[remove("e[1]")], "e: [debug] # keep\n");
    edits(text, &[remove("e[0]"), remove("e[1]")], "e: [] # keep\n");
    edits("[ a, b, c, d ]\n", &[remove("[1]"), remove("[2]")], "[ a, d ]\n");
    edits("[ a, b, c, d ]\n", &[remove("[2]"), remove("[3]")], "[ a, b ]\n");
    edits("[a, b,]", &[remove("[1]")], "[a,]");
    edits("{a: 1, b: {c: 2}, d}", &[remove("b.c"), remove("d")], "{a: 1, b: {}}");
    let lines = "e: [\n  debug, # noisy\n  otlp, # fine\n  x\n] # end\n";
    edits(lines, &[remove("e[0]")], "e: [\n  otlp, # fine\n  x\n] # end\n");
    edits(lines, &[remove("e[2]")], "e: [\n  debug, # noisy\n  otlp # fine\n] # end\n");
    edits(lines, &[remove("e[1]"), remove("e[2]")], "e: [\n  debug # noisy\n] # end\n");
    edits("e: [a, b,\n    c, d]\n", &[remove("e[1]")], "e: [a,\n    c, d]\n");
    edits("{\"a\":[1,2],\"b\":3}", &[remove("a[0]"), remove("b")], "{\"a\":[2]}");
    edits("{\n  \"a\": 1,\n  \"b\": 2\n}\n", &[remove("b")], "{\n  \"a\": 1\n}\n");
}

#[test]
fn sets_scalars_in_their_style() {
    edits("a: 1 # c\n", &[set("a", json!(2))], "a: 2 # c\n");
    edits("a: 'x' # c\n", &[set("a", json!("it's"))], "a: 'it''s' # c\n");
    edits("a: \"x\"\n", &[set("a", json!("plain"))], "a: \"plain\"\n");
    edits("a: \"x\"\n", &[set("a", json!(true))], "a: true\n");
    edits("a: x\n", &[set("a", json!("true"))], "a: \"true\"\n");
    edits("a: x\n", &[set("a", json!("9091"))], "a: \"9091\"\n");
    edits("a: x\n", &[set("a", json!(""))], "a: \"\"\n");
    edits("a:\nb: 1\n", &[set("a", json!("x # y"))], "a: \"x # y\"\nb: 1\n");
    edits("a: # c\n", &[set("a", json!(1))], "a: 1 # c\n");
    edits("a: !!str 1\n", &[set("a", json!(2))], "a: 2\n");
    edits("a: &x 1\n", &[set("a", json!(2))], "a: &x 2\n");
    edits("a: |\n  x\n  y\nb: 1\n", &[set("a", json!("p\nq\n"))], "a: |\n  p\n  q\nb: 1\n");
    edits("a: |\n  x\n  y\nb: 1\n", &[set("a", json!(1))], "a: 1\nb: 1\n");
    edits(
        "[a, b: 1, {c}]",
        &[set("[0]", json!("x: y")), set("[1].b", json!(2)), set("[2].c", json!(3))],
        "[\"x: y\", b: 2, {c: 3}]",
    );
    edits("- 1\n-\n", &[set("[1]", json!({"a": 1}))], "- 1\n- {a: 1}\n");
}

#[test]
fn sets_collections() {
    edits("a:\n  - x\n  - y # c\nb: 1\n", &[set("a", json!(["z"]))], "a:\n  - z # c\nb: 1\n");
    edits("a: [x, y] # c\n", &[set("a", json!(["z", 1]))], "a: [z, 1] # c\n");
    edits("a:\n- x\nb: 1\n", &[set("a", json!({"k": {"l": 1}}))], "a:\n  k:\n    l: 1\nb: 1\n");
    edits("a: # c\n  b: 1\n  d: 2\n", &[set("a", json!("x"))], "a: x # c\n");
    edits("a:\n  b: 1\n", &[set("a", json!({}))], "a: {}\n");
    edits("- a: 1\n  b: 2\n- c\n", &[set("[0]", json!({"x": [1], "z": 2}))], "- x:\n  - 1\n  z: 2\n- c\n");
    edits("debug: # c\nb: 1\n", &[set("debug", json!({"x": 1}))], "debug: # c\n  x: 1\nb: 1\n");
}

#[test]
fn adds() {
    edits("a:\n  b: 1 # c\n\nd: 1\n", &[set("a.x", json!("y z"))], "a:\n  b: 1 # c\n  x: y z\n\nd: 1\n");
    edits("a:\n  b: 1", &[set("a.x", json!(1)), set("c", json!([]))], "a:\n  b: 1\n  x: 1\nc: []");
    edits("a:\r\n  b: 1\r\n", &[set("a.x.w", json!([1]))], "a:\r\n  b: 1\r\n  x:\r\n    w:\r\n    - 1\r\n");
    edits("a:\n- x\n", &[set("a[1]", json!("w"))], "a:\n- x\n- w\n");
    edits(
        "a:\n  - x\nb: 1\n",
        &[set("a[1]", json!({"k": 1, "l": 2})), set("a[2]", json!(3))],
        "a:\n  - x\n  - k: 1\n    l: 2\n  - 3\nb: 1\n",
    );
    edits("a:\n  - x\n  - y\n", &[remove("a[0]"), remove("a[1]"), set("a[2]", json!("z"))], "a:\n  - z\n");
    edits("a: [x]\n", &[set("a[1]", json!("w"))], "a: [x, w]\n");
    edits("a: [\n  x, # c\n]\n", &[set("a[1]", json!("z"))], "a: [\n  x, # c\n  z,\n]\n");
    edits("a: [\n  x # c\n]\n", &[set("a[1]", json!("z"))], "a: [\n  x, # c\n  z\n]\n");
    edits("debug: {}\n", &[set("debug.x", json!(1))], "debug: {x: 1}\n");
    edits("debug:\nb: 1\n", &[set("debug.x.w", json!(1))], "debug:\n  x:\n    w: 1\nb: 1\n");
    edits("debug: null # c\n", &[set("debug.x", json!(1))], "debug: {x: 1} # c\n");
    edits("a: []\n", &[set("a[0]", json!("x"))], "a: [x]\n");
    edits("{\"a\": {}}\n", &[set("a.b", json!("c")), set("d", json!([1]))], "{\"a\": {\"b\": \"c\"}, \"d\": [1]}\n");
    edits("- a: 1\n- b\n", &[set("[0].c", json!(2))], "- a: 1\n  c: 2\n- b\n");
    edits("- a: 1\n", &[remove("[0].a"), set("[0].c", json!(2))], "-\n  c: 2\n");
    edits("a:\n  b: 1\nc: 1\nd: 1", &[set("a.x", json!(1)), remove("c"), remove("d")], "a:\n  b: 1\n  x: 1\n");
    edits("a: {x: 1}\nc:\n  - 1\n  - 2", &[remove("c[0]"), remove("c[1]")], "a: {x: 1}\nc: []");
    edits(
        "a:\n  b: 1\nc: 1\nd: 1\n",
        &[set("a.x", json!(1)), remove("c"), set("e", json!(1))],
        "a:\n  b: 1\n  x: 1\nd: 1\ne: 1\n",
    );
    edits("", &[set("a", json!(1))], "a: 1\n");
    edits("# c\n", &[set("a.b", json!(1))], "# c\na:\n  b: 1\n");
    edits("a: {b: 1}\n", &[set("a.on", json!("x,y"))], "a: {b: 1, \"on\": \"x,y\"}\n");
    edits(
        "a:\n  b:\n    c: 1\n    # deep\n  # mid\nd: 1\n",
        &[set("a.e", json!(1))],
        "a:\n  b:\n    c: 1\n    # deep\n  e: 1\n  # mid\nd: 1\n",
    );
}

#[test]
fn edits_yaml_in_strings() {
    let text = "data:\n  relay: |  # c\n    exporters:   \n      debug: {}\n      \n      otlp: # x\n\n        endpoint: a\n    list: [debug, otlp]\n  other: 1\n";
    edits(
        text,
        &[remove("data.relay>exporters.debug"), remove("data.relay>list[0]")],
        "data:\n  relay: |  # c\n    exporters:   \n      \n      otlp: # x\n\n        endpoint: a\n    list: [otlp]\n  other: 1\n",
    );
    edits(
        text,
        &[set("data.relay>exporters.otlp.tls.insecure", json!(true)), set("data.relay>z", json!("on"))],
        "data:\n  relay: |  # c\n    exporters:   \n      debug: {}\n      \n      otlp: # x\n\n        endpoint: a\n        tls:\n          insecure: true\n    list: [debug, otlp]\n    z: \"on\"\n  other: 1\n",
    );
    edits("a: |-\r\n  b: 1\r\n  c: 2", &[remove("a>c")], "a: |-\r\n  b: 1");
    edits("a: |-\n  b: 1\n  c: 2\nd: 1\n", &[set("a>e", json!(3))], "a: |-\n  b: 1\n  c: 2\n  e: 3\nd: 1\n");
    edits("a: |\n  b: 1\n  c: 2", &[set("a>e", json!(3))], "a: |\n  b: 1\n  c: 2\n  e: 3");
    edits(
        "{\"a\": \"b:\\n- debug\\n- \\u006ftlp\\n\", \"c\": 1}",
        &[remove("a>b[0]")],
        "{\"a\": \"b:\\n- \\u006ftlp\\n\", \"c\": 1}",
    );
    edits("a: 'b: [debug, ''otlp'']'\n", &[remove("a>b[0]")], "a: 'b: [''otlp'']'\n");
    edits("a: \"b: [debug, otlp]\"\n", &[set("a>c", json!("d"))], "a: \"b: [debug, otlp]\\nc: d\"\n");
    edits("a: >\n  {b: [debug,\n  otlp]}\n", &[remove("a>b[0]")], "a: >\n  {b: [otlp]}\n");
    edits("a: |\n  b: |\n    c: 1\n    d: 2\n  e: 1\n", &[remove("a>b>c")], "a: |\n  b: |\n    d: 2\n  e: 1\n");
    refuses("a: '['\n", &[remove("a>b")], "not YAML that can be read");
    refuses("a: |\n  b: 1\n", &[set("a>b", json!(2)), remove("a")], "contradict");
}

#[test]
fn edits_what_aliases_share_once() {
    let text = "base: &base [debug, otlp]\na: *base\nb: *base\n";
    let all = [remove("base[0]"), remove("a[0]"), remove("b[0]")];
    edits(text, &all, "base: &base [otlp]\na: *base\nb: *base\n");
    refuses(text, &[remove("a[0]")], "shares this part by an alias");
    edits(text, &[remove("a")], "base: &base [debug, otlp]\nb: *base\n");
    edits(text, &[set("a", json!(["x"]))], "base: &base [debug, otlp]\na: [x]\nb: *base\n");
    refuses(text, &[remove("base")], "used elsewhere as `*base`");
    edits(text, &[remove("base"), remove("a"), remove("b"), set("c", json!(1))], "c: 1\n");

    let merged = "base: &base\n  a: 1\n  b: 2\nuse:\n  <<: *base\n  c: 3\n";
    edits(merged, &[remove("base.a"), remove("use.a")], "base: &base\n  b: 2\nuse:\n  <<: *base\n  c: 3\n");
    edits(merged, &[set("use.a", json!(5))], "base: &base\n  a: 1\n  b: 2\nuse:\n  <<: *base\n  c: 3\n  a: 5\n");
    refuses(merged, &[remove("use.a")], "shares this part by an alias");
}

#[test]
fn refuses_what_contradicts_or_does_not_fit() {
    refuses("a: [", &[remove("a")], "not YAML that can be read: line 1");
    refuses("a: 1\n", &[set("a", json!(1)), set("a", json!(2))], "contradict");
    refuses("a: {b: 1}\n", &[remove("a"), set("a.c", json!(2))], "contradict");
    refuses("a: 1\n", &[set("a.b", json!(2))], "no mapping to write into");
    refuses("a: [1]\n", &[set("a[2]", json!(2))], "no place [2]");
    refuses("a: 1\n", &[Change::Remove { path: Path::root() }], "whole document");
    edits("a: 1\n", &[set("a", json!(2)), set("a", json!(2))], "a: 2\n");
    edits("a: {b: 1}\nc: 1\n", &[remove("a.b"), remove("a")], "c: 1\n");
}

#[test]
fn a_value_changes_as_the_text_does() {
    let text = "a: [x, y, z]\nb: {c: |\n    d: [1, 2]\n  }\n";
    let text = if parse(text).is_ok() { text } else { "a: [x, y, z]\nb:\n  c: |\n    d: [1, 2]\n" };
    let changes = [remove("a[0]"), remove("a[2]"), set("a[3]", json!("w")), remove("b.c>d[0]")];
    let mut value = parse(text).unwrap().value(Collector).unwrap();
    apply_to_value(&mut value, &changes).unwrap();
    assert_eq!(value, json!({"a": ["y", "w"], "b": {"c": "d: [2]\n"}}));
    let edited = apply(text, &changes, Collector).unwrap();
    assert_eq!(parse(&edited).unwrap().value(Collector).unwrap(), value);
}
