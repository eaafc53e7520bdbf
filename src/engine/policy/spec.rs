//! GuardPolicy as it is written: the fields are ValidatingAdmissionPolicy's wherever it has them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::{finding::Level, selector::LabelSelector};

pub const API_VERSION: &str = "portcullis.dev/v1alpha1";
pub const KIND: &str = "GuardPolicy";

/// A policy: which subjects, which rule, what to do about its findings.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GuardPolicy {
    pub api_version: String,
    pub kind: String,
    pub metadata: Metadata,
    pub spec: GuardPolicySpec,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Metadata {
    pub name: String,
}

/// What a GuardPolicy asks for.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GuardPolicySpec {
    /// What it is for, in a sentence.
    #[serde(default)]
    pub description: String,
    pub match_constraints: MatchConstraints,
    /// CEL conditions; reserved: this version takes none.
    #[serde(default)]
    pub match_conditions: Vec<serde_json::Value>,
    /// What errors lead to.
    #[serde(default)]
    pub action: Action,
    /// What becomes of remedies.
    #[serde(default)]
    pub remedy: RemedyMode,
    /// What happens if the policy cannot be judged at all.
    #[serde(default)]
    pub failure_policy: FailurePolicy,
    /// Raises or lowers codes of the rule.
    #[serde(default)]
    pub levels: Vec<LevelOverride>,
    /// The built-in rule and its parameters.
    #[serde(default)]
    pub rule: Option<RuleSpec>,
    /// CEL validations; reserved: this version takes none.
    #[serde(default)]
    pub validations: Vec<serde_json::Value>,
    /// CEL mutations; reserved: this version takes none.
    #[serde(default)]
    pub mutations: Vec<serde_json::Value>,
}

/// Which subjects are selected.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MatchConstraints {
    pub resource_rules: Vec<ResourceRuleSpec>,
    #[serde(default)]
    pub exclude_resource_rules: Vec<ResourceRuleSpec>,
    #[serde(default)]
    pub namespace_selector: LabelSelector,
    #[serde(default)]
    pub object_selector: LabelSelector,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceRuleSpec {
    pub api_groups: Vec<String>,
    pub api_versions: Vec<String>,
    pub resources: Vec<String>,
    pub operations: Vec<OperationSpec>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum OperationSpec {
    Create,
    Update,
    Delete,
    #[serde(rename = "*")]
    All,
}

/// What errors lead to. Ordered by strictness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Action {
    /// Recorded only.
    Audit,
    #[default]
    Warn,
    Deny,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RemedyMode {
    Apply,
    #[default]
    Suggest,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FailurePolicy {
    Fail,
    #[default]
    Ignore,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LevelOverride {
    pub code: String,
    pub level: OverrideLevel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OverrideLevel {
    Error,
    Warning,
    Note,
    Off,
}

/// Exactly one built-in rule, with its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RuleSpec {
    BackendRefs(NoParameters),
    ReferenceGrants(NoParameters),
    ListenerPolicies(NoParameters),
    InUse(InUse),
    ScrapeAnnotations(NoParameters),
    DebugExporters(DebugExporters),
    UnknownFields(NoParameters),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoParameters {}

/// Parameters of `inUse`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InUse {
    /// Users that are never held up: they finish what somebody else was allowed to begin.
    pub passing_users: Vec<String>,
}

/// Parameters of `debugExporters`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DebugExporters {
    /// Images beyond the known ones whose collector has the `nop` exporter, as `registry/repository` prefixes.
    pub images_with_nop: Vec<String>,
}

impl Default for InUse {
    fn default() -> Self {
        Self {
            passing_users: [
                "system:serviceaccount:kube-system:generic-garbage-collector",
                "system:serviceaccount:kube-system:namespace-controller",
                "system:kube-controller-manager",
            ]
            .map(str::to_owned)
            .to_vec(),
        }
    }
}

impl RuleSpec {
    /// As it is written in a policy.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::BackendRefs(_) => "backendRefs",
            Self::ReferenceGrants(_) => "referenceGrants",
            Self::ListenerPolicies(_) => "listenerPolicies",
            Self::InUse(_) => "inUse",
            Self::ScrapeAnnotations(_) => "scrapeAnnotations",
            Self::DebugExporters(_) => "debugExporters",
            Self::UnknownFields(_) => "unknownFields",
        }
    }
}

impl OverrideLevel {
    pub const fn level(self) -> Option<Level> {
        match self {
            Self::Error => Some(Level::Error),
            Self::Warning => Some(Level::Warning),
            Self::Note => Some(Level::Note),
            Self::Off => None,
        }
    }
}
