//! Labs that somebody types in.

use super::values::{PlaceArgument, TimeArgument};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct ShellArguments {
    #[command(flatten)]
    pub(crate) lab: ByHandArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ExecArguments {
    #[command(flatten)]
    pub(crate) lab: ByHandArguments,
    /// On which host: client, router, or a director or real server by its name [default: the first director]
    #[arg(long, value_name = "HOST")]
    pub(crate) on: Option<String>,
    /// Give the command what this program reads on standard input, all of it
    #[arg(long, short = 'i')]
    pub(crate) stdin: bool,
    /// The command
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<String>,
}

/// Whose lab, and where.
#[derive(Debug, Args)]
pub(crate) struct ByHandArguments {
    /// The cell's id or name, or else a part of it that only one cell has
    pub(crate) cell: String,
    /// Scenario files, or names of shipped scenarios [default: the latest run, if it has the cell, else all
    /// shipped scenarios]
    pub(crate) files: Vec<PathBuf>,
    /// A cell of this run, with the plan that it had there
    #[arg(long, value_name = "DIR", conflicts_with = "files")]
    pub(crate) run: Option<PathBuf>,
    /// How time passes in a guest; on the host's own kernel it is real
    #[arg(long, value_enum, default_value_t = TimeArgument::Virtual)]
    pub(crate) time: TimeArgument,
    /// Where the lab is
    #[arg(long, value_enum, default_value_t = PlaceArgument::Guest)]
    pub(crate) place: PlaceArgument,
    /// Keep the capture and the record in this folder, which must be new or empty [default: `shell` keeps
    /// them in a new one in lvs-matrix-out/, `exec` keeps nothing]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Guest kernel, as for `run`; on a stock kernel in QEMU there is `exec` alone [default: as `run` has it]
    #[arg(long, value_name = "KERNEL", env = "LVS_MATRIX_KERNEL")]
    pub(crate) kernel: Option<String>,
    /// The server program of the real servers [default: mariadbd, else mysqld]
    #[arg(long, value_name = "FILE", env = "LVS_MATRIX_MYSQLD")]
    pub(crate) mysqld: Option<PathBuf>,
}
