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
    let mut page = String::from(
        "# Findings\n\n\
         What Portcullis can find. `portcullis explain CODE` prints the same. A code is never renamed.\n\n\
         An *error* breaks something or must not be, a *warning* silently does nothing or is a risk, a *note* is worth \
         knowing. A policy may change the level of a code: `levels: [{ code: backend-refs/not-http2, level: error }]`.\n",
    );
    for rule in RULES.iter().filter(|rule| !rule.codes.is_empty()) {
        page.push_str(&format!("\n## {}\n\nWritten `rule: {{ {}: {{}} }}` in a policy.", rule.prefix, rule.name));
        if rule.files_only {
            page.push_str(" Judged in files only: the API server drops what it looks for before a webhook sees it.");
        }
        page.push_str("\n\n| code | level | says |\n| --- | --- | --- |\n");
        for code in rule.codes {
            let (name, title) = (code.name, code.title.replace('|', "\\|"));
            page.push_str(&format!("| [`{name}`](#{}) | {} | {title} |\n", anchor(name), code.level.name()));
        }
        for code in rule.codes {
            page.push_str(&format!("\n### {}\n\n{}\n", code.name, markdown(code)));
        }
    }
    page
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
    let mut text = format!("{}[{}]: {}\n\n", code.level.name(), code.name, code.title);
    text.push_str(&wrapped("why: ", code.why));
    text.push_str(&wrapped("fix: ", code.fix));
    text.push_str("\nexample of the mistake:\n");
    for line in code.example.trim_end().lines() {
        text.push_str(&format!("    {line}\n"));
    }
    if let Some(rule) = RULES.iter().find(|rule| rule.codes.iter().any(|known| known.name == code.name)) {
        let other = if code.level == Level::Error { "warning" } else { "error" };
        let (prefix, name) = (rule.prefix, rule.name);
        text.push_str(&format!("\nrule: `{name}`, asked for by the default policy `{prefix}`\n"));
        text.push_str(&format!(
            "level: {}, unless a policy says `levels: [{{ code: {}, level: {other} }}]`\n",
            code.level.name(),
            code.name
        ));
    }
    text
}

fn of_rule(rule: &Rule) -> String {
    let width = rule.codes.iter().map(|code| code.name.len()).max().unwrap_or_default();
    let mut text = format!("{} (rule `{}`)\n", rule.prefix, rule.name);
    for code in rule.codes {
        text.push_str(&format!("  {:width$}  {:7}  {}\n", code.name, code.level.name(), code.title));
    }
    text
}

/// A paragraph whose further lines are indented below its label.
fn wrapped(label: &str, prose: &str) -> String {
    let mut text = label.to_owned();
    let mut column = label.len();
    for word in prose.split_whitespace() {
        let length = word.chars().count();
        if column + length > WIDTH && column > label.len() {
            text.truncate(text.trim_end().len());
            text.push('\n');
            text.push_str(&" ".repeat(label.len()));
            column = label.len();
        }
        text.push_str(word);
        text.push(' ');
        column += length + 1;
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
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
        assert!(text.lines().all(|line| line.len() <= WIDTH + 4), "{text}");
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
