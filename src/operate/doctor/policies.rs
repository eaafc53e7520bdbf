//! How the policies stand: in force as written, sent what they select, and concerning somebody.

use serde_json::Value;

use crate::{
    cluster::crds::{READY, REGISTERED},
    engine::{
        policy::{Policy, compile},
        selector::{LabelSelector, Operator},
    },
    operate::doctor::{
        Remark, Setup,
        deployed::{self, Deployed, labels},
        facts::{Facts, Served},
        install, list, name, text,
    },
};

pub(super) fn judge(setup: &Setup, facts: &Facts) -> Vec<Remark> {
    let stored = match &facts.policies {
        Err(why) => return vec![Remark::unknown("which policies there are is not known", why)],
        Ok(None) => return Vec::new(),
        Ok(Some(stored)) => stored,
    };
    if stored.is_empty() {
        let remark = Remark::problem("there is no GuardPolicy").because("everything is allowed");
        return vec![remark.repair(install(setup))];
    }
    // What is wrong with several is told once.
    let mut said: Vec<(Remark, Vec<&str>)> = Vec::new();
    for policy in stored {
        for remark in one(setup, facts, policy) {
            match said.iter_mut().find(|(known, _)| *known == remark) {
                Some((_, names)) => names.push(name(policy)),
                None => said.push((remark, vec![name(policy)])),
            }
        }
    }
    let mut remarks: Vec<_> = said.into_iter().map(|(remark, names)| remark.at(place(&names))).collect();
    if remarks.is_empty() {
        remarks.push(Remark::ok(format!("{} policies are in force, and each concerns somebody", stored.len())));
    }
    remarks
}

/// `GuardPolicy a, b and 5 more`.
fn place(names: &[&str]) -> String {
    const NAMED: usize = 3;
    let named: Vec<_> = names.iter().take(NAMED).copied().collect();
    match names.len().saturating_sub(NAMED) {
        0 => format!("GuardPolicy {}", named.join(", ")),
        more => format!("GuardPolicy {} and {more} more", named.join(", ")),
    }
}

fn one(setup: &Setup, facts: &Facts, stored: &Value) -> Vec<Remark> {
    let name = name(stored);
    let compiled = match compile::compile(stored) {
        Ok(policy) => policy,
        Err(bad) => {
            let what = if bad.path.is_root() { bad.message } else { format!("{}: {}", bad.path, bad.message) };
            return vec![
                Remark::problem(format!("it does not compile: {what}"))
                    .because("its last version that was right stays in force, until no replica knows it any more")
                    .repair(format!("kubectl edit guardpolicy {name}")),
            ];
        }
    };
    let mut remarks = Vec::new();
    remarks.extend(status(setup, facts, stored));
    remarks.extend(namespaces(facts, &compiled));
    if let Ok(served) = &facts.served {
        remarks.extend(kinds(served, &compiled));
    }
    remarks
}

fn status(setup: &Setup, facts: &Facts, stored: &Value) -> Option<Remark> {
    let deployment = deployed::ours(setup, facts).map_or("portcullis", Deployed::name);
    let logs = format!("kubectl logs --namespace {} deployment/{deployment} --tail=50", setup.own_namespace);
    let generation = stored.pointer("/metadata/generation").and_then(Value::as_i64);
    let observed = stored.pointer("/status/observedGeneration").and_then(Value::as_i64);
    if observed.is_none() || observed < generation {
        let what =
            if observed.is_none() { "nobody has taken note of it" } else { "nobody has taken note of its last change" };
        let remark = Remark::problem(what).because("who leads writes its status: nobody does, or it may not");
        return Some(remark.repair(logs));
    }
    let conditions = list(stored, "/status/conditions");
    let untrue =
        |type_: &str| conditions.iter().find(|one| text(one, "/type") == type_ && text(one, "/status") != "True");
    let condition = untrue(READY).or_else(|| untrue(REGISTERED))?;
    let (type_, message) = (text(condition, "/type"), text(condition, "/message"));
    Some(
        Remark::problem(format!("it is not {type_}: {message}"))
            .because(if type_ == READY {
                "it is not in force as it is written"
            } else {
                "it is not asked about all that it selects"
            })
            .repair(if type_ == READY {
                format!("kubectl describe guardpolicy {}", name(stored))
            } else {
                format!("kubectl rollout restart --namespace {} deployment/{deployment}", setup.own_namespace)
            }),
    )
}

fn namespaces(facts: &Facts, policy: &Policy) -> Option<Remark> {
    let namespaces = facts.namespaces.as_ref().ok()?;
    let selector = &policy.namespaces;
    let matches = |namespace: &Value| selector.matches(&labels(namespace, "/metadata/labels"));
    if selector.is_empty() || namespaces.iter().any(matches) {
        return None;
    }
    let remark = Remark::note(format!("its `namespaceSelector` `{selector}` matches no namespace"))
        .because("it does nothing until a namespace has such labels");
    let label = labels_for(selector).map_or_else(
        || format!("kubectl edit guardpolicy {}", policy.name),
        |labels| format!("kubectl label namespace NAME {labels}"),
    );
    Some(remark.repair(label))
}

/// Labels with which a namespace would be selected, where they can be told.
fn labels_for(selector: &LabelSelector) -> Option<String> {
    let mut labels: Vec<_> = selector.match_labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    for requirement in &selector.match_expressions {
        match requirement.operator {
            Operator::In => labels.push(format!("{}={}", requirement.key, requirement.values.first()?)),
            Operator::Exists => labels.push(format!("{}=true", requirement.key)),
            Operator::NotIn | Operator::DoesNotExist => {}
        }
    }
    (!labels.is_empty()).then(|| labels.join(" "))
}

fn kinds(served: &Served, policy: &Policy) -> Option<Remark> {
    let selected = policy.matches.iter().flat_map(|rule| {
        rule.groups.iter().flat_map(|group| rule.resources.iter().map(move |resource| (group, resource)))
    });
    let selected: Vec<_> = selected.collect();
    let is_served = |(group, resource): &(&String, &String)| !served.versions(group, resource).is_empty();
    if selected.iter().any(is_served) {
        return None;
    }
    let (group, resource) = selected.first()?;
    let remark = Remark::note(format!("nothing that it selects is served, as `{resource}`"))
        .because("it does nothing until the definitions are installed");
    Some(remark.repair(format!("kubectl api-resources --api-group={group}")))
}
