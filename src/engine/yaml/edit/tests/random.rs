//! Documents and changes made at random.

use std::fmt::Write as _;

use proptest::{prelude::*, sample::Index};
use serde_json::{Map, Value};

use super::super::{apply, apply_to_value, same};
use crate::engine::{
    finding::Change,
    node::{Path, Segment},
    yaml::{Dialect, documents, emit, looks_like_helm_template, spans, tree::parse},
};

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z]{1,5}".prop_map(Value::from),
        "[ -~]{0,8}".prop_map(Value::from),
        "([a-z #:]{0,5}\n){0,3}[a-z]{0,3}".prop_map(Value::from),
        Just(Value::from("x: [a, b]\ny:\n- c\n")),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec(("[a-f]{1,2}|[ -~]{1,4}", inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn document() -> impl Strategy<Value = Value> {
    prop::collection::vec(("[a-f]{1,2}", value()), 1..5)
        .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>()))
}

/// Writes a value in a style that the seed picks at every step.
fn written(value: &Value, column: usize, seed: &mut u32, out: &mut String) {
    let mut pick = |n: u32| {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*seed >> 16) % n
    };
    let pad = " ".repeat(column);
    let flow = pick(4) == 0;
    let comment = ["", "", " # note"][pick(3) as usize];
    match value {
        Value::Array(items) if !items.is_empty() && !flow => {
            for item in items {
                write!(out, "{pad}-").unwrap();
                after_indicator(item, column + 2, true, comment, seed, out);
            }
        }
        Value::Object(map) if !map.is_empty() && !flow => {
            for (key, value) in map {
                write!(out, "{pad}{}:", serde_json::to_string(key).unwrap()).unwrap();
                after_indicator(value, column + 2, false, comment, seed, out);
            }
        }
        other => writeln!(out, "{pad}{other}").unwrap(),
    }
}

fn after_indicator(value: &Value, column: usize, item: bool, comment: &str, seed: &mut u32, out: &mut String) {
    let mut block = String::new();
    written(value, column, seed, &mut block);
    let is_block = matches!(value, Value::Array(_) | Value::Object(_)) && !block.trim_start().starts_with(['[', '{']);
    if is_block && item && *seed & 1 == 0 {
        write!(out, " {}", block.trim_start_matches(' ')).unwrap();
    } else if is_block {
        write!(out, "{comment}\n{block}").unwrap();
    } else if let Value::String(text) = value
        && text.ends_with('\n')
        && !text.starts_with([' ', '\n'])
        && !text.ends_with("\n\n")
        && text.lines().all(|line| !line.trim().is_empty())
    {
        writeln!(out, " |{comment}").unwrap();
        text.lines().for_each(|line| writeln!(out, "{}{line}", " ".repeat(column)).unwrap());
    } else if value.is_null() && *seed & 2 == 0 {
        writeln!(out, "{comment}").unwrap();
    } else {
        writeln!(out, " {}{comment}", block.trim()).unwrap();
    }
}

fn paths(value: &Value, at: &Path, out: &mut Vec<Path>) {
    if !at.is_root() {
        out.push(at.clone());
    }
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| paths(item, &at.index(index), out));
            out.push(at.index(items.len()));
        }
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| paths(value, &at.key(key), out));
            out.push(at.key("new key"));
        }
        Value::String(text) if text.starts_with("x: [") => {
            out.extend([at.yaml().key("x").index(0), at.yaml().key("y").index(0), at.yaml().key("z")]);
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_edit_means_what_it_says(
        document in document(),
        seed in any::<u32>(),
        picks in prop::collection::vec((any::<Index>(), prop::option::of(value())), 1..4),
        crlf in any::<bool>(),
    ) {
        let mut text = String::new();
        written(&document, 0, &mut seed.clone(), &mut text);
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        let read = parse(&text).and_then(|tree| tree.value(Dialect::Collector));
        let read = read.unwrap_or_else(|error| panic!("{text}: {error}"));
        prop_assert!(same(&read, &document), "{text}");
        let mut all = Vec::new();
        paths(&document, &Path::root(), &mut all);
        let changes: Vec<Change> = picks
            .into_iter()
            .map(|(index, value)| {
                let path = index.get(&all).clone();
                value.map_or_else(|| Change::Remove { path: path.clone() }, |value| Change::Set { path: path.clone(), value })
            })
            .collect();
        let mut wanted = read.clone();
        let Ok(operations) = apply_to_value(&mut wanted, &changes) else { return Ok(()) };
        let mut patched = read;
        json_patch::patch(&mut patched, &serde_json::from_value::<json_patch::Patch>(Value::Array(operations.clone())).unwrap()).unwrap();
        prop_assert_eq!(&patched, &wanted, "{:?}", operations);
        let edited = apply(&text, &changes, Dialect::Collector);
        let edited = edited.unwrap_or_else(|error| panic!("{error}\n--- text\n{text}\n--- changes\n{changes:?}"));
        let got = parse(&edited).unwrap().value(Dialect::Collector).unwrap();
        prop_assert!(same(&got, &wanted), "{text}\n---\n{edited}");
        let shifts = |change: &Change| {
            let at_index = matches!(change.path().segments().last(), Some(Segment::Index(_)));
            at_index && matches!(change, Change::Remove { .. })
        };
        if !changes.iter().any(shifts) {
            prop_assert_eq!(apply(&edited, &changes, Dialect::Collector).unwrap(), edited);
        }
    }

    #[test]
    fn what_is_emitted_is_read_back(value in value()) {
        for dialect in [Dialect::Kubernetes, Dialect::Collector] {
            let read = parse(&emit(&value)).unwrap().value(dialect).unwrap();
            prop_assert!(same(&read, &value), "{}", emit(&value));
        }
    }

    #[test]
    fn nothing_panics(text in "([-a:,|>'\"&*!?#{}\\[\\]\\\\% \t\r\n~<é0]|---|\\.\\.\\.|\n  |: |\n- ){0,40}", index in 0_usize..3) {
        let whole: usize = documents::split(&text).iter().map(|document| document.text.len()).sum();
        prop_assert!(whole <= text.len());
        looks_like_helm_template(&text);
        let path = Path::of(&["a"]).index(index);
        for path in [path.clone(), path.yaml().key("a"), Path::root().index(index), Path::of(&["a", "a"]), Path::of(&["a"])] {
            if let Some(span) = spans::locate(&text, &path) {
                prop_assert!(text.get(span.start..span.end).is_some(), "{text:?} {path} {span:?}");
            }
            for change in [Change::Remove { path: path.clone() }, Change::Set { path: path.clone(), value: Value::from("b") }] {
                drop(apply(&text, &[change], Dialect::Kubernetes));
            }
        }
    }
}
