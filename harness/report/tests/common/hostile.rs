//! A run whose servers, authors and kernel write whatever could act in a report.

use super::ms;
use lvs_matrix_model::record::{ClientEventKind, StepOutcome};
use lvs_matrix_model::verdict::{Doubt, Fact, JudgedCell, OperationEnd, Verdict};
use lvs_matrix_report::{RunReport, RunState};

/// What servers, authors and kernels may write.
pub(crate) const TEXT: &str = "<script>alert(1)</script> a|b `tick` ``` ~~~ \
    ]]> \u{1b}[31mred\u{1b}[0m \u{202e}reversed\u{202c} \
                       \u{200b}\u{feff}\u{ffff}\0\r\n::error file=x::boom\n  ::add-mask::y\n##[group]z\n# \
                       heading\n</details>\n\
                       ```\n| cell | cell |\n@mention [link](javascript:alert(1)) ![i](x) \
                       &amp; \\| \u{9b}31m";

/// A run in which every text of others is [`TEXT`].
pub(crate) fn report() -> RunReport {
    let mut cell: JudgedCell = super::violated();
    let text = || TEXT.to_owned();
    cell.verdict = Verdict::Undetermined {
        reasons: vec![Doubt::NotRun { reason: text() }],
    };
    if let Some(error) = cell.observed.error.as_mut() {
        error.message = text();
    }
    if let Some(operation) = cell.observed.operation.as_mut() {
        operation.what = text();
    }
    for item in &mut cell.observed.evidence {
        item.fact = Fact::Ended {
            at: ms(1),
            how: OperationEnd::Error(text()),
        };
    }
    let record = &mut cell.record;
    record.environment.kernel = text();
    record.environment.mysqld = text();
    record.environment.ipvsadm = text();
    record.preparation[0].argv.push(text());
    record.preparation[0].exit = Some(1);
    record.preparation[0].output = text();
    record.steps[0].outcome = StepOutcome::Failed { reason: text() };
    record.steps[2].outcome = StepOutcome::Done {
        proof: text().as_str().into(),
    };
    record.client_events[0].kind = ClientEventKind::StatementBegun { sql: text() };
    let hung = super::hung();
    record.snapshots = hung.record.snapshots;
    record.snapshots[0].services = text();
    record.snapshots[0].connections = text();
    record.server_views = hung.record.server_views;
    record.server_views[0].sockets = vec![text()];
    record.server_views[0].log = Some("../x).log".to_owned());
    if let Some(sessions) = record.server_views[0].sessions.as_mut() {
        sessions[0].info = Some(text());
        sessions[0].command = text();
    }
    if let Some(capture) = record.capture.as_mut() {
        capture.points[0].failure = Some(text());
        capture.points[0].interface = text();
    }
    let mut failed = super::lab_failed();
    failed.record.lab = lvs_matrix_model::record::LabOutcome::Failed {
        stage: text(),
        reason: text(),
        log: vec![text()],
    };
    failed.verdict = Verdict::Undetermined {
        reasons: vec![Doubt::NotRun { reason: text() }],
    };
    super::report_of(vec![cell, failed], RunState::Interrupted { reason: text() })
}
