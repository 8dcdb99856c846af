//! `explain`: why the client of one cell saw what it saw.

use crate::error::Failure;
use crate::load::load_in;
use crate::named;
use crate::output;
use lvs_matrix_explain::{Trial, explain_in};
use lvs_matrix_model::verdict::JudgedCell;
use lvs_matrix_report::{Language, explanation};
use std::path::Path;
use std::process::ExitCode;

/// `explain CELL`; with the number of a piece of advice, the scenario by which it is tried.
pub(crate) fn explain(
    folder: &Path,
    wanted: &str,
    lang: Option<Language>,
    tried: Option<usize>,
) -> Result<ExitCode, Failure> {
    let report = load_in(folder, lang)?;
    let cell = named::find(&report.run().selected, folder, wanted)?;
    if let Some(judged) = report
        .cells()
        .iter()
        .find(|judged| &judged.record.plan.cell == cell)
    {
        match tried {
            None => output::data(&explanation(report.language(), judged))?,
            Some(number) => output::data(&trial(judged, report.language(), number)?)?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    let missing = report.missing().iter().find(|missing| &missing.cell == cell);
    let reason = missing.map_or_else(
        || "there is no record of it".to_owned(),
        |missing| missing.reason.to_string(),
    );
    Err(Failure::Mistake(format!("{cell} cannot be explained: {reason}")))
}

/// The scenario by which this piece of advice is tried.
fn trial(judged: &JudgedCell, language: Language, number: usize) -> Result<String, Failure> {
    let cell = &judged.record.plan.cell;
    let advice = explain_in(language, judged).advice;
    let advised = number.checked_sub(1).and_then(|index| advice.get(index));
    match advised.map(|advised| &advised.trial) {
        Some(Trial::Scenario { file, .. }) => Ok(file.clone()),
        Some(Trial::Not { reason }) => Err(Failure::Mistake(format!(
            "advice {number} for {cell} cannot be tried: {reason}"
        ))),
        None if advice.is_empty() => Err(Failure::Mistake(format!("there is no advice for {cell}"))),
        None => Err(Failure::Mistake(format!(
            "there is no advice {number} for {cell}; `lvs-matrix explain {cell}` shows those from 1 to {}",
            advice.len()
        ))),
    }
}
