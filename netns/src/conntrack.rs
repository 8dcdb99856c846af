//! The connections that the kernel's connection tracking knows, by ctnetlink
//! (net/netfilter/nf_conntrack_netlink.c): `conntrack -L` and `conntrack -F`, in this process.

use crate::netlink::{Conversation, Request};
use crate::{Error, Namespace, Result};
use netlink_packet_core::{NLM_F_DUMP, NlasIterator};
use rustix::net::netlink::NETFILTER;
use std::collections::BTreeSet;
use std::io;

/// include/uapi/linux/netfilter/nfnetlink.h: the subsystem is the upper byte of a message's type.
const NFNL_SUBSYS_CTNETLINK: u16 = 1;
/// include/uapi/linux/netfilter/nfnetlink_conntrack.h.
const IPCTNL_MSG_CT_GET: u16 = 1;
const IPCTNL_MSG_CT_DELETE: u16 = 2;
const CTA_ID: u16 = 12;
/// `struct nfgenmsg`: any address family, version 0, no resource.
const ANY: [u8; 4] = [0; 4];

/// The kernel's own names of the connections that the namespace knows.
///
/// # Errors
/// [`Error::Conntrack`] if the kernel does not tell.
pub fn tracked_connections(namespace: &Namespace) -> Result<BTreeSet<u32>> {
    let what = "list tracked connections";
    let answers = ask(namespace, IPCTNL_MSG_CT_GET, NLM_F_DUMP, what)?;
    let ids = answers.iter().map(|answer| {
        let attributes = answer.get(ANY.len()..).into_iter().flat_map(NlasIterator::new);
        let mut attributes = attributes.flatten();
        let id = attributes.find(|attribute| attribute.kind() == CTA_ID)?;
        id.value().first_chunk().copied().map(u32::from_be_bytes)
    });
    let unreadable = || io::Error::other("the kernel's answer cannot be read");
    ids.collect::<Option<_>>()
        .ok_or_else(|| failed(what)(unreadable()))
}

/// Makes the namespace forget all of them.
///
/// # Errors
/// [`Error::Conntrack`] if the kernel does not do it.
pub fn flush_conntrack(namespace: &Namespace) -> Result<()> {
    // Without a connection the request is for all of them (`ctnetlink_del_conntrack`).
    ask(namespace, IPCTNL_MSG_CT_DELETE, 0, "forget tracked connections").map(drop)
}

fn ask(namespace: &Namespace, message: u16, flags: u16, what: &'static str) -> Result<Vec<Vec<u8>>> {
    let asked = namespace.run(move || {
        let mut kernel = Conversation::open(Some(NETFILTER))?;
        kernel.ask(
            &Request::new(NFNL_SUBSYS_CTNETLINK << 8 | message, ANY.to_vec()),
            flags,
        )
    })?;
    asked.map_err(failed(what))
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::Conntrack { what, source }
}
