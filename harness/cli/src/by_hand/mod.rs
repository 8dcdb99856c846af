//! `shell` and `exec`: the lab of one cell, ready before its change, for typing by hand.
//!
//! The lab is made and recorded as in a run. Between its `before` and what its user does, the runner in the
//! guest waits for requests (`lvs_matrix_runner::Request`), which come as files in the shared folder, one
//! after another; what it says comes over the guest's console. So the guest has one way in and one way out
//! in both places, and whatever user it runs as.

mod exec;
mod line;
mod session;
mod shell;
mod which;

pub(crate) use line::HELP as SHELL_HELP;
pub(crate) use session::Requests;

use session::{FOLDER, Session};
use which::Wanted;

use crate::args::{
    ByHandArguments, ExecArguments, FilterArguments, PlaceArgument, ShellArguments, TimeArgument, WhatToRun,
};
use crate::environment::Environment;
use crate::error::Failure;
use crate::folder::Folder;
use crate::guests::{GUESTS_FOLDER, Guests};
use crate::load::load;
use crate::output;
use crate::payload::{GuestMessage, Hands};
use crate::place;
use crate::reports::write_reports;
use crate::run::write_summary;
use crate::stop::{Stop, taken_over};
use crate::unfinished;
use lvs_matrix_guest::{Guest, RunsOn, stock};
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::record::{CAPTURE_FILE, LabOutcome};
use lvs_matrix_report::{Language, RUN_FORMAT, RunState, RunSummary};
use lvs_matrix_runner::{Request, Start, cell_folder};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use signal_hook::iterator::Signals;
use std::fs;
use std::io::{self, PipeReader, Write};
use std::num::NonZero;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::time::Duration;

/// `shell CELL`.
pub(crate) fn shell(arguments: &ShellArguments) -> Result<ExitCode, Failure> {
    open(&arguments.lab, Doing::Shell)
}

/// `exec CELL -- COMMAND`.
pub(crate) fn exec(arguments: &ExecArguments) -> Result<ExitCode, Failure> {
    let stdin = if arguments.stdin {
        exec::all_of_stdin()?
    } else {
        Vec::new()
    };
    let (on, command) = (arguments.on.as_deref(), arguments.command.as_slice());
    open(&arguments.lab, Doing::Exec { on, command, stdin })
}

/// What is done in the lab.
enum Doing<'a> {
    Shell,
    /// One command on a host.
    Exec {
        /// `None`: the first director.
        on: Option<&'a str>,
        command: &'a [String],
        stdin: Vec<u8>,
    },
}

impl Doing<'_> {
    /// The programs that are run, as far as that is known before the lab is made.
    fn programs(&self) -> &[String] {
        match self {
            Self::Shell => &[],
            Self::Exec { command, .. } => command.get(..1).unwrap_or_default(),
        }
    }

    /// The command that is all that is done.
    fn only(self, plan: &LabPlan, hosts: &[String]) -> Result<Option<Start>, Failure> {
        match self {
            Self::Shell => Ok(None),
            Self::Exec { on, command, stdin } => {
                let first = plan.first_director().to_string();
                exec::first(hosts, on.unwrap_or(&first), command, stdin).map(Some)
            }
        }
    }
}

/// The lab's time, in words.
fn time_in_words(arguments: &ByHandArguments, runs_on: &RunsOn) -> &'static str {
    match runs_on {
        RunsOn::Stock(_) => "in virtual time",
        RunsOn::Host => "in real time",
        RunsOn::Kernel(_) if arguments.time == TimeArgument::Real => "in real time",
        RunsOn::Kernel(_) => "in virtual time, which stands still until you type",
    }
}

/// Says where the cell was kept.
fn say_kept(out: &Path, cell: &str, capture: &Path) {
    let here = std::env::current_dir().unwrap_or_default();
    let shown = |path: &Path| path.strip_prefix(&here).unwrap_or(path).display().to_string();
    output::talk(&format!(
        "kept: {}; its page: {} report {} --cell {cell}",
        shown(capture),
        crate::run::own_name(),
        shown(out)
    ));
}

/// How long a lab may say nothing: it is silent for as long as its user is.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// How long the making of a lab may take without a word, seconds.
const STALL: u64 = 60;
/// How the folder of a lab begins that nothing is kept of.
const UNKEPT: &str = "lvs-matrix-exec-";

/// Makes the lab, does in it what is to be done, and keeps what was seen: where that is said, or, of a shell,
/// in a new folder.
fn open(arguments: &ByHandArguments, doing: Doing<'_>) -> Result<ExitCode, Failure> {
    let kept = arguments.out.as_deref();
    let wanted = which::find(arguments)?;
    if !wanted.selected.warnings.is_empty() {
        output::talk(&wanted.selected.warnings);
    }
    let mut what = what(arguments);
    what.kernel = what.kernel.or_else(|| wanted.kernel.clone());
    if let (None, PlaceArgument::Guest, Some(kernel)) = (&what.kernel, arguments.place, &wanted.stock) {
        return Err(Failure::Mistake(format!(
            "{} was run on the stock {kernel} in QEMU, and its run does not say where that kernel is: name \
             it (--kernel package:linux-image-…, --kernel qemu:VMLINUZ), or another one (--kernel 7.2)",
            wanted.plan.cell
        )));
    }
    if what.kernel.as_deref().is_some_and(stock::is_named_by) {
        refuse_in_qemu(arguments, &doing)?;
    }
    let selected = std::slice::from_ref(&wanted.selected);
    let environment = Environment::with_programs(&what, &[], selected, doing.programs())?;
    let signals = signals()?;
    let folder = if kept.is_some() || matches!(doing, Doing::Shell) {
        Kept::For(Folder::make(kept)?)
    } else {
        // What a killed one left.
        unfinished::remove_named(&std::env::temp_dir(), UNKEPT);
        let folder = tempfile::Builder::new().prefix(UNKEPT).tempdir();
        Kept::Not(folder.map_err(|error| {
            Failure::Unavailable(format!("cannot make a folder for the lab: {error}; set TMPDIR"))
        })?)
    };
    let _held = unfinished::hold(folder.path());
    let result = work(arguments, wanted, environment, folder.path(), signals, doing);
    let Kept::For(folder) = folder else {
        return result.map(|(code, _)| code);
    };
    folder.tidy(false)?;
    let (code, (cell, recorded)) = result.inspect_err(|_| folder.discard_if_without_records())?;
    if recorded {
        let report = load(folder.path())?;
        write_reports(folder.path(), &report)?;
        let of_cell = cell_folder(folder.path(), &cell);
        say_kept(folder.path(), &cell.to_string(), &of_cell.join(CAPTURE_FILE));
    }
    Ok(code)
}

/// A guest in QEMU is told all that it is to do before it goes on, and its clock is virtual.
fn refuse_in_qemu(arguments: &ByHandArguments, doing: &Doing<'_>) -> Result<(), Failure> {
    if matches!(doing, Doing::Shell) {
        return Err(Failure::Mistake(
            "a stock kernel in QEMU has no way in for what is typed: `exec CELL -- COMMAND` runs a command \
             there (`-- sh -c '…; …'` several); `shell` works in guests with User-mode Linux (--kernel 6.1) \
             and on the host's own kernel (--place host)"
                .to_owned(),
        ));
    }
    if arguments.time == TimeArgument::Real {
        return Err(Failure::Mistake(
            "a stock kernel in QEMU has virtual time alone: leave --time real out".to_owned(),
        ));
    }
    Ok(())
}

/// Where the lab works.
enum Kept {
    For(Folder),
    Not(tempfile::TempDir),
}

impl Kept {
    fn path(&self) -> &Path {
        match self {
            Self::For(folder) => folder.path(),
            Self::Not(folder) => folder.path(),
        }
    }
}

/// As `run` would be asked for the cell.
fn what(arguments: &ByHandArguments) -> WhatToRun {
    WhatToRun {
        files: arguments.files.clone(),
        filter: FilterArguments {
            expressions: Vec::new(),
        },
        place: arguments.place,
        observe_at_most: None,
        jobs: NonZero::new(1),
        kernel: arguments.kernel.clone(),
        kernels: Vec::new(),
        mysqld: arguments.mysqld.clone(),
        fresh_servers: true,
        stall: STALL,
        shuffle: None,
    }
}

/// A byte for each signal that comes to this process, which is its number. The second one that asks for the
/// end ends it at once, and the guest with it.
fn signals() -> Result<PipeReader, Failure> {
    let failed = |error: io::Error| Failure::Software(format!("cannot listen for signals: {error}"));
    let (reader, mut writer) = io::pipe().map_err(failed)?;
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGWINCH]).map_err(failed)?;
    taken_over();
    let listen = move || {
        let mut asked = false;
        for signal in signals.forever() {
            let ends = matches!(signal, SIGTERM | SIGHUP);
            if ends && asked {
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
            asked |= ends;
            let byte = u8::try_from(signal).unwrap_or(u8::MAX);
            // Nobody reads it any more once the session is over.
            let _ = writer.write_all(&[byte]);
        }
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(listen)
        .map_err(failed)?;
    Ok(reader)
}

type Cell = lvs_matrix_model::matrix::CellRef;

fn work(
    arguments: &ByHandArguments,
    wanted: Wanted,
    environment: Environment,
    out: &Path,
    signals: PipeReader,
    doing: Doing<'_>,
) -> Result<(ExitCode, (Cell, bool)), Failure> {
    let on_host = matches!(environment.kernels.first().runs_on, RunsOn::Host);
    let virtual_time = !on_host && arguments.time == TimeArgument::Virtual;
    let Wanted {
        mut plan,
        scenario,
        selected,
        kernel: _,
        stock: _,
    } = wanted;
    plan.observe_at_most = environment.observe_at_most;
    let cell = plan.cell.clone();
    let mut summary = RunSummary {
        format: RUN_FORMAT,
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        hashes: Some(environment.kernels.hashes()),
        kernels: environment.kernels.summaries(),
        state: RunState::Begun,
        filter: Some(format!("{cell}, by hand")),
        part: None,
        language: Language::English,
        scenarios: vec![scenario],
        selected: vec![cell.clone()],
        dry: Vec::new(),
    };
    write_summary(out, &summary)?;
    output::talk(&format!(
        "the lab of {cell}, on {}, {}",
        place::in_words(&environment.kernels.first().runs_on).trim_end_matches(", in real time"),
        time_in_words(arguments, &environment.kernels.first().runs_on)
    ));
    let stop = Stop::default();
    let guests = Guests {
        kernels: environment.kernels,
        init: environment.init,
        template: environment.template,
        with_innodb: environment.with_innodb,
        scenario_sha256: [(cell.scenario.clone(), selected.sha256.clone())].into(),
        stall: NEVER,
        fresh_servers: true,
        jobs: NonZero::<usize>::MIN,
        out,
        stop: &stop,
        folders: selected
            .folder()
            .map(|folder| (cell.scenario.clone(), folder))
            .into_iter()
            .collect(),
    };
    let served = in_guest(&guests, &plan, virtual_time, signals, doing);
    summary.state = match &served {
        Ok(_) => RunState::Ended,
        Err(failure) => RunState::Interrupted {
            reason: failure.to_string(),
        },
    };
    write_summary(out, &summary)?;
    served.map(|(code, recorded)| (code, (cell, recorded)))
}

/// Gives the exit code, and whether the cell was recorded.
fn in_guest(
    guests: &Guests<'_>,
    plan: &LabPlan,
    virtual_time: bool,
    signals: PipeReader,
    doing: Doing<'_>,
) -> Result<(ExitCode, bool), Failure> {
    let failed =
        |what: &str, error: &dyn std::fmt::Display| Failure::Software(format!("cannot {what}: {error}"));
    let batch = std::slice::from_ref(plan);
    let folder = guests.out.join(GUESTS_FOLDER);
    let share = folder.join("1");
    fs::create_dir(&folder).map_err(|error| failed("make the guest's folder", &error))?;
    guests.write_job(&share, batch, Some(Hands { virtual_time }))?;
    fs::create_dir(share.join(FOLDER)).map_err(|error| failed("make the guest's folder", &error))?;
    let hosts: Vec<String> = plan.hosts.iter().map(|host| host.node.to_string()).collect();
    let by_lines = matches!(doing, Doing::Shell);
    let mut only = doing.only(plan, &hosts)?;
    let mut requests = Requests::of(&share);
    let in_qemu = matches!(guests.kernels.first().runs_on, RunsOn::Stock(_));
    if let Some(start) = only.take_if(|_| in_qemu) {
        requests.send(&Request::Only(start))?;
    }
    let mut config = guests.config(batch, &share);
    if !virtual_time {
        config.clock_start = None;
    }
    let noun = place::noun(&guests.kernels.first().runs_on);
    let guest = Guest::start(config)
        .map_err(|error| Failure::Unavailable(format!("cannot start a {noun}: {error}")))?;
    let canceller = guest.canceller();
    let brake = guest.brake().filter(|_| virtual_time);

    let (sender, news) = channel();
    let (wake, mut waker) = io::pipe().map_err(|error| failed("make a pipe", &error))?;
    let mut session = Session::new(requests, (news, wake), signals, brake, virtual_time);
    let (mut recorded, mut gave_up) = (false, None);
    let (served, report) = std::thread::scope(|scope| {
        let user = scope.spawn(|| {
            let served = if by_lines {
                shell::serve(&mut session, &hosts)
            } else {
                exec::serve(&mut session, only)
            };
            // The lab ends in order if it can; else it is ended.
            if session.leave().is_err() || served.is_err() {
                canceller.cancel();
            }
            served
        });
        let report = guest.run(|message| match serde_json::from_str(message) {
            Ok(GuestMessage::ByHand(news)) => {
                // Whoever does not listen any more has left.
                if sender.send(news).is_ok() {
                    let _ = waker.write_all(&[0]);
                }
            }
            Ok(GuestMessage::Recorded(cell)) => recorded |= cell == plan.cell,
            Ok(GuestMessage::GaveUp(reason)) => gave_up = Some(reason),
            Ok(GuestMessage::Started(_) | GuestMessage::Reached(_)) | Err(_) => {}
        });
        drop(sender);
        drop(waker);
        let served = user
            .join()
            .unwrap_or_else(|_| Err(Failure::Software("the session panicked".to_owned())));
        (served, report)
    });
    let report = report.map_err(|error| Failure::Software(error.to_string()))?;
    let early = place::reason_of(&report.end, gave_up, noun);
    if recorded {
        guests.take_record(&plan.cell, batch, &share)?;
        if let Some(reason) = lab_failure(guests.out, &plan.cell) {
            return Err(Failure::Unavailable(format!("the lab failed: {reason}")));
        }
    } else if let Some(reason) = early {
        guests.record_failure(plan, &share, &reason, report.console)?;
        return Err(match served {
            Err(failure) => failure,
            Ok(_) => Failure::Unavailable(format!("the lab is gone: {reason}")),
        });
    }
    served.map(|code| (code, recorded))
}

/// Why the lab could not be made or kept, if its record says so.
fn lab_failure(out: &Path, cell: &Cell) -> Option<String> {
    let file = cell_folder(out, cell).join(lvs_matrix_model::record::RECORD_FILE);
    let record: lvs_matrix_model::record::CellRecord = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    match record.lab {
        LabOutcome::Failed { stage, reason, .. } => Some(format!("{stage}: {reason}")),
        LabOutcome::NotRun { reason } => Some(reason),
        LabOutcome::Completed => None,
    }
}
