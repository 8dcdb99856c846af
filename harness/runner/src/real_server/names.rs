//! The names of hosts that a mysqld finds.

use crate::program::in_path;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

/// A command that becomes `program`, in a mount namespace of its own where /etc/hosts has these names. The
/// file lies in `folder`.
pub(super) fn knowing(hosts: &str, folder: &Path, program: &Path) -> io::Result<Command> {
    let file = folder.join("hosts");
    fs::write(&file, hosts)?;
    let mut command = Command::new(in_path("unshare")?);
    // The shell has the file and the program as words of their own.
    command
        .args(["--mount", "--"])
        .args(["/bin/sh", "-c", r#"mount --bind "$0" /etc/hosts && exec "$@""#])
        .arg(file)
        .arg(program);
    Ok(command)
}
