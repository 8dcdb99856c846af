//! Reads a capture file without any library: pcapng blocks, Ethernet, ARP, IPv4, ICMP, TCP.
//!
//! The product reads captures by two libraries. This reader shares none of them, so a mistake in either
//! shows.

use crate::Trouble;
use std::fs;
use std::path::Path;

/// A frame as one host's interface saw it.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Its number in the file, 1 for the first: Wireshark's frame number.
    pub number: u32,
    /// The host on whose interface it was seen.
    pub host: String,
    /// When, in nanoseconds since 1970.
    pub at: i64,
    /// The Ethernet address of its sender.
    pub from: [u8; 6],
    /// The Ethernet address that it is for.
    pub to: [u8; 6],
    /// What is in it.
    pub what: What,
}

/// What a frame carries.
#[derive(Debug, Clone)]
pub enum What {
    /// A TCP segment. `tunneled`: it is in an IP packet that is in another.
    Tcp {
        /// The segment.
        segment: Tcp,
        /// Is it wrapped in another IP packet?
        tunneled: bool,
    },
    /// An ICMP message.
    Icmp {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
        /// The addresses and ports of the TCP segment that it speaks of.
        about: Option<(Port, Port)>,
    },
    /// An ARP packet.
    Arp {
        /// 1: a request, 2: a reply.
        operation: u16,
        /// The IP address of who sends it.
        sender: u32,
        /// The IP address that it asks for, or that of who asked.
        target: u32,
    },
    /// Anything else; the sentinels, too.
    Other,
}

/// An IPv4 address and a TCP port.
pub type Port = (u32, u16);

/// A TCP segment.
#[derive(Debug, Clone)]
pub struct Tcp {
    /// Who sends it.
    pub source: Port,
    /// Whom it is for.
    pub target: Port,
    /// The number of its first byte.
    pub sequence: u32,
    /// The number of the byte that its sender expects next.
    pub acknowledgement: u32,
    /// FIN 1, SYN 2, RST 4, PSH 8, ACK 16.
    pub flags: u8,
    /// The window, not scaled.
    pub window: u16,
    /// How many bytes it carries, by the lengths in its headers.
    pub length: u32,
    /// Those of its bytes that were captured.
    pub payload: Vec<u8>,
}

impl Tcp {
    /// Is this flag set?
    #[must_use]
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The number of the byte after it; SYN and FIN count as one each (RFC 9293, 3.4).
    #[must_use]
    pub fn end(&self) -> u32 {
        let flags = u32::from(self.has(SYN)) + u32::from(self.has(FIN));
        self.sequence.wrapping_add(self.length).wrapping_add(flags)
    }
}

/// TCP's flag FIN.
pub const FIN: u8 = 1;
/// TCP's flag SYN.
pub const SYN: u8 = 2;
/// TCP's flag RST.
pub const RST: u8 = 4;
/// TCP's flag ACK.
pub const ACK: u8 = 16;

/// Reads a file of pcapng (draft-ietf-opsawg-pcapng) as the runner writes it: little endian, one section,
/// time stamps in nanoseconds.
///
/// # Errors
/// If the file cannot be read, or is not such a file.
pub fn read(path: &Path) -> Result<Vec<Frame>, Trouble> {
    let bytes = fs::read(path).map_err(|source| Trouble::at("read", path, source))?;
    decode(&bytes).ok_or_else(|| Trouble::Capture(path.to_owned()))
}

const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;

fn decode(bytes: &[u8]) -> Option<Vec<Frame>> {
    let (mut hosts, mut frames) = (Vec::<String>::new(), Vec::new());
    let mut rest = bytes;
    while !rest.is_empty() {
        let kind = little(rest, 0)?;
        let length = usize::try_from(little(rest, 4)?).ok()?;
        let body = rest.get(8..length.checked_sub(4)?)?;
        match kind {
            SECTION if little(body, 0)? != 0x1A2B_3C4D => return None,
            INTERFACE => hosts.push(interface_name(body.get(8..)?)?),
            PACKET => {
                let host = hosts.get(usize::try_from(little(body, 0)?).ok()?)?;
                let at = (u64::from(little(body, 4)?) << 32) | u64::from(little(body, 8)?);
                let captured = usize::try_from(little(body, 12)?).ok()?;
                let number = u32::try_from(frames.len()).ok()? + 1;
                frames.push(frame(
                    number,
                    host,
                    i64::try_from(at).ok()?,
                    body.get(20..20 + captured)?,
                )?);
            }
            _ => {}
        }
        rest = rest.get(length..)?;
    }
    Some(frames)
}

/// The option `if_name` (2). Without `if_tsresol` (9) of nanoseconds the file is none of ours.
fn interface_name(options: &[u8]) -> Option<String> {
    let (mut name, mut nanoseconds) = (None, false);
    let mut rest = options;
    while let [a, b, c, d, after @ ..] = rest {
        let (code, length) = (
            u16::from_le_bytes([*a, *b]),
            usize::from(u16::from_le_bytes([*c, *d])),
        );
        let value = after.get(..length)?;
        match code {
            0 => break,
            2 => name = String::from_utf8(value.to_vec()).ok(),
            9 => nanoseconds = value == [9],
            _ => {}
        }
        rest = after.get(length.next_multiple_of(4)..)?;
    }
    name.filter(|_| nanoseconds)
}

fn little(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn frame(number: u32, host: &str, at: i64, bytes: &[u8]) -> Option<Frame> {
    let body = bytes.get(14..)?;
    let what = match short(bytes, 12)? {
        0x0806 => Some(What::Arp {
            operation: short(body, 6)?,
            sender: long(body, 14)?,
            target: long(body, 24)?,
        }),
        0x0800 => ip(body, false),
        _ => None,
    };
    Some(Frame {
        number,
        host: host.to_owned(),
        at,
        from: bytes.get(6..12)?.try_into().ok()?,
        to: bytes.get(..6)?.try_into().ok()?,
        what: what.unwrap_or(What::Other),
    })
}

/// RFC 791. Protocols: 1 ICMP, 4 IP in IP, 6 TCP.
fn ip(packet: &[u8], tunneled: bool) -> Option<What> {
    let header = usize::from(packet.first()? & 15) * 4;
    let total = usize::from(short(packet, 2)?);
    let body = packet.get(header..packet.len().min(total))?;
    let (source, target) = (long(packet, 12)?, long(packet, 16)?);
    match packet.get(9)? {
        1 => Some(What::Icmp {
            kind: *body.first()?,
            code: *body.get(1)?,
            about: body.get(8..).and_then(quoted),
        }),
        4 => ip(body, true),
        6 => {
            let data = usize::from(body.get(12)? >> 4) * 4;
            Some(What::Tcp {
                segment: Tcp {
                    source: (source, short(body, 0)?),
                    target: (target, short(body, 2)?),
                    sequence: long(body, 4)?,
                    acknowledgement: long(body, 8)?,
                    flags: *body.get(13)?,
                    window: short(body, 14)?,
                    length: u32::try_from(total.checked_sub(header + data)?).ok()?,
                    payload: body.get(data..).unwrap_or_default().to_vec(),
                },
                tunneled,
            })
        }
        _ => None,
    }
}

/// An ICMP error quotes the IP header and at least eight bytes of what it speaks of: TCP's ports among them
/// (RFC 792).
fn quoted(packet: &[u8]) -> Option<(Port, Port)> {
    let header = usize::from(packet.first()? & 15) * 4;
    (*packet.get(9)? == 6).then_some(())?;
    let ports = packet.get(header..)?;
    Some((
        (long(packet, 12)?, short(ports, 0)?),
        (long(packet, 16)?, short(ports, 2)?),
    ))
}
