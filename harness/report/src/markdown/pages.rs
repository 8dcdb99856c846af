//! A run as pages that are read without the run's folder, as in a repository: an index, a page for each
//! scenario, and pages of the cells of some scenarios. They have links to each other, and to the records
//! only if it is said where these lie.

use super::{cell_page, found, needing_a_look, scenario, title};
use crate::blocks::markdown::{blocks, section, whole};
use crate::blocks::{Block, Statement};
use crate::kernels;
use crate::overview;
use crate::run::{REPORT_FILE, RunReport};
use crate::view::{Lies, View, page_of_cell, page_of_scenario};
use lvs_matrix_model::Name;
use lvs_matrix_model::record::{CAPTURE_FILE, RECORD_FILE};
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::Result;

/// Which pages are made, and where the records lie.
#[derive(Debug, Clone, Copy)]
pub struct Pages<'a> {
    /// The scenarios whose cells have pages of their own.
    pub whole: &'a [Name],
    /// The run's folder with the records and captures of these cells, relative to the folder of the index.
    pub records: &'a str,
}

impl Pages<'_> {
    /// Every page: its file, relative to the folder of the index, and its text.
    #[must_use]
    pub fn of(self, report: &RunReport) -> Vec<(String, String)> {
        let view = View {
            lies: Lies::AmongPages { whole: self.whole },
            words: report.language(),
        };
        let mut pages = vec![(REPORT_FILE.to_owned(), whole(|out| index(out, view, report)))];
        for one in &report.run().scenarios {
            let page = whole(|out| scenario::section(out, view, report, one));
            pages.push((page_of_scenario(&one.name), page));
        }
        let cells = report.cells().iter();
        let cells = cells.filter(|cell| self.whole.contains(&cell.record.plan.cell.scenario));
        pages.extend(cells.map(|cell| self.of_cell(report, cell)));
        pages
    }

    /// The page of one cell: its file, relative to the folder of the index, and its text.
    #[must_use]
    pub fn of_cell(self, report: &RunReport, cell: &JudgedCell) -> (String, String) {
        let id = &cell.record.plan.cell;
        let words = report.language();
        let mut links = vec![format!(
            "[{}](../{})",
            words.all_cells(),
            page_of_scenario(&id.scenario)
        )];
        let mut link = |text: &str, file: &str| {
            links.push(format!("[{text}](../{}/{id}/{file})", self.records));
        };
        link(words.record(), RECORD_FILE);
        if cell.record.capture.is_some() {
            link(words.capture(), CAPTURE_FILE);
        }
        let page = whole(|out| cell_page::page(out, report, cell, &links));
        (page_of_cell(id), page)
    }
}

/// The run in one line, how to read the tables, what was found, the sums of each scenario with its claim, and
/// where it ran.
fn index(out: &mut String, view: View<'_>, report: &RunReport) -> Result {
    title(out, view, report)?;
    found(out, view, report)?;
    needing_a_look(out, view, report)?;
    if let Some(kernels) = kernels::section(view, report) {
        section(out, view.words, &kernels)?;
    }
    section(out, view.words, &overview::sums(view, report))?;
    let claims = report.run().scenarios.iter().map(|one| {
        let claim = overview::claim_in_a_line(view.words, one);
        let source = overview::source(view.words, one);
        let source = source.map_or_else(String::new, |source| {
            format!("{}{source}", view.words.after_sentence())
        });
        Statement::from(view.words.keyed(view.section(&one.name), claim + &source))
    });
    let mut rest = vec![Block::List(claims.collect())];
    rest.extend(overview::places(view.words, report));
    blocks(out, view.words, &rest)
}
