//! The status of each GuardPolicy: whether it is in force as it is written, whom it concerns, and whether the API server
//! sends us what it selects.

#![expect(clippy::disallowed_methods, reason = "an edge: a condition says when it changed")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::{
    cluster::{
        api::{Api, ApiError},
        lease::while_leading,
        policies::Standing,
    },
    controller::{
        Settings,
        registered::{Registration, fails_open, registrations, uncovered},
    },
    engine::{
        kinds::{CORE, PORTCULLIS, reference_grant::FIELD_MANAGER},
        limits,
        policy::Policy,
        snapshot::Snapshot,
        subject::ObjectKey,
        view::{Answer, Lens, View},
    },
};

/// What is said of a policy, without when that began.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Status {
    generation: i64,
    /// None where no version of it is in force, or the namespaces are not known.
    matched: Option<usize>,
    conditions: [Condition; 2],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) type_: &'static str,
    pub(super) status: &'static str,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// Statuses that could not be written: each is tried again later and later, and why is said once.
#[derive(Debug, Default)]
pub(super) struct Refused(BTreeMap<String, Refusal>);

#[derive(Debug)]
struct Refusal {
    why: String,
    pause: Duration,
    again: Instant,
}

const LAST_PAUSE: Duration = Duration::from_mins(5);

/// Idle parts of a policy that its condition names.
const TOLD: usize = 3;

/// The webhook configurations are read again after this, or when a policy changed; at every look while a policy is not as
/// it asks to be, since that is about to be mended.
const REGISTRATIONS: Duration = Duration::from_mins(1);

/// Keeps the status of every GuardPolicy whenever this process leads, until whoever says so is gone.
pub async fn run(
    api: Api,
    current: Arc<ArcSwap<Snapshot>>,
    standings: Arc<ArcSwap<Vec<Standing>>>,
    leader: watch::Receiver<bool>,
    settings: Settings,
) {
    while_leading(leader, || keep(&api, &current, &standings, &settings)).await;
}

async fn keep(api: &Api, current: &ArcSwap<Snapshot>, standings: &ArcSwap<Vec<Standing>>, settings: &Settings) {
    let mut written: BTreeMap<String, Status> = BTreeMap::new();
    let mut seen: Option<(Arc<Vec<Standing>>, Instant)> = None;
    let mut registered: Option<Vec<Registration>> = None;
    let mut refused = Refused::default();
    loop {
        let now = standings.load_full();
        let policies = current.load().policies.policies().to_vec();
        let is_settled = |registered: &Vec<Registration>| {
            !policies.iter().any(|policy| uncovered(policy, registered).is_some() || fails_open(policy, registered))
        };
        let lasts = if registered.as_ref().is_some_and(is_settled) { REGISTRATIONS } else { settings.look };
        let fresh = |(before, at): &(Arc<Vec<Standing>>, Instant)| *before == now && at.elapsed() < lasts;
        if !seen.as_ref().is_some_and(fresh) {
            registered = match timeout(Duration::from_millis(limits::CALL_MS), read_registrations(api, settings)).await
            {
                Ok(Ok(read)) => Some(read),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the webhook configurations could not be read");
                    None
                }
                Err(_) => None,
            };
            // Others may have written to a status meanwhile.
            written.clear();
            seen = Some((Arc::clone(&now), Instant::now()));
        }
        let snapshot = current.load_full();
        written.retain(|name, _| now.iter().any(|standing| standing.name == *name));
        refused.retain(|name| now.iter().any(|standing| standing.name == name));
        for standing in now.iter() {
            let policy = snapshot.policies.policies().iter().find(|policy| policy.name == standing.name);
            let status = status(standing, policy.map(|policy| &**policy), &snapshot.view, registered.as_deref());
            if written.get(&standing.name) == Some(&status) || refused.waits(&standing.name, Instant::now()) {
                continue;
            }
            let why = match timeout(Duration::from_millis(limits::CALL_MS), write(api, &standing.name, &status)).await {
                Ok(Ok(())) => {
                    refused.forget(&standing.name);
                    written.insert(standing.name.clone(), status);
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the API server did not take it in time".to_owned(),
            };
            if refused.is_new(&standing.name, &why, settings.look, Instant::now()) {
                tracing::warn!(policy = standing.name, why, "the status could not be written");
            }
        }
        sleep(settings.look).await;
    }
}

// === impl Refused ===

impl Refused {
    pub(super) fn forget(&mut self, name: &str) {
        self.0.remove(name);
    }

    pub(super) fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        self.0.retain(|name, _| is_there(name));
    }

    pub(super) fn waits(&self, name: &str, now: Instant) -> bool {
        self.0.get(name).is_some_and(|refusal| now < refusal.again)
    }

    /// Takes note of it, and says whether it was refused for another reason before.
    pub(super) fn is_new(&mut self, name: &str, why: &str, first: Duration, now: Instant) -> bool {
        let before = self.0.get(name);
        let pause = before.map_or(first, |before| before.pause.saturating_mul(2)).min(LAST_PAUSE);
        let is_new = before.is_none_or(|before| before.why != why);
        self.0.insert(name.to_owned(), Refusal { why: why.to_owned(), pause, again: now + pause });
        is_new
    }
}

async fn read_registrations(api: &Api, settings: &Settings) -> Result<Vec<Registration>, ApiError> {
    let all = ListParams::default();
    let validating = kube::Api::<ValidatingWebhookConfiguration>::all(api.client()).list(&all).await?;
    let mutating = kube::Api::<MutatingWebhookConfiguration>::all(api.client()).list(&all).await?;
    let validating = validating.items.iter().filter_map(|one| serde_json::to_value(one).ok());
    let mutating = mutating.items.iter().filter_map(|one| serde_json::to_value(one).ok());
    Ok(validating.chain(mutating).flat_map(|one| registrations(&one, settings.service.as_ref())).collect())
}

async fn write(api: &Api, name: &str, status: &Status) -> Result<(), ApiError> {
    let Some(policies) = api.objects(PORTCULLIS, "GuardPolicy", "").await? else { return Ok(()) };
    let Some(live) = api.get(&ObjectKey::new(PORTCULLIS, "GuardPolicy", "", name)).await? else { return Ok(()) };
    if let Some(patch) = patch(&live, status, Timestamp::now()) {
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        policies.patch_status(name, &parameters, &Patch::Merge(&patch)).await?;
    }
    Ok(())
}

fn status(standing: &Standing, policy: Option<&Policy>, view: &View, registered: Option<&[Registration]>) -> Status {
    let known = view.is_complete(CORE, "Namespace");
    let matched = policy.filter(|_| known).map(|policy| view.namespaces_matching(&policy.namespaces));
    let idle = match policy {
        Some(policy) if matched == Some(0) && !policy.namespaces.is_empty() => {
            format!("; its `namespaceSelector` `{}` matches no namespace", policy.namespaces)
        }
        _ => String::new(),
    };
    let params = policy.and_then(|policy| policy.params.as_ref());
    let missing = match params {
        Some(params) if matches!(Lens::new(view).params(&params.name), Answer::Absent) => {
            let (name, namespace) = (&params.name, view.params_namespace());
            format!("; its parameters, ConfigMap `{name}` in namespace `{namespace}`, are not there")
        }
        _ => String::new(),
    };
    let parts = policy.into_iter().flat_map(|policy| &policy.idle).take(TOLD);
    let parts: String = parts.map(|part| format!("; `{}`: {}", part.path, part.message)).collect();
    let idle = format!("{idle}{missing}{parts}");
    let ready = match (&standing.problem, standing.in_force) {
        (None, _) => condition("Ready", "True", "Compiled", format!("it is in force{idle}")),
        (Some(problem), true) => {
            let message = told(problem, &format!("the last version that was right stays in force{idle}"));
            condition("Ready", "False", "DoesNotCompile", message)
        }
        (Some(problem), false) => {
            condition("Ready", "False", "DoesNotCompile", told(problem, "no version of it is in force"))
        }
    };
    let registered = match (policy, registered) {
        (None, _) => condition("Registered", "Unknown", "NotInForce", "no version of it is in force".to_owned()),
        (Some(_), None) => {
            condition("Registered", "Unknown", "NotReadable", "the webhook configurations could not be read".to_owned())
        }
        (Some(policy), Some(registered)) => match uncovered(policy, registered) {
            None if fails_open(policy, registered) => {
                let message = "the API server sends what it selects, and lets it through where nobody answers: its entry has `failurePolicy: Ignore`";
                condition("Registered", "True", "CoveredFailingOpen", message.to_owned())
            }
            None => condition("Registered", "True", "Covered", "the API server sends what it selects".to_owned()),
            Some(what) => {
                let message = format!("no webhook configuration sends {what}");
                condition("Registered", "False", "NotCovered", message)
            }
        },
    };
    Status { generation: standing.generation, matched, conditions: [ready, registered] }
}

pub(super) const fn condition(
    type_: &'static str,
    status: &'static str,
    reason: &'static str,
    message: String,
) -> Condition {
    Condition { type_, status, reason, message }
}

/// What is to be written; None where it is there already.
fn patch(live: &Value, wanted: &Status, now: Timestamp) -> Option<Value> {
    let conditions = conditions(live, &wanted.conditions, wanted.generation, now);
    let matched = wanted.matched.map_or(Value::Null, Value::from);
    let said = |field: &str| live.pointer(field).unwrap_or(&Value::Null);
    if *said("/status/conditions") == conditions
        && *said("/status/matchedNamespaces") == matched
        && said("/status/observedGeneration").as_i64() == Some(wanted.generation)
    {
        return None;
    }
    let status =
        json!({ "observedGeneration": wanted.generation, "matchedNamespaces": matched, "conditions": conditions });
    Some(json!({ "status": status }))
}

/// Conditions as they are written: each with the time since which it is so.
pub(super) fn conditions(live: &Value, wanted: &[Condition], generation: i64, now: Timestamp) -> Value {
    let before = live.pointer("/status/conditions").and_then(Value::as_array);
    let conditions = wanted.iter().map(|condition| {
        let is_it = |before: &&Value| before.get("type").and_then(Value::as_str) == Some(condition.type_);
        let before = before.into_iter().flatten().find(is_it);
        let since = before.filter(|before| before.get("status").and_then(Value::as_str) == Some(condition.status));
        let since = since.and_then(|before| before.get("lastTransitionTime")).cloned();
        // The API server's own times have whole seconds.
        let now = now.round(jiff::Unit::Second).unwrap_or(now).to_string();
        json!({
            "type": condition.type_,
            "status": condition.status,
            "reason": condition.reason,
            "message": condition.message,
            "observedGeneration": generation,
            "lastTransitionTime": since.unwrap_or_else(|| now.into()),
        })
    });
    conditions.collect::<Vec<_>>().into()
}

/// What is wrong and what follows, and below that the expression with its caret, where it is one.
fn told(problem: &str, follows: &str) -> String {
    match problem.split_once('\n') {
        Some((problem, expression)) => format!("{problem}; {follows}\n{expression}"),
        None => format!("{problem}; {follows}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::policy::shipped;

    fn standing(problem: Option<&str>, in_force: bool) -> Standing {
        let problem = problem.map(str::to_owned);
        Standing { name: "debug-exporters".to_owned(), generation: 3, problem, in_force }
    }

    #[test]
    fn a_policy_that_matches_no_namespace_says_so() {
        let policies = shipped::policies();
        let policy = policies.policies().iter().find(|policy| policy.name == "debug-exporters").unwrap();
        let view = View::default().complete([(CORE, "Namespace")]);
        let said = |standing: &Standing, registered: Option<&[Registration]>| {
            let said = status(standing, Some(policy), &view, registered);
            assert_eq!(said.matched, Some(0));
            said.conditions.map(|condition| format!("{}={} {}", condition.type_, condition.status, condition.message))
        };
        let [ready, registered] = said(&standing(None, true), None);
        assert!(ready.starts_with("Ready=True it is in force; its `namespaceSelector`"), "{ready}");
        assert!(registered.starts_with("Registered=Unknown"), "{registered}");
        let [ready, registered] = said(&standing(Some("spec: bad"), true), Some(&[]));
        assert!(ready.starts_with("Ready=False spec: bad; the last version that was right stays in force"), "{ready}");
        assert!(registered.starts_with("Registered=False no webhook configuration sends CREATE"), "{registered}");
        let none = status(&standing(Some("spec: bad"), false), None, &view, Some(&[]));
        assert_eq!(none.matched, None);
    }

    #[test]
    fn what_does_nothing_in_a_policy_is_said_while_it_is_in_force() {
        let policy = json!({
            "apiVersion": "portcullis.dev/v1alpha1",
            "kind": "GuardPolicy",
            "metadata": { "name": "mine" },
            "spec": {
                "matchConstraints": { "resourceRules": [{
                    "apiGroups": [""], "apiVersions": ["*"], "resources": ["configmaps"], "operations": ["CREATE"],
                }] },
                "levels": [{ "code": "mine/on", "level": "note" }],
                "matchConditions": [{ "name": "switched-off", "expression": "false" }],
                "validations": [{ "name": "one", "expression": "true" }],
            },
        });
        let policy = crate::engine::policy::compile::compile(&policy).unwrap();
        let [ready, _] = status(&standing(None, true), Some(&policy), &View::default(), None).conditions;
        assert_eq!(
            (ready.status, &*ready.message),
            (
                "True",
                "it is in force; `spec.matchConditions[0].expression`: it is never true, so the policy judges nothing; \
                 `spec.levels[0].code`: this policy has no code `mine/on`; did you mean `mine/one`?"
            )
        );
    }

    #[test]
    fn what_is_refused_is_tried_later_and_later_and_told_once() {
        let (mut refused, first, mut now) = (Refused::default(), Duration::from_secs(5), Instant::now());
        let mut pauses = Vec::new();
        let mut told = 0;
        for _ in 0..9 {
            assert!(!refused.waits("one", now));
            told += u32::from(refused.is_new("one", "forbidden", first, now));
            let began = now;
            while refused.waits("one", now) {
                now += Duration::from_secs(5);
            }
            pauses.push(now.duration_since(began).as_secs());
        }
        assert_eq!((pauses, told), (vec![5, 10, 20, 40, 80, 160, 300, 300, 300], 1));
        assert!(refused.is_new("one", "too slow", first, now) && !refused.waits("two", now));
    }

    #[test]
    fn nothing_is_written_twice_and_a_condition_keeps_its_time() {
        let wanted = status(&standing(None, true), None, &View::default(), None);
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let mut live = patch(&json!({}), &wanted, at(1)).unwrap();
        live.pointer_mut("/status").unwrap().as_object_mut().unwrap().remove("matchedNamespaces");
        assert_eq!(patch(&live, &wanted, at(2)), None);
        let worse = status(&standing(Some("bad"), true), None, &View::default(), None);
        let next = patch(&live, &worse, at(3)).unwrap();
        let times: Vec<_> =
            next["status"]["conditions"].as_array().unwrap().iter().map(|c| c["lastTransitionTime"].clone()).collect();
        assert_eq!(times, ["1970-01-01T00:00:03Z", "1970-01-01T00:00:01Z"]);
    }
}
