//! `merge`: runs that are parts of one, put together.

use crate::args::MergeArguments;
use crate::beneath::Beneath;
use crate::clock;
use crate::copied;
use crate::error::Failure;
use crate::folder::Folder;
use crate::judge::judge;
use crate::load::{read_invocation, read_run};
use crate::output;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_report::{Invocation, KernelSummary, Part, RUN_FILE, RunState, RunSummary, ScenarioSummary};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

/// A run that is put together with others.
struct One<'f> {
    folder: &'f Path,
    open: Beneath,
    run: RunSummary,
}

/// `merge DIR… --out DIR`.
pub(crate) fn merge(arguments: &MergeArguments) -> Result<ExitCode, Failure> {
    let mut runs = Vec::new();
    for folder in &arguments.folders {
        let (open, run) = read_run(folder)?;
        runs.push(One { folder, open, run });
    }
    let (run, from) = whole(&runs)?;
    let folder = Folder::make(Some(&arguments.out))?;
    let text = serde_json::to_string_pretty(&run).map_err(|error| Failure::Software(error.to_string()))?;
    let written =
        copy(&from, folder.path()).and_then(|()| output::write_file(folder.path(), RUN_FILE, &(text + "\n")));
    written.inspect_err(|_| {
        // Half of a run is none. What cannot be removed stays; the failure that led here is what is reported.
        for scenario in &run.scenarios {
            let _ = fs::remove_dir_all(folder.path().join(scenario.name.as_str()));
        }
        folder.discard_if_without_records();
    })?;
    if let Some(invocation) = invocation_of(&runs)? {
        clock::write(folder.path(), &invocation)?;
    }
    judge(folder.path(), false, None)
}

/// When the first part began and how long its cells and those of the others took; `None` if no part says it.
fn invocation_of(runs: &[One<'_>]) -> Result<Option<Invocation>, Failure> {
    let mut whole: Option<Invocation> = None;
    for one in runs {
        let Some(part) = read_invocation(&one.open, one.folder)? else {
            continue;
        };
        let own = whole.get_or_insert_with(|| Invocation {
            began: part.began.clone(),
            ..clock::invocation(SystemTime::UNIX_EPOCH)
        });
        // Times of one form and one zone are in the order of their texts.
        own.began = own.began.clone().min(part.began);
        own.cells.extend(part.cells);
    }
    Ok(whole)
}

/// Each cell of the whole run with the run that has it.
type From<'r, 'f> = Vec<(CellRef, &'r One<'f>)>;

/// What the whole run says of itself, and where its cells are.
fn whole<'r, 'f>(runs: &'r [One<'f>]) -> Result<(RunSummary, From<'r, 'f>), Failure> {
    let [first, others @ ..] = runs else {
        return Err(Failure::Mistake("no run was named".to_owned()));
    };
    for other in others {
        same(first, other)?;
    }
    let mut cells: Vec<(usize, CellRef, &One<'_>)> = Vec::new();
    for (one, places) in runs.iter().zip(places(runs)?) {
        cells.extend(
            places
                .into_iter()
                .zip(&one.run.selected)
                .map(|(place, cell)| (place, cell.clone(), one)),
        );
    }
    cells.sort_by_key(|(place, _, _)| *place);
    let mut seen: BTreeMap<String, &Path> = BTreeMap::new();
    for (_, cell, one) in &cells {
        if let Some(other) = seen.insert(cell.to_string(), one.folder) {
            return Err(Failure::Mistake(format!(
                "{} and {} have both the cell {cell}; merge takes every cell once (`diff` compares runs)",
                other.display(),
                one.folder.display()
            )));
        }
    }
    let mut in_order: Vec<&CellRef> = Vec::new();
    let mut dry: From<'_, '_> = Vec::new();
    for (_, cell, one) in &cells {
        let same = |known: &&CellRef| known.scenario == cell.scenario && known.kernel == cell.kernel;
        if in_order.iter().any(same) {
            continue;
        }
        in_order.push(cell);
        let own = one.run.dry.iter().filter(|dry| same(dry));
        dry.extend(own.map(|dry| (dry.clone(), *one)));
    }
    let names = |one: &One<'_>| -> Vec<_> {
        let scenarios = one.run.scenarios.iter();
        scenarios.map(|scenario| scenario.name.clone()).collect()
    };
    let scenarios: Vec<ScenarioSummary> = if runs.iter().all(|one| names(one) == names(first)) {
        first.run.scenarios.clone()
    } else {
        // A part to which no cell of a scenario fell does not know it.
        let all = || runs.iter().flat_map(|one| &one.run.scenarios);
        let of = |cell: &&CellRef| all().find(|own| own.name == cell.scenario).cloned();
        let mut named: Vec<ScenarioSummary> = Vec::new();
        for scenario in in_order.iter().filter_map(of) {
            if !named.iter().any(|known| known.name == scenario.name) {
                named.push(scenario);
            }
        }
        named
    };
    let stopped = runs.iter().find_map(|one| match &one.run.state {
        RunState::Ended => None,
        RunState::Begun => Some((one, "it was killed")),
        RunState::Interrupted { reason } => Some((one, reason.as_str())),
    });
    let run = RunSummary {
        state: stopped.map_or(RunState::Ended, |(one, reason)| RunState::Interrupted {
            reason: match &one.run.part {
                Some(part) => format!("part {}: {reason}", part.partition),
                None => reason.to_owned(),
            },
        }),
        part: None,
        kernels: kernels(runs),
        scenarios,
        selected: cells.iter().map(|(_, cell, _)| cell.clone()).collect(),
        dry: dry.iter().map(|(cell, _)| cell.clone()).collect(),
        ..first.run.clone()
    };
    let cells = cells.into_iter().map(|(_, cell, one)| (cell, one));
    Ok((run, cells.chain(dry).collect()))
}

/// The kernels of all runs, each once, in the order in which they come up.
fn kernels(runs: &[One<'_>]) -> Vec<KernelSummary> {
    let mut kernels: Vec<KernelSummary> = Vec::new();
    for kernel in runs.iter().flat_map(|one| &one.run.kernels) {
        if !kernels.iter().any(|known| known.id == kernel.id) {
            kernels.push(kernel.clone());
        }
    }
    kernels
}

/// Refuses two runs that were not made with the same things.
fn same(a: &One<'_>, b: &One<'_>) -> Result<(), Failure> {
    let refused = |what: &str| {
        Err(Failure::Mistake(format!(
            "{} and {} were run with different {what}: they are no parts of one run (`diff` compares runs)",
            a.folder.display(),
            b.folder.display()
        )))
    };
    let part = |one: &One<'_>, what: fn(&lvs_matrix_model::record::Hashes) -> &str| {
        one.run.hashes.as_ref().map(|hashes| what(hashes).to_owned())
    };
    if part(a, |hashes| &hashes.harness) != part(b, |hashes| &hashes.harness)
        || a.run.harness != b.run.harness
    {
        return refused("programs of lvs-matrix");
    }
    let kernel = |one: &One<'_>| one.run.hashes.as_ref().map(|hashes| hashes.kernel.clone());
    if kernel(a) != kernel(b) || a.run.kernels.is_empty() != b.run.kernels.is_empty() {
        return refused("guest kernels");
    }
    for kernel in &a.run.kernels {
        let other = b.run.kernels.iter().find(|other| other.id == kernel.id);
        if other.is_some_and(|other| other.sha256 != kernel.sha256) {
            return refused(&format!("guest kernels {}", kernel.id));
        }
    }
    // A part in which no real server is a mysqld was run without one.
    let mysqld = |one: &One<'_>| one.run.hashes.as_ref().and_then(|hashes| hashes.mysqld.clone());
    if mysqld(a).zip(mysqld(b)).is_some_and(|(a, b)| a != b) {
        return refused("server programs");
    }
    for scenario in &a.run.scenarios {
        let other = b.run.scenarios.iter().find(|other| other.name == scenario.name);
        // Where its file lay on each machine is no matter.
        if other.is_some_and(|other| other.sha256 != scenario.sha256 || other.axes != scenario.axes) {
            return refused(&format!("texts of the scenario `{}`", scenario.name));
        }
    }
    let whole = |one: &One<'_>| {
        one.run
            .part
            .as_ref()
            .map(|part| (part.partition.by, part.partition.of, part.whole.clone()))
    };
    if whole(a) != whole(b) || a.run.filter != b.run.filter {
        return refused("cells as the whole, or divided otherwise");
    }
    Ok(())
}

/// The place of each cell of each run in the whole one.
fn places(runs: &[One<'_>]) -> Result<Vec<Vec<usize>>, Failure> {
    let parts: Vec<&Part> = runs.iter().filter_map(|one| one.run.part.as_ref()).collect();
    let [first, ..] = parts.as_slice() else {
        // Whole runs: one after the other.
        let mut next = 0..;
        return Ok(runs
            .iter()
            .map(|one| next.by_ref().take(one.run.selected.len()).collect())
            .collect());
    };
    let there: BTreeSet<u32> = parts.iter().map(|part| part.partition.number.get()).collect();
    let absent: Vec<String> = (1..=first.partition.of.get())
        .filter(|number| !there.contains(number))
        .take(10)
        .map(|number| number.to_string())
        .collect();
    if !absent.is_empty() {
        return Err(Failure::Mistake(format!(
            "of {} parts these are missing: {}; name their folders, too",
            first.partition.of,
            absent.join(", ")
        )));
    }
    let torn = runs
        .iter()
        .zip(&parts)
        .find(|(one, part)| one.run.selected.len() != part.places.len());
    if let Some((one, _)) = torn {
        return Err(Failure::Mistake(format!(
            "{} is no run's of lvs-matrix: it has other cells than places for them",
            one.folder.display()
        )));
    }
    Ok(parts.iter().map(|part| part.places.clone()).collect())
}

/// Copies what was recorded of the cells.
fn copy(from: &From<'_, '_>, to: &Path) -> Result<(), Failure> {
    for (cell, one) in from {
        copied::cell(&one.open, one.folder, cell, to)?;
    }
    Ok(())
}
