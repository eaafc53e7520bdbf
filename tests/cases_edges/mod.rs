//! A case through the webhook, as bytes in and bytes out, and through the command line, as files in and JSON out.

use std::{ffi::OsStr, path::PathBuf, process::Command};

use portcullis::{
    cases::{Case, CaseFile, PolicyEntry, run},
    engine::{kinds, snapshot::Snapshot, yaml},
    webhook::{Door, Mode, admit, wire},
};
use serde_json::{Value, json};

pub(crate) fn through_webhook(file: &CaseFile, case: &Case) -> Result<Vec<String>, String> {
    let prepared = run::prepare(file, case)?;
    let outcome = run::judge(&prepared);
    let request = &prepared.request;
    let snapshot = Snapshot { policies: prepared.policies.clone(), view: prepared.view.clone() };
    let ask = |door: Door, object: &Value| {
        let named = if object.is_null() { &request.old_object } else { object };
        let key = run::key_of(named);
        let (group, version) = kinds::split_api_version(named["apiVersion"].as_str().unwrap_or_default());
        let resource = portcullis::engine::kinds::plural(group, &key.kind);
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {
                "uid": "a-uid", "operation": request.operation.name(), "dryRun": request.dry_run,
                "kind": { "group": group, "version": version, "kind": key.kind },
                "resource": { "group": group, "version": version, "resource": resource },
                "name": key.name, "namespace": key.namespace,
                "userInfo": { "username": request.user, "groups": request.groups },
                "object": object, "oldObject": request.old_object,
            },
        });
        let bytes = serde_json::to_vec(&review).unwrap();
        let read = wire::read(&bytes).unwrap();
        let answer =
            admit::answer(&snapshot, None, door, &read, prepared.now).map_err(|refused| refused.to_string())?;
        let written: Value = serde_json::from_slice(&wire::write(&answer, &read)).unwrap();
        assert_eq!(written["response"]["uid"], "a-uid");
        Ok::<Value, String>(written["response"].clone())
    };
    let mut differences = Vec::new();
    // What a cluster would do: mutate first, then validate what came of it.
    let mut object = request.object.clone();
    let mutated = ask(Door::Mutate, &object)?;
    if let Some(patch) = mutated["patch"].as_str() {
        let patch: json_patch::Patch = serde_json::from_slice(&decode(patch)).map_err(|error| error.to_string())?;
        json_patch::patch(&mut object, &patch).map_err(|error| format!("the patch does not apply: {error}"))?;
        let again = ask(Door::Mutate, &object)?;
        if again.get("patch").is_some() {
            differences.push(format!("applied twice, it patches again: {again}"));
        }
    }
    if object != outcome.patched {
        differences.push(format!("the engine patched to {}\n    the webhook to {object}", outcome.patched));
    }
    // Without a cluster nothing can be made.
    let validated = ask(Door::Validate(Mode::All), &object)?;
    let would_be_made = !outcome.ensures.is_empty();
    if validated["allowed"] != json!(outcome.allowed_alone) {
        differences.push(format!("the engine says allowed: {}, the webhook {validated}", outcome.allowed_alone));
    }
    let warned = validated["warnings"].as_array().map_or(0, Vec::len);
    let expected = outcome.warned.len() + outcome.ending;
    if !would_be_made && warned != expected && !request.dry_run {
        differences.push(format!("the engine warns of {:?}, the webhook of {}", outcome.warned, validated["warnings"]));
    }
    Ok(differences)
}

pub(crate) fn through_cli(file: &CaseFile, case: &Case) -> Result<Vec<String>, String> {
    let prepared = run::prepare(file, case)?;
    // A change is nothing that files hold, and the command line has no clock to set.
    if !prepared.in_files {
        return Ok(Vec::new());
    }
    let outcome = run::judge(&prepared);
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let subject = run::key_of(&prepared.request.object);
    let others = file.world(case).into_iter().filter(|object| run::key_of(object) != subject).map(yaml::emit);
    let world = others.collect::<Vec<_>>().join("---\n");
    let mut files = vec![folder.path().join("subject.yaml")];
    if !world.is_empty() {
        files.push(folder.path().join("world.yaml"));
        std::fs::write(folder.path().join("world.yaml"), world).unwrap();
    }
    std::fs::write(folder.path().join("subject.yaml"), yaml::emit(&prepared.request.object)).unwrap();
    let policies = folder.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    let mut own = case.policies.iter().chain(file.policies.iter().filter(|_| case.policies.is_empty()));
    // Policies in files are given as the files that they are.
    let mut given: Vec<PathBuf> = Vec::new();
    if own.clone().next().is_none() {
        given.extend(file.sibling());
    }
    for (name, text) in portcullis::engine::policy::shipped::SHIPPED.iter().filter(|_| given.is_empty()) {
        let named = |entry: &PolicyEntry| matches!(entry, PolicyEntry::Name(known) if format!("{known}.yaml") == *name);
        if own.clone().next().is_none() || own.clone().any(named) {
            std::fs::write(policies.join(name), text).unwrap();
        }
    }
    for (position, entry) in own.by_ref().enumerate() {
        match entry {
            PolicyEntry::Policy(policy) => {
                std::fs::write(policies.join(format!("own-{position}.yaml")), yaml::emit(policy)).unwrap();
            }
            PolicyEntry::File(entry) => given.push(file.relative(&entry.file)),
            PolicyEntry::Name(_) => {}
        }
    }
    given.push(policies);
    given.retain(|path| !path.is_dir() || std::fs::read_dir(path).unwrap().next().is_some());
    let exceptions: Vec<_> = file.exceptions.iter().chain(&case.exceptions).map(yaml::emit).collect();
    if !exceptions.is_empty() {
        files.push(folder.path().join("exceptions.yaml"));
        std::fs::write(folder.path().join("exceptions.yaml"), exceptions.join("---\n")).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(["check", "--format", "json", "--fail-on", "never"]);
    command.args(given.iter().flat_map(|path| [OsStr::new("--policies"), path.as_os_str()]));
    for (namespace, labels) in &prepared.namespace_labels {
        command.args(
            labels
                .iter()
                .flat_map(|(key, value)| ["--namespace-labels".to_owned(), format!("{namespace}:{key}={value}")]),
        );
    }
    command.args(case.control_plane.iter().flat_map(|text| ["--control-plane", text]));
    if case.closed_world {
        command.arg("--closed-world");
    }
    let output = command.args(files).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)))?;
    if !report["refusals"].as_array().is_some_and(Vec::is_empty) {
        return Err(format!("refused: {}", report["refusals"]));
    }
    let mut printed: Vec<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["file"].as_str().unwrap().ends_with("subject.yaml"))
        .map(|finding| {
            format!("{} {} {}", finding["level"], finding["code"], finding["path"])
                .replace("\\\"", "'")
                .replace('"', "")
        })
        .collect();
    let mut judged: Vec<String> = outcome
        .verdict
        .judged
        .iter()
        .map(|judged| {
            format!("{} {} {}", judged.finding.level.name(), judged.finding.code, judged.finding.path).replace('"', "'")
        })
        .collect();
    printed.sort();
    judged.sort();
    let normal = |lines: Vec<String>| lines.into_iter().map(|line| line.replace('\'', "")).collect::<Vec<_>>();
    let (printed, judged) = (normal(printed), normal(judged));
    Ok(if printed == judged {
        Vec::new()
    } else {
        vec![format!("the engine finds {judged:#?}\n`check` prints {printed:#?}")]
    })
}

fn decode(base64: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = 0_u32;
    let mut count = 0;
    let mut bytes = Vec::new();
    for byte in base64.bytes().filter(|byte| *byte != b'=') {
        bits = bits << 6 | alphabet.iter().position(|known| *known == byte).unwrap() as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    bytes
}
