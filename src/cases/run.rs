//! Runs a case through the engine and says what differs.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    cases::{BadCase, Case, CaseFile, ExpectedFinding, Request},
    engine::{
        decide::{Ask, Decision, Ensure, decide},
        evaluate::evaluate,
        finding::{Finding, Remedy},
        kinds,
        node::{Node, Path},
        patch,
        policy::PolicySet,
        select::Door,
        subject::{Attributes, ObjectKey, Operation, Subject},
        verdict::{Exemption, Verdict},
        view::{View, control_plane::ControlPlane},
    },
    files::world::{self, Given},
};

/// Everything a case is judged with.
#[derive(Debug)]
pub struct Prepared {
    pub policies: PolicySet,
    pub view: View,
    pub now: Timestamp,
    pub control_plane: ControlPlane,
    pub request: Request,
    /// Judged as files are, too.
    pub in_files: bool,
}

/// What the engine made of it.
#[derive(Debug)]
pub struct Outcome {
    pub verdict: Verdict,
    pub patched: Value,
    pub allowed: bool,
    /// Whether a webhook that has no cluster to make objects in lets it pass.
    pub allowed_alone: bool,
    pub warned: Vec<String>,
    pub ensures: Vec<Value>,
    /// Codes that an exception spares for some policy.
    pub excepted: Vec<String>,
    /// Exceptions of which a webhook warns that they are about to end.
    pub ending: usize,
}

/// Reads what the case needs.
///
/// # Errors
/// What in the case makes no sense.
pub fn prepare(file: &CaseFile, case: &Case) -> Result<Prepared, BadCase> {
    let place = file.place_of(case);
    let bad = |at: Path, message: String| BadCase { at, message };
    let policies = file.policies(case)?.with_exceptions(file.exceptions(case)?);
    let mut control_plane = ControlPlane::default();
    for (index, text) in case.control_plane.iter().enumerate() {
        let at = || place.key("controlPlane").index(index);
        control_plane.apply(text).map_err(|error| bad(at(), format!("controlPlane: {error}")))?;
    }
    let now = case.now.as_deref().unwrap_or("2026-01-01T00:00:00Z");
    let now = now.parse::<Timestamp>().map_err(|error| bad(place.key("now"), format!("now: {error}")))?;
    let (request, in_files) = match (&case.subject, &case.request) {
        (Some(subject), None) => (
            Request {
                operation: Operation::Create,
                user: String::new(),
                dry_run: false,
                object: subject.clone(),
                old_object: Value::Null,
            },
            true,
        ),
        (None, Some(request)) => (request.clone(), false),
        _ => return Err(bad(place, "a case has either a `subject` or a `request`".to_owned())),
    };
    let in_world = |(index, object)| match key_of(object) {
        key if kinds::generated_name(object).is_some() => {
            (kinds::generated_key(key, &format!("world {index}")), object)
        }
        key => (key, object),
    };
    let mut world: Vec<(ObjectKey, &Value)> = file.world(case).into_iter().enumerate().map(in_world).collect();
    if in_files {
        world.push((key_of(&request.object), &request.object));
    }
    let given = Given { control_plane: control_plane.clone(), closed: case.closed_world, ..Given::default() };
    let view = world::view(world.iter().map(|(key, object)| (key, *object)), &given);
    Ok(Prepared { policies, view, now, control_plane, request, in_files })
}

/// Judges it.
pub fn judge(prepared: &Prepared) -> Outcome {
    let request = &prepared.request;
    let subject_value = if request.object.is_null() { &request.old_object } else { &request.object };
    let key = key_of(subject_value);
    let api_version = Node::root(subject_value).get("apiVersion").text().to_owned();
    let (group, version) = kinds::split_api_version(&api_version);
    let resource = kinds::by_kind(group, &key.kind).map_or("", |kind| kind.resource);
    let attributes = Attributes {
        operation: request.operation,
        group,
        version,
        kind: &key.kind,
        resource,
        subresource: "",
        namespace: &key.namespace,
        name: &key.name,
        user: &request.user,
        dry_run: request.dry_run,
    };
    let subject = Subject::of(attributes, request.object.clone(), request.old_object.clone());
    let door = if prepared.in_files { Door::Files } else { Door::Validate(None) };
    let evaluate_at = |door, subject: &Subject<'_>| {
        let selection = prepared.policies.select(door, &attributes);
        evaluate(&selection, subject, &prepared.view, prepared.now)
    };
    let verdict = evaluate_at(door, &subject);
    let settled =
        patch::settle(&prepared.policies.select(Door::Mutate, &attributes), &subject, &prepared.view, prepared.now);
    let after = subject.with_object(Arc::clone(&settled.value));
    let validated = evaluate_at(Door::Validate(None), &after);
    let ask = Ask { door: Door::Validate(None), dry_run: request.dry_run, ensure: Ensure::Possible };
    let decision = decide(&validated, ask);
    Outcome {
        allowed: !decision.is_denied(),
        allowed_alone: !decide(&validated, Ask { ensure: Ensure::Impossible, ..ask }).is_denied(),
        warned: warned(&decision),
        excepted: excepted(&decision),
        ending: ending(&decision),
        ensures: decision.ensure.iter().flat_map(|(_, objects)| objects.iter().cloned()).collect(),
        patched: Arc::unwrap_or_clone(settled.value),
        verdict,
    }
}

/// What differs from the expectation; nothing where the case holds.
pub fn differences(case: &Case, outcome: &Outcome) -> Vec<String> {
    let expect = &case.expect;
    let mut found: Vec<&Finding> = outcome.verdict.judged.iter().map(|judged| &judged.finding).collect();
    let mut differences = Vec::new();
    for expected in &expect.findings {
        match found.iter().position(|finding| matches(expected, finding)) {
            Some(position) => {
                found.remove(position);
            }
            None => differences.push(format!("expected {}", described(expected))),
        }
    }
    differences.extend(found.iter().map(|finding| {
        format!("unexpected {} {} at `{}`: {}", finding.level.name(), finding.code, finding.path, finding.message)
    }));
    if let Some(allowed) = expect.allowed.filter(|allowed| *allowed != outcome.allowed) {
        differences.push(format!("expected allowed: {allowed}, got {}", outcome.allowed));
    }
    if let Some(warned) = &expect.warned {
        let mut warned = warned.clone();
        warned.sort();
        if warned != outcome.warned {
            differences.push(format!("expected warned: {warned:?}, got {:?}", outcome.warned));
        }
    }
    if let Some(excepted) = &expect.excepted {
        let mut excepted = excepted.clone();
        excepted.sort();
        if excepted != outcome.excepted {
            differences.push(format!("expected excepted: {excepted:?}, got {:?}", outcome.excepted));
        }
    }
    if let Some(patched) = &expect.patched
        && *patched != outcome.patched
    {
        differences.push(format!("expected patched: {patched}\n     got patched: {}", outcome.patched));
    }
    if let Some(ensures) = &expect.ensures
        && *ensures != outcome.ensures
    {
        differences.push(format!("expected ensures: {ensures:?}\n     got ensures: {:?}", outcome.ensures));
    }
    differences
}

/// What identifies an object, as files are read.
pub fn key_of(object: &Value) -> ObjectKey {
    kinds::key_of(object, "default")
}

fn warned(decision: &Decision<'_>) -> Vec<String> {
    let mut warned: Vec<String> =
        decision.warned.iter().map(|(judged, _)| judged.finding.code.clone().into_owned()).collect();
    warned.sort();
    warned
}

fn excepted(decision: &Decision<'_>) -> Vec<String> {
    let codes: BTreeSet<_> = decision.excepted.iter().map(|(judged, ..)| judged.finding.code.to_string()).collect();
    codes.into_iter().collect()
}

fn ending(decision: &Decision<'_>) -> usize {
    let ending = decision
        .excepted
        .iter()
        .filter(|(_, asker, _)| matches!(asker.exemption, Exemption::Holds { ends_soon: true, .. }));
    ending.map(|(.., exception)| &exception.name).collect::<BTreeSet<_>>().len()
}

fn matches(expected: &ExpectedFinding, finding: &Finding) -> bool {
    let says = |words: &String| {
        let details = finding.details.as_ref().map_or("", |details| &details.text);
        let help = finding.full_help().unwrap_or_default();
        [finding.message.as_str(), details, &help].iter().any(|text| text.contains(words.as_str()))
    };
    let fixable = matches!(finding.remedy, Some(Remedy::Edit(_)));
    finding.code == expected.code
        && expected.level.is_none_or(|level| level == finding.level)
        && expected.path.as_ref().is_none_or(|path| *path == finding.path.to_string())
        && expected.says.as_ref().is_none_or(says)
        && expected.fixable.is_none_or(|expected| expected == fixable)
}

fn described(expected: &ExpectedFinding) -> String {
    let mut text = match expected.level {
        Some(level) => format!("{} {}", level.name(), expected.code),
        None => expected.code.clone(),
    };
    if let Some(path) = &expected.path {
        text.push_str(&format!(" at `{path}`"));
    }
    if let Some(says) = &expected.says {
        text.push_str(&format!(" saying `{says}`"));
    }
    if let Some(fixable) = expected.fixable {
        text.push_str(if fixable { ", fixable" } else { ", not fixable" });
    }
    text
}
