//! What a run tells while it goes on.

use lvs_matrix_model::matrix::CellRef;

/// What a run tells while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// A cell begins.
    Started(&'a CellRef),
    /// The cell that began last has reached a milestone.
    Reached(Milestone),
    /// A cell's record is on disk.
    Recorded(&'a CellRef),
}

/// The milestones of a cell, in order; a cell may fail before any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Milestone {
    /// The links and hosts are made, the tables filled; servers that are not lent are starting.
    HostsMade,
    /// Each server answers on its own socket.
    ServersReady,
    /// The servers answer through the VIP, nothing of that is left, the captures run.
    LabReady,
    /// The time line was played to the end of the observation.
    Played,
    /// The captures are ended and the record is written.
    Recorded,
}
