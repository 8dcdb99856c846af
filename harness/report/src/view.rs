//! For whom a page is made: where its links can lead.

use crate::blocks::link;
use crate::run::cell_report_path;
use lvs_matrix_language::Language;
use lvs_matrix_model::Name;
use lvs_matrix_model::matrix::CellRef;

/// Where a page will lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lies<'a> {
    /// In the run's folder: cells' pages can be linked.
    InTheFolder,
    /// In one file with the pages of all cells.
    InTheFile,
    /// Elsewhere, as a job summary: there is nothing that a link could lead to.
    Elsewhere,
    /// Among pages of their own ([`crate::Pages`]): each scenario has one, and so has each cell of the
    /// scenarios that are named here.
    AmongPages {
        /// The scenarios whose cells have pages.
        whole: &'a [Name],
    },
}

/// How a page is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) lies: Lies<'a>,
    pub(crate) words: Language,
}

impl View<'_> {
    /// A marked text as a link to a cell's page, if there is one.
    pub(crate) fn link(self, text: &str, cell: &CellRef) -> String {
        match self.lies {
            Lies::InTheFolder => link(&cell_report_path(cell), text),
            Lies::InTheFile => link(&format!("#{cell}"), text),
            Lies::AmongPages { whole } if whole.contains(&cell.scenario) => link(&page_of_cell(cell), text),
            Lies::AmongPages { .. } | Lies::Elsewhere => text.to_owned(),
        }
    }

    /// The cell's id as a link to its page.
    pub(crate) fn cell(self, cell: &CellRef) -> String {
        self.link(&cell.to_string(), cell)
    }

    /// A marked text as a link to the cells of a cause, where they can be selected.
    pub(crate) fn cells_of_cause(self, text: &str, key: &str) -> String {
        match self.lies {
            Lies::InTheFile => link(&format!("#matrix?cause={key}"), text),
            Lies::InTheFolder | Lies::AmongPages { .. } | Lies::Elsewhere => text.to_owned(),
        }
    }

    /// A scenario's name as a link to its table.
    pub(crate) fn section(self, name: &Name) -> String {
        match self.lies {
            Lies::InTheFolder | Lies::InTheFile => link(&format!("#{name}"), name.as_str()),
            Lies::AmongPages { .. } => link(&page_of_scenario(name), name.as_str()),
            Lies::Elsewhere => name.to_string(),
        }
    }

    /// What names a cell that left no record. Such a cell has no page in its folder.
    pub(crate) fn missing(self, text: &str, cell: &CellRef) -> String {
        match self.lies {
            Lies::InTheFile => self.link(text, cell),
            Lies::InTheFolder | Lies::AmongPages { .. } | Lies::Elsewhere => text.to_owned(),
        }
    }
}

/// The page of a scenario among pages of their own.
pub(crate) fn page_of_scenario(name: &Name) -> String {
    format!("{name}.md")
}

/// The page of a cell among pages of their own.
pub(crate) fn page_of_cell(cell: &CellRef) -> String {
    format!("{cell}.md")
}
