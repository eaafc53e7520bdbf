//! ReferenceGrants: who may refer to what, and the one we would make.

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::engine::{
    kinds::{
        CORE, GATEWAY_API,
        meta::{MANAGED_BY, Meta, lenient},
    },
    name::Name,
};

/// The lean form of a ReferenceGrant. Every `from` is allowed every `to`; there are no wildcards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferenceGrant {
    pub from: Box<[From]>,
    pub to: Box<[To]>,
    pub ours: bool,
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
        let ours = meta.label(MANAGED_BY.0) == Some(MANAGED_BY.1);
        Self { from: spec.from.into(), to: spec.to.into(), ours }
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
