//! ReferenceGrants: who may refer to what, and the one we would make.

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::engine::{
    kinds::{
        CORE, GATEWAY_API,
        meta::{LEAVING, MANAGED_BY, Meta, lenient},
    },
    name::Name,
};

/// Under this name we apply objects: the field manager that owns what we set.
pub const FIELD_MANAGER: &str = "portcullis";

/// The lean form of a ReferenceGrant. Every `from` is allowed every `to`; there are no wildcards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferenceGrant {
    pub from: Box<[From]>,
    pub to: Box<[To]>,
    /// It carries our label, and nobody but us owns anything of its `spec`: ours to remove.
    pub ours: bool,
    /// It is ours and about to be removed: it is there, but nothing new may rest on it.
    pub leaving: bool,
}

/// Whose references are allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct From {
    #[serde(deserialize_with = "lenient")]
    pub group: Name,
    #[serde(deserialize_with = "lenient")]
    pub kind: Name,
    #[serde(deserialize_with = "lenient")]
    pub namespace: Name,
}

/// To what references are allowed; without a name, to every object of the kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct To {
    #[serde(deserialize_with = "lenient")]
    pub group: Name,
    #[serde(deserialize_with = "lenient")]
    pub kind: Name,
    #[serde(deserialize_with = "lenient")]
    pub name: Option<Name>,
}

/// A reference that needs a grant.
#[derive(Clone, Copy, Debug)]
pub struct Crossing<'a> {
    pub from_group: &'a str,
    pub from_kind: &'a str,
    pub from_namespace: &'a str,
    pub to_group: &'a str,
    pub to_kind: &'a str,
    pub to_namespace: &'a str,
    pub to_name: &'a str,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    #[serde(deserialize_with = "lenient")]
    from: Vec<From>,
    #[serde(deserialize_with = "lenient")]
    to: Vec<To>,
}

// === impl ReferenceGrant ===

impl ReferenceGrant {
    pub fn read(meta: &Meta<'_>, object: &Value) -> Self {
        let spec = object.get("spec").and_then(|spec| Spec::deserialize(spec).ok()).unwrap_or_default();
        let labelled = meta.label(MANAGED_BY.0) == Some(MANAGED_BY.1);
        let ours = labelled && only_we_own_spec(object);
        let leaving = ours && meta.annotation(LEAVING).is_some();
        Self { from: spec.from.into(), to: spec.to.into(), ours, leaving }
    }

    /// A grant as the API server or a file has it.
    pub fn of(object: &Value) -> Self {
        Self::read(&Meta::of(object), object)
    }

    /// Whether it allows whatever the other one allows of what lies in this namespace.
    pub fn covers(&self, other: &Self, namespace: &str) -> bool {
        other.from.iter().all(|from| {
            other.to.iter().all(|to| {
                let crossing = Crossing {
                    from_group: &from.group,
                    from_kind: &from.kind,
                    from_namespace: &from.namespace,
                    to_group: &to.group,
                    to_kind: &to.kind,
                    to_namespace: namespace,
                    to_name: to.name.as_deref().unwrap_or_default(),
                };
                self.allows(&crossing)
            })
        })
    }

    /// kgateway's `ReferenceAllowed` (pkg/krtcollections/policy.go): exact group, kind and namespace of the source, and
    /// group and kind of the target with its name or none; `core` in a grant is the core group.
    pub fn allows(&self, crossing: &Crossing<'_>) -> bool {
        let is = |group: &Name, wanted: &str| *group == wanted || (*group == "core" && wanted == CORE);
        let from = self.from.iter().any(|from| {
            is(&from.group, crossing.from_group)
                && from.kind == crossing.from_kind
                && from.namespace == crossing.from_namespace
        });
        from && self.to.iter().any(|to| {
            is(&to.group, crossing.to_group)
                && to.kind == crossing.to_kind
                && to.name.as_deref().is_none_or(|name| name.is_empty() || name == crossing.to_name)
        })
    }
}

// === impl Crossing ===

impl Crossing<'_> {
    /// The narrowest grant that allows it: one `from`, one named `to`. v1beta1 is served and stored in every release of
    /// Gateway API, v1 only since 1.5, and kgateway reads v1beta1.
    pub fn grant(&self) -> Value {
        json!({
            "apiVersion": format!("{GATEWAY_API}/v1beta1"),
            "kind": "ReferenceGrant",
            "metadata": {
                "name": self.grant_name(),
                "namespace": self.to_namespace,
                "labels": { MANAGED_BY.0: MANAGED_BY.1 },
            },
            "spec": {
                "from": [{ "group": self.from_group, "kind": self.from_kind, "namespace": self.from_namespace }],
                "to": [{ "group": self.to_group, "kind": self.to_kind, "name": self.to_name }],
            },
        })
    }

    /// The same for the same crossing, wherever it is computed: a readable part and a hash of everything.
    pub fn grant_name(&self) -> String {
        let all = [
            self.from_group,
            self.from_kind,
            self.from_namespace,
            self.to_group,
            self.to_kind,
            self.to_namespace,
            self.to_name,
        ];
        let digest = Sha256::digest(all.join("\n").as_bytes());
        let hash: String = digest
            .iter()
            .take(5)
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|half| char::from_digit(half.into(), 16))
            .collect();
        // A Service name has at most 63 characters, a Backend's 253: with prefix and hash the name stays below 253.
        let readable: String = self.to_name.chars().filter(char::is_ascii).take(200).collect();
        format!("portcullis-{readable}-{hash}")
    }
}

/// Whether no other field manager owns anything of `spec`. Where no managers are told, as in files, nobody else is known.
fn only_we_own_spec(object: &Value) -> bool {
    let managers = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    let owns_spec = |entry: &&Value| entry.get("fieldsV1").is_none_or(|fields| fields.get("f:spec").is_some());
    let is_us = |entry: &Value| entry.get("manager").and_then(Value::as_str) == Some(FIELD_MANAGER);
    managers.into_iter().flatten().filter(owns_spec).all(is_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(metadata: &Value) -> ReferenceGrant {
        ReferenceGrant::of(&json!({ "metadata": metadata }))
    }

    #[test]
    fn ours_carries_our_label_and_has_no_other_owner_of_its_spec() {
        let labels = json!({ MANAGED_BY.0: MANAGED_BY.1 });
        let with = |managers: Value| read(&json!({ "labels": labels, "managedFields": managers })).ours;
        let (us, kubectl) = (json!({ "manager": FIELD_MANAGER }), json!({ "manager": "kubectl" }));
        assert!(read(&json!({ "labels": labels })).ours);
        assert!(with(json!([us])));
        assert!(!with(json!([us, kubectl])));
        assert!(!with(json!([kubectl])));
        assert!(with(json!([us, { "manager": "kubectl", "fieldsV1": { "f:metadata": {} } }])));
        assert!(!with(json!([us, { "manager": "kubectl", "fieldsV1": { "f:spec": {} } }])));
        assert!(!read(&json!({ "managedFields": [us] })).ours);
        assert!(!read(&json!({ "labels": { MANAGED_BY.0: "helm" } })).ours);
    }

    #[test]
    fn only_ours_can_be_leaving() {
        let marks = json!({ LEAVING: "2026-01-01T00:00:00Z" });
        let labels = json!({ MANAGED_BY.0: MANAGED_BY.1 });
        assert!(read(&json!({ "labels": labels, "annotations": marks })).leaving);
        assert!(!read(&json!({ "labels": labels })).leaving);
        assert!(!read(&json!({ "annotations": marks })).leaving);
    }

    #[test]
    fn a_grant_covers_what_it_allows_of_another() {
        let grant = |from: &str, to: Value| {
            let from = json!([{ "group": "g", "kind": "K", "namespace": from }]);
            ReferenceGrant::of(&json!({ "spec": { "from": from, "to": [to] } }))
        };
        let wanted = grant("a", json!({ "group": "", "kind": "Service", "name": "otel" }));
        let broad = grant("a", json!({ "group": "core", "kind": "Service" }));
        let other = grant("b", json!({ "group": "", "kind": "Service", "name": "otel" }));
        assert!(wanted.covers(&wanted, "t") && broad.covers(&wanted, "t"));
        assert!(!wanted.covers(&broad, "t") && !other.covers(&wanted, "t"));
    }
}
