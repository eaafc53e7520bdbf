//! What a code means: for the terminal, and as the page `docs/findings.md`.

use crate::cli::report;
use crate::engine::{
    finding::Level,
    policy::{
        Page, PolicySet,
        codes::{self, OF_ANY},
    },
    rules::{RULES, Rule, SeenIn},
};

/// What stands before the codes of any policy.
const OF_ANY_PREFIX: &str = "<policy>/";

/// Columns of prose, whatever the terminal: longer lines are hard to read.
const WIDTH: usize = 96;

/// A built-in rule, or a policy whose author wrote expressions, and its codes.
struct Chapter<'a> {
    /// What its codes begin with; also the name of the policy that asks for it.
    name: &'a str,
    rule: Option<&'static Rule>,
    description: &'a str,
    pages: Vec<Page<'a>>,
}

/// What a code means, or the codes of a rule or policy where `code` is what their names start with; none where there is
/// neither. Policies are those that bring codes of their own.
pub fn explain(code: &str, policies: &PolicySet) -> Option<String> {
    let code = code.trim();
    let chapters = chapters(policies);
    let pages = chapters.iter().flat_map(|chapter| chapter.pages.iter().map(move |page| (chapter, page)));
    for (chapter, page) in pages {
        if page.code == code {
            return Some(one(chapter, page));
        }
    }
    let is_it = |chapter: &&Chapter<'_>| chapter.name == code || chapter.rule.is_some_and(|rule| rule.name == code);
    chapters.iter().find(is_it).map(whole).or_else(|| of_any(code, policies))
}

/// A code that Portcullis itself says of policies, and of which one, if that is said.
fn of_any(code: &str, policies: &PolicySet) -> Option<String> {
    let (name, page) = codes::of_any(code)?;
    let mut lines = said(&page);
    let policy = policies.policies().iter().find(|policy| policy.name == name);
    lines.push(match policy {
        Some(_) => format!("\nsaid by Portcullis itself, of the policy `{name}`"),
        None if OF_ANY_NAME.contains(&name) => "\nsaid by Portcullis itself, of any policy".to_owned(),
        None => {
            format!("\nsaid by Portcullis itself, of a policy `{}`, which is not among those given", report::line(name))
        }
    });
    lines.push(match policy {
        Some(policy) if policy.codes().iter().any(|known| known == code) => level(&page),
        _ => String::new(),
    });
    Some(lines.join("\n"))
}

/// What stands in place of a policy's name on pages about all of them.
const OF_ANY_NAME: [&str; 3] = ["", "<policy>", "POLICY"];

/// What is said of a code that does not exist.
pub fn unknown(code: &str, policies: &PolicySet) -> String {
    let chapters = chapters(policies);
    let names = || chapters.iter().flat_map(|chapter| &chapter.pages).map(|page| page.code);
    // `no-such-port` is meant for `backend-refs/no-such-port`, which is longer than a slip.
    let meant = codes::meant(code, names().collect::<Vec<_>>()).map(str::to_owned).or_else(|| {
        let (policy, short) = code.rsplit_once('/')?;
        let known = codes::meant(short, OF_ANY.map(|code| code.name))?;
        Some(format!("{}/{known}", report::line(policy)))
    });
    let code = report::line(code);
    match meant {
        Some(meant) => format!("there is no code `{code}`; did you mean `{meant}`?"),
        None => format!("there is no code `{code}`; `portcullis explain` lists all of them"),
    }
}

/// All codes by rule and policy.
pub fn list(policies: &PolicySet) -> String {
    let chapters: Vec<_> = chapters(policies).iter().map(whole).collect();
    let width = OF_ANY.iter().map(|code| code.name.len()).max().unwrap_or_default() + OF_ANY_PREFIX.len();
    let of_any = OF_ANY.map(|code| {
        let name = format!("{OF_ANY_PREFIX}{}", code.name);
        format!("  {name:width$}  {:7}  {}", code.level.name(), code.title)
    });
    let chapters = [chapters, vec![format!("of any policy\n{}\n", of_any.join("\n"))]].concat();
    format!("{}\nfor more about one of them: portcullis explain CODE\n", chapters.join("\n"))
}

/// The page `docs/findings.md`.
pub fn page(policies: &PolicySet) -> String {
    let mut lines = vec![
        "# Findings\n\n\
         What Portcullis can find. `portcullis explain CODE` prints the same. A code is never renamed.\n\n\
         An *error* breaks something or must not be, a *warning* silently does nothing or is a risk, a *note* is worth \
         knowing. A policy may change the level of a code: `levels: [{ code: backend-refs/not-http2, level: error }]`."
            .to_owned(),
    ];
    for chapter in chapters(policies) {
        lines.push(format!("\n## {}\n", chapter.name));
        match chapter.rule {
            Some(rule) => lines.push(format!("In a policy: `rule: {{ {}: {{}} }}`.", rule.name)),
            None => lines.push(format!("{} A policy in CEL: `policies/{}.yaml`.", chapter.description, chapter.name)),
        }
        if chapter.rule.is_some_and(|rule| rule.seen_in == SeenIn::Files) {
            let why = "the API server drops what it looks for before a webhook sees it";
            lines.push(format!("Only files are judged: {why}."));
        }
        lines.push("\n| code | level | says |\n| --- | --- | --- |".to_owned());
        for Page { code, level, title, .. } in &chapter.pages {
            let title = title.replace('|', "\\|");
            lines.push(format!("| [`{code}`](#{}) | {} | {title} |", anchor(code), level.name()));
        }
        lines.extend(chapter.pages.iter().map(|page| format!("\n### {}\n\n{}", page.code, markdown(page))));
    }
    lines.push(
        "\n## Of any policy\n\n\
         What Portcullis itself says of a policy, in place of `POLICY` stands its name. `portcullis explain \
         POLICY/not-judged` prints the same, and `levels` may change its level."
            .to_owned(),
    );
    lines.push("\n| code | level | says |\n| --- | --- | --- |".to_owned());
    for code in OF_ANY {
        let name = format!("POLICY/{}", code.name);
        lines.push(format!(
            "| [`{name}`](#{}) | {} | {} |",
            anchor(&name.to_lowercase()),
            code.level.name(),
            code.title
        ));
    }
    lines.extend(OF_ANY.map(|code| format!("\n### POLICY/{}\n\n{}", code.name, markdown(&Page::from(code)))));
    lines.join("\n") + "\n"
}

/// One code in Markdown, without a heading.
pub fn markdown(page: &Page<'_>) -> String {
    let mut text = format!("*{}:* {}", page.level.name(), page.title);
    for (label, prose) in [("Why", page.why), ("Fix", page.fix)] {
        if !prose.is_empty() {
            text += &format!("\n\n**{label}:** {}", prose.trim_end());
        }
    }
    if !page.example.is_empty() {
        text += &format!("\n\n**Example** of the mistake:\n\n```yaml\n{}\n```", page.example.trim_end());
    }
    text
}

/// The built-in rules, and then the policies that bring codes of their own.
fn chapters(policies: &PolicySet) -> Vec<Chapter<'_>> {
    let of_rule = |rule: &'static Rule| Chapter {
        name: rule.prefix,
        rule: Some(rule),
        description: "",
        pages: rule.codes.iter().map(|code| Page::from(*code)).collect(),
    };
    let own = policies.policies().iter().filter(|policy| policy.rule().is_none());
    let rules = RULES.iter().copied().filter(|rule| !rule.codes.is_empty()).map(of_rule);
    rules
        .chain(own.map(|policy| Chapter {
            name: &policy.name,
            rule: None,
            description: policy.description.trim(),
            pages: policy.pages(),
        }))
        .collect()
}

fn one(chapter: &Chapter<'_>, page: &Page<'_>) -> String {
    let mut lines = said(page);
    match chapter.rule {
        Some(rule) => {
            lines.push(format!("\nrule: `{}`, asked for by the default policy `{}`", rule.name, rule.prefix));
        }
        None => lines.push(format!("\npolicy: `{}`, written in CEL", chapter.name)),
    }
    lines.push(level(page));
    lines.join("\n")
}

fn level(page: &Page<'_>) -> String {
    let other = if page.level == Level::Error { "warning" } else { "error" };
    let (level, code) = (page.level.name(), page.code);
    format!("level: {level}, unless a policy says `levels: [{{ code: {code}, level: {other} }}]`\n")
}

fn said(page: &Page<'_>) -> Vec<String> {
    let Page { code, level, title, why, fix, example } = *page;
    let (level, code) = (level.name(), report::line(code));
    let mut lines = vec![format!("{level}[{code}]: {title}\n")];
    for (label, prose) in [("why: ", why), ("fix: ", fix)] {
        if !prose.is_empty() {
            lines.push(wrapped(label, prose));
        }
    }
    if !example.is_empty() {
        lines.push("\nexample of the mistake:".to_owned());
        lines.extend(example.trim_end().lines().map(|line| format!("    {line}")));
    }
    lines
}

fn whole(chapter: &Chapter<'_>) -> String {
    let width = chapter.pages.iter().map(|page| page.code.len()).max().unwrap_or_default();
    let mut lines = vec![match chapter.rule {
        Some(rule) => format!("{} (rule `{}`)", chapter.name, rule.name),
        None => format!("{} (policy in CEL)", chapter.name),
    }];
    for Page { code, level, title, .. } in &chapter.pages {
        lines.push(format!("  {code:width$}  {:7}  {title}", level.name()));
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
    use super::{WIDTH, list, page, unknown};
    use crate::{cli::report::tests::assert_file, engine::policy::shipped};

    fn explain(code: &str) -> Option<String> {
        super::explain(code, &shipped::policies())
    }

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
        assert!(list(&shipped::policies()).contains("reference-grants/missing"));
    }

    #[test]
    fn a_wrong_code_is_answered_with_the_closest() {
        assert_eq!(explain("backend-refs/no-such-prt"), None);
        for wrong in ["backend-refs/no-such-prt", "no-such-port"] {
            let said = unknown(wrong, &shipped::policies());
            assert_eq!(said, format!("there is no code `{wrong}`; did you mean `backend-refs/no-such-port`?"));
        }
        assert!(
            unknown("\u{1b}[2J", &shipped::policies())
                .starts_with("there is no code `\\u{1b}[2J`; `portcullis explain`")
        );
    }

    #[test]
    fn what_portcullis_says_of_any_policy_is_explained() {
        for code in ["teams/not-judged", "not-judged", "<policy>/not-idempotent", "collector-batching/not-judged"] {
            let text = explain(code).unwrap();
            assert!(text.starts_with(&format!("warning[{code}]: ")), "{text}");
            assert!(text.contains("\nwhy: ") && text.contains("\nfix: "), "{text}");
            assert!(text.contains("said by Portcullis itself, of "), "{text}");
            assert!(text.lines().all(|line| line.len() <= 160), "{text}");
        }
        assert!(list(&shipped::policies()).contains("  <policy>/not-judged      warning  "));
        let said = unknown("teams/not-jugded", &shipped::policies());
        assert_eq!(said, "there is no code `teams/not-jugded`; did you mean `teams/not-judged`?");
    }

    #[test]
    fn the_page_of_findings_is_up_to_date() {
        assert_file("docs/findings.md", &page(&shipped::policies()));
    }
}
