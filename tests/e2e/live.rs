//! The view is the cluster's own, and never in the way: what is applied or deleted in one go is judged by what is there.

use portcullis::engine::policy::shipped::SHIPPED;
use serde_json::Value;

use crate::{
    cluster,
    objects::{self, HTTP_LOGS},
    patience::wait_until,
    sandbox::Sandbox,
    trial::Case,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("live: a telemetry object without its collector is refused, and stored when there is one", a_collector),
    Case::new("live: a folder with namespace, Service and telemetry is applied and deleted whole", a_folder)
        .with_controllers(),
    Case::new("live: a folder that crosses namespaces is applied and deleted whole", two_namespaces).with_controllers(),
    Case::new("live: fifty telemetry objects are applied at once with their Services", fifty),
    Case::new("live: a folder that is tried whole on dry run is then applied, as Flux does", as_flux_does),
    Case::new(
        "live: what was made a moment ago is there, and what needed it until then is gone",
        from_moment_to_moment,
    ),
    Case::new("live: metrics and audit log tell what was seen and done", what_is_told),
];

fn a_collector(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration) = cluster::guarded(sandbox);
    let (kubectl, namespace) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
    kubectl.apply(&objects::gateway(&namespace));
    let policy = objects::http_policy(&namespace, "logs", "name: otel, port: 4317");
    let said = kubectl.try_apply(&policy).fails().says(r#"The HTTPListenerPolicy "logs" is invalid"#);
    said.says(&format!("{HTTP_LOGS}.name")).says(&format!("Service `{namespace}/otel` does not exist"));
    kubectl.apply(&objects::service(&namespace, "otel", 4317));
    kubectl.apply(&policy).says("httplistenerpolicy.gateway.kgateway.dev/logs created");
}

/// Applied and deleted as `kubectl apply -f folder/` and `kubectl delete -f folder/`.
#[track_caller]
fn there_and_back(sandbox: &Sandbox<'_>, files: &[(&str, &str)]) {
    let kubectl = sandbox.kubectl();
    let folder = objects::folder(files);
    let path = folder.path().display().to_string();
    kubectl.run(&["apply", "-f", &path]).succeeds().never_says("does not exist");
    kubectl.run(&["delete", "-f", &path, "--timeout=100s"]).succeeds();
}

fn a_folder(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration) = cluster::guarded(sandbox);
    let namespace = sandbox.later("gw");
    there_and_back(
        sandbox,
        &[
            ("0-namespace.yaml", &sandbox.namespace_manifest("gw", &[]).to_string()),
            ("1-gateway.yaml", &objects::gateway(&namespace)),
            ("2-collector.yaml", &objects::service(&namespace, "otel", 4317)),
            ("3-logs.yaml", &objects::http_policy(&namespace, "logs", "name: otel, port: 4317")),
            ("4-more.yaml", &objects::listener_policy(&namespace, "logs", "name: otel, port: 4317")),
        ],
    );
    wait_until("the namespace to end", || {
        let gone = !sandbox.kubectl().exists(&["namespace", &namespace]);
        if gone { Ok(()) } else { Err("it is still there".to_owned()) }
    });
}

fn two_namespaces(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration) = cluster::guarded(sandbox);
    let (gw, obs) = (sandbox.later("gw"), sandbox.later("obs"));
    let reference = format!("name: otel, namespace: {obs}, port: 4317");
    there_and_back(
        sandbox,
        &[
            // Deleted in this order: who needs the collector goes before it.
            ("0-gw.yaml", &sandbox.namespace_manifest("gw", &[]).to_string()),
            ("1-obs.yaml", &sandbox.namespace_manifest("obs", &[]).to_string()),
            ("2-collector.yaml", &objects::service(&obs, "otel", 4317)),
            ("3-grant.yaml", &objects::grant(&obs, "logs", ("ListenerPolicy", &gw), "otel")),
            ("4-gateway.yaml", &objects::gateway(&gw)),
            ("5-logs.yaml", &objects::listener_policy(&gw, "logs", &reference)),
        ],
    );
}

fn fifty(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration) = cluster::guarded(sandbox);
    let namespace = sandbox.later("gw");
    let mut all = String::new();
    for number in 0..50 {
        let name = format!("otel-{number}");
        // Each has a Gateway of its own: of two on one Gateway one would be told that it is overridden.
        all.push_str(&objects::gateway_of(&namespace, &format!("http-{number}"), "kgateway"));
        all.push_str(&objects::service(&namespace, &name, 4317));
        let policy = objects::http_policy(&namespace, &name, &format!("name: {name}, port: 4317"));
        all.push_str(&policy.replace("name: http }]", &format!("name: http-{number} }}]")));
    }
    let folder = objects::folder(&[
        ("0-namespace.yaml", &sandbox.namespace_manifest("gw", &[]).to_string()),
        ("1-all.yaml", &all),
    ]);
    let kubectl = sandbox.kubectl();
    kubectl.run(&["apply", "-f", &folder.path().display().to_string()]).succeeds().never_says("does not exist");
    let stored = kubectl.get_json(&["httplistenerpolicies", "-n", &namespace]);
    assert_eq!(stored["items"].as_array().map(Vec::len), Some(50));
}

fn as_flux_does(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration) = cluster::guarded(sandbox);
    let (kubectl, namespace) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
    kubectl.apply(&objects::gateway(&namespace));
    let folder = objects::folder(&[
        ("0-logs.yaml", &objects::http_policy(&namespace, "logs", "name: otel, port: 4317")),
        ("2-collector.yaml", &objects::service(&namespace, "otel", 4317)),
        ("3-more.yaml", &objects::listener_policy(&namespace, "logs", "name: otel, port: 4317")),
    ]);
    let path = folder.path().display().to_string();
    let dry = ["apply", "--server-side", "--field-manager=flux", "--dry-run=server", "-f"];
    let said = kubectl.run(&[dry.as_slice(), &[&path]].concat()).succeeds();
    assert!(
        said.warnings().iter().any(|warning| warning.contains("would be refused if applied alone")),
        "{}",
        said.all()
    );
    assert!(!kubectl.exists(&["service", "otel", "-n", &namespace]));
    // Flux applies by kind: Services come before custom resources.
    for file in ["2-collector.yaml", "0-logs.yaml", "3-more.yaml"] {
        let file = folder.path().join(file).display().to_string();
        kubectl.run(&["apply", "--server-side", "--field-manager=flux", "-f", &file]).succeeds();
    }
}

fn from_moment_to_moment(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration) = cluster::guarded(sandbox);
    let (kubectl, namespace) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
    let policy = objects::http_policy(&namespace, "logs", "name: otel, port: 4317");
    let made = format!("{}{}{policy}", objects::gateway(&namespace), objects::service(&namespace, "otel", 4317));
    let folder =
        objects::folder(&[("0-policy.yaml", &policy), ("1-service.yaml", &objects::service(&namespace, "otel", 4317))]);
    for _ in 0..10 {
        kubectl.apply(&made).never_says("backend-refs/");
        kubectl.run(&["delete", "-f", &folder.path().display().to_string()]).succeeds();
        kubectl.delete(&["gateway", "http", "-n", &namespace]);
    }
    // A Gateway that is as new as what would break it.
    wait_until("the Service to be gone from the view", || {
        let all = format!("{}{policy}", objects::gateway(&namespace));
        let said = kubectl.try_apply(&all);
        kubectl.delete(&["gateway/http", "httplistenerpolicy/logs", "-n", &namespace, "--ignore-not-found"]);
        if said.ok { Err(said.all()) } else { Ok(()) }
    });
}

fn what_is_told(sandbox: &Sandbox<'_>) {
    let (portcullis, _registration) = cluster::guarded(sandbox);
    let (kubectl, namespace) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
    kubectl.apply(&objects::gateway(&namespace));
    kubectl.try_apply(&objects::listener_policy(&namespace, "logs", "name: otel, port: 4317")).fails();
    kubectl.apply(&objects::service(&namespace, "otel", 4317));
    let nowhere = objects::listener_policy(&namespace, "more", "name: otel, port: 4317");
    kubectl.apply(&nowhere.replace("name: http }]", "name: gone }]"));
    let annotations = |name: &str| -> Value {
        wait_until("the audit log", || {
            let noted = sandbox.plane().audit_annotations("create", "listenerpolicies", &namespace, name);
            if noted.is_null() { Err("no such request yet".to_owned()) } else { Ok(noted) }
        })
    };
    assert_eq!(annotations("logs")["validate-fail.portcullis.dev/denied"], "backend-refs/not-found");
    let warned = annotations("more")["validate-fail.portcullis.dev/warned"].clone();
    assert_eq!(warned, "listener-policies/gateway-missing");
    wait_until("the metrics to tell", || {
        let metrics = portcullis.get("/metrics")?;
        let in_force = format!("portcullis_policies_in_force {}", SHIPPED.len());
        let told = [
            "portcullis_view_objects{kind=\"Service\"} ",
            "portcullis_view_known{kind=\"Service\"} 1",
            "portcullis_confirmed_total{result=\"alike\"} 1",
            &in_force,
        ];
        let missing: Vec<_> = told.into_iter().filter(|told| !metrics.contains(*told)).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} are not in {metrics}")) }
    });
}
