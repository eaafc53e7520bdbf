use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::engine::{
    kinds::CORE,
    policy::{RuleSpec, spec::NoParameters},
    subject::{Attributes, Subject},
    view::{Lens, LookUp, View, control_plane::ControlPlane},
};

#[test]
fn consent_that_could_not_be_read_is_doubt_and_no_error() {
    let kinds = [(CORE, "Service"), (CORE, "Namespace"), ("gateway.networking.k8s.io", "ReferenceGrant")];
    let mut view = View::open(ControlPlane::default()).complete(kinds);
    let otel = ObjectKey::new(CORE, "Service", "telemetry", "otel");
    view.insert(&otel, &json!({ "spec": { "ports": [{ "port": 4317 }] } }));
    assert_eq!(unknown(&view), [None]);
    view.doubt(LookUp::Object(otel));
    assert_eq!(unknown(&view), [Some("whether its owner agreed to grants".to_owned())]);
}

/// What is unknown about each missing grant.
fn unknown(view: &View) -> Vec<Option<String>> {
    let collector = json!({ "backendRef": { "name": "otel", "namespace": "telemetry", "port": 4317 } });
    let log = json!({ "openTelemetry": { "grpcService": collector } });
    let object = json!({ "spec": { "default": { "httpSettings": { "accessLog": [log] } } } });
    let key = ObjectKey::new(KGATEWAY, "ListenerPolicy", "gw", "logs");
    let attributes = Attributes::of(Operation::Create, &key, "v1alpha1");
    let subject = Subject::of(attributes, object, Value::Null);
    let (lens, parameters) = (Lens::new(view), RuleSpec::ReferenceGrants(NoParameters::default()));
    let judge = Judge { subject: &subject, lens: &lens, parameters: &parameters, now: Timestamp::UNIX_EPOCH };
    let found = run(&judge);
    assert!(found.iter().all(|finding| finding.code == MISSING.name));
    found.into_iter().map(|finding| finding.unknown).collect()
}
