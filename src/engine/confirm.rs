//! What must be read again before an answer: what a denial or a grant rests on, present or absent, and what the view does not
//! hold but one GET can tell.
//!
//! A view lags behind the cluster by milliseconds, which is when `kubectl apply -f folder/` writes the next object.

use std::collections::BTreeSet;

use crate::engine::{
    decide::Decision,
    finding::{Level, Rests},
    kinds::GATEWAY_API,
    limits,
    policy::Action,
    rules::in_use,
    verdict::{Asker, Judged, Verdict},
    view::{LookUp, View},
};

/// What this decision rests on and is not confirmed yet: so many single objects and lists at most.
pub fn rests_on(decision: &Decision<'_>, confirmed: &BTreeSet<LookUp>, at_most: usize) -> BTreeSet<LookUp> {
    let judged = decision.denied.iter().copied().chain(decision.ensure.iter().map(|(judged, _)| *judged));
    let look_ups = judged.flat_map(of);
    look_ups.filter(|look_up| !confirmed.contains(look_up)).take(at_most).collect()
}

/// What the view does not hold and one GET can tell: a namespace that is newer than the view, a ConfigMap, which is never
/// watched.
pub fn wanting(look_ups: &[LookUp], view: &View, confirmed: &BTreeSet<LookUp>, at_most: usize) -> BTreeSet<LookUp> {
    let wanted = look_ups.iter().filter(|look_up| match look_up {
        LookUp::Object(key) if key.group.is_empty() => match key.kind.as_str() {
            "Namespace" | "ConfigMap" => !view.knows(key),
            _ => false,
        },
        _ => false,
    });
    wanted.filter(|look_up| !confirmed.contains(*look_up)).take(at_most).cloned().collect()
}

/// Where a mistake counts for less because no Gateway of kgateway's is known that it would hurt: the Gateways that may be
/// newer than the view. In a folder they come right before the telemetry object.
pub fn sparing(verdict: &Verdict, view: &View, confirmed: &BTreeSet<LookUp>, at_most: usize) -> BTreeSet<LookUp> {
    let askers = verdict.judged.iter().flat_map(|judged| judged.askers.iter().filter(|asker| spares(judged, asker)));
    let wanted = askers.flat_map(|asker| asker.look_ups.iter()).filter(|look_up| match look_up {
        LookUp::Object(key) => {
            key.group == GATEWAY_API && matches!(key.kind.as_str(), "Gateway" | "GatewayClass") && !view.has(key)
        }
        LookUp::List { group, kind, .. } => (*group, *kind) == (GATEWAY_API, "Gateway"),
        LookUp::All { .. } | LookUp::Referrers(_) => false,
    });
    wanted.filter(|look_up| !confirmed.contains(*look_up)).take(at_most).cloned().collect()
}

/// Whether this would deny if it were as bad as its code says.
fn spares(judged: &Judged, asker: &Asker) -> bool {
    let code = &*judged.finding.code;
    let policy = &asker.policy;
    asker.level == Level::Warning
        && !asker.uncertain
        && !asker.may_be_excepted()
        && asker.rests != Rests::Object
        && policy.action == Action::Deny
        && !policy.levels.contains_key(code)
        && policy
            .rule()
            .is_some_and(|rule| rule.codes.iter().any(|known| known.name == code && known.level == Level::Error))
}

/// Single objects first, those that the finding names before all: they are what it says would break.
fn of(judged: &Judged) -> Vec<LookUp> {
    let related = judged.finding.related.iter().map(|related| &related.object);
    // A Gateway makes it as bad as it is, another object is what breaks: of both kinds enough.
    let (gateways, others): (Vec<_>, Vec<_>) = related.partition(|key| key.kind == "Gateway");
    let each = [others, gateways].into_iter().flat_map(|keys| keys.into_iter().take(limits::CONFIRMED_RELATED));
    let mut look_ups: Vec<_> = each.cloned().map(LookUp::Object).collect();
    // Of the thousands that may refer to one collector, those named are enough: each of them alone is a reason.
    let named_only = judged.finding.code.split('/').next() == Some(in_use::RULE.prefix);
    for look_up in judged.askers.iter().flat_map(|asker| asker.look_ups.iter()) {
        let decides = match look_up {
            LookUp::Object(key) => !named_only || key.kind != "Gateway",
            LookUp::List { group, kind, .. } => (*group, *kind) == (GATEWAY_API, "ReferenceGrant"),
            LookUp::All { .. } | LookUp::Referrers(_) => false,
        };
        if decides && !look_ups.contains(look_up) {
            look_ups.push(look_up.clone());
        }
    }
    look_ups
}

#[cfg(test)]
mod tests;
