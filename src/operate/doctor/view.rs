//! Whether what the policies look up can be listed at all.

use crate::{
    cluster::watched,
    engine::kinds::Kind,
    operate::doctor::{
        Remark, Setup,
        facts::{Facts, compiled},
        some_of,
    },
};

pub(super) fn judge(_: &Setup, facts: &Facts) -> Vec<Remark> {
    let needed = watched::by(&compiled(&facts.policies));
    let mut remarks = Vec::new();
    // That our caller may not says nothing of the service account.
    let (forbidden, broken): (Vec<_>, Vec<_>) =
        facts.unlisted.iter().partition(|(_, why)| why.contains("cannot list resource"));
    for (resource, why) in broken {
        remarks.push(
            Remark::problem(format!("`{resource}` cannot be listed: {why}"))
                .because("what rests on them is unknown: findings are warnings, and the guard sees nothing")
                .repair(format!("kubectl get {resource} --all-namespaces --chunk-size=1")),
        );
    }
    if let Some((_, why)) = forbidden.first() {
        let resources: Vec<_> = forbidden.iter().map(|(resource, _)| resource).collect();
        remarks
            .push(Remark::unknown(format!("whether these can be listed is not known: {}", some_of(&resources)), *why));
    }
    let served = match &facts.served {
        Ok(served) => served,
        Err(why) => {
            remarks.push(Remark::unknown("which kinds are served is not known", why));
            return remarks;
        }
    };
    let kinds = needed.into_iter().filter_map(watched::row);
    let (there, absent): (Vec<_>, Vec<_>) =
        kinds.partition(|kind| !served.versions(kind.group, kind.resource).is_empty());
    if remarks.is_empty() {
        remarks.push(Remark::ok(format!("{} kinds can be listed", there.len())));
    }
    if !absent.is_empty() {
        let names: Vec<_> = absent.iter().map(|kind: &&Kind| kind.kind).collect();
        remarks.push(Remark::ok(format!("not served, so there are none: {}", some_of(&names))));
    }
    remarks
}
