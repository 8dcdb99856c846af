//! Packets that are shared by everything that is known of them.

use crate::capture::Packet;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// One of the packets of a cell. It keeps all of them, so a hop can name its packets for as long as it lives.
#[derive(Clone)]
pub struct PacketRef {
    all: Arc<Vec<Packet>>,
    /// Its place in `all`.
    index: usize,
}

impl PacketRef {
    /// Each of `all`, in order.
    pub(super) fn each(all: &Arc<Vec<Packet>>) -> impl Iterator<Item = Self> {
        (0..all.len()).map(|index| Self {
            all: Arc::clone(all),
            index,
        })
    }
}

impl Deref for PacketRef {
    type Target = Packet;

    fn deref(&self) -> &Packet {
        &self.all[self.index]
    }
}

impl PartialEq for PacketRef {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for PacketRef {}

impl fmt::Debug for PacketRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
