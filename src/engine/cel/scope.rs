//! What the expressions of a policy may name: the API server's variables for admission policies, and ours beside them.
//!
//! Fields and types are those that the API server declares (`k8s.io/apiserver/pkg/admission/plugin/cel/compile.go`), so that
//! what it refuses when a policy is written is refused here too. Functions, `cluster.service` among them, need no scope.

use std::sync::Arc;

use crate::engine::cel::{
    library::json_patch,
    program::Scope,
    types::{ObjectType, Type},
};

const AUTHORIZER: &str = "there is no `authorizer` here: whether a user may do something is asked of the API server, and a webhook \
                          asks nobody while the API server waits for it; decide by `request.userInfo`";

const APPLY_CONFIGURATION: &str =
    "`ApplyConfiguration` is not taken: mutations are written as a list of `JSONPatch{…}`";

/// What match conditions see: all but `variables`. `params` is declared only where the policy says which these are.
pub fn conditions(params: bool) -> Scope {
    let mut names = vec![
        ("object", Type::Dyn),
        ("oldObject", Type::Dyn),
        ("request", request()),
        ("namespaceObject", namespace()),
        ("collector", collector()),
        ("krakend", krakend()),
    ];
    if params {
        names.push(("params", Type::Dyn));
    }
    Scope { names, refused: vec![("authorizer", AUTHORIZER)], structs: Vec::new() }
}

/// What validations, their messages and paths see, and a variable: the variables before it, each with its type.
pub fn validation(variables: &[(String, Type)], params: bool) -> Scope {
    let mut scope = conditions(params);
    scope.names.push(("variables", variables_of(variables)));
    scope
}

/// What mutations see: `JSONPatch{…}` can be made.
pub fn mutation(variables: &[(String, Type)], params: bool) -> Scope {
    let mut scope = validation(variables, params);
    scope.structs.push(json_patch::operation());
    scope.refused.push(("Object", APPLY_CONFIGURATION));
    scope
}

/// `variables`: a field for each.
fn variables_of(variables: &[(String, Type)]) -> Type {
    let fields = variables.iter().map(|(name, of)| (Arc::from(name.as_str()), of.of_variable())).collect();
    Type::Object(Arc::new(ObjectType { name: "kubernetes.variables".into(), fields }))
}

/// `request`, without `uid`, `object` and `oldObject`, which the API server leaves out as well.
fn request() -> Type {
    let text = || Type::String;
    let kind = Type::object("kubernetes.GroupVersionKind", [("group", text()), ("version", text()), ("kind", text())]);
    let resource =
        Type::object("kubernetes.GroupVersionResource", [("group", text()), ("version", text()), ("resource", text())]);
    let user = Type::object(
        "kubernetes.UserInfo",
        [
            ("username", text()),
            ("uid", text()),
            ("groups", Type::list(text())),
            ("extra", Type::map(text(), Type::list(text()))),
        ],
    );
    Type::object(
        "kubernetes.AdmissionRequest",
        [
            ("kind", kind.clone()),
            ("resource", resource.clone()),
            ("subResource", text()),
            ("requestKind", kind),
            ("requestResource", resource),
            ("requestSubResource", text()),
            ("name", text()),
            ("namespace", text()),
            ("operation", text()),
            ("userInfo", user),
            ("dryRun", Type::Bool),
            ("options", Type::Dyn),
        ],
    )
}

/// The collector configurations of the object, parsed: lists of mappings.
fn collector() -> Type {
    let list = || Type::list(Type::Dyn);
    Type::object(
        "portcullis.Collector",
        [
            ("found", Type::Bool),
            ("pipelines", list()),
            ("receivers", list()),
            ("processors", list()),
            ("exporters", list()),
            ("connectors", list()),
            ("extensions", list()),
            ("endpoints", list()),
            ("credentials", list()),
            ("scrapeJobs", list()),
        ],
    )
}

/// The `KrakenD` configurations of the object, parsed.
fn krakend() -> Type {
    let list = || Type::list(Type::Dyn);
    Type::object(
        "portcullis.Krakend",
        [
            ("found", Type::Bool),
            ("configurations", list()),
            ("exporters", list()),
            ("openCensus", list()),
            ("at", list()),
        ],
    )
}

/// `namespaceObject`: what is held of a Namespace. The API server has more of it, which nothing that is judged here needs.
fn namespace() -> Type {
    let texts = || Type::map(Type::String, Type::String);
    let metadata = Type::object(
        "kubernetes.NamespaceMetadata",
        [("name", Type::String), ("labels", texts()), ("annotations", texts())],
    );
    Type::object("kubernetes.Namespace", [("metadata", metadata)])
}
