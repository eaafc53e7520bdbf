use serde_json::json;

use super::*;

fn exception() -> Value {
    json!({
        "apiVersion": API_VERSION, "kind": spec::KIND,
        "metadata": { "name": "a", "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z", "uid": "u" },
        "spec": {
            "policies": ["p"], "names": ["logs"], "reason": " moving\nto  the new collector ",
            "expires": "2026-02-01T00:00:00+01:00",
        },
        "status": { "conditions": [] },
    })
}

#[test]
fn what_comes_from_a_cluster_compiles() {
    let exception = compile(&exception(), "default").unwrap();
    assert_eq!((exception.namespace.as_str(), exception.name.as_str()), ("shop", "a"));
    assert_eq!(exception.reason, "moving to the new collector");
    assert_eq!(exception.expires.to_string(), "2026-01-31T23:00:00Z");
    assert_eq!(exception.lasts(exception.expires).as_hours(), 31 * 24 - 1);
}

#[test]
fn what_is_wrong_is_refused_where_it_stands() {
    let both = json!({ "names": ["a"], "objectSelector": { "matchLabels": { "a": "b" } } });
    let never = json!({ "names": [], "objectSelector": {
        "matchLabels": { "a": "b" }, "matchExpressions": [{ "key": "a", "operator": "In", "values": ["c"] }],
    } });
    for (patch, path, words) in [
        (json!({ "expires": null }), "spec", "an exception needs an end: `expires`, a time such as"),
        (json!({ "expires": "never" }), "spec.expires", "`never` is no time"),
        (json!({ "expires": "2026-02-01" }), "spec.expires", "`2026-02-01` is no time"),
        (json!({ "expires": "2026-02-01T00:00:00" }), "spec.expires", "is no time with date and zone"),
        (json!({ "reason": null }), "spec", "needs a `reason`"),
        (json!({ "reason": " \n" }), "spec.reason", "needs a reason"),
        (json!({ "policies": [] }), "spec.policies", "names its `policies`"),
        (json!({ "policies": null }), "spec", "names its `policies`"),
        (json!({ "policies": ["p", ""] }), "spec.policies[1]", "empty"),
        (json!({ "names": [] }), "spec", "it would except everything in its namespace"),
        (json!({ "names": ["web-*"] }), "spec.names[0]", "use `objectSelector`"),
        (json!({ "names": [], "objectSelector": {} }), "spec.objectSelector", "it would except everything"),
        (both, "spec.objectSelector", "either `names` or an `objectSelector`, not both"),
        (never, "spec.objectSelector", "can match nothing: `a` cannot be `b` and `c`"),
        (json!({ "until": "2026" }), "spec.until", "unknown field `until`"),
    ] {
        let mut wrong = exception();
        for (key, value) in patch.as_object().unwrap() {
            wrong["spec"][key] = value.clone();
        }
        let error = compile(&wrong, "default").unwrap_err();
        assert!(error.message.contains(words), "{patch}: {error}");
        assert_eq!(error.path.to_string(), path, "{patch}: {error}");
    }
}
