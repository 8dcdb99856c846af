//! A sample of the shipped cells that is small enough for every run of the suite.
//!
//! A scenario with few cells is run whole. Of one with many as many are run as have every value of every
//! axis once: what takes two values of two axes to go wrong is left to `make matrix`, which runs all.

use lvs_matrix_model::matrix::{Cell, cells};
use lvs_matrix_model::scenario::load;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// `--filter` and its words, for `run` and `list` with these files: scenarios of up to `few` cells whole, of
/// the others so many that each value is there, and the cells that are `named` besides.
pub(crate) fn filters(files: &[PathBuf], few: usize, named: &[&str]) -> Vec<String> {
    let words = files.iter().flat_map(|file| {
        let scenario = load(&fs::read_to_string(file).unwrap()).unwrap();
        let all = cells(&scenario);
        match all.len() {
            count if count <= few => vec![format!("{}/", scenario.name)],
            _ => values(&all).iter().map(|cell| cell.cell.to_string()).collect(),
        }
    });
    let words = words.chain(named.iter().map(|&id| id.to_owned()));
    words.flat_map(|word| ["--filter".to_owned(), word]).collect()
}

/// Cells in which every value is that is in any; always the same ones. One after the other the cell is taken
/// that has the most values which no cell before it has.
fn values(all: &[Cell]) -> Vec<&Cell> {
    let of = |cell: &Cell| -> BTreeSet<(usize, usize)> { cell.choice.iter().copied().enumerate().collect() };
    let mut left: BTreeSet<_> = all.iter().flat_map(of).collect();
    let mut taken = Vec::new();
    while !left.is_empty() {
        let news = |cell: &&Cell| of(cell).intersection(&left).count();
        let best = all.iter().rev().max_by_key(news).unwrap();
        for value in of(best) {
            left.remove(&value);
        }
        taken.push(best);
    }
    taken
}
