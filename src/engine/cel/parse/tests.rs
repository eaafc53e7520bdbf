use super::*;
use crate::engine::cel::ast::Kind;

/// On a stack as threads of tests and of web servers have it.
fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(run).unwrap().join().unwrap();
}

fn full(unit: &str) -> String {
    unit.repeat(limits::CEL_SOURCE / unit.len())
}

fn message(source: &str) -> String {
    parse(source).expect_err(source).to_string()
}

#[test]
fn sources_as_long_as_allowed_do_not_overflow_the_stack() {
    let units = [
        "(", "[", "{", "!", "-", "!!(", "a.b(", "a?", ".b", "f(", "[0]", "{1:", "a.b.", "a[?", "1+", "a{b:", "a==",
        "&&a", "a||", "\"", "a.?", "%", "1.", "\\", "has(", "a.map(b,",
    ];
    for unit in units {
        on_small_stack(move || {
            drop(parse(&full(unit)));
            drop(parse(&format!("a{}1", full(unit).get(2..).unwrap())));
        });
    }
}

#[test]
fn what_is_accepted_at_its_deepest_is_dropped_on_a_small_stack() {
    let nested =
        |open: &str, inner: &str, close: &str, times| format!("{}{inner}{}", open.repeat(times), close.repeat(times));
    let sources = [
        nested("(", "1", ")", 249),
        nested("[", "1", "]", 249),
        nested("{'a':", "1", "}", 249),
        nested("f(", "1", ")", 249),
        nested("!(", "a", ")", 190),
        nested("[1].all(x,", "true", ")", 32),
        format!("1{}", "+1".repeat(249)),
        format!("a{}", ".b".repeat(249)),
        format!("a{}", "[0]".repeat(249)),
        format!("a{}", ".trim()".repeat(249)),
        format!("a{}", " && a".repeat(3_000)),
    ];
    for source in sources {
        on_small_stack(move || drop(parse(&source).unwrap()));
    }
}

#[test]
fn what_is_too_large_is_refused() {
    for source in [
        format!("1{}", "+1".repeat(251)),
        format!("a{}", ".b".repeat(251)),
        format!("{}1{}", "(".repeat(250), ")".repeat(250)),
        format!("{}1{}", "[".repeat(300), "]".repeat(300)),
        format!("{}true{}", "[1].all(x,".repeat(limits::CEL_FOLDS + 1), ")".repeat(limits::CEL_FOLDS + 1)),
        // Each of these doubles what is before it.
        format!("a{}", ".optMap(x, x)".repeat(60)),
        " ".repeat(limits::CEL_SOURCE + 1),
    ] {
        assert!(parse(&source).is_err(), "{}", source.get(..60).unwrap());
    }
    assert!(parse(&format!("[1]{}", ".map(x, x)".repeat(60))).is_ok(), "behind one another is not inside one another");
}

#[test]
fn places_are_bytes_of_the_source() {
    let tree = parse("'äöü' + b.c(d)").unwrap();
    assert_eq!(tree.at, 9);
    let Kind::Call(sum) = tree.kind else { panic!("a call") };
    let places: Vec<u32> = sum.args.iter().map(|arg| arg.at).collect();
    assert_eq!(places, [0, 14]);
}

#[test]
fn a_caret_stands_below_what_is_wrong() {
    assert_eq!(message("'ö' +\n  + 1"), "an expression should be here, not `+`\n    + 1\n    ^");
    assert_eq!(message("['ö'].all(x.y, true)").lines().last(), Some("             ^"));
}

#[test]
fn mistakes_are_said_in_words() {
    for (source, expected) in [
        ("", "the expression ends where an expression should be"),
        ("1 +", "the expression ends where an expression should be"),
        ("(1", "the expression ends where `)` should be"),
        ("true and false", "the expression should have ended before `and`; is an operator missing?"),
        ("a.null", "the name of a field should follow the `.`"),
        ("object.", "the name of a field should follow the `.`"),
        ("'a", "this string has no end, or an escape that does not exist"),
        ("a # b", "`#` means nothing in CEL"),
        ("a.`b-c`", "names in backticks are not read; write `object[\"a-b\"]`"),
        ("var", "`var` is a reserved word, and no name"),
        ("18446744073709551616", "`18446744073709551616` does not fit int"),
        ("18446744073709551616u", "`18446744073709551616u` does not fit uint"),
        ("1e309", "`1e309` does not fit double"),
        ("'\\ud800'", "this string has an escape that stands for no character"),
        ("b'\\u00e9'", "these bytes have an escape that stands for no byte"),
        ("has(a)", "`has` takes a selection, as `has(a.b)`"),
        ("has(a.?b)", "`has` takes a selection, as `has(a.b)`"),
        ("[1].all(1, true)", "this must be the name of a variable, as `x` in `all(x, x > 0)`"),
        ("[1].all(x, x, true)", "both variables are named `x`"),
        ("[1].map(__result__, 1)", "`__result__` cannot be the name of a variable"),
        ("'b'.sortBy(x, x)", "`sortBy` sorts a list"),
    ] {
        assert_eq!(message(source).lines().next(), Some(expected), "{source}");
    }
}
