//! The report in JUnit's XML, as CI systems read it: a suite for each file.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as Xml, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::report::{Ran, Report};

/// The report as a text.
///
/// # Errors
/// When it cannot be written as XML.
pub(super) fn xml(report: &Report) -> Result<String, SerializeError> {
    let mut xml = Xml::new("resilmesh");
    for cases in report.ran.chunk_by(|one, other| one.file == other.file) {
        let Some(first) = cases.first() else { continue };
        let mut suite = TestSuite::new(&first.file);
        suite.add_test_cases(cases.iter().map(case));
        xml.add_test_suite(suite);
    }
    xml.to_string()
}

fn case(ran: &Ran) -> TestCase {
    let status = if ran.passed {
        TestCaseStatus::success()
    } else {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        let text = ran.text();
        status.set_message(text.first().cloned().unwrap_or_default()).set_description(text.join("\n"));
        status
    };
    let mut case = TestCase::new(&ran.name, status);
    case.set_classname(&ran.file).set_time(Duration::from_millis(u64::try_from(ran.milliseconds).unwrap_or(u64::MAX)));
    case
}
