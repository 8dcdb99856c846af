//! For whom a page is made: where its links can lead.

use crate::run::{REPORT_FILE, cell_report_path};
use lvs_matrix_language::Language;
use lvs_matrix_model::Name;
use lvs_matrix_model::matrix::CellRef;

/// Where a page will lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lies<'a> {
    /// In the run's folder: cells' pages can be linked.
    InTheFolder,
    /// Elsewhere, as a job summary: there is nothing that a link could lead to.
    Elsewhere,
    /// Among pages of their own ([`super::pages`]): each scenario has one, and so has each cell of the
    /// scenarios that are named here.
    AmongPages {
        /// The scenarios whose cells have pages.
        whole: &'a [Name],
    },
}

/// How a page is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) lies: Lies<'a>,
    pub(super) words: Language,
}

impl View<'_> {
    /// `text` as a link to a cell's page, if there is one.
    pub(super) fn link(self, text: &str, cell: &CellRef) -> String {
        match self.lies {
            Lies::InTheFolder => format!("[{text}]({})", cell_report_path(cell)),
            Lies::AmongPages { whole } if whole.contains(&cell.scenario) => {
                format!("[{text}]({})", page_of_cell(cell))
            }
            Lies::AmongPages { .. } | Lies::Elsewhere => text.to_owned(),
        }
    }

    /// The cell's id as a link to its page.
    pub(super) fn cell(self, cell: &CellRef) -> String {
        self.link(&cell.to_string(), cell)
    }

    /// A scenario's name as a link to its table.
    pub(super) fn section(self, name: &Name) -> String {
        match self.lies {
            Lies::InTheFolder => format!("[{name}](#{name})"),
            Lies::AmongPages { .. } => format!("[{name}]({})", page_of_scenario(name)),
            Lies::Elsewhere => name.to_string(),
        }
    }

    /// The head of a scenario's table.
    pub(super) fn heading(self, name: &Name) -> String {
        match self.lies {
            Lies::InTheFolder | Lies::Elsewhere => format!("<a id=\"{name}\"></a>\n\n## {name}\n"),
            Lies::AmongPages { .. } => format!("# {name}\n\n[{}]({REPORT_FILE})\n", self.words.all_cells()),
        }
    }
}

/// The page of a scenario among pages of their own.
pub(super) fn page_of_scenario(name: &Name) -> String {
    format!("{name}.md")
}

/// The page of a cell among pages of their own.
pub(super) fn page_of_cell(cell: &CellRef) -> String {
    format!("{cell}.md")
}
