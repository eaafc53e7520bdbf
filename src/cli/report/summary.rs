//! The last lines of a report for people: what was read, what was found, and what to do next.

use std::{collections::BTreeMap, io};

use crate::{
    cli::report::{
        Report,
        text::{self, count},
    },
    engine::rules,
};

/// Skipped kinds that are named.
const KINDS_NAMED: usize = 5;

pub(super) fn write(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    for line in lines(report) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

pub(super) fn lines(report: &Report) -> Vec<String> {
    let summary = &report.summary;
    let mut lines = vec![checked(report), found(report)];
    if !summary.unmatched_policies.is_empty() {
        let names: Vec<_> = summary.unmatched_policies.iter().map(|name| format!("`{}`", text::line(name))).collect();
        let word = if names.len() == 1 { "policy that matched" } else { "policies that matched" };
        lines.push(format!("{word} none of the objects: {}", text::listed(&names)));
    }
    lines.extend(summary.repeated.iter().map(|repeated| format!("given twice: {}", text::line(repeated))));
    if !report.refusals.is_empty() {
        lines.push(format!("{} could not be judged, as said above", count(report.refusals.len(), "input")));
    }
    // A code that a policy author made up has no page.
    let worst = report
        .findings
        .iter()
        .rev()
        .max_by_key(|reported| (rules::code(&reported.finding.code).is_some(), reported.finding.level));
    if let Some(code) = worst.and_then(|reported| rules::code(&reported.finding.code)) {
        lines.push(format!("for more about a finding: portcullis explain {}", code.name));
    }
    lines
}

fn found(report: &Report) -> String {
    let counts = report.counts();
    let excepted = match counts.excepted {
        0 => String::new(),
        excepted => format!("; {} excepted", count(excepted, "finding")),
    };
    let levels = [(counts.errors, "error"), (counts.warnings, "warning"), (counts.notes, "note")];
    let levels: Vec<_> = levels.into_iter().filter(|(n, _)| *n > 0).map(|(n, level)| count(n, level)).collect();
    if levels.is_empty() {
        return format!("no findings{excepted}");
    }
    let fix = match (counts.fixable, report.fix_command()) {
        (fixable, Some(command)) if fixable > 0 => format!("; `{command}` mends {fixable} of them"),
        _ => String::new(),
    };
    format!("found {}{fix}{excepted}", text::listed(&levels))
}

fn checked(report: &Report) -> String {
    let summary = &report.summary;
    let (files, judged) = (count(summary.files, "file"), count(summary.judged, "object"));
    let skipped: usize = summary.skipped.values().sum();
    let kinds = if skipped == 0 { String::new() } else { format!(" ({})", kinds(&summary.skipped)) };
    format!("read {files}: {judged} judged, {skipped} skipped{kinds}")
}

/// `3 apps/v1/Deployment, 1 v1/Secret and 2 more kinds`, the most frequent first.
fn kinds(skipped: &BTreeMap<String, usize>) -> String {
    let mut kinds: Vec<_> = skipped.iter().collect();
    kinds.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let mut named: Vec<_> =
        kinds.iter().take(KINDS_NAMED).map(|(kind, n)| format!("{n} {}", text::line(kind))).collect();
    match kinds.len() - named.len() {
        0 => {}
        more => named.push(count(more, "more kind")),
    }
    text::listed(&named)
}
