use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::engine::{
    policy::spec::{NoParameters, RuleSpec},
    subject::{Attributes, ObjectKey, Subject},
    view::{Lens, LookUp, View, control_plane::ControlPlane},
};

#[test]
fn no_look_up_is_noted_for_a_suggestion() {
    let view = View::closed(ControlPlane::default())
        .with(&ObjectKey::new("gateway.networking.k8s.io", "Gateway", "elsewhere", "http"), &json!({}));
    let object = json!({
        "metadata": { "name": "logs", "namespace": "gw" },
        "spec": {
            "targetRefs": [{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "http" }],
            "default": { "httpSettings": { "accessLog": [{ "fileSink": { "path": "/dev/stdout", "stringFormat": "x" } }] } },
        },
    });
    let key = ObjectKey::new(KGATEWAY, "ListenerPolicy", "gw", "logs");
    let attributes = Attributes::of(Operation::Create, &key, "v1alpha1");
    let subject = Subject::of(attributes, object, Value::Null);
    let lens = Lens::new(&view);
    let parameters = RuleSpec::ListenerPolicies(NoParameters {});

    let found = run(&Judge { subject: &subject, lens: &lens, parameters: &parameters, now: Timestamp::UNIX_EPOCH });

    let details = found.first().and_then(|finding| finding.details.as_ref()).map(|details| details.text.as_str());
    assert_eq!(details, Some("there is one in namespace `elsewhere`"));
    let lists = lens.seen().into_iter().filter(|seen| matches!(seen, LookUp::All { .. } | LookUp::List { .. }));
    assert_eq!(lists.count(), 0, "{:?}", lens.seen());
}
