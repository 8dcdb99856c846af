//! A sample of the shipped cells that is small enough for every run of the suite.
//!
//! A scenario with few cells is run whole. Of one with many those are run in which every two values of two
//! axes meet: what takes three values of three axes to go wrong is left to `make matrix`, which runs all.

use lvs_matrix_model::matrix::{Cell, cells};
use lvs_matrix_model::scenario::load;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// `--filter` and its words, for `run` and `list` with these files: scenarios of up to `few` cells whole, of
/// the others pairs, and the cells that are `named` besides.
pub(crate) fn filters(files: &[PathBuf], few: usize, named: &[&str]) -> Vec<String> {
    let words = files.iter().flat_map(|file| {
        let scenario = load(&fs::read_to_string(file).unwrap()).unwrap();
        let all = cells(&scenario);
        match all.len() {
            count if count <= few => vec![format!("{}/", scenario.name)],
            _ => pairs(&all).iter().map(|cell| cell.cell.to_string()).collect(),
        }
    });
    let words = words.chain(named.iter().map(|&id| id.to_owned()));
    words.flat_map(|word| ["--filter".to_owned(), word]).collect()
}

/// Cells in which every value is and every two values of two axes meet that meet in any; always the same
/// ones. One after the other the cell is taken that has the most pairs which no cell before it has.
fn pairs(all: &[Cell]) -> Vec<&Cell> {
    let of = |cell: &Cell| -> BTreeSet<[(usize, usize); 2]> {
        let values: Vec<(usize, usize)> = cell.choice.iter().copied().enumerate().collect();
        let pairs = values.iter().enumerate();
        let pairs = pairs.flat_map(|(place, &one)| values[place..].iter().map(move |&other| [one, other]));
        pairs.collect()
    };
    let mut left: BTreeSet<_> = all.iter().flat_map(of).collect();
    let mut taken = Vec::new();
    while !left.is_empty() {
        let news = |cell: &&Cell| of(cell).intersection(&left).count();
        let best = all.iter().rev().max_by_key(news).unwrap();
        for pair in of(best) {
            left.remove(&pair);
        }
        taken.push(best);
    }
    taken
}
