use crate::engine::cel::library::tried::expect;

#[test]
fn values_are_shown_as_they_are_asked_for() {
    expect(&[
        (r#""%s, %s and %s".format(["a", 1, 2u])"#, r#""a, 1 and 2""#),
        (r#""%s %s %s".format([1.0, 1e21, -0.5])"#, r#""1 1e+21 -0.5""#),
        (r#""%s %s %s".format([true, null, b"ab"])"#, r#""true null ab""#),
        (
            r#""%s %s".format([duration("90m"), timestamp("2024-02-03T04:05:06.5Z")])"#,
            r#""5400s 2024-02-03T04:05:06.5Z""#,
        ),
        (r#""%s %s".format([int, type("a")])"#, r#""int string""#),
        (r#""%d %d".format([-7, 7u])"#, r#""-7 7""#),
        (r#""%b %b %b".format([-5, 5u, true])"#, r#""-101 101 1""#),
        (r#""%o %o".format([-8, 8u])"#, r#""-10 10""#),
        (r#""%x %X %x".format([-255, 255u, "añ"])"#, r#""-ff FF 61c3b1""#),
        (r#""%X".format([b"\xff\x0a"])"#, r#""FF0A""#),
        (r#""100%% of %s".format(["it"])"#, r#""100% of it""#),
        (r#""ñ%sñ".format(["a"])"#, r#""ñañ""#),
        (r#""plain".format([])"#, r#""plain""#),
    ]);
}

#[test]
fn doubles_are_shown_in_english() {
    expect(&[
        (r#""%f".format([1234567.891])"#, r#""1,234,567.891000""#),
        (r#""%.2f".format([-1234.567])"#, r#""-1,234.57""#),
        (r#""%.0f %.0f".format([2.5, 3.5])"#, r#""2 4""#),
        (r#""%.1f %.1f".format([-0.0, -0.01])"#, r#""0.0 -0.0""#),
        (r#""%f %f".format(["Infinity", "-Infinity"])"#, r#""∞ -∞""#),
        (r#""%f".format(["NaN"])"#, r#""NaN""#),
        (
            r#""%f".format(["1.0"])"#,
            "error: error during formatting: fixed-point clause can only be used on doubles, was given string",
        ),
        (r#""%e".format([1234.5])"#, r#""1.234500×10⁰³""#),
        (r#""%e".format([-0.00012])"#, r#""-1.200000×10⁻⁰⁴""#),
        // What reads as a precision is a width.
        (r#""%.16e".format([1e100])"#, r#""  1.000000×10¹⁰⁰""#),
        (r#""%.4e".format(["NaN"])"#, r#"" NaN""#),
        // The printer keeps one byte of a precision.
        (r#""%.257f".format([1.25])"#, r#""1.2""#),
        (r#""%.99999999999f".format([1.25])"#, r#""%!(NOVERB)""#),
    ]);
}

#[test]
fn what_is_in_lists_and_maps_is_shown_as_cel() {
    expect(&[
        (r#""%s".format([["a\n\"", "ñ\u200b\u0085"]])"#, r#""[\"a\\n\\\"\", \"ñ\\u200b\\u0085\"]""#),
        (r#""%s".format([[1.5, 0.0000001]])"#, r#""[1.500000, 0.000000]""#),
        (r#""%s".format([[1.0 / 0.0, 0.0 / 0.0]])"#, r#""[\"+Inf\", \"NaN\"]""#),
        (r#""%s".format([[b"a"]])"#, r#""[b\"a\"]""#),
        (r#""%s".format([[duration("1s")]])"#, r#""[duration(\"1s\")]""#),
        (r#""%s".format([[[1], [2, 3]]])"#, r#""[[1], [2, 3]]""#),
        (r#""%s".format([{"b": 1, "a": 2}])"#, r#""{\"a\":2, \"b\":1}""#),
        (r#""%s".format([{2: true, 10: false}])"#, r#""{10:false, 2:true}""#),
        (r#""%s".format([object.mixed])"#, r#""[1, 2.500000, \"a\", null, [1]]""#),
    ]);
}

#[test]
fn what_does_not_fit_is_refused_where_that_is_known_and_fails_where_it_is_not() {
    expect(&[
        (r#""%d".format([1.5])"#, "refused"),
        (r#""%s %s".format(["a"])"#, "refused"),
        (r#""%s".format(["a", "b"])"#, "refused"),
        (r#""%y".format(["a"])"#, "refused"),
        (
            r#""%d".format([object.text])"#,
            "error: error during formatting: decimal clause can only be used on integers, was given string",
        ),
        (r#""%s".format(object.ints)"#, r#""3""#),
        (r#""%s%s%s%s".format(object.ints)"#, "error: index 3 out of range"),
        (
            r#"("%" + "y").format(["a"])"#,
            r#"error: could not parse formatting clause: unrecognized formatting clause "y""#,
        ),
        (
            r#"("%" + ".").format(["a"])"#,
            "error: could not parse formatting clause: error while parsing precision: could not find end of precision specifier",
        ),
        (
            r#"("%" + ".f").format([1.0])"#,
            r#"error: could not parse formatting clause: error while parsing precision: error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax"#,
        ),
        (r#"("a" + "%").format(["a"])"#, "error: unexpected end of string"),
        (r#"("a" + "%").format([])"#, "error: index 0 out of range"),
        (r#""%s".format([[optional.of(1)]])"#, "refused"),
        (
            r#""%s".format([dyn([optional.of(1)])])"#,
            "error: error during formatting: no formatting function for optional_type",
        ),
    ]);
}
