//! Sysctls of a network namespace. `/proc/sys/net` shows the namespace of the thread that opens it
//! (net/sysctl_net.c, `net_ctl_header_lookup`), so they are read and written on the namespace's thread.

use crate::change::wait_for_others;
use crate::{Error, Namespace, Result};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Writes a sysctl and reads it back.
///
/// # Errors
/// [`Error::Sysctl`] if it does not exist or the kernel refuses the value; [`Error::SysctlNotTaken`] if
/// another value reads back.
pub fn write_sysctl(namespace: &Namespace, key: &str, value: &str) -> Result<()> {
    write_sysctls(namespace, &[(key.to_owned(), value.to_owned())])
}

/// Writes sysctls, (key, value), in their order, and reads each back before the next one is written.
///
/// # Errors
/// As [`write_sysctl`], of the first that fails.
pub fn write_sysctls(namespace: &Namespace, sysctls: &[(String, String)]) -> Result<()> {
    // One hand-over to the namespace's thread for all of them.
    let sysctls = sysctls.to_vec();
    namespace.run(move || {
        if sysctls.iter().any(|(key, _)| is_of_interfaces(key)) {
            // If this fails the kernel tries until it can.
            let _ = wait_for_others();
        }
        sysctls.iter().try_for_each(|(key, value)| write(key, value))
    })?
}

/// Is it one of those for which the kernel does not wait for its lock of the links, but begins the system
/// call anew until it has that (net/ipv6/addrconf.c, `addrconf_disable_ipv6`; net/ipv4/devinet.c,
/// `devinet_sysctl_forward`)? In a guest each beginning is a hand-over between two processes of the host, and
/// the lock may be held for thousands of them, while the namespaces of the cell before are taken apart.
fn is_of_interfaces(key: &str) -> bool {
    ["net.ipv4.conf.", "net.ipv6.conf.", "net.ipv4.ip_forward"]
        .iter()
        .any(|prefix| key.starts_with(prefix))
}

fn write(key: &str, value: &str) -> Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path_of(key));
    let mut file = file.map_err(|source| failed("write", key, source))?;
    file.write_all(value.as_bytes())
        .map_err(|source| failed("write", key, source))?;
    let found = from_the_beginning(&file).map_err(|source| failed("read", key, source))?;
    if found.split_whitespace().eq(value.split_whitespace()) {
        return Ok(());
    }
    Err(Error::SysctlNotTaken {
        key: key.to_owned(),
        wanted: value.to_owned(),
        found: found.trim_end().to_owned(),
    })
}

/// The text of a file of `/proc/sys`, in few system calls: such a file has no size that could be asked for.
fn from_the_beginning(file: &File) -> io::Result<String> {
    let (mut text, mut buffer) = (Vec::new(), [0; 512]);
    loop {
        let offset = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let count = file.read_at(&mut buffer, offset)?;
        text.extend(buffer.iter().take(count));
        // What fills no buffer is the end (fs/proc/proc_sysctl.c, `proc_sys_read`).
        if count < buffer.len() {
            return Ok(String::from_utf8_lossy(&text).into_owned());
        }
    }
}

/// Reads a sysctl of the namespace, without white space at its end.
///
/// # Errors
/// [`Error::Sysctl`] if it does not exist or cannot be read.
pub fn read_sysctl(namespace: &Namespace, key: &str) -> Result<String> {
    let key = key.to_owned();
    namespace.run(move || read(&key))?
}

fn read(key: &str) -> Result<String> {
    let text = std::fs::read_to_string(path_of(key)).map_err(|source| failed("read", key, source))?;
    Ok(text.trim_end().to_owned())
}

/// `net.ipv4.vs.expire_nodest_conn` is `/proc/sys/net/ipv4/vs/expire_nodest_conn`. A key can only name
/// something below `/proc/sys/net`: the loader of scenarios refuses others, and a `/` in a key stays a `/` of
/// that folder.
fn path_of(key: &str) -> PathBuf {
    PathBuf::from("/proc/sys").join(key.replace('/', "_").replace('.', "/"))
}

/// Where the sysctls of IPVS are, in every network namespace of a kernel that has it (ip_vs_ctl.c,
/// `ip_vs_control_net_init_sysctl`).
const OF_IPVS: &str = "net.ipv4.vs.";

fn failed(what: &'static str, key: &str, source: io::Error) -> Error {
    let there = path_of(key).exists();
    let is = |kind| source.kind() == kind;
    let cause = if is(ErrorKind::NotFound) && there {
        // Such as a congestion control that the kernel does not have (net/ipv4/tcp_cong.c,
        // `tcp_set_default_congestion_control`).
        "; the kernel does not know this value"
    } else if is(ErrorKind::NotFound) && key.starts_with(OF_IPVS) && !path_of(OF_IPVS).exists() {
        "; the kernel has no IPVS (is the module ip_vs loaded?)"
    } else if is(ErrorKind::NotFound) {
        "; the network namespaces of this kernel have no sysctl of that name"
    } else if is(ErrorKind::InvalidInput) {
        "; the kernel refuses this value"
    } else if is(ErrorKind::PermissionDenied) {
        "; in a network namespace of this kernel it cannot be written"
    } else {
        ""
    };
    Error::Sysctl {
        what,
        key: key.to_owned(),
        source,
        cause,
    }
}
