//! Programs of the author's own, each in a PID namespace of its own, so that all that it starts ends with it.

use crate::clock::poll_for;
use crate::program::in_path;
use std::io;
use std::process::{Child, Command};
use std::time::Duration;

/// Starts `argv` in a PID namespace of its own, without a shell that would read it.
pub(crate) fn command(argv: &[String]) -> io::Result<Command> {
    enclose(argv, !rustix::process::geteuid().is_root())
}

/// The same for a program that keeps the capabilities that the caller has.
pub(crate) fn privileged(argv: &[String]) -> io::Result<Command> {
    enclose(argv, false)
}

fn enclose(argv: &[String], without_capabilities: bool) -> io::Result<Command> {
    let mut command = Command::new(in_path("unshare")?);
    // Its child is the first process of the namespace; when either ends, the kernel ends all that is in it.
    if without_capabilities {
        // A PID namespace takes a user namespace then.
        command.args(["--user", "--map-current-user"]);
    }
    command.args(["--pid", "--fork", "--kill-child=SIGKILL", "--"]);
    // Not the program itself: the first process of a PID namespace does not die of its own signals
    // (pid_namespaces(7)).
    command
        .args(["/bin/sh", "-c", r#""$@"; exit "$?""#, "sh"])
        .args(argv);
    Ok(command)
}

/// The PID namespace of the children of unshare(1), once it has made it.
pub(crate) fn namespace_of(child: &Child) -> Option<String> {
    let own = std::fs::read_link("/proc/self/ns/pid").ok()?;
    let file = format!("/proc/{}/ns/pid_for_children", child.id());
    let made = poll_for(Duration::from_secs(5), Duration::from_millis(1), || {
        // An error: it has ended already, or has not forked its first child yet.
        let link = std::fs::read_link(&file).unwrap_or_default();
        let other = !link.as_os_str().is_empty() && link != own;
        Ok::<_, io::Error>(other.then(|| link.to_string_lossy().into_owned()))
    });
    made.ok().flatten()
}

/// The processes in a PID namespace.
pub(crate) fn members(enclosure: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok())
        .filter(|pid| {
            std::fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|link| link.as_os_str() == enclosure)
        })
        .collect()
}

/// The processes of a PID namespace but its first one: those of the program, its own process first.
pub(crate) fn of_program(child: &Child, namespace: &str) -> Vec<u32> {
    let first = members(namespace)
        .into_iter()
        .find(|pid| parent(*pid) == Some(child.id()));
    let Some(first) = first else {
        return Vec::new();
    };
    let mut others = members(namespace);
    others.retain(|pid| *pid != first);
    // Whoever loses its parent becomes a child of the first one, too; the program came before it.
    others.sort_by_key(|pid| (parent(*pid) != Some(first), *pid));
    others
}

/// The parent of a process: the second field after the name in proc_pid_stat(5).
fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}
