//! The command lines that made the labs of a scenario's cells. They are long and nearly always the same, so
//! that each different preparation is shown once, and the cells link to theirs.

use crate::blocks::{Block, Folded};
use crate::cell::commands::{by_node, on_nodes};
use crate::row::Row;
use crate::run::ScenarioSummary;
use lvs_matrix_language::{CELL, Language};
use lvs_matrix_model::matrix::CellRef;
use std::collections::HashMap;

/// The command lines of a node, by its name; nodes in the order in which they first appear.
type ByNode = Vec<(String, String)>;

/// The different preparations of a scenario.
pub(super) struct Preparations<'a> {
    words: Language,
    variants: Vec<(ByNode, usize)>,
    of_cell: HashMap<&'a CellRef, usize>,
}

impl<'a> Preparations<'a> {
    pub(super) fn of(words: Language, rows: impl Iterator<Item = Row<'a>>) -> Self {
        let mut all = Self {
            words,
            variants: Vec::new(),
            of_cell: HashMap::new(),
        };
        let mut known: HashMap<ByNode, usize> = HashMap::new();
        for row in rows {
            let Some(cell) = row.judged() else { continue };
            let lines = by_node(words, &cell.record);
            if lines.is_empty() {
                continue;
            }
            let index = known.get(&lines).copied().unwrap_or(all.variants.len());
            if let Some((_, cells)) = all.variants.get_mut(index) {
                *cells += 1;
            } else {
                known.insert(lines.clone(), index);
                all.variants.push((lines, 1));
            }
            all.of_cell.insert(&cell.record.plan.cell, index);
        }
        all
    }

    /// The anchor of the cell's preparation and its number, 1 for the first; `None` if it had none.
    pub(super) fn of_cell(&self, cell: &CellRef) -> Option<(String, usize)> {
        let number = self.of_cell.get(cell)? + 1;
        Some((anchor(cell.scenario.as_str(), number), number))
    }

    /// Each of them, folded.
    pub(super) fn blocks(&self, scenario: &ScenarioSummary) -> impl Iterator<Item = Block> {
        (1..).zip(&self.variants).map(move |(number, (nodes, cells))| {
            Block::Folded(Folded {
                id: anchor(scenario.name.as_str(), number),
                summary: self.words.prepared(self.words.count(*cells, CELL), number),
                blocks: on_nodes(self.words, nodes),
                ..Folded::default()
            })
        })
    }
}

fn anchor(scenario: &str, number: usize) -> String {
    format!("{scenario}/preparation-{number}")
}
