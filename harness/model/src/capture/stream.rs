//! The bytes of one direction of a TCP connection, in their order (RFC 9293, 3.4: sequence numbers count
//! modulo 2 to the 32).

use std::collections::BTreeMap;

/// Bytes that wait for others before them; more than this, and what they wait for was not captured. No host
/// of a lab offers a larger window (`net.ipv4.tcp_rmem`: 6 MiB).
const WAITING: usize = 8 << 20;
/// So many segments of them, likewise.
const WAITING_SEGMENTS: usize = 8192;

/// One direction.
#[derive(Debug, Default)]
pub(in crate::capture) struct Stream {
    began_at: Option<u32>,
    /// The sequence number of the next byte; `None` if it is not known.
    next: Option<u32>,
    /// How many bytes were taken.
    taken: u64,
    /// Segments that came before their time, by how many bytes of the stream are before them.
    waiting: BTreeMap<u64, Vec<u8>>,
    /// How many bytes they have.
    held: usize,
}

impl Stream {
    /// The sequence number of its first byte.
    pub(in crate::capture) fn began_at(&self) -> Option<u32> {
        self.began_at
    }

    /// Is it known which byte comes next?
    pub(in crate::capture) fn is_synchronised(&self) -> bool {
        self.next.is_some()
    }

    /// Does this acknowledgement cover every byte that was taken?
    pub(in crate::capture) fn is_acknowledged_by(&self, acknowledgement: u32) -> bool {
        self.next.is_some_and(|next| ahead(acknowledgement, next) >= 0)
    }

    /// Its next byte has this sequence number.
    pub(in crate::capture) fn begin(&mut self, sequence: u32) {
        *self = Self {
            began_at: Some(sequence),
            next: Some(sequence),
            ..Self::default()
        };
    }

    /// Bytes are missing.
    pub(in crate::capture) fn lose(&mut self) {
        self.next = None;
        self.waiting.clear();
        self.held = 0;
    }

    /// The bytes that a segment adds to what was there before, with those that had waited for them: none if
    /// all were there.
    pub(in crate::capture) fn take(&mut self, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let Some(next) = self.next else {
            return bytes;
        };
        if let Ok(before @ 1..) = u64::try_from(ahead(sequence, next)) {
            self.wait(self.taken.saturating_add(before), payload);
            return bytes;
        }
        self.append(&mut bytes, sequence, payload);
        while let Some(first) = self
            .waiting
            .first_entry()
            .filter(|first| *first.key() <= self.taken)
        {
            let (place, payload) = first.remove_entry();
            self.held -= payload.len();
            let known = usize::try_from(self.taken - place).unwrap_or(usize::MAX);
            self.extend(&mut bytes, payload.get(known..).unwrap_or_default());
        }
        bytes
    }

    /// Takes what is new of a segment that begins at or before the next byte.
    fn append(&mut self, bytes: &mut Vec<u8>, sequence: u32, payload: &[u8]) {
        let Some(next) = self.next else { return };
        let known = usize::try_from(next.wrapping_sub(sequence)).unwrap_or(usize::MAX);
        self.extend(bytes, payload.get(known..).unwrap_or_default());
    }

    /// Takes the next bytes.
    fn extend(&mut self, bytes: &mut Vec<u8>, fresh: &[u8]) {
        let Some(next) = self.next else { return };
        bytes.extend_from_slice(fresh);
        let count = u32::try_from(fresh.len()).unwrap_or(u32::MAX);
        self.next = Some(next.wrapping_add(count));
        self.taken = self.taken.saturating_add(u64::from(count));
    }

    /// A segment waits for the bytes before it; of two at one place the longer one is kept.
    fn wait(&mut self, place: u64, payload: &[u8]) {
        let known = self.waiting.get(&place).map_or(0, Vec::len);
        if known >= payload.len() {
            return;
        }
        self.waiting.insert(place, payload.to_vec());
        self.held = self.held - known + payload.len();
        if self.held > WAITING || self.waiting.len() > WAITING_SEGMENTS {
            self.lose();
        }
    }
}

/// How far `sequence` is ahead of `next`; negative if it is behind.
fn ahead(sequence: u32, next: u32) -> i64 {
    let difference = i64::from(sequence.wrapping_sub(next));
    if difference < 1 << 31 {
        difference
    } else {
        difference - (1 << 32)
    }
}
