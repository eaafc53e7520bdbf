//! SARIF 2.1.0, for GitHub code scanning and editors.
//!
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::{borrow::Cow, collections::BTreeMap, io, ops::Range};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    cli::{
        explain,
        report::{
            Exempted, Report, Reported, human,
            place::{Columns, Places},
            text,
        },
    },
    engine::{finding::Level, policy::Page, rules},
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool<'a>,
    column_kind: &'static str,
    invocations: [Invocation; 1],
    results: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Tool<'a> {
    driver: Driver<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver<'a> {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Descriptor<'a>>,
}

/// What SARIF calls a rule is a code.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'a> {
    id: &'a str,
    short_description: Message,
    #[serde(skip_serializing_if = "Option::is_none")]
    full_description: Option<Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<Message>,
    default_configuration: Configuration,
}

#[derive(Serialize)]
struct Configuration {
    level: Level,
}

#[derive(Serialize)]
struct Message {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    markdown: Option<String>,
}

/// Whether everything that was given could be judged.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    level: Level,
    message: Message,
    locations: [Location; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found<'a> {
    rule_id: &'a str,
    rule_index: usize,
    level: Level,
    message: Message,
    locations: [Location; 1],
    partial_fingerprints: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<Suppression>,
}

/// A result that does not count (§3.35): `external` is what is not in the source itself.
#[derive(Serialize)]
struct Suppression {
    kind: &'static str,
    status: &'static str,
    justification: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: Physical,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<Logical>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Lines>,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Lines {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Logical {
    fully_qualified_name: String,
}

pub(super) fn write(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    let places = Places::of(report);
    let (rules, indices) = descriptors(report);
    let mut seen = BTreeMap::new();
    let run = Run {
        tool: Tool { driver: Driver { name: "portcullis", semantic_version: env!("CARGO_PKG_VERSION"), rules } },
        column_kind: "utf16CodeUnits",
        invocations: [invocation(report, &places)],
        results: report
            .findings
            .iter()
            .map(|reported| result(report, reported, &places, &indices, &mut seen))
            .collect(),
    };
    let log = Log { schema: "https://json.schemastore.org/sarif-2.1.0.json", version: "2.1.0", runs: [run] };
    writeln!(out, "{}", text::json(&serde_json::to_string_pretty(&log)?))
}

/// All codes, so that a viewer knows what was looked for, and then the codes that policy authors made up.
fn descriptors(report: &Report) -> (Vec<Descriptor<'_>>, BTreeMap<&str, usize>) {
    let codes = rules::RULES.iter().flat_map(|rule| rule.codes);
    let mut rules: Vec<_> = codes.map(|code| descriptor(&Page::from(*code))).collect();
    let mut indices: BTreeMap<_, _> = rules.iter().enumerate().map(|(index, rule)| (rule.id, index)).collect();
    for reported in &report.findings {
        let code: &str = &reported.finding.code;
        if !indices.contains_key(code) {
            indices.insert(code, rules.len());
            let policy = reported.policies.first().map_or("a policy", String::as_str);
            rules.push(Descriptor {
                id: code,
                short_description: plain(format!("what the policy `{policy}` asks for")),
                full_description: None,
                help: None,
                default_configuration: Configuration { level: reported.finding.level },
            });
        }
    }
    (rules, indices)
}

fn descriptor<'a>(page: &Page<'a>) -> Descriptor<'a> {
    Descriptor {
        id: page.code,
        short_description: plain(page.title),
        full_description: Some(plain(page.why)),
        help: Some(Message {
            text: format!("{}\n\nfix: {}", page.why, page.fix),
            markdown: Some(explain::markdown(page)),
        }),
        default_configuration: Configuration { level: page.level },
    }
}

fn invocation(report: &Report, places: &Places<'_>) -> Invocation {
    let refusals = report.refusals.iter().map(|refusal| (Level::Error, refusal));
    let warnings = report.warnings.iter().map(|warning| (Level::Warning, warning));
    let notifications = refusals.chain(warnings).map(|(level, refusal)| {
        let help = refusal.help.as_ref().map(|help| format!("\n\nhelp: {help}")).unwrap_or_default();
        let span = refusal.span.as_ref().map(|(source, span)| (*source, span));
        Notification {
            level,
            message: plain(format!("{}{help}", refusal.message)),
            locations: [location(&refusal.file, span, places)],
        }
    });
    Invocation {
        execution_successful: report.refusals.is_empty(),
        tool_execution_notifications: notifications.collect(),
    }
}

fn result<'a>(
    report: &Report,
    reported: &'a Reported,
    places: &Places<'_>,
    indices: &BTreeMap<&str, usize>,
    seen: &mut BTreeMap<String, usize>,
) -> Found<'a> {
    let finding = &reported.finding;
    let mut message = vec![finding.message.clone()];
    message.extend(human::notes(reported));
    message.extend(finding.full_help().map(|help| format!("help: {}", help.trim_end())));
    message.extend(human::fix(report, reported).map(|fix| format!("fix: {fix}")));
    let mut location = location(report.file(reported.source), Some((reported.source, &reported.span)), places);
    location.logical_locations = vec![Logical { fully_qualified_name: reported.object.to_string() }];
    Found {
        rule_id: &finding.code,
        rule_index: indices.get(&*finding.code).copied().unwrap_or_default(),
        level: finding.level,
        message: plain(message.join("\n\n")),
        locations: [location],
        partial_fingerprints: BTreeMap::from([("portcullisFinding/v1", fingerprint(reported, seen))]),
        suppressions: reported.excepted().map(suppression).into_iter().collect(),
    }
}

fn suppression(exception: &Exempted) -> Suppression {
    let Exempted { namespace, name, reason, expires, .. } = exception;
    let justification = format!("GuardException {namespace}/{name} until {expires}: {reason}");
    Suppression { kind: "external", status: "accepted", justification }
}

fn location(file: &str, span: Option<(usize, &Range<usize>)>, places: &Places<'_>) -> Location {
    let region = span.map(|(source, span)| {
        let region = places.region(source, span, Columns::Utf16);
        Lines {
            start_line: region.start.line,
            start_column: region.start.column,
            end_line: region.end.line,
            end_column: region.end.column,
        }
    });
    let physical_location = Physical { artifact_location: Artifact { uri: uri(file) }, region };
    Location { physical_location, logical_locations: Vec::new() }
}

/// The same for the same finding wherever it moves to: no file and no line. The number behind it tells findings of one
/// code at one path of one object apart.
fn fingerprint(reported: &Reported, seen: &mut BTreeMap<String, usize>) -> String {
    let (key, finding) = (&reported.object, &reported.finding);
    let parts = [&*finding.code, &key.group, &key.kind, &key.namespace, &key.name, &finding.path.to_string()];
    let digest = Sha256::digest(parts.join("\0"));
    let hash = format!("{:032x}", digest.first_chunk().map_or(0, |head| u128::from_be_bytes(*head)));
    let times = seen.entry(hash.clone()).or_default();
    *times += 1;
    format!("{hash}:{times}")
}

/// A reference relative to where `check` ran, which code scanning takes for the root of the repository.
fn uri(file: &str) -> String {
    if file == "-" {
        return "stdin".to_owned();
    }
    let file = if cfg!(windows) { Cow::Owned(file.replace('\\', "/")) } else { Cow::Borrowed(file) };
    let file = file.strip_prefix("./").unwrap_or(&file);
    let mut uri = String::with_capacity(file.len());
    if file.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in file.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            _ => uri.extend([format!("%{byte:02X}")]),
        }
    }
    uri
}

fn plain(text: impl Into<String>) -> Message {
    Message { text: text.into(), markdown: None }
}
