//! Our own Deployment, and how it is set.

use serde_json::{Value, json};

use crate::{
    engine::selector::{LabelSelector, Labels},
    operate::{
        doctor::{Setup, facts::Facts, list, name, quoted, text, texts},
        webhooks::Route,
    },
};

/// The Deployment that runs Portcullis.
#[derive(Clone, Copy, Debug)]
pub struct Deployed<'a>(pub &'a Value);

const TEMPLATE: &str = "/spec/template/spec/containers";

/// The one whose Pods our Service leads to, else the one that runs as our service account.
pub fn ours<'a>(setup: &Setup, facts: &'a Facts) -> Option<Deployed<'a>> {
    let deployments = facts.deployments.as_ref().ok()?;
    let selector = match &facts.service {
        Ok(Some(service)) => labels(service, "/spec/selector"),
        _ => Labels::new(),
    };
    let selected = |deployment: &&Value| {
        let labels = Deployed(deployment).pod_labels();
        !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
    };
    let runs_as_us = |one: &&Value| text(one, "/spec/template/spec/serviceAccountName") == setup.service_account;
    deployments.iter().find(selected).or_else(|| deployments.iter().find(runs_as_us)).map(Deployed)
}

/// The command after which who leads looks at everything anew.
pub(super) fn restart(setup: &Setup, facts: &Facts) -> String {
    let name = ours(setup, facts).map_or("portcullis", Deployed::name);
    format!("kubectl rollout restart --namespace {} deployment/{name}", setup.own_namespace)
}

/// How the API server is to find us.
pub(super) fn route(setup: &Setup, facts: &Facts) -> Route {
    let url = ours(setup, facts).and_then(|deployed| deployed.setting("--webhook-url", "PORTCULLIS_WEBHOOK_URL"));
    match url {
        Some(url) => Route::Url(url.to_owned()),
        None => Route::Service { namespace: setup.own_namespace.clone(), name: setup.service.clone() },
    }
}

/// Whether who leads makes the certificates in our Secret.
pub(super) fn makes_certificates(setup: &Setup, facts: &Facts) -> bool {
    let wanted = ours(setup, facts).and_then(|deployed| deployed.setting("--tls-secret", "PORTCULLIS_TLS_SECRET"));
    wanted == Some(&setup.tls_secret)
}

/// The names that a certificate must be for: those that it was told, else the one by which the API server calls.
pub(super) fn names(setup: &Setup, facts: &Facts) -> Vec<String> {
    let told = ours(setup, facts).map_or_else(Vec::new, |deployed| {
        let flags = deployed.flag("--tls-name");
        if flags.is_empty() {
            deployed.setting("--tls-name", "PORTCULLIS_TLS_NAME").into_iter().collect()
        } else {
            flags
        }
    });
    let told: Vec<_> = told.into_iter().flat_map(|names| names.split(',')).filter(|name| !name.is_empty()).collect();
    if told.is_empty() { vec![route(setup, facts).host()] } else { told.into_iter().map(str::to_owned).collect() }
}

// === impl Deployed ===

impl<'a> Deployed<'a> {
    pub fn name(self) -> &'a str {
        name(self.0)
    }

    /// As in `Deployment portcullis-system/portcullis`.
    pub fn place(self) -> String {
        format!("Deployment {}/{}", text(self.0, "/metadata/namespace"), self.name())
    }

    pub fn pod_labels(self) -> Labels {
        labels(self.0, "/spec/template/metadata/labels")
    }

    /// Position and text of the container that is us.
    pub fn container(self) -> Option<(usize, &'a Value)> {
        let containers = list(self.0, TEMPLATE);
        let serves = |container: &Value| texts(container, "/args").contains(&"serve");
        containers.iter().enumerate().find(|(_, one)| serves(one)).or_else(|| containers.iter().enumerate().next())
    }

    pub fn image(self) -> &'a str {
        self.container().map_or("", |(_, container)| text(container, "/image"))
    }

    /// The values of a flag, in both ways to write it.
    pub fn flag(self, flag: &str) -> Vec<&'a str> {
        let args = self.container().map_or_else(Vec::new, |(_, container)| texts(container, "/args"));
        let mut values = Vec::new();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.strip_prefix(flag) {
                Some("") => values.extend(args.next()),
                Some(rest) => values.extend(rest.strip_prefix('=')),
                None => {}
            }
        }
        values
    }

    /// What a setting is: by its flag, else by its variable.
    pub fn setting(self, flag: &str, variable: &str) -> Option<&'a str> {
        self.flag(flag).pop().or_else(|| self.container().and_then(|(_, container)| variable_of(container, variable)))
    }

    /// What is set of `--control-plane`.
    pub fn control_plane(self) -> Vec<&'a str> {
        let flags = self.flag(CONTROL_PLANE);
        if !flags.is_empty() {
            return flags;
        }
        let variable = self.container().and_then(|(_, container)| variable_of(container, "PORTCULLIS_CONTROL_PLANE"));
        variable.map_or_else(Vec::new, |text| text.split(';').filter(|one| !one.is_empty()).collect())
    }

    /// The command that sets `--control-plane` to these.
    pub fn set_control_plane(self, setup: &Setup, wanted: &[String]) -> String {
        let namespace = &setup.own_namespace;
        if self.flag(CONTROL_PLANE).is_empty() {
            let variable = quoted(&format!("PORTCULLIS_CONTROL_PLANE={}", wanted.join(";")));
            return format!("kubectl set env --namespace {namespace} deployment/{} {variable}", self.name());
        }
        let (at, container) = self.container().unwrap_or((0, self.0));
        let mut args = Vec::new();
        let mut before = texts(container, "/args").into_iter();
        while let Some(arg) = before.next() {
            match arg.strip_prefix(CONTROL_PLANE) {
                Some("") => drop(before.next()),
                Some(rest) if rest.starts_with('=') => {}
                _ => args.push(arg.to_owned()),
            }
        }
        args.extend(wanted.iter().map(|one| format!("{CONTROL_PLANE}={one}")));
        let patch = json!([{ "op": "replace", "path": format!("{TEMPLATE}/{at}/args"), "value": args }]);
        let patch = quoted(&patch.to_string());
        format!("kubectl patch deployment {} --namespace {namespace} --type=json -p={patch}", self.name())
    }

    /// Whether somebody else writes the webhook configurations.
    pub fn is_registered_by_others(self) -> bool {
        let how = self.setting("--registration", "PORTCULLIS_REGISTRATION");
        matches!(how, Some("external" | "off"))
    }
}

const CONTROL_PLANE: &str = "--control-plane";

/// The value of an environment variable, where it is written down.
pub(super) fn variable_of<'a>(container: &'a Value, variable: &str) -> Option<&'a str> {
    let entry = list(container, "/env").iter().find(|entry| text(entry, "/name") == variable)?;
    entry.get("value").and_then(Value::as_str)
}

/// The labels at a pointer.
pub(super) fn labels(object: &Value, pointer: &str) -> Labels {
    let labels = object.pointer(pointer).and_then(Value::as_object);
    let label = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    labels.into_iter().flatten().filter_map(label).collect()
}

/// The selector at a pointer; None where it is written in a way that we do not know.
pub(super) fn selector(object: &Value, pointer: &str) -> Option<LabelSelector> {
    match object.pointer(pointer) {
        None | Some(Value::Null) => Some(LabelSelector::default()),
        Some(selector) => serde_json::from_value(selector.clone()).ok(),
    }
}
