use super::{line_column, locate};
use crate::engine::node::Path;

#[test]
fn counts_lines_and_columns_as_editors_do() {
    for (text, offset, expected) in [
        ("", 0, (1, 1)),
        ("a\nb", 2, (2, 1)),
        ("a\r\nb", 3, (2, 1)),
        ("a\r\nb", 1, (1, 2)),
        ("a\r\nb", 2, (1, 2)),
        ("a\rb", 2, (2, 1)),
        ("é: x", 2, (1, 2)),
        ("\u{feff}a: 1", 3, (1, 1)),
        ("a", 99, (1, 2)),
    ] {
        assert_eq!(line_column(text, offset), expected, "{text:?} {offset}");
    }
}

#[test]
fn leads_into_yaml_held_in_strings() {
    let inner = Path::of(&["service"]).key("pipelines").key("traces").key("exporters").index(1);
    let data = Path::of(&["data", "relay"]).yaml();
    let cases = [
        "data:\n  relay: |\n    # c\n    service:\n      pipelines:\n\n        traces: {exporters: [otlp, debug]} # x\n",
        "data:\r\n  relay: |-\r\n    service:\r\n      pipelines:\r\n        traces:\r\n          exporters:\r\n          - otlp\r\n          - debug",
        "{\"data\": {\"relay\": \"# \\u00e9 \\ud83d\\ude00\\nservice:\\n  pipelines:\\n    traces:\\n      exporters: [otlp, debug]\\n\"}}",
        "data: {relay: 'service: {pipelines: {traces: {exporters: [''otlp'', debug]}}}'}\n",
        "data:\n  relay: >\n    service: {pipelines: {traces:\n    {exporters: [otlp,\n    debug]}}}\n",
        "data:\n  relay: \"service: {pipelines: {traces:  \n    {exporters: [otlp,\n\n    debug]}}}\"\n",
        "data:\n  relay: \"service: {pipelines: {traces: \\\n    {exporters: [otlp, debug]}}}\"\n",
    ];
    for text in cases {
        let span = locate(text, &data.join(&inner)).unwrap();
        assert_eq!(text.get(span.start..span.end), Some("debug"), "{text:?}");
    }
}

#[test]
fn shows_the_nearest_thing_on_one_line() {
    let text = "kind: A\nspec:\n  list:\n  - a: 1\n    b: 2\n  text: |\n    [\n";
    let at = |path: Path| {
        let span = locate(text, &path).unwrap();
        text.get(span.start..span.end).unwrap()
    };
    assert_eq!(at(Path::root()), "kind: A");
    assert_eq!(at(Path::of(&["kind"])), "A");
    assert_eq!(at(Path::of(&["spec"])), "spec");
    assert_eq!(at(Path::of(&["spec", "nope", "x"])), "spec");
    assert_eq!(at(Path::of(&["spec", "list"]).index(0)), "a: 1");
    assert_eq!(at(Path::of(&["spec", "list"]).index(0).key("b")), "2");
    assert_eq!(at(Path::of(&["spec", "text"]).yaml().key("x")), "text");
    assert_eq!(locate("a: [", &Path::root()), None);
}
