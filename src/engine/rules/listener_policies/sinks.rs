//! What is wrong with the entries of `accessLog`: none of it is refused by the API server.

use super::codes::{EMPTY_LOG_NAME, FILE_AND_GRPC, FILE_HIDES_OPENTELEMETRY, GRPC_HIDES_OPENTELEMETRY, NO_SINK};
use crate::engine::{
    finding::Finding,
    kinds::telemetry::{
        TelemetryKind,
        kgateway::{self, AccessLogEntry, BadSink},
    },
    resolve::Blast,
    rules::{Judge, harm::with_harm},
};

pub(super) fn findings(judge: &Judge<'_>, kind: TelemetryKind, blast: &Blast) -> Vec<Finding> {
    if !kind.is_kgateway() {
        return Vec::new();
    }
    let spec = judge.subject.object().get("spec");
    let minor = judge.lens.control_plane().kgateway.minor;
    let settings = kgateway::settings(kind, &spec);
    settings.iter().flat_map(kgateway::access_log).flat_map(|entry| of_entry(&entry, minor, blast)).collect()
}

fn of_entry(entry: &AccessLogEntry<'_>, minor: u32, blast: &Blast) -> Vec<Finding> {
    let path = entry.node.path().clone();
    let mut found = Vec::new();
    match entry.bad_sink(minor) {
        Some(BadSink::None) => {
            let others: Vec<_> = entry.node.entries().map(|(key, _)| format!("`{key}`")).collect();
            let has = if others.is_empty() { "is empty".to_owned() } else { format!("has only {}", others.join(", ")) };
            let finding =
                Finding::new(&NO_SINK, path.clone(), format!("this access log entry {has}, and no sink to write to"))
                    .help("add `openTelemetry`, `grpcService` or `fileSink`, or remove the entry");
            found.push(with_harm(finding.in_itself(), blast));
        }
        Some(BadSink::FileAndGrpc) => {
            let finding = Finding::new(
                &FILE_AND_GRPC,
                path.key("grpcService"),
                "one access log entry has both `fileSink` and `grpcService`, which kgateway refuses",
            )
            .help("make two entries of it");
            found.push(with_harm(finding.in_itself(), blast));
        }
        Some(BadSink::EmptyLogName(sink)) => {
            let at = if sink == "grpcService" { path.key(sink) } else { path.key(sink).key("grpcService") };
            let finding =
                Finding::new(&EMPTY_LOG_NAME, at.key("logName"), "`logName` is empty, which kgateway refuses")
                    .help("name the log, as in `logName: access-logs`");
            found.push(with_harm(finding.in_itself(), blast));
        }
        None => {}
    }
    if entry.file && entry.opentelemetry && !entry.grpc {
        found.push(
            Finding::new(
                &FILE_HIDES_OPENTELEMETRY,
                path.key("openTelemetry"),
                "`openTelemetry` is ignored beside `fileSink`: logs go to the file alone, but its backend must resolve all the same",
            )
            .help("make two entries of it"),
        );
    }
    if entry.grpc && entry.opentelemetry {
        found.push(
            Finding::new(
                &GRPC_HIDES_OPENTELEMETRY,
                path.key("openTelemetry"),
                "`openTelemetry` is ignored beside `grpcService`: nothing is sent there",
            )
            .help("make two entries of it"),
        );
    }
    found
}
