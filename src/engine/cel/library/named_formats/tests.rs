use super::*;

fn messages(format: &str, text: &str) -> Vec<String> {
    let format = FORMATS.iter().find(|known| known.name == format).unwrap();
    (format.validate)(text)
}

#[test]
fn each_format_knows_its_own() {
    let long = "a".repeat(64);
    let longer = "a".repeat(254);
    for (format, good, bad) in [
        ("dns1123Label", &["a", "0-1"][..], &["", "-a", "a-", "A", "a.b", "a_b", &long][..]),
        ("dns1123Subdomain", &["a", "a.b-c.0", &long], &["", "a..b", ".a", "a.", "A.b", &longer]),
        ("dns1035Label", &["a", "a-1"], &["", "1a", "a-", "-a", "A"]),
        ("qualifiedName", &["a", "A_b.c-D", "a.b/C"], &["", "a/b/c", "/a", "a/", "A/b", "-a", "a b", &long]),
        ("dns1123LabelPrefix", &["a-", "1--", "a"], &["", "-", "-a-", "a.b-"]),
        ("dns1123SubdomainPrefix", &["a.b-", "a"], &["-", "a..b-"]),
        ("dns1035LabelPrefix", &["a-", "ab--"], &["-", "1b-", "Bb-"]),
        ("labelValue", &["", "a", "A_b.c"], &["-a", "a-", "a b", "\u{e9}", &long]),
        ("uri", &["http://h", "/path"], &["", "path", "::"]),
        (
            "uuid",
            &["123e4567-e89b-12d3-a456-426614174000", "123E4567E89B12D3A456426614174000"],
            &["", "123e4567-e89b-12d3-a456-42661417400", "123e4567--e89b-12d3-a456-426614174000"],
        ),
        ("byte", &["YQ==", "YWI=", "YWJj"], &["", "YQ", "YQ=", "Y===", "YW J", "===="]),
        (
            "date",
            &["2024-02-29"],
            &["", "2023-02-29", "2024-2-9", "2024-02-29 ", "24-02-29", "2024-13-01", "2024-01-00"],
        ),
        (
            "datetime",
            &["2024-02-29T04:05:06Z", "2024-02-29t04:05:06.5+99:99", "2024-02-29T04:05:06ztail"],
            &[
                "",
                "2024-02-29",
                "2024-02-29T24:00:00Z",
                "2024-02-29T04:05:06",
                "2024-02-29 04:05:06Z",
                "2024-02-29T4:5:6Z",
            ],
        ),
    ] {
        for text in good {
            assert_eq!(messages(format, text), Vec::<String>::new(), "{format} {text}");
        }
        for text in bad {
            assert!(!messages(format, text).is_empty(), "{format} {text}");
        }
    }
}

#[test]
fn what_is_wrong_is_said_in_kubernetes_words() {
    assert_eq!(messages("dns1123Label", "a.b"), ["must not contain dots"]);
    let [length, form] = messages("dns1123Label", &"A".repeat(64)).try_into().unwrap();
    assert_eq!(length, "must be no more than 63 characters");
    assert_eq!(
        form,
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end \
         with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
         '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
    );
    assert_eq!(messages("qualifiedName", "/").first().unwrap(), "prefix part must be non-empty");
    assert_eq!(messages("qualifiedName", "/").get(1).unwrap(), "name part must be non-empty");
    assert_eq!(messages("labelValue", &"a".repeat(64)), ["must be no more than 63 bytes"]);
    assert_eq!(messages("uri", "::"), ["parse \"::\": missing protocol scheme"]);
}

#[test]
fn each_function_gives_the_format_of_its_name() {
    let named: Vec<&str> =
        functions().iter().filter_map(|overload| overload.function.strip_prefix("format.")).collect();
    let formats = FORMATS.iter().map(|format| format.name);
    assert_eq!(named, ["named"].into_iter().chain(formats).collect::<Vec<_>>());
}
