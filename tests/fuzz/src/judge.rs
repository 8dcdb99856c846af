//! A record and a capture, whatever is in them: judged, explained and reported.

use crate::{obeyed, split};
use lvs_matrix_explain::explain;
use lvs_matrix_model::record::CellRecord;
use lvs_matrix_model::verdict::{Behaviour, JudgedCell, Verdict, judged};
use lvs_matrix_report::{Language, RUN_FORMAT, RunReport, RunState, RunSummary};
use lvs_matrix_report::{
    annotations, html, json, junit, ladder_mermaid, ladder_svg, markdown, markdown_cell, terminal,
};
use serde_json::json as value;

/// One of so many inputs is reported.
const REPORTED: u8 = 8;

pub(crate) fn run(bytes: &[u8]) {
    let Some((record, capture)) = split(bytes) else {
        return;
    };
    let Ok(record) = serde_json::from_slice::<CellRecord>(record) else {
        return;
    };
    let cell = judged(record.clone(), Some(capture));
    assert_eq!(
        judged(record.clone(), Some(capture)),
        cell,
        "another verdict the second time"
    );

    match (&cell.observed.behaviour, &cell.verdict) {
        (Behaviour::Undetermined { reasons }, Verdict::Undetermined { reasons: told }) => {
            assert!(
                !reasons.is_empty() && !told.is_empty(),
                "not known without a reason"
            );
        }
        (
            Behaviour::Undetermined { .. },
            Verdict::Met | Verdict::Violated { .. } | Verdict::ObservedOnly | Verdict::TestedNothing { .. },
        ) => {
            panic!("a verdict on what is not known: {:?}", cell.verdict)
        }
        (Behaviour::Answered { .. } | Behaviour::FailedFast { .. } | Behaviour::Hung { .. }, verdict) => {
            assert!(!cell.observed.evidence.is_empty(), "{verdict:?} without evidence");
        }
    }
    if let Verdict::Violated { differences } = &cell.verdict {
        assert!(!differences.is_empty(), "violated without a difference");
    }

    // Reports take most of the time.
    if bytes
        .iter()
        .fold(0_u8, |sum, byte| sum.wrapping_add(*byte))
        .is_multiple_of(REPORTED)
    {
        report(cell);
    }
}

/// Every report of it.
fn report(cell: JudgedCell) {
    let record = &cell.record;
    let run = RunSummary {
        format: RUN_FORMAT,
        selected: vec![record.plan.cell.clone()],
        ..serde_json::from_value(value!({
            "format": RUN_FORMAT, "harness": "fuzz", "state": "ended", "filter": null, "selected": [],
            "scenarios": [{
                "name": record.plan.cell.scenario, "claim": "A claim.", "observe": record.plan.observe,
                "axes": record.plan.cell.values.iter()
                    .map(|(axis, of)| value!({ "name": axis, "values": [of] })).collect::<Vec<_>>(),
            }],
        }))
        .expect("a run in which this cell was selected")
    };
    assert_eq!(run.state, RunState::Ended);
    let mut report = RunReport::new(run, vec![cell], Vec::new());
    for language in Language::ALL {
        report = report.in_language(language);
        let cell = &report.cells()[0];
        for text in [
            markdown(&report),
            markdown_cell(&report, cell),
            terminal(&report),
            html(&report),
            ladder_mermaid(language, cell).unwrap_or_default(),
        ] {
            assert_eq!(obeyed(&text), None);
        }
        let _ = ladder_svg(language, cell);
    }
    let _ = (explain(&report.cells()[0]), annotations(&report, str::to_owned));
    let text = json(&report).expect("a report as JSON");
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    let text = junit(&report).expect("a report as XML");
    let mut reader = quick_xml::Reader::from_str(&text);
    while !matches!(reader.read_event().expect("XML"), quick_xml::events::Event::Eof) {}
}
