//! Commands that make scenarios of their own, and run them.

use super::values::{client, time, wait};
use clap::Args;
use lvs_matrix_setup::runbook::Client;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct NewArguments {
    /// The shipped scenario to begin with [default: list them, each with its claim]
    #[arg(group = "source")]
    pub(crate) name: Option<String>,
    /// List the shipped scenarios, each with its claim
    #[arg(long, conflicts_with_all = ["name", "from", "out"])]
    pub(crate) list: bool,
    #[command(flatten)]
    pub(crate) own: OwnSetup,
    /// Write it into this file, which must be new [default: standard output]
    #[arg(long, value_name = "FILE", requires = "source")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RunbookArguments {
    #[command(flatten)]
    pub(crate) own: OwnSetup,
    /// The real server that is to leave: its address, with or without its port [default: the first one that
    /// takes connections]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) server: Option<String>,
    /// Whose view is wanted
    #[arg(long, value_delimiter = ',', value_parser = client,
        default_value = "idle,in-flight,transaction,new,pool"
    )]
    pub(crate) clients: Vec<Client>,
    /// How long an operator waits for work to end
    #[arg(long, value_name = "TIME", value_parser = wait, default_value = "10m")]
    pub(crate) wait: std::time::Duration,
    /// Do not try settings that may help
    #[arg(long)]
    pub(crate) no_settings: bool,
    /// The folder for the result; it must be new or empty [default: a new one in lvs-matrix-out/, linked as
    /// latest]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) on: Machine,
}

#[derive(Debug, Args)]
pub(crate) struct ExploreArguments {
    /// A scenario file with an `explore` section, or the name of a shipped search: everything, drains
    #[arg(default_value = "everything")]
    pub(crate) file: PathBuf,
    /// Search until so many cells were run; findings are made simpler after that
    #[arg(long, value_name = "N", conflicts_with = "limit")]
    pub(crate) cells: Option<std::num::NonZero<usize>>,
    /// Search for so long (10m, 1h); findings are made simpler after that [default: 10m]
    #[arg(long = "for", id = "limit", value_name = "TIME", value_parser = time)]
    pub(crate) limit: Option<std::time::Duration>,
    /// Where chance begins
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// The folder for the result: a new or an empty one, or that of a search that is to go on [default: a
    /// new one in lvs-matrix-out/, linked as latest]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) on: Machine,
    /// Say nothing while cells run
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// On what such a command runs its cells.
#[derive(Debug, Args)]
pub(crate) struct Machine {
    /// How many guests at once [default: as `run` has it]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<std::num::NonZero<usize>>,
    /// Guest kernel: a version, the path of a `linux` binary, or a stock kernel, named as for `run`
    /// [default: as `run` has it]
    #[arg(long, value_name = "KERNEL", env = "LVS_MATRIX_KERNEL")]
    pub(crate) kernel: Option<String>,
    /// The server program of the real servers [default: mariadbd, else mysqld]
    #[arg(long, value_name = "FILE", env = "LVS_MATRIX_MYSQLD")]
    pub(crate) mysqld: Option<PathBuf>,
}

/// An operator's own files.
#[derive(Debug, Args)]
pub(crate) struct OwnSetup {
    /// The director's files, in any number: what `ipvsadm -Sn`, `ipvsadm -Ln`, `ipvsadm -L --timeout` and
    /// `sysctl -a` print, keepalived.conf, ldirectord.cf; `-`: standard input
    #[arg(long, value_name = "FILE", num_args = 1.., group = "source")]
    pub(crate) from: Vec<PathBuf>,
    /// Which virtual service: its address and port, its address alone, or its mark [default: the first]
    #[arg(long, value_name = "VIP:PORT", requires = "from")]
    pub(crate) service: Option<String>,
    /// The sysctls of a client (`sysctl -a`)
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "from")]
    pub(crate) client_sysctls: Vec<PathBuf>,
    /// The sysctls of a real server (`sysctl -a`)
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "from")]
    pub(crate) server_sysctls: Vec<PathBuf>,
}
