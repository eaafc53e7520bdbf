//! No collector in production prints its data: references to `debug` and `logging` go, and what starts still starts.

mod carriers;
mod codes;

use std::sync::Arc;

use crate::engine::{
    finding::{Change, Edit, Finding},
    kinds::{
        CORE, OPENTELEMETRY,
        collector::{
            Image, extent,
            strip::{self, Options, Plan, Treatment, Use, Verbosity},
        },
    },
    node::Path,
    rules::{Judge, Rule, SeenIn, looked_up, suggest},
    subject::Operation,
    yaml::{self, Dialect},
};
use carriers::{Carrier, Content};
use codes::{CODES, IN_PIPELINE, OVERRIDDEN_BY_ARGUMENTS, TAMED, UNREADABLE, UNSEEN};

pub static RULE: Rule = Rule {
    name: "debugExporters",
    prefix: "debug-exporters",
    resources: &[(CORE, "configmaps"), (OPENTELEMETRY, "opentelemetrycollectors")],
    operations: &[Operation::Create, Operation::Update],
    looks_up: looked_up::WORKLOADS,
    in_files: &[],
    seen_in: SeenIn::Everywhere,
    gives_edits: true,
    needle: Some("pipelines"),
    codes: CODES,
    run,
};

fn run(judge: &Judge<'_>) -> Vec<Finding> {
    let carriers = carriers::of(judge);
    let found = carriers.iter().flat_map(|carrier| of_carrier(judge, carrier));
    if carriers::is_unmanaged(judge) { found.map(unmanaged).collect() } else { found.collect() }
}

fn unmanaged(finding: Finding) -> Finding {
    finding.details(
        "the operator leaves a collector with `managementState: unmanaged` alone: the one that runs prints until what runs it is changed too",
        false,
    )
}

fn of_carrier(judge: &Judge<'_>, carrier: &Carrier<'_>) -> Vec<Finding> {
    let config = match &carrier.content {
        Content::Object(value) => (*value).clone(),
        Content::Text(text) => match yaml::tree::parse(text).and_then(|tree| tree.value(Dialect::Collector)) {
            Ok(value) if extent(&value).is_some() => value,
            Err(error) if looks_like_a_configuration(text) => {
                return vec![
                    Finding::new(
                        &UNREADABLE,
                        carrier.path.clone(),
                        format!(
                            "this looks like a collector's configuration and cannot be read: line {}: {}",
                            error.line, error.message
                        ),
                    )
                    .help("correct it; whether it prints its data cannot be seen"),
                ];
            }
            Ok(_) | Err(_) => return Vec::new(),
        },
    };
    let use_context = carriers::usage(judge);
    let plan = strip::plan(&config, use_context.image, Options { extent: use_context.extent });
    let mut found = findings(carrier, &plan, use_context.image);
    for unseen in &plan.unseen {
        found.push(
            Finding::new(
                &UNSEEN,
                carrier.inner(&unseen.path),
                format!(
                    "what `{}` stands for is filled in when the collector starts, and may be an exporter that prints",
                    unseen.text
                ),
            )
            .help("write the exporters out, so that they can be seen"),
        );
    }
    let matters = |argument: &&carriers::Argument| argument.prints || !plan.uses.is_empty();
    if let Some(argument) = use_context.overriding.iter().find(matters) {
        found.push(
            Finding::new(
                &OVERRIDDEN_BY_ARGUMENTS,
                carrier.path.clone(),
                format!(
                    "the argument `{}` of the collector comes after this configuration and overrides its exporters",
                    argument.text
                ),
            )
            .help("remove the argument, and write what it sets here"),
        );
    }
    found
}

fn findings(carrier: &Carrier<'_>, plan: &Plan, image: Image) -> Vec<Finding> {
    let edit = edit(carrier, plan).map(|changes| Arc::new(Edit { title: title(carrier, plan), changes }));
    plan.uses
        .iter()
        .map(|found| {
            let treatment = plan.treatments.get(&found.pipeline).copied().unwrap_or(Treatment::Untouched);
            let path = carrier.inner(&found.path);
            if treatment == Treatment::AlreadyTamed {
                return Finding::new(
                    &TAMED,
                    path,
                    format!(
                        "pipeline `{}` still ends in `{}`, which prints at most a line a second",
                        found.pipeline, found.exporter
                    ),
                )
                .help("send the data somewhere, or end the pipeline in `nop` with an image that has it");
            }
            let finding = Finding::new(&IN_PIPELINE, path, message(found));
            match &edit {
                Ok(edit) => finding.help(help(found, treatment, image)).shared_edit(edit),
                Err(why) => finding.help(format!("take it out by hand; that is not done automatically because {why}")),
            }
        })
        .collect()
}

fn message(found: &Use) -> String {
    let how = match found.verbosity {
        Verbosity::Unseen => "",
        Verbosity::Basic => " a line for every batch",
        Verbosity::Normal => " a line for every record",
        Verbosity::Detailed => " every field of every record",
    };
    let signal = found.pipeline.signal.name();
    format!(
        "pipeline `{}` sends its {signal} to `{}`, which prints{how} to the collector's own log",
        found.pipeline, found.exporter
    )
}

fn help(found: &Use, treatment: Treatment, image: Image) -> String {
    match treatment {
        Treatment::Replaced => format!(
            "end the pipeline in `nop`: nothing else is left in it, and data is taken and dropped as before; without `{}` alone the collector would not start",
            found.exporter
        ),
        Treatment::Tamed if image == Image::UNKNOWN => format!(
            "make `{}` quiet: nothing else is left in the pipeline, and whether the collector's image has `nop` is not known",
            found.exporter
        ),
        Treatment::Tamed => format!(
            "make `{}` quiet: nothing else is left in the pipeline, and the collector's image has no `nop` for it",
            found.exporter
        ),
        _ => format!("remove `{}` from the pipeline's exporters; its definition may stay", found.exporter),
    }
}

fn title(carrier: &Carrier<'_>, plan: &Plan) -> String {
    let changed = plan.treatments.iter().filter(|(_, treatment)| **treatment != Treatment::AlreadyTamed);
    let pipelines: Vec<_> = changed.map(|(pipeline, _)| format!("`{pipeline}`")).collect();
    let (noun, their) = if pipelines.len() == 1 { ("pipeline", "its") } else { ("pipelines", "their") };
    let pipelines = suggest::listed(pipelines);
    format!("stops the {noun} {pipelines} of `{}` from printing {their} data", carrier.path)
}

/// The changes of the carrier, or why there are none. All of them belong together: half of them may not start.
fn edit(carrier: &Carrier<'_>, plan: &Plan) -> Result<Vec<Change>, String> {
    if let Some(reason) = carrier.untouchable {
        return Err(reason.to_owned());
    }
    if let Some(obstacle) = plan.obstacles.first() {
        return Err(obstacle.to_string());
    }
    if let Content::Text(text) = &carrier.content {
        // Tried here, so that nothing is offered that cannot be done.
        let edited = yaml::edit::apply(text, &plan.changes, Dialect::Collector).map_err(|error| error.reason)?;
        if edited == *text {
            return Err("it would change nothing".to_owned());
        }
    }
    let at = |path: &Path| carrier.inner(path);
    Ok(plan
        .changes
        .iter()
        .map(|change| match change {
            Change::Set { path, value } => Change::Set { path: at(path), value: value.clone() },
            Change::Remove { path } => Change::Remove { path: at(path) },
        })
        .collect())
}

/// A text that is no YAML, and yet speaks of pipelines: worth a word. A chart's template is not.
fn looks_like_a_configuration(text: &str) -> bool {
    ["pipelines:", "exporters:", "receivers:"].iter().all(|word| text.contains(word)) && !text.contains("{{")
}
