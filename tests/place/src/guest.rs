//! On the host: boots the guest, hands the test binary over, prints what comes out of it.

use crate::payload::{FIXTURES, FIXTURES_IN_SHARE, JOB, Job, PROGRAM, Piece, Stream};
use crate::{PAYLOAD, Trouble};
use lvs_matrix_guest::kernel::{CacheFolder, find};
use lvs_matrix_guest::protocol::PayloadEnd;
use lvs_matrix_guest::{Guest, GuestConfig, GuestEnd, ReadOnlyInput};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Tests start servers and keep their data folders in the guest's memory.
const MEMORY_MIB: u32 = 2048;
/// Of the host's clock, without a word of the tests. The longest test takes seconds.
const STALL: Duration = Duration::from_secs(300);

pub(crate) fn run(program: &OsString, arguments: &[OsString]) -> Result<ExitCode, Trouble> {
    let wanted = std::env::var("LVS_MATRIX_KERNEL").ok();
    let kernel = find(&CacheFolder::of_user()?, wanted.as_deref())?;
    let place = tempfile::tempdir().map_err(Trouble::system("make a folder for the guest"))?;
    let share = place.path().join("share");
    fs::create_dir(&share).map_err(Trouble::system(format!("make {}", share.display())))?;
    Job::of_this_process(arguments)?.write(&share.join(JOB))?;
    copy(Path::new(FIXTURES), &share.join(FIXTURES_IN_SHARE))?;

    let this = std::env::current_exe().map_err(Trouble::system("find this program"))?;
    let mut config = GuestConfig::new(kernel, this, share);
    config.payload_args = vec![PAYLOAD.to_owned()];
    config.inputs = vec![ReadOnlyInput {
        name: PROGRAM.to_owned(),
        path: PathBuf::from(program),
    }];
    config.memory_mib = MEMORY_MIB;
    config.stall = STALL;
    let report = Guest::start(config)?.run(print)?;
    match report.end {
        GuestEnd::PoweredOff(PayloadEnd::Exited(code)) => {
            Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
        }
        end @ (GuestEnd::PoweredOff(PayloadEnd::Signalled(_))
        | GuestEnd::InitFailed(_)
        | GuestEnd::Panicked(_)
        | GuestEnd::Stalled(_)
        | GuestEnd::Died(_)
        | GuestEnd::Cancelled
        | GuestEnd::Saved) => Err(Trouble::GuestEnded(format!(
            "{end:?}\n{}",
            report.console.join("\n")
        ))),
    }
}

/// One message of the payload.
fn print(message: &str) {
    // What is none is talk of some program on the console.
    let Ok(piece) = serde_json::from_str::<Piece>(message) else {
        return;
    };
    // Whoever closed them does not want to know; the tests run on, and their exit code counts.
    let _ = match piece.stream {
        Stream::Output => io::stdout()
            .write_all(piece.text.as_bytes())
            .and_then(|()| io::stdout().flush()),
        Stream::Error => io::stderr().write_all(piece.text.as_bytes()),
    };
}

/// A folder with what is in it, and the rights of its files.
fn copy(from: &Path, to: &Path) -> Result<(), Trouble> {
    let failed = |path: &Path| Trouble::system(format!("copy {}", path.display()));
    fs::create_dir_all(to).map_err(failed(to))?;
    for entry in fs::read_dir(from).map_err(failed(from))? {
        let entry = entry.map_err(failed(from))?;
        let (path, copied) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &copied)?;
        } else {
            fs::copy(&path, &copied).map_err(failed(&path))?;
        }
    }
    Ok(())
}
