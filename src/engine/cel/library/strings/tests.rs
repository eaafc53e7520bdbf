use crate::engine::cel::library::tried::{expect, expect_cost};

#[test]
fn places_count_characters() {
    expect(&[
        (r#""añb😀".charAt(1)"#, r#""ñ""#),
        (r#""añb😀".charAt(4)"#, r#""""#),
        (r#""añb😀".charAt(5)"#, "error: index out of range: 5"),
        (r#""a".charAt(-1)"#, "error: index out of range: -1"),
        (r#""añb😀".substring(2)"#, r#""b😀""#),
        (r#""añb😀".substring(4)"#, r#""""#),
        (r#""añb😀".substring(5)"#, "error: index out of range: 5"),
        (r#""añb😀".substring(1, 3)"#, r#""ñb""#),
        (r#""añb😀".substring(3, 5)"#, "error: index out of range: 5"),
        (r#""añb😀".substring(3, 2)"#, "error: invalid substring range. start: 3, end: 2"),
        (r#""añb😀".indexOf("b")"#, "2"),
        (r#""añb😀".indexOf("z")"#, "-1"),
        (r#""añañ".indexOf("ñ", 2)"#, "3"),
        (r#""añañ".indexOf("ñ", 4)"#, "-1"),
        (r#""añañ".indexOf("ñ", -1)"#, "error: index out of range: -1"),
        (r#""a".indexOf("", 7)"#, "7"),
        (r#""añañ".lastIndexOf("ñ")"#, "3"),
        (r#""añañ".lastIndexOf("")"#, "4"),
        (r#""añañ".lastIndexOf("ñ", 2)"#, "1"),
        (r#""añañ".lastIndexOf("añ", 2)"#, "2"),
        (r#""añañ".lastIndexOf("añañx")"#, "-1"),
        (r#""añañ".lastIndexOf("ñ", 9)"#, "-1"),
        (r#""añ".lastIndexOf("ñ", -1)"#, "error: index out of range: -1"),
        ("object.text.substring(1, 2)", r#""ñ""#),
    ]);
}

#[test]
fn texts_are_changed() {
    expect(&[
        (r#""AbÉ".lowerAscii()"#, r#""abÉ""#),
        (r#""aBé".upperAscii()"#, r#""ABé""#),
        (r#""\u2003 a b\t\u0085".trim()"#, r#""a b""#),
        (r#""\u200ba".trim() == "\u200ba""#, "true"),
        (r#""abab".replace("b", "xy")"#, r#""axyaxy""#),
        (r#""abab".replace("b", "x", 1)"#, r#""axab""#),
        (r#""abab".replace("b", "x", 0)"#, r#""abab""#),
        (r#""abab".replace("b", "x", -3)"#, r#""axax""#),
        (r#""ñb".replace("", "-")"#, r#""-ñ-b-""#),
        (r#""ab".replace("", "-", 2)"#, r#""-a-b""#),
        (r#""a,b,,c".split(",")"#, r#"["a", "b", "", "c"]"#),
        (r#""a,b,,c".split(",", 2)"#, r#"["a", "b,,c"]"#),
        (r#""a,b".split(",", 0)"#, "[]"),
        (r#""a,b".split(",", -1)"#, r#"["a", "b"]"#),
        (r#""".split(",")"#, r#"[""]"#),
        (r#""".split("")"#, "[]"),
        (r#""añb".split("")"#, r#"["a", "ñ", "b"]"#),
        (r#""añb".split("", 2)"#, r#"["a", "ñb"]"#),
        (r#"["a", "b"].join()"#, r#""ab""#),
        (r#"["a", "b"].join(", ")"#, r#""a, b""#),
        (r#"object.texts.join("")"#, r#""ba""#),
        ("(object.texts + object.ints).join()", "error: join: invalid input: 3"),
        ("[1].join()", "refused"),
        (r#""a".reverse()"#, "refused"),
        (r#"strings.quote("a\"\\\n\u0007ñ")"#, r#""\"a\\\"\\\\\\n\\añ\"""#),
    ]);
}

#[test]
fn texts_cost_what_is_read_and_made() {
    expect_cost(&[
        // An object and its field cost 1 each.
        ("object.hundred.charAt(1)", 2 + 1),
        (r#"object.hundred.indexOf("y")"#, 2 + 10),
        (r#"object.text.indexOf("y")"#, 2),
        ("object.hundred.lowerAscii()", 2 + 10),
        ("object.text.trim()", 2 + 1),
        ("object.hundred.substring(99)", 2 + 10),
        (r#"object.hundred.replace("x", "")"#, 2 + 20),
        (r#"object.hundred.split("x")"#, 2 + 20),
        (r#"[object.hundred, object.hundred].join(",")"#, 4 + 10 + 41),
        ("strings.quote(object.hundred)", 2 + 10),
        (r#""xxxxxxxxxxxxxxxxxxxx%s".format([object.number])"#, 2 + 10 + 3),
    ]);
}

#[test]
fn what_would_grow_beyond_the_memory_of_a_request_is_not_made() {
    let spent = "spent: the expressions of a policy make more than one request may";
    let large = r#"lists.range(4000).map(i, "x").join(",")"#;
    expect(&[
        (&format!(r#"{large}.replace("", {large}.replace("", "yyyyyyyy"))"#), spent),
        (&format!(r#"[{large}, {large}, {large}].map(a, a.replace("x", {large}).size())"#), spent),
        (&format!(r#"[{large}].map(a, a.replace("x", a)).map(a, "%s%s".format([a, a])).size()"#), spent),
    ]);
}
