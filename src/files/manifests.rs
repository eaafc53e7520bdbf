//! The objects in a file: several documents, Lists, `kubectl get -o json`; what is no object is counted or refused.

use std::{borrow::Cow, ops::Range};

use serde_json::{Value, json};

use crate::{
    engine::{
        kinds::{
            self,
            config_map::{KRAKEND_OPENCENSUS, KRAKEND_TELEMETRY},
            telemetry::krakend::Krakend,
        },
        node::{Node, Path},
        subject::{Attributes, ObjectKey, Operation},
        yaml::{
            self, Dialect,
            spans::{Places, Span},
            tree::Tree,
        },
    },
    files::{Refusal, Source},
};

/// An object in a file.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Into the list of sources.
    pub source: usize,
    /// Bytes of its document in the source's text.
    pub document: Range<usize>,
    /// Where in the document: `items[3]` in a List, else the root.
    pub within: Path,
    /// Of a file that is no object, as `krakend.json`, but will be in one: where it is in that object, which was made up here.
    pub carried: Option<Path>,
    /// Its own bytes in the source's text.
    pub bytes: Range<usize>,
    pub api_version: String,
    /// The plural.
    pub resource: Cow<'static, str>,
    /// What tells it apart from all others; to be shown, see [`kinds::shown_key`].
    pub key: ObjectKey,
    pub object: Value,
}

/// A document while its objects are taken out of it.
struct Document<'s> {
    source: usize,
    /// Of the source.
    name: &'s str,
    text: &'s str,
    range: Range<usize>,
    tree: Tree,
}

/// What the files hold.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    pub objects: Vec<Manifest>,
    /// Documents that are no Kubernetes objects.
    pub not_objects: usize,
    pub refusals: Vec<Refusal>,
}

/// Reads the objects of all sources; one that cannot be read costs only its own document.
pub fn read(sources: &[Source], default_namespace: &str, mut progress: impl FnMut(usize)) -> Manifests {
    let mut manifests = Manifests::default();
    for (index, source) in sources.iter().enumerate() {
        let before = manifests.objects.len();
        for document in yaml::documents::split(&source.text) {
            read_document(&mut manifests, index, source, &document, default_namespace);
        }
        tell_apart(source, manifests.objects.get_mut(before..).unwrap_or_default());
        progress(index + 1);
    }
    manifests
}

/// Gives each object a key of its own whose name the API server will make: by the line at which it stands.
fn tell_apart(source: &Source, objects: &mut [Manifest]) {
    let (mut line, mut at) = (1, 0);
    for manifest in objects.iter_mut().filter(|manifest| kinds::generated_name(&manifest.object).is_some()) {
        let between = source.text.as_bytes().get(at..manifest.bytes.start).unwrap_or_default();
        line += memchr::memchr_iter(b'\n', between).count();
        at = manifest.bytes.start;
        let item = if manifest.within.is_root() { String::new() } else { format!(" {}", manifest.within) };
        let place = format!("{}:{line}{item}", source.name);
        manifest.key = kinds::generated_key(std::mem::take(&mut manifest.key), &place);
    }
}

/// Files that hold nothing but blank lines and comments: a check of nothing must not look like one that found nothing.
pub fn empty(sources: &[Source]) -> Vec<Refusal> {
    let empty = sources.iter().enumerate().filter(|(_, source)| yaml::documents::split(&source.text).is_empty());
    empty
        .map(|(index, source)| Refusal {
            file: source.name.clone(),
            span: Some((index, 0..0)),
            message: "there is no document in this file".to_owned(),
            help: None,
        })
        .collect()
}

fn read_document(
    manifests: &mut Manifests,
    index: usize,
    source: &Source,
    document: &yaml::documents::Document<'_>,
    default_namespace: &str,
) {
    let range = document.offset..document.offset + document.text.len();
    let parsed =
        yaml::tree::parse(document.text).and_then(|tree| tree.value(Dialect::Kubernetes).map(|value| (tree, value)));
    let (tree, value) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            let at = range.start + error.offset.min(document.text.len());
            manifests.refusals.push(refusal(source, index, document.text, range.start, at, &error.message));
            return;
        }
    };
    if let Some(at) = template_in(&value, document.text) {
        manifests.refusals.push(template(source, index, range.start + at));
        return;
    }
    let document = Document { source: index, name: &source.name, text: document.text, range, tree };
    push(manifests, &document, Path::root(), value, default_namespace);
}

fn push(manifests: &mut Manifests, document: &Document<'_>, within: Path, value: Value, default_namespace: &str) {
    let node = Node::root(&value);
    let (api_version, kind) = (node.get("apiVersion").text(), node.get("kind").text());
    if kind.ends_with("List") && node.get("items").value().is_some_and(Value::is_array) {
        let path = within.key("items");
        // `kubectl get -o yaml` names the kind on every item; a typed list does not.
        let item_kind = kind.trim_end_matches("List").to_owned();
        let api_version = api_version.to_owned();
        if let Value::Object(mut list) = value {
            let items =
                list.remove("items").and_then(|items| if let Value::Array(items) = items { Some(items) } else { None });
            for (index, mut item) in items.unwrap_or_default().into_iter().enumerate() {
                if let Some(item) = item.as_object_mut().filter(|_| !item_kind.is_empty()) {
                    item.entry("kind").or_insert_with(|| item_kind.clone().into());
                    item.entry("apiVersion").or_insert_with(|| api_version.clone().into());
                }
                push(manifests, document, path.index(index), item, default_namespace);
            }
        }
        return;
    }
    if kind.is_empty() || api_version.is_empty() {
        match krakend(document, &value, default_namespace).filter(|_| within.is_root()) {
            Some(manifest) => manifests.objects.push(manifest),
            None => manifests.not_objects += 1,
        }
        return;
    }
    let api_version = api_version.to_owned();
    let key = kinds::key_of(&value, default_namespace);
    let resource = kinds::plural(&key.group, &key.kind);
    let start = document.range.start;
    let node = document.tree.node(document.tree.locate(&within).node);
    manifests.objects.push(Manifest {
        source: document.source,
        document: document.range.clone(),
        within,
        bytes: start + node.span.start..start + node.span.end,
        api_version,
        resource,
        key,
        object: value,
        carried: None,
    });
}

/// A KrakenD configuration as it is before anybody has put it into a ConfigMap. Nothing can refer to that ConfigMap.
fn krakend(document: &Document<'_>, value: &Value, namespace: &str) -> Option<Manifest> {
    let extra = value.pointer("/extra_config")?;
    let has_telemetry = extra.get(KRAKEND_TELEMETRY).is_some() && matches!(Krakend::read(document.text), Ok(Some(_)));
    if !has_telemetry && extra.get(KRAKEND_OPENCENSUS).is_none() {
        return None;
    }
    let file = document.name.rsplit('/').next().unwrap_or_default();
    let name = file.split('.').next().filter(|name| !name.is_empty() && *name != "-").unwrap_or("krakend");
    let key = kinds::generated_key(ObjectKey::new(kinds::CORE, "ConfigMap", namespace, name), document.name);
    Some(Manifest {
        source: document.source,
        document: document.range.clone(),
        within: Path::root(),
        carried: Some(Path::of(&["data", file]).yaml()),
        bytes: document.range.clone(),
        api_version: "v1".to_owned(),
        resource: Cow::Borrowed("configmaps"),
        key,
        object: json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": name, "namespace": namespace },
            "data": { file: document.text },
        }),
    })
}

/// Answers where paths of one object stand in its source.
#[derive(Debug)]
pub struct ManifestPlaces {
    places: Option<Places>,
    prefix: Path,
    carried: Option<Path>,
    /// Byte in the source at which what was read begins.
    start: usize,
}

impl ManifestPlaces {
    /// The bytes in the source that a path of the object points at, or those of the nearest thing above it.
    pub fn span(&mut self, path: &Path) -> Range<usize> {
        self.by(path, Places::locate)
    }

    /// As [`Self::span`], of the key alone.
    pub fn span_of_key(&mut self, path: &Path) -> Range<usize> {
        self.by(path, Places::locate_key)
    }

    fn by(&mut self, path: &Path, locate: fn(&mut Places, &Path) -> Span) -> Range<usize> {
        let path = self.prefix.join(&carried_out(self.carried.as_ref(), path));
        let span = self.places.as_mut().map(|places| locate(places, &path)).unwrap_or_default();
        self.start + span.start..self.start + span.end
    }
}

impl Manifest {
    /// As if it were created now.
    pub fn attributes(&self) -> Attributes<'_> {
        let (_, version) = kinds::split_api_version(&self.api_version);
        Attributes { resource: &self.resource, ..Attributes::of(Operation::Create, &self.key, version) }
    }

    /// Where in its document stands what has this path in the object.
    pub fn in_document(&self, path: &Path) -> Path {
        self.within.join(&carried_out(self.carried.as_ref(), path))
    }

    /// Where paths of the object stand in its source; an item of a List is read alone.
    pub fn places(&self, source: &Source) -> ManifestPlaces {
        let (places, prefix, start) = if let Some((places, start)) =
            self.alone(source).and_then(|(text, start)| Some((Places::of(&text)?, start)))
        {
            (Some(places), Path::root(), start)
        } else {
            let text = source.text.get(self.document.clone()).unwrap_or_default();
            (Places::of(text), self.within.clone(), self.document.start)
        };
        ManifestPlaces { places, prefix, carried: self.carried.clone(), start }
    }

    /// An item of a List as a document of its own, and the byte at which it begins: a List of thousands must not be read
    /// as a whole for each thing that is said of one item. None where there is no List, or the item is not to be had alone.
    fn alone<'s>(&self, source: &'s Source) -> Option<(Cow<'s, str>, usize)> {
        if self.within.segments().is_empty() {
            return None;
        }
        let item = source.text.get(self.bytes.clone())?;
        if item.starts_with('{') {
            return Some((Cow::Borrowed(item), self.bytes.start));
        }
        // Its first line stands behind a dash, its others below that line.
        let line = source.text.get(..self.bytes.start)?.rfind('\n').map_or(0, |at| at + 1).max(self.document.start);
        let indentation = " ".repeat(self.bytes.start - line);
        Some((Cow::Owned(indentation + item), line))
    }
}

/// A path without the way into what the object carries.
fn carried_out(carried: Option<&Path>, path: &Path) -> Path {
    carried.map_or_else(|| path.clone(), |carried| path.without(carried).unwrap_or_default())
}

fn refusal(source: &Source, index: usize, text: &str, start: usize, at: usize, message: &str) -> Refusal {
    if let Some(brace) = yaml::looks_like_helm_template(text) {
        return template(source, index, start + brace);
    }
    Refusal {
        file: source.name.clone(),
        span: Some((index, at..at)),
        message: message.to_owned(),
        help: Some("the rest of the input was judged; correct this document to have it judged too".to_owned()),
    }
}

/// A chart's template may well be YAML: then its braces stand in the values of an object.
fn template_in(value: &Value, text: &str) -> Option<usize> {
    value.get("kind")?;
    // A rendered ConfigMap may hold templates of its own, as dashboards do: only what names the object counts.
    let names = ["/metadata/name", "/metadata/namespace", "/kind", "/apiVersion"];
    // Without quotes, `{{ .Values.kind }}` is a mapping of a mapping.
    let braces = names.iter().filter_map(|pointer| value.pointer(pointer)).any(|name| match name {
        Value::String(text) => text.contains("{{"),
        name => name.is_object(),
    });
    braces.then(|| yaml::looks_like_helm_template(text)).flatten()
}

fn template(source: &Source, index: usize, at: usize) -> Refusal {
    Refusal {
        file: source.name.clone(),
        span: Some((index, at..at + 2)),
        message: "this is the source of a Helm template, not a manifest".to_owned(),
        help: Some("render it first: `helm template RELEASE CHART | portcullis check -`".to_owned()),
    }
}
