//! What the expressions ran on, as the API server showed it to its policies.

use std::path::Path;

use portcullis::engine::yaml::{self, Dialect};
use serde_json::{Value, json};

use crate::ours::Request;

/// The files of a folder with recorded objects.
pub(crate) struct Objects {
    widget: Value,
    deployment: Value,
    configmap: Value,
    namespace: Value,
    params_configmap: Value,
    params_widget: Value,
    context: Value,
}

/// What was asked of one object.
pub(crate) struct Ask<'r> {
    pub(crate) object: &'r str,
    pub(crate) operation: &'r str,
    pub(crate) name: &'r str,
    /// `cm`, `widget` or `none`; none of them where the policy has no parameters.
    pub(crate) params: Option<&'r str>,
    /// The widget's field of this name.
    pub(crate) own: Option<&'r Value>,
}

// === impl Objects ===

impl Objects {
    pub(crate) fn read(folder: &Path) -> Self {
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let yaml = |name: &str| yaml::tree::parse(&text(name)).unwrap().value(Dialect::Kubernetes).unwrap();
        // Only JSON tells 1.0 from 1. What was written is what was judged, and the API server's own fields beside it.
        let mut widget: Value = serde_json::from_str(&text("widget.request.json")).unwrap();
        let stored = yaml("widget.stored-form.yaml");
        for field in ["uid", "generation", "creationTimestamp", "managedFields"] {
            widget["metadata"][field] = stored["metadata"][field].clone();
        }
        Self {
            widget,
            deployment: yaml("deployment.stored-form.yaml"),
            configmap: yaml("configmap.stored-form.yaml"),
            namespace: namespace(&yaml("namespace.yaml")),
            params_configmap: yaml("params-configmap.yaml"),
            params_widget: serde_json::from_str(&text("params-widget.json")).unwrap(),
            context: yaml("request-context.yaml"),
        }
    }

    pub(crate) fn request(&self, ask: &Ask<'_>) -> Request {
        let mut object = match ask.object {
            "widget" => self.widget.clone(),
            "deployment" => self.deployment.clone(),
            "configmap" => self.configmap.clone(),
            other => panic!("no object `{other}`"),
        };
        object["metadata"]["name"] = json!(ask.name);
        if let Some(own) = ask.own {
            object["self"] = own.clone();
        }
        let attributes = self.attributes(&object, ask);
        let (object, old_object) = match ask.operation {
            "CREATE" => (object, Value::Null),
            "DELETE" => (Value::Null, object),
            _ => (updated(object.clone()), object),
        };
        let params = ask.params.map(|params| match params {
            "cm" => self.params_configmap.clone(),
            "widget" => self.params_widget.clone(),
            _ => Value::Null,
        });
        Request { object, old_object, attributes, namespace: self.namespace.clone(), params }
    }

    fn attributes(&self, object: &Value, ask: &Ask<'_>) -> Value {
        let api_version = object["apiVersion"].as_str().unwrap();
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let kind = json!({ "group": group, "version": version, "kind": object["kind"] });
        let resource = json!({ "group": group, "version": version, "resource": format!("{}s", ask.object) });
        let verb = match ask.operation {
            "CREATE" => "Create",
            "DELETE" => "Delete",
            _ => "Update",
        };
        let context = &self.context;
        json!({
            "kind": kind, "requestKind": kind, "resource": resource, "requestResource": resource,
            "name": ask.name, "namespace": context["namespace"], "operation": ask.operation, "dryRun": context["dryRun"],
            "userInfo": {
                "username": context["user"], "uid": context["uid"], "groups": context["groups"], "extra": context["extra"],
            },
            "options": {
                "apiVersion": "meta.k8s.io/v1", "kind": format!("{verb}Options"), "dryRun": ["All"],
                "fieldManager": context["fieldManager"], "fieldValidation": "Strict",
            },
        })
    }
}

/// The name, labels and annotations, which is what we hold of a Namespace.
fn namespace(whole: &Value) -> Value {
    let metadata = &whole["metadata"];
    json!({ "metadata": {
        "name": metadata["name"], "labels": metadata["labels"], "annotations": metadata["annotations"],
    } })
}

/// The change that every record of an update was judged on.
fn updated(mut object: Value) -> Value {
    if object["kind"] == "ConfigMap" {
        object["data"]["a"] = json!("2");
    } else {
        object["spec"]["replicas"] = json!(4);
    }
    object["metadata"]["labels"]["tier"] = json!("back");
    object
}
