//! What belongs to one test in the control plane that all share: namespaces that only its own webhooks see.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};

use crate::{control_plane::ControlPlane, kubectl::Kubectl, patience::wait_until};

/// On every namespace of a test, with the test's id.
pub(crate) const LABEL: &str = "e2e.portcullis.dev/test";

/// Its namespaces are deleted when this is dropped; nobody waits for that.
#[derive(Debug)]
pub(crate) struct Sandbox<'a> {
    plane: &'a ControlPlane,
    id: String,
    namespaces: Mutex<Vec<String>>,
}

// === impl Sandbox ===

impl<'a> Sandbox<'a> {
    pub(crate) fn new(plane: &'a ControlPlane) -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let id = format!("t{}", MADE.fetch_add(1, Ordering::Relaxed));
        Self { plane, id, namespaces: Mutex::default() }
    }

    pub(crate) fn plane(&self) -> &'a ControlPlane {
        self.plane
    }

    /// kubectl as the administrator.
    pub(crate) fn kubectl(&self) -> Kubectl {
        self.plane.kubectl()
    }

    /// Tells this test from all others; short, and good for names and labels.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The name that [`Self::namespace`] gives, before there is one.
    pub(crate) fn name_of(&self, name: &str) -> String {
        format!("{}-{name}", self.id)
    }

    /// Makes a namespace with these labels, in which Pods can be made at once; its name.
    #[track_caller]
    pub(crate) fn namespace(&self, name: &str, labels: &[(&str, &str)]) -> String {
        let manifest = self.namespace_manifest(name, labels);
        let name = self.name_of(name);
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
        self.kubectl().apply(&manifest.to_string());
        if self.plane.has_controllers() {
            let account = ["serviceaccount", "default", "-n", &name];
            wait_until("a namespace's service account", || self.kubectl().try_get_json(&account));
        }
        name
    }

    /// What [`Self::namespace`] makes, for a folder of manifests that stands for the cluster.
    pub(crate) fn namespace_manifest(&self, name: &str, labels: &[(&str, &str)]) -> Value {
        let mut manifest = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": { "name": self.name_of(name), "labels": { LABEL: self.id } },
        });
        for (key, value) in labels {
            manifest["metadata"]["labels"][*key] = json!(value);
        }
        manifest
    }
}

impl Drop for Sandbox<'_> {
    fn drop(&mut self) {
        let namespaces = self.namespaces.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !namespaces.is_empty() {
            let mut args = vec!["delete", "namespace", "--wait=false", "--ignore-not-found"];
            args.extend(namespaces.iter().map(String::as_str));
            self.plane.kubectl().run(&args);
        }
    }
}
