//! The payload: this binary again, as an ordinary process.

use super::InitError;
use crate::protocol::{INPUTS, INPUTS_VARIABLE, PayloadEnd, SHARE, SHARE_VARIABLE};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, wait};
use std::process::{Command, Stdio};

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs the payload to its end, reaping every other process that ends meanwhile.
pub(super) fn run(args: &[String]) -> Result<PayloadEnd, InitError> {
    // The link, not the path: a tmpfs may lie over the folder of the binary by now.
    let child = Command::new("/proc/self/exe")
        .args(args)
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", "/tmp")
        .env("LANG", "C.UTF-8")
        .env(SHARE_VARIABLE, SHARE)
        .env(INPUTS_VARIABLE, INPUTS)
        .current_dir("/")
        .stdin(Stdio::null())
        .spawn()
        .map_err(InitError::io("run the payload"))?;
    let payload = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if Some(pid) == payload => {
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
