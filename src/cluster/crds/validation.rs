//! What the API server refuses before a policy or an exception is stored: bounds, and in CEL what [`compile`] would refuse, in its words.
//!
//! It is a courtesy to who writes a policy. What is stored is compiled again, and `compile` alone decides.
//!
//! [`compile`]: crate::engine::policy::compile

use serde_json::{Value, json};

use crate::engine::{
    kinds::{AGENTGATEWAY, KGATEWAY},
    limits,
    rules::{RULES, Rule},
};

/// Every list and every string that CEL looks at needs a bound: the API server multiplies them into the worst cost of a
/// rule, and takes no CustomResourceDefinition beyond 10 million units for a rule and 100 million for all.
/// (pointer, keywords)
const BOUNDS: &[(&str, &[(&str, u64)])] = &[
    ("description", &[("maxLength", 1_024)]),
    ("matchConstraints/resourceRules", &[("minItems", 1), ("maxItems", 16)]),
    ("matchConstraints/excludeResourceRules", &[("maxItems", 16)]),
    ("levels", &[("maxItems", 128)]),
    ("levels/[]/code", &[("minLength", 1), ("maxLength", 128)]),
    ("exceptions/maxDuration", &[("minLength", 2), ("maxLength", 32)]),
    ("exceptions/codes", &[("maxItems", 128)]),
    ("exceptions/codes/[]", &[("minLength", 1), ("maxLength", 128)]),
    ("matchConditions", &[("maxItems", 64)]),
    ("matchConditions/[]/name", &[("minLength", 1), ("maxLength", 317)]),
    ("matchConditions/[]/expression", EXPRESSION),
    ("paramRef/name", &[("minLength", 1), ("maxLength", 253)]),
    ("variables", &[("maxItems", 64)]),
    ("variables/[]/name", &[("minLength", 1), ("maxLength", 63)]),
    ("variables/[]/expression", EXPRESSION),
    ("validations", &[("maxItems", 64)]),
    ("validations/[]/name", &[("minLength", 1), ("maxLength", 63)]),
    ("validations/[]/expression", EXPRESSION),
    ("validations/[]/messageExpression", EXPRESSION),
    ("validations/[]/pathExpression", EXPRESSION),
    ("validations/[]/message", PROSE),
    ("validations/[]/help", PROSE),
    ("validations/[]/why", PROSE),
    ("validations/[]/example", PROSE),
    ("mutations", &[("maxItems", 64)]),
    ("mutations/[]/name", &[("minLength", 1), ("maxLength", 63)]),
    ("mutations/[]/jsonPatch/expression", EXPRESSION),
    ("mutations/[]/message", PROSE),
    ("mutations/[]/help", PROSE),
    ("mutations/[]/why", PROSE),
    ("mutations/[]/example", PROSE),
    ("rule/inUse/passingUsers", &[("maxItems", 64)]),
    ("rule/inUse/passingUsers/[]", &[("minLength", 1), ("maxLength", 512)]),
    ("rule/debugExporters/imagesWithNop", &[("maxItems", 64)]),
    ("rule/debugExporters/imagesWithNop/[]", &[("minLength", 1), ("maxLength", 512)]),
];

const EXPRESSION: &[(&str, u64)] = &[("minLength", 1), ("maxLength", limits::CEL_SOURCE as u64)];
const PROSE: &[(&str, u64)] = &[("maxLength", limits::CEL_MESSAGE as u64)];

/// Below each of `resourceRules` and `excludeResourceRules`. A name of an API group is a DNS name, and so is that of a
/// resource with its subresource.
const BOUNDS_OF_RESOURCE_RULE: &[(&str, &[(&str, u64)])] = &[
    ("apiGroups", &[("minItems", 1), ("maxItems", 8)]),
    ("apiGroups/[]", &[("maxLength", 253)]),
    ("apiVersions", &[("minItems", 1), ("maxItems", 16)]),
    ("apiVersions/[]", &[("minLength", 1), ("maxLength", 63)]),
    ("resources", &[("minItems", 1), ("maxItems", 16)]),
    ("resources/[]", &[("minLength", 1), ("maxLength", 253)]),
    ("operations", &[("minItems", 1), ("maxItems", 4)]),
];

/// Below each of `namespaceSelector` and `objectSelector`. A label's key is a DNS name, a slash and 63 characters; a
/// value has at most 63.
const BOUNDS_OF_SELECTOR: &[(&str, &[(&str, u64)])] = &[
    ("matchLabels", &[("maxProperties", 64)]),
    ("matchLabels/{}", &[("maxLength", 63)]),
    ("matchExpressions", &[("maxItems", 64)]),
    ("matchExpressions/[]/key", &[("minLength", 1), ("maxLength", 317)]),
    ("matchExpressions/[]/values", &[("maxItems", 256)]),
    ("matchExpressions/[]/values/[]", &[("maxLength", 63)]),
];

const SELECTORS: [&str; 3] =
    ["matchConstraints/namespaceSelector", "matchConstraints/objectSelector", "exceptions/namespaceSelector"];
const RESOURCE_RULES: [&str; 2] = ["matchConstraints/resourceRules/[]", "matchConstraints/excludeResourceRules/[]"];

/// Adds bounds, the merging of lists, and CEL to the structural schema of a GuardPolicySpec.
pub(super) fn add_to(spec: &mut Value) {
    bound(spec, "", BOUNDS);
    for place in RESOURCE_RULES {
        bound(spec, place, BOUNDS_OF_RESOURCE_RULE);
        set(spec, &format!("{place}/operations"), "x-kubernetes-list-type", json!("set"));
        set(spec, place, "x-kubernetes-validations", json!(NO_WILDCARDS.map(said)));
    }
    for place in SELECTORS {
        select(spec, place);
    }
    set(spec, "exceptions/maxDuration", "x-kubernetes-validations", json!([a_duration()]));
    // One code, one level; and two appliers may each own theirs.
    set(spec, "levels", "x-kubernetes-list-type", json!("map"));
    set(spec, "levels", "x-kubernetes-list-map-keys", json!(["code"]));
    set(spec, "rule", "x-kubernetes-validations", json!([exactly_one_rule()]));
    let mut whole = vec![exactly_one_kind(), telemetry_alone_fails_closed()];
    whole.extend(RULES.iter().map(|rule| judges(rule)));
    set(spec, "", "x-kubernetes-validations", Value::Array(whole));
}

/// Of a GuardException, as [`BOUNDS`].
const BOUNDS_OF_EXCEPTION: &[(&str, &[(&str, u64)])] = &[
    ("policies", &[("minItems", 1), ("maxItems", 64)]),
    ("policies/[]", &[("minLength", 1), ("maxLength", 253)]),
    ("codes", &[("maxItems", 128)]),
    ("codes/[]", &[("minLength", 1), ("maxLength", 128)]),
    ("names", &[("maxItems", 256)]),
    ("names/[]", &[("minLength", 1), ("maxLength", 253)]),
    ("reason", &[("minLength", 1), ("maxLength", 1_024)]),
    ("expires", &[("maxLength", 64)]),
];

/// Adds bounds, the merging of lists, and CEL to the structural schema of a GuardExceptionSpec.
pub(super) fn add_to_exception(spec: &mut Value) {
    bound(spec, "", BOUNDS_OF_EXCEPTION);
    for list in ["policies", "codes", "names"] {
        set(spec, list, "x-kubernetes-list-type", json!("set"));
    }
    select(spec, "objectSelector");
    let not_blank = json!({ "rule": "size(self.trim()) > 0", "message": "an exception needs a reason, which is recorded with what it excepts" });
    set(spec, "reason", "x-kubernetes-validations", json!([not_blank]));
    let no_wildcard = json!({
        "rule": "!self.contains('*')",
        "message": "a name is written out, and `*` is none; to except several objects, use `objectSelector`",
    });
    set(spec, "names/[]", "x-kubernetes-validations", json!([no_wildcard]));
    let somebody = json!({
        "rule": "(has(self.names) && size(self.names) > 0) || (has(self.objectSelector) && \
    ((has(self.objectSelector.matchLabels) && size(self.objectSelector.matchLabels) > 0) || \
    (has(self.objectSelector.matchExpressions) && size(self.objectSelector.matchExpressions) > 0)))",
        "message": "an exception needs `names` or an `objectSelector` with labels: without, it would except everything in its namespace",
    });
    let one_way = json!({
        "rule": "!has(self.objectSelector) || !has(self.names) || size(self.names) == 0",
        "message": "an exception has either `names` or an `objectSelector`, not both",
        "fieldPath": ".objectSelector",
    });
    set(spec, "", "x-kubernetes-validations", json!([somebody, one_way]));
}

const NO_WILDCARDS: [(&str, &str, &str); 2] = [
    (
        "self.apiGroups.all(group, !group.contains('*'))",
        "a policy names its groups: `*` would make every write to the cluster wait for us",
        ".apiGroups",
    ),
    (
        "self.resources.all(resource, !resource.contains('*'))",
        "a policy names its resources: `*` would make every write to the cluster wait for us",
        ".resources",
    ),
];

const VALUES: (&str, &str, &str) = (
    "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
    "`In` and `NotIn` need `values`, `Exists` and `DoesNotExist` take none",
    ".values",
);

fn said((rule, message, path): (&str, &str, &str)) -> Value {
    json!({ "rule": rule, "message": message, "fieldPath": path })
}

fn select(spec: &mut Value, place: &str) {
    bound(spec, place, BOUNDS_OF_SELECTOR);
    set(spec, place, "x-kubernetes-map-type", json!("atomic"));
    set(spec, &format!("{place}/matchExpressions/[]"), "x-kubernetes-validations", json!([said(VALUES)]));
}

fn a_duration() -> Value {
    json!({
        "rule": "self.matches('^([0-9]+([.][0-9]+)?[hms])+$')",
        "message": "a duration is hours, minutes and seconds, as in `720h` for 30 days or `1h30m`",
    })
}

fn exactly_one_rule() -> Value {
    let given: Vec<_> = RULES.iter().map(|rule| format!("has(self.{})", rule.name)).collect();
    let names: Vec<_> = RULES.iter().map(|rule| format!("`{}`", rule.name)).collect();
    json!({
        "rule": format!("[{}].exists_one(given, given)", given.join(", ")),
        "message": format!("a policy has exactly one rule: one of {}", names.join(", ")),
    })
}

fn exactly_one_kind() -> Value {
    json!({
        "rule": "[has(self.rule), has(self.validations) && size(self.validations) > 0, \
    has(self.mutations) && size(self.mutations) > 0].exists_one(given, given)",
        "message": "a policy needs exactly one of `rule`, `validations` and `mutations`",
    })
}

fn telemetry_alone_fails_closed() -> Value {
    json!({
        "rule": format!(
            "!has(self.failurePolicy) || self.failurePolicy != 'Fail' || self.matchConstraints.resourceRules.all(selected, \
    selected.apiGroups.all(group, group in ['{KGATEWAY}', '{AGENTGATEWAY}']))"
        ),
        "message": "only telemetry kinds may have `failurePolicy: Fail`: everything else must stay writable while \
    Portcullis is down",
        "fieldPath": ".failurePolicy",
    })
}

/// A rule knows what it judges; what it does not judge would be sent to us for nothing.
fn judges(rule: &Rule) -> Value {
    let known: Vec<_> = rule.resources.iter().map(|(group, resource)| format!("'{group}/{resource}'")).collect();
    let operations: Vec<_> = rule.operations.iter().map(|operation| format!("'{}'", operation.name())).collect();
    let of = |group: &str| if group.is_empty() { String::new() } else { format!(" of `{group}`") };
    let words: Vec<_> = rule.resources.iter().map(|(group, resource)| format!("`{resource}`{}", of(group))).collect();
    let operation_words: Vec<_> = rule.operations.iter().map(|operation| operation.name()).collect();
    json!({
        "rule": format!(
            "!has(self.rule) || !has(self.rule.{}) || self.matchConstraints.resourceRules.all(selected, \
    selected.operations.exists(operation, operation in [{}, '*']) && selected.apiGroups.all(group, \
    selected.resources.all(resource, (group + '/' + resource) in [{}])))",
            rule.name,
            operations.join(", "),
            known.join(", "),
        ),
        "message": format!(
            "the rule `{}` judges only {}; of these resources: {}",
            rule.name,
            operation_words.join(", "),
            words.join(", "),
        ),
        "fieldPath": ".matchConstraints.resourceRules",
    })
}

fn bound(spec: &mut Value, below: &str, bounds: &[(&str, &[(&str, u64)])]) {
    for (place, keywords) in bounds {
        for (keyword, value) in *keywords {
            set(spec, &format!("{below}/{place}"), keyword, json!(value));
        }
    }
}

/// Sets a keyword of the schema at a place like `levels/[]/code`: names are properties, `[]` are items, `{}` the values of
/// a map. A place that is not there is passed over; a test finds the list or text that then has no bound.
fn set(spec: &mut Value, place: &str, keyword: &str, value: Value) {
    let pointer: String = place
        .split('/')
        .filter(|step| !step.is_empty())
        .map(|step| match step {
            "[]" => "/items".to_owned(),
            "{}" => "/additionalProperties".to_owned(),
            name => format!("/properties/{name}"),
        })
        .collect();
    if let Some(schema) = spec.pointer_mut(&pointer).and_then(Value::as_object_mut) {
        schema.insert(keyword.to_owned(), value);
    }
}
