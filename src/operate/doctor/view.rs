//! Whether what the policies look up can be listed at all.

use crate::{
    cluster::watched,
    engine::kinds,
    operate::doctor::{
        Remark, Setup,
        facts::{Facts, compiled},
        some_of,
    },
};

pub(super) fn judge(_: &Setup, facts: &Facts) -> Vec<Remark> {
    let needed = watched::by(&compiled(&facts.policies));
    let mut remarks: Vec<_> = facts
        .unlisted
        .iter()
        .map(|(kind, why)| {
            let resource = kinds::KINDS.iter().find(|known| known.kind == *kind).map_or(String::new(), |known| {
                if known.group.is_empty() {
                    known.resource.to_owned()
                } else {
                    format!("{}.{}", known.resource, known.group)
                }
            });
            let command = format!("kubectl get {resource} --all-namespaces --chunk-size=1");
            let is_ours = why.contains("cannot list resource");
            if is_ours {
                // Our own caller's right, not that of the service account.
                Remark::unknown(format!("whether {kind}s can be listed is not known"), why)
            } else {
                Remark::problem(format!("{kind}s cannot be listed: {why}"))
                    .because("what rests on them is unknown: findings are warnings, and the guard sees nothing")
                    .repair(command)
            }
        })
        .collect();
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
        let names: Vec<_> = absent.iter().map(|kind: &&kinds::Kind| kind.kind).collect();
        remarks.push(Remark::ok(format!("not served, so there are none: {}", some_of(&names))));
    }
    remarks
}
