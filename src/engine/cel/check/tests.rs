use super::*;
use crate::engine::cel::{Type, scope};

fn variables() -> Scope {
    let variables = [
        ("total".to_owned(), Type::Int),
        ("names".to_owned(), Type::list(Type::String)),
        ("maybe".to_owned(), Type::optional(Type::Int)),
    ];
    scope::mutation(&variables, true)
}

fn compile(source: &str) -> Result<Program, BadExpression> {
    Program::compile(source, &variables())
}

fn result(source: &str) -> String {
    compile(source).unwrap_or_else(|bad| panic!("{source}: {bad}")).result.to_string()
}

fn message(source: &str) -> String {
    compile(source).expect_err(source).message
}

#[test]
fn an_expression_has_a_type() {
    for (source, of) in [
        ("1 + 2", "int"),
        ("object.spec.replicas", "dyn"),
        ("object.spec.replicas + 1", "int"),
        ("object.a + object.b", "dyn"),
        ("object.?spec.?replicas", "optional_type(dyn)"),
        ("object.?spec.?replicas.orValue(1)", "dyn"),
        ("variables.maybe.orValue(1)", "int"),
        ("variables.total * 2", "int"),
        ("variables.names.map(n, n.size())", "list(int)"),
        ("has(variables.names)", "bool"),
        ("[]", "list(dyn)"),
        ("[[], [1]]", "list(list(int))"),
        ("{}", "map(dyn, dyn)"),
        ("{'a': [1u]}", "map(string, list(uint))"),
        ("[?object.?a]", "list(dyn)"),
        ("true ? [] : ['a']", "list(string)"),
        ("null == duration('1s') ? 1 : 2", "int"),
        ("[1].exists(x, x > 1.5)", "bool"),
        ("{'a': 1}.transformMap(k, v, k + string(v))", "map(string, string)"),
        ("[3, 1].sortBy(x, -x)", "list(int)"),
        ("optional.of(1).optMap(x, [x])", "optional_type(list(int))"),
        ("lists.range(3)", "list(int)"),
        (".lists.range(3)", "list(int)"),
        ("ip('10.0.0.1')", "net.IP"),
        ("type(1) == int", "bool"),
        ("type(ip('10.0.0.1')) == net.IP", "bool"),
        ("net.IP", "type(net.IP)"),
        ("type(type)", "type(type(type))"),
        ("google.protobuf.Timestamp", "type(google.protobuf.Timestamp)"),
        ("[1].map(object, object)", "list(int)"),
        ("[1].map(int, int + 1)", "list(int)"),
        ("request.userInfo.extra", "map(string, list(string))"),
        ("'%s %d'.format(['a', 1])", "string"),
        ("[JSONPatch{op: 'add', path: '/a', value: {'b': 1}}]", "list(JSONPatch)"),
    ] {
        assert_eq!(result(source), of, "{source}");
    }
}

#[test]
fn mistakes_are_said_with_what_is_right() {
    for (source, expected) in [
        ("objet.spec", "there is no variable `objet` here; did you mean `object`?"),
        ("self.spec", "there is no variable `self` here; did you mean `object`?"),
        ("lists", "`lists` is no value: it stands before the names of functions, as in `lists.range`"),
        ("lists.rang(3)", "there is no function `lists.rang`; did you mean `lists.range`?"),
        ("math.abs(1)", "the `math` library of CEL is left out of the policies of Kubernetes, and here too"),
        ("cel.bind(x, 1, x)", "the `cel` library of CEL is left out of the policies of Kubernetes, and here too"),
        ("'a'.startWith('b')", "there is no function `startWith`; did you mean `startsWith`?"),
        ("'a'.toLowerCase()", "there is no function `toLowerCase`; did you mean `lowerAscii`?"),
        ("[1].length", "list(int) has no fields; did you mean `size()`?"),
        ("null.a", "null has no fields, and so no `a`"),
        (
            "[1].map(x)",
            "`map` is not called like this; write it as `list.map(x, value)` or `list.map(x, condition, value)`",
        ),
        (
            "request.userInfo.nam",
            "`kubernetes.UserInfo` has no field `nam`; it has `username`, `uid`, `groups` and `extra`",
        ),
        (
            "has(request.operations)",
            "`kubernetes.AdmissionRequest` has no field `operations`; did you mean `operation`?",
        ),
        (
            "variables.totl",
            "there is no variable `variables.totl` here: each sees those before it alone; did you mean `total`?",
        ),
        ("'a' + 1", "`+` takes (string, string), not (string, int)"),
        ("1 == 1.0", "`==` compares two of one type, not (int, double)"),
        ("'a'.size(1)", "`size` takes string.size(), not string.size(int)"),
        ("1 && true", "`&&` takes bool, not int"),
        ("1 ? 2 : 3", "`? :` takes (bool, A, A), not (int, int, int)"),
        ("[1, 'a']", "this is string, and what comes before it is int; all must be of one type"),
        ("[dyn(1), 2]", "this is int, and what comes before it is dyn; all must be of one type"),
        ("{'a': 1, 'b': null}", "this is null, and what comes before it is int; all must be of one type"),
        ("[?1]", "`?` takes an optional, not int"),
        ("1.all(x, true)", "this loops over int; it can over a list, a map or a dyn"),
        ("[1].filter(x, x)", "`? :` takes (bool, A, A), not (int, list(int), list(int))"),
        ("'%d'.format(['a'])", "`%d` takes an int or a uint, not string"),
        ("'%s %s'.format(['a'])", "the format has more than the 1 to be formatted"),
        ("'%s'.format(['a', 1])", "the format has 1 of the 2 to be formatted"),
        ("'%y'.format([1])", "`%y` is no clause; there are %s %d %f %e %b %x %X %o"),
        ("'%s'.format([ip('::1')])", "`%s` takes what has a text, not net.IP"),
        ("JSONPatch{ops: 'add'}", "`JSONPatch` has no field `ops`; did you mean `op`?"),
        ("JSONPatch{op: 1}", "`op` is string, not int"),
        ("Thing{}", "nothing named `Thing` can be made here, but `JSONPatch`"),
        (
            "google.protobuf.Int64Value{value: 1}",
            "`google.protobuf.Int64Value` is not made here; write its value itself",
        ),
        ("object[null]", "an index is a number, a string or a bool"),
    ] {
        assert_eq!(message(source), expected, "{source}");
    }
    assert!(
        message("authorizer.path('/a')").starts_with("there is no `authorizer` here: whether a user may do something")
    );
    assert!(message("Object.spec{a: 1}").starts_with("`ApplyConfiguration` is not taken"));
}

#[test]
fn what_fails_in_any_case_is_refused_and_what_may_fail_is_not() {
    for source in [
        "int('x')",
        "false && double('abc') > 1.0",
        "bool('yes')",
        "uint(-1)",
        "string(b'\\xff')",
        "string(dyn(null))",
        "duration('1d')",
        "duration(5)",
        "timestamp('2024-02-03')",
        "'a'.matches('(')",
        "'a'.matches('a{1001}')",
        "'a'.find('(')",
        "object.a.findAll('[')",
        "dyn({1: 2})[b'a']",
        "{b'a': 1}",
        "[int].exists(t, t == int)",
        "[].map(c, [c, type(1)])",
        "[1].existsOne(x, x == 1)",
    ] {
        assert!(compile(source).is_err(), "{source}");
    }
    for source in [
        "1 / 0",
        "[1][5]",
        "9223372036854775807 + 1",
        "ip('x')",
        "quantity('x')",
        "int(object.a)",
        "'a'.matches(object.a)",
        "{'a': 1, 'a': 2}",
    ] {
        assert!(compile(source).is_ok(), "{source}");
    }
}

#[test]
fn a_caret_stands_below_the_part_that_is_wrong() {
    let bad = compile("object.a == 1 &&\n  'ö' + object.b.startsWith(1)").expect_err("no overload");
    assert_eq!(bad.to_string().lines().last(), Some("                             ^"));
}

#[test]
fn a_program_says_what_it_uses() {
    let uses = |source: &str| compile(source).unwrap().uses.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(uses("object.a == oldObject.a || variables.total > 1"), ["object", "oldObject", "variables"]);
    assert_eq!(uses("[1].all(object, object > 0)"), Vec::<String>::new());
    assert_eq!(uses("cluster.namespace('a').hasValue()"), ["cluster.namespace"]);
}

#[test]
fn overloads_that_the_types_exclude_are_not_tried() {
    let overloads = |source: &str| match compile(source).unwrap().root.kind {
        crate::engine::cel::ast::Kind::Call(call) => {
            call.overloads.iter().map(|overload| overload.id).collect::<Vec<_>>()
        }
        _ => panic!("{source} is a call"),
    };
    assert_eq!(overloads("1 + 2"), ["add_int64"]);
    assert_eq!(overloads("size('a')"), ["size_string"]);
    assert!(overloads("object.a + object.b").len() > 5);
}

/// Each of these doubles a type.
#[test]
fn types_that_grow_without_end_are_refused() {
    let mut source = "[1]".to_owned();
    for _ in 0..60 {
        source.push_str(".map(x, {x: x})");
    }
    assert_eq!(message(&source), "the types of this expression are too involved; split it into variables");
    let mut source = "[]".to_owned();
    for _ in 0..60 {
        source.push_str(".map(x, [x, x])");
    }
    assert!(compile(&source).is_ok());
    assert!(compile(&format!("{}true", "object.a < object.b && ".repeat(700))).is_ok(), "a full page is fine");
}
