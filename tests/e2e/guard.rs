//! Nobody pulls away what a live Gateway's telemetry resolves by; who has to, can; and nothing gets stuck.

use serde_json::{Value, json};

use crate::{
    cluster,
    kubectl::{Kubectl, Said},
    objects,
    patience::wait_until,
    portcullis::Portcullis,
    registration::Registration,
    sandbox::Sandbox,
    trial::Case,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("guard: a needed Service, grant, Backend or Namespace is not deleted", needed),
    Case::new("guard: a needed port is not taken away, and a grant not narrowed", narrowed),
    Case::new("guard: a port is changed in the safe order", port_change),
    Case::new("guard: a collection that holds a needed Service is not deleted whole", collection),
    Case::new("guard: an outage that was accepted until a time to come may happen, no other", accepted),
    Case::new("guard: what nobody needs any more is deleted at once", not_needed),
    Case::new("guard: a namespace with a telemetry object in it ends", namespace_of_telemetry).with_controllers(),
    Case::new("guard: a namespace with a needed collector in it ends once that was accepted", namespace_of_collector)
        .with_controllers(),
    Case::new("guard: the garbage collector is not held up", garbage_collector).with_controllers(),
    Case::new("guard: a Gateway that would wake a broken object is warned of", wakes),
    Case::new("guard: a broken object is repaired one reference at a time", repaired),
    Case::new("guard: a finalizer can always be removed, and a spec not broken on the way out", terminating),
    Case::new("guard: a needed Service with a finalizer keeps its port while it is terminating", terminating_service),
];

const HOUR: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// A namespace with kgateway's Gateway and a ListenerPolicy that needs a collector in another one, by a grant there; and an
/// HTTPListenerPolicy that needs a Backend.
struct World {
    gw: String,
    obs: String,
    kubectl: Kubectl,
    _registration: Registration,
    _portcullis: Portcullis,
}

impl World {
    #[track_caller]
    fn new(sandbox: &Sandbox<'_>) -> Self {
        let (portcullis, registration) = cluster::guarded(sandbox);
        let (kubectl, gw, obs) = (sandbox.kubectl(), sandbox.namespace("gw", &[]), sandbox.namespace("obs", &[]));
        let all = [
            objects::gateway(&gw),
            objects::backend(&gw, "otel"),
            objects::service(&obs, "otel", 4317),
            objects::service(&obs, "other", 4317),
            objects::grant(&obs, "logs", ("ListenerPolicy", &gw), "otel"),
            objects::listener_policy(&gw, "logs", &format!("name: otel, namespace: {obs}, port: 4317")),
            objects::http_policy(&gw, "old-logs", "group: gateway.kgateway.dev, kind: Backend, name: otel"),
        ];
        kubectl.apply(&all.concat());
        let world = Self { gw, obs, kubectl, _registration: registration, _portcullis: portcullis };
        world.until_seen(&["service", "otel", "-n", &world.obs]);
        world.until_seen(&["backend", "otel", "-n", &world.gw]);
        world
    }

    /// Waits until the view holds what needs this: a guard can only know of what it has seen.
    #[track_caller]
    fn until_seen(&self, what: &[&str]) {
        let args = [&["delete", "--dry-run=server"], what].concat();
        wait_until("the view to know who needs it", || {
            let said = self.kubectl.run(&args);
            if said.all().contains("is still needed by") { Ok(()) } else { Err(said.all()) }
        });
    }

    #[track_caller]
    fn refuses_to_delete(&self, what: &[&str]) -> Said {
        let said = self.kubectl.run(&[&["delete"], what].concat()).fails();
        said.says("Error from server (Forbidden)").says("first, then this").says("portcullis.dev/allow-disruption")
    }

    fn accept(&self, what: &[&str], until: jiff::Timestamp) {
        let annotation = format!("portcullis.dev/allow-disruption={until}");
        self.kubectl.run(&[&["annotate", "--overwrite"], what, &[&annotation]].concat()).succeeds();
    }
}

fn merge(kubectl: &Kubectl, what: &[&str], patch: &Value) -> Said {
    kubectl.run(&[&["patch", "--type=merge", "-p", &patch.to_string()], what].concat())
}

fn needed(sandbox: &Sandbox<'_>) {
    let world = World::new(sandbox);
    let (gw, obs) = (world.gw.as_str(), world.obs.as_str());
    let logs = format!("ListenerPolicy `{gw}/logs`");
    let gateway = format!("Gateway {gw}/http: every route of it would answer HTTP 500");
    world.refuses_to_delete(&["service", "otel", "-n", obs]).says(&logs).says(&gateway);
    world.refuses_to_delete(&["referencegrant", "logs", "-n", obs]).says(&logs).says(&gateway);
    world.refuses_to_delete(&["namespace", obs]).says(&logs).says(&gateway);
    let old_logs = format!("HTTPListenerPolicy `{gw}/old-logs`");
    world.refuses_to_delete(&["backend", "otel", "-n", gw]).says(&old_logs).says(&gateway);
    world.kubectl.delete(&["service", "other", "-n", obs]);
    let dry = ["delete", "--dry-run=server", "service", "otel", "-n", obs];
    world.kubectl.run(&dry).succeeds().says("would be refused if applied alone");
    assert!(world.kubectl.exists(&["service", "otel", "-n", obs]));
    let noted = sandbox.plane().audit_annotations("delete", "backends", gw, "otel");
    assert_eq!(noted["validate-ignore.portcullis.dev/denied"], "in-use/needed", "{noted}");
}

fn narrowed(sandbox: &Sandbox<'_>) {
    let world = World::new(sandbox);
    let (gw, obs) = (world.gw.as_str(), world.obs.as_str());
    let logs = format!("this Service would lose what it gives to ListenerPolicy `{gw}/logs`");
    let forbidden = "Error from server (Forbidden)";
    world.kubectl.try_apply(&objects::service(obs, "otel", 4319)).fails().says(forbidden).says(&logs);
    let other = objects::grant(obs, "logs", ("ListenerPolicy", gw), "other");
    world.kubectl.try_apply(&other).fails().says(forbidden).says("this ReferenceGrant would lose");
    let other = objects::grant(obs, "logs", ("HTTPListenerPolicy", gw), "otel");
    world.kubectl.try_apply(&other).fails().says(forbidden);
    // What it is named, labelled or how it is selected is nobody's business.
    let spec = "{ selector: { app: otel }, ports: [{ name: http2, port: 4317 }, { name: more, port: 80 }] }";
    world.kubectl.apply(&objects::service_with(obs, "otel", spec));
}

fn port_change(sandbox: &Sandbox<'_>) {
    let world = World::new(sandbox);
    let (gw, obs) = (world.gw.as_str(), world.obs.as_str());
    let both =
        "{ ports: [{ name: grpc, port: 4317, appProtocol: grpc }, { name: grpc-new, port: 5317, appProtocol: grpc }] }";
    let policy =
        |port: u16| objects::listener_policy(gw, "logs", &format!("name: otel, namespace: {obs}, port: {port}"));
    world.kubectl.try_apply(&policy(5317)).fails().says("has no port");
    world.kubectl.apply(&objects::service_with(obs, "otel", both));
    world.kubectl.apply(&policy(5317));
    let new = "{ ports: [{ name: grpc-new, port: 5317, appProtocol: grpc }] }";
    world.kubectl.apply(&objects::service_with(obs, "otel", new));
    world.kubectl.try_apply(&policy(4317)).fails().says("has no port");
}

fn collection(sandbox: &Sandbox<'_>) {
    let world = World::new(sandbox);
    let services = format!("/api/v1/namespaces/{}/services", world.obs);
    let said = world.kubectl.run(&["delete", "--raw", &services]).fails();
    said.says("this Service is still needed by").says(&format!("ListenerPolicy `{}/logs`", world.gw));
    assert!(world.kubectl.exists(&["service", "otel", "-n", &world.obs]));
    let said = world.kubectl.run(&["delete", "services", "--all", "-n", &world.obs]).fails();
    said.says("Error from server (Forbidden)");
    assert!(!world.kubectl.exists(&["service", "other", "-n", &world.obs]));
}

fn accepted(sandbox: &Sandbox<'_>) {
    let world = World::new(sandbox);
    let now = jiff::Timestamp::now();
    for what in [["service", "otel", "-n", &world.obs], ["backend", "otel", "-n", &world.gw]] {
        world.accept(&what, now - HOUR);
        world.refuses_to_delete(&what);
        world.accept(&what, now + HOUR);
        let said = world.kubectl.delete(&what);
        assert!(said.warnings().iter().any(|warning| warning.starts_with("[in-use/needed]")), "{}", said.all());
    }
}

fn not_needed(sandbox: &Sandbox<'_>) {
    let world = World::new(sandbox);
    let (gw, obs) = (world.gw.as_str(), world.obs.as_str());
    // In the order that a refusal advises, and with no pause: the view may not have heard of the first yet.
    world.kubectl.delete(&["listenerpolicy", "logs", "-n", gw]);
    world.kubectl.delete(&["referencegrant", "logs", "-n", obs]);
    world.kubectl.delete(&["service", "otel", "-n", obs]);
    world.kubectl.delete(&["httplistenerpolicy", "old-logs", "-n", gw]);
    world.kubectl.delete(&["backend", "otel", "-n", gw]);
    world.kubectl.delete(&["namespace", obs, "--wait=false"]);
}

fn namespace_of_telemetry(sandbox: &Sandbox<'_>) {
    let world = World::new(sandbox);
    world.kubectl.delete(&["namespace", &world.gw, "--timeout=100s"]);
    // Who needed the collector is gone.
    world.kubectl.delete(&["namespace", &world.obs, "--timeout=100s"]);
}

fn namespace_of_collector(sandbox: &Sandbox<'_>) {
    let world = World::new(sandbox);
    world.refuses_to_delete(&["namespace", &world.obs]);
    world.accept(&["namespace", &world.obs], jiff::Timestamp::now() + HOUR);
    world.kubectl.delete(&["namespace", &world.obs, "--timeout=100s"]);
    // The other one holds what is broken now, and ends too.
    world.kubectl.delete(&["namespace", &world.gw, "--timeout=100s"]);
}

fn garbage_collector(sandbox: &Sandbox<'_>) {
    let world = World::new(sandbox);
    let (kubectl, obs) = (&world.kubectl, world.obs.as_str());
    kubectl.run(&["create", "configmap", "owner", "-n", obs]).succeeds();
    let owner = kubectl.get_json(&["configmap", "owner", "-n", obs]);
    let reference =
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"] });
    let patch = json!({ "metadata": { "ownerReferences": [reference] } });
    merge(kubectl, &["service", "otel", "-n", obs], &patch).succeeds();
    kubectl.delete(&["configmap", "owner", "-n", obs]);
    wait_until("the Service to be collected", || {
        let gone = !kubectl.exists(&["service", "otel", "-n", obs]);
        if gone { Ok(()) } else { Err("it is still there".to_owned()) }
    });
}

fn wakes(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration) = cluster::guarded(sandbox);
    let (kubectl, gw) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
    let said = kubectl.apply(&objects::http_policy(&gw, "logs", "name: otel, port: 4317"));
    assert!(said.warnings().iter().any(|warning| warning.starts_with("[backend-refs/not-found]")), "{}", said.all());
    let dry = ["apply", "--dry-run=server", "-f", "-"];
    wait_until("the view to know the object", || {
        let said = kubectl.run_with(&dry, &objects::gateway(&gw)).succeeds();
        if said.all().contains("in-use/wakes-broken") { Ok(()) } else { Err(said.all()) }
    });
    let said = kubectl.apply(&objects::gateway(&gw));
    said.says(&format!("[in-use/wakes-broken] metadata.name: HTTPListenerPolicy `{gw}/logs` targets this Gateway"));
}

fn repaired(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration) = cluster::guarded(sandbox);
    let (kubectl, gw) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
    let policy = |first: &str, second: &str| {
        let sink = |name: &str| objects::sink(&format!("name: {name}, port: 4317"));
        objects::http_policy_with(&gw, "logs", &format!("accessLog: [{}, {}]", sink(first), sink(second)))
    };
    // Stored while it was attached to nothing.
    kubectl.apply(&policy("one", "two"));
    kubectl.apply(&objects::gateway(&gw));
    kubectl.apply(&objects::service(&gw, "good", 4317));
    wait_until("the view to know the Gateway", || {
        let said = kubectl.try_apply(&policy("three", "two"));
        if said.ok { Err(said.all()) } else { Ok(said) }
    })
    .says("does not exist");
    let said = kubectl.apply(&policy("good", "two"));
    let as_before = "[backend-refs/not-found] (as it is stored already)";
    assert!(said.warnings().iter().any(|warning| warning.starts_with(as_before)), "{}", said.all());
    kubectl.try_apply(&policy("three", "two")).fails().says("does not exist");
    kubectl.apply(&policy("good", "good")).never_says("does not exist");
    kubectl.try_apply(&policy("good", "two")).fails();
}

fn terminating(sandbox: &Sandbox<'_>) {
    let world = World::new(sandbox);
    let (kubectl, gw) = (&world.kubectl, world.gw.as_str());
    let what = ["httplistenerpolicy", "old-logs", "-n", gw];
    let finalizers = |finalizers: Value| json!({ "metadata": { "finalizers": finalizers } });
    merge(kubectl, &what, &finalizers(json!(["e2e.portcullis.dev/held"]))).succeeds();
    kubectl.delete(&[what.as_slice(), &["--wait=false"]].concat());
    // A terminating object still counts for kgateway: to break it now is an outage like any other.
    let reference = json!({ "name": "gone", "port": 4317 });
    let sink = json!({ "openTelemetry": { "grpcService": { "logName": "a", "backendRef": reference } } });
    let broken = json!({ "spec": { "accessLog": [sink] } });
    merge(kubectl, &what, &broken).fails().says("does not exist");
    let both = json!({ "metadata": { "finalizers": null }, "spec": { "accessLog": [sink] } });
    merge(kubectl, &what, &both).fails().says("does not exist");
    merge(kubectl, &what, &finalizers(Value::Null)).succeeds();
    assert!(!kubectl.exists(&what));

    // Broken as it is stored: the finalizer goes all the same.
    let what = ["listenerpolicy", "logs", "-n", gw];
    merge(kubectl, &what, &finalizers(json!(["e2e.portcullis.dev/held"]))).succeeds();
    world.accept(&["service", "otel", "-n", &world.obs], jiff::Timestamp::now() + HOUR);
    kubectl.delete(&["service", "otel", "-n", &world.obs]);
    kubectl.delete(&[what.as_slice(), &["--wait=false"]].concat());
    merge(kubectl, &what, &finalizers(Value::Null)).succeeds();
    assert!(!kubectl.exists(&what));
}

fn terminating_service(sandbox: &Sandbox<'_>) {
    let world = World::new(sandbox);
    let (kubectl, obs) = (&world.kubectl, world.obs.as_str());
    let what = ["service", "otel", "-n", obs];
    let finalizers = |finalizers: Value| json!({ "metadata": { "finalizers": finalizers } });
    merge(kubectl, &what, &finalizers(json!(["e2e.portcullis.dev/held"]))).succeeds();
    world.accept(&what, jiff::Timestamp::now() + HOUR);
    kubectl.delete(&[what.as_slice(), &["--wait=false"]].concat());
    world.accept(&what, jiff::Timestamp::now() - HOUR);
    let ports = json!({ "spec": { "ports": [{ "name": "grpc", "port": 4319 }] } });
    let said = merge(kubectl, &what, &ports).fails();
    said.says("this Service would lose what it gives to");
    merge(kubectl, &what, &finalizers(Value::Null)).succeeds();
    assert!(!kubectl.exists(&what));
}
