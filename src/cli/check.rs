//! `portcullis check`: judges every object of the given files in the view that they make.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    sync::Arc,
};

use jiff::Timestamp;

use crate::{
    cli::{
        args::CheckArgs,
        output, progress,
        report::{self, Exempted, Report, Reported},
    },
    engine::{
        decide::{Ask, Ensure, decide},
        evaluate::evaluate,
        finding::{Edit, Finding, Remedy},
        kinds,
        patch::{self, Applied},
        policy::{Exception, PolicySet},
        select::Door,
        subject::{Attributes, ObjectKey, Subject},
        verdict::{Judged, Verdict},
        view::View,
        yaml::{self, Dialect},
    },
    files::{
        Source, exceptions,
        manifests::{self, Manifest, Manifests},
        paths, policies, world,
    },
};

/// As a webhook in a cluster asks, which can make objects before it answers.
const IN_CLUSTER: Ask = Ask { door: Door::Validate(None), dry_run: false, ensure: Ensure::Possible };

/// How a command ended; also the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Nothing to complain about.
    Clean = 0,
    /// Findings.
    Findings = 1,
    /// Input that could not be read.
    Refused = 2,
    /// Our own failure.
    Failed = 3,
}

/// Runs the command.
///
/// # Errors
/// Where its output cannot be written.
pub fn run(args: &CheckArgs, now: Timestamp) -> anyhow::Result<Ended> {
    let given = match args.judging.given(args.closed_world) {
        Ok(given) => given,
        Err(message) => return output::refuse(&message),
    };
    let mut loaded = policies::load(&args.judging.policies);
    let (sources, mut refusals) = paths::read(&args.paths);
    if sources.is_empty() && refusals.is_empty() {
        return output::refuse(output::NO_FILES);
    }
    let mut progress = progress::on_terminal();
    let Manifests { objects, not_objects, refusals: unread } =
        manifests::read(&sources, &args.judging.namespace, |done| progress.at("reading", done, sources.len(), "files"));
    refusals.extend(unread);
    refusals.extend(exceptions::join(&mut loaded, &sources, &objects, &args.judging.namespace));
    refusals.extend(manifests::empty(&sources));
    let warnings = exceptions::misnamed(&loaded, &sources, &objects, &args.judging.namespace);
    let view = world::of(&objects, &given);
    let count = |done| progress.at("judging", done, objects.len(), "objects");
    let mut report = judge_counting(&sources, &objects, &loaded.policies, &view, now, args.admission, count);
    progress.done();
    report.summary.files = sources.len();
    if not_objects > 0 {
        report.summary.skipped.insert("without `apiVersion` or `kind`".to_owned(), not_objects);
    }
    // Spans of refused policies point into the policies' own files.
    let first_policy_source = sources.len();
    report.sources = sources;
    report.sources.extend(loaded.sources);
    refusals.extend(loaded.refusals.into_iter().map(|refusal| refusal.behind(first_policy_source)));
    report.refusals = refusals;
    report.warnings = warnings;
    report.warnings.extend(loaded.warnings.into_iter().map(|warning| warning.behind(first_policy_source)));

    let options = report::Options { color: output::wants_color(args.color), width: None };
    let mut out = output::stdout();
    report::write(&report, args.format, options, &mut out)?;
    out.flush()?;
    let worst = report.worst();
    Ok(if !report.refusals.is_empty() {
        Ended::Refused
    } else if worst.is_some_and(|level| args.fail_on.is_reached_by(level)) {
        Ended::Findings
    } else {
        Ended::Clean
    })
}

/// Judges every object; what no policy judges is counted.
pub fn judge(
    sources: &[Source],
    objects: &[Manifest],
    policies: &PolicySet,
    view: &View,
    now: Timestamp,
    admission: bool,
) -> Report {
    judge_counting(sources, objects, policies, view, now, admission, |_| {})
}

fn judge_counting(
    sources: &[Source],
    objects: &[Manifest],
    policies: &PolicySet,
    view: &View,
    now: Timestamp,
    admission: bool,
    mut progress: impl FnMut(usize),
) -> Report {
    let mut report = Report::default();
    let mut asked: BTreeSet<String> = BTreeSet::new();
    for (done, manifest) in objects.iter().enumerate() {
        progress(done);
        // It says what is to be made of others.
        if exceptions::is_one(manifest) {
            continue;
        }
        let attributes = manifest.attributes();
        let selection = policies.select(Door::Files, &attributes);
        if selection.is_empty() {
            *report.summary.skipped.entry(format!("{}/{}", manifest.api_version, manifest.key.kind)).or_default() += 1;
            continue;
        }
        report.summary.judged += 1;
        let subject = Subject::of(attributes, manifest.object.clone(), serde_json::Value::Null);
        let verdict = if admission {
            as_admitted(policies, &attributes, &subject, view, now)
        } else {
            evaluate(&selection, &subject, view, now)
        };
        asked.extend(verdict.asked.iter().map(|policy| policy.name.clone()));
        let Some(source) = sources.get(manifest.source) else { continue };
        let decision = decide(&verdict, IN_CLUSTER);
        // What is judged as stored has been edited already.
        let edited = if admission { Vec::new() } else { edited(&verdict, policies, &attributes, &subject, view, now) };
        let mut tried = Vec::new();
        let mut places = None;
        for judged in &verdict.judged {
            let denied = decision.denied.iter().any(|denied| std::ptr::eq(*denied, judged));
            let warned = decision.warned.iter().any(|(warned, _)| std::ptr::eq(*warned, judged));
            report.findings.push(Reported {
                source: manifest.source,
                span: places.get_or_insert_with(|| manifest.places(source)).span(&judged.finding.path),
                object: kinds::shown_key(&manifest.key),
                policies: judged.policies().map(|policy| policy.name.clone()).collect(),
                action: match (denied, warned) {
                    _ if is_among(judged, &edited) => "warn",
                    (true, _) => "deny",
                    (_, true) => "warn",
                    _ => "record",
                },
                fixable: is_fixable(judged, manifest, source, &mut tried),
                exception: exempted(judged, now),
                finding: named(judged.finding.clone(), manifest),
            });
        }
    }
    report.findings.sort_by_key(|reported| (reported.source, reported.span.start, reported.finding.code.clone()));
    report.summary.repeated = repeated(sources, objects);
    report.summary.unmatched_policies = unmatched(policies, &asked);
    report
}

/// Names that are to be generated are not shown as if they were known, and a manifest in their object's place asks for
/// the same.
fn named(mut finding: Finding, manifest: &Manifest) -> Finding {
    let metadata = finding.manifest.as_mut().and_then(|object| object.get_mut("metadata")?.as_object_mut());
    if let (Some(prefix), Some(metadata)) = (kinds::generated_name(&manifest.object), metadata)
        && metadata.get("name").is_some_and(|name| *name == *manifest.key.name)
    {
        metadata.remove("name");
        metadata.insert("generateName".to_owned(), prefix.into());
    }
    for related in &mut finding.related {
        related.object = kinds::shown_key(&related.object);
    }
    finding
}

/// What a webhook would find after mutation, with the objects made that may be made.
fn as_admitted(
    policies: &PolicySet,
    attributes: &Attributes<'_>,
    subject: &Subject<'_>,
    view: &View,
    now: Timestamp,
) -> Verdict {
    let settled = patch::settle(&policies.select(Door::Mutate, attributes), subject, view, now);
    let stored = subject.with_object(settled.value);
    let selection = policies.select(Door::Validate(None), attributes);
    let mut verdict = evaluate(&selection, &stored, view, now);
    // Each alone: that another one is denied makes this one no worse.
    let alone = |judged: &Judged| Verdict { judged: vec![judged.clone()], ..Verdict::default() };
    verdict.judged.retain(|judged| decide(&alone(judged), IN_CLUSTER).ensure.is_empty());
    verdict
}

/// The edits that a webhook would make before it judges.
fn edited(
    verdict: &Verdict,
    policies: &PolicySet,
    attributes: &Attributes<'_>,
    subject: &Subject<'_>,
    view: &View,
    now: Timestamp,
) -> Vec<Applied> {
    let may_be = |judged: &Judged| judged.applies() && matches!(judged.finding.remedy, Some(Remedy::Edit(_)));
    if !verdict.judged.iter().any(may_be) {
        return Vec::new();
    }
    patch::settle(&policies.select(Door::Mutate, attributes), subject, view, now).applied
}

/// Whether the edit of this finding is one of these: then nothing is left to deny, and a warning tells of the edit.
fn is_among(judged: &Judged, edited: &[Applied]) -> bool {
    let Some(Remedy::Edit(edit)) = &judged.finding.remedy else { return false };
    edited.iter().any(|one| one.title == edit.title && judged.policies().any(|policy| policy.name == one.policy))
}

/// Whether `fix` can mend it: an edit is tried on the text it would change, once for all findings that share it.
fn is_fixable(judged: &Judged, manifest: &Manifest, source: &Source, tried: &mut Vec<(Arc<Edit>, bool)>) -> bool {
    match &judged.finding.remedy {
        None => false,
        Some(Remedy::Ensure(_)) => true,
        // What may not be so is nobody's to edit, and some objects ask to be left alone.
        Some(Remedy::Edit(_))
            if judged.finding.unknown.is_some() || judged.opted_out || judged.exception().is_some() =>
        {
            false
        }
        Some(Remedy::Edit(edit)) => {
            if let Some((_, known)) = tried.iter().find(|(known, _)| Arc::ptr_eq(known, edit)) {
                return *known;
            }
            let text = source.text.get(manifest.document.clone()).unwrap_or_default();
            let changes = crate::cli::fix::within(manifest, &edit.changes);
            let fixable = yaml::edit::apply(text, &changes, Dialect::Kubernetes).is_ok_and(|edited| edited != text);
            tried.push((Arc::clone(edit), fixable));
            fixable
        }
    }
}

/// The exception that was meant for it, if there is one, and whether it holds for every policy that asked.
fn exempted(judged: &Judged, now: Timestamp) -> Option<Exempted> {
    let said = |exception: &Exception, lapsed: Option<&str>| Exempted {
        namespace: exception.namespace.clone(),
        name: exception.name.clone(),
        reason: exception.reason.clone(),
        expires: exception.expires,
        ends_soon: lapsed.is_none() && exception.ends_soon(now),
        lapsed: lapsed.map(str::to_owned),
    };
    let holds = judged.exception().map(|exception| said(exception, None));
    holds.or_else(|| judged.lapsed().map(|(exception, why)| said(exception, Some(why))))
}

fn repeated(sources: &[Source], objects: &[Manifest]) -> Vec<String> {
    let mut places: BTreeMap<(&ObjectKey, &str), Vec<&Manifest>> = BTreeMap::new();
    for manifest in objects.iter().filter(|manifest| manifest.object.pointer("/metadata/name").is_some()) {
        places.entry((&manifest.key, kinds::split_api_version(&manifest.api_version).0)).or_default().push(manifest);
    }
    places.retain(|_, manifests| manifests.len() > 1);
    let mut newlines: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut place = |manifest: &Manifest| {
        let source = sources.get(manifest.source)?;
        let newlines = newlines
            .entry(manifest.source)
            .or_insert_with(|| memchr::memchr_iter(b'\n', source.text.as_bytes()).collect());
        let line = newlines.partition_point(|newline| *newline < manifest.bytes.start) + 1;
        Some(format!("{}:{line}", source.name))
    };
    places
        .into_iter()
        .map(|((key, _), manifests)| {
            let places: Vec<_> = manifests.into_iter().filter_map(&mut place).collect();
            format!("{key} in {}", places.join(" and "))
        })
        .collect()
}

fn unmatched(policies: &PolicySet, asked: &BTreeSet<String>) -> Vec<String> {
    let names = policies
        .policies()
        .iter()
        .filter(|policy| policy.seen_in() != crate::engine::rules::SeenIn::Requests)
        // Conditions are there to leave most of what is selected alone.
        .filter(|policy| policy.conditions.is_empty())
        .map(|policy| policy.name.clone());
    names.filter(|name| !asked.contains(name)).collect()
}
