//! What is kept is what the code makes of the fixtures, and its links lead somewhere.
//!
//! After a change of the reports: `cargo run -p lvs-matrix-kept -- renew`, and review the difference like
//! code. After a change of the cells: `make reports`.

use lvs_matrix_explain::explain;
use lvs_matrix_kept::folder::load;
use lvs_matrix_kept::links::{Link, leads_somewhere, of};
use lvs_matrix_kept::made::from_fixtures;
use lvs_matrix_kept::{PAGES, WHOLE, repository};
use lvs_matrix_model::{matrix, scenario};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn what_is_kept_is_what_the_fixtures_give() {
    let files = from_fixtures(&repository()).unwrap();
    assert!(files.len() > 30, "{} files", files.len());
    for (file, text) in files {
        let kept = fs::read_to_string(repository().join(&file)).unwrap_or_default();
        assert!(
            kept == text,
            "{} is not what the fixtures give: run `cargo run -p lvs-matrix-kept -- renew`",
            file.display()
        );
    }
}

/// Each shipped scenario has its page, each cell of those that are kept whole has its own, and no page is
/// left over.
#[test]
fn the_pages_are_those_of_the_shipped_scenarios() {
    let names = |folder: &str, extension: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(repository().join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let fits = |path: &PathBuf| path.extension().is_some_and(|own| own == extension);
        let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
        paths.filter(fits).map(stem).collect()
    };
    let mut pages = names(PAGES, "md");
    assert!(pages.remove("report"), "no index");
    assert_eq!(pages, names("scenarios", "yaml"), "run `make reports`");
    let report = load(lvs_matrix_archive::kept()).unwrap();
    for scenario in WHOLE {
        let cells = report.cells().iter().map(|cell| &cell.record.plan.cell);
        let own = cells.filter(|cell| cell.scenario.as_str() == scenario);
        let slugs: BTreeSet<String> = own.map(|cell| cell.slug()).collect();
        assert_eq!(slugs, names(&format!("{PAGES}/{scenario}"), "md"));
    }
}

/// All cells of a scenario that is kept whole are fixtures. Of the others there are fewer.
#[test]
fn fixtures_have_all_cells_of_the_scenarios_that_are_kept_whole() {
    let report = load(lvs_matrix_archive::kept()).unwrap();
    for scenario in &report.run().scenarios {
        let cells = report.cells().iter();
        let own = cells.filter(|cell| cell.record.plan.cell.scenario == scenario.name);
        if WHOLE.contains(&scenario.name.as_str()) {
            assert_eq!(own.count(), scenario.cell_count(), "{}", scenario.name);
        } else {
            assert!(own.count() <= scenario.cell_count(), "{}", scenario.name);
        }
    }
    let rules = report.cells().iter().flat_map(|cell| explain(cell).paragraphs);
    let rules: BTreeSet<&str> = rules.map(|paragraph| paragraph.rule).collect();
    assert!(rules.len() > 40, "{} rules: {rules:?}", rules.len());
}

/// The scenarios are still those from which the fixtures come.
#[test]
fn fixtures_are_cells_of_the_shipped_scenarios() {
    let report = load(lvs_matrix_archive::kept()).unwrap();
    for scenario in &report.run().scenarios {
        let file = PathBuf::from(format!("scenarios/{}.yaml", scenario.name));
        // As the repository has it: a path of the machine that ran it is no one else's.
        assert_eq!(scenario.file.as_deref(), file.to_str());
        let shipped = scenario::load(&fs::read_to_string(repository().join(file)).unwrap()).unwrap();
        let shipped = matrix::cells(&shipped);
        let selected = report.run().selected.iter();
        for cell in selected.filter(|cell| cell.scenario == scenario.name) {
            assert!(
                shipped.iter().any(|own| own.cell == *cell),
                "{cell}: run `make reports`"
            );
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let place = repository();
    let links = of(&place).unwrap();
    assert!(links.len() > 150, "{} links", links.len());
    let lost: Vec<&Link> = links
        .iter()
        .filter(|link| !leads_somewhere(&place, link))
        .collect();
    assert!(lost.is_empty(), "{lost:#?}");
    let page = Path::new(PAGES).join("report.md");
    for target in ["none.md", "article.md#none", "article/none.md"] {
        let target = target.to_owned();
        let wrong = Link {
            page: page.clone(),
            target,
        };
        assert!(!leads_somewhere(&place, &wrong), "{wrong:?}");
    }
}
