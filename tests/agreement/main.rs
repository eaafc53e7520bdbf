//! Holds our verdicts against what a real kgateway said: `cargo run --example agreement -- FOLDER`.
//!
//! A scenario is a folder with `cluster.yaml`, `policy.yaml`, sometimes `steps.yaml` with live changes, and
//! `observed.json`: by controller version and phase, whether the telemetry objects were `Invalid`. We agree where `check`
//! of a closed world has an error exactly when they were, where a change that led to Invalid is refused (making a Gateway
//! is warned of), and where a change that healed is allowed. Deleting what is needed is refused in any case: finalizers
//! that kept it alive in the recorded run do not do so for ever.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a tool for developers, which prints"
)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use jiff::Timestamp;
use portcullis::{
    cases::run::key_of,
    cli::check,
    engine::{
        decide::{Ask, Ensure, decide},
        evaluate::evaluate,
        finding::Level,
        kinds,
        policy::{PolicySet, shipped},
        select::Door,
        subject::{Attributes, ObjectKey, Operation, Subject},
        view::control_plane::ControlPlane,
        yaml::{self, Dialect},
    },
    files::{
        manifests, paths,
        world::{self, Given},
    },
};
use serde_json::Value;

type World = BTreeMap<ObjectKey, Value>;

#[derive(Default)]
struct Tally {
    agreed: usize,
    differs: Vec<String>,
    rejected: usize,
}

fn main() -> ExitCode {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if folders.is_empty() {
        println!("usage: agreement FOLDER..., each with scenarios as folders in it");
        return ExitCode::from(2);
    }
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for folder in folders {
        let mut scenarios: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        scenarios.sort();
        for scenario in scenarios.iter().filter(|path| path.join("observed.json").is_file()) {
            play(scenario, &mut tallies);
        }
    }
    let mut differs = false;
    for (version, tally) in &tallies {
        let all = tally.agreed + tally.differs.len();
        println!(
            "kgateway {version}: {} of {all} phases agree; {} scenarios were refused by the API server itself",
            tally.agreed, tally.rejected
        );
        for line in &tally.differs {
            println!("  {line}");
        }
        differs |= !tally.differs.is_empty();
    }
    ExitCode::from(u8::from(differs))
}

fn play(scenario: &Path, tallies: &mut BTreeMap<String, Tally>) {
    let name = scenario.file_name().unwrap().to_string_lossy().into_owned();
    let observed: Value = serde_json::from_slice(&std::fs::read(scenario.join("observed.json")).unwrap()).unwrap();
    for (version, seen) in observed.as_object().unwrap() {
        let tally = tallies.entry(version.clone()).or_default();
        let rejected = |api: &Value| api["lenient"]["accepted"] == false;
        if observed["2.4"]["api"]
            .as_array()
            .into_iter()
            .flatten()
            .chain(seen["api"].as_array().into_iter().flatten())
            .any(rejected)
        {
            tally.rejected += 1;
            continue;
        }
        let Some(control_plane) = control_plane(version) else { continue };
        let phases = seen["phases"].as_array().unwrap();
        let invalid = |phase: &Value| phase["accepted"] == "Invalid";
        let (mut world, errors) = initially(scenario, &control_plane);
        let mut compare = |phase: &str, ours: &str, theirs: &str| {
            if ours == theirs {
                tally.agreed += 1;
            } else {
                tally.differs.push(format!("{name}, {phase}: we say {ours}, it should be {theirs}"));
            }
        };
        let said = |wrong: bool| if wrong { "error" } else { "no error" };
        compare("initial", said(errors), said(invalid(&phases[0])));
        let Ok(text) = std::fs::read_to_string(scenario.join("steps.yaml")) else { continue };
        let steps = yaml::tree::parse(&text).unwrap().value(Dialect::Kubernetes).unwrap();
        for (step, phase) in steps.as_array().unwrap().iter().zip(phases.iter().skip(1)) {
            let mut worst = "allowed";
            let mut expected = "allowed";
            for action in step["do"].as_array().unwrap() {
                for change in changes(action, &world) {
                    let answer = ask(&change, &world, &control_plane);
                    let gateway = change.key.kind == "Gateway";
                    let takes = change.object.is_null() && ["Service", "Namespace"].contains(&change.key.kind.as_str());
                    if invalid(phase) && gateway {
                        expected = "warned";
                    } else if expected != "warned" && (invalid(phase) || takes) {
                        expected = "refused";
                    }
                    worst = match (worst, answer) {
                        ("refused", _) | (_, "refused") => "refused",
                        ("warned", _) | (_, "warned") => "warned",
                        _ => "allowed",
                    };
                    carry_out(change, &mut world);
                }
            }
            // Healing may be told of, and must be allowed.
            let ours = if expected == "allowed" && worst == "warned" { "allowed" } else { worst };
            compare(phase["phase"].as_str().unwrap(), ours, expected);
        }
    }
}

/// `2.4`, `2.2.1`, `2.4 mode OFF`.
fn control_plane(version: &str) -> Option<ControlPlane> {
    let mut words = version.split_whitespace();
    let mut text = format!("kgateway={}", words.next()?);
    if let Some(mode) = words.nth(1) {
        text.push_str(&format!(",grants={}", mode.to_lowercase()));
    }
    text.parse().ok()
}

fn given(control_plane: &ControlPlane) -> Given {
    Given { control_plane: control_plane.clone(), closed: true, ..Given::default() }
}

/// The world at the start, and whether `check` finds an error in it.
fn initially(scenario: &Path, control_plane: &ControlPlane) -> (World, bool) {
    let (sources, _) = paths::read(&[scenario.join("cluster.yaml"), scenario.join("policy.yaml")]);
    let objects = manifests::read(&sources, "default", |_| {}).objects;
    let view = world::of(&objects, &given(control_plane));
    let report = check::judge(&sources, &objects, &shipped::policies(), &view, Timestamp::UNIX_EPOCH, false);
    let world = objects.into_iter().map(|manifest| (manifest.key, manifest.object)).collect();
    (world, report.worst() == Some(Level::Error))
}

struct Change {
    key: ObjectKey,
    object: Value,
    old: Value,
}

fn changes(action: &Value, world: &World) -> Vec<Change> {
    let target = |what: &Value| {
        let resource = what["kind"].as_str().unwrap();
        let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
        let kind = kinds::by_resource(group, resource).unwrap();
        ObjectKey::new(group, kind.kind, what["namespace"].as_str().unwrap_or_default(), what["name"].as_str().unwrap())
    };
    if let Some(objects) = action["apply"].as_array() {
        let one = |object: &Value| {
            let key = key_of(object);
            let old = world.get(&key).cloned().unwrap_or_default();
            Change { key, object: object.clone(), old }
        };
        return objects.iter().map(one).collect();
    }
    if action["delete"].is_object() {
        let key = target(&action["delete"]);
        let old = world.get(&key).cloned().unwrap_or_default();
        return vec![Change { key, object: Value::Null, old }];
    }
    let key = target(&action["patch"]);
    let old = world.get(&key).cloned().unwrap_or_default();
    let mut object = old.clone();
    let patch: json_patch::Patch = serde_json::from_value(action["patch"]["patch"].clone()).unwrap();
    json_patch::patch(&mut object, &patch).unwrap();
    vec![Change { key, object, old }]
}

fn ask(change: &Change, world: &World, control_plane: &ControlPlane) -> &'static str {
    let policies: PolicySet = shipped::policies();
    let view = world::view(world.iter(), &given(control_plane));
    let operation = match (change.object.is_null(), change.old.is_null()) {
        (true, _) => Operation::Delete,
        (false, true) => Operation::Create,
        (false, false) => Operation::Update,
    };
    let named = if change.object.is_null() { &change.old } else { &change.object };
    let api_version = named["apiVersion"].as_str().unwrap_or("v1").to_owned();
    let (_, version) = kinds::split_api_version(&api_version);
    let attributes = Attributes { user: "somebody", ..Attributes::of(operation, &change.key, version) };
    let subject = Subject::of(attributes, change.object.clone(), change.old.clone());
    let verdict = evaluate(&policies.select(Door::Validate(None), &attributes), &subject, &view, Timestamp::UNIX_EPOCH);
    let ask = Ask { door: Door::Validate(None), dry_run: false, ensure: Ensure::Impossible };
    let decision = decide(&verdict, ask);
    let woken = decision.warned.iter().any(|(judged, _)| judged.finding.code == "in-use/wakes-broken");
    if decision.is_denied() {
        "refused"
    } else if woken {
        "warned"
    } else {
        "allowed"
    }
}

fn carry_out(change: Change, world: &mut World) {
    if change.object.is_null() {
        world.remove(&change.key);
    } else {
        world.insert(change.key, change.object);
    }
}
