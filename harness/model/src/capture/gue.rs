//! Generic UDP Encapsulation (draft-ietf-intarea-gue): an IP packet in a datagram to a port
//! at which such tunnels end.
//!
//! A host at which such tunnels end takes the headers of UDP and GUE off where the packet lies, and makes the
//! length in the IP header so much shorter (net/ipv4/fou_core.c, `gue_udp_recv`). A packet socket of that
//! host shares the bytes (net/packet/af_packet.c, `packet_rcv` clones): what it has captured shows the
//! shorter length, which was not on the wire.

use etherparse::{EtherType, ether_type, ip_number};

/// The length of a UDP header (RFC 768).
const UDP_HEADER: usize = 8;
/// The length of GUE's own header without what is optional (include/net/gue.h, `struct guehdr`).
const GUE_HEADER: usize = 4;
const IPV6_HEADER: usize = 40;

/// The IP packet after a header of GUE: version 0, no control message, and so many words of 32 bits beyond
/// the first four bytes.
pub(super) fn within(bytes: &[u8]) -> Option<&[u8]> {
    let (&[first, protocol, ..], _) = bytes.split_first_chunk::<GUE_HEADER>()?;
    let ip = [ip_number::IPV4.0, ip_number::IPV6.0].contains(&protocol);
    let is_data = first >> 5 == 0;
    bytes.get(header(first)..).filter(|_| is_data && ip)
}

/// The length of a header of GUE, by its first byte.
fn header(first: u8) -> usize {
    GUE_HEADER + 4 * usize::from(first & 0x1f)
}

/// An IP packet whose length was made shorter by its receiver, as it was on the wire, with the number of
/// bytes by which it was shorter; `None` for any other packet. `ports`: those at which tunnels of GUE end.
pub(super) fn as_sent(kind: EtherType, packet: &[u8], ports: &[u16]) -> Option<(Vec<u8>, u16)> {
    let number = |at: usize| Some(u16::from_be_bytes(*packet.get(at..)?.first_chunk()?));
    let byte = |at: usize| packet.get(at).copied();
    // Where the length stands, what it counts beyond the payload, where the payload begins, and its protocol.
    let (length_at, counted, payload, protocol) = match kind {
        ether_type::IPV4 => {
            let header = 4 * usize::from(byte(0)? & 0x0f);
            (2, header, header, byte(9)?)
        }
        ether_type::IPV6 => (4, 0, IPV6_HEADER, byte(6)?),
        _ => return None,
    };
    let length = number(length_at)?;
    let is_gue = protocol == ip_number::UDP.0 && ports.contains(&number(payload + 2)?);
    let taken = UDP_HEADER + header(byte(payload + UDP_HEADER)?);
    let shown = usize::from(length).checked_sub(counted)?;
    let shorter = usize::from(number(payload + 4)?) == shown + taken;
    let taken = u16::try_from(taken).ok().filter(|_| is_gue && shorter)?;
    let mut whole = packet.to_vec();
    whole
        .get_mut(length_at..length_at + 2)?
        .copy_from_slice(&length.checked_add(taken)?.to_be_bytes());
    Some((whole, taken))
}
