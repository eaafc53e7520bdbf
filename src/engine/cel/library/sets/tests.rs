use crate::engine::cel::library::tried::{expect, expect_cost};

#[test]
fn neither_order_nor_repetition_counts() {
    expect(&[
        ("sets.contains([1, 2, 3], [3, 3, 1])", "true"),
        ("sets.contains([1, 2], [3])", "false"),
        ("sets.contains([1], [])", "true"),
        ("sets.contains([], [1])", "false"),
        ("sets.equivalent([1, 2], [2, 1, 1])", "true"),
        ("sets.equivalent([1, 2], [1])", "false"),
        ("sets.equivalent([], [])", "true"),
        ("sets.intersects([1, 2], [2, 3])", "true"),
        ("sets.intersects([1], [])", "false"),
        ("sets.contains(object.ints, [1, 2])", "true"),
        ("sets.contains(object.nested, [[3]])", "true"),
        (r#"sets.intersects(object.mixed, ["a"])"#, "true"),
        ("sets.contains(object.ints, [1.0])", "true"),
        ("sets.contains([1], [1.0])", "refused"),
        ("sets.contains(object.text, [1])", "error: no such overload: sets.contains(string, list)"),
    ]);
}

#[test]
fn each_is_compared_with_each() {
    expect_cost(&[
        ("sets.contains([1, 2, 3], [1, 2])", 1 + 6),
        ("sets.intersects([1, 2, 3], [1])", 1 + 3),
        ("sets.equivalent([1, 2, 3], [1, 2])", 1 + 12),
    ]);
    expect(&[
        ("sets.contains(lists.range(900), lists.range(900))", "true"),
        (
            "sets.contains(lists.range(1000), lists.range(1000))",
            "spent: operation cancelled: actual cost limit exceeded",
        ),
    ]);
}
