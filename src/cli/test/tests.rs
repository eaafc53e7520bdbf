use super::json;
use crate::{cases, cli::report::tests::assert_file};

#[test]
fn the_schemas_are_up_to_date() {
    for (file, schema) in
        [("docs/cases.schema.json", cases::schema()), ("docs/test-report.schema.json", json::schema())]
    {
        assert_file(file, &(serde_json::to_string_pretty(&schema).unwrap() + "\n"));
    }
}
