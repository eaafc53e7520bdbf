//! Runs a case through the engine.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use serde_json::Value;

pub use crate::cases::differences::differences;
use crate::{
    cases::{Case, CaseFile, Labels, Request, Unusable, exceptions},
    engine::{
        decide::{Ask, Decision, Ensure, decide},
        evaluate::evaluate,
        kinds,
        node::{Node, Path},
        patch,
        policy::PolicySet,
        select::Door,
        subject::{Asked, Attributes, ObjectKey, Operation, Subject},
        verdict::Verdict,
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
    pub namespace_labels: Labels,
    pub request: Request,
    /// Judged as files are, too.
    pub in_files: bool,
}

/// What the engine made of it.
#[derive(Debug)]
pub struct Outcome {
    pub verdict: Verdict,
    /// Whether any policy selects what the case is about.
    pub judged: bool,
    pub patched: Value,
    pub allowed: bool,
    /// Whether a webhook that has no cluster to make objects in lets it pass.
    pub allowed_alone: bool,
    pub warned: Vec<String>,
    pub ensures: Vec<Value>,
    /// What could not be looked up although a finding rests on it, sorted.
    pub unknowns: Vec<String>,
    /// Codes that an exception spares for some policy.
    pub excepted: Vec<String>,
    /// Exceptions of which a webhook warns that they are about to end.
    pub ending: usize,
}

/// Reads what the case needs.
///
/// # Errors
/// What in the case, or in the policies that it names, makes no sense.
pub fn prepare(file: &CaseFile, case: &Case) -> Result<Prepared, Unusable> {
    let place = file.place_of(case);
    let bad = |at: Path, message: String| {
        let mut unusable = Unusable::of(file);
        unusable.push(&at, message, None);
        unusable
    };
    let policies = exceptions::join(file.policies(case)?, file, case)?;
    let mut control_plane = ControlPlane::default();
    for (index, text) in case.control_plane.iter().enumerate() {
        let at = || place.key("controlPlane").index(index);
        control_plane.apply(text).map_err(|error| bad(at(), format!("controlPlane: {error}")))?;
    }
    let now = case.now.as_deref().unwrap_or("2026-01-01T00:00:00Z");
    let now = now.parse::<Timestamp>().map_err(|error| bad(place.key("now"), format!("now: {error}")))?;
    let (request, in_files) = match (&case.subject, &case.request) {
        (Some(subject), None) => (creation(subject.clone()), true),
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
    let namespace_labels = file.namespace_labels(case);
    let given = Given {
        control_plane: control_plane.clone(),
        closed: case.closed_world,
        namespace_labels: namespace_labels.clone(),
    };
    let view = world::view(world.iter().map(|(key, object)| (key, *object)), &given);
    Ok(Prepared { policies, view, now, control_plane, namespace_labels, request, in_files })
}

/// Judges it.
pub fn judge(prepared: &Prepared) -> Outcome {
    let request = &prepared.request;
    let key = key_of(request.named());
    let api_version = Node::root(request.named()).get("apiVersion").text().to_owned();
    let (group, version) = kinds::split_api_version(&api_version);
    let resource = kinds::plural(group, &key.kind);
    let attributes = Attributes {
        operation: request.operation,
        group,
        version,
        kind: &key.kind,
        resource: &resource,
        subresource: "",
        namespace: &key.namespace,
        name: &key.name,
        user: &request.user,
        dry_run: request.dry_run,
    };
    let groups = serde_json::value::to_raw_value(&request.groups).ok();
    let asked = Asked { groups: groups.as_deref().filter(|_| !request.groups.is_empty()), ..Asked::default() };
    let subject = Subject::of(attributes, request.object.clone(), request.old_object.clone()).asked(asked);
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
    let unknowns = verdict.judged.iter().filter_map(|judged| judged.finding.unknown.clone()).collect::<BTreeSet<_>>();
    Outcome {
        judged: !verdict.asked.is_empty() || !validated.asked.is_empty(),
        allowed: !decision.is_denied(),
        allowed_alone: !decide(&validated, Ask { ensure: Ensure::Impossible, ..ask }).is_denied(),
        warned: warned(&decision),
        ensures: decision.ensure.iter().flat_map(|(_, objects)| objects.iter().cloned()).collect(),
        patched: Arc::unwrap_or_clone(settled.value),
        unknowns: unknowns.into_iter().collect(),
        excepted: exceptions::excepted(&decision),
        ending: exceptions::ending(&decision),
        verdict,
    }
}

/// What identifies an object, as files are read.
pub fn key_of(object: &Value) -> ObjectKey {
    kinds::key_of(object, "default")
}

fn creation(object: Value) -> Request {
    Request {
        operation: Operation::Create,
        user: String::new(),
        groups: Vec::new(),
        dry_run: false,
        object,
        old_object: Value::Null,
    }
}

fn warned(decision: &Decision<'_>) -> Vec<String> {
    let mut warned: Vec<String> =
        decision.warned.iter().map(|(judged, _)| judged.finding.code.clone().into_owned()).collect();
    warned.sort();
    warned
}
