//! Reads a capture file without any library: pcapng blocks, Ethernet, ARP, IPv4, IPv6, ICMP, TCP.
//!
//! The product reads captures by two libraries. This reader shares none of them, so a mistake in either
//! shows. Only what gzip has packed is unpacked by a library.

use crate::Trouble;
use flate2::read::GzDecoder;
use std::fs;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
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
        sender: IpAddr,
        /// The IP address that it asks for, or that of who asked.
        target: IpAddr,
    },
    /// Anything else; the sentinels, too.
    Other,
}

/// An IP address and a TCP port.
pub type Port = (IpAddr, u16);

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
    let mut bytes = fs::read(path).map_err(|source| Trouble::at("read", path, source))?;
    // Fixtures are packed.
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let packed = std::mem::take(&mut bytes);
        let mut packed = GzDecoder::new(packed.as_slice());
        let done = packed.read_to_end(&mut bytes);
        done.map_err(|source| Trouble::at("unpack", path, source))?;
    }
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
            // `director`, or `director:eth1`.
            INTERFACE => hosts.push(interface_name(body.get(8..)?)?.split(':').next()?.to_owned()),
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

/// An IPv4 address.
fn four(bytes: &[u8], at: usize) -> Option<IpAddr> {
    let address: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(Ipv4Addr::from(address).into())
}

/// An IPv6 address.
fn sixteen(bytes: &[u8], at: usize) -> Option<IpAddr> {
    let address: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
    Some(Ipv6Addr::from(address).into())
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn frame(number: u32, host: &str, at: i64, bytes: &[u8]) -> Option<Frame> {
    let body = bytes.get(14..)?;
    let what = match short(bytes, 12)? {
        0x0806 => Some(What::Arp {
            operation: short(body, 6)?,
            sender: four(body, 14)?,
            target: four(body, 24)?,
        }),
        0x0800 => ip(body, false),
        0x86dd => ip6(body, false),
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

/// RFC 791. Protocols: 1 ICMP, 4 IP in IP, 6 TCP, 17 UDP, 47 GRE.
fn ip(packet: &[u8], tunneled: bool) -> Option<What> {
    let header = usize::from(packet.first()? & 15) * 4;
    let total = usize::from(short(packet, 2)?);
    let protocol = *packet.get(9)?;
    let end = if protocol == UDP {
        packet.len()
    } else {
        packet.len().min(total)
    };
    let body = packet.get(header..end)?;
    carried(
        protocol,
        body,
        (four(packet, 12)?, four(packet, 16)?),
        total.checked_sub(header)?,
        tunneled,
    )
}

/// RFC 8200, without extension headers. Protocols as above, and 41 IPv6 in IP, 58 ICMPv6.
fn ip6(packet: &[u8], tunneled: bool) -> Option<What> {
    const HEADER: usize = 40;
    let length = usize::from(short(packet, 4)?);
    let protocol = *packet.get(6)?;
    let end = if protocol == UDP {
        packet.len()
    } else {
        packet.len().min(HEADER + length)
    };
    let body = packet.get(HEADER..end)?;
    let between = (sixteen(packet, 8)?, sixteen(packet, 24)?);
    carried(protocol, body, between, length, tunneled)
}

/// What an IP packet of this protocol carries, by its length on the wire.
fn carried(
    protocol: u8,
    body: &[u8],
    (source, target): (IpAddr, IpAddr),
    length: usize,
    tunneled: bool,
) -> Option<What> {
    match protocol {
        1 | 58 => {
            let (kind, code) = (*body.first()?, *body.get(1)?);
            // RFC 4443 numbers what cannot be reached otherwise than RFC 792.
            let (kind, code) = match (protocol, kind, code) {
                (58, 1, 0) => (3, 0),
                (58, 1, 3) => (3, 1),
                (58, 1, 4) => (3, 3),
                _ => (kind, code),
            };
            Some(What::Icmp {
                kind,
                code,
                about: body.get(8..).and_then(quoted),
            })
        }
        4 => ip(body, true),
        41 => ip6(body, true),
        // GRE (RFC 2784), without what is optional: the EtherType stands before the packet.
        47 => match short(body, 2)? {
            0x0800 => ip(body.get(4..)?, true),
            0x86dd => ip6(body.get(4..)?, true),
            _ => None,
        },
        UDP => in_gue(body.get(8..)?),
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
                    length: u32::try_from(length.checked_sub(data)?).ok()?,
                    payload: body.get(data..).unwrap_or_default().to_vec(),
                },
                tunneled,
            })
        }
        _ => None,
    }
}

/// UDP's protocol number.
const UDP: u8 = 17;

/// GUE (draft-ietf-intarea-gue): the low five bits of its first byte count words of 32 bits beyond the first
/// one, the second byte is the protocol inside. The host that unpacks it shortens the outer packet's length
/// before the capture sees it, so that of the inner packet counts. The port is the lab's own choice: in a lab
/// of TCP nothing else is said over UDP.
fn in_gue(bytes: &[u8]) -> Option<What> {
    let inner = bytes.get(4 + 4 * usize::from(bytes.first()? & 31)..)?;
    match bytes.get(1)? {
        4 => ip(inner, true),
        41 => ip6(inner, true),
        _ => None,
    }
}

/// An ICMP error quotes the IP header and at least eight bytes of what it speaks of: TCP's ports among them
/// (RFC 792).
fn quoted(packet: &[u8]) -> Option<(Port, Port)> {
    let is_ipv6 = packet.first()? >> 4 == 6;
    let (header, protocol, source, target) = if is_ipv6 {
        (40, *packet.get(6)?, sixteen(packet, 8)?, sixteen(packet, 24)?)
    } else {
        let header = usize::from(packet.first()? & 15) * 4;
        (header, *packet.get(9)?, four(packet, 12)?, four(packet, 16)?)
    };
    (protocol == 6).then_some(())?;
    let ports = packet.get(header..)?;
    Some(((source, short(ports, 0)?), (target, short(ports, 2)?)))
}
