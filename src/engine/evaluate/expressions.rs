//! What the expressions of a policy say of a subject: whether it is judged at all, and findings.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::engine::{
    cel::{Answer, Failure, Given, Meter, Program, Value, given::look_ups::Cluster},
    evaluate::facts::{Facts, Seen},
    finding::{Change, Edit, Finding, Level},
    limits,
    node::{Path, Segment},
    patch::difference,
    policy::{
        FailurePolicy, Policy,
        body::{Body, Mutation, Said, Validation},
        compile::cel::{NOT_IDEMPOTENT, NOT_JUDGED},
        spec::cel::ParameterNotFound,
    },
    subject::Subject,
    view::{self, Lens},
};

/// Whether the match conditions of a policy hold.
pub(super) enum Conditions {
    Hold,
    /// It does not judge this subject.
    Fail,
    /// What could not be looked up decides.
    Unknown(String),
    /// One of them failed, and none is false: why it cannot be judged.
    Broken(Box<Finding>),
}

/// A policy with expressions before a subject.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expressions<'a> {
    pub(super) policy: &'a Policy,
    pub(super) subject: &'a Subject<'a>,
    pub(super) lens: &'a Lens<'a>,
    pub(super) facts: &'a Facts,
}

// === impl Expressions ===

impl<'a> Expressions<'a> {
    /// As in Kubernetes: one that is false settles it, whatever becomes of the others.
    pub(super) fn conditions(&self, meter: &mut Meter) -> Conditions {
        let policy = self.policy;
        if let Some(params) = &policy.params
            && matches!(self.lens.params(&params.name), view::Answer::Absent)
        {
            return match params.not_found {
                ParameterNotFound::Allow => Conditions::Fail,
                ParameterNotFound::Deny => {
                    let (namespace, name) = (self.lens.view().params_namespace(), &params.name);
                    let what = format!("its parameters, ConfigMap `{name}` in namespace `{namespace}`, are not there");
                    let finding = self.not_judged(what);
                    Conditions::Broken(Box::new(finding))
                }
            };
        }
        if policy.conditions.is_empty() {
            return Conditions::Hold;
        }
        let cluster = Cluster::new(self.lens, &self.subject.key.namespace);
        let seen = self.seen(self.subject.value());
        let given = Given::new(&seen, &[], Some(&cluster));
        meter.begin_policy(limits::CEL_CONDITIONS);
        let (mut unknown, mut broken) = (None, None);
        for (name, program) in &policy.conditions {
            match run(program, &given, meter) {
                Ok(Value::Bool(true)) => {}
                Ok(Value::Bool(false)) => return Conditions::Fail,
                Ok(_) => broken = broken.or(Some((name, "it gives no bool".to_owned()))),
                Err(Failure::Unknown(what)) => unknown = unknown.or(Some(what)),
                Err(Failure::Error(why) | Failure::Spent(why)) => broken = broken.or(Some((name, why))),
            }
        }
        match (broken, unknown) {
            (Some((name, why)), unknown) => {
                let finding = self.not_judged(format!("its match condition `{name}` failed: {why}"));
                // The other one may be false, and then nothing is asked of it.
                Conditions::Broken(Box::new(unknown.into_iter().fold(finding, Finding::unknown)))
            }
            (None, Some(what)) => Conditions::Unknown(what),
            (None, None) => Conditions::Hold,
        }
    }

    pub(super) fn findings(&self, meter: &mut Meter) -> Vec<Finding> {
        meter.begin_policy(limits::CEL_POLICY);
        match &self.policy.body {
            Body::Rule { .. } => Vec::new(),
            Body::Validations(validations) => self.validations(validations, meter),
            Body::Mutations(mutations) => self.mutations(mutations, meter),
        }
    }

    fn validations(&self, validations: &'a [Validation], meter: &mut Meter) -> Vec<Finding> {
        let cluster = Cluster::new(self.lens, &self.subject.key.namespace);
        let seen = self.seen(self.subject.value());
        let given = Given::new(&seen, &self.policy.variables, Some(&cluster));
        let mut findings = Vec::new();
        for validation in validations {
            let Validation { said, expression, message, path, reason } = validation;
            let finding = match run(expression, &given, meter) {
                Ok(Value::Bool(true)) => continue,
                Ok(_) => {
                    let text = message.as_ref().and_then(|message| said_by(message, &given, meter));
                    let path = path.as_ref().map_or_else(Path::root, |path| self.path(run(path, &given, meter)));
                    let path = if cluster.told_of_others() { Path::root() } else { path };
                    let finding = match text {
                        // It may tell what the webhook's caller must not know: names and ports of another namespace.
                        Some(text) if cluster.told_of_others() => {
                            worded(said, default_message(said, expression), path).details(text, true)
                        }
                        Some(text) => worded(said, text, path),
                        None => worded(said, default_message(said, expression), path),
                    };
                    Finding { reason: Some(*reason), ..finding }
                }
                Err(Failure::Unknown(what)) => worded(said, not_known(said, expression), Path::root()).unknown(what),
                Err(Failure::Error(why)) => self.failed(said, &why, cluster.told_of_others()),
                Err(Failure::Spent(why)) => {
                    findings.push(self.failed(said, &why, cluster.told_of_others()));
                    // As in Kubernetes, nothing more is run of a policy that has spent its budget.
                    if meter.left_to_policy() == 0 {
                        break;
                    }
                    continue;
                }
            };
            findings.push(finding);
        }
        findings
    }

    fn mutations(&self, mutations: &'a [Mutation], meter: &mut Meter) -> Vec<Finding> {
        let object = self.subject.value();
        let mut findings = Vec::new();
        let once = self.mutated(object, mutations, meter, &mut findings);
        let changes = difference::changes(object, &once.object);
        if changes.is_empty() {
            return findings;
        }
        let mut again = Vec::new();
        let twice = self.mutated(&once.object, mutations, meter, &mut again);
        // What could not be judged before cannot be now, and keeps no other mutation from being made.
        again.retain(|failed| !findings.iter().any(|known| known.code == failed.code));
        if !again.is_empty() {
            findings.extend(again);
            return findings;
        }
        if twice.object != once.object {
            let by: Vec<_> = twice.by.iter().map(|by| format!("`{}`", by.said.code)).collect();
            let again = difference::changes(&once.object, &twice.object);
            let path = again.first().map_or_else(Path::root, |change| change.path().clone());
            let message = format!(
                "the mutations of policy `{}` never come to an end: applied again, {} would change `{path}` once more",
                self.policy.name,
                by.join(", "),
            );
            let finding = Finding::new_by_author(format!("{}/{NOT_IDEMPOTENT}", self.policy.name), Level::Warning, path, message)
                .help("make the patch depend on what it finds, as by `has(…) ? [] : [JSONPatch{…}]`; nothing is changed until then");
            findings.push(finding.in_itself());
            return findings;
        }
        let title = described(&changes);
        let edit = Arc::new(Edit { title, changes });
        for By { said, changes } in &once.by {
            let path = changes.first().map_or_else(Path::root, |change| change.path().clone());
            let message = match said.message.as_str() {
                "" => format!("policy `{}` {}", self.policy.name, described(changes)),
                message => message.to_owned(),
            };
            findings.push(worded(said, message, path).shared_edit(&edit));
        }
        findings
    }

    /// The object after all mutations, and those that changed something. One that fails changes nothing, and is told.
    fn mutated(
        &self,
        object: &Json,
        mutations: &'a [Mutation],
        meter: &mut Meter,
        findings: &mut Vec<Finding>,
    ) -> Mutated<'a> {
        let mut mutated = Mutated { object: object.clone(), by: Vec::new() };
        let is_off = |said: &Said| self.policy.levels.get(&said.code) == Some(&None);
        for Mutation { said, patch } in mutations.iter().filter(|mutation| !is_off(&mutation.said)) {
            let operations = match self.operations(&mutated.object, patch, meter) {
                Ok(operations) => operations,
                Err((Failure::Unknown(what), _)) => {
                    findings.push(worded(said, not_known(said, patch), Path::root()).unknown(what));
                    continue;
                }
                Err((Failure::Error(why) | Failure::Spent(why), guarded)) => {
                    findings.push(self.failed(said, &why, guarded));
                    continue;
                }
            };
            match difference::patched(&mutated.object, &operations) {
                Ok(after) if after != mutated.object => {
                    let changes = difference::changes(&mutated.object, &after);
                    mutated.object = after;
                    mutated.by.push(By { said, changes });
                }
                Ok(_) => {}
                Err(why) => findings.push(self.failed(said, &why, false)),
            }
        }
        mutated
    }

    /// The operations of RFC 6902 that a mutation wants, of an object as those before it have left it; or why there are none, and
    /// whether that may tell of another namespace.
    fn operations(&self, object: &Json, patch: &Program, meter: &mut Meter) -> Result<Vec<Json>, (Failure, bool)> {
        let cluster = Cluster::new(self.lens, &self.subject.key.namespace);
        // What was read of the object as it came does not hold of what was made of it.
        let fresh = Facts::default();
        let facts = if object == self.subject.value() { self.facts } else { &fresh };
        let seen = Seen { facts, ..self.seen(object) };
        let given = Given::new(&seen, &self.policy.variables, Some(&cluster));
        let answer = run(patch, &given, meter).and_then(|list| match (&list, list.to_json()?) {
            (Value::List(_), Json::Array(operations)) => Ok(operations),
            _ => Err(Failure::error("it gives no list of `JSONPatch`")),
        });
        answer.map_err(|failure| (failure, cluster.told_of_others()))
    }

    fn seen<'b>(&self, object: &'b Json) -> Seen<'b>
    where
        'a: 'b,
    {
        let Self { policy, subject, lens, facts } = *self;
        Seen { facts, subject, object, lens, policy }
    }

    /// An expression failed, which says nothing of the object: how bad that is, is for `failurePolicy` to say. Why may tell of
    /// another namespace, where the expression was told of one.
    fn failed(&self, said: &Said, why: &str, guarded: bool) -> Finding {
        let message = format!("`{}` cannot be judged", said.code);
        let finding = if guarded {
            self.failure(said.code.clone(), message).details(why, true)
        } else {
            self.failure(said.code.clone(), format!("{message}: {why}"))
        };
        let is_missing = why.contains("no such key") || why.contains("index out of bounds");
        let how = if is_missing {
            "mend the policy: guard what may be missing by `has(…)` or `.?`"
        } else {
            "mend the policy"
        };
        finding.help(how)
    }

    fn not_judged(&self, why: String) -> Finding {
        let code = format!("{}/{NOT_JUDGED}", self.policy.name);
        self.failure(code, format!("policy `{}` cannot be judged: {why}", self.policy.name))
    }

    fn failure(&self, code: String, message: String) -> Finding {
        let finding = Finding::new_by_author(code, self.level_of_failure(), Path::root(), message);
        Finding { failed: true, ..finding }
    }

    const fn level_of_failure(&self) -> Level {
        match self.policy.failure {
            FailurePolicy::Fail => Level::Error,
            FailurePolicy::Ignore => Level::Warning,
        }
    }

    /// Keys and places as far as there is something in the object; what is held in a string is entered.
    fn path(&self, answer: Answer<'a>) -> Path {
        let Ok(Value::List(list)) = answer else { return Path::root() };
        let mut path = Path::root();
        let subject = if self.subject.object().is_set() { self.subject.object() } else { self.subject.old() };
        let mut node = subject.value();
        for step in list.iter() {
            let step = match step {
                Value::String(key) => Segment::Key(key.as_str().to_owned()),
                Value::Int(index) => Segment::Index(usize::try_from(index).unwrap_or_default()),
                _ => return path,
            };
            if node.is_some_and(Json::is_string) {
                path.push(Segment::Yaml);
                node = None;
            }
            node = match (&step, node) {
                (Segment::Key(key), Some(node)) => node.get(key.as_str()),
                (Segment::Index(index), Some(node)) => node.get(*index),
                _ => None,
            };
            path.push(step);
        }
        path
    }
}

/// What mutations make of an object.
struct Mutated<'a> {
    object: Json,
    by: Vec<By<'a>>,
}

/// A mutation that changed something, and what.
struct By<'a> {
    said: &'a Said,
    changes: Vec<Change>,
}

fn run<'a>(program: &'a Program, given: &Given<'a>, meter: &mut Meter) -> Answer<'a> {
    program.run(given, meter)
}

/// One line, which is not blank; else none, and the other message is said.
fn said_by<'a>(program: &'a Program, given: &Given<'a>, meter: &mut Meter) -> Option<String> {
    let answer = run(program, given, meter).ok()?;
    let text = answer.as_str()?.trim();
    let fits = !text.is_empty() && !text.contains(['\n', '\r']) && text.len() <= limits::CEL_MESSAGE;
    fits.then(|| text.to_owned())
}

fn default_message(said: &Said, program: &Program) -> String {
    match said.message.as_str() {
        "" => format!("failed expression: {}", program.source.split_whitespace().collect::<Vec<_>>().join(" ")),
        message => message.to_owned(),
    }
}

/// What is said where it could not be looked up whether it is so.
fn not_known(said: &Said, program: &Program) -> String {
    let what = if said.message.is_empty() { program.source.as_ref() } else { &said.message };
    format!("it is not known whether this is so: {}", what.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn worded(said: &Said, message: String, path: Path) -> Finding {
    let finding = Finding::new_by_author(said.code.clone(), said.level, path, message);
    if said.help.is_empty() { finding } else { finding.help(said.help.clone()) }
}

/// What changes do, as a verb and what follows: the first few of them.
fn described(changes: &[Change]) -> String {
    const TOLD: usize = 3;
    let one = |change: &Change| match change {
        Change::Set { path, .. } => format!("sets `{path}`"),
        Change::Remove { path } => format!("removes `{path}`"),
    };
    let mut told: Vec<_> = changes.iter().take(TOLD).map(one).collect();
    if let Some(more) = changes.len().checked_sub(TOLD).filter(|more| *more > 0) {
        told.push(format!("and {more} more"));
    }
    told.join(", ")
}
