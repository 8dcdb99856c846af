//! The bytes of one direction of a TCP connection, in their order (RFC 9293, 3.4: sequence numbers count modulo 2 to the 32).

/// Bytes that wait for others before them; more than this, and what they wait for was not captured.
const WAITING: usize = 1 << 20;
/// So many segments of them, likewise.
const WAITING_SEGMENTS: usize = 1024;

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Stream {
    began_at: Option<u32>,
    /// The sequence number of the next byte; `None` if it is not known.
    next: Option<u32>,
    /// Segments that came before their time.
    waiting: Vec<(u32, Vec<u8>)>,
}

impl Stream {
    /// The sequence number of its first byte.
    pub(super) fn began_at(&self) -> Option<u32> {
        self.began_at
    }

    /// Is it known which byte comes next?
    pub(super) fn is_synchronised(&self) -> bool {
        self.next.is_some()
    }

    /// Does this acknowledgement cover every byte that was taken?
    pub(super) fn is_acknowledged_by(&self, acknowledgement: u32) -> bool {
        self.next.is_some_and(|next| ahead(acknowledgement, next) >= 0)
    }

    /// Its next byte has this sequence number.
    pub(super) fn begin(&mut self, sequence: u32) {
        *self = Self {
            began_at: Some(sequence),
            next: Some(sequence),
            waiting: Vec::new(),
        };
    }

    /// Bytes are missing.
    pub(super) fn lose(&mut self) {
        self.next = None;
        self.waiting.clear();
    }

    /// The bytes that a segment adds to what was there before, with those that had waited for them: none if all were there.
    pub(super) fn take(&mut self, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let Some(next) = self.next else {
            return bytes;
        };
        if ahead(sequence, next) > 0 {
            self.wait(sequence, payload);
            return bytes;
        }
        self.append(&mut bytes, sequence, payload);
        while let Some(index) = self.next.and_then(|next| {
            let mut waiting = self.waiting.iter();
            waiting.position(|(sequence, _)| ahead(*sequence, next) <= 0)
        }) {
            let (sequence, payload) = self.waiting.swap_remove(index);
            self.append(&mut bytes, sequence, &payload);
        }
        bytes
    }

    /// Takes what is new of a segment that begins at or before the next byte.
    fn append(&mut self, bytes: &mut Vec<u8>, sequence: u32, payload: &[u8]) {
        let Some(next) = self.next else { return };
        let known = usize::try_from(next.wrapping_sub(sequence)).unwrap_or(usize::MAX);
        if let Some(fresh) = payload.get(known..) {
            bytes.extend_from_slice(fresh);
            let count = u32::try_from(fresh.len()).unwrap_or(u32::MAX);
            self.next = Some(next.wrapping_add(count));
        }
    }

    fn wait(&mut self, sequence: u32, payload: &[u8]) {
        if self
            .waiting
            .iter()
            .any(|(known, bytes)| *known == sequence && bytes.len() >= payload.len())
        {
            return;
        }
        self.waiting.push((sequence, payload.to_vec()));
        let bytes: usize = self.waiting.iter().map(|(_, bytes)| bytes.len()).sum();
        if bytes > WAITING || self.waiting.len() > WAITING_SEGMENTS {
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
