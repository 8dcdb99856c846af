//! Cells of a search: a generation at a time, in guests, judged as they come.

use crate::beneath::Beneath;
use crate::environment::Environment;
use crate::error::Failure;
use crate::guests::{Event, Guests};
use crate::jobs;
use crate::load::read_cells;
use crate::stop::Stop;
use lvs_matrix_explore::Candidate;
use lvs_matrix_model::Name;
use lvs_matrix_model::matrix::{CellRef, cells};
use lvs_matrix_model::plan::{LabPlan, plan};
use lvs_matrix_model::scenario::{Expected, Scenario};
use lvs_matrix_model::verdict::JudgedCell;
use std::collections::BTreeMap;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the cells of a generation lie until they are judged.
pub(crate) const CELLS: &str = ".cells";
/// As `run` has it.
const STALL: Duration = Duration::from_secs(60);

/// Who runs sequences.
#[derive(Debug)]
pub(crate) struct Sequences<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) sha256: &'a str,
    /// The folder of the scenario's file.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) environment: Environment,
    pub(crate) jobs: Option<NonZero<usize>>,
    pub(crate) out: &'a Path,
    pub(crate) stop: &'a Stop,
}

impl Sequences<'_> {
    /// Runs the candidates, and gives each one's cell in their order, or why it cannot be judged; `None` if
    /// this was stopped before all were run. `listener` is told what happens.
    pub(crate) fn run(
        &self,
        candidates: &[Candidate],
        listener: &mut (dyn FnMut(Event<'_>) + Send),
    ) -> Result<Option<Vec<Result<JudgedCell, String>>>, Failure> {
        let folder = self.out.join(CELLS);
        let unusable =
            |error: std::io::Error| Failure::Software(format!("cannot use {}: {error}", folder.display()));
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(unusable)?;
        }
        fs::create_dir(&folder).map_err(unusable)?;
        let plans: Vec<LabPlan> = candidates
            .iter()
            .enumerate()
            .filter_map(|(number, candidate)| self.plan(number, candidate))
            .collect();
        let refs: Vec<CellRef> = plans.iter().map(|plan| plan.cell.clone()).collect();
        if refs.len() != candidates.len() {
            return Err(Failure::Software(
                "a sequence of the search has no plan".to_owned(),
            ));
        }
        let names = || refs.iter().map(|cell| cell.scenario.clone());
        let environment = self.environment.clone();
        let guests = Guests {
            kernels: environment.kernels,
            init: environment.init,
            template: environment.template,
            with_innodb: environment.with_innodb,
            scenario_sha256: names().map(|name| (name, self.sha256.to_owned())).collect(),
            stall: STALL,
            fresh_servers: false,
            jobs: self.jobs.unwrap_or_else(|| jobs::of_machine(&plans)),
            out: &folder,
            stop: self.stop,
            folders: self
                .folder
                .iter()
                .flat_map(|folder| names().map(|name| (name, folder.clone())))
                .collect::<BTreeMap<Name, PathBuf>>(),
        };
        let run = guests.run(plans, listener);
        if self.stop.reason().is_some() {
            // What cannot be removed goes with the next generation.
            let _ = fs::remove_dir_all(&folder);
            return Ok(None);
        }
        run?;
        let open = Beneath::open(&folder).map_err(unusable)?;
        let cells = read_cells(&open, &refs)
            .into_iter()
            .map(|cell| match cell {
                Ok(Some(cell)) => Ok(cell),
                Ok(None) => Err("it has no record".to_owned()),
                Err(missing) => Err(missing.to_string()),
            })
            .collect();
        fs::remove_dir_all(&folder).map_err(unusable)?;
        Ok(Some(cells))
    }

    fn plan(&self, number: usize, candidate: &Candidate) -> Option<LabPlan> {
        let name = Name::new(&format!("sequence-{number}")).ok()?;
        let scenario = candidate.scenario(self.scenario, name, Expected::ObserveOnly)?;
        let cells = cells(&scenario);
        let mut plan = plan(&scenario, cells.first()?);
        plan.observe_at_most = self.environment.observe_at_most;
        Some(plan)
    }
}
