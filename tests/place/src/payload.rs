//! In the guest: makes the folders that tests use reachable, starts the test binary, passes its output on.

use crate::Trouble;
use lvs_matrix_guest::init::Console;
use lvs_matrix_guest::protocol::{INPUTS, SHARE};
use rustix::mount::{MountFlags, mount, mount_bind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;

/// The name of the test binary among the guest's inputs.
pub(crate) const PROGRAM: &str = "program";
/// The file in the share that says what to run.
pub(crate) const JOB: &str = "job.json";
/// What tests read of the repository, by the path that they have from their build.
pub(crate) const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures");
/// A copy of them in the share: the guest's user may have no right to read the repository.
pub(crate) const FIXTURES_IN_SHARE: &str = "fixtures";
/// Variables that name folders of the host, or belong to the guest.
const NOT_PASSED_ON: [&str; 4] = ["PATH", "HOME", "TMPDIR", "PWD"];
/// Longest piece of a line in one message, in bytes.
const PIECE: u64 = 16 * 1024;

/// What to run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    /// The working folder: cargo starts tests in that of their package.
    folder: PathBuf,
}

impl Job {
    pub(crate) fn of_this_process(arguments: &[OsString]) -> Result<Self, Trouble> {
        let text = |word: &OsString| word.to_string_lossy().into_owned();
        Ok(Self {
            arguments: arguments.iter().map(text).collect(),
            environment: std::env::vars_os()
                .map(|(name, value)| (text(&name), text(&value)))
                .filter(|(name, _)| !NOT_PASSED_ON.contains(&name.as_str()))
                .collect(),
            folder: std::env::current_dir().map_err(Trouble::system("find the working folder"))?,
        })
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), Trouble> {
        let failed = || Trouble::system(format!("write {}", path.display()));
        let bytes = serde_json::to_vec(self).map_err(|error| failed()(error.into()))?;
        fs::write(path, bytes).map_err(failed())
    }

    fn read(path: &Path) -> Result<Self, Trouble> {
        let failed = || Trouble::system(format!("read {}", path.display()));
        let bytes = fs::read(path).map_err(failed())?;
        serde_json::from_slice(&bytes).map_err(|error| failed()(error.into()))
    }
}

/// A piece of what the tests print.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Piece {
    pub(crate) stream: Stream,
    pub(crate) text: String,
}

/// Where it was printed to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Stream {
    Output,
    Error,
}

pub(crate) fn run() -> Result<ExitCode, Trouble> {
    let share = Path::new(SHARE);
    let job = Job::read(&share.join(JOB))?;
    make_reachable(&job.folder)?;
    let fixtures = Path::new(FIXTURES);
    // Their path goes through the folder of this package, as that of a test does through its own.
    make_reachable(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    make_reachable(fixtures)?;
    mount_bind(share.join(FIXTURES_IN_SHARE), fixtures)
        .map_err(|errno| Trouble::system(format!("bind {FIXTURES}"))(errno.into()))?;

    let mut child = Command::new(Path::new(INPUTS).join(PROGRAM))
        .args(&job.arguments)
        .envs(&job.environment)
        .current_dir(&job.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Trouble::system("run the tests"))?;
    let (output, error) = (child.stdout.take(), child.stderr.take());
    let passed_on = thread::scope(|scope| {
        let output = scope.spawn(|| output.map_or(Ok(()), |it| pass_on(it, Stream::Output)));
        let error = scope.spawn(|| error.map_or(Ok(()), |it| pass_on(it, Stream::Error)));
        [output.join(), error.join()]
    });
    let status = child
        .wait()
        .map_err(Trouble::system("await the end of the tests"))?;
    for done in passed_on {
        match done {
            Ok(done) => done?,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    // As a shell tells a signal: 128 and its number.
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    Ok(code
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Makes an empty folder in the guest's memory where the guest's user cannot enter the host's.
fn make_reachable(folder: &Path) -> Result<(), Trouble> {
    // Looking something up in a folder takes the right to enter it.
    let entered = |folder: &Path| fs::metadata(folder.join(".")).is_ok();
    if entered(folder) {
        return Ok(());
    }
    let failed = || Trouble::system(format!("make {} in the guest", folder.display()));
    // A folder of the guest's own memory can just be made.
    if fs::create_dir_all(folder).is_ok() && entered(folder) {
        return Ok(());
    }
    let lowest = folder.ancestors().find(|above| above.is_dir());
    let lowest = lowest.unwrap_or(Path::new("/"));
    mount(
        "tmpfs",
        lowest,
        "tmpfs",
        MountFlags::NOSUID | MountFlags::NODEV,
        c"mode=0755",
    )
    .map_err(|errno| failed()(errno.into()))?;
    fs::create_dir_all(folder).map_err(failed())
}

/// Line by line, and what has no line end in pieces.
fn pass_on(from: impl Read, stream: Stream) -> Result<(), Trouble> {
    let console = Console::open().map_err(Trouble::system("open the console"))?;
    let mut from = BufReader::new(from);
    let mut bytes = Vec::new();
    let failed = "pass the output of the tests on";
    while (&mut from)
        .take(PIECE)
        .read_until(b'\n', &mut bytes)
        .map_err(Trouble::system(failed))?
        > 0
    {
        let piece = Piece {
            stream,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        };
        let text = serde_json::to_string(&piece).map_err(|error| Trouble::system(failed)(error.into()))?;
        console.say(&text).map_err(Trouble::system(failed))?;
        bytes.clear();
    }
    Ok(())
}
