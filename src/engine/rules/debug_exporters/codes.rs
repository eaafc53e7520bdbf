//! What `debug-exporters` can find.

use crate::engine::finding::{Code, Level};

pub(super) static CODES: &[&Code] = &[&IN_PIPELINE, &TAMED, &UNSEEN, &UNREADABLE, &OVERRIDDEN_BY_ARGUMENTS];

pub(super) static IN_PIPELINE: Code = Code {
    name: "debug-exporters/in-pipeline",
    level: Level::Error,
    title: "a collector in production prints its data",
    why: "`debug` (before 0.111 `logging`) runs inside the pipeline and turns every batch into text before anything else is done with it, whatever the collector's log level: it costs CPU and fills disks (400 GB of logs in one report). The chart of the collector has it in all three default pipelines",
    fix: "remove the reference and leave the definition; a pipeline with nothing else ends in `nop`, or in a quiet `debug` where the image has no `nop`. Never leave the list empty: the collector does not start then",
    example: "exporters: [debug, otlp]",
};

pub(super) static TAMED: Code = Code {
    name: "debug-exporters/tamed",
    level: Level::Note,
    title: "a pipeline ends in a quiet debug exporter",
    why: "its data goes nowhere, and it prints at most one short line a second",
    fix: "send the data somewhere, or use an image with the `nop` exporter",
    example: "exporters: { debug: { verbosity: basic, sampling_initial: 1, sampling_thereafter: 0 } }",
};

pub(super) static UNSEEN: Code = Code {
    name: "debug-exporters/unseen",
    level: Level::Note,
    title: "exporters are filled in when the collector starts",
    why: "`${…}` is replaced by an environment variable or a file when the collector starts; whether that is an exporter that prints cannot be seen here",
    fix: "write the exporters out",
    example: "exporters: [${env:EXPORTER}]",
};

pub(super) static UNREADABLE: Code = Code {
    name: "debug-exporters/unreadable",
    level: Level::Warning,
    title: "a collector's configuration cannot be read",
    why: "it is no YAML, has a key twice, or more than one document: the collector would not start with it, or read only a part",
    fix: "correct it",
    example: "service: { pipelines: [ }",
};

pub(super) static OVERRIDDEN_BY_ARGUMENTS: Code = Code {
    name: "debug-exporters/overridden-by-arguments",
    level: Level::Warning,
    title: "arguments of the collector override its configuration",
    why: "`--set` and inline `--config=yaml:` come last and replace lists: editing the ConfigMap has no effect on what they set",
    fix: "remove the argument",
    example: "args: [--config=/conf/relay.yaml, --set=service.pipelines.traces.exporters=[debug]]",
};
