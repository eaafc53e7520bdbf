//! From a selection, a subject and a view to a verdict: selectors, rules, levels, the ratchet and exceptions.

mod excepted;
mod expressions;
mod facts;

use std::sync::Arc;

use jiff::Timestamp;

use self::{
    expressions::{Conditions, Expressions},
    facts::Facts,
};
use crate::engine::{
    cel::Meter,
    finding::{Finding, Level, Rests},
    kinds::{meta::REMEDY, namespace::is_terminating},
    limits,
    node::Node,
    policy::{Body, Policy},
    rules::{Judge, SeenIn},
    select::Selection,
    selector::{LabelSelector, Labels},
    subject::{Operation, Subject},
    verdict::{Asker, Judged, Verdict},
    view::{Answer, Lens, LookUp, View},
};

/// Whether a policy selects a subject.
enum Selected {
    Yes,
    No,
    /// Something that is not known decides: findings are kept, as notes that say so.
    If(String),
    /// Its match conditions failed: it cannot be judged, which is a finding of its own.
    Broken(Box<Finding>),
}

/// What is shared by all policies that judge a subject.
#[derive(Debug)]
struct Shared {
    facts: Facts,
    meter: Meter,
}

/// Judges a subject by every selected policy.
pub fn evaluate(selection: &Selection, subject: &Subject<'_>, view: &View, now: Timestamp) -> Verdict {
    let mut verdict = Verdict::default();
    let mut shared = Shared { facts: Facts::default(), meter: Meter::with(subject.fuel()) };
    for policy in &selection.policies {
        let lens = Lens::new(view);
        let (selected, mut scope) = match selects(policy, subject, &lens) {
            Selected::No => (Selected::No, Vec::new()),
            selected => {
                // What conditions look up is more than whether it is selected: another object may change it.
                let scope = lens.seen();
                (shared.conditions(policy, subject, &lens, selected), scope)
            }
        };
        if matches!(selected, Selected::No) {
            verdict.look_ups.append(&mut lens.into_seen());
            continue;
        }
        verdict.asked.push(Arc::clone(policy));
        let findings = match selected {
            Selected::Broken(ref finding) => levelled(policy, (**finding).clone()).into_iter().collect(),
            _ => shared.run(policy, subject, &lens, now),
        };
        let ratcheted = shared.ratchet(policy, subject, view, now, &findings);
        let mut look_ups = lens.into_seen();
        let exempting = Lens::new(view);
        let exemptions = excepted::each(selection, policy, subject, &findings, &exempting, now);
        scope.extend(exempting.seen());
        look_ups.extend(exempting.into_seen());
        let kept = |look_ups: &[LookUp]| if findings.is_empty() { Arc::default() } else { look_ups.into() };
        let by_all: Arc<[LookUp]> = kept(&look_ups);
        let by_scope: Arc<[LookUp]> = kept(&scope);
        for ((finding, ratcheted), (exemption, unknown)) in findings.into_iter().zip(ratcheted).zip(exemptions) {
            let finding = match &selected {
                Selected::If(unknown) => finding.at_most(Level::Note).unknown(unknown.clone()),
                Selected::Yes | Selected::No | Selected::Broken(_) => finding,
            };
            let uncertain = finding.unknown.is_some();
            let finding = match unknown {
                Some(what) if !uncertain => finding.unknown(what),
                _ => finding,
            };
            let looked_nothing_up = by_all.len() == by_scope.len();
            let rests = if looked_nothing_up { Rests::Object } else { finding.rests };
            let asker = Asker {
                policy: Arc::clone(policy),
                level: finding.level,
                uncertain,
                ratcheted,
                rests,
                look_ups: Arc::clone(if rests == Rests::Object { &by_scope } else { &by_all }),
                exemption,
            };
            push(&mut verdict, finding, asker, subject);
        }
        verdict.look_ups.append(&mut look_ups);
    }
    subject.spend(shared.meter.left_to_request());
    verdict.judged.sort_by(|a, b| {
        let (a, b) = (&a.finding, &b.finding);
        b.level.cmp(&a.level).then_with(|| a.path.cmp(&b.path)).then_with(|| a.code.cmp(&b.code))
    });
    verdict
}

fn selects(policy: &Policy, subject: &Subject<'_>, lens: &Lens<'_>) -> Selected {
    let labels = |object: Node<'_>| -> Labels {
        let entries = object.follow(&["metadata", "labels"]);
        entries.entries().map(|(key, value)| (key.to_owned(), value.text().to_owned())).collect()
    };
    if !policy.objects.is_empty() {
        let of = |object: Node<'_>| object.is_set() && policy.objects.matches(&labels(object));
        if !of(subject.object()) && !of(subject.old()) {
            return Selected::No;
        }
    }
    if policy.namespaces.is_empty() {
        return Selected::Yes;
    }
    if subject.key.kind == "Namespace" && subject.key.group.is_empty() {
        let own = if subject.object().is_set() { subject.object() } else { subject.old() };
        return if policy.namespaces.matches(&labels(own)) { Selected::Yes } else { Selected::No };
    }
    if subject.key.namespace.is_empty() {
        return Selected::Yes;
    }
    by_namespace(&policy.namespaces, &subject.key.namespace, lens)
}

fn by_namespace(selector: &LabelSelector, name: &str, lens: &Lens<'_>) -> Selected {
    match lens.namespace(name) {
        Answer::Found(namespace) if selector.matches(&namespace.labels) => Selected::Yes,
        Answer::Found(_) => Selected::No,
        // INVARIANT: not knowing the labels is not the same as that they do not match.
        Answer::Absent | Answer::Unknown => {
            Selected::If(format!("whether namespace `{name}` has the labels `{selector}`"))
        }
    }
}

/// The worst of them, as many as anybody reads; the last one says how many there are more.
fn bounded(mut findings: Vec<Finding>) -> Vec<Finding> {
    let more = findings.len().saturating_sub(limits::FINDINGS);
    if more > 0 {
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        findings.truncate(limits::FINDINGS);
        if let Some(last) = findings.last_mut() {
            last.message.push_str(&format!("; and {more} more findings about this object"));
        }
    }
    findings
}

/// The finding at the level that the policy wants, which then nothing else decides; what rests on an unknown stays below
/// an error.
fn levelled(policy: &Policy, mut finding: Finding) -> Option<Finding> {
    if let Some(wanted) = policy.levels.get(finding.code.as_ref()) {
        finding.level = (*wanted)?;
        if finding.rests == Rests::Harm {
            finding.rests = Rests::Object;
        }
    }
    Some(if finding.unknown.is_some() { finding.at_most(Level::Warning) } else { finding })
}

// === impl Shared ===

impl Shared {
    /// Whether a policy that selects the subject judges it: what its match conditions say.
    fn conditions(&mut self, policy: &Policy, subject: &Subject<'_>, lens: &Lens<'_>, selected: Selected) -> Selected {
        if policy.conditions.is_empty() && policy.params.is_none() {
            return selected;
        }
        let expressions = Expressions { policy, subject, lens, facts: &self.facts };
        match (expressions.conditions(&mut self.meter), selected) {
            (Conditions::Hold, selected) => selected,
            (Conditions::Fail, _) => Selected::No,
            (Conditions::Broken(finding), Selected::If(what)) => Selected::Broken(Box::new(finding.unknown(what))),
            (Conditions::Broken(finding), _) => Selected::Broken(finding),
            (_, Selected::If(what)) | (Conditions::Unknown(what), _) => Selected::If(what),
        }
    }

    fn run(&mut self, policy: &Policy, subject: &Subject<'_>, lens: &Lens<'_>, now: Timestamp) -> Vec<Finding> {
        let findings = match &policy.body {
            Body::Rule { rule, parameters } => (rule.run)(&Judge { subject, lens, parameters, now }),
            Body::Validations(_) | Body::Mutations(_) => {
                Expressions { policy, subject, lens, facts: &self.facts }.findings(&mut self.meter)
            }
        };
        bounded(findings.into_iter().filter_map(|finding| levelled(policy, finding)).collect())
    }

    /// For each finding, whether the stored object has the same error under the same view already.
    fn ratchet(
        &mut self,
        policy: &Policy,
        subject: &Subject<'_>,
        view: &View,
        now: Timestamp,
        findings: &[Finding],
    ) -> Vec<bool> {
        let none = vec![false; findings.len()];
        // A rule about changes compares old and new itself: what it finds is never as it was.
        let about_changes = policy.seen_in() == SeenIn::Requests;
        let errors = findings.iter().any(|finding| finding.level == Level::Error);
        if subject.operation() != Operation::Update || about_changes || !errors {
            return none;
        }
        // Who writes it, and what becomes of what, is nothing that was so before.
        if policy.names("request") || policy.names("oldObject") {
            return none;
        }
        let Some(before) = subject.before() else { return none };
        let is_error = |finding: &Finding| finding.level == Level::Error && !finding.failed;
        let same = |key: &str| subject.object().get(key).value() == subject.old().get(key).value();
        // An expression may be about labels. What is on its way out must be able to go, whatever it is about.
        let goes = policy.rule().is_some() || is_terminating(subject.value());
        if goes && same("spec") && same("data") && same("binaryData") {
            return findings.iter().map(is_error).collect();
        }
        let lens = Lens::new(view);
        let mut of_before = Self { facts: Facts::default(), meter: std::mem::take(&mut self.meter) };
        let was_judged = policy.rule().is_some()
            || matches!(of_before.conditions(policy, &before, &lens, Selected::Yes), Selected::Yes);
        let old = if was_judged { of_before.run(policy, &before, &lens, now) } else { Vec::new() };
        self.meter = of_before.meter;
        let by_author = policy.rule().is_none();
        let is_same = |old: &Finding, new: &Finding| {
            old.level == Level::Error
                && old.code == new.code
                && old.message == new.message
                && new.related.iter().all(|related| old.related.contains(related))
                // A rule's message tells the place; an author's may be the same for every one.
                && (!by_author || (&old.path, &old.details) == (&new.path, &new.details))
        };
        findings.iter().map(|finding| is_error(finding) && old.iter().any(|old| is_same(old, finding))).collect()
    }
}

fn push(verdict: &mut Verdict, finding: Finding, asker: Asker, subject: &Subject<'_>) {
    // Only a policy with the same rule can say the same again.
    let is_same = |asked: &&Arc<Policy>| match (asked.rule(), asker.policy.rule()) {
        (Some(one), Some(other)) => one.name == other.name,
        _ => false,
    };
    let again = verdict.asked.iter().filter(is_same).count() > 1;
    let known = verdict.judged.iter_mut().filter(|_| again).find(|judged| {
        judged.finding.code == finding.code
            && judged.finding.path == finding.path
            && judged.finding.message == finding.message
    });
    if let Some(judged) = known {
        let certain = |finding: &Finding| finding.unknown.is_none();
        if (finding.level, certain(&finding)) > (judged.finding.level, certain(&judged.finding)) {
            judged.finding = finding;
        }
        judged.askers.push(asker);
        return;
    }
    let annotation = subject.object().follow(&["metadata", "annotations", REMEDY]);
    let opted_out = annotation.as_str() == Some("Suggest");
    verdict.judged.push(Judged { finding, askers: vec![asker], opted_out });
}

#[cfg(test)]
mod tests;
