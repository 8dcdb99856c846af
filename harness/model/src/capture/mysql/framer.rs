//! The protocol's packets: three bytes of length, a sequence number, the payload. A payload of 2 to the 24
//! minus 1 bytes goes on in the next packet.

/// Of longer payloads only so much is kept: enough for every name and number, and the beginning of a text.
const KEPT: usize = 4096;
/// The length that says that the payload goes on in another packet.
const CONTINUED: usize = 0xff_ff_ff;

/// A whole payload.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whole {
    /// The sequence number of its first packet.
    pub(super) sequence: u8,
    /// Its length in bytes, over all of its packets.
    pub(super) length: usize,
    /// Its beginning, at most [`KEPT`] bytes.
    pub(super) kept: Vec<u8>,
    /// How many packets it took.
    pub(super) packets: u8,
    /// Did it begin in an earlier segment?
    pub(super) in_parts: bool,
}

/// A payload of which not all has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    /// The sequence number of its first packet.
    pub(super) sequence: u8,
    /// Its beginning.
    pub(super) kept: &'a [u8],
    /// How many bytes have come.
    pub(super) come: usize,
    /// How many there will be at least.
    pub(super) length: usize,
    /// Did it begin in this segment?
    pub(super) begins: bool,
}

/// Cuts a stream of bytes into payloads.
#[derive(Debug, Default)]
pub(super) struct Framer {
    /// Bytes of a header that is not complete.
    header: Vec<u8>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    sequence: u8,
    kept: Vec<u8>,
    come: usize,
    length: usize,
    /// What the packet that is being read still lacks.
    lacks: usize,
    continued: bool,
    packets: u8,
    begins: bool,
}

impl Framer {
    /// The payloads that these bytes complete.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Vec<Whole> {
        let mut whole = Vec::new();
        if let Some(open) = &mut self.open {
            open.begins = false;
        }
        loop {
            if let Some(open) = self.open.as_mut().filter(|open| open.lacks > 0) {
                let (now, rest) = bytes.split_at(bytes.len().min(open.lacks));
                let room = KEPT.saturating_sub(open.kept.len());
                open.kept.extend_from_slice(&now[..now.len().min(room)]);
                open.come += now.len();
                open.lacks -= now.len();
                bytes = rest;
                if open.lacks > 0 {
                    return whole;
                }
            }
            if self.open.as_ref().is_some_and(|open| !open.continued) {
                whole.extend(self.open.take().map(Open::close));
            }
            let needed = 4 - self.header.len();
            let (now, rest) = bytes.split_at(bytes.len().min(needed));
            self.header.extend_from_slice(now);
            bytes = rest;
            let Ok([low, middle, high, sequence]) = <[u8; 4]>::try_from(self.header.as_slice()) else {
                return whole;
            };
            self.header.clear();
            let length = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
            let open = self.open.get_or_insert_with(|| Open {
                sequence,
                kept: Vec::new(),
                come: 0,
                length: 0,
                lacks: 0,
                continued: false,
                packets: 0,
                begins: true,
            });
            open.length += length;
            open.lacks = length;
            open.continued = length == CONTINUED;
            open.packets = open.packets.wrapping_add(1);
        }
    }

    /// The payload of which not all has come.
    pub(super) fn part(&self) -> Option<Part<'_>> {
        let open = self.open.as_ref()?;
        Some(Part {
            sequence: open.sequence,
            kept: &open.kept,
            come: open.come,
            length: open.length,
            begins: open.begins,
        })
    }
}

impl Open {
    fn close(self) -> Whole {
        Whole {
            sequence: self.sequence,
            length: self.length,
            kept: self.kept,
            packets: self.packets,
            in_parts: !self.begins,
        }
    }
}
