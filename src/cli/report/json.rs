//! JSON with a version and a [schema]: fields are added, never renamed, and never change their meaning.

use std::{borrow::Cow, collections::BTreeMap, io};

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use serde_json::Value;

use crate::{
    cli::report::{
        Refusal, Report, Reported, human,
        place::{Columns, Places, Region},
        text,
    },
    engine::{
        finding::{Level, Remedy},
        subject::ObjectKey,
    },
};

/// What `portcullis check --format json` prints.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Portcullis report")]
struct Document<'a> {
    /// Of this format: 1.
    version: u8,
    /// In the order of files and of places in them.
    findings: Vec<Finding<'a>>,
    /// Input that could not be judged.
    refusals: Vec<Refused<'a>>,
    /// Input that was read and does nothing: what a GuardException names and no policy that is given is or has, codes that a
    /// policy names and does not have, match conditions that are never true.
    warnings: Vec<Refused<'a>>,
    summary: Summary<'a>,
}

/// Something about an object.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Finding<'a> {
    /// What `portcullis explain` takes, or `<policy>/<validation>` for what a policy author wrote.
    code: &'a str,
    level: Level,
    message: &'a str,
    /// What else is known of it.
    details: Option<&'a str>,
    /// How to mend it; may have several lines, and a manifest.
    help: Option<&'a str>,
    /// The object that the help speaks of, to be applied.
    manifest: Option<&'a Value>,
    /// As it was named; `-` is standard input.
    file: &'a str,
    #[serde(flatten)]
    place: Place,
    /// Where in the object, as in `spec.accessLog[0]`; empty for the object itself.
    path: String,
    object: Object<'a>,
    /// Names of the policies that asked.
    policies: &'a [String],
    /// What a webhook in a cluster would do with these policies: `deny`, `warn` or `record`. What it would mend is
    /// not denied: it warns of an edit that it makes, and records what is settled by objects that it makes. A
    /// `portcullis serve --manifests` has no cluster to make objects in, and denies what needs them.
    action: &'a str,
    /// `portcullis fix` can mend it.
    fixable: bool,
    /// The GuardException that was meant for it. One that holds takes it out of the numbers of the summary.
    exception: Option<Exempted<'a>>,
    /// What could not be looked up and would decide whether this is so.
    unknown: Option<&'a str>,
    /// Other objects that it is about.
    related: Vec<Related<'a>>,
    /// What would make it go away.
    remedy: Option<Remedied<'a>>,
}

/// What the finding points at.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Place {
    /// From 1.
    line: usize,
    /// From 1, in characters (Unicode code points).
    column: usize,
    /// The line of the last character.
    end_line: usize,
    /// The column behind the last character.
    end_column: usize,
}

/// What names an object.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    /// Empty for the core group.
    group: &'a str,
    kind: &'a str,
    /// Empty for a cluster-scoped object.
    namespace: &'a str,
    name: &'a str,
}

/// An exception from a policy.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Exempted<'a> {
    namespace: &'a str,
    name: &'a str,
    /// Why it was made.
    reason: &'a str,
    /// When it ends, in RFC 3339.
    expires: String,
    /// That is within a week.
    ends_soon: bool,
    /// Why it does not hold; null where it does.
    lapsed: Option<&'a str>,
}

/// Another object, and why it is named.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Related<'a> {
    object: Object<'a>,
    note: &'a str,
}

/// A change of the object, or objects that must exist elsewhere.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
enum Remedied<'a> {
    #[serde(rename_all = "camelCase")]
    Edit { title: Cow<'a, str> },
    #[serde(rename_all = "camelCase")]
    Ensure {
        title: Cow<'a, str>,
        /// Manifests, in the order in which they must be made.
        objects: &'a [Value],
    },
}

/// Input that could not be judged.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Refused<'a> {
    file: &'a str,
    /// From 1; null where the file could not be read at all, as for the three below.
    line: Option<usize>,
    column: Option<usize>,
    end_line: Option<usize>,
    end_column: Option<usize>,
    message: &'a str,
    help: Option<&'a str>,
}

/// The numbers.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    files: usize,
    /// Objects that a policy judges.
    judged: usize,
    /// Objects that no policy judges, by `apiVersion/kind`.
    skipped: &'a BTreeMap<String, usize>,
    errors: usize,
    warnings: usize,
    notes: usize,
    /// Findings that `portcullis fix` can mend.
    fixable: usize,
    /// Findings that an exception takes out of the numbers above.
    excepted: usize,
    /// Objects that were given twice, as text.
    repeated: &'a [String],
    /// Policies that matched none of the objects.
    unmatched_policies: &'a [String],
}

/// The JSON schema of the report, as in `docs/report.schema.json`.
pub fn schema() -> Value {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Document<'_>>().to_value()
}

pub(super) fn write(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    let document = serde_json::to_string_pretty(&document(report))?;
    writeln!(out, "{}", text::json(&document))
}

fn document(report: &Report) -> Document<'_> {
    let places = Places::of(report);
    let (summary, counts) = (&report.summary, report.counts());
    Document {
        version: 1,
        findings: report.findings.iter().map(|reported| finding(report, reported, &places)).collect(),
        refusals: report.refusals.iter().map(|refusal| refused(refusal, &places)).collect(),
        warnings: report.warnings.iter().map(|warning| refused(warning, &places)).collect(),
        summary: Summary {
            files: summary.files,
            judged: summary.judged,
            skipped: &summary.skipped,
            errors: counts.errors,
            warnings: counts.warnings,
            notes: counts.notes,
            fixable: counts.fixable,
            excepted: counts.excepted,
            repeated: &summary.repeated,
            unmatched_policies: &summary.unmatched_policies,
        },
    }
}

fn finding<'a>(report: &'a Report, reported: &'a Reported, places: &Places<'_>) -> Finding<'a> {
    let finding = &reported.finding;
    let Region { start, end } = places.region(reported.source, &reported.span, Columns::Chars);
    Finding {
        code: &finding.code,
        level: finding.level,
        message: &finding.message,
        details: finding.details.as_ref().map(|details| details.text.as_str()),
        help: finding.help.as_deref(),
        manifest: finding.manifest.as_ref(),
        file: report.file(reported.source),
        place: Place { line: start.line, column: start.column, end_line: end.line, end_column: end.column },
        path: finding.path.to_string(),
        object: object(&reported.object),
        policies: &reported.policies,
        action: reported.action,
        fixable: reported.fixable,
        exception: reported.exception.as_ref().map(|exception| Exempted {
            namespace: &exception.namespace,
            name: &exception.name,
            reason: &exception.reason,
            expires: exception.expires.to_string(),
            ends_soon: exception.ends_soon,
            lapsed: exception.lapsed.as_deref(),
        }),
        unknown: finding.unknown.as_deref(),
        related: finding
            .related
            .iter()
            .map(|related| Related { object: object(&related.object), note: &related.note })
            .collect(),
        remedy: finding.remedy.as_ref().map(|remedy| match remedy {
            Remedy::Edit(edit) => Remedied::Edit { title: Cow::Borrowed(edit.title.as_str()) },
            Remedy::Ensure(objects) => Remedied::Ensure { title: Cow::Owned(human::title(remedy)), objects },
        }),
    }
}

fn object(key: &ObjectKey) -> Object<'_> {
    Object { group: &key.group, kind: &key.kind, namespace: &key.namespace, name: &key.name }
}

fn refused<'a>(refusal: &'a Refusal, places: &Places<'_>) -> Refused<'a> {
    let span = refusal.span.as_ref();
    let region = span.map(|(source, span)| places.region(*source, span, Columns::Chars));
    let (start, end) = region.map(|region| (region.start, region.end)).unzip();
    Refused {
        file: &refusal.file,
        line: start.map(|place| place.line),
        column: start.map(|place| place.column),
        end_line: end.map(|place| place.line),
        end_column: end.map(|place| place.column),
        message: &refusal.message,
        help: refusal.help.as_deref(),
    }
}
