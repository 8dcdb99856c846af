//! The payload: this binary again, as an ordinary process.

use super::InitError;
use crate::protocol::{Boot, GUEST_VARIABLE, INPUTS, INPUTS_VARIABLE, PayloadEnd, SHARE, SHARE_VARIABLE};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, wait};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Where the programs of a payload are looked for.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The payload's process.
pub(super) struct Payload(Option<Pid>);

/// Starts the payload, which is told where it is, if it is to know.
pub(super) fn start(boot: &Boot, place: Option<&str>) -> Result<Payload, InitError> {
    // The link, not the path: a tmpfs may lie over the folder of the binary by now.
    let mut command = Command::new("/proc/self/exe");
    command
        .args(&boot.payload_args)
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", "/tmp")
        .env("LANG", "C.UTF-8")
        .env(SHARE_VARIABLE, SHARE)
        .env(INPUTS_VARIABLE, INPUTS)
        .current_dir("/")
        .stdin(Stdio::null());
    if let Some((uid, gid)) = boot.user {
        // std also empties the supplementary groups when root sets a uid (sys/process/unix, do_exec).
        command.uid(uid).gid(gid);
    }
    if let Some(place) = place {
        command.env(GUEST_VARIABLE, place);
    }
    let child = command.spawn().map_err(InitError::io("run the payload"))?;
    Ok(Payload(i32::try_from(child.id()).ok().and_then(Pid::from_raw)))
}

/// Awaits the payload's end, reaping every other process that ends meanwhile.
pub(super) fn reap(payload: Payload) -> Result<PayloadEnd, InitError> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if Some(pid) == payload.0 => {
                if let Some(code) = status.exit_status() {
                    return Ok(PayloadEnd::Exited(code));
                }
                if let Some(signal) = status.terminating_signal() {
                    return Ok(PayloadEnd::Signalled(signal));
                }
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(InitError::step("wait for the payload")(error)),
        }
    }
}
