//! For whom a page is made: where its links can lead.

use crate::run::cell_report_path;
use lvs_matrix_language::Language;
use lvs_matrix_model::matrix::CellRef;

/// Where a page will lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lies {
    /// In the run's folder: cells' pages can be linked.
    InTheFolder,
    /// Elsewhere, as a job summary: there is nothing that a link could lead to.
    Elsewhere,
}

/// How a page is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    pub(super) lies: Lies,
    pub(super) words: Language,
}

impl View {
    /// `text` as a link to a cell's page.
    pub(super) fn link(self, text: &str, cell: &CellRef) -> String {
        match self.lies {
            Lies::InTheFolder => format!("[{text}]({})", cell_report_path(cell)),
            Lies::Elsewhere => text.to_owned(),
        }
    }

    /// The cell's id as a link to its page.
    pub(super) fn cell(self, cell: &CellRef) -> String {
        self.link(&cell.to_string(), cell)
    }

    /// `text` as a link to a section of the same page.
    pub(super) fn section(self, text: &str) -> String {
        match self.lies {
            Lies::InTheFolder => format!("[{text}](#{text})"),
            Lies::Elsewhere => text.to_owned(),
        }
    }
}
