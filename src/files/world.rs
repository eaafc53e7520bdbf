//! The view that files make: what is given is there, and what is not given is unknown, or absent in a closed world.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    engine::{
        kinds::CORE,
        subject::ObjectKey,
        view::{View, control_plane::ControlPlane},
    },
    files::manifests::Manifest,
};

/// What is known beside the files.
#[derive(Clone, Debug, Default)]
pub struct Given {
    pub control_plane: ControlPlane,
    pub closed: bool,
    /// Labels of namespaces, from `--namespace-labels`.
    pub namespace_labels: BTreeMap<String, BTreeMap<String, String>>,
}

/// The view of a set of objects.
pub fn view<'a>(objects: impl Iterator<Item = (&'a ObjectKey, &'a Value)>, given: &Given) -> View {
    let control_plane = given.control_plane.clone();
    let mut view = if given.closed { View::closed(control_plane) } else { View::open(control_plane) };
    let mut labels = given.namespace_labels.clone();
    for (key, object) in objects {
        if key.kind == "Namespace" && key.group == CORE {
            let given = labels.remove(key.name.as_str()).unwrap_or_default();
            let mut object = object.clone();
            for (label, value) in given {
                set_label(&mut object, &label, &value);
            }
            view.insert(key, &object);
        } else {
            view.insert(key, object);
        }
    }
    for (name, labels) in labels {
        let object = json!({ "metadata": { "name": name, "labels": labels } });
        view.insert(&ObjectKey::new(CORE, "Namespace", "", &name), &object);
    }
    view
}

/// The view of manifests.
pub fn of(manifests: &[Manifest], given: &Given) -> View {
    // What will be in a ConfigMap is in none yet.
    view(
        manifests
            .iter()
            .filter(|manifest| manifest.carried.is_none())
            .map(|manifest| (&manifest.key, &manifest.object)),
        given,
    )
}

fn set_label(object: &mut Value, label: &str, value: &str) {
    let labels = object.pointer_mut("/metadata/labels").and_then(Value::as_object_mut);
    match labels {
        Some(labels) => {
            labels.insert(label.to_owned(), value.into());
        }
        None => {
            if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.insert("labels".to_owned(), json!({ label: value }));
            }
        }
    }
}

/// Reads `namespace:key=value`.
///
/// # Errors
/// What it should look like.
pub fn parse_namespace_label(text: &str) -> Result<(String, String, String), String> {
    let wrong = || format!("`{text}` is not `namespace:key=value`, as in `telemetry:environment=production`");
    let (namespace, label) = text.split_once(':').ok_or_else(wrong)?;
    let (key, value) = label.split_once('=').ok_or_else(wrong)?;
    if namespace.is_empty() || key.is_empty() {
        return Err(wrong());
    }
    Ok((namespace.to_owned(), key.to_owned(), value.to_owned()))
}
