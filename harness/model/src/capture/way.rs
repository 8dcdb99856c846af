//! Which way a frame passed an interface: the one place that compares Ethernet addresses. They say what one
//! interface saw, and never who made a packet: [`crate::path`] does.

use super::Packet;
use crate::plan::Mac;

/// Which way a frame passed the interface that captured it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// It has the interface's own address as its source: the host sent it.
    Out,
    /// It is addressed to the interface.
    In,
    /// It came from elsewhere and is addressed to a group: broadcast or multicast.
    Group,
    /// It is addressed to another interface. A bridge floods what is for an address that it does not know.
    /// The host's kernel drops the frame.
    Past,
}

impl Way {
    /// Which way `packet` passed the interface that captured it and of which `own` are the addresses.
    #[must_use]
    pub fn of(packet: &Packet, own: impl Fn(Mac) -> bool) -> Self {
        if own(packet.source_mac) {
            Self::Out
        } else if own(packet.destination_mac) {
            Self::In
        } else if is_group(packet.destination_mac) {
            Self::Group
        } else {
            Self::Past
        }
    }
}

/// Is it the address of a group? Broadcast and multicast addresses have the lowest bit of the first byte
/// (IEEE 802, the I/G bit).
#[must_use]
pub fn is_group(Mac([first, ..]): Mac) -> bool {
    first & 1 == 1
}

/// Is it the address of a virtual router, which moves from one director to another (`use_vmac` of
/// keepalived.conf(5))? RFC 5798, 7.3: the sixth byte is the router's number, the fifth the version of IP.
#[must_use]
pub fn is_virtual_router(Mac(bytes): Mac) -> bool {
    matches!(bytes, [0x00, 0x00, 0x5e, 0x00, 0x01 | 0x02, _])
}
