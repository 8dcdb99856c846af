//! The report for CI systems: JUnit's XML. A failure of the lab is `<error>`, never `<failure>`.

use crate::error::ReportError;
use crate::escape::{one_line, visible};
use crate::repeat;
use crate::row::{Row, listed};
use crate::run::{RunReport, ScenarioSummary, capture_path, record_path};
use lvs_matrix_language::{Language, Length, phrasing};
use lvs_matrix_model::record::LabOutcome;
use lvs_matrix_model::verdict::{Disagreement, JudgedCell, Verdict};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

/// The report as JUnit XML: a test suite per scenario, a test case per selected cell (`classname` the
/// scenario, `name` the cell's slug, `file` and `line` its expectation's place, the axes as properties). A
/// cell of one of several kernels has it as its property `kernel`, and the other kernels on which it came to
/// the same as `agrees-with`.
/// `failure`: the expectation is violated; `error`: undetermined, tested nothing, or no record; `skipped`:
/// not run, on purpose. `time` and `timestamp` are of the host's clock and are there if it is known how the
/// run was called ([`crate::Invocation`]); how long the client's operation took on the cell's own clock is
/// the property `client-time`. No random ids.
///
/// # Errors
/// [`ReportError::JUnit`] if the XML writer refuses a value.
pub fn junit(report: &RunReport) -> Result<String, ReportError> {
    let mut xml = Report::new("lvs-matrix");
    for scenario in &report.run().scenarios {
        let mut suite = TestSuite::new(scenario.name.as_str());
        suite.add_property(("claim", &*one_line(&scenario.claim)));
        let mut took = None;
        let on_kernels = report.on_kernels(&scenario.name);
        for row in report.all_rows(&scenario.name) {
            let mut case = test_case((report, scenario), row);
            if let Some(kernel) = &row.cell().kernel {
                case.add_property(("kernel", kernel.as_str()));
                let same = report.agreeing(&on_kernels, row);
                case.add_property(("agrees-with", &*listed(Language::English, &same)));
            }
            let own = report.invocation();
            if let Some(own) = own.and_then(|own| own.of_cell(&row.cell().to_string())) {
                case.set_time(own);
                took = Some(took.unwrap_or_default() + own);
            }
            suite.add_test_case(case);
        }
        if let (Some(took), Some(invocation)) = (took, report.invocation()) {
            suite.set_time(took);
            let began = &*one_line(&invocation.began);
            suite.extra.insert("timestamp".into(), began.into());
        }
        let disagreements = report.disagreements().iter();
        for disagreement in disagreements.filter(|disagreement| disagreement.cell.scenario == scenario.name) {
            suite.add_test_case(disagreeing(disagreement));
        }
        if !suite.test_cases.is_empty() {
            xml.add_test_suite(suite);
        }
    }
    Ok(xml.to_string()?)
}

fn test_case((report, scenario): (&RunReport, &ScenarioSummary), row: Row<'_>) -> TestCase {
    let status = match row {
        Row::Judged(cell) => status(cell),
        Row::Missing(missing) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type("no record");
            status.set_message(&*one_line(&missing.reason.to_string()));
            status
        }
    };
    let mut case = TestCase::new(row.cell().slug(), status);
    case.set_classname(scenario.name.as_str());
    if let Some(file) = &scenario.file {
        // As pytest writes them, and what many viewers make a link of.
        case.extra.insert("file".into(), (&*one_line(file)).into());
        if let Some(expectation) = scenario.expectation_of(row.cell(), report.line_of(row.cell())) {
            let line = expectation.position.line.to_string();
            case.extra.insert("line".into(), line.as_str().into());
        }
    }
    for (axis, value) in &row.cell().values {
        case.add_property((axis.as_str(), value.as_str()));
    }
    if let Row::Judged(cell) = row {
        if let Some(length) = Length::of(cell) {
            let time = format!("{:.6}", length.time.as_secs_f64());
            case.add_property(("client-time", &*time));
        }
        let place = &cell.record.plan.cell;
        case.add_property((
            "behaviour",
            &*phrasing::behaviour(Language::English, &cell.observed.behaviour),
        ));
        if let Some(result) = cell.article() {
            case.add_property(("article", phrasing::article(Some(result))));
        }
        for note in phrasing::besides(Language::English, cell) {
            case.add_property(("note", &*one_line(&note)));
        }
        case.add_property(("verdict", phrasing::verdict(Language::English, &cell.verdict)));
        case.add_property(("record", &*record_path(place)));
        if cell.record.capture.is_some() {
            case.add_property(("capture", &*capture_path(place)));
        }
    }
    case
}

/// A test case of its own: each repetition has its verdict already, and keeps it.
fn disagreeing(disagreement: &Disagreement) -> TestCase {
    let outcomes = repeat::outcomes(Language::English, disagreement);
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type("repetitions disagree");
    status.set_message(&*one_line(&outcomes.join("; ")));
    let mut case = TestCase::new(format!("{} (repetitions)", disagreement.cell.slug()), status);
    case.set_classname(disagreement.cell.scenario.as_str());
    case
}

fn status(cell: &JudgedCell) -> TestCaseStatus {
    if let LabOutcome::NotRun { reason } = &cell.record.lab {
        let mut status = TestCaseStatus::skipped();
        status.set_type("not run");
        status.set_message(&*one_line(reason));
        return status;
    }
    let kind = match &cell.verdict {
        Verdict::Met | Verdict::ObservedOnly => return TestCaseStatus::success(),
        Verdict::Violated { .. } => NonSuccessKind::Failure,
        Verdict::TestedNothing { .. } | Verdict::Undetermined { .. } => NonSuccessKind::Error,
    };
    let explanation = phrasing::explain(Language::English, cell);
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(explanation.verdict);
    status.set_message(&*one_line(&phrasing::reasons(Language::English, cell).join("; ")));
    let mut text = String::from("\n");
    for (label, line) in &explanation.lines {
        text.push_str(&format!("{label}: {}\n", visible(line)));
    }
    status.set_description(text);
    status
}
