use super::*;

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
    let long = "a".repeat(20_001);
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
    let spent = (0..10_000).find_map(|each| {
        let pattern = format!("[ab]{{1000}}[cd]{{1000}}{each}");
        patterns.get(&pattern, "", "", &mut meter).err()
    });
    assert!(matches!(spent, Some(Failure::Spent(_))), "{spent:?}");
    assert!(patterns.made.len() < 2_000, "{}", patterns.made.len());
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
