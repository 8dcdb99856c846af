//! `lvs-matrix`: the command line.
//!
//! The same binary is three things: the command line on the host; PID 1 of a guest
//! (`lvs_matrix_guest::init`); and, started by that, the payload that runs cells in the guest. Which one, the
//! process itself can tell.

mod args;
mod asked;
mod bench;
mod beneath;
mod build_kernel;
mod by_hand;
mod catalogue;
mod clients;
mod clock;
mod coordinates;
mod copied;
mod defaults;
mod diff;
mod doctor;
mod environment;
mod error;
mod events;
mod explain;
mod explore;
mod explore_folder;
mod explore_progress;
mod filter;
mod folder;
mod github;
mod guest_progress;
mod guests;
mod inspect;
mod jobs;
mod judge;
mod kernels;
mod load;
mod man;
mod merge;
mod named;
mod new;
mod new_from;
mod output;
mod own;
mod payload;
mod place;
mod progress;
mod reports;
mod run;
mod run_on;
mod runbook;
mod scenarios;
mod selection;
mod sequences;
mod shipped;
mod stock;
mod stop;
mod unfinished;
mod version;
mod watch;

use args::{Arguments, Command, KernelCommand};
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use error::Failure;
use signal_hook::consts::SIGXFSZ;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    if lvs_matrix_guest::init::wanted() {
        // Comes back only if this is no guest after all; there is no one else to tell.
        return match lvs_matrix_guest::init::run() {
            Ok(never) => match never {},
            Err(error) => output::report(&Failure::Software(error.to_string())),
        };
    }
    // A file that may not grow any more is an error like others (EFBIG), and no reason to die without a word.
    // Programs that are started have the signal as it was: a handler does not outlive exec(2).
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
    let mut words = std::env::args_os().skip(1);
    match words.next() {
        Some(word) if word == KEEPER => return lvs_matrix_keeper::keep(words),
        Some(word) if word == lvs_matrix_runner::HEALTH_CHECK => return lvs_matrix_runner::check(words),
        Some(word) if word == lvs_matrix_runner::ECHO_SERVER => return lvs_matrix_runner::serve_echo(words),
        Some(_) | None => {}
    }
    if !in_a_place() {
        lvs_matrix_keeper::arrange(&[environment::OWN_FILE, KEEPER]);
    }
    let grammar = Arguments::command();
    let grammar = if defaults::are_wanted() {
        match defaults::files().and_then(|files| defaults::applied(grammar, &files)) {
            Ok(grammar) => grammar,
            Err(failure) => return output::report(&failure),
        }
    } else {
        grammar
    };
    let parsed = grammar.try_get_matches();
    let parsed = parsed.and_then(|matches| Arguments::from_arg_matches(&matches));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(error) if error.kind() == ErrorKind::DisplayVersion => {
            return output::data(&version::text())
                .map_or_else(|failure| output::report(&failure), |()| ExitCode::SUCCESS);
        }
        Err(error) if error.use_stderr() => error.exit(),
        // Help.
        Err(error) => {
            let text = error.render().ansi().to_string();
            return output::data(&text)
                .map_or_else(|failure| output::report(&failure), |()| ExitCode::SUCCESS);
        }
    };
    match dispatch(arguments.command) {
        Ok(code) => code,
        Err(failure) => output::report(&failure),
    }
}

/// The word by which this binary is called as the keeper of another program. No command of the command line:
/// users never see it.
const KEEPER: &str = "keep-program";

/// Is this the payload of a guest or a sandbox? What it starts ends with its place.
fn in_a_place() -> bool {
    std::env::var_os(lvs_matrix_guest::protocol::SHARE_VARIABLE).is_some()
}

fn dispatch(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Run(arguments) if arguments.watch => watch::watch(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Check {
            files,
            kernels,
            format,
        } => inspect::check(&files, &kernels, format),
        Command::List(arguments) => inspect::list(&arguments),
        Command::Plan(arguments) => inspect::plan(&arguments),
        Command::New(arguments) if !arguments.own.from.is_empty() => {
            new_from::new(&arguments.own, arguments.out.as_deref())
        }
        Command::New(arguments) => new::new(&arguments),
        Command::Schema => new::schema(),
        Command::Runbook(arguments) => runbook::runbook(&arguments),
        Command::Explore(arguments) => explore::explore(&arguments),
        Command::Judge {
            folder,
            annotations,
            lang,
        } => judge::judge(&folder, annotations, lang),
        Command::Merge(arguments) => merge::merge(&arguments),
        Command::Catalogue(arguments) => catalogue::catalogue(&arguments),
        Command::Report(arguments) => reports::report(&arguments),
        Command::Explain {
            cell,
            run,
            lang,
            tried,
        } => explain::explain(&run, &cell, lang, tried),
        Command::Shell(arguments) => by_hand::shell(&arguments),
        Command::Exec(arguments) => by_hand::exec(&arguments),
        Command::Diff(arguments) => diff::diff(&arguments),
        Command::Doctor { format } => doctor::doctor(format),
        Command::Kernel(KernelCommand::Build(arguments)) => build_kernel::build(&arguments),
        Command::Kernel(KernelCommand::List { format }) => build_kernel::list(format),
        Command::Bench(arguments) => bench::bench(&arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "lvs-matrix", &mut script);
            output::data(&String::from_utf8_lossy(&script))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Man { command, into } => man::man(&command, into.as_deref()),
        Command::Tidy { folder } => bench::tidy(&folder),
        Command::Payload => payload::payload(),
        Command::TrySandbox => payload::try_sandbox(),
    }
}
