//! Policies from files: a wrong one is refused with its line and with what would be right.

use std::{ops::Range, path::PathBuf};

use serde_json::Value;

use crate::{
    engine::{
        kinds::PORTCULLIS,
        node::Path,
        policy::{PolicySet, compile, exception, shipped, spec},
        rules::suggest,
        yaml::{self, Dialect},
    },
    files::{Refusal, Source, paths},
};

/// Policies, the files they stand in, and what is wrong with those that do not compile.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    pub policies: PolicySet,
    pub sources: Vec<Source>,
    pub refusals: Vec<Refusal>,
    /// What does nothing in policies that are right else.
    pub warnings: Vec<Refusal>,
}

/// The policies of these files, or the default set where none is named. Other objects in them are passed over, as a
/// folder of policies may hold their cases.
pub fn load(paths: &[PathBuf]) -> Loaded {
    if paths.is_empty() {
        return Loaded { policies: shipped::policies(), ..Loaded::default() };
    }
    let (mut sources, refusals) = paths::read(paths);
    sources.retain(|source| !source.name.ends_with(".test.yaml"));
    let mut loaded = Loaded { sources, refusals, ..Loaded::default() };
    let mut policies: Vec<crate::engine::policy::Policy> = Vec::new();
    for (index, source) in loaded.sources.iter().enumerate() {
        for document in yaml::documents::split(&source.text) {
            let refuse = |at: Range<usize>, message: String| Refusal {
                file: source.name.clone(),
                span: Some((index, document.offset + at.start..document.offset + at.end)),
                message,
                help: None,
            };
            let value = match yaml::tree::parse(document.text).and_then(|tree| tree.value(Dialect::Kubernetes)) {
                Ok(value) => value,
                Err(error) => {
                    loaded.refusals.push(refuse(error.offset..error.offset, error.message));
                    continue;
                }
            };
            for (within, value) in objects(&value) {
                if kind(value) != Some(spec::KIND) {
                    if let Some(message) = misspelt(value) {
                        let place = yaml::spans::locate(document.text, &within.key("kind")).unwrap_or_default();
                        loaded.refusals.push(refuse(place.start..place.end, message));
                    }
                    continue;
                }
                let locate = |path: &Path| span(document.text, &within.join(path));
                match compile::compile(value) {
                    Ok(policy) if policies.iter().any(|known| known.name == policy.name) => {
                        let message = format!("there are two policies named `{}`", policy.name);
                        loaded.refusals.push(refuse(locate(&Path::of(&["metadata", "name"])), message));
                    }
                    Ok(policy) => {
                        for idle in &policy.idle {
                            let place = idle.place(document.text, &within).unwrap_or_default();
                            loaded.warnings.push(refuse(place.start..place.end, idle.message.clone()));
                        }
                        policies.push(policy);
                    }
                    Err(bad) => {
                        let place = bad.place(document.text, &within).unwrap_or_default();
                        loaded.refusals.push(refuse(place.start..place.end, bad.message));
                    }
                }
            }
        }
    }
    if policies.is_empty() && loaded.refusals.is_empty() {
        let file = paths.first().map(|path| path.display().to_string()).unwrap_or_default();
        loaded.refusals.push(Refusal {
            file,
            span: None,
            message: "there is no GuardPolicy here".to_owned(),
            help: Some(
                "name a file or folder with `kind: GuardPolicy`, or leave `--policies` out for the default set"
                    .to_owned(),
            ),
        });
    }
    loaded.policies = PolicySet::new(policies);
    loaded
}

/// What is said of an object of ours whose kind is a slip: it would be passed over, and nobody would see.
pub(super) fn misspelt(object: &Value) -> Option<String> {
    let group = object.get("apiVersion")?.as_str()?.split('/').next()?;
    let kind = kind(object).filter(|_| group == PORTCULLIS)?;
    let meant = suggest::closest(kind, [spec::KIND, exception::spec::KIND])?;
    (meant != kind).then(|| format!("there is no kind `{kind}` of `{group}`; did you mean `{meant}`?"))
}

/// The objects of a document, and where they stand in it: those of a List, as `kubectl get -o yaml` prints it, or itself.
fn objects(document: &Value) -> Vec<(Path, &Value)> {
    let items = document.get("items").and_then(Value::as_array);
    match items.filter(|_| kind(document).is_some_and(|kind| kind.ends_with("List"))) {
        Some(items) => {
            let within = Path::of(&["items"]);
            items.iter().enumerate().map(|(index, item)| (within.index(index), item)).collect()
        }
        None => vec![(Path::root(), document)],
    }
}

fn kind(object: &Value) -> Option<&str> {
    object.get("kind").and_then(Value::as_str)
}

fn span(text: &str, path: &Path) -> Range<usize> {
    yaml::spans::locate(text, path).map_or(0..0, |span| span.start..span.end)
}
