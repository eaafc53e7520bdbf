//! The one place where cases meet GuardExceptions.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    cases::{Case, CaseFile, Unusable},
    engine::{
        decide::Decision,
        node::Path,
        policy::{PolicySet, exception},
        verdict::Exemption,
    },
};

/// Lets the exceptions of a case take part.
///
/// # Errors
/// One that does not compile.
pub(super) fn join(policies: PolicySet, file: &CaseFile, case: &Case) -> Result<PolicySet, Unusable> {
    let mut unusable = Unusable::of(file);
    let mut compiled = Vec::new();
    let places =
        [(Path::of(&["exceptions"]), &file.exceptions), (file.place_of(case).key("exceptions"), &case.exceptions)];
    for (at, exceptions) in places {
        for (index, value) in exceptions.iter().enumerate() {
            match exception::compile::compile(value, "default") {
                Ok(exception) => compiled.push(Arc::new(exception)),
                Err(bad) => unusable.push_bad(&at.index(index), bad),
            }
        }
    }
    unusable.or(policies.with_exceptions(compiled))
}

/// The codes of the findings that an exception spares for some policy, sorted.
pub(super) fn excepted(decision: &Decision<'_>) -> Vec<String> {
    let codes: BTreeSet<_> = decision.excepted.iter().map(|(judged, ..)| judged.finding.code.to_string()).collect();
    codes.into_iter().collect()
}

/// The exceptions of which a webhook warns that they are about to end.
pub(super) fn ending(decision: &Decision<'_>) -> usize {
    let ending = decision
        .excepted
        .iter()
        .filter(|(_, asker, _)| matches!(asker.exemption, Exemption::Holds { ends_soon: true, .. }));
    ending.map(|(.., exception)| &exception.name).collect::<BTreeSet<_>>().len()
}
