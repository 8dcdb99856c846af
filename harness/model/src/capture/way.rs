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
    /// Which way `packet` passed the interface that captured it and whose address is `own`.
    #[must_use]
    pub fn of(packet: &Packet, own: Mac) -> Self {
        if packet.source_mac == own {
            Self::Out
        } else if packet.destination_mac == own {
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
