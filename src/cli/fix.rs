//! `portcullis fix`: makes the edits that findings carry, and writes the objects that must exist elsewhere.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::Path as FilePath,
    sync::Arc,
};

use anyhow::Context;
use jiff::Timestamp;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::{
    cli::{args::FixArgs, check::Ended, output, report},
    engine::{
        evaluate::evaluate,
        finding::{Change, Edit, Remedy},
        kinds, limits,
        policy::PolicySet,
        select::Door,
        subject::Subject,
        verdict::{Judged, Verdict},
        view::View,
        yaml::{self, Dialect},
    },
    files::{
        Refusal, Source, exceptions,
        manifests::{self, Manifest},
        paths, policies, refusal_line,
        world::{self, Given},
        write,
    },
};

/// The file that takes the grants of a folder.
const GRANTS: &str = "portcullis-grants.yaml";

/// What became of the files.
#[derive(Debug, Default)]
pub struct Fixed {
    /// New texts by file name, of files that change or are new.
    pub texts: BTreeMap<String, String>,
    pub titles: Vec<String>,
    /// Edits that could not be made, with the reason.
    pub declined: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// Where a file or the output cannot be written.
pub fn run(args: &FixArgs, now: Timestamp) -> anyhow::Result<Ended> {
    let given = match args.judging.given(false) {
        Ok(given) => given,
        Err(message) => return output::refuse(&message),
    };
    let mut loaded = policies::load(&args.judging.policies);
    let (sources, refusals) = paths::read(&args.paths);
    if sources.is_empty() && refusals.is_empty() {
        return output::refuse(output::NO_FILES);
    }
    let (sources, mut unreadable) = with_grants_beside(sources, refusals);
    let read = manifests::read(&sources, &args.judging.namespace, |_| {});
    unreadable.extend(read.refusals);
    unreadable.extend(exceptions::join(&mut loaded, &sources, &read.objects, &args.judging.namespace));
    unreadable.extend(loaded.refusals.into_iter().map(|refusal| refusal.behind(sources.len())));
    let fixed = fix(&sources, &loaded.policies, &given, &args.judging.namespace, now);

    let mut out = output::stdout();
    let color = output::wants_color(args.color);
    let to_stdout = paths::is_stdin(&args.paths);
    for (name, text) in &fixed.texts {
        let before = sources.iter().find(|source| source.name == *name).map_or("", |source| &source.text);
        if name == "-" {
            continue;
        }
        if args.write {
            write::in_place(FilePath::new(name), text).with_context(|| format!("cannot write {name}"))?;
        } else {
            diff(&mut out, name, before, text, color)?;
        }
    }
    if to_stdout {
        let stdin = sources.iter().find(|source| source.name == "-");
        let text = fixed.texts.get("-").map(String::as_str).or(stdin.map(|source| &*source.text));
        write!(out, "{}", text.unwrap_or_default())?;
    }
    out.flush()?;
    let mut err = output::stderr();
    let all_sources: Vec<Source> = sources.iter().cloned().chain(loaded.sources).collect();
    for refusal in &unreadable {
        writeln!(err, "error: {}", report::line(&refusal_line(refusal, &all_sources)))?;
    }
    for declined in &fixed.declined {
        writeln!(err, "warning: {declined}")?;
    }
    for title in &fixed.titles {
        writeln!(err, "{} {title}", if args.write || to_stdout { "fixed:" } else { "would fix:" })?;
    }
    if fixed.titles.is_empty() {
        writeln!(err, "nothing to fix")?;
    } else if !args.write && !to_stdout {
        writeln!(err, "nothing was changed: add `--write` to change the files")?;
    }
    Ok(if unreadable.is_empty() { Ended::Clean } else { Ended::Refused })
}

/// Edits until nothing more can be edited; then adds the objects that must exist elsewhere.
pub fn fix(sources: &[Source], policies: &PolicySet, given: &Given, namespace: &str, now: Timestamp) -> Fixed {
    let mut fixed = Fixed::default();
    let mut current: Vec<Source> = sources.to_vec();
    let mut declined: BTreeSet<String> = BTreeSet::new();
    for _ in 0..limits::FIX_ROUNDS {
        let objects = manifests::read(&current, namespace, |_| {}).objects;
        let view = world::of(&objects, given);
        let mut documents: BTreeMap<(usize, Reverse<usize>), Vec<&Manifest>> = BTreeMap::new();
        for object in &objects {
            // An edit shifts what follows, so a file's documents are taken from its end.
            documents.entry((object.source, Reverse(object.document.start))).or_default().push(object);
        }
        let judge = |manifest: &Manifest| judged(manifest, policies, &view, now);
        let mut changed = false;
        for ((source, _), objects) in documents {
            let Some(source) = current.get_mut(source) else { continue };
            changed |= fix_document(source, &objects, judge, &mut declined, &mut fixed.titles);
        }
        if !changed {
            break;
        }
    }
    let objects = manifests::read(&current, namespace, |_| {}).objects;
    let view = world::of(&objects, given);
    let grants = wanted(&objects, policies, &view, now);
    add_objects(&mut current, &grants, &mut fixed.titles);
    for source in &current {
        let before = sources.iter().find(|known| known.name == source.name);
        if before.is_none_or(|before| before.text != source.text) {
            fixed.texts.insert(source.name.clone(), source.text.to_string());
        }
    }
    fixed.declined = declined.into_iter().collect();
    fixed
}

/// The changes of an object, as changes of the document that holds it.
pub fn within(manifest: &Manifest, changes: &[Change]) -> Vec<Change> {
    let one = |change: &Change| match change {
        Change::Set { path, value } => Change::Set { path: manifest.in_document(path), value: value.clone() },
        Change::Remove { path } => Change::Remove { path: manifest.in_document(path) },
    };
    changes.iter().map(one).collect()
}

/// Makes the edits of one document's objects; whether anything changed.
fn fix_document(
    source: &mut Source,
    objects: &[&Manifest],
    judge: impl Fn(&Manifest) -> Verdict,
    declined: &mut BTreeSet<String>,
    titles: &mut Vec<String>,
) -> bool {
    let Some(range) = objects.first().map(|object| object.document.clone()) else { return false };
    let before = source.text.get(range.clone()).unwrap_or_default().to_owned();
    let mut text = before.clone();
    let mut changes: Vec<Change> = Vec::new();
    for object in objects {
        for edit in edits(judge(object)) {
            let mut with = changes.clone();
            with.extend(within(object, &edit.changes));
            let place = format!("{}: {}: {}", source.name, kinds::shown_key(&object.key), edit.title);
            match yaml::edit::apply(&before, &with, Dialect::Kubernetes) {
                Ok(edited) if edited == text => {}
                Ok(edited) => {
                    text = edited;
                    changes = with;
                    titles.push(place);
                }
                // Beside the others it may only have to wait; alone it cannot be made.
                Err(_) if !changes.is_empty() => {}
                Err(error) => {
                    declined.insert(format!("{place}: cannot be made automatically: {}", error.reason));
                }
            }
        }
    }
    if text == before {
        return false;
    }
    let mut whole = source.text.to_string();
    whole.replace_range(range, &text);
    source.text = whole.into();
    true
}

/// The edits that the findings carry, each once.
fn edits(verdict: Verdict) -> Vec<Arc<Edit>> {
    let mut edits: Vec<Arc<Edit>> = Vec::new();
    let is_wanted =
        |judged: &Judged| !judged.opted_out && judged.finding.unknown.is_none() && judged.exception().is_none();
    for judged in verdict.judged.into_iter().filter(is_wanted) {
        if let Some(Remedy::Edit(edit)) = judged.finding.remedy
            && !edits.iter().any(|known| Arc::ptr_eq(known, &edit))
        {
            edits.push(edit);
        }
    }
    edits
}

fn judged(manifest: &Manifest, policies: &PolicySet, view: &View, now: Timestamp) -> Verdict {
    let attributes = manifest.attributes();
    let selection = policies.select(Door::Files, &attributes);
    let subject = Subject::of(attributes, manifest.object.clone(), Value::Null);
    evaluate(&selection, &subject, view, now)
}

/// Objects that must exist elsewhere, with the source of the object that needs them.
fn wanted(objects: &[Manifest], policies: &PolicySet, view: &View, now: Timestamp) -> Vec<(usize, Value)> {
    let mut wanted: Vec<(usize, Value)> = Vec::new();
    for manifest in objects {
        for judged in judged(manifest, policies, view, now).judged {
            if let Some(Remedy::Ensure(objects)) = judged.finding.remedy {
                for object in objects {
                    if !wanted.iter().any(|(_, known)| *known == object) {
                        wanted.push((manifest.source, object));
                    }
                }
            }
        }
    }
    wanted
}

/// Grants go to a file of their own beside what needs them; from standard input, to the end of the stream.
fn add_objects(current: &mut Vec<Source>, wanted: &[(usize, Value)], titles: &mut Vec<String>) {
    for (source, object) in wanted {
        let Some(needs) = current.get(*source).map(|source| source.name.clone()) else { continue };
        let name = if needs == "-" {
            needs.clone()
        } else {
            FilePath::new(&needs).with_file_name(GRANTS).display().to_string()
        };
        // In files it is its owner's: the label says that the controller made it.
        let mut object = object.clone();
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("labels");
        }
        let manifest = yaml::emit(&object);
        let text = |key: &str| object.pointer(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let title =
            format!("{name}: adds {} `{}/{}`", text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
        if !current.iter().any(|source| source.name == name) {
            if FilePath::new(&name).exists() {
                // It could not be read, so it must not be written.
                continue;
            }
            current.push(Source { name: name.clone(), text: String::new().into() });
        }
        if let Some(file) = current.iter_mut().find(|source| source.name == name) {
            let mut text = file.text.to_string();
            if !text.is_empty() {
                if !text.ends_with('\n') {
                    text.push('\n');
                }
                text.push_str("---\n");
            }
            text.push_str(&manifest);
            file.text = text.into();
            titles.push(title);
        }
    }
}

/// The files that hold grants beside what was given: they are part of the world, and may get more of them.
fn with_grants_beside(mut sources: Vec<Source>, mut refusals: Vec<Refusal>) -> (Vec<Source>, Vec<Refusal>) {
    let given = sources.iter().filter(|source| source.name != "-");
    let beside: BTreeSet<_> = given.map(|source| FilePath::new(&source.name).with_file_name(GRANTS)).collect();
    for path in beside {
        let known = sources.iter().map(|source| &source.name).chain(refusals.iter().map(|refusal| &refusal.file));
        if known.into_iter().any(|name| FilePath::new(name) == path) || !path.exists() {
            continue;
        }
        let (source, refusal) = paths::read_one(&path);
        sources.extend(source);
        refusals.extend(refusal);
    }
    (sources, refusals)
}

fn diff(out: &mut impl Write, name: &str, before: &str, after: &str, color: bool) -> std::io::Result<()> {
    let diff = TextDiff::from_lines(before, after);
    writeln!(out, "--- {}\n+++ {name}", if before.is_empty() { "/dev/null" } else { name })?;
    for hunk in diff.unified_diff().context_radius(2).iter_hunks() {
        write!(out, "{}", hunk.header())?;
        writeln!(out)?;
        for change in hunk.iter_changes() {
            let (sign, paint) = match change.tag() {
                ChangeTag::Delete => ("-", "\u{1b}[31m"),
                ChangeTag::Insert => ("+", "\u{1b}[32m"),
                ChangeTag::Equal => (" ", ""),
            };
            let line = report::line(change.value().trim_end_matches(['\r', '\n']));
            if color && !paint.is_empty() {
                writeln!(out, "{paint}{sign}{line}\u{1b}[0m")?;
            } else {
                writeln!(out, "{sign}{line}")?;
            }
        }
    }
    Ok(())
}
