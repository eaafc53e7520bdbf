//! The status of each GuardException: whether it holds, when it ends, and what keeps it from holding.

#![expect(clippy::disallowed_methods, reason = "an edge: exceptions end")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::{
    cluster::{
        api::{Api, ApiError},
        crds::{EXPIRED, EXPIRING, READY},
        exceptions::Standing,
        lease::while_leading,
    },
    controller::{
        Settings,
        status::{Condition, Refused, condition, conditions},
    },
    engine::{
        kinds::reference_grant::FIELD_MANAGER, limits, policy::Exception, snapshot::Snapshot, subject::ObjectKey,
    },
};

/// What is said of an exception, without when that began.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Status {
    generation: i64,
    conditions: [Condition; 3],
}

/// What was written of each, of which object.
type Written = BTreeMap<ObjectKey, Status>;

/// Statuses are read again after this: others may have written to them.
const AGAIN: Duration = Duration::from_mins(1);

/// Keeps the status of every GuardException whenever this process leads, until whoever says so is gone.
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
    let mut written = Written::new();
    let mut since = Instant::now();
    let mut refused = Refused::default();
    loop {
        let (now, snapshot) = (standings.load_full(), current.load_full());
        if since.elapsed() >= AGAIN {
            written.clear();
            since = Instant::now();
        }
        written.retain(|key, _| now.iter().any(|standing| standing.key == *key));
        refused.retain(|name| now.iter().any(|standing| standing.key.to_string() == name));
        for standing in now.iter() {
            let (name, status) = (standing.key.to_string(), status(standing, &snapshot, Timestamp::now()));
            if written.get(&standing.key) == Some(&status) || refused.waits(&name, Instant::now()) {
                continue;
            }
            let why = match timeout(Duration::from_millis(limits::CALL_MS), write(api, &standing.key, &status)).await {
                Ok(Ok(())) => {
                    refused.forget(&name);
                    written.insert(standing.key.clone(), status);
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the API server did not take it in time".to_owned(),
            };
            if refused.is_new(&name, &why, settings.look, Instant::now()) {
                tracing::warn!(exception = name, why, "the status could not be written");
            }
        }
        sleep(settings.look).await;
    }
}

async fn write(api: &Api, key: &ObjectKey, status: &Status) -> Result<(), ApiError> {
    let Some(exceptions) = api.objects(&key.group, &key.kind, &key.namespace).await? else { return Ok(()) };
    let Some(live) = api.get(key).await? else { return Ok(()) };
    if let Some(patch) = patch(&live, status, Timestamp::now()) {
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        exceptions.patch_status(&key.name, &parameters, &Patch::Merge(&patch)).await?;
    }
    Ok(())
}

fn status(standing: &Standing, snapshot: &Snapshot, now: Timestamp) -> Status {
    let ready = ready(standing, snapshot, now);
    let [ending, ended] = match &standing.in_force {
        None => [EXPIRING, EXPIRED]
            .map(|type_| condition(type_, "Unknown", "NotInForce", "no version of it is in force".to_owned())),
        Some(exception) => times(exception, now),
    };
    Status { generation: standing.generation, conditions: [ready, ending, ended] }
}

fn ready(standing: &Standing, snapshot: &Snapshot, now: Timestamp) -> Condition {
    let Some(exception) = &standing.in_force else {
        let problem = standing.problem.clone().unwrap_or_default();
        return condition(READY, "False", "DoesNotCompile", format!("{problem}; no version of it is in force"));
    };
    if let Some(problem) = &standing.problem {
        let message = format!("{problem}; the last version that was right stays in force");
        return condition(READY, "False", "DoesNotCompile", message);
    }
    let reach = exception.reach(&snapshot.policies, &snapshot.view, now);
    let said: Vec<_> = reach.problems.iter().map(|(_, message)| message.as_str()).collect();
    match reach.problems.first() {
        None => condition(READY, "True", "Holds", format!("it holds until {}", exception.expires)),
        Some(_) if reach.holds => {
            let message = format!("it holds only in part: {}", said.join("; "));
            condition(READY, "False", "HoldsInPart", message)
        }
        Some((reason, _)) => condition(READY, "False", reason, said.join("; ")),
    }
}

fn times(exception: &Exception, now: Timestamp) -> [Condition; 2] {
    let expires = exception.expires;
    if exception.has_ended(now) {
        let ended = condition(EXPIRED, "True", "Expired", format!("it ended at {expires}"));
        return [condition(EXPIRING, "False", "Expired", format!("it ended at {expires}")), ended];
    }
    let goes_on = format!("it ends at {expires}");
    let ending = if exception.ends_soon(now) {
        let message = format!("{goes_on}, within a week: mend what it excepts, or make a new one");
        condition(EXPIRING, "True", "WithinAWeek", message)
    } else {
        condition(EXPIRING, "False", "NotYet", goes_on.clone())
    };
    [ending, condition(EXPIRED, "False", "NotYet", goes_on)]
}

/// What is to be written; None where it is there already.
fn patch(live: &Value, wanted: &Status, now: Timestamp) -> Option<Value> {
    let conditions = conditions(live, &wanted.conditions, wanted.generation, now);
    let said = |field: &str| live.pointer(field).unwrap_or(&Value::Null);
    let is_there = *said("/status/conditions") == conditions
        && said("/status/observedGeneration").as_i64() == Some(wanted.generation);
    let status = json!({ "observedGeneration": wanted.generation, "conditions": conditions });
    (!is_there).then(|| json!({ "status": status }))
}

#[cfg(test)]
mod tests;
