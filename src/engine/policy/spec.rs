//! GuardPolicy as it is written: the fields are ValidatingAdmissionPolicy's wherever it has them.

pub mod cel;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::{finding::Level, policy::exception::spec::PermitSpec, selector::LabelSelector};

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
    /// What Portcullis says of a policy that is stored in a cluster. It is nothing that a policy asks for.
    #[serde(default, skip_serializing)]
    #[schemars(skip)]
    pub status: serde::de::IgnoredAny,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Metadata {
    pub name: String,
}

// The doc comments from here on are what `kubectl explain guardpolicy` prints: they are written for users.

/// What this policy asks for: which objects are judged, by which rule, and what follows.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GuardPolicySpec {
    /// What the policy is for, in a sentence.
    #[serde(default)]
    pub description: String,
    /// Which objects are judged, as in a ValidatingAdmissionPolicy.
    pub match_constraints: MatchConstraints,
    /// Conditions in CEL, as in a ValidatingAdmissionPolicy: an object is judged only where all of them are true. They see
    /// everything but `variables`.
    #[serde(default)]
    pub match_conditions: Vec<cel::NamedExpression>,
    /// What the expressions read as `params`.
    #[serde(default)]
    pub param_ref: Option<cel::ParamRef>,
    /// Expressions that others read as `variables.NAME`. Each sees those before it, and is run at most once.
    #[serde(default)]
    pub variables: Vec<cel::NamedExpression>,
    /// What follows from errors. Warnings and notes never deny anything.
    #[serde(default)]
    pub action: Action,
    /// What becomes of remedies: edits of the object, and objects that must exist elsewhere.
    #[serde(default)]
    pub remedy: RemedyMode,
    /// What the API server does with a request while the policy cannot be judged at all: Portcullis is down, or a rule
    /// failed.
    #[serde(default)]
    pub failure_policy: FailurePolicy,
    /// Raises or lowers single codes of the rule, or turns them off.
    #[serde(default)]
    pub levels: Vec<LevelOverride>,
    /// Which GuardExceptions hold against findings of this policy. Without it, none does.
    #[serde(default)]
    pub exceptions: Option<PermitSpec>,
    /// The built-in rule that judges, with its parameters. A policy has exactly one of `rule`, `validations` and `mutations`.
    #[serde(default)]
    pub rule: Option<RuleSpec>,
    /// Expressions in CEL that must be true, in place of `rule`.
    #[serde(default)]
    pub validations: Vec<cel::ValidationSpec>,
    /// Changes in CEL, in place of `rule`: each sees what those before it made, and together they are one remedy.
    #[serde(default)]
    pub mutations: Vec<cel::MutationSpec>,
}

/// Which objects are judged.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MatchConstraints {
    /// Which resources and operations are judged: a request that any of these matches. Groups and resources are named,
    /// never `*`.
    pub resource_rules: Vec<ResourceRuleSpec>,
    /// Which of those are not judged after all: a request that any of these matches.
    #[serde(default)]
    pub exclude_resource_rules: Vec<ResourceRuleSpec>,
    /// Only objects in namespaces with these labels, and Namespaces that have them. Empty selects every namespace.
    #[serde(default)]
    pub namespace_selector: LabelSelector,
    /// Only objects with these labels, before or after the change. Empty selects every object.
    #[serde(default)]
    pub object_selector: LabelSelector,
}

/// Resources and what is done to them. All four lists must match.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceRuleSpec {
    /// API groups by name, `""` for the core group. `*` is refused: every write to the cluster would wait for us.
    pub api_groups: Vec<String>,
    /// API versions, or `*` for all of them. As with `matchPolicy: Equivalent`, an object is judged in whatever version it is
    /// written: one that is named stands for all.
    pub api_versions: Vec<String>,
    /// Resources by their plural, as in `listenerpolicies`. `*` is refused.
    pub resources: Vec<String>,
    /// Operations: CREATE, UPDATE, DELETE, or `*` for all of them.
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
    /// errors are recorded in the audit log and metrics, and nobody is told
    Audit,
    /// the object is stored, and who stores it is warned
    #[default]
    Warn,
    /// the object is refused
    Deny,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RemedyMode {
    /// edits are made before the object is stored, and objects that must exist elsewhere are made where their owner agreed
    Apply,
    /// nothing is changed; the findings say what would help
    #[default]
    Suggest,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FailurePolicy {
    /// the request is refused; only for telemetry kinds, as everything else must stay writable
    Fail,
    /// the request is let through unjudged
    #[default]
    Ignore,
}

/// Another level for one code.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LevelOverride {
    /// A code such as `backend-refs/not-http2`; `portcullis explain` lists them. One that the policy does not have does nothing, which its status says.
    pub code: String,
    /// The level that its findings have under this policy; `off` drops them.
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
    /// Every reference of a telemetry object to its collector resolves, to a port that takes what is sent there. Takes no
    /// parameters.
    BackendRefs(NoParameters),
    /// Every reference into another namespace is allowed there by a ReferenceGrant. The remedy makes the grant, where the
    /// target is labelled `portcullis.dev/shared: "true"`. Takes no parameters.
    ReferenceGrants(NoParameters),
    /// Telemetry objects attach to Gateways that exist, and say something that takes effect. Takes no parameters.
    ListenerPolicies(NoParameters),
    /// Nobody takes away a Service, port, ReferenceGrant, Backend or Namespace that a stored telemetry object needs.
    InUse(InUse),
    /// Gateway pods carry the `prometheus.io/*` annotations by which their metrics are found. The remedy adds those that are
    /// absent. Takes no parameters.
    ScrapeAnnotations(NoParameters),
    /// No collector prints its data with the `debug` or `logging` exporter. The remedy takes them out of the configuration.
    DebugExporters(DebugExporters),
    /// Telemetry objects in files hold no fields that the API server would drop silently. It judges files only. Takes no
    /// parameters.
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
