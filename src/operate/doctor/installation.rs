//! Whether it is there, and runs: namespace, Deployment, Pods, Service, version, disruption budget.

use serde_json::Value;

use crate::operate::doctor::{
    Remark, Setup, deployed,
    deployed::{Deployed, labels},
    facts::Facts,
    install, list, name, text,
};

/// Pods of which is told why they are not ready.
const PODS_TOLD: usize = 3;

/// Whether it is known that nothing runs here.
pub(super) fn is_absent(setup: &Setup, facts: &Facts) -> bool {
    has_no_namespace(setup, facts) || facts.deployments.is_ok() && deployed::ours(setup, facts).is_none()
}

fn has_no_namespace(setup: &Setup, facts: &Facts) -> bool {
    facts.namespaces.as_ref().is_ok_and(|namespaces| !namespaces.iter().any(|one| name(one) == setup.own_namespace))
}

pub(super) fn judge(setup: &Setup, facts: &Facts) -> Vec<Remark> {
    let own = &setup.own_namespace;
    if has_no_namespace(setup, facts) {
        return vec![
            Remark::problem(format!("there is no namespace `{own}`"))
                .because("Portcullis is not installed, or runs elsewhere: then say where by `--own-namespace`")
                .repair(install(setup)),
        ];
    }
    let deployed = match (&facts.deployments, deployed::ours(setup, facts)) {
        (Err(why), _) => return vec![Remark::unknown("whether Portcullis runs is not known", why)],
        (Ok(_), None) => {
            return vec![
                Remark::problem(format!("no Deployment in `{own}` runs Portcullis"))
                    .because(format!(
                        "nobody answers the API server: none has Pods for the Service `{}`, or runs as `{}`",
                        setup.service, setup.service_account
                    ))
                    .repair(install(setup)),
            ];
        }
        (Ok(_), Some(deployed)) => deployed,
    };
    let mut remarks = vec![replicas(setup, facts, deployed), version(setup, deployed), service(setup, facts)];
    remarks.extend(pods(setup, facts, deployed));
    remarks.push(budget(setup, facts, deployed));
    remarks
}

fn replicas(setup: &Setup, facts: &Facts, deployed: Deployed<'_>) -> Remark {
    let number = |pointer| deployed.0.pointer(pointer).and_then(Value::as_i64).unwrap_or_default();
    let wanted = deployed.0.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    let ready = number("/status/readyReplicas");
    let (own, name) = (&setup.own_namespace, deployed.name());
    if wanted == 0 {
        return Remark::problem("no replica is wanted")
            .at(deployed.place())
            .because("nobody answers the API server: what fails closed is refused, and the rest is not judged")
            .repair(format!("kubectl scale deployment {name} --namespace {own} --replicas=2"));
    }
    if ready < wanted {
        let why = if ready == 0 {
            "nobody answers the API server: what fails closed is refused, and the rest is not judged"
        } else {
            "when the others go too, nobody answers the API server"
        };
        let pods = facts.pods.as_ref().map_or(0, |pods| of(pods, deployed).len());
        let look = if pods == 0 { "describe replicasets" } else { "describe pods" };
        return Remark::problem(format!("{ready} of {wanted} replicas are ready"))
            .at(deployed.place())
            .because(why)
            .repair(format!("kubectl {look} --namespace {own} --selector {}", selector_of(deployed)));
    }
    Remark::ok(format!("{ready} of {wanted} replicas are ready")).at(deployed.place())
}

/// What can be seen of Pods from here: what each says at `/readyz` is heard by its kubelet alone.
fn pods(setup: &Setup, facts: &Facts, deployed: Deployed<'_>) -> Vec<Remark> {
    let pods = match &facts.pods {
        Ok(pods) => of(pods, deployed),
        Err(why) => return vec![Remark::unknown("how the Pods stand is not known", why)],
    };
    let unready = pods.into_iter().filter(|pod| text(pod, "/metadata/deletionTimestamp").is_empty() && !is_ready(pod));
    let own = &setup.own_namespace;
    let remark = |pod: &Value| {
        Remark::problem(format!("it is not ready: {}", why_unready(pod)))
            .at(format!("Pod {own}/{}", name(pod)))
            .because("it is sent nothing by the API server; its `/readyz` and its log say what it waits for")
            .repair(if text(pod, "/status/phase") == "Running" {
                format!("kubectl logs --namespace {own} {} --tail=50", name(pod))
            } else {
                format!("kubectl describe pod --namespace {own} {}", name(pod))
            })
    };
    unready.take(PODS_TOLD).map(remark).collect()
}

fn of<'a>(pods: &'a [Value], deployed: Deployed<'_>) -> Vec<&'a Value> {
    let wanted = labels(deployed.0, "/spec/selector/matchLabels");
    let is_ours = |pod: &&Value| {
        let labels = labels(pod, "/metadata/labels");
        wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
    };
    pods.iter().filter(is_ours).collect()
}

fn is_ready(pod: &Value) -> bool {
    list(pod, "/status/conditions").iter().any(|one| text(one, "/type") == "Ready" && text(one, "/status") == "True")
}

fn why_unready(pod: &Value) -> String {
    let waiting = list(pod, "/status/containerStatuses").iter().find_map(|container| {
        let waiting = container.pointer("/state/waiting").or_else(|| container.pointer("/lastState/terminated"))?;
        Some(format!("{} {}", text(waiting, "/reason"), text(waiting, "/message")))
    });
    let condition = || {
        let untrue = list(pod, "/status/conditions").iter().find(|one| text(one, "/status") == "False")?;
        Some(format!("{} {}", text(untrue, "/reason"), text(untrue, "/message")))
    };
    let why = waiting.or_else(condition).unwrap_or_default();
    let phase = text(pod, "/status/phase");
    if why.trim().is_empty() { format!("its phase is `{phase}`") } else { why.trim().to_owned() }
}

fn version(setup: &Setup, deployed: Deployed<'_>) -> Remark {
    let ours = env!("CARGO_PKG_VERSION");
    let image = deployed.image();
    let said = labels(deployed.0, "/metadata/labels").remove("app.kubernetes.io/version");
    let tag = version_of_image(image).map(str::to_owned).or_else(|| said.filter(|said| is_version(said)));
    match tag {
        None => Remark::ok(format!("it runs `{image}`, whose name is no version")).at(deployed.place()),
        Some(tag) if tag.trim_start_matches('v') == ours => {
            Remark::ok(format!("it runs version {ours}")).at(deployed.place())
        }
        Some(tag) => Remark::problem(format!("it runs version `{tag}`, and this is `portcullis` {ours}"))
            .at(deployed.place())
            .because("what one version expects of definitions, roles and registration, the other may not")
            .repair(install(setup)),
    }
}

/// The tag of an image where it is a version.
pub(super) fn version_of_image(image: &str) -> Option<&str> {
    let image = image.split('@').next()?;
    let (_, tag) = image.rsplit('/').next()?.split_once(':')?;
    Some(tag).filter(|tag| is_version(tag))
}

fn is_version(text: &str) -> bool {
    let mut parts = text.trim_start_matches('v').splitn(3, '.');
    let is_number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u32>().is_ok());
    is_number(parts.next()) && is_number(parts.next())
}

fn service(setup: &Setup, facts: &Facts) -> Remark {
    let place = format!("Service {}/{}", setup.own_namespace, setup.service);
    match &facts.service {
        Err(why) => Remark::unknown("whether there is a Service is not known", why).at(place),
        Ok(None) => Remark::problem(format!("there is no Service `{}`", setup.service))
            .at(place)
            .because("the webhook configurations name it: without it the API server reaches nobody")
            .repair(install(setup)),
        Ok(Some(_)) => Remark::ok("the Service is there").at(place),
    }
}

fn budget(setup: &Setup, facts: &Facts, deployed: Deployed<'_>) -> Remark {
    let budgets = match &facts.budgets {
        Ok(budgets) => budgets,
        Err(why) => return Remark::unknown("whether there is a PodDisruptionBudget is not known", why),
    };
    let pods = deployed.pod_labels();
    let protects = |budget: &&Value| deployed::selector(budget, "/spec/selector").is_some_and(|one| one.matches(&pods));
    let own = &setup.own_namespace;
    match budgets.iter().find(protects) {
        Some(budget) => {
            Remark::ok("a disruption budget keeps a replica").at(format!("PodDisruptionBudget {own}/{}", name(budget)))
        }
        None => Remark::problem("no PodDisruptionBudget keeps a replica")
            .at(deployed.place())
            .because("when nodes are drained, all replicas may go at once")
            .repair(format!(
                "kubectl create poddisruptionbudget {} --namespace {own} --selector={} --max-unavailable=1",
                deployed.name(),
                selector_of(deployed)
            )),
    }
}

/// Its own selector, as `kubectl --selector` takes it.
fn selector_of(deployed: Deployed<'_>) -> String {
    let labels = labels(deployed.0, "/spec/selector/matchLabels");
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}
