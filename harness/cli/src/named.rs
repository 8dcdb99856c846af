//! Which cell is meant by a name that was typed: the same everywhere.

use crate::error::Failure;
use lvs_matrix_model::matrix::{CellRef, FIRST};
use lvs_matrix_model::scenario::closest;
use std::collections::BTreeSet;
use std::path::Path;

/// So many cells are named if several fit.
const NAMED: usize = 10;

/// The cell of a run that is meant: the one with this id, or with this name in its only scenario that has it;
/// else the only one that begins so; else the only one that contains it. Of a cell that was repeated the
/// first is meant, unless the number is said.
pub(crate) fn find<'c>(cells: &'c [CellRef], folder: &Path, wanted: &str) -> Result<&'c CellRef, Failure> {
    find_in(
        cells,
        (&format!("the run in {}", folder.display()), "has"),
        wanted,
    )
}

/// As [`find`], among the cells of a place with its verb (`the scenarios named`, `have`).
pub(crate) fn find_in<'c>(
    cells: &'c [CellRef],
    (place, has): (&str, &str),
    wanted: &str,
) -> Result<&'c CellRef, Failure> {
    let fitting = |fits: &dyn Fn(&str, &str) -> bool| -> Vec<&'c CellRef> {
        let fits = |cell: &&CellRef| fits(&cell.to_string(), &cell.slug());
        let all: Vec<&CellRef> = cells.iter().filter(fits).collect();
        let firsts: BTreeSet<String> = all.iter().map(|cell| cell.repeated(FIRST).to_string()).collect();
        // Several repetitions of one cell.
        if firsts.len() == 1 {
            all.into_iter().take(1).collect()
        } else {
            all
        }
    };
    let mut several = Vec::new();
    for fits in [
        &(|id: &str, slug: &str| id == wanted || slug == wanted) as &dyn Fn(&str, &str) -> bool,
        &|id, slug| id.starts_with(wanted) || slug.starts_with(wanted),
        &|id, _| id.contains(wanted),
    ] {
        match fitting(fits).as_slice() {
            [] => {}
            [cell] => return Ok(cell),
            more => {
                several = more.to_vec();
                break;
            }
        }
    }
    let wanted = wanted.escape_debug();
    if several.is_empty() {
        return Err(Failure::Mistake(format!(
            "{place} {has} no cell `{wanted}`{}; {} cells:\n{}",
            meant(&wanted.to_string(), cells),
            if has == "has" { "its" } else { "their" },
            list(&cells.iter().collect::<Vec<_>>())
        )));
    }
    Err(Failure::Mistake(format!(
        "`{wanted}` fits {} cells of {place}; name one of them:\n{}",
        several.len(),
        list(&several)
    )))
}

/// `; did you mean …?`, if a cell has a name that is much like `wanted`.
pub(crate) fn meant(wanted: &str, cells: &[CellRef]) -> String {
    let names: Vec<(String, String)> = cells.iter().map(|cell| (cell.to_string(), cell.slug())).collect();
    let known = names.iter().flat_map(|(id, slug)| [id.as_str(), slug.as_str()]);
    closest(wanted, known).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

fn list(cells: &[&CellRef]) -> String {
    let mut names: Vec<String> = cells.iter().take(NAMED).map(|cell| format!("  {cell}")).collect();
    if cells.len() > NAMED {
        names.push(format!("  … and {} more", cells.len() - NAMED));
    }
    names.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use lvs_matrix_model::Name;
    use std::num::NonZero;

    fn cell(scenario: &str, value: &str, repetition: u32) -> CellRef {
        let name = |text| Name::new(text).unwrap();
        CellRef {
            scenario: name(scenario),
            values: vec![(name("axis"), name(value))],
            kernel: None,
            repetition: NonZero::new(repetition).unwrap(),
            dry: false,
        }
    }

    #[test]
    fn an_exact_name_wins_over_a_beginning_and_that_over_a_part() {
        let cells = [
            cell("drain", "close", 1),
            cell("drain", "closed", 1),
            cell("drain", "not-closed", 1),
            cell("drain", "1", 1),
            cell("drain", "1", 2),
            cell("drain", "10", 1),
        ];
        let found = |wanted| find(&cells, Path::new("run"), wanted).map(ToString::to_string);
        let said = |wanted| found(wanted).unwrap_err().to_string();
        assert_eq!(found("close").unwrap(), "drain/close");
        assert_eq!(found("drain/close").unwrap(), "drain/close");
        assert_eq!(found("not-").unwrap(), "drain/not-closed");
        assert_eq!(found("t-clo").unwrap(), "drain/not-closed");
        assert_eq!(found("1").unwrap(), "drain/1");
        assert_eq!(found("1@2").unwrap(), "drain/1@2");
        assert!(said("clo").starts_with("`clo` fits 2 cells"), "{}", said("clo"));
        assert!(
            said("drain/clsed").contains("did you mean `drain/closed`?"),
            "{}",
            said("drain/clsed")
        );
        assert!(
            said("nothing-like-it").contains("has no cell `nothing-like-it`; its cells:\n  drain/close\n")
        );
    }
}
