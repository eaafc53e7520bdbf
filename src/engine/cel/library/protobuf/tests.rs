use crate::engine::cel::{
    Given, Meter, Program, Type, Value,
    library::tried::{expect, expect_cost},
    scope,
};

fn type_of(source: &str) -> String {
    match Program::compile(source, &scope::validation(&[], false)) {
        Ok(program) => program.result.to_string(),
        Err(bad) => bad.message,
    }
}

#[test]
fn a_wrapper_is_what_it_holds() {
    expect(&[
        ("google.protobuf.Int32Value{value: -123}", "-123"),
        (".google.protobuf.Int32Value{}", "0"),
        ("google.protobuf.Int64Value{value: object.number} == 3", "true"),
        ("google.protobuf.UInt32Value{value: 4294967295u}", "4294967295u"),
        ("google.protobuf.UInt64Value{}", "0u"),
        ("google.protobuf.FloatValue{value: 0.1}", "0.10000000149011612"),
        ("google.protobuf.FloatValue{value: 1e300}", "inf"),
        ("google.protobuf.DoubleValue{value: 0.1}", "0.1"),
        ("google.protobuf.BoolValue{value: true} && true", "true"),
        ("google.protobuf.StringValue{value: 'a'} + 'b'", "\"ab\""),
        ("google.protobuf.StringValue{value: dyn(ip('10.0.0.1'))}", "\"10.0.0.1\""),
        ("google.protobuf.BytesValue{value: b'a'} == b'a'", "true"),
        ("google.protobuf.BytesValue{value: dyn([97u])} == b'a'", "true"),
        ("google.protobuf.Int32Value{?value: optional.none()}", "0"),
        ("google.protobuf.Int32Value{?value: optional.of(2)}", "2"),
        ("google.protobuf.Int32Value{value: dyn(optional.of(2))}", "2"),
        ("google.protobuf.FloatValue{} != null", "true"),
        ("[1, google.protobuf.Int32Value{value: 2}].sum()", "3"),
    ]);
}

#[test]
fn a_field_holds_its_own_type_alone() {
    let of = "error: field type conversion error for google.protobuf.";
    for (source, why) in [
        ("Int32Value{value: 2147483648}", "Int32Value.value value type: integer overflow"),
        ("UInt32Value{value: 4294967296u}", "UInt32Value.value value type: unsigned integer overflow"),
        ("DoubleValue{value: dyn(1)}", "DoubleValue.value value type: 'int' is no double"),
        ("StringValue{value: dyn(b'a')}", "StringValue.value value type: 'bytes' is no string"),
        ("Int64Value{value: dyn(null)}", "Int64Value.value value type: 'null_type' is no int"),
        ("Int64Value{value: dyn(optional.none())}", "Int64Value.value value type: optional.none() dereference"),
        ("Value{null_value: dyn(null)}", "Value.null_value value type: 'null_type' is no int"),
        ("Struct{fields: dyn({1: 2})}", "Struct.fields value type: a key is a string, and 'int' is none"),
        ("Struct{fields: dyn(optional.of({}))}", "Struct.fields value type: 'optional_type' is no map(string, dyn)"),
        ("ListValue{values: [type(1)]}", "ListValue.values value type: type conversion error from 'type' to JSON"),
    ] {
        expect(&[(&format!("google.protobuf.{source}"), &format!("{of}{why}"))]);
    }
}

#[test]
fn what_json_holds_is_made_as_json_holds_it() {
    expect(&[
        ("google.protobuf.Struct{}.size()", "0"),
        ("google.protobuf.Struct{fields: {'a': 1}}.a", "1.0"),
        ("google.protobuf.Struct{fields: {'a': 1}}.b", "error: no such key: b"),
        ("google.protobuf.Struct{fields: {'a': 9007199254740992}}.a", "\"9007199254740992\""),
        ("google.protobuf.Struct{fields: {'a': -9007199254740991}}.a", "-9007199254740991.0"),
        ("google.protobuf.Struct{fields: {'a': b'abc'}}.a", "\"YWJj\""),
        ("google.protobuf.Struct{fields: {'a': duration('1h')}}.a", "\"3600s\""),
        ("google.protobuf.ListValue{values: object.mixed}", "[1.0, 2.5, \"a\", null, [1.0]]"),
        ("google.protobuf.ListValue{values: [google.protobuf.Empty{}]}[0].size()", "0"),
        ("google.protobuf.Value{}", "null"),
        ("google.protobuf.Value{null_value: google.protobuf.NullValue.NULL_VALUE}", "null"),
        ("google.protobuf.Value{number_value: 1.5}", "1.5"),
        ("google.protobuf.Value{string_value: 'a'}", "\"a\""),
        ("google.protobuf.Value{bool_value: true}", "true"),
        ("google.protobuf.Value{struct_value: {'a': 1u}}.a", "1.0"),
        ("google.protobuf.Value{list_value: [1]}", "[1.0]"),
        ("google.protobuf.Value{list_value: dyn({'values': [1]})}", "[1.0]"),
    ]);
}

#[test]
fn times_may_leave_the_calendar() {
    expect(&[
        ("google.protobuf.Duration{seconds: -1, nanos: 500000000}", "-0.5s"),
        ("google.protobuf.Duration{seconds: 9223372036854775807}", "9223372036.854776s"),
        ("google.protobuf.Timestamp{seconds: 1, nanos: -1}", "1970-01-01T00:00:00.999999999Z"),
        ("google.protobuf.Timestamp{seconds: 253402300800}", "10000-01-01T00:00:00Z"),
        ("google.protobuf.Timestamp{seconds: 253402300800} + duration('1s')", "error: timestamp overflow"),
        ("google.protobuf.Timestamp{seconds: -99999999999}", "-1199-02-15T14:13:21Z"),
        ("google.protobuf.Timestamp{seconds: 9223372036854775807}", "292277026596-12-04T15:30:07Z"),
        ("google.protobuf.Timestamp{seconds: 9223372036854775807} > timestamp(0)", "false"),
        ("google.protobuf.Timestamp{seconds: 9223372036854775807} - timestamp(-1)", "error: integer overflow"),
        ("google.protobuf.Timestamp{seconds: 9223372036854775807}.getHours('+10:00')", "1"),
    ]);
}

#[test]
fn any_is_what_is_in_it() {
    let any = |of: &str, bytes: &str| {
        format!("google.protobuf.Any{{type_url: 'type.googleapis.com/google.protobuf.{of}', value: b'{bytes}'}}")
    };
    let unknown = "error: unsupported conversion to ref.Val: google.protobuf.Any of ";
    let malformed = format!("{unknown}type.googleapis.com/google.protobuf.Int64Value");
    for (of, bytes, expected) in [
        ("Int64Value", "", "0"),
        ("Int64Value", r"\x08\x01\x08\x02", "2"),
        ("Int64Value", r"\x13\x18\x01\x14\x08\x07", "7"),
        ("Int64Value", r"\x08", &malformed),
        ("Int64Value", r"\x00\x01", &malformed),
        ("Int64Value", r"\x13\x1b\x14", &malformed),
        ("Int64Value", r"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", &malformed),
        ("Int64Value", r"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", &malformed),
        ("Int32Value", r"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "-1"),
        ("FloatValue", r"\x0d\x00\x00\xc0?", "1.5"),
        ("StringValue", r"\x0a\x01a", "\"a\""),
        ("Duration", r"\x08\x3c", "60s"),
        ("ListValue", r"\x0a\x02\x20\x01\x0a\x02\x08\x00", "[true, null]"),
        ("Any", r"\x0a\x1agoogle.protobuf.Int64Value\x12\x02\x08\x09", "9"),
    ] {
        expect(&[(&any(of, bytes), expected)]);
    }
    expect(&[
        (&format!("{}.a", any("Struct", r"\x0a\x07\x0a\x01a\x12\x02\x20\x01")), "true"),
        (&format!("{} == google.protobuf.Empty{{}}", any("Empty", "")), "true"),
        ("google.protobuf.Any{type_url: 'x'}", &format!("{unknown}x")),
        ("google.protobuf.Any{}", unknown),
    ]);
}

#[test]
fn empty_is_a_value_of_its_own() {
    expect(&[
        ("google.protobuf.Empty{} == google.protobuf.Empty{}", "true"),
        ("dyn(google.protobuf.Empty{}) == dyn({})", "false"),
        ("type(google.protobuf.Empty{}) == google.protobuf.Empty", "true"),
        ("optional.ofNonZeroValue(google.protobuf.Empty{}).hasValue()", "false"),
        ("has(dyn(google.protobuf.Empty{}).a)", "error: no such field 'a'"),
    ]);
}

#[test]
fn types_are_those_of_cel() {
    for (source, expected) in [
        ("google.protobuf.Int32Value{}", "wrapper(int)"),
        ("google.protobuf.BoolValue{} || false", "bool"),
        ("google.protobuf.Value{}", "dyn"),
        ("google.protobuf.Any{}", "google.protobuf.Any"),
        ("google.protobuf.Empty", "type(google.protobuf.Empty)"),
        ("google.protobuf.NullValue.NULL_VALUE", "int"),
        ("[1, google.protobuf.Int64Value{}]", "list(int)"),
        ("[google.protobuf.Int64Value{}, 1]", "list(wrapper(int))"),
        ("true ? null : google.protobuf.Int64Value{}", "null"),
        ("true ? google.protobuf.Int64Value{} : 1", "wrapper(int)"),
        ("google.protobuf.Any{}.a", "dyn"),
        (
            "[null, google.protobuf.Int64Value{}]",
            "this is wrapper(int), and what comes before it is null; all must be of one type, or each in a `dyn(…)`",
        ),
        ("google.protobuf.Int32Value{value: 1}.value", "wrapper(int) has no fields, and so no `value`"),
        ("google.protobuf.Int32Value{value: null}", "`value` is int, not null"),
        (
            "google.protobuf.Int32Value{valeu: 1}",
            "`google.protobuf.Int32Value` has no field `valeu`; did you mean `value`?",
        ),
        ("google.protobuf.DoubleValue{value: 1}", "`value` is double, not int"),
        (
            "google.protobuf.Int32Valeu{}",
            "there is no message `google.protobuf.Int32Valeu`; did you mean `google.protobuf.Int32Value`?",
        ),
        (
            "google.protobuf.Any{}.all(x, true)",
            "this loops over google.protobuf.Any; it can over a list, a map or a dyn",
        ),
    ] {
        assert_eq!(type_of(source), expected, "{source}");
    }
}

#[test]
fn a_message_costs_what_a_struct_does() {
    expect_cost(&[
        ("google.protobuf.Int32Value{value: 1}", 40),
        ("google.protobuf.ListValue{values: [1, 2]}", 40),
        ("google.protobuf.Struct{fields: {'a': object.number}}", 40 + 30 + 2),
        ("google.protobuf.NullValue.NULL_VALUE", 0),
    ]);
}

#[test]
fn what_is_made_is_paid_for() {
    let scope = scope::validation(&[], false);
    let large = "[lists.range(30000)].map(r, lists.range(200).map(x, google.protobuf.ListValue{values: r})).size() > 0";
    let program = Program::compile(large, &scope).unwrap();
    assert_eq!(program.result, Type::Bool);
    let names = &Nothing;
    let failed = program.run(&Given::new(&names, &[], None), &mut Meter::new()).unwrap_err();
    assert!(failed.to_string().contains("more than one request may"), "{failed}");
}

struct Nothing;

impl<'a> crate::engine::cel::given::Names<'a> for &'a Nothing {
    fn value(&self, _: &str) -> Option<crate::engine::cel::Answer<'a>> {
        None::<Result<Value<'a>, _>>
    }
}
