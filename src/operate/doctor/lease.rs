//! Who leads, and since when nobody has said so.

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    cluster::lease,
    operate::doctor::{Remark, Setup, deployed, facts::Facts, text},
};

/// Clocks differ, and a renewal may just be under way.
const LATE: i64 = 15;

const NOBODY: &str =
    "grants are made only on request, nothing is removed, and neither status nor registration is written";

pub(super) fn judge(setup: &Setup, facts: &Facts) -> Vec<Remark> {
    let place = format!("Lease {}/{}", setup.own_namespace, lease::NAME);
    let log = || {
        let name = deployed::ours(setup, facts).map_or("portcullis", deployed::Deployed::name);
        format!("kubectl logs --namespace {} deployment/{name} --tail=50", setup.own_namespace)
    };
    let remark = match &facts.lease {
        Err(why) => Remark::unknown("who leads is not known", why),
        Ok(None) => Remark::problem("nobody has ever led").because(NOBODY).repair(log()),
        Ok(Some(lease)) => standing(lease, facts.now, &log),
    };
    vec![remark.at(place)]
}

fn standing(lease: &Value, now: Timestamp, log: &dyn Fn() -> String) -> Remark {
    let holder = text(lease, "/spec/holderIdentity");
    if holder.is_empty() {
        return Remark::problem("nobody leads").because(NOBODY).repair(log());
    }
    let lasts = lease.pointer("/spec/leaseDurationSeconds").and_then(Value::as_i64).unwrap_or(15);
    let Ok(renewed) = text(lease, "/spec/renewTime").parse::<Timestamp>() else {
        return Remark::problem(format!("`{holder}` holds it, and has never renewed it")).because(NOBODY).repair(log());
    };
    let ago = now.as_second().saturating_sub(renewed.as_second());
    if ago > lasts.saturating_add(LATE) {
        return Remark::problem(format!("`{holder}` led, and has not said so for {ago} seconds"))
            .because(NOBODY)
            .repair(log());
    }
    Remark::ok(format!("`{holder}` leads, renewed {} seconds ago", ago.max(0)))
}
