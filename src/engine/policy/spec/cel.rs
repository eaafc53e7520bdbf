//! What of a GuardPolicy is CEL, as it is written: the fields of ValidatingAdmissionPolicy and MutatingAdmissionPolicy, and what
//! findings need beside them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::finding::Level;

/// An expression with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedExpression {
    /// Unique in its list.
    pub name: String,
    /// A CEL expression.
    pub expression: String,
}

/// Parameters of the expressions: one ConfigMap in Portcullis' own namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ParamRef {
    /// The ConfigMap's name. Expressions read it as `params`, as in `params.data.limit`.
    pub name: String,
    /// What follows while there is no such ConfigMap.
    #[serde(default)]
    pub parameter_not_found_action: ParameterNotFound,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ParameterNotFound {
    /// the policy judges nothing
    Allow,
    /// the policy cannot be judged, which is a finding about every object that it selects
    #[default]
    Deny,
}

/// An expression that must be true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValidationSpec {
    /// The second half of its code, as `too-high` in `sampling/too-high`. Lower case letters, digits and `-`.
    pub name: String,
    /// A CEL expression that is true of what is right, as in a ValidatingAdmissionPolicy.
    pub expression: String,
    /// What is wrong where it is false: one line, without line breaks.
    #[serde(default)]
    pub message: String,
    /// A CEL expression that gives the message; where it fails or gives an empty text, `message` is said.
    #[serde(default)]
    pub message_expression: Option<String>,
    /// Why the API server says it refuses the object: `Invalid` is answered with 422, `Forbidden` with 403,
    /// `RequestEntityTooLarge` with 413.
    #[serde(default)]
    pub reason: Reason,
    /// How bad it is where it is false. Only errors are refused, and only with `action: Deny`.
    #[serde(default = "error")]
    pub level: Level,
    /// A CEL expression that gives the place in the object, as `['spec', 'ports', 0]`. It may lead into YAML or JSON that is
    /// held in a string. Without it the finding is about the whole object.
    #[serde(default)]
    pub path_expression: Option<String>,
    /// How to mend it, in one line.
    #[serde(default)]
    pub help: String,
    /// Why it matters, for `portcullis explain`.
    #[serde(default)]
    pub why: String,
    /// YAML that shows the mistake, for `portcullis explain`.
    #[serde(default)]
    pub example: String,
}

/// A change of the object.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MutationSpec {
    /// The second half of its code. Lower case letters, digits and `-`.
    pub name: String,
    /// `JSONPatch`; `ApplyConfiguration` is not supported.
    pub patch_type: PatchType,
    /// The patch.
    #[serde(default)]
    pub json_patch: Option<JsonPatchSpec>,
    /// Refused: write a `jsonPatch`.
    #[serde(default, skip_serializing)]
    #[schemars(skip)]
    pub apply_configuration: Option<serde::de::IgnoredAny>,
    /// What is wrong where the patch changes something: one line, without line breaks.
    #[serde(default)]
    pub message: String,
    /// How bad it is that it is not as the patch would make it.
    #[serde(default = "warning")]
    pub level: Level,
    /// How to mend it by hand, in one line.
    #[serde(default)]
    pub help: String,
    /// Why it matters, for `portcullis explain`.
    #[serde(default)]
    pub why: String,
    /// YAML that shows the mistake, for `portcullis explain`.
    #[serde(default)]
    pub example: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonPatchSpec {
    /// A CEL expression that gives a list of `JSONPatch`, as in a MutatingAdmissionPolicy.
    pub expression: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PatchType {
    /// operations of RFC 6902
    #[serde(rename = "JSONPatch")]
    JsonPatch,
    /// not supported
    ApplyConfiguration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Reason {
    /// answered with 403
    Forbidden,
    /// answered with 422
    #[default]
    Invalid,
    /// answered with 413
    RequestEntityTooLarge,
}

// === impl Reason ===

impl Reason {
    /// The HTTP status.
    pub const fn code(self) -> u16 {
        match self {
            Self::Forbidden => 403,
            Self::Invalid => 422,
            Self::RequestEntityTooLarge => 413,
        }
    }
}

const fn error() -> Level {
    Level::Error
}

const fn warning() -> Level {
    Level::Warning
}
