//! A second judge of cells. It is no part of the product, and shares no code with what it checks.
//!
//! It is written from docs/scenarios.md and docs/reports.md, not from the product's code. Of a record it
//! reads what was done and when: the time line, the times of the client's operations, the ports of its
//! connections. What the client lived through it reads from the packets of the client's interface: what was
//! sent, what came back, who ended the connection, and how long nothing came.
//!
//! - [`capture`]: the packets of a capture file.
//! - [`record`]: the window of the operation that is judged.
//! - [`mysql`]: requests and their answers in the bytes of a connection.
//! - [`probes`]: what became of the attempts of probes.
//! - [`random`]: scenarios that are made up.
//! - [`twice`]: runs, judged by both.
//! - [`judge`]: the judgement, and what of a report disagrees with it.
//! - [`citations`]: whether each packet that a sentence names is what the sentence says.

pub mod capture;
pub mod chance;
pub mod citations;
pub mod connection;
pub mod difference;
pub mod judge;
pub mod mysql;
pub mod probes;
pub mod random;
pub mod record;
pub mod twice;

use std::io;
use std::path::{Path, PathBuf};

/// Why a cell cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// A file or folder cannot be used.
    #[error("cannot {what} {path}: {source}")]
    File {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is not JSON.
    #[error("{path} is not JSON: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
    /// A capture file is not as the runner writes it.
    #[error("{} is not a capture as the runner writes it", .0.display())]
    Capture(PathBuf),
    /// A record lacks something.
    #[error("{}: the record has no {what}", .path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is not there.
        what: &'static str,
    },
    /// `lvs-matrix check` refuses a scenario that was made up.
    #[error("a scenario that was made up is refused:\n{0}")]
    Refused(String),
    /// A run left no report.
    #[error("the run left no report ({0})")]
    NoReport(String),
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
}
