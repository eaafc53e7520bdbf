use super::*;
use crate::engine::cel::library::tried::{expect, expect_cost};

/// What a pattern finds in a text, the words parted by `|`.
fn found(pattern: &str, text: &str) -> String {
    let pattern = prepare(pattern).unwrap_or_else(|why| panic!("{pattern}: {why}"));
    let found: Vec<&str> = pattern.0.regex.find_iter(text).map(|found| found.as_str()).collect();
    found.join("|")
}

#[test]
fn patterns_mean_what_they_mean_in_go() {
    for (pattern, text, expected) in [
        // Classes are ASCII, and so is the end of a word.
        (r"\d+", "12٣", "12"),
        (r"\w+", "naïve_1", "na|ve_1"),
        (r"\bve", "naïve", "ve"),
        (r"[\s]", "a\u{a0}b\x0bc d", " "),
        (r"[[:alpha:]-]+", "a-b1c", "a-b|c"),
        (r"[^[:^digit:]]+", "a12", "12"),
        // Unicode, where it is asked for.
        (r"\p{Greek}+", "abγδ", "γδ"),
        (r"\PL+", "ab12é", "12"),
        (r"\p{^Lu}", "Aa", "a"),
        // What are operators of other engines are characters.
        ("[a&&b]+", "a&b", "a&b"),
        ("[[a]+", "[a]", "[a"),
        ("[a-]+", "-a", "-a"),
        ("[]a]+", "]a", "]a"),
        ("a{,2}", "aa{,2}", "a{,2}"),
        (r"\Qa.b\E+", "a.bb axb", "a.bb"),
        ("(?i)straße", "STRAßE", "STRAßE"),
        ("(?i)k", "kK\u{212a}", "k|K|\u{212a}"),
        ("(?i:a)b", "AbAB", "Ab"),
        ("(a(?i)b|c)D", "aBD CD cD", "aBD|CD|cD"),
        // The first alternative wins, not the longest.
        ("a|ab", "ab", "a"),
        ("(?U)a+", "aa", "a|a"),
        ("(?U)a+?", "aa", "aa"),
        ("a??b", "ab", "ab"),
        ("a*", "baac", "|aa|"),
        ("(|a)+", "aa", "||"),
        // Lines.
        ("^b$", "a\nb", ""),
        ("(?m)^b$", "a\nb", "b"),
        ("a$", "a\n", ""),
        ("a.b", "a\nb", ""),
        ("(?s)a.b", "a\nb", "a\nb"),
        (r"\Aa\z", "a", "a"),
        // Characters by their numbers. A surrogate is in no text.
        (r"\x41\x{1F600}\101\011", "A😀A\t", "A😀A\t"),
        (r"\x{D800}|a", "a", "a"),
        (r"(?P<n>a)(?<m>b)", "ab", "ab"),
    ] {
        assert_eq!(found(pattern, text), expected, "{pattern} on {text:?}");
    }
}

#[test]
fn what_go_refuses_is_refused_in_its_words() {
    for (pattern, why) in [
        ("(", "missing closing ): `(`"),
        ("a)", "unexpected ): `a)`"),
        ("[a", "missing closing ]: `[a`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("[[:word:][:foo:]]", "invalid character class range: `[:foo:]`"),
        (r"\p{Klingon}", r"invalid character class range: `\p{Klingon}`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("(|+)", "missing argument to repetition operator: `+`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a+*?", "invalid nested repetition operator: `+*?`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{3,2}", "invalid repeat count: `{3,2}`"),
        ("(a{100}){11}", "invalid repeat count: `{11}`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?i-)", "invalid or unsupported Perl syntax: `(?i-)`"),
        ("(?<na-me>a)", "invalid named capture: `(?<na-me>`"),
        (r"(a)\1", r"invalid escape sequence: `\1`"),
        (r"a\Z", r"invalid escape sequence: `\Z`"),
        (r"\C", r"invalid escape sequence: `\C`"),
        (r"\x{110000}", r"invalid escape sequence: `\x{110000`"),
        (r"[\b]", r"invalid escape sequence: `\b`"),
        ("a\\", "trailing backslash at end of expression: ``"),
    ] {
        let refused = prepare(pattern).expect_err(pattern);
        assert_eq!(refused, format!("error parsing regexp: {why}"), "{pattern}");
    }
}

#[test]
fn what_is_too_large_is_refused_before_it_is_made() {
    let deep = format!("{}a{}", "(".repeat(101), ")".repeat(101));
    let long = "a".repeat(40_001);
    for pattern in [r"\pL{1000}", "((a{100}){10}|b){1}{2}", &deep, &long, &r"\p{Han}".repeat(200)] {
        assert!(prepare(pattern).is_err(), "{pattern}");
    }
    assert!(prepare("(a{100}){10}").is_ok());
    assert!(prepare("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?").is_ok());
}

#[test]
fn patterns_that_are_made_while_it_runs_are_paid() {
    let mut patterns = Patterns::default();
    let mut meter = Meter::new();
    meter.allocate(limits::CEL_MEMORY * 15 / 16).unwrap();
    let spent = (0..1_000).find_map(|each| {
        let pattern = format!("[ab]{{1000}}{each}");
        patterns.get(&pattern, "", "", &mut meter).err()
    });
    assert!(matches!(spent, Some(Failure::Spent(_))), "{spent:?}");
    assert!(patterns.made.len() < 50, "{}", patterns.made.len());
}

#[test]
fn a_search_that_may_take_long_is_paid() {
    let mut patterns = Patterns::default();
    let mut meter = Meter::new();
    let text = "ab".repeat(500_000);
    let mut searches = 0;
    let spent = loop {
        match patterns.get("(a|b)*a[ab]{900}c", &text, "", &mut meter) {
            Ok(_) => searches += 1,
            Err(failure) => break failure,
        }
    };
    assert!(matches!(spent, Failure::Spent(_)));
    assert!(searches < 2, "{searches}");
}

#[test]
fn what_is_written_out_is_compiled_with_the_expression() {
    let source = r#""abc".matches("b") && "abc".find("[" + "c]") == "c" && matches("a", "a+")"#;
    let program = crate::engine::cel::Program::compile(source, &crate::engine::cel::Scope::default()).unwrap();
    let patterns: Vec<&str> = program.patterns.iter().map(Pattern::as_str).collect();
    assert_eq!(patterns, ["b", "a+"]);
}

#[test]
fn texts_are_searched() {
    expect(&[
        (r#""a1b22".find("[0-9]+")"#, r#""1""#),
        (r#""ab".find("[0-9]+")"#, r#""""#),
        (r#""a1b22".findAll("[0-9]+")"#, r#"["1", "22"]"#),
        (r#""a1b22".findAll("[0-9]+", 1)"#, r#"["1"]"#),
        (r#""a1b22".findAll("[0-9]+", 0)"#, "[]"),
        (r#""a1b22".findAll("[0-9]+", -1)"#, r#"["1", "22"]"#),
        (r#""ñb".findAll("")"#, r#"["", "", ""]"#),
        (r#"matches("abc", "b")"#, "true"),
        (r#""abc".matches("^b")"#, "false"),
        ("object.text.findAll(object.pattern)", r#"["a", "b"]"#),
        ("object.text.matches(object.bad)", "error: error parsing regexp: missing closing ): `(`"),
        ("object.text.find(object.bad)", "error: Illegal regex: error parsing regexp: missing closing ): `(`"),
        (r#""a".matches("(")"#, "refused"),
        (r#""a".find("(")"#, "refused"),
        ("object.number.find(\"3\")", "error: no such overload: find(int, string)"),
    ]);
}

#[test]
fn a_search_costs_text_by_pattern() {
    expect_cost(&[
        (r#"object.hundred.matches("aaaaaaaaa")"#, 2 + 11 * 3),
        // Kubernetes counts the global function as any call.
        (r#"matches(object.hundred, "aaaaaaaaa")"#, 2 + 1),
        (r#"object.hundred.find("x")"#, 2 + 11),
        (r#"object.hundred.findAll("x", 2)"#, 2 + 11),
    ]);
}
