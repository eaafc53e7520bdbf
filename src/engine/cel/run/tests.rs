mod types;

use serde_json::json;

use crate::engine::{
    cel::{Answer, Failure, Given, Meter, Program, Scope, Type, Value, given::Names},
    limits,
};

/// `object`, and `lost`, which could not be looked up.
struct Objects(serde_json::Value);

impl<'a> Names<'a> for &'a Objects {
    fn value(&self, name: &str) -> Option<Answer<'a>> {
        match name {
            "object" => Some(Ok(Value::from_json(&self.0))),
            "lost" => Some(Err(Failure::Unknown("it could not be looked up".to_owned()))),
            _ => None,
        }
    }
}

fn scope() -> Scope {
    let patch = Type::object("JSONPatch", [("op", Type::String), ("path", Type::String), ("value", Type::Dyn)]);
    Scope { names: vec![("object", Type::Dyn), ("lost", Type::Dyn)], structs: vec![patch], ..Scope::default() }
}

fn objects() -> Objects {
    Objects(json!({
        "kind": "Gateway",
        "metadata": {"name": "shop", "labels": {"app": "web", "tier": ""}},
        "spec": {"replicas": 3, "paused": false, "none": null, "big": 9_223_372_036_854_775_808_u64, "half": 0.5,
                 "containers": [{"name": "app", "image": "registry/app:1"}, {"name": "sidecar"}]},
    }))
}

fn compiled(expression: &str) -> Program {
    Program::compile(expression, &scope()).unwrap_or_else(|bad| panic!("{expression}\n{bad}"))
}

/// What it comes to, as JSON or in its own words, and what it cost.
fn outcome(expression: &str) -> (String, u64) {
    let (objects, program) = (objects(), compiled(expression));
    let names = &objects;
    let given = Given::new(&names, &[], None);
    let mut meter = Meter::new();
    let shown = match program.run(&given, &mut meter) {
        Ok(value) => value.to_json().map_or_else(|_| value.to_string(), |json| json.to_string()),
        Err(Failure::Error(why)) => format!("error: {why}"),
        Err(Failure::Unknown(why)) => format!("unknown: {why}"),
        Err(Failure::Spent(why)) => format!("spent: {why}"),
    };
    (shown, meter.spent())
}

/// Each line: `expression => what it comes to`.
fn hold(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (expression, expected) = line.split_once(" => ").unwrap();
        assert_eq!(outcome(expression).0, expected.trim(), "{expression}");
    }
}

/// Each line: `cost expression`.
fn cost(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (expected, expression) = line.split_once(' ').unwrap();
        let (shown, cost) = outcome(expression);
        assert_eq!(cost.to_string(), expected, "{expression} => {shown}");
    }
}

#[test]
fn operators() {
    hold(
        r#"
        1 + 2 * 3 - 4 / 2 % 2 => 7
        9223372036854775807 + 1 => error: integer overflow
        0u - 1u => error: unsigned integer overflow
        1 / 0 => error: division by zero
        1 % 0 => error: modulus by zero
        -7 / 2 => -3
        -7 % 2 => -1
        -(-9223372036854775807 - 1) => error: integer overflow
        "a" + "b" => "ab"
        b"a" + b"b" => "YWI="
        [1] + [2] => [1,2]
        dyn(1) + dyn(1.0) => error: no such overload
        object.spec.replicas + 1 => 4
        object.spec.replicas + 1.0 => error: no such overload
        !object.spec.paused => true
        !object.spec.replicas => error: no such overload
        "#,
    );
}

#[test]
fn equality_and_order() {
    hold(
        r#"
        dyn(1) == 1.0 => true
        dyn(1) == 1u => true
        dyn(1) == "1" => false
        dyn([1, 2]) == [1.0, 2.0] => true
        {"a": dyn(1)} == {"a": dyn(1u)} => true
        0.0 / 0.0 == 0.0 / 0.0 => false
        0.0 / 0.0 < 1.0 => error: NaN values cannot be ordered
        dyn(9007199254740993) == 9007199254740992.0 => true
        18446744073709551615u > 9223372036854775807 => true
        -1 < 0u => true
        "a" < "b" && b"a" < b"b" && false < true => true
        dyn("a") < dyn(1) => error: no such overload
        object.spec.none == null => true
        object.spec == object.spec => true
        type(1) == int && type(object) == map => true
        1 in [3, 2, 1] => true
        dyn(1.0) in [1, 2] => true
        "app" in object.metadata.labels => true
        object.spec.big => 9.223372036854776e+18
        "#,
    );
}

#[test]
fn names_and_selections() {
    hold(
        r#"
        object.metadata.labels.app => "web"
        object["metadata"]["labels"]["app"] => "web"
        object.spec.containers[0].name => "app"
        object.spec.containers[1u].name => "sidecar"
        object.spec.containers[dyn(1.0)].name => "sidecar"
        object.spec.containers[dyn(0.5)].name => error: unsupported index value 0.5 in list
        object.spec.containers[2] => error: index out of bounds: 2
        object.spec.containers["a"] => error: unsupported index type 'string' in list
        object.nope => error: no such key: nope
        object.kind.nope => error: no such key: nope
        object.spec.none.nope => error: no such key: nope
        object.spec.replicas.nope => error: no such key: nope
        has(object.nope) => false
        has(object.spec.none) => true
        has(object.kind.nope) => false
        has(object.spec.none.nope) => false
        has(object.nope.nope) => error: no such key: nope
        has(object.spec.containers.nope) => error: unsupported index type 'string' in list
        (object.spec.paused ? object : object.metadata).name => "shop"
        object.spec.replicas ? 1 : 2 => error: no such overload
        {1: "a"}[dyn(1u)] => "a"
        {"a": 1}[dyn(1)] => error: no such key: 1
        lost => unknown: it could not be looked up
        lost.nope.nope => unknown: it could not be looked up
        "#,
    );
}

#[test]
fn errors_and_unknowns_are_absorbed() {
    hold(
        r"
        1 / 0 == 1 || true => true
        1 / 0 == 1 && false => false
        1 / 0 == 1 || false => error: division by zero
        lost || true => true
        lost && false => false
        lost && true => unknown: it could not be looked up
        1 / 0 == 1 && lost => unknown: it could not be looked up
        lost || 1 / 0 == 1 => unknown: it could not be looked up
        lost == 1 || object.nope == 1 => unknown: it could not be looked up
        object.spec.replicas || true => true
        object.spec.replicas || false => error: no such overload
        [1, 0].all(x, 1 / x == 1) => error: division by zero
        [0, 1].exists(x, 1 / x == 1) => true
        [0, 2].all(x, 1 / x == 1) => false
        [0, 1].filter(x, 1 / x == 1) => error: division by zero
        [1, 2].exists(x, lost == x) => unknown: it could not be looked up
        lists.range(2000000).size() > 0 || true => spent: operation cancelled: actual cost limit exceeded
        true || lists.range(2000000).size() > 0 => true
        ",
    );
}

#[test]
fn optional_values() {
    hold(
        r#"
        object.?spec.?replicas.orValue(1) => 3
        object.?nope.?replicas.orValue(1) => 1
        object.?nope.replicas.hasValue() => false
        object.?spec.replicas.value() => 3
        optional.none().value() => error: optional.none() dereference
        optional.of(1).orValue(1 / 0) => 1
        optional.none().or(optional.of(2)).value() => 2
        object.metadata.labels[?"nope"].orValue("none") => "none"
        object.spec.containers[?5].?name.orValue("none") => "none"
        [1, 2][?1].value() => 2
        optional.of({"a": 1}).a.value() => 1
        optional.of(2).optMap(x, x * 2).value() => 4
        optional.none().optMap(x, 1 / 0).hasValue() => false
        object.?spec.optFlatMap(s, s.?replicas).value() => 3
        [?optional.none(), ?optional.of(1), 2] => [1,2]
        {?"a": object.?nope, ?"b": object.?kind} => {"b":"Gateway"}
        optional.ofNonZeroValue("").hasValue() => false
        optional.ofNonZeroValue([0]).hasValue() => true
        [optional.of(1), optional.none()].unwrapOpt() => [1]
        [1, 2].first().value() + [1, 2].last().value() => 3
        optional.of(1) == optional.of(1) && optional.none() != optional.of(1) => true
        "#,
    );
}

#[test]
fn comprehensions() {
    hold(
        r#"
        [1, 2, 3].map(x, x * 2) => [2,4,6]
        [1, 2, 3].map(x, x > 1, x * 2) => [4,6]
        [1, 2, 3].filter(x, x > 1) => [2,3]
        [1, 2, 3].exists_one(x, x > 2) => true
        [1, 2].map(x, [3, 4].map(y, x * y)) => [[3,4],[6,8]]
        [1, 2].map(x, [x].map(x, x + 1)[0]) => [2,3]
        object.metadata.labels.map(k, k) => ["app","tier"]
        object.metadata.labels.exists(k, v, v == "web") => true
        ["a", "b"].transformList(i, v, v + string(i)) => ["a0","b1"]
        {"a": 1, "b": 2}.transformMap(k, v, v > 1, v + 1) => {"b":3}
        ["a", "b"].transformMapEntry(i, v, {v: i}) => {"a":0,"b":1}
        ["a", "b"].transformMapEntry(i, v, {"k": i}) => error: insert failed: key k already exists
        object.kind.all(c, true) => error: got 'string', expected iterable type
        object.spec.replicas.all(i, x, true) => error: unsupported comprehension range type: int
        lists.range(100000).map(x, x).size() => spent: operation cancelled: actual cost limit exceeded
        lists.range(60000).map(x, x).size() => 60000
        "#,
    );
}

#[test]
fn conversions() {
    hold(
        r#"
        int(1.9) + int("-5") + int(3u) => -1
        ["x"].map(x, int(x)) => error: type conversion error from 'string' to 'int'
        [9223372036854775807.0].map(x, int(x)) => error: integer overflow
        [-1].map(x, uint(x)) => error: unsigned integer overflow
        ["+1"].map(x, uint(x)) => error: type conversion error from 'string' to 'uint'
        double("0x1p-2") => 0.25
        double("1_0.5") => 10.5
        ["1e400"].map(x, double(x)) => error: type conversion error from 'string' to 'double'
        ["+nan"].map(x, double(x)) => error: type conversion error from 'string' to 'double'
        string(double("-Infinity")) => "-Inf"
        string(1000000.0) => "1e+06"
        string(100000.0) => "100000"
        string(0.00001) => "1e-05"
        string(0.1 + 0.2) => "0.30000000000000004"
        string(-0.0) => "-0"
        bool("t") && bool("TRUE") && !bool("0") => true
        ["yes"].map(x, bool(x)) => error: type conversion error from 'string' to 'bool'
        bytes("é") => "w6k="
        string(b"abc") => "abc"
        [b"\xff"].map(x, string(x)) => error: invalid UTF-8 in bytes, cannot convert to string
        string(object.spec.none) => error: no such overload: string(null_type)
        type(type(1)) == type => true
        size("héé") + size(b"abc") + size([1]) + size({1: 1}) => 8
        object.spec.replicas.size() => error: no such overload: size
        "abc".contains("b") && "abc".startsWith("a") && "abc".endsWith("c") => true
        "#,
    );
}

#[test]
fn json_of_what_a_mutation_writes() {
    hold(
        r#"
        9007199254740991 => 9007199254740991
        9007199254740992 => "9007199254740992"
        -9007199254740992 => "-9007199254740992"
        18446744073709551615u => "18446744073709551615"
        2.0 => 2
        0.5 => 0.5
        {1: "a"} => a value of type map
        [optional.of(1)] => [1]
        [double("NaN")] => a value of type list
        duration("90m") => "5400s"
        timestamp("2024-02-03T04:05:06.5Z") => "2024-02-03T04:05:06.5Z"
        [JSONPatch{op: "add", path: "/a", value: {"b": [1u, 2u]}}] => [{"op":"add","path":"/a","value":{"b":[1,2]}}]
        "#,
    );
}

#[test]
fn costs() {
    cost(
        r#"
        0 1
        0 [1, 2, 3]
        11 [object]
        0 {"a": 1}
        31 {"a": object}
        40 JSONPatch{op: "add"}
        1 object
        3 object.spec.replicas
        4 object.spec.replicas == 1
        2 has(object.spec.replicas)
        1 has(object.spec)
        2 object["spec"]
        5 object.metadata.labels[object.kind]
        3 object.?spec.?replicas
        1 object.?nope.?replicas
        5 object.spec.paused ? object.kind : object.metadata.name
        1 1 + 2
        3 "aaaaaaaaaaaaaaa" + "bbbbbbbbbbbbbbb"
        1 dyn("aaaaaaaaaaaaaaa") + dyn("bbbbbbbbbbbbbbb")
        2 "aaaaaaaaaaaaaaa" == "aaaaaaaaaaaaaaa"
        0 true || object.spec.paused
        2 object.kind in ["Gateway", "Route"]
        19 object.kind in [object.kind, object.metadata.name]
        11 [1, 2].all(x, x > 0)
        27 [1, 2].map(x, x)
        2 [1, 2].exists_one(x, false) ? 1 : 2
        0 int("1")
        2 object.nope
        3 object.nope + 1
        1 optional.of(1).orValue(object.kind)
        "#,
    );
}

/// What is asked for is never made: each ends in an instant, with next to no memory.
#[test]
fn what_is_too_much_is_not_even_begun() {
    let expression = "spent: operation cancelled: actual cost limit exceeded";
    let policy = "spent: validation failed due to running out of cost budget, no further validation rules will be run";
    let all = "spent: the expressions of a policy make more than one request may";
    for (source, expected) in [
        ("lists.range(100000000)", policy),
        ("lists.range(2000000) == lists.range(2000000)", expression),
        ("lists.range(9223372036854775807).size()", policy),
        ("lists.range(1000).map(a, lists.range(1000).map(b, lists.range(1000)))", expression),
    ] {
        assert_eq!(outcome(source).0, expected, "{source}");
    }
    let doubled = (0..40).fold("[dyn('aaaaaaaaaaaaaaaa')]".to_owned(), |list, _| format!("{list}.map(x, x + x)"));
    assert_eq!(outcome(&doubled).0, all);
}

fn with_variables(variables: &[(&str, &str)], expression: &str) -> Result<serde_json::Value, Failure> {
    let mut scope = scope();
    let mut fields: Vec<(std::sync::Arc<str>, Type)> = Vec::new();
    let mut programs = Vec::new();
    for (name, source) in variables {
        scope.names.retain(|(name, _)| *name != "variables");
        let of = crate::engine::cel::types::ObjectType { name: "kubernetes.variables".into(), fields: fields.clone() };
        scope.names.push(("variables", Type::Object(of.into())));
        let program = Program::compile(source, &scope).unwrap();
        fields.push(((*name).into(), program.result.clone()));
        programs.push(((*name).to_owned(), program));
    }
    scope.names.retain(|(name, _)| *name != "variables");
    let of = crate::engine::cel::types::ObjectType { name: "kubernetes.variables".into(), fields };
    scope.names.push(("variables", Type::Object(of.into())));
    let (objects, program) = (objects(), Program::compile(expression, &scope).unwrap());
    let names = &objects;
    let given = Given::new(&names, &programs, None);
    program.run(&given, &mut Meter::new()).and_then(|value| value.to_json())
}

#[test]
fn variables() {
    let whole = "lists.range(900000).size()";
    let failed = |why: &str| Err(Failure::error(format!("composited variable \"a\" fails to evaluate: {why}")));
    for (variables, expression, expected) in [
        (&[("a", "2"), ("b", "variables.a * 3")][..], "variables.b", Ok(json!(6))),
        (&[("a", "1")], "has(variables.a)", Ok(json!(true))),
        (&[("a", "1 / 0")], "variables.a == 1", failed("division by zero")),
        (&[("a", "1 / 0")], "variables.a == 1 || true", Ok(json!(true))),
        (&[("a", "1 / 0")], "true", Ok(json!(true))),
        (&[("a", whole), ("b", whole)], "variables.a > 0 && variables.b > 0", Ok(json!(true))),
        (
            &[("a", "lists.range(2000000)")],
            "variables.a == []",
            failed("operation cancelled: actual cost limit exceeded"),
        ),
        (&[("a", "lost")], "variables.a == 1", Err(Failure::Unknown("it could not be looked up".to_owned()))),
    ] {
        assert_eq!(with_variables(variables, expression), expected, "{expression}");
    }
}

#[test]
fn a_policy_has_a_budget_of_its_own() {
    let (objects, program) = (objects(), compiled("lists.range(900000).size() > 0"));
    let names = &objects;
    let given = Given::new(&names, &[], None);
    let mut meter = Meter::new();
    let passed = |meter: &mut Meter| (0..20).take_while(|_| program.run(&given, meter).is_ok()).count();
    meter.begin_policy(limits::CEL_CONDITIONS);
    assert_eq!(passed(&mut meter), 2);
    meter.begin_policy(limits::CEL_POLICY);
    assert_eq!(passed(&mut meter), 11);
    // The next ones still have what the request has left, and no more.
    for wanted in [11, 11, 5] {
        meter.begin_policy(limits::CEL_POLICY);
        assert_eq!(passed(&mut meter), wanted);
    }
}

/// On the stack of a thread, without optimisation: what compiles runs, compares, prints and is dropped.
#[test]
fn deep_expressions_run_on_a_small_stack() {
    let nested = |open: &str, inner: &str, close: &str, times: usize| {
        format!("{}{inner}{}", open.repeat(times), close.repeat(times))
    };
    let deepest = |open: &str, inner: &str, close: &str| {
        let fits = |times: usize| Program::compile(&nested(open, inner, close, times), &scope()).is_ok();
        let (mut most, mut too_many) = (1, limits::CEL_DEPTH);
        while too_many - most > 1 {
            let times = usize::midpoint(most, too_many);
            if fits(times) { most = times } else { too_many = times }
        }
        nested(open, inner, close, most)
    };
    let sources = [
        deepest("[", "object", "]"),
        deepest("{'a': ", "object", "}"),
        deepest("!(", "object.spec.paused", ")"),
        deepest("-(", "object.spec.replicas", ")"),
        deepest("(1 + ", "object.spec.replicas", ")"),
        deepest("object[", "'kind'", "]"),
        deepest("(object.spec.paused ? 1 : ", "2", ")"),
        deepest("(false || ", "object.spec.paused", ")"),
        deepest("[1].all(x, ", "true", ")"),
        deepest("[1].map(x, ", "1", ")"),
        deepest("['a'].transformMap(i, v, ", "1", ")"),
        deepest("optional.of(", "1", ")"),
        deepest("optional.of(1).orValue(", "1", ")"),
        deepest("size([", "object", "])"),
        format!("object{}", ".nope".repeat(200)),
        format!("object{}", ".?nope".repeat(200)),
        format!("1{}", " + 1".repeat(200)),
        format!("{0} == {0}", nested("[", "object", "]", 200)),
        format!("true{}", " && object.spec.replicas == 3".repeat(400)),
    ];
    let run = move || {
        for source in sources {
            let shown = outcome(&source).0;
            assert!(!shown.contains("nested"), "{source} => {shown}");
        }
        let piled = (1..=30).map(|n| (format!("v{n}"), nested("[", &format!("variables.v{}", n - 1), "]", 9)));
        let piled: Vec<_> = [("v0".to_owned(), "object".to_owned())].into_iter().chain(piled).collect();
        let piled: Vec<_> = piled.iter().map(|(name, source)| (name.as_str(), source.as_str())).collect();
        let error = with_variables(&piled, "variables.v30 == variables.v30").unwrap_err().to_string();
        assert!(error.contains("nested"), "{error}");
    };
    std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(run).unwrap().join().unwrap();
}
