//! A journey as a ladder draws it.

use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::flow::segment;
use lvs_matrix_model::capture::{Body, Packet, Segment, Transport};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::path::{self, Hop};
use lvs_matrix_model::record::CellRecord;
use std::net::IpAddr;

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

/// A packet's way from the host that made it.
#[derive(Debug, Clone)]
pub(super) struct Journey<'a> {
    /// Its hops in order, at least one; each but the first was sent by the receiver of the one before.
    pub(super) hops: Vec<Hop<'a>>,
    pub(super) fate: Fate,
    /// Did the same host send the same payload, SYN or FIN before?
    pub(super) again: bool,
    /// What the MySQL protocol says in it, as far as the client's interface shows; foreign text stands
    /// between backticks.
    pub(super) says: Option<String>,
}

impl<'a> Journey<'a> {
    /// A journey that was seen where it left or arrived: `None` if only others overheard it.
    pub(super) fn of(journey: path::Journey<'a>) -> Option<Self> {
        journey.numbers().next()?;
        Some(Self {
            fate: journey.fate.into(),
            again: journey.again,
            says: None,
            hops: journey.hops,
        })
    }

    pub(super) fn packet(&self) -> Option<&'a Packet> {
        self.hops.first().and_then(Hop::packet)
    }

    pub(super) fn began(&self) -> Instant {
        self.hops.first().map_or(Instant(0), Hop::began)
    }

    pub(super) fn ended(&self) -> Instant {
        self.hops.last().map_or(Instant(0), Hop::ended)
    }

    /// The numbers of the packets that show it.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        let both = self.hops.iter().flat_map(|hop| [hop.sent, hop.received]);
        both.flatten().map(|packet| packet.number)
    }

    /// The hosts that it touched, in order.
    pub(super) fn hosts(&self) -> impl Iterator<Item = Host> {
        let first = self.hops.first().and_then(|hop| hop.from);
        first.into_iter().chain(self.hops.iter().filter_map(|hop| hop.to))
    }

    pub(super) fn segment(&self) -> Option<&'a Segment> {
        segment(self.packet()?).map(|(_, _, segment)| segment)
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
