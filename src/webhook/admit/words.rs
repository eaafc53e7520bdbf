//! The words of an answer: a denial, warnings, audit annotations, and what is counted of it.

use std::collections::BTreeMap;

use crate::{
    engine::{
        decide::{Decision, Mercy},
        finding::{Finding, Level},
        patch,
        subject::Subject,
        verdict::Judged,
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
        let mut said: Vec<_> = decision.denied.iter().map(|judged| denial(&judged.finding)).collect();
        said.extend(not_made.map(str::to_owned));
        let mut answer = Answer::deny(decision.code(subject), said.join("\n"));
        answer.causes = decision
            .denied
            .iter()
            .map(|judged| Cause {
                code: judged.finding.code.clone().into_owned(),
                message: words(&judged.finding),
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
    answer.audit = audit(decision);
    answer.tally = tally(decision);
    if let Some(why) = not_made.filter(|_| answer.allowed) {
        answer.warnings.push(why.to_owned());
    }
    answer
}

fn denial(finding: &Finding) -> String {
    if finding.path.is_root() { words(finding) } else { format!("{}: {}", finding.path, words(finding)) }
}

/// What may be told to whoever may write here: nothing of another namespace that did not opt in.
fn words(finding: &Finding) -> String {
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
    audit
}

/// What each policy said, and what followed: the consequence is the worst of all that asked.
pub(super) fn tally(decision: &Decision<'_>) -> Vec<Tally> {
    let of = |judged: &mut dyn Iterator<Item = &Judged>, consequence: &'static str| -> Vec<Tally> {
        let each = |judged: &Judged| {
            let code = judged.finding.code.clone();
            judged.policies().map(|policy| Tally::new(&policy.name, &code, consequence)).collect::<Vec<_>>()
        };
        judged.flat_map(each).collect()
    };
    let mut tally = of(&mut decision.denied.iter().copied(), "denied");
    tally.extend(of(&mut decision.warned.iter().map(|(judged, _)| *judged), "warned"));
    tally.extend(of(&mut decision.recorded.iter().copied(), "recorded"));
    tally.extend(of(&mut decision.ensure.iter().map(|(judged, _)| *judged), "ensured"));
    tally
}
