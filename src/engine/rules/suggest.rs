//! "Did you mean": the closest name among those that exist.

use crate::engine::limits;

/// The closest candidate, if it is close enough to be a slip: at most a third of the name differs, or one contains
/// the other.
pub fn closest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // No name is longer (RFC 1123 subdomain), and comparing costs the product of the lengths.
    if wrong.len() > 253 {
        return None;
    }
    let allowed = (wrong.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .take(limits::SUGGESTION_CANDIDATES)
        .filter(|candidate| *candidate != wrong && candidate.len() <= 253)
        .map(|candidate| (strsim::damerau_levenshtein(wrong, candidate), candidate))
        .filter(|(distance, candidate)| {
            let contained =
                wrong.len() >= 4 && candidate.len() >= 4 && (candidate.contains(wrong) || wrong.contains(candidate));
            *distance <= allowed || contained
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// `a`, `b` and `c`, as words in backticks.
pub fn listed(words: impl IntoIterator<Item = String>) -> String {
    let words: Vec<_> = words.into_iter().collect();
    match words.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
