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
        ("[1, 'a']", "this is string, and what comes before it is int; all must be of one type, or each in a `dyn(…)`"),
        ("[dyn(1), 2]", "this is int, and what comes before it is dyn; all must be of one type, or each in a `dyn(…)`"),
        (
            "{'a': 1, 'b': null}",
            "this is null, and what comes before it is int; all must be of one type, or each in a `dyn(…)`",
        ),
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
            "google.protobuf.Int46Value{value: 1}",
            "there is no message `google.protobuf.Int46Value`; did you mean `google.protobuf.Int64Value`?",
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

/// Of what is ours, as of what Kubernetes has.
#[test]
fn fields_that_nothing_has_are_refused_with_those_there_are() {
    for (source, expected) in [
        ("collector.pipeline", "`portcullis.Collector` has no field `pipeline`; did you mean `pipelines`?"),
        (
            "collector.exporters.exists(e, e.enpoint == '')",
            "`portcullis.Exporter` has no field `enpoint`; it has `name`, `type`, `config`, `used`, `at` and `strings`",
        ),
        ("collector.endpoints[0].prot", "`portcullis.Endpoint` has no field `prot`; did you mean `port`?"),
        (
            "collector.endpoints.all(e, has(e.tlsset))",
            "`portcullis.Endpoint` has no field `tlsset`; did you mean `tlsSet`?",
        ),
        ("collector.endpoints.map(e, e.?hots)", "`portcullis.Endpoint` has no field `hots`; did you mean `host`?"),
        (
            "collector.receivers[0].strings",
            "`portcullis.Component` has no field `strings`; it has `name`, `type`, `config`, `used` and `at`",
        ),
        (
            "collector.scrapeJobs.all(j, j.keeps.all(k, k.labels == ''))",
            "`portcullis.KeepRule` has no field `labels`; did you mean `label`?",
        ),
        (
            "krakend.configurations[0].traceSamplerate",
            "`portcullis.KrakendConfiguration` has no field `traceSamplerate`; did you mean `traceSampleRate`?",
        ),
        ("cluster.service('a', 'b').value().prots", "`portcullis.Service` has no field `prots`; did you mean `ports`?"),
        ("cluster.service('a', 'b').prots", "`portcullis.Service` has no field `prots`; did you mean `ports`?"),
        (
            "cluster.service('a', 'b').?prots.orValue([])",
            "`portcullis.Service` has no field `prots`; did you mean `ports`?",
        ),
        (
            "cluster.service('a', 'b').value().ports.exists(p, p.appprotocol == 'grpc')",
            "`portcullis.ServicePort` has no field `appprotocol`; did you mean `appProtocol`?",
        ),
        ("cluster.namespace('a').value().label", "`portcullis.Namespace` has no field `label`; did you mean `labels`?"),
        ("cluster.grants('a')[0].to[0].names", "`portcullis.GrantTo` has no field `names`; did you mean `name`?"),
        (
            "cluster.references(object).all(one, one.veridct == 'ok')",
            "`portcullis.Reference` has no field `veridct`; did you mean `verdict`?",
        ),
        (
            "variables.references.all(one, one.veridct == 'ok')",
            "`portcullis.Reference` has no field `veridct`; did you mean `verdict`?",
        ),
        ("variables.service.value().prots", "`portcullis.Service` has no field `prots`; did you mean `ports`?"),
        ("collector.endpoints.exists(e, e.port == '4317')", "`==` compares two of one type, not (int, string)"),
        ("collector.exporters.exists(e, e.used == 'yes')", "`==` compares two of one type, not (bool, string)"),
        (
            "cluster.gateway('a', 'b').value().labels.team.startsWith(1)",
            "`startsWith` takes string.startsWith(string), not string.startsWith(int)",
        ),
        (
            "collector.exporters[0]['name']",
            "`portcullis.Exporter` is not indexed; its fields are read by name, as in `x.name`",
        ),
        (
            "'strings' in collector.exporters[0]",
            "`portcullis.Exporter` is no list and no map; whether it has a field is asked by `has(x.name)`",
        ),
        (
            "collector.exporters[0].exists(key, key == 'name')",
            "this loops over portcullis.Exporter; it can over a list, a map or a dyn",
        ),
    ] {
        let variables = [
            ("references".to_owned(), result_type("cluster.references(object)")),
            ("service".to_owned(), result_type("cluster.service('a', 'b')")),
        ];
        let bad = Program::compile(source, &scope::validation(&variables, false)).expect_err(source);
        assert_eq!(bad.message, expected, "{source}");
    }
}

#[test]
fn what_is_told_has_types() {
    for (source, of) in [
        ("collector.endpoints", "list(portcullis.Endpoint)"),
        ("collector.endpoints[0].port + 1", "int"),
        ("collector.endpoints[0].tls.?insecure.orValue(false)", "dyn"),
        ("collector.exporters[0].config.sending_queue", "dyn"),
        ("collector.exporters.map(e, e.name).join(', ')", "string"),
        ("collector.exporters[0].at", "list(dyn)"),
        ("collector.exporters[0].at + ['endpoint']", "list(dyn)"),
        ("collector.receivers + collector.exporters", "list(portcullis.Component)"),
        ("collector.exporters + collector.receivers", "list(portcullis.Component)"),
        ("true ? collector.exporters : collector.receivers", "list(portcullis.Component)"),
        ("has(collector.endpoints[0].port)", "bool"),
        ("krakend.configurations[0].traceSampleRate * 100.0", "double"),
        ("krakend.exporters[0].config.?use_http.orValue(false)", "dyn"),
        ("cluster.service('a', 'b')", "optional_type(portcullis.Service)"),
        ("cluster.service('a', 'b').ports", "optional_type(list(portcullis.ServicePort))"),
        ("cluster.gateway('a', 'b').?labels.?team.orValue('')", "string"),
        ("cluster.references(object)[0].?port.orValue(0)", "int"),
        ("cluster.referrers('Gateway', 'a', 'b').exists(one, size(one.signals) > 0)", "bool"),
        ("cluster.service('a', 'b').orValue(null)", "portcullis.Service"),
        ("type(collector.exporters[0]) == type(collector.exporters[0])", "bool"),
        ("collector.exporters[0] == collector.receivers[0]", "bool"),
        ("dyn(collector.exporters[0])['name']", "dyn"),
    ] {
        assert_eq!(result(source), of, "{source}");
    }
    for (source, of) in [
        ("collector.exporters", "list(portcullis.Exporter)"),
        ("collector.exporters.first()", "optional_type(portcullis.Exporter)"),
        ("cluster.service('a', 'b')", "optional_type(portcullis.Service)"),
        ("collector", "portcullis.Collector"),
        ("request", "dyn"),
        ("request.userInfo.groups.first()", "dyn"),
    ] {
        assert_eq!(result_type(source).of_variable().to_string(), of, "a variable that is {source}");
    }
}

fn result_type(source: &str) -> Type {
    compile(source).unwrap_or_else(|bad| panic!("{source}: {bad}")).result
}

#[test]
fn what_finds_nothing_whatever_there_is_is_refused() {
    for (source, expected) in [
        (
            "cluster.referrers('Servise', 'a', 'b')",
            "`Servise` is no kind that telemetry refers or attaches to; did you mean `Service`?",
        ),
        (
            "cluster.referrers(object.x == 1 ? 'Gateway' : 'Pod', 'a', 'b')",
            "`Pod` is no kind that telemetry refers or attaches to; these are `AgentgatewayBackend`, `Backend`, `Gateway`, \
             `Service` and `ServiceEntry`",
        ),
        ("cluster.service('Telemetry', 'otel')", "no Namespace can be named `Telemetry`; did you mean `telemetry`?"),
        (
            "cluster.service('telemetry', 'otel.telemetry')",
            "no Service can be named `otel.telemetry`: a name is at most 63 lower-case letters, digits and `-`",
        ),
        (
            "cluster.gateway('a', 'a/b')",
            "no Gateway can be named `a/b`: a name is at most 253 lower-case letters, digits, `-` and `.`",
        ),
        ("cluster.namespace('Team')", "no Namespace can be named `Team`; did you mean `team`?"),
        ("cluster.grants('team ')", "no Namespace can be named `team `; did you mean `team`?"),
        ("cluster.references('shop')", "`cluster.references` takes an object as it is written, not string"),
        (
            "cluster.references(request)",
            "`cluster.references` takes an object as it is written, not kubernetes.AdmissionRequest",
        ),
        ("cluster.references(null)", "`cluster.references` takes an object as it is written, not null"),
    ] {
        assert_eq!(message(source), expected, "{source}");
    }
    for source in [
        "cluster.referrers(object.kind, 'a', 'b')",
        "cluster.referrers('ServiceEntry', 'a', 'b.c')",
        "cluster.service('a', '1-b')",
        "cluster.gateway(request.namespace, 'a.b')",
        "cluster.references(oldObject)",
        "cluster.references({'apiVersion': 'v1'})",
    ] {
        assert!(compile(source).is_ok(), "{source}");
    }
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
