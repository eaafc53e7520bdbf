//! Exceptions from files: those among the objects that are judged, and those beside the policies.

use std::sync::Arc;

use crate::{
    engine::{
        kinds::PORTCULLIS,
        node::Path,
        policy::exception::{self, Exception},
    },
    files::{
        Refusal, Source,
        manifests::{self, Manifest},
        policies::Loaded,
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
    let hold = |source: &Source| source.text.contains(exception::spec::KIND);
    if loaded.sources.iter().any(hold) {
        let beside = manifests::read(&loaded.sources, default_namespace, |_| {});
        loaded.refusals.extend(read(&loaded.sources, &beside.objects, &mut exceptions));
    }
    if !exceptions.is_empty() {
        loaded.policies = std::mem::take(&mut loaded.policies).with_exceptions(exceptions);
    }
    refusals
}

fn read(sources: &[Source], objects: &[Manifest], exceptions: &mut Vec<Arc<Exception>>) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for manifest in objects.iter().filter(|manifest| is_one(manifest)) {
        let Some(source) = sources.get(manifest.source) else { continue };
        let refuse = |path: &Path, message: String| Refusal {
            file: source.name.clone(),
            span: Some((manifest.source, manifest.places(source).span(path))),
            message,
            help: None,
        };
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
            Err(error) => refusals.push(refuse(&error.path, error.message)),
        }
    }
    refusals
}
