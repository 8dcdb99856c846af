//! What TCP has measured of other hosts and keeps beyond the connection (net/ipv4/tcp_metrics.c), by generic
//! netlink: `ip tcp_metrics`, in this process.

use crate::netlink::{Conversation, Request};
use crate::{Error, Namespace, Result};
use netlink_packet_core::{NLM_F_DUMP, NlasIterator};
use rustix::net::netlink::GENERIC;
use std::io;

/// include/uapi/linux/genetlink.h: the family that knows the numbers of the others.
const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
/// include/uapi/linux/tcp_metrics.h.
const TCP_METRICS_GENL_NAME: &[u8] = b"tcp_metrics\0";
const TCP_METRICS_CMD_GET: u8 = 1;
const TCP_METRICS_CMD_DEL: u8 = 2;
/// Command, version, and two bytes that are reserved.
const GENL_HEADER: usize = 4;

/// Of how many addresses TCP has measured something in the namespace.
///
/// # Errors
/// [`Error::Tcp`] if the kernel does not tell.
pub fn count_tcp_metrics(namespace: &Namespace) -> Result<usize> {
    ask(
        namespace,
        TCP_METRICS_CMD_GET,
        NLM_F_DUMP,
        "list what TCP has measured",
    )
}

/// Makes TCP forget what it has measured in the namespace.
///
/// # Errors
/// [`Error::Tcp`] if the kernel does not do it.
pub fn forget_tcp_metrics(namespace: &Namespace) -> Result<()> {
    // Without an address the request is for all of them (tcp_metrics.c, `tcp_metrics_nl_cmd_del`).
    ask(namespace, TCP_METRICS_CMD_DEL, 0, "forget what TCP has measured").map(drop)
}

/// Gives how many messages answered.
fn ask(namespace: &Namespace, command: u8, flags: u16, what: &'static str) -> Result<usize> {
    let asked = namespace.run(move || {
        let mut kernel = Conversation::open(Some(GENERIC))?;
        let family = family(&mut kernel)?;
        let answers = kernel.ask(&Request::new(family, vec![command, 1, 0, 0]), flags)?;
        Ok(answers.len())
    })?;
    asked.map_err(|source| Error::Tcp { what, source })
}

/// The number of the family `tcp_metrics`; each kernel gives its own.
fn family(kernel: &mut Conversation) -> io::Result<u16> {
    let length = u16::try_from(GENL_HEADER + TCP_METRICS_GENL_NAME.len()).map_err(io::Error::other)?;
    let mut payload = vec![CTRL_CMD_GETFAMILY, 1, 0, 0];
    payload.extend(length.to_ne_bytes());
    payload.extend(CTRL_ATTR_FAMILY_NAME.to_ne_bytes());
    payload.extend(TCP_METRICS_GENL_NAME);
    let answers = kernel.ask(&Request::new(GENL_ID_CTRL, payload), 0)?;
    let attributes = answers.iter().filter_map(|answer| answer.get(GENL_HEADER..));
    let mut attributes = attributes.flat_map(NlasIterator::new).flatten();
    let number = attributes.find(|attribute| attribute.kind() == CTRL_ATTR_FAMILY_ID);
    let number = number.and_then(|attribute| attribute.value().first_chunk().copied());
    let number = number.ok_or_else(|| io::Error::other("the kernel does not name the family tcp_metrics"));
    number.map(u16::from_ne_bytes)
}
