//! Which cell is meant: one of scenario files, of a run, or of the scenarios that came with the program.

use crate::args::ByHandArguments;
use crate::error::Failure;
use crate::folder::DEFAULT_RUN;
use crate::load;
use crate::named;
use crate::output;
use crate::scenarios::{self, Selected};
use crate::shipped;
use lvs_matrix_model::matrix::{CellRef, DEFAULT_LINE, FIRST, cells};
use lvs_matrix_model::plan::{LabPlan, plan};
use lvs_matrix_model::record::Place;
use lvs_matrix_report::{RUN_FILE, ScenarioSummary};
use std::path::{Path, PathBuf};

/// A cell whose lab is to be made.
pub(super) struct Wanted {
    pub(super) plan: LabPlan,
    /// What the run's summary says of its scenario.
    pub(super) scenario: ScenarioSummary,
    /// The scenario with this cell alone.
    pub(super) selected: Selected,
    /// The kernel that it had in a run of several, as it was asked for there.
    pub(super) kernel: Option<String>,
    /// The stock kernel that it had in a run of one, which does not say where its file was.
    pub(super) stock: Option<String>,
}

/// The cell that the command line names.
pub(super) fn find(arguments: &ByHandArguments) -> Result<Wanted, Failure> {
    let wanted = arguments.cell.as_str();
    if !arguments.files.is_empty() {
        return of_scenarios(&arguments.files, wanted, "the scenarios named");
    }
    if let Some(run) = &arguments.run {
        return of_run(run, wanted);
    }
    let latest = Path::new(DEFAULT_RUN);
    if latest.join(RUN_FILE).exists()
        && let Ok(found) = of_run(latest, wanted)
    {
        output::talk(&format!("{}, a cell of {}", found.plan.cell, latest.display()));
        return Ok(found);
    }
    // `SCENARIO/…` means that one, whatever the others have.
    let scenario = wanted.split('/').next().and_then(shipped::named);
    let files: Vec<PathBuf> = match scenario {
        Some(scenario) => vec![scenario.name.into()],
        None => shipped::all().map(|shipped| shipped.name.into()).collect(),
    };
    of_scenarios(&files, wanted, "the shipped scenarios")
}

fn of_scenarios(files: &[PathBuf], wanted: &str, place: &str) -> Result<Wanted, Failure> {
    let mut all = scenarios::select(files, &[], &[(None, DEFAULT_LINE)])?;
    let refs: Vec<CellRef> = all
        .iter()
        .flat_map(|selected| &selected.cells)
        .map(|cell| cell.cell.clone())
        .collect();
    let cell = named::find_in(&refs, (place, "have"), wanted)?;
    let lost = || Failure::Software(format!("{cell} was found, and then was not"));
    all.retain(|selected| selected.scenario.name == cell.scenario);
    let mut selected = all.pop().ok_or_else(lost)?;
    selected.cells.retain(|one| one.cell == *cell);
    selected.tried.clone_from(&selected.cells);
    let cell = selected.cells.first().ok_or_else(lost)?;
    Ok(Wanted {
        plan: plan(&selected.scenario, cell),
        scenario: ScenarioSummary {
            file: selected.file.clone(),
            sha256: Some(selected.sha256.clone()),
            ..ScenarioSummary::from(&selected.scenario)
        },
        selected,
        kernel: None,
        stock: None,
    })
}

/// The cell of a run has the plan that it had there, whatever its file says now.
fn of_run(folder: &Path, wanted: &str) -> Result<Wanted, Failure> {
    let (_, run) = load::read_run(folder)?;
    let cell = named::find(&run.selected, folder, wanted)?;
    let scenario = run
        .scenarios
        .iter()
        .find(|scenario| scenario.name == cell.scenario);
    let scenario = scenario.ok_or_else(|| {
        Failure::Mistake(format!(
            "{} does not say what {} is",
            folder.display(),
            cell.scenario
        ))
    })?;
    let judged = load::one(folder, cell).map_err(|reason| {
        Failure::Mistake(format!("{cell} has no lab that could be made again: {reason}"))
    })?;
    let mut plan = judged.record.plan.clone();
    let kernels = run.kernels.iter();
    let mut kernels = kernels.filter(|kernel| Some(&kernel.id) == cell.kernel.as_ref());
    let kernel = kernels.next().map(|kernel| kernel.asked.clone());
    let environment = &judged.record.environment;
    let in_qemu = kernel.is_none() && environment.place == Place::Qemu;
    let stock = in_qemu.then(|| environment.kernel.clone());
    plan.cell = plan.cell.repeated(FIRST).on(None);
    plan.observe_at_most = None;
    let alone = plan.alone();
    let cells = cells(&alone);
    Ok(Wanted {
        selected: Selected {
            file: scenario.file.clone(),
            sha256: scenario.sha256.clone().unwrap_or_default(),
            tried: cells.clone(),
            cells,
            scenario: alone,
            warnings: String::new(),
        },
        scenario: scenario.clone(),
        plan,
        kernel,
        stock,
    })
}
