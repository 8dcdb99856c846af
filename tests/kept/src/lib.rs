//! What the repository keeps of a run. It is no part of the product.
//!
//! A run of all shipped scenarios has some 1,600 files. The repository keeps three things of it:
//!
//! - [`PAGES`]: pages for people. An index, a page for each scenario, and a page for each cell of the
//!   scenarios [`WHOLE`].
//! - [`FIXTURES`](lvs_matrix_archive::FIXTURES): the records and captures of the cells that tests need
//!   ([`choice`]), as the folder of a run, most of them in an archive. Beside them lie the texts that are
//!   made from them, `report.json` and `explain.txt`. A test compares these to the byte.
//! - [`PICTURES`]: the pictures that README and docs show. The drawings are made from the fixtures and
//!   compared to the byte, too. The picture of the browser's page is made by `make pictures`.

pub mod choice;
pub mod folder;
pub mod links;
pub mod made;
pub mod packed;

use lvs_matrix_model::Name;
use std::io;
use std::path::{Path, PathBuf};

/// The pages for people, relative to the repository.
pub const PAGES: &str = "reports/linux-7.2";

/// Cells that were recorded for one rule each, relative to the repository ([`packed`]).
pub const PACKED: &str = "harness/explain/tests/fixtures/cells.tar.xz";

/// The fixtures, relative to the folder of the pages.
const FIXTURES_FROM_PAGES: &str = "../../tests/fixtures/cells";

/// The pictures, relative to the repository.
pub const PICTURES: &str = "docs/pictures";

/// The scenarios of which all cells are kept, each with a page.
pub const WHOLE: [&str; 2] = ["article", "config-change"];

/// Why something cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// A file or folder cannot be used.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{} cannot be understood: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The run lacks what is to be kept.
    #[error(
        "{} has no {what}; name the folder of a whole run (`lvs-matrix run scenarios/*.yaml --out FOLDER`)",
        run.display()
    )]
    Lacks {
        /// The run's folder.
        run: PathBuf,
        /// What is not there.
        what: String,
    },
}

impl Trouble {
    /// A file that cannot be used.
    pub fn at(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File {
            what,
            path: path.to_owned(),
            source,
        }
    }

    /// A file with something else in it.
    pub fn content(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Content {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// The repository in which this was built.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The hang that the pictures show: the article's.
pub const PICTURED: &str = "config-change/absent_up_execute-sql_0";

/// [`WHOLE`] as names.
fn whole() -> Vec<Name> {
    WHOLE
        .into_iter()
        .filter_map(|name| Name::new(name).ok())
        .collect()
}
