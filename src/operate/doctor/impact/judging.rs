//! The judging of stored objects, one after the other. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use serde_json::Value;

use super::{Impact, OfCode, OfPolicy, Refused};
use crate::engine::{
    confirm,
    decide::{Ask, Ensure, decide},
    evaluate::evaluate,
    finding::Level,
    kinds::{self, CORE, Kind},
    limits, patch,
    policy::{Action, Exception, Policy, PolicySet},
    rules::SeenIn,
    select::{Door, Selection},
    selector::Labels,
    subject::{Attributes, ObjectKey, Operation, Subject},
    verdict::{Asker, Verdict},
    view::{LookUp, View},
};

/// What is known, and what has been found so far.
#[derive(Debug)]
pub(super) struct Judging {
    /// Each as it is, by name.
    policies: PolicySet,
    /// Each as if it denied.
    denying: PolicySet,
    view: View,
    now: Timestamp,
    namespaces: BTreeMap<String, Labels>,
    judged: usize,
    partial: Vec<String>,
    tallies: BTreeMap<String, Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    refused: usize,
    mended: usize,
    codes: BTreeMap<String, (usize, Vec<Refused>)>,
}

/// As a webhook asks that can make grants before it answers.
const IN_CLUSTER: Ask = Ask { door: Door::Validate(None), dry_run: false, ensure: Ensure::Possible };

// === impl Judging ===

impl Judging {
    pub(super) fn new(policies: &PolicySet, view: View, now: Timestamp) -> Self {
        let denying = policies.policies().iter().map(|policy| Policy { action: Action::Deny, ..Policy::clone(policy) });
        Self {
            policies: policies.clone(),
            denying: PolicySet::new(denying),
            view,
            now,
            namespaces: BTreeMap::new(),
            judged: 0,
            partial: Vec::new(),
            tallies: BTreeMap::new(),
        }
    }

    /// Takes note of what is looked up.
    pub(super) fn know(&mut self, key: &ObjectKey, object: &Value) {
        if (key.group.as_str(), key.kind.as_str()) == (CORE, "Namespace") {
            let labels = object.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
            let labels = labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
            self.namespaces.insert(key.name.to_string(), labels.collect());
        }
        self.view.insert(key, object);
    }

    /// Whoever is excepted is refused nothing.
    pub(super) fn except(&mut self, exceptions: Vec<Arc<Exception>>) {
        self.denying = std::mem::take(&mut self.denying).with_exceptions(exceptions);
    }

    /// What is not known of a kind does not exist.
    pub(super) fn know_all(&mut self, kind: &'static Kind) {
        self.view.mark_complete(kind.group, kind.kind, true);
    }

    /// Takes note of why what is found is not all of it.
    pub(super) fn lacks(&mut self, why: String) {
        self.partial.push(why);
    }

    /// The kinds of which stored objects are judged: what is about changes says nothing of a state.
    pub(super) fn selected(&self) -> Vec<&'static Kind> {
        let policies = self.policies.policies().iter().filter(|policy| policy.seen_in() == SeenIn::Everywhere);
        let rules = policies.flat_map(|policy| &policy.matches);
        let resources = rules.flat_map(|rule| {
            rule.groups.iter().flat_map(|group| rule.resources.iter().map(move |resource| (group, resource)))
        });
        let resources: BTreeSet<_> = resources.collect();
        resources.into_iter().filter_map(|(group, resource)| kinds::by_resource(group, resource)).collect()
    }

    /// What a verdict on this object would look up that is never watched: a ConfigMap, by its name.
    pub(super) fn wanting(&self, kind: &'static Kind, version: &str, key: &ObjectKey, object: &Value) -> Vec<LookUp> {
        let subject = subject(kind, version, key, object, Operation::Create);
        let selection = self.selection(&subject.attributes, Door::Validate(None));
        let verdict = evaluate(&selection, &subject, &self.view, self.now);
        confirm::wanting(&verdict.look_ups, &self.view, &BTreeSet::new(), limits::CONFIRMED).into_iter().collect()
    }

    /// Judges a stored object as if it were written now: nothing is forgiven because it is there already.
    pub(super) fn take(&mut self, kind: &'static Kind, version: &str, key: &ObjectKey, object: &Value) {
        self.judged += 1;
        let subject = subject(kind, version, key, object, Operation::Create);
        let attributes = subject.attributes;
        let settled = patch::settle(&self.selection(&attributes, Door::Mutate), &subject, &self.view, self.now);
        let written = subject.with_object(settled.value);
        let verdict = evaluate(&self.selection(&attributes, Door::Validate(None)), &written, &self.view, self.now);
        let decision = decide(&verdict, IN_CLUSTER);
        let ensured = verdict.judged.iter().filter(|judged| {
            // Each alone: that another one denies makes this one no worse.
            let alone = Verdict { judged: vec![(*judged).clone()], ..Verdict::default() };
            !decide(&alone, IN_CLUSTER).ensure.is_empty()
        });
        let ensured = ensured.flat_map(|judged| judged.appliers().map(|asker| asker.policy.name.clone()));
        let edited = settled.applied.into_iter().map(|applied| applied.policy);
        for policy in edited.chain(ensured).collect::<BTreeSet<_>>() {
            self.tallies.entry(policy).or_default().mended += 1;
        }
        let mut refusing = BTreeSet::new();
        for judged in &decision.denied {
            let denies = |asker: &&Asker| asker.level == Level::Error && asker.exception().is_none();
            for asker in judged.askers.iter().filter(denies) {
                let tally = self.tallies.entry(asker.policy.name.clone()).or_default();
                let (count, objects) = tally.codes.entry(judged.finding.code.to_string()).or_default();
                *count += 1;
                if objects.len() < limits::REFUSED_NAMED {
                    objects.push(Refused { object: key.to_string(), message: judged.finding.message.clone() });
                }
                refusing.insert(asker.policy.name.clone());
            }
        }
        for policy in refusing {
            self.tallies.entry(policy).or_default().refused += 1;
        }
    }

    pub(super) fn end(mut self) -> Impact {
        let mut policies = Vec::new();
        for policy in self.policies.policies().iter().filter(|policy| policy.seen_in() == SeenIn::Everywhere) {
            let Tally { refused, mended, codes } = self.tallies.remove(&policy.name).unwrap_or_default();
            let code = |(code, (count, objects))| OfCode { code, count, objects };
            let matching = self.namespaces.iter().filter(|(_, labels)| policy.namespaces.matches(labels));
            policies.push(OfPolicy {
                policy: policy.name.clone(),
                action: policy.action,
                namespaces: (!policy.namespaces.is_empty()).then(|| matching.map(|(name, _)| name.clone()).collect()),
                refused,
                mended,
                codes: codes.into_iter().map(code).collect(),
            });
        }
        Impact { judged: self.judged, partial: self.partial, policies, ..Impact::default() }
    }

    /// Who is asked when the object is made, and who only when it is changed: it may be either that happens next.
    fn selection(&self, attributes: &Attributes<'_>, door: Door) -> Selection {
        let mut selection = self.denying.select(door, attributes);
        let changed = self.denying.select(door, &Attributes { operation: Operation::Update, ..*attributes });
        for policy in changed.policies {
            let is_new = !selection.policies.iter().any(|known| known.name == policy.name);
            if is_new && policy.seen_in() != SeenIn::Requests {
                selection.policies.push(policy);
            }
        }
        for exception in changed.exceptions {
            if !selection.exceptions.contains(&exception) {
                selection.exceptions.push(exception);
            }
        }
        selection.policies.sort_by(|a, b| a.name.cmp(&b.name));
        selection
    }
}

fn subject<'a>(
    kind: &'static Kind,
    version: &'a str,
    key: &'a ObjectKey,
    object: &Value,
    operation: Operation,
) -> Subject<'a> {
    let attributes = Attributes {
        operation,
        group: kind.group,
        version,
        kind: kind.kind,
        resource: kind.resource,
        subresource: "",
        namespace: &key.namespace,
        name: &key.name,
        user: "",
        dry_run: false,
    };
    Subject::of(attributes, object.clone(), Value::Null)
}

#[cfg(test)]
mod tests;
