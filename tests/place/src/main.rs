//! `test-place PROGRAM ARGUMENTS…`: cargo's runner for test binaries. The Makefile sets it.
//!
//! Tests of some packages make network namespaces ([`NAMESPACES`]). The runner starts those where that can be
//! done. All others it becomes (exec(2)).
//!
//! ```text
//! this process may make network namespaces and write their sysctls    PROGRAM, here
//! else it may do so in a user namespace                               unshare --user --map-root-user PROGRAM
//! else (a container as `docker run` starts it)                        a guest, whose root may do everything:
//!
//! test-place ── boots ─▶ PID 1 of the guest ─▶ test-place payload ─▶ PROGRAM
//!     ▲                                             │ lines of its output, by the console
//!     └─────────────────────────────────────────────┘ and its exit code
//! ```
//! `LVS_MATRIX_TEST_PLACE` (`here`, `user`, `guest`) asks for one of them.

mod guest;
mod payload;
mod place;

use lvs_matrix_guest::{GuestError, init, kernel};
use place::Place;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// The packages whose tests make network namespaces, by the name that cargo gives to a test's environment.
const NAMESPACES: [&str; 2] = ["lvs-matrix-netns", "lvs-matrix-runner"];
/// The first argument of the payload.
const PAYLOAD: &str = "payload";
/// Asks for a place.
const VARIABLE: &str = "LVS_MATRIX_TEST_PLACE";
/// The exit code of a runner that could not run the tests. libtest has 101 for tests that fail.
const NOT_RUN: u8 = 70;

/// Why the tests could not be run.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("usage: test-place PROGRAM ARGUMENTS…")]
    Usage,
    #[error("{VARIABLE} is {0:?}; it can be here, user or guest")]
    UnknownPlace(OsString),
    #[error("cannot {what}: {source}")]
    System { what: String, source: io::Error },
    #[error("{0}; `lvs-matrix kernel build` makes the guest kernel that these tests need here")]
    Kernel(#[from] kernel::KernelError),
    #[error("the guest: {0}")]
    Guest(#[from] GuestError),
    #[error("the guest ended before the tests did: {0}")]
    GuestEnded(String),
}

impl Trouble {
    fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }
}

fn main() -> ExitCode {
    if init::wanted() {
        return match init::run() {
            Ok(never) => match never {},
            Err(_) => ExitCode::FAILURE,
        };
    }
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let done = match words.as_slice() {
        [word] if word == PAYLOAD => payload::run(),
        [program, arguments @ ..] => run(program, arguments),
        [] => Err(Trouble::Usage),
    };
    done.unwrap_or_else(|trouble| {
        say(&format!("error: {trouble}"));
        ExitCode::from(NOT_RUN)
    })
}

fn run(program: &OsString, arguments: &[OsString]) -> Result<ExitCode, Trouble> {
    let package = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
    if !NAMESPACES.contains(&package.as_str()) {
        return Err(become_program(as_it_is(program).args(arguments)));
    }
    match Place::choose()? {
        Place::Here => Err(become_program(as_it_is(program).args(arguments))),
        Place::UserNamespace => {
            say(&format!("the tests of {package} run in a user namespace"));
            let mut command = Command::new("unshare");
            command.args(place::USER_NAMESPACE).arg("--").arg(program);
            Err(become_program(command.args(arguments)))
        }
        Place::Guest => {
            say(&format!(
                "the tests of {package} run in a guest: no network namespaces here"
            ));
            guest::run(program, arguments)
        }
    }
}

/// The program, with signals as a terminal gives them: a shell starts what it runs in the background with
/// SIGINT ignored, nohup(1) with SIGHUP, and tests that send them would wait in vain.
fn as_it_is(program: &OsString) -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP,INT,QUIT,TERM").arg(program);
    command
}

/// Returns only if this process could not become that program.
fn become_program(command: &mut Command) -> Trouble {
    let what = format!("run {}", command.get_program().display());
    Trouble::system(what)(command.exec())
}

fn say(text: &str) {
    // Who closed standard error does not want to know.
    let _ = writeln!(io::stderr(), "test-place: {text}");
}
