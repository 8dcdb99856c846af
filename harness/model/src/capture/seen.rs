//! Where something was seen.

use super::Packet;
use crate::duration::Instant;

/// A packet by its number and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// Its number.
    pub packet: u32,
    /// Its time.
    pub at: Instant,
}

impl From<&Packet> for Seen {
    fn from(packet: &Packet) -> Self {
        Self {
            packet: packet.number,
            at: packet.at,
        }
    }
}
