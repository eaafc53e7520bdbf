//! The words of an answer: a denial, warnings, audit annotations, and what is counted of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    engine::{
        decide::{Decision, Mercy},
        finding::{Finding, Level},
        patch,
        policy::Exception,
        subject::Subject,
        verdict::{Exemption, Judged},
    },
    webhook::wire::{Answer, Cause, Tally},
};

pub(super) fn mutated(settled: &patch::Settled) -> Answer {
    let mut answer = Answer::allow();
    if !settled.operations.is_empty() {
        answer.patch = serde_json::to_vec(&settled.operations).ok();
    }
    answer.warnings = settled.applied.iter().map(|by| format!("[{}] {}", by.policy, by.title)).collect();
    let dropped = settled.dropped.iter().map(|(by, why)| format!("[{}] did not: {}: {why}", by.policy, by.title));
    answer.warnings.extend(dropped);
    answer.tally = settled.applied.iter().map(|by| Tally::new(&by.policy, &by.code, "applied")).collect();
    let titles: Vec<_> = settled.applied.iter().map(|by| by.title.as_str()).collect();
    if !titles.is_empty() {
        answer.audit.insert("applied".to_owned(), titles.join("; "));
    }
    answer
}

pub(super) fn validated(decision: &Decision<'_>, subject: &Subject<'_>, not_made: Option<&str>) -> Answer {
    let mut answer = if decision.is_denied() {
        let mut said: Vec<_> = decision.denied.iter().map(|judged| denial(judged)).collect();
        said.extend(not_made.map(str::to_owned));
        let mut answer = Answer::deny(decision.code(subject), said.join("\n"));
        answer.causes = decision
            .denied
            .iter()
            .map(|judged| Cause {
                code: judged.finding.code.clone().into_owned(),
                message: words(judged),
                field: judged.finding.path.to_string(),
            })
            .collect();
        // Of a 422, kubectl prints the causes alone.
        answer.causes.extend(not_made.map(|message| Cause {
            code: "NotMade".to_owned(),
            message: message.to_owned(),
            field: String::new(),
        }));
        answer
    } else {
        Answer::allow()
    };
    answer.warnings = decision.warned.iter().map(|(judged, mercy)| warning(judged, *mercy)).collect();
    answer.warnings.extend(ending(decision));
    answer.audit = audit(decision);
    answer.tally = tally(decision);
    if let Some(why) = not_made.filter(|_| answer.allowed) {
        answer.warnings.push(why.to_owned());
    }
    answer
}

fn denial(judged: &Judged) -> String {
    let path = &judged.finding.path;
    if path.is_root() { words(judged) } else { format!("{path}: {}", words(judged)) }
}

/// What may be told to whoever may write here: nothing of another namespace that did not opt in.
fn words(judged: &Judged) -> String {
    let finding = &judged.finding;
    let mut text = finding.message.clone();
    if let Some(details) = finding.details.as_ref().filter(|details| !details.guarded) {
        text.push_str("; ");
        text.push_str(&details.text);
    }
    let outage = finding.related.iter().filter(|related| related.object.kind == "Gateway");
    for related in outage {
        text.push_str(&format!("; {}: {}", related.object, related.note));
    }
    if let Some(help) = &finding.help {
        text.push_str("; to mend it: ");
        text.push_str(help);
        if let Some(manifest) = &finding.manifest {
            // On one line it survives every way in which a denial is printed, and JSON is YAML.
            text.push_str(&format!(": {manifest}"));
        }
    }
    if let Some((exception, why)) = judged.lapsed() {
        text.push_str(&format!("; the exception `{}` does not hold for it: {why}", exception.name));
    }
    text
}

fn warning(judged: &Judged, mercy: Option<Mercy>) -> String {
    let finding = &judged.finding;
    let why = match mercy {
        Some(Mercy::Ratchet) => " (as it is stored already)",
        Some(Mercy::DryRun) => " (would be refused if applied alone)",
        Some(Mercy::WouldEnsure) => " (would be made on a real request)",
        None if finding.unknown.is_some() => " (not known for certain)",
        None if finding.level == Level::Error => " (only warned of, by policy)",
        None => "",
    };
    format!("[{}]{why} {}", finding.code, denial_without_help(finding))
}

fn denial_without_help(finding: &Finding) -> String {
    let details = finding.details.as_ref().filter(|details| !details.guarded);
    let details = details.map(|details| format!("; {}", details.text)).unwrap_or_default();
    if finding.path.is_root() {
        format!("{}{details}", finding.message)
    } else {
        format!("{}: {}{details}", finding.path, finding.message)
    }
}

/// What is told once for each exception that is about to end, while it still spares the subject something.
fn ending(decision: &Decision<'_>) -> Vec<String> {
    let mut ending: BTreeMap<&str, (&Exception, BTreeSet<&str>)> = BTreeMap::new();
    for (judged, asker, exception) in &decision.excepted {
        if matches!(asker.exemption, Exemption::Holds { ends_soon: true, .. }) {
            let (_, codes) = ending.entry(&exception.name).or_insert_with(|| (exception, BTreeSet::new()));
            codes.insert(&judged.finding.code);
        }
    }
    let say = |(exception, codes): (&Exception, BTreeSet<&str>)| {
        let codes = codes.into_iter().collect::<Vec<_>>().join(",");
        let Exception { name, expires, reason, .. } = exception;
        format!("[{codes}] excepted by `{name}`, which ends at {expires}: {reason}")
    };
    ending.into_values().map(say).collect()
}

/// Each exception that held, with the codes for which it did, until when, and why.
fn excepted(decision: &Decision<'_>) -> String {
    let mut codes: BTreeMap<&str, (&Exception, BTreeSet<&str>)> = BTreeMap::new();
    for (judged, _, exception) in &decision.excepted {
        codes.entry(&exception.name).or_insert_with(|| (exception, BTreeSet::new())).1.insert(&judged.finding.code);
    }
    let say = |(exception, codes): (&Exception, BTreeSet<&str>)| {
        let Exception { namespace, name, expires, reason, .. } = exception;
        let codes = codes.into_iter().collect::<Vec<_>>().join(",");
        format!("{codes} by {namespace}/{name} until {expires}: {reason}")
    };
    codes.into_values().map(say).collect::<Vec<_>>().join("; ")
}

fn audit(decision: &Decision<'_>) -> BTreeMap<String, String> {
    let codes = |judged: &mut dyn Iterator<Item = &Judged>| {
        let mut codes: Vec<_> = judged.map(|judged| judged.finding.code.to_string()).collect();
        codes.sort();
        codes.dedup();
        codes.join(",")
    };
    let mut audit = BTreeMap::new();
    for (name, codes) in [
        ("denied", codes(&mut decision.denied.iter().copied())),
        ("warned", codes(&mut decision.warned.iter().map(|(judged, _)| *judged))),
        ("recorded", codes(&mut decision.recorded.iter().copied())),
    ] {
        if !codes.is_empty() {
            audit.insert(name.to_owned(), codes);
        }
    }
    if !decision.excepted.is_empty() {
        audit.insert("excepted".to_owned(), excepted(decision));
    }
    audit
}

/// What each policy said, and what followed: the consequence is the worst of all that asked, but for those for whom an
/// exception held.
pub(super) fn tally(decision: &Decision<'_>) -> Vec<Tally> {
    let of = |judged: &mut dyn Iterator<Item = &Judged>, consequence: &'static str| -> Vec<Tally> {
        let each = |judged: &Judged| {
            let code = judged.finding.code.clone();
            let others = judged.askers.iter().filter(|asker| asker.exception().is_none() || consequence == "ensured");
            others.map(|asker| Tally::new(&asker.policy.name, &code, consequence)).collect::<Vec<_>>()
        };
        judged.flat_map(each).collect()
    };
    let mut tally = of(&mut decision.denied.iter().copied(), "denied");
    tally.extend(of(&mut decision.warned.iter().map(|(judged, _)| *judged), "warned"));
    tally.extend(of(&mut decision.recorded.iter().copied(), "recorded"));
    tally.extend(of(&mut decision.ensure.iter().map(|(judged, _)| *judged), "ensured"));
    let excepted = decision.excepted.iter();
    tally.extend(excepted.map(|(judged, asker, _)| Tally::new(&asker.policy.name, &judged.finding.code, "excepted")));
    tally
}
