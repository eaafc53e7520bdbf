//! What stands under `port` and can be no port: the API server takes whole numbers from 1 to 65535 only.

use serde_json::Value;

use super::codes::BAD_PORT;
use crate::engine::{finding::Finding, kinds::telemetry::Reference, rules::Judge};

const PORTS: std::ops::RangeInclusive<i64> = 1..=65535;

/// The finding about a `port` that the API server refuses, wherever the reference leads to.
pub(super) fn impossible(judge: &Judge<'_>, reference: &Reference) -> Option<Finding> {
    let path = reference.path.key("port");
    let port = path.find(judge.subject.value())?;
    let (what, meant) = match port {
        Value::Null => return None,
        Value::Number(number) => match number.as_i64() {
            Some(number) if PORTS.contains(&number) => return None,
            _ => (format!("is {number}, and a port is a whole number from 1 to 65535"), None),
        },
        Value::String(text) => (
            format!("is \"{text}\", text and not a number"),
            text.trim().parse().ok().filter(|number| PORTS.contains(number)),
        ),
        Value::Bool(value) => (format!("is `{value}`, and not a number"), None),
        Value::Array(_) => ("is a list, and not a number".to_owned(), None),
        Value::Object(_) => ("is a mapping, and not a number".to_owned(), None),
    };
    let help = match meant {
        _ if !reference.backend.is_service() => "remove `port`: only a reference to a Service names one".to_owned(),
        Some(number) => format!("write `port: {number}`, without quotes"),
        None => "write the number of the Service's port, usually `port: 4317` for OTLP over gRPC".to_owned(),
    };
    Some(Finding::new(&BAD_PORT, path, format!("`port` {what}: the API server refuses the object")).help(help))
}
