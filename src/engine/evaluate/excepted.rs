//! Which findings an exception spares the subject, of those that its namespace holds.

use std::{cmp::Reverse, sync::Arc};

use jiff::Timestamp;

use crate::engine::{
    finding::Finding,
    policy::{Exception, Policy, exception::Holds},
    select::Selection,
    subject::Subject,
    verdict::Exemption,
    view::Lens,
};

/// For each finding of this policy, whether an exception spares the subject it, and what is not known of that.
pub(super) fn each(
    selection: &Selection,
    policy: &Policy,
    subject: &Subject<'_>,
    findings: &[Finding],
    lens: &Lens<'_>,
    now: Timestamp,
) -> Vec<(Exemption, Option<String>)> {
    let is_meant = |exception: &&Arc<Exception>| exception.names_policy(&policy.name) && exception.is_about(subject);
    let meant: Vec<_> = match findings {
        [] => Vec::new(),
        _ => selection.exceptions.iter().filter(is_meant).collect(),
    };
    findings.iter().map(|finding| one(&meant, policy, subject, &finding.code, lens, now)).collect()
}

/// Of several, the best for the subject; of those that are alike, the one that ends last.
fn one(
    meant: &[&Arc<Exception>],
    policy: &Policy,
    subject: &Subject<'_>,
    code: &str,
    lens: &Lens<'_>,
    now: Timestamp,
) -> (Exemption, Option<String>) {
    let candidates = meant.iter().filter(|exception| exception.names_code(code));
    let best = candidates.map(|exception| (*exception, holds(exception, policy, subject, code, lens, now))).min_by_key(
        |(exception, holds)| {
            let rank = match holds {
                Holds::Yes => 0,
                Holds::Unknown(_) => 1,
                Holds::No(_) => 2,
            };
            (rank, Reverse(exception.expires))
        },
    );
    match best {
        None => (Exemption::None, None),
        Some((exception, Holds::Yes)) => {
            let ends_soon = exception.ends_soon(now);
            (Exemption::Holds { exception: Arc::clone(exception), ends_soon }, None)
        }
        Some((_, Holds::Unknown(what))) => (Exemption::Unknown, Some(what)),
        Some((exception, Holds::No(why))) => (Exemption::Lapsed(Arc::clone(exception), why), None),
    }
}

fn holds(
    exception: &Exception,
    policy: &Policy,
    subject: &Subject<'_>,
    code: &str,
    lens: &Lens<'_>,
    now: Timestamp,
) -> Holds {
    let permit = &policy.exceptions;
    match permit.lets(&policy.name, code, exception, now) {
        Holds::Yes if permit.namespaces.is_empty() => Holds::Yes,
        Holds::Yes => {
            let namespace = &*subject.key.namespace;
            permit.lets_in(&policy.name, namespace, lens.namespace(namespace))
        }
        no => no,
    }
}
