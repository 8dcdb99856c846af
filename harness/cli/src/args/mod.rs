//! The command line's grammar and help.

mod by_hand;
mod values;
mod within;

pub(crate) use by_hand::{ByHandArguments, ExecArguments, ShellArguments};
pub(crate) use values::{DiffFormat, Format, PlaceArgument, ReportFormat, TimeArgument};
pub(crate) use within::{ExploreArguments, Machine, NewArguments, OwnSetup, RunbookArguments};

use crate::asked::{Asked, of_cells};
use clap::{Args, Parser, Subcommand};
use lvs_matrix_model::matrix::KernelId;
use lvs_matrix_report::{Language, Partition};
use std::path::PathBuf;
use values::{percent, time};

const EXIT_CODES: &str = "\
Exit codes:
  0   every verdict is met (or the command did what it says)
  1   a verdict is violated
  2   a mistake in a scenario or on the command line; all of them are shown, with their places
  3   nothing is violated, but something is undetermined or tested nothing, or the run was stopped
  4   with --repeat: repetitions of a cell disagree, whatever their verdicts are
  69  this machine cannot do it; each missing thing is named with its cure
  70  a failure of lvs-matrix itself";

/// Shows what MySQL clients live through when an LVS/IPVS director's configuration changes: do they fail
/// fast, or hang?
#[derive(Debug, Parser)]
#[command(name = "lvs-matrix", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the cells of scenarios and report what their clients lived through
    #[command(after_help = "\
Examples:
  lvs-matrix run                                            the shipped config-change matrix, 24 cells
  lvs-matrix run drain                                      another shipped scenario
  lvs-matrix run scenarios/*.yaml --out result              several scenarios into the folder `result`
  lvs-matrix run --filter 'real-server=absent,client=execute-sql|waiting'
  lvs-matrix run drain.yaml --repeat 5                      is it always so?
  lvs-matrix run --failed                                   what was not met in the last run, again
  lvs-matrix run --watch mine.yaml                          again after each change of mine.yaml
  lvs-matrix run drain.yaml --mysqld /opt/mysql/bin/mysqld
  lvs-matrix run delete-variants --kernels 6.1,6.12,7.2     side by side on several guest kernels
  lvs-matrix run --kernel qemu:/boot/vmlinuz-6.1.0-44-amd64 on a distribution's own kernel, in QEMU
  sudo lvs-matrix run --place host --observe-at-most 2m     on this machine's own kernel, in real time

Defaults of the options jobs, kernel, lang, mysqld, observe-at-most, place, repeat and stall may stand in \
lvs-matrix.toml in
this folder or one above it, and in ~/.config/lvs-matrix/config.toml (`jobs = 2`). What is typed wins, then
the environment, then the nearer file. `lvs-matrix doctor` says which files are in force.")]
    Run(RunArguments),
    /// Check scenario files and show every mistake at once; needs no privilege and no kernel
    #[command(after_help = "\
Examples:
  lvs-matrix check scenarios/*.yaml
  lvs-matrix check mine.yaml --kernels 5.4,6.1,7.2          has each cell one expectation on each?")]
    Check {
        /// Scenario files, or names of shipped scenarios; none: config-change
        files: Vec<PathBuf>,
        /// Check that each cell has an expectation on each of these kernels [default: 7.2]
        #[arg(long, value_name = "VERSION,…", value_delimiter = ',', value_parser = of_cells)]
        kernels: Vec<KernelId>,
        /// How to print the result: as text, mistakes go to stderr; as JSON everything goes to stdout
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// List the cells of scenarios with what is expected of them
    #[command(
        after_help = "Example:\n  lvs-matrix list scenarios/*.yaml --filter client=waiting --format json"
    )]
    List(InspectArguments),
    /// Show what cells would do: hosts, addresses, sysctls, command lines, steps
    #[command(after_help = "Example:\n  lvs-matrix plan --filter absent_up_execute-sql_0")]
    Plan(InspectArguments),
    /// Begin a scenario of your own: with a copy of a shipped one, or with the lab of your director's files;
    /// without either list the shipped ones
    #[command(after_help = "\
Examples:
  lvs-matrix new                                            what there is
  lvs-matrix new drain --out mine.yaml                      a file to edit
  ipvsadm -Sn > rules && lvs-matrix new --from rules --out mine.yaml
  lvs-matrix new --from /etc/keepalived/keepalived.conf --service 192.0.2.7:3306")]
    New(NewArguments),
    /// Print the JSON schema of scenario files, for editors
    #[command(after_help = "Example:\n  lvs-matrix schema > scenario.schema.json")]
    Schema,
    /// Say how a real server is taken out of an operator's own set-up: run the procedures that people use,
    /// and answer with the one that hurts nobody
    #[command(after_help = "\
Exit codes:
  0   a procedure hurts nobody
  1   each hurts somebody; the one that does least harm is shown
  2   a mistake in a file or on the command line

Examples:
  ipvsadm -Sn > rules && lvs-matrix runbook --from rules
  lvs-matrix runbook --from keepalived.conf sysctls --server 192.0.2.11 --clients idle,new --wait 2m")]
    Runbook(RunbookArguments),
    /// Search sequences of actions for what must never happen to a client: what the `explore` section of a
    /// scenario names
    #[command(after_help = "\
The search begins with the scenario's own cells, varies what gave something new, and makes each finding as
simple as it can. The same seed and number of cells give the same findings. What was found is run five
times, and lies below DIR/findings as scenario files. A folder of a search that was stopped, or that is to
go on, is continued with the same --out.

Exit codes:
  0   nothing was found
  1   something was found
  2   a mistake in a file or on the command line
  3   nothing was found, but the search was stopped

Examples:
  lvs-matrix explore                                        the shipped search `everything`, for 10 minutes
  lvs-matrix explore mine.yaml --for 1h --out search        a search of your own
  lvs-matrix explore mine.yaml --for 1h --out search        … and an hour more of it
  lvs-matrix explore drains --cells 1000 --seed 7")]
    Explore(ExploreArguments),
    /// Judge the records of a run again, write its reports again, and exit as the run did
    #[command(after_help = "Example:\n  lvs-matrix judge lvs-matrix-out/latest")]
    Judge {
        /// The folder of a run
        folder: PathBuf,
        /// Say annotations on stderr, as GitHub's workflow commands, also where $GITHUB_ACTIONS is not `true`
        #[arg(long)]
        annotations: bool,
        /// Write the reports for people in another language than the run's: en (English) or zh (Simplified
        /// Chinese)
        #[arg(long, value_name = "LANGUAGE")]
        lang: Option<Language>,
    },
    /// Put runs together that are parts of one (`run --partition`), or that have no cell in common
    #[command(after_help = "\
The result is what one run of all cells would have left, and the exit code is that run's. Runs of different
programs, kernels, servers or scenarios are refused, and so are parts of which one is missing.

Example:
  lvs-matrix run drain --partition slice:1/2 --out one      on a machine
  lvs-matrix run drain --partition slice:2/2 --out two      on another
  lvs-matrix merge one two --out whole")]
    Merge(MergeArguments),
    /// Make the catalogue of runs: for each change what each kind of client gets, and what helps, as pages
    /// that any web server can show
    #[command(after_help = "\
The pages are index.html (English) and index.zh.html (Simplified Chinese), and for each run a folder with the
report of each scenario, the records and the captures. They need no server, and ask for nothing.

Example:
  lvs-matrix run scenarios/*.yaml --kernels 6.1,7.2 --out results
  lvs-matrix catalogue results --out site")]
    Catalogue(CatalogueArguments),
    /// Print a report of a run, made again from its records
    #[command(after_help = "\
Examples:
  lvs-matrix report lvs-matrix-out/latest --format json | jq '.cells[].behaviour'
  lvs-matrix report lvs-matrix-out/latest --cell config-change/absent_up_execute-sql_0")]
    Report(ReportArguments),
    /// Say why the client of a cell saw what it saw: which rule of the kernel applied, which packet shows it,
    /// what avoids it
    #[command(after_help = "\
Examples:
  lvs-matrix explain absent_up_execute-sql_0
  lvs-matrix explain hang-to-the-end/120s --run results/before
  lvs-matrix explain absent_up_execute-sql_0 --lang zh
  lvs-matrix explain absent_up_execute-sql_0 --try 1 > tried.yaml && lvs-matrix run tried.yaml")]
    Explain {
        /// The cell's id or name, or else a part of it that only one cell has
        cell: String,
        /// The folder of a run
        #[arg(long, value_name = "DIR", default_value = crate::folder::DEFAULT_RUN)]
        run: PathBuf,
        /// In another language than the run's: en (English) or zh (Simplified Chinese)
        #[arg(long, value_name = "LANGUAGE")]
        lang: Option<Language>,
        /// Print the scenario by which a piece of advice is tried: the cell's, with what that advice changes
        #[arg(long = "try", value_name = "NUMBER")]
        tried: Option<usize>,
    },
    /// Make the lab of a cell, ready before its change, and type commands on its hosts
    #[command(after_help = crate::by_hand::SHELL_HELP)]
    Shell(ShellArguments),
    /// Make the lab of a cell, ready before its change, run one command on a host, and exit as it does
    #[command(after_help = "\
Examples:
  lvs-matrix exec drain/idle -- ipvsadm -Lnc
  lvs-matrix exec absent_up_execute-sql_0 --on client -- mysql -h 192.0.2.100 -e 'select @@server_id'
  lvs-matrix exec CELL mine.yaml --on rs1 --out DIR -- sh -c 'ss -tan; ip addr'")]
    Exec(ExecArguments),
    /// Compare two runs: which cells changed behaviour, error, verdict or time, and what differs in where
    /// they ran
    #[command(after_help = "\
A time counts as changed if it differs by more than the tolerance and by more than 20 ms. Runs of
one kernel differ by some 10 \u{b5}s, since the clock is virtual; 5 % is what a first retransmission
that is one tick of the kernel's timer later makes of a hang.

Exit codes:
  0   nothing differs
  1   a cell changed, or is in one run only
  2   a mistake on the command line
  3   nothing that is known differs, but of some cell nothing certain is known

Examples:
  lvs-matrix diff results/before lvs-matrix-out/latest
  lvs-matrix diff old new --format markdown > diff.md
  lvs-matrix diff both both --kernels 6.1,7.2               two kernels of one run")]
    Diff(DiffArguments),
    /// Say what this machine has and lacks, each lack with its cure
    Doctor {
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Build and list guest kernels
    #[command(subcommand)]
    Kernel(KernelCommand),
    /// Run scenarios several times and print how long it took and where the time went, as medians
    #[command(after_help = "Example:\n  lvs-matrix bench --runs 5 scenarios/*.yaml")]
    Bench(BenchArguments),
    /// Print a manual page
    #[command(after_help = "\
Examples:
  lvs-matrix man | man -l -
  lvs-matrix man kernel build | man -l -
  lvs-matrix man --into ~/.local/share/man/man1")]
    Man {
        /// The command whose page it is; without one it is the page of the whole
        #[arg(value_name = "COMMAND")]
        command: Vec<String>,
        /// Write all pages into this folder, which is there already
        #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
        into: Option<PathBuf>,
    },
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  lvs-matrix completions bash > /etc/bash_completion.d/lvs-matrix")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Remove a folder when standard input ends; started by `bench`
    #[command(hide = true)]
    Tidy {
        /// The folder
        folder: PathBuf,
    },
    /// Run cells inside a guest; started by the guest's init
    #[command(hide = true)]
    Payload,
    /// See whether IPVS obeys in a sandbox on the host's kernel; started by the sandbox's init
    #[command(hide = true)]
    TrySandbox,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KernelCommand {
    /// Build a guest kernel (User-mode Linux with IPVS and virtual time) into the cache
    #[command(after_help = "\
The cache is $LVS_MATRIX_CACHE, else $XDG_CACHE_HOME/lvs-matrix, else ~/.cache/lvs-matrix. A kernel that is \
there is not
built again.

Examples:
  lvs-matrix kernel build                                   the default line, 7.2
  lvs-matrix kernel build --package linux-source-6.1        another package, installed or to be downloaded
  lvs-matrix kernel build --tarball linux-7.2.tar.xz        a source of your own")]
    Build(KernelBuildArguments),
    /// List the kernels in the cache, what this machine's archives offer, and what each lacks
    List {
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
}

#[derive(Debug, Args)]
pub(crate) struct KernelBuildArguments {
    /// A Debian package with the source, installed or to be downloaded
    #[arg(long, value_name = "NAME", conflicts_with = "tarball")]
    pub(crate) package: Option<String>,
    /// A source tarball
    #[arg(long, value_name = "FILE")]
    pub(crate) tarball: Option<PathBuf>,
    /// How many compilers at once [default: the number of processors]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<std::num::NonZero<usize>>,
    /// Build even if the cache has it
    #[arg(long)]
    pub(crate) rebuild: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) what: WhatToRun,
    /// The folder for the result; it must be new or empty [default: a new one in lvs-matrix-out/, linked as
    /// latest]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) manner: Manner,
    /// Write what happens to a file while it happens, as JSON Lines; `-`: to stdout, and the table goes to
    /// stderr
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
    /// Say annotations on stderr, as GitHub's workflow commands, also where $GITHUB_ACTIONS is not `true`
    #[arg(long)]
    pub(crate) annotations: bool,
    /// Keep the guests' shared folders, with their logs, below DIR/guests
    #[arg(long)]
    pub(crate) keep: bool,
    /// Only the cells of an earlier run that were not met there, of the scenario files as they are now;
    /// without FILES those of that run [default: the latest run]
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true,
          default_missing_value = crate::folder::DEFAULT_RUN)]
    pub(crate) failed: Option<PathBuf>,
    /// Only a part of the cells, for several machines: `slice:1/4` deals them out in turn, `hash:1/4` by
    /// their ids; `merge` puts the parts together
    #[arg(long, value_name = "PART")]
    pub(crate) partition: Option<Partition>,
    /// Run again whenever the scenario files change, or the programs beside them that they name
    #[arg(long, conflicts_with_all = ["out", "failed", "events"])]
    pub(crate) watch: bool,
    /// Show the report in the browser when the run is over, by xdg-open(1)
    #[arg(long)]
    pub(crate) open: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MergeArguments {
    /// The folders of the parts
    #[arg(required = true)]
    pub(crate) folders: Vec<PathBuf>,
    /// The folder for the whole run; it must be new or empty
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CatalogueArguments {
    /// The folders of the runs
    #[arg(required = true, value_name = "RUN")]
    pub(crate) folders: Vec<PathBuf>,
    /// The folder for the pages; it must be new or empty
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

/// How often, for whom, and how far.
#[derive(Debug, Args)]
pub(crate) struct Manner {
    /// Run each cell so many times; repetitions that disagree are a result of their own (exit code 4)
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) repeat: std::num::NonZero<u32>,
    /// The language of the reports for people: en (English) or zh (Simplified Chinese)
    #[arg(long, value_name = "LANGUAGE", default_value_t = Language::English)]
    pub(crate) lang: Language,
    /// Stop at the first cell that is violated
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Say nothing while cells run
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Which cells, and on what.
#[derive(Debug, Args)]
pub(crate) struct WhatToRun {
    /// Scenario files, or names of shipped scenarios; none: config-change
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) filter: FilterArguments,
    /// Where the cells run
    #[arg(long, value_enum, default_value_t = PlaceArgument::Guest)]
    pub(crate) place: PlaceArgument,
    /// Watch no cell longer than this (60s, 20m); what is not over by then is not known [default: 60s on the
    /// host's kernel, where it is real time; as long as the scenario says in a guest]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) observe_at_most: Option<std::time::Duration>,
    /// How many guests, or sandboxes on the host's kernel, at once [default: the number of processors, as
    /// far as the available memory holds a guest of 1 GiB or more for each]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<std::num::NonZero<usize>>,
    /// Guest kernel: a version such as 7.2, the path of a `linux` binary, or a stock kernel in QEMU, which is
    /// named qemu:VMLINUZ (with ,modules=FOLDER where these lie elsewhere) or package:linux-image-NAME
    /// [default: the cached 7.2, else the newest]
    #[arg(long, value_name = "KERNEL", env = "LVS_MATRIX_KERNEL")]
    pub(crate) kernel: Option<String>,
    /// Run each cell on each of these guest kernels (6.1,7.2,qemu:/boot/vmlinuz-VERSION), in place of that of
    /// --kernel: one run, and a report that says where they agree
    #[arg(long, value_name = "KERNEL,…", value_delimiter = ',')]
    pub(crate) kernels: Vec<Asked>,
    /// The server program of the real servers [default: mariadbd, else mysqld]
    #[arg(long, value_name = "FILE", env = "LVS_MATRIX_MYSQLD")]
    pub(crate) mysqld: Option<PathBuf>,
    /// Start the servers of every cell anew, instead of lending those that an earlier cell has left as new
    #[arg(long)]
    pub(crate) fresh_servers: bool,
    /// End a guest that has said nothing for so many seconds of the host's clock; its cell is then
    /// undetermined
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) stall: u64,
    /// Run the cells in an order made from this number; reports are in the matrix's order all the same
    #[arg(long, value_name = "N", hide = true)]
    pub(crate) shuffle: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// The folder of a run
    pub(crate) folder: PathBuf,
    /// Which report
    #[arg(long, value_enum, default_value_t = ReportFormat::Markdown)]
    pub(crate) format: ReportFormat,
    /// The page of this cell, with everything that shows what happened in it, instead of the run's; named as
    /// for `explain`
    #[arg(long, value_name = "ID")]
    pub(crate) cell: Option<String>,
    /// In another language than the run's: en (English) or zh (Simplified Chinese); reports for programs are
    /// English
    #[arg(long, value_name = "LANGUAGE")]
    pub(crate) lang: Option<Language>,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    /// The folder of a run
    #[arg(value_name = "RUN_A")]
    pub(crate) a: PathBuf,
    /// The folder of the run that is compared with it
    #[arg(value_name = "RUN_B")]
    pub(crate) b: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    pub(crate) format: DiffFormat,
    /// Compare the cells of RUN_A on the first kernel with those of RUN_B on the second; both may be kernels
    /// of one run
    #[arg(long, value_name = "OF_A,OF_B", value_delimiter = ',', value_parser = of_cells)]
    pub(crate) kernels: Vec<KernelId>,
    /// From how many percent on a time counts as changed
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, value_parser = percent)]
    pub(crate) tolerance: f64,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    #[command(flatten)]
    pub(crate) what: WhatToRun,
    /// How many runs
    #[arg(long, value_name = "N", default_value = "5")]
    pub(crate) runs: std::num::NonZero<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// Scenario files, or names of shipped scenarios; none: config-change
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) filter: FilterArguments,
    /// The cells on these kernels, with what is expected there
    #[arg(long, value_name = "VERSION,…", value_delimiter = ',', value_parser = of_cells)]
    pub(crate) kernels: Vec<KernelId>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct FilterArguments {
    /// Only these cells: `axis=value|value,axis!=value`, a cell's name, or a part of an id; given twice,
    /// either is enough
    #[arg(long = "filter", value_name = "EXPR")]
    pub(crate) expressions: Vec<String>,
}
