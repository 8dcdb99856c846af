//! Captures as judging and reporting see them: packets, decoded, in the order of the file.
//!
//! [`write()`] and [`read`] are the two ends of a cell's `capture.pcapng`, [`decode`] turns one frame into
//! what it carries, [`flow`] finds connections in the packets, [`mysql`] reads what client and server say,
//! and [`trace`] prints packets as tcpdump(8) does.

pub mod decode;
pub mod dialect;
pub mod echo;
pub mod flow;
mod gue;
pub mod mysql;
mod pcapng;
mod remarks;
mod seen;
mod stream;
pub mod trace;
pub mod unknown;
mod way;

pub use pcapng::{CaptureError, Frame, MOST_PACKETS, PointFrames, names, read, unpacked, write};
pub use remarks::{Remarks, marks};
pub use seen::Seen;
pub use way::{Way, is_group, is_virtual_router};

use crate::base::TunnelType;
use crate::duration::Instant;
use crate::ipvs::Protocol;
use crate::plan::{Echo, Host, LabPlan, Mac, Server};
use dialect::Dialect;
use std::net::IpAddr;

/// What client and server of a lab speak, by the kind of its service's servers.
#[must_use]
pub fn dialect_of(plan: &LabPlan) -> &'static dyn Dialect {
    let mut hosts = plan
        .service()
        .backends
        .iter()
        .filter_map(|backend| plan.host(&backend.host));
    match hosts.find_map(Host::server) {
        Some(Server::MySql(_)) | None => &mysql::MySql,
        Some(Server::Program(_)) => &unknown::UnknownStream,
        Some(Server::Echo(Echo {
            protocol: Protocol::Udp,
            ..
        })) => &echo::EchoDatagrams,
        Some(Server::Echo(Echo {
            protocol: Protocol::Tcp | Protocol::Sctp,
            ..
        })) => &echo::EchoLines,
    }
}

/// A captured packet. The same frame seen on two interfaces is two packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Its place in the capture file, 1 for the first: Wireshark's frame number. Evidence cites it.
    pub number: u32,
    /// The index of the capture point in [`crate::record::CaptureRecord::points`].
    pub point: usize,
    /// When the kernel under test saw it.
    pub at: Instant,
    /// The sender's Ethernet address.
    pub source_mac: Mac,
    /// The receiver's Ethernet address.
    pub destination_mac: Mac,
    /// The frame's length on the wire in bytes, Ethernet header included.
    pub length: u32,
    /// What it carries.
    pub body: Body,
}

/// What a frame carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A sentinel of the harness: it proves that the capture was running.
    Sentinel {
        /// Its text.
        text: String,
    },
    /// ARP for IPv4.
    Arp {
        /// Does it ask (and not answer)?
        request: bool,
        /// Whose address speaks.
        sender: IpAddr,
        /// The Ethernet address that it states as its own.
        sender_mac: Mac,
        /// Whose address is sought or answered.
        target: IpAddr,
        /// The Ethernet address that it states as the target's; all zeros while it is sought.
        target_mac: Mac,
    },
    /// An IP packet.
    Ip {
        /// Source address.
        source: IpAddr,
        /// Destination address.
        destination: IpAddr,
        /// What it carries.
        transport: Transport,
    },
    /// Another EtherType.
    Other {
        /// Which.
        ethertype: u16,
    },
    /// The frame could not be decoded.
    Malformed {
        /// Why.
        reason: String,
    },
}

/// What an IP packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp(Segment),
    /// ICMP or ICMPv6.
    Icmp {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
        /// Bytes 5 to 8 of its header: identifier and sequence of an echo, the gateway of a redirect, the MTU
        /// of "too big".
        rest: [u8; 4],
        /// Its length on the wire in bytes, its header included.
        length: u32,
        /// The TCP or UDP flow of the packet that it quotes: (source, source port, destination,
        /// destination port).
        quoted: Option<(IpAddr, u16, IpAddr, u16)>,
        /// What comes after the first eight bytes, as far as it was captured: the quoted packet, the address
        /// that a neighbour solicitation seeks.
        body: Vec<u8>,
        /// Does the IPv6 packet have a hop-by-hop header (multicast listener reports have)?
        hop_by_hop: bool,
    },
    /// An IP packet within this one (IPVS's tunneling).
    Tunneled {
        /// What is between the two.
        by: Encapsulation,
        /// The inner source address.
        source: IpAddr,
        /// The inner destination address.
        destination: IpAddr,
        /// What the inner packet carries.
        transport: Box<Transport>,
    },
    /// UDP.
    Udp(Datagram),
    /// Another protocol.
    Other {
        /// Its IP protocol number.
        protocol: u8,
        /// The length of the IP payload on the wire in bytes.
        length: u32,
        /// What it says, if it is an advert of VRRP.
        advert: Option<Advert>,
    },
}

/// An advert of VRRP (RFC 3768, 5.1; RFC 5798, 5.1), without authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Advert {
    /// The version of VRRP: 2 or 3.
    pub version: u8,
    /// The virtual router.
    pub router: u8,
    /// The sender's priority.
    pub priority: u8,
    /// How far apart the adverts are: in seconds, with version 3 in hundredths of one.
    pub interval: u16,
}

impl Advert {
    /// The IP protocol number of VRRP.
    pub const PROTOCOL: u8 = 112;

    /// Reads the header of an advert.
    pub(super) fn of(header: &[u8]) -> Option<Self> {
        let [kind, router, priority, _, high, low, ..] = *header else {
            return None;
        };
        let (version, interval) = match (kind, high) {
            // The byte before the interval is that of the authentication.
            (0x21, 0) => (2, u16::from(low)),
            (0x31, _) => (3, u16::from_be_bytes([high, low]) & 0x0fff),
            _ => return None,
        };
        Some(Self {
            version,
            router,
            priority,
            interval,
        })
    }
}

/// What is between an IP packet and the one around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encapsulation {
    /// Nothing: IP in IP (RFC 2003, RFC 2473, RFC 4213).
    IpInIp,
    /// A header of UDP and one of GUE (draft-ietf-intarea-gue).
    Gue {
        /// UDP's source port.
        source_port: u16,
        /// UDP's destination port.
        port: u16,
        /// The length of UDP's payload on the wire in bytes, the header of GUE included.
        length: u32,
        /// By so many bytes is the length in the outer IP header shorter than it was on the wire, because the
        /// receiver had taken them off before the packet was captured.
        taken: u16,
    },
    /// A header of GRE (RFC 2784).
    Gre {
        /// Its length on the wire in bytes, with what it carries.
        length: u32,
    },
}

impl Encapsulation {
    /// The type of tunnel that does it.
    #[must_use]
    pub fn kind(self) -> TunnelType {
        match self {
            Self::IpInIp => TunnelType::Ipip,
            Self::Gue { .. } => TunnelType::Gue,
            Self::Gre { .. } => TunnelType::Gre,
        }
    }
}

/// A UDP datagram.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Datagram {
    /// Ports and payload, as a segment of TCP has them. It has no flags, and in the place of the sequence
    /// number the length and the checksum of the UDP header: bytes 5 to 8 of either, by which an ICMP error
    /// tells the packet that it quotes.
    pub said: Segment,
    /// A hash of the payload ([`decode::digest`]). A datagram has no number that would tell it from others.
    /// `None` if the payload was not captured whole: then it is not known to be the same as another.
    pub digest: Option<u64>,
}

/// A TCP segment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Segment {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sequence number as on the wire.
    pub sequence: u32,
    /// Acknowledgement number as on the wire; meaningful with the ACK flag.
    pub acknowledgement: u32,
    /// Flags.
    pub flags: Flags,
    /// Window as on the wire, unscaled.
    pub window: u16,
    /// Urgent pointer; meaningful with the URG flag.
    pub urgent: u16,
    /// Options in order.
    pub options: Vec<TcpOption>,
    /// Length of the payload on the wire, in bytes.
    pub payload_length: u32,
    /// The payload as far as it was captured.
    pub payload: Vec<u8>,
}

/// The flags of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(
    missing_docs,
    clippy::struct_excessive_bools,
    reason = "the names and the form are TCP's (RFC 9293)"
)]
pub struct Flags {
    pub fin: bool,
    pub syn: bool,
    pub rst: bool,
    pub psh: bool,
    pub ack: bool,
    pub urg: bool,
    pub ece: bool,
    pub cwr: bool,
}

/// A TCP option that tcpdump prints.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are TCP's (RFC 9293, 7323, 2018)")]
pub enum TcpOption {
    Mss(u16),
    WindowScale(u8),
    SackPermitted,
    Sack(Vec<(u32, u32)>),
    Timestamps { value: u32, echo: u32 },
    Nop,
    EndOfList,
    Unknown { kind: u8, data: Vec<u8> },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adverts_of_both_versions_are_read_and_nothing_else() {
        let second = Advert::of(&[0x21, 51, 150, 1, 0, 1, 0xba, 0x52, 192, 0, 2, 100]).unwrap();
        assert_eq!((second.version, second.router, second.priority), (2, 51, 150));
        assert_eq!(second.interval, 1);
        let third = Advert::of(&[0x31, 51, 100, 1, 0, 20, 0xba, 0x52]).unwrap();
        assert_eq!((third.version, third.priority, third.interval), (3, 100, 20));
        // With a password, of another kind, and cut off.
        for other in [
            &[0x21, 51, 150, 1, 1, 1][..],
            &[0x22, 51, 150, 1, 0, 1],
            &[0x21, 51, 150],
        ] {
            assert_eq!(Advert::of(other), None);
        }
    }
}
