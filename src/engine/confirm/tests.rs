use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::engine::{
    finding::{Code, Finding},
    node::Path,
    policy::compile,
    subject::ObjectKey,
};

static NEEDED: Code = Code { name: "in-use/needed", level: Level::Error, title: "", why: "", fix: "", example: "" };

fn named(kind: &str, number: usize) -> ObjectKey {
    ObjectKey::new("", kind, "gw", &format!("{number:03}"))
}

#[test]
fn of_referrers_and_of_gateways_enough_are_read_again() {
    let mut finding = Finding::new(&NEEDED, Path::root(), "it is needed");
    for kind in ["ListenerPolicy", "Gateway"] {
        for number in 0..20 {
            finding = finding.related(named(kind, number), "");
        }
    }
    let look_ups = of(&Judged { finding, askers: Vec::new(), opted_out: false });
    let of_kind = |kind: &str| look_ups.iter().filter(|look_up| look_up.kind().1 == kind).count();
    assert_eq!((of_kind("ListenerPolicy"), of_kind("Gateway")), (16, 16));
}

#[test]
fn no_more_than_asked_for_and_in_the_last_round_all() {
    let policy = json!({
        "apiVersion": "portcullis.dev/v1alpha1", "kind": "GuardPolicy", "metadata": { "name": "p" },
        "spec": { "rule": { "backendRefs": {} }, "action": "Deny", "matchConstraints": { "resourceRules": [{
            "apiGroups": ["gateway.kgateway.dev"], "apiVersions": ["*"], "resources": ["listenerpolicies"], "operations": ["CREATE"],
        }] } },
    });
    let look_ups: Vec<_> = (0..200).map(|number| LookUp::Object(named("Service", number))).collect();
    let asker = Asker {
        policy: Arc::new(compile::compile(&policy).unwrap()),
        level: Level::Error,
        uncertain: false,
        ratcheted: false,
        rests: Rests::View,
        look_ups: look_ups.into(),
        exemption: crate::engine::verdict::Exemption::None,
    };
    let judged = Judged { finding: Finding::new(&NEEDED, Path::root(), ""), askers: vec![asker], opted_out: false };
    let decision = Decision { denied: vec![&judged], ..Decision::default() };
    assert_eq!(rests_on(&decision, &BTreeSet::new(), limits::CONFIRMED).len(), 64);
    assert_eq!(rests_on(&decision, &BTreeSet::new(), usize::MAX).len(), 200);
}
