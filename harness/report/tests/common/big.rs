//! A run of many cells.

use crate::common::{hung, name, scenario, summary_of};
use lvs_matrix_model::verdict::JudgedCell;
use lvs_matrix_report::{RunReport, RunState};

/// A run of `count` hung cells, each with as many packets as a long hang has.
pub(crate) fn big(count: usize) -> RunReport {
    big_of(count, |_, _| {})
}

pub(crate) fn big_of(count: usize, change: impl Fn(usize, &mut JudgedCell)) -> RunReport {
    let mut scenario = scenario();
    scenario.axes[0].values = (0..count)
        .map(|number| {
            let mut value = scenario.axes[0].values[1].clone();
            value.name = name(&format!("v{number}"));
            value
        })
        .collect();
    scenario.axes.truncate(1);
    let mut hung = hung();
    hung.change_packets(|packets| *packets = [packets.as_slice(); 8].concat());
    let selected: Vec<_> = lvs_matrix_model::matrix::cells(&scenario)
        .into_iter()
        .map(|cell| cell.cell)
        .collect();
    let judged = selected
        .iter()
        .enumerate()
        .map(|(number, cell)| {
            let mut judged = hung.clone();
            judged.record.plan.cell = cell.clone();
            change(number, &mut judged);
            judged
        })
        .collect();
    let run = lvs_matrix_report::RunSummary {
        format: lvs_matrix_report::RUN_FORMAT,
        harness: "0.1.0".to_owned(),
        hashes: None,
        state: RunState::Ended,
        filter: None,
        part: None,
        language: lvs_matrix_report::Language::English,
        scenarios: vec![summary_of(&scenario)],
        selected,
        kernels: vec![],
        dry: vec![],
    };
    RunReport::new(run, judged, vec![])
}
