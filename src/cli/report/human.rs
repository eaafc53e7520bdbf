//! For people: each finding as rustc would print it, then the numbers.

use std::{io, ops::Range};

use annotate_snippets::{AnnotationKind, Element, Level as Shown, Message, Origin, Padding, Renderer, Snippet};

use crate::{
    cli::report::{
        Exempted, Options, Refusal, Report, Reported,
        excerpt::Excerpt,
        place::{Columns, Places},
        summary, text,
    },
    engine::finding::{Level, Remedy},
};

/// Columns where nothing is known of the terminal, as rustc has it.
const WIDTH: usize = 140;

/// Behind the name of a file: no text that is printed has this character, see [`text`].
const PLACE: &str = "\u{1}";

/// Below this nothing can be shown well, and terminals that say so are mostly wrong.
const NARROWEST: usize = 60;

pub(super) fn write(report: &Report, options: Options, out: &mut dyn io::Write) -> io::Result<()> {
    let (places, renderer) = (Places::of(report), renderer(options));
    for reported in &report.findings {
        writeln!(out, "{}\n", finding(report, reported, &places, &renderer))?;
    }
    refusals(report, options, out)?;
    for warned in &report.warnings {
        writeln!(out, "{}\n", refusal(Shown::WARNING, warned, &places, &renderer))?;
    }
    summary::write(report, out)
}

/// What could not be read.
pub(super) fn refusals(report: &Report, options: Options, out: &mut dyn io::Write) -> io::Result<()> {
    let (places, renderer) = (Places::of(report), renderer(options));
    report
        .refusals
        .iter()
        .try_for_each(|refused| writeln!(out, "{}\n", refusal(Shown::ERROR, refused, &places, &renderer)))
}

/// What is said below the source lines of a finding, as `(level, text)`.
pub(super) fn notes(reported: &Reported) -> Vec<String> {
    let finding = &reported.finding;
    let mut notes = vec![about(reported)];
    notes.extend(reported.exception.as_ref().map(exempted));
    notes.extend(finding.details.as_ref().map(|details| text::line(&details.text).into_owned()));
    for related in &finding.related {
        notes.push(format!("{}: {}", text::line(&related.object.to_string()), text::line(&related.note)));
    }
    notes.extend(finding.unknown.as_ref().map(|what| {
        format!("it could not be looked up: {}; so this is only a {}", text::line(what), finding.level.name())
    }));
    notes
}

/// What `portcullis fix` would do about it.
pub(super) fn fix(report: &Report, reported: &Reported) -> Option<String> {
    let command = format!("`portcullis fix {}`", text::argument(report.file(reported.source)));
    let does = match &reported.finding.remedy {
        _ if !reported.fixable => return None,
        Some(remedy) => title(remedy),
        None => "mends it".to_owned(),
    };
    Some(format!("{command} {}", text::line(&does)))
}

/// What a remedy does, as a verb and what follows.
pub(super) fn title(remedy: &Remedy) -> String {
    match remedy {
        Remedy::Edit(edit) => edit.title.clone(),
        Remedy::Ensure(objects) => {
            let named = |object: &serde_json::Value| {
                let field = |pointer| object.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
                let (namespace, name) = (field("/metadata/namespace"), field("/metadata/name"));
                let slash = if namespace.is_empty() { "" } else { "/" };
                format!("{} {namespace}{slash}{name}", field("/kind"))
            };
            format!("makes {}", text::listed(&objects.iter().map(named).collect::<Vec<_>>()))
        }
    }
}

fn renderer(options: Options) -> Renderer {
    let renderer = if options.color { Renderer::styled() } else { Renderer::plain() };
    renderer.term_width(options.width.unwrap_or(WIDTH).max(NARROWEST))
}

fn finding(report: &Report, reported: &Reported, places: &Places<'_>, renderer: &Renderer) -> String {
    let finding = &reported.finding;
    let level = match finding.level {
        Level::Error => Shown::ERROR,
        Level::Warning => Shown::WARNING,
        Level::Note => Shown::NOTE,
    };
    let level = if reported.excepted().is_some() { Shown::NOTE.with_name("excepted") } else { level };
    let title = level.primary_title(text::line(&finding.message)).id(text::line(&finding.code));
    let mut messages: Vec<Message<'_>> = notes(reported).into_iter().map(|note| Shown::NOTE.message(note)).collect();
    messages.extend(finding.full_help().map(|help| Shown::HELP.message(text::block(&help))));
    messages.extend(fix(report, reported).map(|fix| Shown::HELP.with_name("fix").message(fix)));
    let span = Some((reported.source, &reported.span));
    let group = title.element(source(report.file(reported.source), span, places));
    let padding = places.lines(reported.source).is_none().then_some(Padding);
    placed(renderer.render(&[group.elements(padding).elements(messages)]), span, places)
}

fn refusal(level: Shown<'_>, refused: &Refusal, places: &Places<'_>, renderer: &Renderer) -> String {
    let span = refused.span.as_ref().map(|(source, span)| (*source, span));
    let title = level.primary_title(text::line(&refused.message));
    let group = title.element(source(&refused.file, span, places));
    let help = refused.help.as_ref().map(|help| Shown::HELP.message(text::block(help)));
    let padding = (span.is_none() && help.is_some()).then_some(Padding);
    placed(renderer.render(&[group.elements(padding).elements(help)]), span, places)
}

/// The source lines, or the file alone where there are none.
fn source<'a>(file: &str, span: Option<(usize, &Range<usize>)>, places: &Places<'_>) -> Element<'a> {
    let file = text::line(file).into_owned();
    match span.and_then(|(source, span)| Some((places.lines(source)?, span))) {
        Some((lines, span)) => {
            let excerpt = Excerpt::of(lines, span);
            let annotation = AnnotationKind::Primary.span(excerpt.span);
            let source = Snippet::source(excerpt.text).line_start(excerpt.line).annotation(annotation);
            source.path(file + PLACE).into()
        }
        None => Origin::path(file).into(),
    }
}

/// Puts the true column where the renderer has written the one in the excerpt, which may start within a long line.
fn placed(rendered: String, span: Option<(usize, &Range<usize>)>, places: &Places<'_>) -> String {
    let Some(((before, after), (source, span))) = rendered.split_once(PLACE).zip(span) else { return rendered };
    let start = places.region(source, span, Columns::Chars).start;
    let after = after.trim_start_matches(|c: char| c == ':' || c.is_ascii_digit());
    format!("{before}:{}:{}{after}", start.line, start.column)
}

/// Which exception was meant for it, and whether it holds.
fn exempted(exception: &Exempted) -> String {
    let Exempted { namespace, name, reason, expires, ends_soon, lapsed } = exception;
    let said = if let Some(why) = lapsed {
        format!("GuardException {namespace}/{name} does not hold for it: {why}")
    } else {
        let soon = if *ends_soon { ", which is soon" } else { "" };
        format!("excepted by GuardException {namespace}/{name} until {expires}{soon}: {reason}")
    };
    text::line(&said).into_owned()
}

/// The object, where in it, and who asked.
fn about(reported: &Reported) -> String {
    let object = text::line(&reported.object.to_string()).into_owned();
    let path = &reported.finding.path;
    let at = if path.is_root() { String::new() } else { format!(" at `{}`", text::line(&path.to_string())) };
    let policies: Vec<_> = reported.policies.iter().map(|policy| format!("`{}`", text::line(policy))).collect();
    let word = if policies.len() == 1 { "policy" } else { "policies" };
    match policies.len() {
        0 => object + &at,
        _ => format!("{object}{at}, asked for by {word} {}", text::listed(&policies)),
    }
}
