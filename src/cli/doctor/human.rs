//! What `doctor` says to people: calm, short, problems first, and under each what to type.

use crate::{
    cli::report::line,
    engine::policy::Action,
    operate::doctor::{Check, Diagnosis, Remark, Standing, impact::Impact},
};

/// Objects that are printed for one code; `--format json` has more.
const NAMED: usize = 5;

pub(super) fn diagnosis(diagnosis: &Diagnosis) -> String {
    let mut text = String::new();
    for check in &diagnosis.checks {
        text.push_str(&of_check(check));
    }
    let count = |standing| diagnosis.count(standing);
    let said = match (count(Standing::Problem), count(Standing::Unknown)) {
        (0, 0) => "all is well".to_owned(),
        (problems, 0) => format!("{problems} {}", plural(problems, "problem", "problems")),
        (0, unknown) => format!("nothing is known to be wrong, {unknown} unknown"),
        (problems, unknown) => format!("{problems} {}, {unknown} unknown", plural(problems, "problem", "problems")),
    };
    text.push_str(&format!("{said}\n"));
    text
}

fn of_check(check: &Check) -> String {
    let mut text = format!("{}\n", check.check);
    for remark in &check.remarks {
        text.push_str(&of_remark(remark));
    }
    text.push('\n');
    text
}

fn of_remark(remark: &Remark) -> String {
    let standing = match remark.standing {
        Standing::Problem => "problem",
        Standing::Unknown => "unknown",
        Standing::Note => "note",
        Standing::Ok => "ok",
    };
    let mut text = format!("  {standing:<8} {}\n", line(&remark.what));
    // What is well needs no more words.
    if remark.standing == Standing::Ok {
        return text;
    }
    let repair = remark.repair.as_deref().unwrap_or_default();
    for (label, said) in [("where", remark.place.as_str()), ("why", &remark.why), ("repair", repair)] {
        if !said.is_empty() {
            text.push_str(&format!("           {label:<7} {}\n", line(said)));
        }
    }
    text
}

pub(super) fn impact(impact: &Impact) -> String {
    let mut text = String::new();
    for policy in &impact.policies {
        let now = match policy.action {
            Action::Audit => "audits",
            Action::Warn => "warns",
            Action::Deny => "denies",
        };
        text.push_str(&format!("{} (now it {now})\n", line(&policy.policy)));
        if let Some(namespaces) = &policy.namespaces {
            let named: Vec<_> = namespaces.iter().take(NAMED).map(String::as_str).collect();
            let more = match namespaces.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let said = if named.is_empty() { "none".to_owned() } else { format!("{}{more}", named.join(", ")) };
            text.push_str(&format!("  its namespaces: {}\n", line(&said)));
        }
        text.push_str(&format!(
            "  would refuse {} {}, would mend {}\n",
            policy.refused,
            plural(policy.refused, "object", "objects"),
            policy.mended
        ));
        for code in &policy.codes {
            text.push_str(&format!("  {} {}\n", line(&code.code), code.count));
            for refused in code.objects.iter().take(NAMED) {
                text.push_str(&format!("    {}: {}\n", line(&refused.object), line(&refused.message)));
            }
            if code.count > NAMED {
                text.push_str(&format!("    and {} more\n", code.count - NAMED));
            }
        }
        text.push('\n');
    }
    for why in &impact.partial {
        text.push_str(&format!("not all of it: {}\n", line(why)));
    }
    let refused = impact.policies.iter().filter(|policy| policy.refused > 0).count();
    let said = match refused {
        0 => "nothing would be refused".to_owned(),
        policies => format!("{policies} {} would refuse something", plural(policies, "policy", "policies")),
    };
    let objects = plural(impact.judged, "object", "objects");
    text.push_str(&format!("{} stored {objects} judged by {}: {said}\n", impact.judged, impact.by));
    text
}

const fn plural(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

#[cfg(test)]
mod tests;
