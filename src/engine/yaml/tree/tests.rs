use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Kind, parse};
use crate::engine::{
    limits,
    node::{Path, Segment},
    yaml::Dialect::{Collector, Kubernetes},
};

fn value(text: &str) -> Value {
    parse(text).and_then(|tree| tree.value(Kubernetes)).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[test]
fn reads_values() {
    let cases = [
        ("", Value::Null),
        ("# nothing\n", Value::Null),
        ("---\na: 1\n", json!({"a": 1})),
        ("--- foo", json!("foo")),
        ("\u{feff}a: é\r\nb: |\r\n  x\r\n  y\r\n", json!({"a": "é", "b": "x\ny\n"})),
        (
            "a: 'yes'\nb: yes\nc: \"1\"\nd: !!str 1\ne: !!int \"7\"\n",
            json!({"a": "yes", "b": true, "c": "1", "d": "1", "e": 7}),
        ),
        ("on: 1\n2: x\n~: y\n", json!({"true": 1, "2": "x", "null": true})),
        ("a: &a {x: 1}\nb: *a\n", json!({"a": {"x": 1}, "b": {"x": 1}})),
        ("a: &a {x: 1, z: 1}\nb:\n  z: 2\n  <<: *a\n", json!({"a": {"x": 1, "z": 1}, "b": {"x": 1, "z": 2}})),
        ("- &a {x: 1}\n- &b {x: 2, z: 3}\n- <<: [*a, *b]\n", json!([{"x": 1}, {"x": 2, "z": 3}, {"x": 1, "z": 3}])),
        ("'<<': 1\n", json!({"<<": 1})),
        ("? a\n: b\n? c\n", json!({"a": "b", "c": null})),
        ("a: |\n  x", json!({"a": "x"})),
        ("a: >+\n  x\n\n", json!({"a": "x\n\n"})),
        ("{a, b: , c: [x: 1]}", json!({"a": null, "b": null, "c": [{"x": 1}]})),
        ("{\"a\":[1,2],\"b\":\"x\\ny\"}", json!({"a": [1, 2], "b": "x\ny"})),
        ("a: !!binary aGk=\nb: !custom x\n", json!({"a": "aGk=", "b": "x"})),
    ];
    for (text, expected) in cases {
        assert_eq!(value(text), expected, "{text:?}");
    }
    let collector = parse("on: yes\n").unwrap().value(Collector).unwrap();
    assert_eq!(collector, json!({"on": "yes"}));
}

#[test]
fn knows_the_bytes_of_every_node() {
    let text =
        "a: &x !!str v # c\nb:\n  - one\n  -\n  - |\n    two\n\nc: [ d , {e: f} ]\ng:   # none\nh: &m\n  &k i: *x\n";
    let tree = parse(text).unwrap();
    let at = |path: &Path| {
        let found = tree.locate(path);
        assert!(found.exact, "{path}");
        text.get(found.value.start..found.value.end).unwrap().to_owned()
    };
    let key = |key: &str| Path::of(&[key]);
    assert_eq!(at(&key("a")), "v");
    assert_eq!(at(&key("b")), "- one\n  -\n  - |\n    two");
    assert_eq!(at(&key("b").index(0)), "one");
    assert_eq!(at(&key("b").index(1)), "");
    assert_eq!(tree.locate(&key("b").index(1)).value.start, text.find("-\n").unwrap() + 1);
    assert_eq!(at(&key("b").index(2)), "|\n    two");
    assert_eq!(at(&key("c")), "[ d , {e: f} ]");
    assert_eq!(at(&key("c").index(1).key("e")), "f");
    assert_eq!(tree.locate(&key("g")).value.start, text.find("g:").unwrap() + 2);
    assert_eq!(at(&key("h")), "&k i: *x");
    assert_eq!(at(&key("h").key("i")), "v", "an alias is shown at its anchor");
    let missing = tree.locate(&key("h").key("nope").key("x"));
    assert!(!missing.exact);
    assert_eq!(missing.value, tree.locate(&key("h")).value);
}

#[test]
fn finds_merged_keys_at_their_source() {
    let text = "base: &base\n  a: 1\nuse:\n  <<: *base\n  b: 2\n";
    let tree = parse(text).unwrap();
    let slot = tree.slot(tree.locate(&Path::of(&["use"])).node, &Segment::Key("a".to_owned())).unwrap();
    assert!(slot.merged);
    assert_eq!(tree.locate(&Path::of(&["use", "a"])).value, tree.locate(&Path::of(&["base", "a"])).value);
}

#[test]
fn says_what_is_wrong_and_where() {
    let cases = [
        ("a:\n\tb: 1\n", "tab used as indentation", 2),
        ("name: a\nb: 1\nname: c\n", "key `name` stands twice, first on line 1", 3),
        ("a: *b\n", "alias of an anchor that is not defined before it", 1),
        ("a: &x [*x]\n", "alias `*x` stands inside of what it names", 1),
        ("a: [b\n", "is never closed", 1),
        ("a: \"b", "quoted string is never closed", 1),
        ("a: \"b\nc: 1\n", "quoted string is never closed, or", 2),
        ("a: 1\n---\nb: 1\n", "a second document begins here: only one is read", 2),
        ("a: \u{1}\n", "the character U+0001 is not allowed in YAML", 1),
        ("a: 1\n b: 2\n", "`:` is not allowed here", 2),
        ("a: @b\n", "`@` cannot begin a value: does a string need quotes?", 1),
    ];
    for (text, message, line) in cases {
        let error = parse(text).err().unwrap_or_else(|| panic!("{text:?} is read"));
        assert!(error.message.contains(message), "{text:?}: {error}");
        assert_eq!(error.line, line, "{text:?}: {error}");
    }
    for (text, message) in [
        ("a: !!int x\n", "`x` does not fit its tag `!!int`"),
        ("{a: 1}: b\n", "a key must be a string"),
        ("<<: 1\n", "`<<` merges a mapping"),
        ("on: 1\ntrue: 1\n", "key `true` stands twice"),
    ] {
        let error = parse(text).unwrap().value(Kubernetes).unwrap_err();
        assert!(error.message.contains(message), "{text:?}: {error}");
    }
}

#[test]
fn hostile_texts_are_refused_soon() {
    let deep = |open: &str| parse(&open.repeat(100_000)).unwrap_err().message;
    assert!(deep("[").contains("levels deep"), "{}", deep("["));
    assert!(deep("- ").contains("levels deep"), "{}", deep("- "));
    assert!(deep("{a: ").contains("levels deep"), "{}", deep("{a: "));
    assert!(parse(&"a: b\n".repeat(limits::DOCUMENT_BYTES)).unwrap_err().message.contains("MiB"));
    assert!(parse(&format!("[{}]", "a,".repeat(limits::NODES + 1))).unwrap_err().message.contains("values"));

    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    let mut merges = "a0: &a0 {k: v}\n".to_owned();
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for n in 1..200 {
        let items = format!("*a{}, ", n - 1).repeat(10);
        writeln!(bomb, "a{n}: &a{n} [{items}]").unwrap();
        writeln!(merges, "a{n}: &a{n} {{<<: [{items}]}}").unwrap();
        writeln!(chain, "a{n}: &a{n} [*a{}]", n - 1).unwrap();
    }
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1_000_000), "*a,".repeat(1_000));
    for text in [bomb, merges, chain, long] {
        let tree = parse(&text).unwrap();
        let error = tree.value(Kubernetes).unwrap_err();
        assert!(error.message.contains("too large") || error.message.contains("deep"), "{error}");
        assert!(!tree.locate(&Path::of(&["a199", "nope"])).exact);
    }
}

#[test]
fn an_alias_never_stands_for_an_alias() {
    let tree = parse("a: &a 1\nb: *a\nc: [*a, *a]\n").unwrap();
    for id in tree.ids() {
        assert!(!matches!(tree.node(tree.follow(id)).kind, Kind::Alias(_)));
    }
}
