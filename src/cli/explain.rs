//! What a code means: for the terminal, and as the page `docs/findings.md`.

use crate::engine::{
    finding::{Code, Level},
    rules::{self, RULES, Rule, suggest},
};

/// Columns of prose, whatever the terminal: longer lines are hard to read.
const WIDTH: usize = 96;

/// What a code means, or the codes of a rule where `code` is what their names start with; none where there is neither.
pub fn explain(code: &str) -> Option<String> {
    let code = code.trim();
    match rules::code(code) {
        Some(known) => Some(one(known)),
        None => RULES.iter().copied().find(|rule| rule.prefix == code || rule.name == code).map(of_rule),
    }
}

/// What is said of a code that does not exist.
pub fn unknown(code: &str) -> String {
    let names = RULES.iter().flat_map(|rule| rule.codes).map(|code| code.name);
    // `no-such-port` is meant for `backend-refs/no-such-port`, which is longer than a slip.
    let short = || {
        RULES
            .iter()
            .flat_map(|rule| rule.codes)
            .map(|known| known.name)
            .find(|name| name.split_once('/').is_some_and(|(_, short)| short == code))
    };
    let code = crate::cli::report::line(code);
    match short().or_else(|| suggest::closest(&code, names)) {
        Some(meant) => format!("there is no code `{code}`; did you mean `{meant}`?"),
        None => format!("there is no code `{code}`; `portcullis explain` lists all of them"),
    }
}

/// All codes by rule.
pub fn list() -> String {
    let rules: Vec<_> = RULES.iter().copied().filter(|rule| !rule.codes.is_empty()).map(of_rule).collect();
    format!("{}\nfor more about one of them: portcullis explain CODE\n", rules.join("\n"))
}

/// The page `docs/findings.md`.
pub fn page() -> String {
    let mut lines = vec![
        "# Findings\n\n\
         What Portcullis can find. `portcullis explain CODE` prints the same. A code is never renamed.\n\n\
         An *error* breaks something or must not be, a *warning* silently does nothing or is a risk, a *note* is worth \
         knowing. A policy may change the level of a code: `levels: [{ code: backend-refs/not-http2, level: error }]`."
            .to_owned(),
    ];
    for rule in RULES.iter().filter(|rule| !rule.codes.is_empty()) {
        lines.push(format!("\n## {}\n\nIn a policy: `rule: {{ {}: {{}} }}`.", rule.prefix, rule.name));
        if rule.seen_in == crate::engine::rules::SeenIn::Files {
            let why = "the API server drops what it looks for before a webhook sees it";
            lines.push(format!("Only files are judged: {why}."));
        }
        lines.push("\n| code | level | says |\n| --- | --- | --- |".to_owned());
        for code in rule.codes {
            let (name, title) = (code.name, code.title.replace('|', "\\|"));
            lines.push(format!("| [`{name}`](#{}) | {} | {title} |", anchor(name), code.level.name()));
        }
        lines.extend(rule.codes.iter().map(|code| format!("\n### {}\n\n{}", code.name, markdown(code))));
    }
    lines.join("\n") + "\n"
}

/// One code in Markdown, without a heading.
pub fn markdown(code: &Code) -> String {
    let example = code.example.trim_end();
    format!(
        "*{}:* {}\n\n**Why:** {}\n\n**Fix:** {}\n\n**Example** of the mistake:\n\n```yaml\n{example}\n```",
        code.level.name(),
        code.title,
        code.why,
        code.fix
    )
}

fn one(code: &Code) -> String {
    let mut lines = vec![
        format!("{}[{}]: {}\n", code.level.name(), code.name, code.title),
        wrapped("why: ", code.why),
        wrapped("fix: ", code.fix),
        "\nexample of the mistake:".to_owned(),
    ];
    lines.extend(code.example.trim_end().lines().map(|line| format!("    {line}")));
    if let Some(rule) = RULES.iter().find(|rule| rule.codes.iter().any(|known| known.name == code.name)) {
        lines.push(format!("\nrule: `{}`, asked for by the default policy `{}`", rule.name, rule.prefix));
    }
    let (level, name) = (code.level.name(), code.name);
    let other = if code.level == Level::Error { "warning" } else { "error" };
    lines.push(format!("level: {level}, unless a policy says `levels: [{{ code: {name}, level: {other} }}]`\n"));
    lines.join("\n")
}

fn of_rule(rule: &Rule) -> String {
    let width = rule.codes.iter().map(|code| code.name.len()).max().unwrap_or_default();
    let mut lines = vec![format!("{} (rule `{}`)", rule.prefix, rule.name)];
    for code in rule.codes {
        lines.push(format!("  {:width$}  {:7}  {}", code.name, code.level.name(), code.title));
    }
    lines.join("\n") + "\n"
}

/// A paragraph whose further lines are indented below its label.
fn wrapped(label: &str, prose: &str) -> String {
    let indent = " ".repeat(label.len());
    let mut lines: Vec<String> = Vec::new();
    let mut line = label.to_owned();
    let mut empty = true;
    for word in prose.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, indent.clone()));
        } else if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.push(line);
    lines.join("\n")
}

/// As GitHub makes it from a heading.
fn anchor(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::report::tests::assert_file;

    #[test]
    fn a_code_is_explained_with_its_rule_and_policy() {
        let text = explain("backend-refs/no-port").unwrap();
        assert_eq!(
            text,
            "error[backend-refs/no-port]: a reference to a Service names no port\n\
             \n\
             why: the API server refuses it (`Must have port for Service reference`)\n\
             fix: add the port\n\
             \n\
             example of the mistake:\n    \
             backendRef: { name: otel-collector }\n\
             \n\
             rule: `backendRefs`, asked for by the default policy `backend-refs`\n\
             level: error, unless a policy says `levels: [{ code: backend-refs/no-port, level: warning }]`\n"
        );
    }

    #[test]
    fn prose_is_wrapped_below_its_label() {
        let text = explain("backend-refs/not-found").unwrap();
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert!(text.contains("\n     "), "{text}");
    }

    #[test]
    fn a_rule_lists_its_codes_by_either_name() {
        assert_eq!(explain("backend-refs"), explain("backendRefs"));
        assert!(explain("backend-refs").unwrap().contains("backend-refs/udp"));
        assert!(list().contains("reference-grants/missing"));
    }

    #[test]
    fn a_wrong_code_is_answered_with_the_closest() {
        assert_eq!(explain("backend-refs/no-such-prt"), None);
        for wrong in ["backend-refs/no-such-prt", "no-such-port"] {
            let said = unknown(wrong);
            assert_eq!(said, format!("there is no code `{wrong}`; did you mean `backend-refs/no-such-port`?"));
        }
        assert!(unknown("\u{1b}[2J").starts_with("there is no code `\\u{1b}[2J`; `portcullis explain`"));
    }

    #[test]
    fn the_page_of_findings_is_up_to_date() {
        assert_file("docs/findings.md", &page());
    }
}
