//! A journey as a ladder draws it.

use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::{Body, Packet, Transport};
use lvs_matrix_model::path;
use lvs_matrix_model::record::CellRecord;
use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::Deref;

/// The index of a host in [`lvs_matrix_model::plan::LabPlan::hosts`].
pub(super) type Host = path::HostIndex;

/// How a journey ended, as far as a drawing tells fates apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Fate {
    /// It was seen where it was to go.
    Arrived,
    /// The director received it, did not pass it on, and answered it itself.
    TakenByDirector,
    /// The director received it, and neither passed it on nor answered it.
    Dropped,
    /// It left a host and was not seen on the next one.
    Lost,
    /// The capture does not show how it went on.
    Unknown,
}

impl From<path::Fate> for Fate {
    fn from(fate: path::Fate) -> Self {
        match fate {
            path::Fate::Delivered { .. } | path::Fate::ForAll => Self::Arrived,
            path::Fate::Answered { .. } => Self::TakenByDirector,
            path::Fate::Dropped { .. } => Self::Dropped,
            path::Fate::Lost { .. } => Self::Lost,
            path::Fate::Unknown => Self::Unknown,
        }
    }
}

/// A journey that is drawn.
#[derive(Debug, Clone)]
pub(super) struct Journey<'a> {
    path: Cow<'a, path::Journey>,
    pub(super) fate: Fate,
    /// What the MySQL protocol says in it, as far as the client's interface shows; foreign text stands
    /// between backticks.
    pub(super) says: Option<String>,
}

impl<'a> Journey<'a> {
    pub(super) fn of(path: impl Into<Cow<'a, path::Journey>>) -> Self {
        let path = path.into();
        Self {
            fate: path.fate.into(),
            says: None,
            path,
        }
    }

    /// One of many hosts that it reached is the one to which it is drawn.
    pub(super) fn arrived(path: path::Journey) -> Self {
        Self {
            fate: Fate::Arrived,
            ..Self::of(path)
        }
    }

    /// One that did not reach the host to which it is drawn.
    pub(super) fn lost(path: path::Journey) -> Self {
        Self {
            fate: Fate::Lost,
            ..Self::of(path)
        }
    }
}

impl Deref for Journey<'_> {
    type Target = path::Journey;

    fn deref(&self) -> &path::Journey {
        &self.path
    }
}

pub(super) fn host_of(record: &CellRecord, node: &Node) -> Option<Host> {
    record.plan.hosts.iter().position(|host| &host.node == node)
}

/// The flow that an ICMP error quotes.
pub(super) fn quoted(packet: &Packet) -> Option<(IpAddr, u16, IpAddr, u16)> {
    match &packet.body {
        Body::Ip {
            transport: Transport::Icmp { quoted, .. },
            ..
        } => *quoted,
        Body::Sentinel { .. }
        | Body::Arp { .. }
        | Body::Ip { .. }
        | Body::Other { .. }
        | Body::Malformed { .. } => None,
    }
}
