//! Which cells of which scenarios a run takes: what was named, `--filter`, `--failed`, `--partition`.

use crate::args::{RunArguments, WhatToRun};
use crate::asked::{Asked, joined};
use crate::coordinates;
use crate::error::Failure;
use crate::load::load;
use crate::scenarios::{self, Selected};
use lvs_matrix_model::matrix::{CellRef, FIRST, Line};
use lvs_matrix_model::verdict::Verdict;
use lvs_matrix_report::{Part, Partition};
use std::collections::{BTreeSet, HashSet};
use std::num::NonZero;
use std::path::{Path, PathBuf};

/// What a run takes.
#[derive(Debug)]
pub(crate) struct Selection {
    /// The scenarios of which it takes cells.
    pub(crate) scenarios: Vec<Selected>,
    /// How they were chosen, for the report; `None`: all cells.
    pub(crate) filter: Option<String>,
    /// If it is a part of a run: which part, and all cells of that run.
    part: Option<(Partition, Vec<CellRef>)>,
    /// The kernels that it runs on, if they were asked for by `--kernels`, or were so by the run that
    /// `--failed` names.
    pub(crate) kernels: Vec<Asked>,
    /// The line of Linux for which expectations were taken, if the run has no kernels by name.
    line: Option<Line>,
}

impl Selection {
    /// The cells that are named (no file: the default scenario), on each of the kernels. `line` is that of
    /// the only kernel, if it is known.
    pub(crate) fn new(what: &WhatToRun, kernels: &[Asked], line: Option<Line>) -> Result<Self, Failure> {
        Self::of_files(&what.files, what, kernels, line)
    }

    fn of_files(
        files: &[PathBuf],
        what: &WhatToRun,
        kernels: &[Asked],
        line: Option<Line>,
    ) -> Result<Self, Failure> {
        let expressions = &what.filter.expressions;
        let kernels = &joined(kernels)?;
        let on = coordinates::of_run(what, kernels, line)?;
        Ok(Self {
            scenarios: scenarios::select(files, expressions, &on)?,
            line: coordinates::only_line(&on),
            kernels: kernels.to_vec(),
            filter: (!expressions.is_empty()).then(|| expressions.join(" or ")),
            part: None,
        })
    }

    /// What `run` was asked for; `None` if `--failed` found nothing that failed.
    /// `line` is that of the only kernel, if it is known.
    pub(crate) fn of_run(arguments: &RunArguments, line: Option<Line>) -> Result<Option<Self>, Failure> {
        let (what, files) = (&arguments.what, &arguments.what.files);
        let mut selection = match &arguments.failed {
            None => Self::new(what, &what.kernels, line)?,
            Some(folder) => {
                let failed = Failed::of(folder)?;
                if failed.cells.is_empty() {
                    return Ok(None);
                }
                let files = if files.is_empty() { &failed.files } else { files };
                let kernels = match what.kernels.as_slice() {
                    [] => &failed.kernels,
                    named => named,
                };
                let mut selection = Self::of_files(files, what, kernels, line)?;
                failed.retain(&mut selection.scenarios, folder)?;
                let words = selection.filter.into_iter().chain(["--failed".to_owned()]);
                selection.filter = Some(words.collect::<Vec<_>>().join(" "));
                selection
            }
        };
        if let Some(partition) = arguments.partition {
            selection.divide(partition);
        }
        Ok(Some(selection))
    }

    /// Was it made for a kernel of another line than this one?
    pub(crate) fn is_of_another(&self, line: Option<Line>) -> bool {
        self.line.is_some() && line.is_some() && self.line != line
    }

    /// Leaves of the cells one part. Dry cells are those of the whole, so that every part has the same.
    fn divide(&mut self, partition: Partition) {
        let all = self.scenarios.iter().flat_map(|selected| &selected.cells);
        let whole: Vec<CellRef> = all.map(|cell| cell.cell.clone()).collect();
        let mut place = 0..;
        for selected in &mut self.scenarios {
            let has =
                |cell: &CellRef, place: Option<usize>| place.is_some_and(|place| partition.has(place, cell));
            selected.cells.retain(|cell| has(&cell.cell, place.next()));
        }
        self.scenarios.retain(|selected| !selected.cells.is_empty());
        self.part = Some((partition, whole));
    }

    /// Which part of a run this is, with cells that are repeated so often.
    pub(crate) fn part(&self, selected: &[CellRef], times: NonZero<u32>) -> Option<Part> {
        let (partition, once) = self.part.as_ref()?;
        let numbers = (1..=times.get()).filter_map(NonZero::new);
        let whole = numbers.flat_map(|number| once.iter().map(move |cell| cell.repeated(number)));
        Some(Part::new(*partition, selected, &whole.collect::<Vec<_>>()))
    }
}

/// What was not met in an earlier run.
struct Failed {
    /// The ids of the cells, without the numbers of repetitions.
    cells: BTreeSet<String>,
    /// The run's scenarios, as they are named on a command line.
    files: Vec<PathBuf>,
    /// The run's kernels, if it had several, as they were asked for.
    kernels: Vec<Asked>,
}

impl Failed {
    fn of(folder: &Path) -> Result<Self, Failure> {
        let report = load(folder)?;
        let judged = report.cells().iter().filter(|cell| match cell.verdict {
            Verdict::Met | Verdict::ObservedOnly => false,
            Verdict::TestedNothing { .. } | Verdict::Violated { .. } | Verdict::Undetermined { .. } => true,
        });
        let judged = judged.map(|cell| &cell.record.plan.cell);
        let missing = report.missing().iter().map(|missing| &missing.cell);
        let disagreeing = report
            .disagreements()
            .iter()
            .map(|disagreement| &disagreement.cell);
        let cells: HashSet<&CellRef> = judged.chain(missing).chain(disagreeing).collect();
        let scenarios = report.run().scenarios.iter();
        let scenarios = scenarios.filter(|scenario| cells.iter().any(|cell| cell.scenario == scenario.name));
        let kernels = report.run().kernels.iter();
        let kernels = kernels.map(|kernel| kernel.asked.parse().map_err(Failure::Mistake));
        Ok(Self {
            kernels: kernels.collect::<Result<_, _>>()?,
            files: scenarios
                .map(|scenario| PathBuf::from(scenario.file.as_deref().unwrap_or(scenario.name.as_str())))
                .collect(),
            cells: cells
                .into_iter()
                .map(|cell| cell.repeated(FIRST).to_string())
                .collect(),
        })
    }

    /// Leaves of what was selected only what failed.
    fn retain(&self, scenarios: &mut Vec<Selected>, folder: &Path) -> Result<(), Failure> {
        for selected in &mut *scenarios {
            // A run of one kernel says nothing of others: what failed there is run on all that are named.
            selected.cells.retain(|cell| {
                let (own, on_any) = (cell.cell.to_string(), cell.cell.on(None).to_string());
                self.cells.contains(&own) || self.kernels.is_empty() && self.cells.contains(&on_any)
            });
            selected.tried.clone_from(&selected.cells);
        }
        scenarios.retain(|selected| !selected.cells.is_empty());
        if scenarios.is_empty() {
            return Err(Failure::Mistake(format!(
                "no cell that was not met in {} is among those that are selected here",
                folder.display()
            )));
        }
        Ok(())
    }
}
