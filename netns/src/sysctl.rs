//! Sysctls of a network namespace. `/proc/sys/net` shows the namespace of the thread that opens it
//! (net/sysctl_net.c, `net_ctl_header_lookup`), so they are read and written on the namespace's thread.

use crate::{Error, Namespace, Result};
use std::io::ErrorKind;
use std::path::PathBuf;

/// Writes a sysctl and reads it back.
///
/// # Errors
/// [`Error::Sysctl`] if it does not exist or the kernel refuses the value; [`Error::SysctlNotTaken`] if
/// another value reads back.
pub fn write_sysctl(namespace: &Namespace, key: &str, value: &str) -> Result<()> {
    let (key_there, value_there) = (key.to_owned(), value.to_owned());
    let found = namespace.run(move || -> Result<String> {
        std::fs::write(path_of(&key_there), &value_there)
            .map_err(|source| failed("write", &key_there, source))?;
        read(&key_there)
    })??;
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    if words(&found) == words(value) {
        return Ok(());
    }
    Err(Error::SysctlNotTaken {
        key: key.to_owned(),
        wanted: value.to_owned(),
        found,
    })
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

fn failed(what: &'static str, key: &str, source: std::io::Error) -> Error {
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
