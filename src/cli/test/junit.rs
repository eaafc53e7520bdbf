//! JUnit XML: a suite per file. What makes no sense is an error, apart from failures.

use std::io;

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite, XmlString};

use crate::{
    cli::{
        report::{block, count, line},
        test::{Became, Results, Tried},
    },
    files::{Refusal, refusal_line},
};

pub(super) fn write(results: &Results, out: &mut dyn io::Write) -> io::Result<()> {
    let mut suites: Vec<TestSuite> = Vec::new();
    for tried in &results.cases {
        // Its refusal is a case of its own.
        if !matches!(tried.became, Became::Refused) {
            suite(&mut suites, &tried.file, case(tried));
        }
    }
    for refusal in &results.refusals {
        suite(&mut suites, &refusal.file, refused(refusal, results));
    }
    let mut document = Document::new("portcullis test");
    document.add_test_suites(suites);
    document.serialize(out).map_err(io::Error::other)
}

fn suite(suites: &mut Vec<TestSuite>, file: &str, case: TestCase) {
    let name = line(file);
    if !suites.iter().any(|suite| suite.name.as_str() == name) {
        suites.push(TestSuite::new(name.as_ref()));
    }
    if let Some(suite) = suites.iter_mut().find(|suite| suite.name.as_str() == name) {
        suite.add_test_case(case);
    }
}

fn case(tried: &Tried) -> TestCase {
    let status = match &tried.became {
        Became::Failed(differences) => {
            let said: Vec<_> = differences.iter().map(|difference| block(&difference.to_string())).collect();
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type("differences").set_message(count(differences.len(), "difference"));
            status.set_description(said.join("\n"));
            status
        }
        Became::Skipped(why) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(line(why));
            status
        }
        Became::Ok { .. } | Became::Refused | Became::Listed => TestCaseStatus::success(),
    };
    placed(TestCase::new(line(&tried.name), status), &tried.file, Some(tried.line))
}

fn refused(refusal: &Refusal, results: &Results) -> TestCase {
    let help = refusal.help.as_ref().map(|help| format!("\nhelp: {}", block(help))).unwrap_or_default();
    let said = format!("{}{help}", line(&refusal_line(refusal, &results.sources)));
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type("refusal").set_message(line(&refusal.message)).set_description(said);
    placed(TestCase::new("can be read", status), &refusal.file, refusal.line(&results.sources))
}

fn placed(mut case: TestCase, file: &str, at: Option<usize>) -> TestCase {
    case.set_classname(line(file));
    case.extra.insert(XmlString::new("file"), XmlString::new(line(file)));
    if let Some(at) = at {
        case.extra.insert(XmlString::new("line"), XmlString::new(at.to_string()));
    }
    case
}
