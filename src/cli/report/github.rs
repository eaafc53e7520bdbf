//! GitHub workflow commands: one annotation per finding, then the summary for the log.
//!
//! The syntax and what must be escaped: `actions/toolkit`, `packages/core/src/command.ts`.

use std::io;

use crate::{
    cli::report::{
        Report, human,
        place::{Columns, Places, Region},
        summary, text,
    },
    engine::finding::Level,
};

pub(super) fn write(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    let places = Places::of(report);
    for reported in &report.findings {
        let finding = &reported.finding;
        let command = match finding.level {
            _ if reported.excepted().is_some() => "notice",
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "notice",
        };
        let region = places.region(reported.source, &reported.span, Columns::Chars);
        let mut message = vec![text::line(&finding.message).into_owned()];
        message.extend(human::notes(reported));
        message.extend(finding.full_help().map(|help| format!("help: {}", text::block(&help))));
        message.extend(human::fix(report, reported).map(|fix| format!("fix: {fix}")));
        let place = place(report.file(reported.source), Some(region));
        writeln!(out, "::{command} {place},title={}::{}", property(&finding.code), data(&message.join("\n")))?;
    }
    let refusals = report.refusals.iter().map(|refusal| ("error", "cannot be judged", refusal));
    let warnings = report.warnings.iter().map(|warning| ("warning", "does nothing", warning));
    for (command, title, refusal) in refusals.chain(warnings) {
        let span = refusal.span.as_ref();
        let region = span.map(|(source, span)| places.region(*source, span, Columns::Chars));
        let help = refusal.help.as_ref().map(|help| format!("\nhelp: {}", text::block(help))).unwrap_or_default();
        let message = format!("{}{help}", text::line(&refusal.message));
        writeln!(out, "::{command} {},title={title}::{}", place(&refusal.file, region), data(&message))?;
    }
    for line in summary::lines(report) {
        // The runner still takes `##[…]` for a command, wherever in a line it stands.
        writeln!(out, "{}", line.replace("##[", "## ["))?;
    }
    Ok(())
}

/// Columns only where the region is within one line: GitHub refuses them otherwise.
fn place(file: &str, region: Option<Region>) -> String {
    let file = property(file.strip_prefix("./").unwrap_or(file));
    let Some(Region { start, end }) = region else { return format!("file={file}") };
    let columns = if start.line == end.line && start.column < end.column {
        format!(",col={},endColumn={}", start.column, end.column)
    } else {
        String::new()
    };
    format!("file={file},line={},endLine={}{columns}", start.line, end.line)
}

fn property(value: &str) -> String {
    data(&text::line(value)).replace(':', "%3A").replace(',', "%2C")
}

fn data(value: &str) -> String {
    value.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}
