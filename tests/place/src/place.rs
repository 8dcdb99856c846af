//! Where network namespaces can be had.

use crate::{Trouble, VARIABLE};
use std::process::{Command, Stdio};

/// Where tests that make network namespaces run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this process, as it is.
    Here,
    /// In a user namespace whose root this user is.
    UserNamespace,
    /// In a guest.
    Guest,
}

/// What unshare(1) takes for a user namespace whose root this user is.
pub(crate) const USER_NAMESPACE: [&str; 2] = ["--user", "--map-root-user"];

/// What those tests need of a network namespace: links, sysctls that can be written (a container may have
/// /proc/sys read-only), and delays, which a kernel may be without.
const NEEDED: &str = "ip link add name left type veth peer name right && ip link set lo up && echo 1 \
    >/proc/sys/net/ipv4/ip_forward && tc qdisc add dev left root netem delay 1ms";

impl Place {
    /// The one that was asked for, else the first that is possible.
    pub(crate) fn choose() -> Result<Self, Trouble> {
        let Some(wanted) = std::env::var_os(VARIABLE).filter(|wanted| !wanted.is_empty()) else {
            return Ok(if possible(&[]) {
                Self::Here
            } else if possible(&USER_NAMESPACE) {
                Self::UserNamespace
            } else {
                Self::Guest
            });
        };
        match wanted.to_str() {
            Some("here") => Ok(Self::Here),
            Some("user") => Ok(Self::UserNamespace),
            Some("guest") => Ok(Self::Guest),
            Some(_) | None => Err(Trouble::UnknownPlace(wanted)),
        }
    }
}

fn possible(options: &[&str]) -> bool {
    Command::new("unshare")
        .args(options)
        .args(["--net", "sh", "-c", NEEDED])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
