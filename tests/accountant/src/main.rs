//! `leak-accountant`: what did a command leave behind on this machine?

use clap::{Args, Parser, Subcommand};
use lvs_matrix_accountant::{Allowance, Class, FORMAT, Finding, Scope, Snapshot, compare};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, set_child_subreaper, wait};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

const EXIT_CODES: &str = "\
Exit codes: 0 nothing was left behind, 1 something was, 2 the accountant could not do its work; of `around`, \
the command's own
code where that is not 0 (128 and the signal's number, if one ended it).";

/// Compares a machine before and after: processes, namespaces, mounts, network, sysctls, files.
#[derive(Debug, Parser)]
#[command(name = "leak-accountant", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print what is there now, as JSON
    Snapshot {
        /// A folder to watch: what is in it, and core files at any depth
        #[arg(long, value_name = "DIR")]
        watch: Vec<PathBuf>,
    },
    /// Say what is there now and was not in a snapshot; whatever is new counts as ours
    Compare {
        /// A file that `snapshot` printed
        file: PathBuf,
        #[command(flatten)]
        how: How,
    },
    /// Run a command and say what it left behind; only what the command, or what it started, could have left
    /// counts
    Around {
        /// A folder to watch: what is in it, and core files at any depth
        #[arg(long, value_name = "DIR")]
        watch: Vec<PathBuf>,
        #[command(flatten)]
        how: How,
        /// The command
        #[arg(last = true, required = true)]
        command: Vec<std::ffi::OsString>,
    },
}

#[derive(Debug, Args)]
struct How {
    /// What is known to be another's: CLASS:PATTERN, `*` for any text
    #[arg(long, value_name = "CLASS:PATTERN")]
    allow: Vec<Allowance>,
    /// How long the kernel may take to clear up
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    grace: u64,
    /// A class that cannot be looked at is a failure (exit code 2)
    #[arg(long)]
    strict: bool,
}

/// The accountant could not do its work.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("cannot {0}: {1}")]
    System(String, std::io::Error),
    #[error("{0} is no snapshot: {1}; take a new one with `leak-accountant snapshot`")]
    NoSnapshot(PathBuf, String),
}

fn main() -> ExitCode {
    match act(Arguments::parse().command) {
        Ok(code) => code,
        Err(trouble) => {
            say(&format!("leak-accountant: {trouble}"));
            ExitCode::from(2)
        }
    }
}

fn act(what: What) -> Result<ExitCode, Trouble> {
    match what {
        What::Snapshot { watch } => {
            let snapshot = Snapshot::take(Scope::Machine, &absolute(&watch)?);
            let text =
                serde_json::to_string_pretty(&snapshot).map_err(|error| system("print", error.into()))?;
            writeln!(std::io::stdout(), "{text}").map_err(|error| system("print", error))?;
            Ok(ExitCode::SUCCESS)
        }
        What::Compare { file, how } => {
            let no_snapshot = |reason: String| Trouble::NoSnapshot(file.clone(), reason);
            let text = std::fs::read(&file).map_err(|error| no_snapshot(error.to_string()))?;
            let before: Snapshot =
                serde_json::from_slice(&text).map_err(|error| no_snapshot(error.to_string()))?;
            if before.format != FORMAT {
                return Err(no_snapshot(format!(
                    "it has format {}, not {FORMAT}",
                    before.format
                )));
            }
            Ok(settle(&before, Scope::Machine, &how).unwrap_or(ExitCode::SUCCESS))
        }
        What::Around { watch, how, command } => around(&absolute(&watch)?, &how, &command),
    }
}

fn around(watch: &[PathBuf], how: &How, command: &[std::ffi::OsString]) -> Result<ExitCode, Trouble> {
    set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|errno| system("become a subreaper", errno.into()))?;
    let scope = Scope::DescendantsOf(rustix::process::getpid().as_raw_pid());
    let before = Snapshot::take(scope, watch);
    // Handlers, not "ignored": the command gets the default back when it is executed.
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| system("listen for signals", error))?;
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| system("run nothing", std::io::ErrorKind::InvalidInput.into()))?;
    let child = Command::new(program)
        .args(arguments)
        .spawn()
        .map_err(|error| system(&format!("run {}", program.display()), error))?;
    let child = Pid::from_child(&child);
    std::thread::spawn(move || {
        for signal in signals.forever() {
            // A terminal sends SIGINT to the command as well.
            let passed = match signal {
                SIGTERM => Some(Signal::TERM),
                SIGHUP => Some(Signal::HUP),
                _ => None,
            };
            let _ = passed.map(|signal| kill_process(child, signal));
        }
    });
    let status = await_child(child)?;
    let code = status
        .exit_status()
        .or_else(|| status.terminating_signal().map(|signal| 128 + signal))
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(2);
    let left = settle(&before, scope, how);
    Ok(if code == 0 {
        left.unwrap_or(ExitCode::SUCCESS)
    } else {
        ExitCode::from(code)
    })
}

/// Waits for the command; reaps whatever else ends below this process.
fn await_child(child: Pid) -> Result<WaitStatus, Trouble> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == child => return Ok(status),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(system("wait for the command", errno.into())),
        }
    }
}

/// Looks until nothing is left or the grace is over, and says what is. `None`: nothing.
fn settle(before: &Snapshot, scope: Scope, how: &How) -> Option<ExitCode> {
    let until = Instant::now() + Duration::from_secs(how.grace);
    let (after, findings) = loop {
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        let after = Snapshot::take(scope, &before.watch);
        let findings = compare(before, &after, &how.allow);
        if findings.is_empty() || Instant::now() > until {
            break (after, findings);
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    let blind: Vec<(Class, &String)> = after
        .classes
        .iter()
        .flat_map(|(class, view)| view.blind.iter().map(|reason| (*class, reason)))
        .collect();
    for (class, reason) in &blind {
        say(&format!("not looked at: {class}: {reason}"));
    }
    if !findings.is_empty() {
        tell(&findings);
        return Some(ExitCode::from(1));
    }
    (how.strict && !blind.is_empty()).then(|| ExitCode::from(2))
}

fn tell(findings: &[Finding]) {
    say(&format!("left behind or changed: {}", findings.len()));
    findings.iter().for_each(|finding| say(&format!("  {finding}")));
    say("what is known to be another's can be allowed: --allow CLASS:PATTERN");
}

/// Standard error belongs to the accountant, standard output to the command.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn absolute(watch: &[PathBuf]) -> Result<Vec<PathBuf>, Trouble> {
    let absolute = |folder: &PathBuf| {
        std::fs::canonicalize(folder).map_err(|error| system(&format!("watch {}", folder.display()), error))
    };
    watch.iter().map(absolute).collect()
}

fn system(what: &str, error: std::io::Error) -> Trouble {
    Trouble::System(what.to_owned(), error)
}
