//! JSON with a version and a [schema]: fields are added, never renamed, and never change their meaning.

use std::io;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use serde_json::Value;

use crate::{
    cases::differences::Difference,
    cli::test::{Became, Counts, Results},
};

/// What became of the cases.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Portcullis test report")]
struct Document<'a> {
    /// 1: fields are added to it and never change.
    version: u8,
    /// In the order of files and of places in them.
    cases: Vec<Case<'a>>,
    /// Files, policies and cases that make no sense.
    refusals: Vec<Refused<'a>>,
    summary: Counts,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Case<'a> {
    file: &'a str,
    /// From 1.
    line: usize,
    name: &'a str,
    outcome: Outcome,
    /// Why it was not run.
    reason: Option<&'a str>,
    /// Whether any policy selects what it is about; null unless it passed.
    judged: Option<bool>,
    /// Empty unless it failed.
    differences: &'a [Difference],
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Outcome {
    Passed,
    Failed,
    /// It says itself that it is not to be run.
    Skipped,
    /// It makes no sense, as the refusals say.
    Refused,
    /// It was only to be told.
    Listed,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Refused<'a> {
    file: &'a str,
    /// From 1; null where the file could not be read at all.
    line: Option<usize>,
    message: &'a str,
    help: Option<&'a str>,
}

pub(super) fn write(results: &Results, out: &mut dyn io::Write) -> io::Result<()> {
    let cases = results.cases.iter().map(|tried| {
        let (outcome, reason, differences) = match &tried.became {
            Became::Ok { .. } => (Outcome::Passed, None, &[][..]),
            Became::Failed(differences) => (Outcome::Failed, None, &differences[..]),
            Became::Skipped(why) => (Outcome::Skipped, Some(why.as_str()), &[][..]),
            Became::Refused => (Outcome::Refused, None, &[][..]),
            Became::Listed => (Outcome::Listed, None, &[][..]),
        };
        let judged = match tried.became {
            Became::Ok { judged } => Some(judged),
            _ => None,
        };
        Case { file: &tried.file, line: tried.line, name: &tried.name, outcome, reason, judged, differences }
    });
    let refusals = results.refusals.iter().map(|refusal| Refused {
        file: &refusal.file,
        line: refusal.line(&results.sources),
        message: &refusal.message,
        help: refusal.help.as_deref(),
    });
    let document =
        Document { version: 1, cases: cases.collect(), refusals: refusals.collect(), summary: results.counts() };
    let text = serde_json::to_string_pretty(&document).map_err(io::Error::other)?;
    writeln!(out, "{}", crate::cli::report::json_text(&text))
}

/// The JSON schema of the report, as in `docs/test-report.schema.json`.
pub fn schema() -> Value {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Document<'_>>().to_value()
}
