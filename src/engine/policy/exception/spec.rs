//! GuardException as it is written, and the field of a GuardPolicy that lets exceptions hold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::selector::LabelSelector;

pub const KIND: &str = "GuardException";

/// An exception: whose findings are only recorded, until when, and why.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GuardException {
    pub api_version: String,
    pub kind: String,
    pub metadata: Metadata,
    pub spec: GuardExceptionSpec,
    /// What Portcullis says of one that is stored in a cluster.
    #[serde(default)]
    #[expect(dead_code, reason = "it is nothing that an exception asks for")]
    status: serde::de::IgnoredAny,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    pub name: String,
    #[serde(default)]
    pub namespace: String,
    #[serde(default)]
    pub creation_timestamp: Option<String>,
}

// The doc comments from here on are what `kubectl explain guardexception` prints: they are written for users.

/// What is excepted: findings of these policies about these objects in the namespace of the exception. They are recorded, and
/// neither refused nor warned of, and nothing is edited for them. It holds only as far as each policy lets it: see
/// `exceptions` of a GuardPolicy.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GuardExceptionSpec {
    /// The GuardPolicies whose findings are excepted, by their names.
    pub policies: Vec<String>,
    /// The codes that are excepted, such as `debug-exporters/exporter`. Empty stands for all that the policies let be
    /// excepted.
    #[serde(default)]
    pub codes: Vec<String>,
    /// The objects that are excepted, by their names. Either this or `objectSelector`.
    #[serde(default)]
    pub names: Vec<String>,
    /// The objects that are excepted, by their labels. Either this or `names`; an empty selector is refused.
    #[serde(default)]
    pub object_selector: Option<LabelSelector>,
    /// Why this is right for now. It is recorded with every finding that is excepted.
    pub reason: String,
    /// When the exception ends by itself, in RFC 3339. A policy bounds how long after `metadata.creationTimestamp` that may
    /// be; to go on after that, make a new one.
    #[schemars(extend("format" = "date-time"))]
    pub expires: String,
}

/// Which GuardExceptions hold against the findings of this policy. Without it, none does.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PermitSpec {
    /// Whether findings of this policy can be excepted at all. They cannot, unless this is `true`.
    pub allowed: bool,
    /// How long an exception may last, from when it was made to its end: hours, minutes and seconds, as in `720h`. One that
    /// lasts longer does not hold.
    pub max_duration: String,
    /// Only in namespaces with these labels. Empty selects every namespace.
    pub namespace_selector: LabelSelector,
    /// Only these codes. Empty stands for every code of the policy, except those of `in-use`: they must be named, as what
    /// they keep from being taken away is used by others.
    pub codes: Vec<String>,
}

impl Default for PermitSpec {
    fn default() -> Self {
        Self {
            allowed: false,
            max_duration: "720h".to_owned(),
            namespace_selector: LabelSelector::default(),
            codes: Vec::new(),
        }
    }
}
