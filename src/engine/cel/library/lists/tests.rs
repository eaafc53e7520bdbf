use crate::engine::cel::library::tried::{expect, expect_cost};

#[test]
fn lists_are_cut_flattened_and_turned() {
    expect(&[
        ("[1, 2, 3].slice(1, 2)", "[2]"),
        ("object.ints.slice(1, 3)", "[1, 2]"),
        ("lists.range(9).slice(7, 9)", "[7, 8]"),
        ("[1].slice(1, 1)", "[]"),
        ("[1].slice(0, 2)", "error: cannot slice(0, 2), list is length 1"),
        ("[1].slice(1, 0)", "error: cannot slice(1, 0), start index must be less than or equal to end index"),
        ("[1].slice(-1, 0)", "error: cannot slice(-1, 0), negative indexes not supported"),
        ("[[1], [2, 3], []].flatten()", "[1, 2, 3]"),
        ("[[[1]], [[2]]].flatten()", "[[1], [2]]"),
        ("[[[1]], [[2]]].flatten(2)", "[1, 2]"),
        ("[[1]].flatten(0)", "[[1]]"),
        ("[[1]].flatten(-1)", "error: level must be non-negative"),
        ("object.mixed.flatten().size()", "5"),
        // What is flat already stays as it is where that is not known before.
        ("dyn([1, 2]).flatten()", "[1, 2]"),
        ("[1, 2].flatten()", "refused"),
        ("lists.range(3)", "[0, 1, 2]"),
        ("lists.range(-3)", "[]"),
        ("lists.range(3).reverse()", "[2, 1, 0]"),
        ("object.mixed.reverse()", r#"[[1], null, "a", 2.5, 1]"#),
        ("[1, 2, 1, 3, 2].distinct()", "[1, 2, 3]"),
        ("[dyn(1), dyn(1.0), dyn(1u)].distinct()", "[1]"),
        ("[[1], [1]].distinct()", "[[1]]"),
    ]);
}

#[test]
fn lists_are_sorted() {
    expect(&[
        ("[3, 1, 2].sort()", "[1, 2, 3]"),
        (r#"["b", "a", "B"].sort()"#, r#"["B", "a", "b"]"#),
        ("[true, false].sort()", "[false, true]"),
        (r#"[duration("2s"), duration("1s")].sort()"#, "[1s, 2s]"),
        ("[].sort()", "[]"),
        ("object.ints.sort()", "[1, 2, 3]"),
        ("object.mixed.sort()", "error: list elements must have the same type"),
        ("object.nested.sort()", "error: no such overload: sort(list)"),
        ("[[1]].sort()", "refused"),
        (r#"["ccc", "a", "bb"].sortBy(text, size(text))"#, r#"["a", "bb", "ccc"]"#),
        (r#"["b1", "a1", "c0"].sortBy(text, text.substring(1))"#, r#"["c0", "b1", "a1"]"#),
        ("object.ints.sortBy(each, -each)", "[3, 2, 1]"),
    ]);
}

#[test]
fn one_value_is_made_of_a_list() {
    expect(&[
        ("[1, 2, 3].sum()", "6"),
        ("[1u, 2u].sum()", "3u"),
        ("[0.5, 1.0].sum()", "1.5"),
        (r#"[duration("1m"), duration("1s")].sum()"#, "61s"),
        ("[].sum()", "0"),
        ("[9223372036854775807, 1].sum()", "error: integer overflow"),
        ("object.ints.sum()", "6"),
        ("object.ints.max()", "3"),
        (r#"["b", "a"].min()"#, r#""a""#),
        ("[1.5, 0.5].max()", "1.5"),
        ("[1].filter(each, each > 1).min()", "error: min called on empty list"),
        ("[1, 1, 2].isSorted()", "true"),
        ("[2, 1].isSorted()", "false"),
        ("[].isSorted()", "true"),
        (r#"["a"].sum()"#, "refused"),
        ("[1, 2, 1].indexOf(1)", "0"),
        ("[1, 2, 1].lastIndexOf(1)", "2"),
        ("[1].indexOf(2)", "-1"),
        ("object.mixed.indexOf(2.5)", "1"),
        ("object.ints.lastIndexOf(3.0)", "0"),
        ("[1].indexOf(1.0)", "refused"),
    ]);
}

#[test]
fn lists_cost_what_is_made_or_compared() {
    expect_cost(&[
        ("lists.range(100)", 100 + 11),
        ("lists.range(100).reverse()", 111 + 111),
        ("lists.range(100).slice(0, 5)", 111 + 16),
        ("[[1, 2], [3]].flatten()", 2 + 11),
        ("[[1, 2], [3]].flatten(2)", 4 + 11),
        ("[1, 2, 3].distinct()", 18 + 11),
        (r#"["a", "b", "c"].distinct()"#, 18 + 11),
        ("[3, 1].sort()", 8 + 11),
        // A list that is written out costs nothing. Where types leave several to choose from, a sort costs what any call does.
        ("object.ints.sort()", 2 + 1),
        ("[3, 1].sum()", 2),
        ("[3, 1].indexOf(1)", 2),
        ("object.ints.max()", 2 + 3),
    ]);
}

#[test]
fn what_costs_too_much_is_not_made() {
    let spent = "spent: operation cancelled: actual cost limit exceeded";
    expect(&[
        ("lists.range(2000000).size()", spent),
        ("lists.range(2000).sort().size()", spent),
        ("lists.range(1000).distinct().size()", spent),
        ("lists.range(999000).reverse().size()", spent),
        ("lists.range(999000).sum()", spent),
        ("lists.range(400000).isSorted()", "true"),
    ]);
    let spent = "spent: validation failed due to running out of cost budget, no further validation rules will be run";
    expect(&[
        ("lists.range(100000000).size()", spent),
        ("lists.range(9223372036854775807).size()", spent),
        ("lists.range(10000).reverse().sort()", spent),
        ("[[1]].flatten(9223372036854775807)", spent),
    ]);
}
