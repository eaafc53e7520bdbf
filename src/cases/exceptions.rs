//! The one place where cases meet GuardExceptions.

use crate::{
    cases::{Case, CaseFile, Unusable},
    engine::{decide::Decision, node::Path, policy::PolicySet},
};

/// Lets the exceptions of a case take part.
///
/// # Errors
/// One that does not compile.
pub(super) fn join(policies: PolicySet, file: &CaseFile, case: &Case) -> Result<PolicySet, Unusable> {
    let mut unusable = Unusable::of(file);
    let places =
        [(Path::of(&["exceptions"]), &file.exceptions), (file.place_of(case).key("exceptions"), &case.exceptions)];
    for (at, exceptions) in places {
        for (index, _) in exceptions.iter().enumerate() {
            unusable.push(&at.index(index), "this version knows no GuardExceptions".to_owned(), None);
        }
    }
    unusable.or(policies)
}

/// The codes of the findings that an exception spares for some policy, sorted.
pub(super) fn excepted(_decision: &Decision<'_>) -> Vec<String> {
    Vec::new()
}

/// The exceptions of which a webhook warns that they are about to end.
pub(super) fn ending(_decision: &Decision<'_>) -> usize {
    0
}
