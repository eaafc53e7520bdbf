//! Entries of webhook configurations, as they are stored: who is called, for what, and what follows when nobody answers.

use serde_json::Value;

use crate::{
    engine::selector::Labels,
    operate::doctor::{Setup, deployed::selector, facts::Facts, list, name, quoted, text, texts},
};

/// One entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) mutating: bool,
    pub(super) configuration: &'a Value,
    pub(super) at: usize,
    pub(super) value: &'a Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Validate,
    ValidateFail,
    ValidateIgnore,
    Mutate,
    Probe,
}

/// What is written, and to what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write<'a> {
    pub(super) group: &'a str,
    pub(super) resource: &'a str,
    pub(super) operation: &'a str,
    /// None for what has no namespace.
    pub(super) namespace: Option<&'a Labels>,
    pub(super) object: &'a Labels,
}

/// Every entry of every configuration that could be read.
pub(super) fn all(facts: &Facts) -> Vec<Entry<'_>> {
    let kinds = [(false, &facts.validating), (true, &facts.mutating)];
    let configurations = kinds
        .into_iter()
        .flat_map(|(mutating, read)| read.iter().flatten().map(move |configuration| (mutating, configuration)));
    let entries = configurations.flat_map(|(mutating, configuration)| {
        let entries = list(configuration, "/webhooks").iter().enumerate();
        entries.map(move |(at, value)| Entry { mutating, configuration, at, value })
    });
    entries.collect()
}

/// The entries of our two configurations.
pub(super) fn ours<'a>(setup: &Setup, facts: &'a Facts) -> Vec<Entry<'a>> {
    let mut entries = all(facts);
    entries.retain(|entry| name(entry.configuration) == setup.webhook_configuration);
    entries
}

// === impl Entry ===

impl<'a> Entry<'a> {
    pub(super) fn name(self) -> &'a str {
        text(self.value, "/name")
    }

    const fn kind(self) -> &'static str {
        if self.mutating { "MutatingWebhookConfiguration" } else { "ValidatingWebhookConfiguration" }
    }

    /// As in `ValidatingWebhookConfiguration portcullis`.
    pub(super) fn place(self) -> String {
        format!("{} {}", self.kind(), name(self.configuration))
    }

    /// The door that it leads to, by a Service or a URL.
    pub(super) fn door(self) -> Option<Door> {
        let path = match text(self.value, "/clientConfig/service/path") {
            "" => text(self.value, "/clientConfig/url"),
            path => path,
        };
        let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
        let doors = [
            ("/validate/fail", Door::ValidateFail),
            ("/validate/ignore", Door::ValidateIgnore),
            ("/validate", Door::Validate),
            ("/mutate", Door::Mutate),
            ("/probe", Door::Probe),
        ];
        doors.into_iter().find(|(end, _)| path.ends_with(end)).map(|(_, door)| door)
    }

    pub(super) fn fails_closed(self) -> bool {
        text(self.value, "/failurePolicy") != "Ignore"
    }

    pub(super) fn timeout(self) -> i64 {
        self.value.get("timeoutSeconds").and_then(Value::as_i64).unwrap_or(10)
    }

    pub(super) fn has_conditions(self) -> bool {
        !list(self.value, "/matchConditions").is_empty()
    }

    pub(super) fn has_condition(self, expression: &str) -> bool {
        list(self.value, "/matchConditions").iter().any(|one| text(one, "/expression") == expression)
    }

    /// Whether its rules name it, whatever its selectors say.
    pub(super) fn names(self, group: &str, resource: &str, operation: &str) -> bool {
        let any = |words: &[&str], word: &str| words.iter().any(|known| *known == word || *known == "*");
        list(self.value, "/rules").iter().any(|rule| {
            let resources = texts(rule, "/resources");
            let named = resources.iter().any(|known| match resource.split_once('/') {
                None => *known == resource || *known == "*" || *known == "*/*",
                Some((of, part)) => {
                    *known == resource
                        || *known == "*/*"
                        || *known == format!("*/{part}")
                        || *known == format!("{of}/*")
                }
            });
            named && any(&texts(rule, "/apiGroups"), group) && any(&texts(rule, "/operations"), operation)
        })
    }

    /// Whether it is asked, as far as its rules and selectors say.
    pub(super) fn is_asked(self, write: Write<'_>) -> bool {
        let matches = |pointer, labels| selector(self.value, pointer).is_none_or(|selector| selector.matches(labels));
        self.names(write.group, write.resource, write.operation)
            && write.namespace.is_none_or(|labels| matches("/namespaceSelector", labels))
            && matches("/objectSelector", write.object)
    }

    /// The command that sets one field.
    pub(super) fn set(self, field: &str, value: &Value) -> String {
        let operation = serde_json::json!([
            // By its name too: a configuration may have been written since.
            { "op": "test", "path": format!("/webhooks/{}/name", self.at), "value": self.name() },
            { "op": "add", "path": format!("/webhooks/{}/{field}", self.at), "value": value },
        ]);
        let patch = quoted(&operation.to_string());
        format!("kubectl patch {} {} --type=json -p={patch}", self.kind().to_lowercase(), name(self.configuration))
    }

    /// The command that prints one field, as `clientConfig.caBundle`.
    pub(super) fn show(self, field: &str) -> String {
        let path = quoted(&format!(r#"{{.webhooks[?(@.name=="{}")].{field}}}"#, self.name()));
        format!("kubectl get {} {} -o jsonpath={path}", self.kind().to_lowercase(), name(self.configuration))
    }

    /// The command that keeps it out of a namespace.
    pub(super) fn keep_out_of(self, namespace: &str) -> String {
        let mut selector = self.value.get("namespaceSelector").cloned().unwrap_or_default();
        if !selector.is_object() {
            selector = serde_json::json!({});
        }
        let expression =
            serde_json::json!({ "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [namespace] });
        if let Some(selector) = selector.as_object_mut() {
            match selector.get_mut("matchExpressions").and_then(Value::as_array_mut) {
                Some(expressions) => expressions.push(expression),
                None => drop(selector.insert("matchExpressions".to_owned(), serde_json::json!([expression]))),
            }
        }
        self.set("namespaceSelector", &selector)
    }
}
