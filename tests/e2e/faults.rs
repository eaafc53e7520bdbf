//! What fails around portcullis makes it say less, never something wrong, and it says so; when it is over it is as before.

use std::time::{Duration, Instant};

use portcullis::engine::policy::shipped::SHIPPED;
use serde_json::{Value, json};

use crate::{
    cluster, kubectl::Kubectl, objects, patience::wait_until, portcullis::Portcullis, registration::Registration,
    sandbox::Sandbox, trial::Case,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("faults: while the API server restarts nothing is forgotten, and nothing missed after it", restart)
        .alone(),
    Case::new("faults: what is too old to be watched is listed again, and what is gone is noticed", too_old).alone(),
    Case::new("faults: while the view is behind, what is new counts", behind).alone(),
    Case::new("faults: a kind that may not be read any more is unknown, and denies nothing", forbidden).alone(),
    Case::new("faults: a kind that is installed after the start is found, and one that is removed is gone", kinds)
        .alone(),
    Case::new("faults: without GuardPolicies nothing is enforced, and this is said", no_policies).alone(),
    Case::new("faults: of a GuardPolicy that does not compile the last good version stays", bad_policy).alone(),
    Case::new("faults: a GuardPolicy that is changed counts at once", changed_policy).alone(),
];

/// A namespace with a Gateway and a collector, known to a portcullis that judges what is in it.
struct World {
    gw: String,
    kubectl: Kubectl,
    registration: Option<Registration>,
    portcullis: Portcullis,
}

const TO_OTEL: &str = "name: otel, port: 4317";
const TO_GONE: &str = "name: gone, port: 4317";

impl World {
    #[track_caller]
    fn new(sandbox: &Sandbox<'_>) -> Self {
        let (portcullis, registration) = cluster::guarded(sandbox);
        let (kubectl, gw) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
        kubectl.apply(&[objects::gateway(&gw), objects::service(&gw, "otel", 4317)].concat());
        let world = Self { gw, kubectl, registration: Some(registration), portcullis };
        world.until_denied(TO_GONE);
        world
    }

    fn policy(&self, reference: &str) -> String {
        objects::listener_policy(&self.gw, "logs", reference)
    }

    #[track_caller]
    fn until_denied(&self, reference: &str) {
        wait_until("a broken object to be denied", || {
            let said = self.kubectl.try_apply(&self.policy(reference));
            if said.ok {
                // What is stored already would be told, and not denied.
                self.kubectl.delete(&["listenerpolicy", "logs", "-n", &self.gw]);
            }
            if !said.ok && said.err.contains("does not exist") { Ok(()) } else { Err(said.all()) }
        });
    }

    #[track_caller]
    fn denies(&self, reference: &str) {
        let said = self.kubectl.try_apply(&self.policy(reference));
        assert!(!said.ok && said.err.contains("does not exist"), "{}\n{}", said.all(), self.portcullis.log());
    }

    fn is_ready(&self) -> bool {
        self.portcullis.get("/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    #[track_caller]
    fn until_guarded(&self, what: &[&str]) {
        wait_until("the guard to know what is needed", || {
            let said = self.kubectl.run(&[&["delete", "--dry-run=server"], what].concat());
            if said.all().contains("is still needed by") { Ok(()) } else { Err(said.all()) }
        });
    }
}

fn metric(portcullis: &Portcullis, name: &str) -> Option<String> {
    let metrics = portcullis.get("/metrics").ok()?;
    metrics.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
}

fn restart(sandbox: &Sandbox<'_>) {
    let world = World::new(sandbox);
    sandbox.plane().stop_api_server();
    world.portcullis.wait_until_it_says("view: degraded: ");
    assert!(world.is_ready());
    sandbox.plane().start_api_server();
    // At once, whatever the watches are doing.
    world.denies(TO_GONE);
    world.kubectl.apply(&world.policy(TO_OTEL));
    assert!(world.is_ready());
    world.until_guarded(&["service", "otel", "-n", &world.gw]);
    world.kubectl.delete(&["listenerpolicy", "logs", "-n", &world.gw]);
    world.kubectl.delete(&["service", "otel", "-n", &world.gw]);
    world.until_denied(TO_OTEL);
    world.portcullis.wait_until_it_says("view: ready");
}

fn too_old(sandbox: &Sandbox<'_>) {
    let mut world = World::new(sandbox);
    world.kubectl.apply(&world.policy(TO_OTEL));
    world.until_guarded(&["service", "otel", "-n", &world.gw]);
    drop(world.registration.take());
    // What it sleeps through it cannot be told later: an API server that was just started knows no earlier changes.
    world.portcullis.sleep();
    let (kubectl, gw) = (&world.kubectl, world.gw.as_str());
    kubectl.delete(&["listenerpolicy", "logs", "-n", gw]);
    kubectl.apply(&objects::service(gw, "new", 4317));
    kubectl.apply(&objects::listener_policy(gw, "more", "name: new, port: 4317"));
    sandbox.plane().restart_api_server();
    kubectl.run(&["create", "configmap", "later", "-n", gw]).succeeds();
    world.portcullis.wake();
    world.registration = Some(Registration::of(sandbox, &world.portcullis));
    world.until_guarded(&["service", "new", "-n", gw]);
    // Nothing needs it any more.
    kubectl.delete(&["service", "otel", "-n", gw]);
    world.until_denied(TO_OTEL);
    world.portcullis.wait_until_it_says("view: ready");
}

/// Takes rights away from portcullis, until this is dropped.
struct Without<'a>(&'a Kubectl);

impl<'a> Without<'a> {
    /// Neither Services nor Gateways can be listed and watched: one object can still be read.
    fn watches(kubectl: &'a Kubectl) -> Self {
        let role = kubectl.get_json(&["clusterrole", "portcullis"]);
        let mut rules = role["rules"].as_array().cloned().expect("its rules");
        for rule in &mut rules {
            let resources = rule["resources"].to_string();
            if resources.contains("\"services\"") || resources.contains("\"gateways\"") {
                rule["verbs"] = json!(["get"]);
            }
        }
        let without = Self(kubectl);
        let patch = json!({ "rules": rules }).to_string();
        kubectl.run(&["patch", "clusterrole", "portcullis", "--type=merge", "-p", &patch]).succeeds();
        without.until_refused("services");
        without.until_refused("gateways.gateway.networking.k8s.io");
        without
    }

    fn services(kubectl: &'a Kubectl) -> Self {
        let role = kubectl.get_json(&["clusterrole", "portcullis"]);
        let rules = role["rules"].as_array().expect("its rules");
        let is_it = |rule: &Value| rule["resources"] == json!(["namespaces", "services"]);
        let index = rules.iter().position(is_it).expect("the rule for Services");
        let path = format!("/rules/{index}/resources");
        let patch = json!([{ "op": "replace", "path": path, "value": ["namespaces"] }]);
        let without = Self(kubectl);
        kubectl.run(&["patch", "clusterrole", "portcullis", "--type=json", "-p", &patch.to_string()]).succeeds();
        without.until_refused("services");
        without
    }

    #[track_caller]
    fn until_refused(&self, resource: &str) {
        wait_until("the role to have changed", || {
            let said = self.0.run(&["auth", "can-i", "list", resource, "--as", cluster::USER]);
            if said.ok { Err(said.all()) } else { Ok(()) }
        });
    }
}

impl Drop for Without<'_> {
    fn drop(&mut self) {
        self.0.try_apply(&cluster::account());
    }
}

fn behind(sandbox: &Sandbox<'_>) {
    let world = World::new(sandbox);
    let (kubectl, gw) = (&world.kubectl, world.gw.as_str());
    let without = Without::watches(kubectl);
    sandbox.plane().restart_api_server();
    world.portcullis.wait_until_it_says("view: degraded: ");
    kubectl.apply(&[objects::gateway_of(gw, "new", "kgateway"), objects::service(gw, "new", 4317)].concat());
    let policy = |name: &str| {
        let policy = objects::listener_policy(gw, "new", &format!("name: {name}, port: 4317"));
        policy.replace("name: http }]", "name: new }]")
    };
    let gateway = format!("Gateway {gw}/new: every route of it would answer HTTP 500");
    kubectl.try_apply(&policy("gone")).fails().says("does not exist").says(&gateway);
    kubectl.apply(&policy("new")).never_says("backend-refs/");
    let known = metric(&world.portcullis, r#"portcullis_confirmed_total{result="changed"}"#);
    assert!(known.is_some_and(|count| count != "0"), "{:?}", world.portcullis.get("/metrics"));
    drop(without);
    world.portcullis.wait_until_it_says("view: ready");
}

fn forbidden(sandbox: &Sandbox<'_>) {
    let world = World::new(sandbox);
    let without = Without::services(&world.kubectl);
    // A watch that is open stays open; a new one is refused.
    sandbox.plane().restart_api_server();
    // The view says that it is absent, and nobody may look again.
    let said = world.kubectl.apply(&world.policy(TO_GONE));
    said.says("(not known for certain)");
    world.kubectl.delete(&["listenerpolicy", "logs", "-n", &world.gw]);
    world.portcullis.wait_until_it_says("view: degraded: Service cannot be watched: ");
    wait_until("Services to be unknown", || {
        let known = metric(&world.portcullis, r#"portcullis_view_known{kind="Service"}"#);
        if known.as_deref() == Some("0") { Ok(()) } else { Err(format!("{known:?}")) }
    });
    let said = world.kubectl.apply(&world.policy(TO_GONE));
    said.says("(not known for certain)");
    world.kubectl.delete(&["listenerpolicy", "logs", "-n", &world.gw]);
    // What rests on nothing else is refused as ever.
    let unknown_kind = world.policy("group: apps, kind: Deployment, name: otel");
    world.kubectl.try_apply(&unknown_kind).fails().says("Deployment");

    // One that has never known better says the same, after its patience.
    let young = cluster::serve(sandbox);
    young.wait_until_it_says("view: degraded: Service cannot be watched: ");
    world.denies("group: gateway.kgateway.dev, kind: Backend, name: gone");
    assert!(world.is_ready());

    drop(without);
    world.until_denied(TO_GONE);
    world.portcullis.wait_until_it_says("view: ready");
    young.wait_until_it_says("view: ready");
}

/// Removes a definition, which is made again where a test ends before it has done that.
struct Removed<'a> {
    kubectl: &'a Kubectl,
    definition: Value,
}

impl<'a> Removed<'a> {
    fn backends(kubectl: &'a Kubectl) -> Self {
        let mut definition = kubectl.get_json(&["crd", BACKENDS]);
        definition.as_object_mut().expect("an object").remove("status");
        for field in ["resourceVersion", "uid", "creationTimestamp", "managedFields", "generation"] {
            definition["metadata"].as_object_mut().expect("metadata").remove(field);
        }
        let removed = Self { kubectl, definition };
        removed.again();
        removed
    }

    #[track_caller]
    fn again(&self) {
        self.kubectl.delete(&["crd", BACKENDS, "--timeout=100s"]);
        self.until_served(false);
    }

    #[track_caller]
    fn restore(&self) {
        self.kubectl.run_with(&["create", "-f", "-"], &self.definition.to_string()).succeeds();
        self.until_served(true);
    }

    #[track_caller]
    fn until_served(&self, wanted: bool) {
        wait_until("the API server to serve it, or not", || {
            let said = self.kubectl.run(&["get", "--raw", "/apis/gateway.kgateway.dev/v1alpha1"]);
            let listed = said.out.contains(r#""backends""#);
            let answers = self.kubectl.run(&["get", "--raw", "/apis/gateway.kgateway.dev/v1alpha1/backends"]).ok;
            if listed == wanted && answers == wanted { Ok(()) } else { Err(said.all()) }
        });
    }
}

const BACKENDS: &str = "backends.gateway.kgateway.dev";

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        self.kubectl.run_with(&["create", "-f", "-"], &self.definition.to_string());
    }
}

fn kinds(sandbox: &Sandbox<'_>) {
    let kubectl = sandbox.kubectl();
    let backends = Removed::backends(&kubectl);
    let world = World::new(sandbox);
    let reference = "group: gateway.kgateway.dev, kind: Backend, name: otel";
    world.denies(reference);
    world.portcullis.wait_until_it_says("view: ready");

    backends.restore();
    let begun = Instant::now();
    kubectl.run(&["get", "backends", "-n", &world.gw]).succeeds();
    kubectl.apply(&objects::backend(&world.gw, "otel"));
    // Read anew before it would be denied.
    kubectl.apply(&world.policy(reference));
    world.until_guarded(&["backend", "otel", "-n", &world.gw]);
    assert!(begun.elapsed() < Duration::from_secs(20), "it was found after {:?}", begun.elapsed());
    kubectl.delete(&["listenerpolicy", "logs", "-n", &world.gw]);

    backends.again();
    world.denies(reference);
    world.denies(TO_GONE);
    world.portcullis.wait_until_it_says("view: ready");
    wait_until("no Backends to be known", || {
        let objects = metric(&world.portcullis, r#"portcullis_view_objects{kind="Backend"}"#);
        if objects.as_deref() == Some("0") { Ok(()) } else { Err(format!("{objects:?}")) }
    });
}

/// Puts the default policies back.
struct Policies<'a>(&'a Kubectl);

impl Drop for Policies<'_> {
    fn drop(&mut self) {
        cluster::restore_policies(self.0);
    }
}

fn no_policies(sandbox: &Sandbox<'_>) {
    let world = World::new(sandbox);
    let policies = Policies(&world.kubectl);
    world.kubectl.delete(&["guardpolicies", "--all"]);
    world.portcullis.wait_until_it_says("policies: degraded: no GuardPolicy is in force: everything is allowed");
    assert_eq!(metric(&world.portcullis, "portcullis_policies_in_force").as_deref(), Some("0"));
    world.kubectl.apply(&world.policy(TO_GONE)).never_says("does not exist");
    world.kubectl.delete(&["listenerpolicy", "logs", "-n", &world.gw]);
    // One that starts without any is as ready.
    let young = cluster::serve(sandbox);
    young.wait_until_it_says("no GuardPolicy is in force");
    drop(policies);
    world.until_denied(TO_GONE);
    world.portcullis.wait_until_it_says("policies: ready");
    young.wait_until_it_says("policies: ready");
}

fn bad_policy(sandbox: &Sandbox<'_>) {
    let world = World::new(sandbox);
    let kubectl = &world.kubectl;
    let _policies = Policies(kubectl);
    // The schema refuses what does not compile; an older or newer one may not.
    let policy = kubectl.get_json(&["guardpolicy", "backend-refs"]);
    let bad =
        json!({ "spec": { "action": "Warn", "rule": { "backendRefs": null, "backendReferences": {} } } }).to_string();
    let patch = ["patch", "guardpolicy", "backend-refs", "--type=merge", "-p", &bad];
    kubectl.run(&patch).fails();
    let definition = Schema::open(kubectl);
    wait_until("the schema to take anything", || {
        let said = kubectl.run(&patch);
        if said.ok { Ok(()) } else { Err(said.all()) }
    });
    let said = world.portcullis.wait_until_it_says("these GuardPolicies do not compile: backend-refs");
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    assert_eq!(metric(&world.portcullis, "portcullis_policies_in_force"), Some(SHIPPED.len().to_string()));
    world.denies(TO_GONE);
    // One that never knew the last good version has only the others.
    let young = cluster::serve(sandbox);
    young.wait_until_it_says("these GuardPolicies do not compile: backend-refs");
    assert_eq!(metric(&young, "portcullis_policies_in_force"), Some((SHIPPED.len() - 1).to_string()));
    let good = json!({ "spec": { "action": policy["spec"]["action"], "rule": { "backendRefs": {}, "backendReferences": null } } });
    kubectl.run(&["patch", "guardpolicy", "backend-refs", "--type=merge", "-p", &good.to_string()]).succeeds();
    drop(definition);
    world.portcullis.wait_until_it_says("policies: ready");
    young.wait_until_it_says("policies: ready");
}

/// The definition of GuardPolicy without a schema, until this is dropped.
struct Schema<'a>(&'a Kubectl);

impl<'a> Schema<'a> {
    fn open(kubectl: &'a Kubectl) -> Self {
        let anything = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        let path = "/spec/versions/0/schema/openAPIV3Schema";
        let patch = json!([{ "op": "replace", "path": path, "value": anything }]).to_string();
        kubectl.run(&["patch", "crd", "guardpolicies.portcullis.dev", "--type=json", "-p", &patch]).succeeds();
        Self(kubectl)
    }
}

impl Drop for Schema<'_> {
    fn drop(&mut self) {
        self.0.run(&["replace", "-f", &cluster::file("deploy/crds/guardpolicies.yaml").display().to_string()]);
    }
}

fn changed_policy(sandbox: &Sandbox<'_>) {
    let world = World::new(sandbox);
    let policies = Policies(&world.kubectl);
    let patch = json!({ "spec": { "action": "Warn" } }).to_string();
    world.kubectl.run(&["patch", "guardpolicy", "backend-refs", "--type=merge", "-p", &patch]).succeeds();
    wait_until("the policy to warn", || {
        let said = world.kubectl.try_apply(&world.policy(TO_GONE));
        if said.ok { Ok(said) } else { Err(said.all()) }
    })
    .says("(only warned of, by policy)");
    world.kubectl.delete(&["listenerpolicy", "logs", "-n", &world.gw]);
    drop(policies);
    world.until_denied(TO_GONE);
}
