//! The texts that are kept: what is made from records by the code as it is.

use crate::folder::{load, remove, write};
use crate::{FIXTURES_FROM_PAGES, PAGES, PICTURED, PICTURES, Trouble, choice, folder, whole};
use lvs_matrix_archive::FIXTURES;
use lvs_matrix_report::{
    CataloguedRun, Language, Pages, RunReport, catalogue_markdown, cell_timeline_svg, explanation, json,
    ladder_svg, stand_alone,
};
use std::path::{Path, PathBuf};

/// What is kept and can be made from the fixtures alone: each file, relative to the repository, and its text.
/// These are `report.json`, the explanations, the pages of the cells that are kept whole, and the drawings.
///
/// # Errors
/// If the fixtures cannot be read.
pub fn from_fixtures(repository: &Path) -> Result<Vec<(PathBuf, String)>, Trouble> {
    let fixtures = repository.join(FIXTURES);
    let folder =
        lvs_matrix_archive::unpacked(&fixtures).map_err(|source| Trouble::at("unpack", &fixtures, source))?;
    let report = load(&folder)?;
    let report_json = json(&report).map_err(|error| Trouble::content(&folder, error))?;
    let names = whole();
    let pages = pages_of(&names);
    let cells = report.cells().iter();
    let cells = cells.filter(|cell| names.contains(&cell.record.plan.cell.scenario));
    let mut files: Vec<(PathBuf, String)> = cells
        .map(|cell| pages.of_cell(&report, cell))
        .map(|(file, text)| (Path::new(PAGES).join(file), text))
        .collect();
    files.push((
        Path::new(FIXTURES).join("report.json"),
        without_indentation(&report_json),
    ));
    files.push((Path::new(FIXTURES).join("explain.txt"), explanations(&report)));
    let hang = report.cell(PICTURED).ok_or_else(|| Trouble::Lacks {
        run: folder,
        what: format!("cell {PICTURED}"),
    })?;
    let drawings = [
        ("hang-ladder.svg", ladder_svg(Language::English, hang)),
        ("hang-timeline.svg", cell_timeline_svg(Language::English, hang)),
    ];
    for (name, drawing) in drawings {
        let drawing = drawing.as_deref().map(stand_alone).unwrap_or_default();
        files.push((Path::new(PICTURES).join(name), drawing + "\n"));
    }
    Ok(files)
}

fn pages_of(whole: &[lvs_matrix_model::Name]) -> Pages<'_> {
    Pages {
        whole,
        records: FIXTURES_FROM_PAGES,
    }
}

/// What `lvs-matrix explain` prints for each cell, one after the other.
fn explanations(report: &RunReport) -> String {
    let cells = report.cells().iter();
    cells
        .map(|cell| explanation(Language::English, cell) + "\n")
        .collect()
}

/// Writes [`from_fixtures`].
///
/// # Errors
/// If the fixtures cannot be read, or a file cannot be written.
pub fn renew(repository: &Path) -> Result<(), Trouble> {
    for (file, text) in from_fixtures(repository)? {
        write(&repository.join(file), text.as_bytes())?;
    }
    Ok(())
}

/// Puts the pages of `run` in the place of those that are kept.
fn pages(run: &Path, repository: &Path) -> Result<(), Trouble> {
    let report = load(run)?;
    let names = whole();
    if let Some(name) = names.iter().find(|name| {
        !report
            .cells()
            .iter()
            .any(|cell| cell.record.plan.cell.scenario == **name)
    }) {
        return Err(Trouble::Lacks {
            run: run.to_owned(),
            what: format!("cell of {name}"),
        });
    }
    let folder = repository.join(PAGES);
    remove(&folder)?;
    for (file, text) in pages_of(&names).of(&report) {
        write(&folder.join(file), text.as_bytes())?;
    }
    catalogue(report, repository)
}

/// The front page of what is kept, in each language: what happens if.
fn catalogue(report: RunReport, repository: &Path) -> Result<(), Trouble> {
    let pages = Path::new(PAGES);
    let folder = pages.file_name().map(|name| name.to_string_lossy().into_owned());
    let folder = folder.unwrap_or_default();
    let mut report = report;
    for (words, file, more) in [
        (
            Language::English,
            "README.md",
            "[中文](README.zh.md) · [how these pages are made](about.md) · [the run at a glance]",
        ),
        (
            Language::Chinese,
            "README.zh.md",
            "[English](README.md) · [这些页面的由来](about.md) · [运行概览]",
        ),
    ] {
        report = report.in_language(words);
        let run = CataloguedRun {
            report: &report,
            pages: &folder,
        };
        let text = catalogue_markdown(words, &[run]);
        let (title, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
        let text = format!("{title}\n\n{more}({folder}/report.md)\n\n{rest}");
        write(&repository.join("reports").join(file), text.as_bytes())?;
    }
    Ok(())
}

/// [`pages`] and [`fixtures`]: pages of cells are made from fixtures, too, and must be of the same run.
///
/// # Errors
/// If the run cannot be read, or a file cannot be written.
pub fn keep(run: &Path, repository: &Path) -> Result<usize, Trouble> {
    pages(run, repository)?;
    fixtures(run, repository)
}

/// Chooses the fixtures from `run`, puts them in the place of those that are kept, and makes what is made
/// from them.
fn fixtures(run: &Path, repository: &Path) -> Result<usize, Trouble> {
    let report = load(run)?;
    let chosen = choice::choose(run, &report, repository)?;
    let to = repository.join(FIXTURES);
    for scenario in &report.run().scenarios {
        remove(&to.join(scenario.name.as_str()))?;
    }
    folder::copy(run, &chosen, &to)?;
    renew(repository)?;
    Ok(chosen.len())
}

/// The same lines without the blanks before them, which are two fifths of a report for programs.
fn without_indentation(text: &str) -> String {
    let lines = text.lines().map(|line| format!("{}\n", line.trim_start()));
    lines.collect()
}
