//! What cell-runs came to, held against each other. Read from `report.json`, as any program would.

use serde::Deserialize;
use std::collections::BTreeMap;

/// What of `report.json` is looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    cells: Vec<Cell>,
    missing: Vec<Missing>,
}

#[derive(Debug, Deserialize)]
struct Cell {
    id: String,
    behaviour: String,
    ends: Option<String>,
    article: Option<String>,
    error: Option<ErrorCodes>,
    verdict: Verdict,
}

#[derive(Debug, Deserialize)]
struct ErrorCodes {
    classic: Option<u16>,
    server: Option<u16>,
    errno: Option<u16>,
}

#[derive(Debug, Deserialize)]
struct Verdict {
    result: String,
    reasons: Vec<String>,
    differences: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Missing {
    id: String,
    reason: String,
}

/// What a cell-run came to, in words; times are not in it.
fn outcome(cell: &Cell) -> String {
    let mut words = vec![cell.behaviour.clone()];
    words.extend(cell.ends.iter().map(|end| format!("then {end}")));
    words.extend(cell.article.clone());
    if let Some(error) = &cell.error {
        let codes = [
            ("error", error.classic),
            ("server's error", error.server),
            ("errno", error.errno),
        ];
        let known = codes
            .iter()
            .filter_map(|(name, code)| Some(format!("{name} {}", (*code)?)));
        words.extend(known);
    }
    words.push(cell.verdict.result.clone());
    words.join(", ")
}

/// A cell-run that did not come to what most of its cell's did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) cell: String,
    pub(crate) run: usize,
    pub(crate) outcome: String,
    /// What most came to.
    pub(crate) usual: String,
}

/// All cell-runs so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// By cell: what each run came to, with the run's number.
    cells: BTreeMap<String, Vec<(usize, String)>>,
    /// Cell-runs whose verdict is another than met, with why.
    pub(crate) not_met: Vec<String>,
}

impl Tally {
    /// Takes a run; gives how many cell-runs that were.
    pub(crate) fn take(&mut self, run: usize, report: &Report) -> usize {
        for cell in &report.cells {
            if cell.verdict.result != "met" && cell.verdict.result != "observed-only" {
                let why = [&cell.verdict.reasons[..], &cell.verdict.differences[..]]
                    .concat()
                    .join("; ");
                self.not_met
                    .push(format!("run {run}, {}: {}: {why}", cell.id, cell.verdict.result));
            }
            self.add(run, &cell.id, outcome(cell));
        }
        for missing in &report.missing {
            self.not_met.push(format!(
                "run {run}, {}: no record: {}",
                missing.id, missing.reason
            ));
            self.add(run, &missing.id, "no record".to_owned());
        }
        report.cells.len() + report.missing.len()
    }

    fn add(&mut self, run: usize, cell: &str, outcome: String) {
        self.cells
            .entry(cell.to_owned())
            .or_default()
            .push((run, outcome));
    }

    pub(crate) fn cells(&self) -> usize {
        self.cells.len()
    }

    pub(crate) fn cell_runs(&self) -> usize {
        self.cells.values().map(Vec::len).sum()
    }

    pub(crate) fn differences(&self) -> Vec<Difference> {
        let mut differences = Vec::new();
        for (cell, runs) in &self.cells {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for (_, outcome) in runs {
                *counts.entry(outcome).or_default() += 1;
            }
            // Of as many of each, the one that came first.
            let usual = runs
                .iter()
                .map(|(_, outcome)| outcome)
                .rev()
                .max_by_key(|outcome| counts.get(outcome.as_str()));
            let Some(usual) = usual else { continue };
            differences.extend(
                runs.iter()
                    .filter(|(_, outcome)| outcome != usual)
                    .map(|(run, outcome)| Difference {
                        cell: cell.clone(),
                        run: *run,
                        outcome: outcome.clone(),
                        usual: usual.clone(),
                    }),
            );
        }
        differences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(behaviours: [&str; 2], errno: u16) -> Report {
        let cell = |(number, behaviour): (usize, &&str)| {
            let result = if *behaviour == "undetermined" {
                "undetermined"
            } else {
                "met"
            };
            serde_json::json!({
                "id": format!("s/{number}"), "behaviour": behaviour, "ends": null, "article": "OK",
                "error": { "classic": 2013, "server": null, "errno": errno },
                "verdict": { "result": result, "reasons": [], "differences": [] },
            })
        };
        let cells: Vec<_> = behaviours.iter().enumerate().map(cell).collect();
        serde_json::from_value(
            serde_json::json!({ "cells": cells, "missing": [{ "id": "s/9", "reason": "killed" }] }),
        )
        .unwrap()
    }

    #[test]
    fn what_is_not_as_usual_is_a_difference() {
        let mut tally = Tally::default();
        assert_eq!(tally.take(1, &report(["answered", "hung"], 104)), 3);
        tally.take(2, &report(["answered", "undetermined"], 104));
        assert_eq!(tally.differences().len(), 1, "of two, the first counts as usual");
        tally.take(3, &report(["answered", "hung"], 111));
        tally.take(4, &report(["answered", "hung"], 104));
        assert_eq!((tally.cells(), tally.cell_runs()), (3, 12));
        let found: Vec<(String, usize)> = tally
            .differences()
            .into_iter()
            .map(|found| (found.cell, found.run))
            .collect();
        let wanted = [("s/0", 3), ("s/1", 2), ("s/1", 3)].map(|(cell, run)| (cell.to_owned(), run));
        assert_eq!(found, wanted);
        assert_eq!(tally.not_met.len(), 1 + 4);
    }
}
