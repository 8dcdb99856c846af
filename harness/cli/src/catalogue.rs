//! `catalogue`: what happens if, out of runs, as pages for a web server.

use crate::args::CatalogueArguments;
use crate::copied;
use crate::error::Failure;
use crate::folder::{Folder, absolute};
use crate::load::{load, read_run};
use crate::output;
use crate::reports;
use lvs_matrix_report::{
    CataloguedRun, Language, RunReport, catalogue_file, catalogue_html, html, scenario_file,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// `catalogue RUN… --out DIR`.
pub(crate) fn catalogue(arguments: &CatalogueArguments) -> Result<ExitCode, Failure> {
    let runs = named(&arguments.folders)?;
    let mut reports: Vec<RunReport> = runs.iter().map(|(run, _)| load(run)).collect::<Result<_, _>>()?;
    let folder = Folder::make(Some(&arguments.out))?;
    for words in Language::ALL {
        reports = reports
            .into_iter()
            .map(|report| report.in_language(words))
            .collect();
        for (report, (_, pages)) in reports.iter().zip(&runs) {
            let own = folder.path().join(pages);
            fs::create_dir_all(&own)
                .map_err(|error| Failure::Software(format!("cannot make {}: {error}", own.display())))?;
            for scenario in &report.run().scenarios {
                let page = html(&report.of_scenario(&scenario.name));
                output::write_file(&own, &scenario_file(words, &scenario.name), &page)?;
            }
            // Each page leads to what the whole run says to programs.
            if words == Language::English {
                reports::write_whole(&own, report)?;
            }
        }
        let catalogued: Vec<CataloguedRun<'_>> = reports
            .iter()
            .zip(&runs)
            .map(|(report, (_, pages))| CataloguedRun { report, pages })
            .collect();
        output::write_file(
            folder.path(),
            catalogue_file(words),
            &catalogue_html(words, &catalogued),
        )?;
    }
    // The pages lead to records and captures.
    for (run, pages) in &runs {
        let (open, summary) = read_run(run)?;
        for cell in &summary.selected {
            copied::cell(&open, run, cell, &folder.path().join(pages))?;
        }
    }
    output::data(&format!(
        "{}\n",
        folder.path().join(catalogue_file(Language::English)).display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Each run with the name that the folder of its pages gets: its own, and a number where two have the same.
fn named(runs: &[PathBuf]) -> Result<Vec<(&Path, String)>, Failure> {
    let mut all: Vec<(&Path, String)> = Vec::new();
    for run in runs {
        // Of `latest` or `.` the name of what it stands for.
        let whole = fs::canonicalize(run).or_else(|_| absolute(run).map_err(|_| ()));
        if all.iter().any(|(other, _)| same(other, run)) {
            let text = format!("{} is named twice; each run counts once", run.display());
            return Err(Failure::Mistake(text));
        }
        let name = whole
            .ok()
            .and_then(|whole| Some(whole.file_name()?.to_string_lossy().into_owned()));
        let name: String = name
            .unwrap_or_else(|| "run".to_owned())
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        let mut free = name.clone();
        let mut number = 1;
        while all.iter().any(|(_, known)| *known == free) {
            number += 1;
            free = format!("{name}-{number}");
        }
        all.push((run, free));
    }
    Ok(all)
}

fn same(one: &Path, other: &Path) -> bool {
    match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        (_, _) => false,
    }
}
