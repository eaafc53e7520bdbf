//! Exceptions from files: those among the objects that are judged, and those beside the policies.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    engine::{
        kinds::PORTCULLIS,
        node::Path,
        policy::exception::{
            self, Exception,
            misnamed::{Misnamed, What},
        },
    },
    files::{
        Refusal, Source,
        manifests::{self, Manifest},
        policies::{self, Loaded},
    },
};

/// Whether this is a GuardException.
pub fn is_one(manifest: &Manifest) -> bool {
    (manifest.key.group.as_str(), manifest.key.kind.as_str()) == (PORTCULLIS, exception::spec::KIND)
}

/// Lets the exceptions take part that are among these objects or in the files of the policies. What is wrong with the former
/// is returned, what is wrong with the latter is added to what was refused of the policies.
pub fn join(loaded: &mut Loaded, sources: &[Source], objects: &[Manifest], default_namespace: &str) -> Vec<Refusal> {
    let mut exceptions = Vec::new();
    let refusals = read(sources, objects, &mut exceptions);
    if loaded.sources.iter().any(hold_one) {
        let mut beside = manifests::read(&loaded.sources, default_namespace, |_| {});
        beside.objects.retain(is_one);
        loaded.refusals.extend(read(&loaded.sources, &beside.objects, &mut exceptions));
    }
    if !exceptions.is_empty() {
        loaded.policies = std::mem::take(&mut loaded.policies).with_exceptions(exceptions);
    }
    refusals
}

/// What the exceptions name that is nowhere among the policies. It is no mistake by itself: a policy may be elsewhere, as in
/// the cluster. Those of the files of policies stand behind `sources`, as these files do.
pub fn misnamed(loaded: &Loaded, sources: &[Source], objects: &[Manifest], default_namespace: &str) -> Vec<Refusal> {
    // One of those that were refused may be meant.
    if !loaded.refusals.is_empty() {
        return Vec::new();
    }
    let mut told = BTreeSet::new();
    let mut of = |sources: &[Source], objects: &[Manifest], behind: usize| -> Vec<Refusal> {
        let one = |manifest: &Manifest| -> Vec<Refusal> {
            let Ok(exception) = exception::compile::compile(&manifest.object, &manifest.key.namespace) else {
                return Vec::new();
            };
            let misnamed = exception.misnamed(&loaded.policies);
            let Some(source) = sources.get(manifest.source) else { return Vec::new() };
            if misnamed.is_empty() || !told.insert((exception.namespace, exception.name)) {
                return Vec::new();
            }
            let mut places = manifest.places(source);
            let refusal = |name: Misnamed| {
                let (message, help) = match name.what {
                    What::Policy => (format!("no policy that is given is named `{}`", name.name), ELSEWHERE),
                    What::Code => (name.to_string(), "so nothing is excepted by it"),
                };
                let span = (manifest.source, places.span(&name.path));
                let help = name.help.unwrap_or_else(|| help.to_owned());
                Refusal { file: source.name.clone(), span: Some(span), message, help: Some(help) }.behind(behind)
            };
            misnamed.into_iter().map(refusal).collect()
        };
        objects.iter().filter(|manifest| is_one(manifest)).flat_map(one).collect()
    };
    let mut all = of(sources, objects, 0);
    if loaded.sources.iter().any(hold_one) {
        let beside = manifests::read(&loaded.sources, default_namespace, |_| {});
        all.extend(of(&loaded.sources, &beside.objects, sources.len()));
    }
    all
}

const ELSEWHERE: &str = "name its file by `--policies`, unless it is somewhere else, as in the cluster";

fn hold_one(source: &Source) -> bool {
    source.text.contains(exception::spec::KIND)
}

fn read(sources: &[Source], objects: &[Manifest], exceptions: &mut Vec<Arc<Exception>>) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for manifest in objects {
        let Some(source) = sources.get(manifest.source) else { continue };
        let refuse = |path: &Path, message: String| Refusal {
            file: source.name.clone(),
            span: Some((manifest.source, manifest.places(source).span(path))),
            message,
            help: None,
        };
        if !is_one(manifest) {
            let slip = (manifest.key.group == PORTCULLIS).then(|| policies::misspelt(&manifest.object)).flatten();
            refusals.extend(slip.map(|message| refuse(&Path::of(&["kind"]), message)));
            continue;
        }
        match exception::compile::compile(&manifest.object, &manifest.key.namespace) {
            Ok(read) => {
                let is_it = |known: &&Arc<Exception>| known.namespace == read.namespace && known.name == read.name;
                match exceptions.iter().find(is_it) {
                    // A folder may be given as what is judged and as the policies.
                    Some(known) if **known == read => {}
                    Some(_) => {
                        let message = format!("there are two exceptions named `{}/{}`", read.namespace, read.name);
                        refusals.push(refuse(&Path::of(&["metadata", "name"]), message));
                    }
                    None => exceptions.push(Arc::new(read)),
                }
            }
            Err(bad) => {
                let mut places = manifest.places(source);
                let span = if bad.of_key { places.span_of_key(&bad.path) } else { places.span(&bad.path) };
                refusals.push(Refusal { span: Some((manifest.source, span)), ..refuse(&bad.path, bad.message) });
            }
        }
    }
    refusals
}
