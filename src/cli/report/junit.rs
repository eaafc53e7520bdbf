//! JUnit XML: a suite per file, a case per finding. Errors fail; a warning or a note passes and says so in its output.

use std::io;

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite, XmlString};

use crate::{
    cli::report::{
        Refusal, Report, Reported, human,
        place::{Columns, Places, Region},
        text,
    },
    engine::finding::Level,
};

pub(super) fn write(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    let places = Places::of(report);
    let mut suites: Vec<_> = report.sources.iter().map(|source| TestSuite::new(text::line(&source.name))).collect();
    for reported in &report.findings {
        if let Some(suite) = suites.get_mut(reported.source) {
            suite.add_test_case(case(report, reported, &places));
        }
    }
    let refusals = report.refusals.iter().map(|refusal| (refusal, refused(refusal, &places)));
    let warnings = report.warnings.iter().map(|warning| (warning, warned(warning, &places)));
    for (refusal, case) in refusals.chain(warnings) {
        let source = refusal.span.as_ref().map(|(source, _)| *source);
        let named = || suites.iter().position(|suite| suite.name.as_str() == text::line(&refusal.file));
        let at = source.or_else(named).unwrap_or(suites.len());
        if at >= suites.len() {
            suites.push(TestSuite::new(text::line(&refusal.file)));
        }
        if let Some(suite) = suites.get_mut(at) {
            suite.add_test_case(case);
        }
    }
    for suite in suites.iter_mut().filter(|suite| suite.test_cases.is_empty()) {
        let name = suite.name.as_str().to_owned();
        let mut case = TestCase::new("no findings", TestCaseStatus::success());
        case.set_classname(name);
        suite.add_test_case(case);
    }
    let mut document = Document::new("portcullis");
    document.add_test_suites(suites);
    document.serialize(out).map_err(io::Error::other)
}

fn case(report: &Report, reported: &Reported, places: &Places<'_>) -> TestCase {
    let finding = &reported.finding;
    let file = report.file(reported.source);
    let region = places.region(reported.source, &reported.span, Columns::Chars);
    let mut said = vec![format!("{}: {}", at(file, region), text::line(&finding.message))];
    said.extend(human::notes(reported).into_iter().map(|note| format!("note: {note}")));
    said.extend(finding.full_help().map(|help| format!("help: {}", text::block(&help))));
    said.extend(human::fix(report, reported).map(|fix| format!("fix: {fix}")));
    let said = said.join("\n");

    let name = format!("{}: {}", finding.code, reported.object);
    let mut case = TestCase::new(text::line(&name), TestCaseStatus::success());
    if let Some(exception) = reported.excepted() {
        case.status = TestCaseStatus::skipped();
        case.status.set_message(text::line(&exception.reason));
        case.set_system_out(format!("excepted: {said}"));
    } else if finding.level == Level::Error {
        case.status = failure(NonSuccessKind::Failure, &finding.code, &finding.message, &said);
    } else {
        case.set_system_out(format!("{}: {said}", finding.level.name()));
    }
    placed(case, file, Some(region))
}

fn refused(refusal: &Refusal, places: &Places<'_>) -> TestCase {
    let (said, region) = place_and_words(refusal, places);
    let status = failure(NonSuccessKind::Error, "refusal", &refusal.message, &said);
    placed(TestCase::new("can be judged", status), &refusal.file, region)
}

fn warned(warning: &Refusal, places: &Places<'_>) -> TestCase {
    let (said, region) = place_and_words(warning, places);
    let mut case = TestCase::new("does something", TestCaseStatus::success());
    case.set_system_out(format!("warning: {said}"));
    placed(case, &warning.file, region)
}

fn place_and_words(refusal: &Refusal, places: &Places<'_>) -> (String, Option<Region>) {
    let span = refusal.span.as_ref();
    let region = span.map(|(source, span)| places.region(*source, span, Columns::Chars));
    let place = region.map_or_else(|| text::line(&refusal.file).into_owned(), |region| at(&refusal.file, region));
    let help = refusal.help.as_ref().map(|help| format!("\nhelp: {}", text::block(help))).unwrap_or_default();
    (format!("{place}: {}{help}", text::line(&refusal.message)), region)
}

fn failure(kind: NonSuccessKind, code: &str, message: &str, said: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(text::line(code)).set_message(text::line(message)).set_description(said);
    status
}

fn placed(mut case: TestCase, file: &str, region: Option<Region>) -> TestCase {
    case.set_classname(text::line(file));
    case.extra.insert(XmlString::new("file"), XmlString::new(text::line(file)));
    if let Some(region) = region {
        case.extra.insert(XmlString::new("line"), XmlString::new(region.start.line.to_string()));
    }
    case
}

fn at(file: &str, region: Region) -> String {
    format!("{}:{}:{}", text::line(file), region.start.line, region.start.column)
}
