//! What we write into `status` of a GuardPolicy, and of a GuardException.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The [`Condition`] that says whether a policy is in force as it is written.
pub const READY: &str = "Ready";
/// The [`Condition`] that says whether the API server sends us what a policy selects.
pub const REGISTERED: &str = "Registered";
/// The [`Condition`] that says whether an exception ends within a week.
pub const EXPIRING: &str = "Expiring";
/// The [`Condition`] that says whether an exception has ended.
pub const EXPIRED: &str = "Expired";

/// What Portcullis says of a stored policy. Doc comments here are what `kubectl explain guardpolicy.status` prints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "What Portcullis says of this policy. Written by Portcullis.")]
#[serde(rename_all = "camelCase", default)]
pub struct GuardPolicyStatus {
    /// The `metadata.generation` that this status is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// How many namespaces `namespaceSelector` matches. A policy that matches none does nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched_namespaces: Option<i32>,
    /// `Ready`: the policy is in force as it is written. `Registered`: a webhook configuration sends Portcullis what the
    /// policy selects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// What Portcullis says of a stored exception. Doc comments here are what `kubectl explain guardexception.status` prints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "What Portcullis says of this exception. Written by Portcullis.")]
#[serde(rename_all = "camelCase", default)]
pub struct GuardExceptionStatus {
    /// The `metadata.generation` that this status is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: every policy that it names lets it hold as it is written. `Expiring`: it ends within a week. `Expired`: it is
    /// over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// `metav1.Condition`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "One thing that is or is not so.")]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What it is about, such as `Ready`.
    #[serde(rename = "type")]
    pub type_: String,
    /// Whether it is so.
    pub status: ConditionStatus,
    /// Why, in one word for programs.
    pub reason: String,
    /// Why, in a sentence for people.
    pub message: String,
    /// When `status` last changed, in RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: String,
    /// The `metadata.generation` that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    True,
    False,
    Unknown,
}
