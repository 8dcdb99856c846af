//! The kernel's command line.

use super::GuestError;
use crate::kernel::Version;
use crate::protocol::{GUEST_VARIABLE, PRIVATE_FOLDER};
use std::path::Path;

/// Longest path of an init program; COMMAND_LINE_SIZE is 4096 (arch/um/include/asm/setup.h) and the rest
/// needs about 300.
const MAX_INIT: usize = 3000;

/// The arguments for the `linux` program. Without a path of the init program, its copy in the share is run.
pub(super) fn arguments(
    version: Version,
    init: Option<&Path>,
    memory_mib: u32,
    clock_start: Option<u64>,
) -> Result<Vec<String>, GuestError> {
    let (init, first) = match init {
        Some(path) => (quoted(path)?, None),
        None => ("/bin/sh".to_owned(), Some(MOUNT_AND_BECOME)),
    };
    let mut arguments = vec![
        format!("mem={memory_mib}M"),
        // The guest's root is the host's, with the rights of the user who runs the guest.
        "rootfstype=hostfs".into(),
        "rootflags=/".into(),
        "rw".into(),
        format!("init={init}"),
        // One console on our pipe. All other lines null: they would ask for xterm or ptys.
        "con=null".into(),
        "con0=fd:0,fd:1".into(),
        "ssl=null".into(),
        "quiet".into(),
        // Tunnels put no device of theirs into each network namespace (net/core/sysctl_net_core.c,
        // `fb_tunnels_only_for_init_net_sysctl_setup`; since Linux 5.10). A lab makes those that it uses.
        "fb_tunnels=none".into(),
        // Relative to the working folder, which is the share. The default is ~/.uml, and stays behind.
        format!("uml_dir={PRIVATE_FOLDER}/uml/"),
        "umid=guest".into(),
        // Words with `=` that the kernel does not know become init's environment.
        format!("{GUEST_VARIABLE}=1"),
    ];
    if let Some(start) = clock_start {
        // Virtual time: nothing runs → jump to the next timer; computing takes none.
        arguments.extend(["time-travel=inf-cpu".into(), format!("time-travel-start={start}")]);
    }
    if version.line() >= crate::kernel::OLDEST_DEFAULT_LINE {
        // System calls twice as fast as by ptrace, and guest processes that die with their kernel (stub_exe.c
        // sets PR_SET_PDEATHSIG). `on` and not `auto`: without it the guest should not start rather than be
        // another one.
        arguments.push("seccomp=on".into());
    }
    // What follows `--` are init's own arguments (init/main.c, set_init_arg).
    arguments.extend(
        first
            .into_iter()
            .flat_map(|script| ["--", "-c", script].map(str::to_owned)),
    );
    Ok(arguments)
}

/// What sh(1) does as PID 1: the share is mounted on a folder that init will mount over, and its copy of the
/// init program takes the place of the shell. mount(8) from 2.39 on would hand hostfs its root in a way that
/// kernels before 6.9 do not know. It is set-user-id of a user who is not root where the guest's process is
/// in a user namespace: setpriv(1) keeps that from having an effect.
const MOUNT_AND_BECOME: &str = "\"PATH=/usr/sbin:/usr/bin:/sbin:/bin LIBMOUNT_FORCE_MOUNT2=always \
     setpriv --no-new-privs mount -n -t hostfs -o /proc/self/cwd/. none /sys && \
     exec /sys/.guest/handed/init\"";

/// A path as the kernel reads it back (lib/cmdline.c, next_arg): spaces need quotes, and quotes cannot be
/// had.
fn quoted(path: &Path) -> Result<String, GuestError> {
    let refuse = |reason: &str| {
        GuestError::CommandLine(format!(
            "the path of the init program {} {reason}; put the program elsewhere",
            path.display()
        ))
    };
    let text = path.to_str().ok_or_else(|| refuse("is not UTF-8"))?;
    if text.contains('"') || text.chars().any(char::is_control) {
        return Err(refuse("has a quote or a control character in it"));
    }
    if text.len() > MAX_INIT {
        return Err(refuse("is too long for the kernel's command line"));
    }
    Ok(if text.contains(char::is_whitespace) {
        format!("\"{text}\"")
    } else {
        text.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(major: u32, minor: u32) -> Version {
        Version {
            major,
            minor,
            patch: 0,
        }
    }

    #[test]
    fn seccomp_is_asked_of_kernels_that_know_it() {
        let has = |version| {
            arguments(version, Some(Path::new("/init")), 64, Some(0))
                .unwrap()
                .contains(&"seccomp=on".to_owned())
        };
        assert!(has(version(7, 2)));
        assert!(has(version(6, 16)));
        assert!(!has(version(6, 1)));
    }

    #[test]
    fn the_copy_in_the_share_is_run_by_the_shell() {
        use super::super::surroundings::INIT_COPY;
        use crate::protocol::{HANDED_FOLDER, SHARE_ON_HOST};
        let arguments = arguments(version(7, 2), None, 64, Some(0)).unwrap();
        assert!(arguments.contains(&"init=/bin/sh".to_owned()));
        assert_eq!(arguments[arguments.len() - 3..], ["--", "-c", MOUNT_AND_BECOME]);
        assert!(MOUNT_AND_BECOME.contains(&format!(" -o {SHARE_ON_HOST} none /sys ")));
        assert!(MOUNT_AND_BECOME.ends_with(&format!(" /sys/{PRIVATE_FOLDER}/{HANDED_FOLDER}/{INIT_COPY}\"")));
        // Quoted as a whole, which is all that the kernel's command line can have.
        assert_eq!(MOUNT_AND_BECOME.matches('"').count(), 2);
    }

    #[test]
    fn spaces_are_quoted_and_quotes_refused() {
        let with = |path: &str| arguments(version(7, 2), Some(Path::new(path)), 64, Some(0));
        assert!(
            with("/a b/init")
                .unwrap()
                .contains(&"init=\"/a b/init\"".to_owned())
        );
        assert!(with("/a\"b").is_err());
        assert!(with("/a\nb").is_err());
        assert!(with(&"/x".repeat(2000)).is_err());
    }
}
