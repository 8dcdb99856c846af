//! One frame, from its bytes to what it carries. etherparse does the layers; here is what it leaves: the
//! quoted flow of an ICMP error, IP within IP, TCP options, and the lengths on the wire. No frame is an
//! error: what cannot be decoded is [`Body::Malformed`] with the reason.

use super::{Advert, Body, Datagram, Encapsulation, Flags, Segment, TcpOption, Transport};
use crate::base::GUE_PORT;
use crate::plan::{Mac, SENTINEL_ETHERTYPE};
use etherparse::{
    ArpPacketSlice, Ethernet2Slice, LaxIpPayloadSlice, LaxNetSlice, LaxSlicedPacket, TcpSlice,
    TransportSlice, ether_type, ip_number,
};
use std::net::IpAddr;

/// The length of an Ethernet header.
pub const ETHERNET_HEADER: u32 = 14;

/// The length of a UDP header (RFC 768).
const UDP_HEADER: u32 = 8;
/// Why a fragment of an IP packet is not decoded.
pub const FRAGMENT: &str = "a fragment of an IP packet";

/// The hash FNV-1a with 64 bits: it tells payloads apart, and is the same in every build.
#[must_use]
pub fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A decoded frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedFrame {
    /// The sender's Ethernet address; zeros if the frame is shorter than its header.
    pub source_mac: Mac,
    /// The receiver's.
    pub destination_mac: Mac,
    /// What it carries.
    pub body: Body,
}

/// Decodes an Ethernet frame of which `bytes` were captured and which was `length` bytes long on the wire.
/// Tunnels of GUE end at the usual port.
#[must_use]
pub fn frame(bytes: &[u8], length: u32) -> DecodedFrame {
    frame_of(bytes, length, &[GUE_PORT])
}

/// The same where tunnels of GUE end at these ports of UDP.
#[must_use]
pub fn frame_of(bytes: &[u8], length: u32, gue: &[u16]) -> DecodedFrame {
    match Ethernet2Slice::from_slice_without_fcs(bytes) {
        Ok(ethernet) => DecodedFrame {
            source_mac: Mac(ethernet.source()),
            destination_mac: Mac(ethernet.destination()),
            body: body(&ethernet, cut(bytes, length), gue)
                .unwrap_or_else(|reason| Body::Malformed { reason }),
        },
        Err(error) => DecodedFrame {
            source_mac: Mac([0; 6]),
            destination_mac: Mac([0; 6]),
            body: Body::Malformed {
                reason: error.to_string(),
            },
        },
    }
}

/// Was less captured than was on the wire?
fn cut(bytes: &[u8], length: u32) -> bool {
    u32::try_from(bytes.len()).is_ok_and(|captured| captured < length)
}

fn body(ethernet: &Ethernet2Slice<'_>, cut: bool, gue: &[u16]) -> Result<Body, String> {
    let payload = ethernet.payload_slice();
    match ethernet.ether_type() {
        etherparse::EtherType(SENTINEL_ETHERTYPE) => {
            let text = payload.split(|byte| *byte == 0).next().unwrap_or_default();
            let text = std::str::from_utf8(text)
                .map_err(|error| format!("a sentinel whose text is not UTF-8: {error}"))?;
            Ok(Body::Sentinel {
                text: text.to_owned(),
            })
        }
        kind @ (ether_type::ARP | ether_type::IPV4 | ether_type::IPV6) => {
            let as_sent = super::gue::as_sent(kind, payload, gue);
            let payload = as_sent.as_ref().map_or(payload, |(packet, _)| packet);
            let sliced = LaxSlicedPacket::from_ether_type(kind, payload);
            match (&sliced.net, &sliced.stop_err) {
                (None, Some((error, _))) => Err(error.to_string()),
                (None, None) => Ok(Body::Other { ethertype: kind.0 }),
                (Some(LaxNetSlice::Arp(arp)), _) => arp_body(arp),
                (Some(_), _) => {
                    let (source, destination, mut transport) = ip(&sliced, cut, gue)?;
                    if let (Some((_, by_receiver)), Transport::Tunneled { by, .. }) =
                        (&as_sent, &mut transport)
                        && let Encapsulation::Gue { taken, .. } = by
                    {
                        *taken = *by_receiver;
                    }
                    Ok(Body::Ip {
                        source,
                        destination,
                        transport,
                    })
                }
            }
        }
        other => Ok(Body::Other { ethertype: other.0 }),
    }
}

fn arp_body(arp: &ArpPacketSlice<'_>) -> Result<Body, String> {
    let request = match arp.operation() {
        etherparse::ArpOperation::REQUEST => true,
        etherparse::ArpOperation::REPLY => false,
        other => return Err(format!("ARP operation {} is neither request nor reply", other.0)),
    };
    let ip = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let mac = |bytes: &[u8]| <[u8; 6]>::try_from(bytes).map(Mac);
    let fields = (
        ip(arp.sender_protocol_addr()),
        mac(arp.sender_hw_addr()),
        ip(arp.target_protocol_addr()),
        mac(arp.target_hw_addr()),
    );
    let (Ok(sender), Ok(sender_mac), Ok(target), Ok(target_mac)) = fields else {
        return Err("ARP for something else than IPv4 over Ethernet".to_owned());
    };
    Ok(Body::Arp {
        request,
        sender,
        sender_mac,
        target,
        target_mac,
    })
}

/// Source, destination and transport of a sliced IP packet. `cut`: the frame was captured in part.
fn ip(sliced: &LaxSlicedPacket<'_>, cut: bool, gue: &[u16]) -> Result<(IpAddr, IpAddr, Transport), String> {
    let (source, destination, payload, length) = match &sliced.net {
        Some(LaxNetSlice::Ipv4(slice)) => {
            let header = slice.header();
            let length = usize::from(header.total_len()).checked_sub(header.slice().len());
            (
                IpAddr::V4(header.source_addr()),
                IpAddr::V4(header.destination_addr()),
                slice.payload(),
                length,
            )
        }
        Some(LaxNetSlice::Ipv6(slice)) => {
            let length =
                usize::from(slice.header().payload_length()).checked_sub(slice.extensions().slice().len());
            (
                IpAddr::V6(slice.header().source_addr()),
                IpAddr::V6(slice.header().destination_addr()),
                slice.payload(),
                length,
            )
        }
        Some(LaxNetSlice::Arp(_)) | None => return Err("no IP packet".to_owned()),
    };
    if let Some((error, layer)) = &sliced.stop_err {
        return Err(format!("{layer}: {error}"));
    }
    let length = length.ok_or("the IP header's length is shorter than the header")?;
    if payload.fragmented {
        return Err(FRAGMENT.to_owned());
    }
    if payload.incomplete && !cut {
        return Err("the IP header speaks of more bytes than the frame has".to_owned());
    }
    Ok((source, destination, transport(sliced, payload, length, gue)?))
}

/// `length`: that of the IP payload on the wire.
fn transport(
    sliced: &LaxSlicedPacket<'_>,
    payload: &LaxIpPayloadSlice<'_>,
    length: usize,
    gue: &[u16],
) -> Result<Transport, String> {
    let on_the_wire = u32::try_from(length).map_err(|error| error.to_string())?;
    Ok(match &sliced.transport {
        Some(TransportSlice::Tcp(tcp)) => Transport::Tcp(segment(tcp, length)?),
        Some(TransportSlice::Icmpv4(icmp)) => Transport::Icmp {
            kind: icmp.type_u8(),
            code: icmp.code_u8(),
            rest: icmp.bytes5to8(),
            length: on_the_wire,
            // RFC 792: unreachable, source quench, redirect, time exceeded, parameter problem quote the
            // packet.
            quoted: matches!(icmp.type_u8(), 3 | 4 | 5 | 11 | 12)
                .then(|| quoted_flow(icmp.payload()))
                .flatten(),
            body: icmp.payload().to_vec(),
            hop_by_hop: false,
        },
        Some(TransportSlice::Icmpv6(icmp)) => Transport::Icmp {
            kind: icmp.type_u8(),
            code: icmp.code_u8(),
            rest: icmp.bytes5to8(),
            length: on_the_wire,
            // RFC 4443: error messages have types below 128.
            quoted: (icmp.type_u8() < 128)
                .then(|| quoted_flow(icmp.payload()))
                .flatten(),
            body: icmp.payload().to_vec(),
            hop_by_hop: matches!(&sliced.net, Some(LaxNetSlice::Ipv6(slice))
                if slice.header().next_header() == ip_number::IPV6_HEADER_HOP_BY_HOP),
        },
        Some(TransportSlice::Udp(udp)) => {
            let payload_length = u32::from(udp.length())
                .checked_sub(UDP_HEADER)
                .ok_or("the UDP header's length is shorter than the header")?;
            let whole = u32::try_from(udp.payload().len()).is_ok_and(|captured| captured == payload_length);
            if gue.contains(&udp.destination_port())
                && let Some(inner) = super::gue::within(udp.payload())
            {
                let by = Encapsulation::Gue {
                    source_port: udp.source_port(),
                    port: udp.destination_port(),
                    length: payload_length,
                    taken: 0,
                };
                return tunneled(by, inner, !whole, gue);
            }
            Transport::Udp(Datagram {
                said: Segment {
                    source_port: udp.source_port(),
                    destination_port: udp.destination_port(),
                    sequence: u32::from(udp.length()) << 16 | u32::from(udp.checksum()),
                    payload_length,
                    payload: udp.payload().to_vec(),
                    ..Segment::default()
                },
                digest: whole.then(|| digest(udp.payload())),
            })
        }
        Some(TransportSlice::Igmp(_)) | None => match payload.ip_number {
            ip_number::IPV4 | ip_number::IPV6 => {
                tunneled(Encapsulation::IpInIp, payload.payload, payload.incomplete, gue)?
            }
            other => match within_gre(payload.payload).filter(|_| other == ip_number::GRE) {
                Some(inner) => {
                    let by = Encapsulation::Gre { length: on_the_wire };
                    tunneled(by, inner, payload.incomplete, gue)?
                }
                None => Transport::Other {
                    protocol: other.0,
                    length: on_the_wire,
                    advert: Some(payload.payload)
                        .filter(|_| other.0 == Advert::PROTOCOL)
                        .and_then(Advert::of),
                },
            },
        },
    })
}

/// The packet `inner`, of which a part may not have been captured (`cut`).
fn tunneled(by: Encapsulation, inner: &[u8], cut: bool, gue: &[u16]) -> Result<Transport, String> {
    let inner = LaxSlicedPacket::from_ip(inner).map_err(|error| error.to_string())?;
    let (source, destination, transport) = ip(&inner, cut, gue)?;
    Ok(Transport::Tunneled {
        by,
        source,
        destination,
        transport: Box::new(transport),
    })
}

/// The IP packet after a header of GRE as a director puts it there (RFC 2784): version 0, without checksum,
/// key and sequence number.
fn within_gre(bytes: &[u8]) -> Option<&[u8]> {
    let (&[flags, version, high, low], inner) = bytes.split_first_chunk::<4>()?;
    let kind = etherparse::EtherType(u16::from_be_bytes([high, low]));
    let ip = [ether_type::IPV4, ether_type::IPV6].contains(&kind);
    Some(inner).filter(|_| ip && flags == 0 && version == 0)
}

/// The TCP or UDP flow of the packet that an ICMP error quotes.
fn quoted_flow(bytes: &[u8]) -> Option<(IpAddr, u16, IpAddr, u16)> {
    let quoted = quoted(bytes)?;
    let (_, port) = quoted.port?;
    Some((quoted.source, quoted.source_port, quoted.destination, port))
}

/// The sequence number of the TCP segment that an ICMP error quotes, or what a datagram has in its place;
/// `bytes` is what comes after the first eight bytes of the error.
#[must_use]
pub fn quoted_sequence(bytes: &[u8]) -> Option<u32> {
    let quoted = quoted(bytes)?;
    quoted.bytes5to8.filter(|_| quoted.port.is_some())
}

/// The packet that an ICMP error quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quoted {
    pub(super) source: IpAddr,
    /// 0 without ports.
    pub(super) source_port: u16,
    pub(super) destination: IpAddr,
    /// Its IP protocol number.
    pub(super) protocol: u8,
    /// For TCP and UDP the protocol's name and the destination port.
    pub(super) port: Option<(&'static str, u16)>,
    /// The third and fourth byte of its payload, where TCP and UDP have the destination port: tcpdump prints
    /// them as one for any protocol.
    pub(super) bytes3to4: u16,
    /// The fifth to eighth byte of its payload: TCP's sequence number.
    pub(super) bytes5to8: Option<u32>,
}

/// Reads a quoted packet. At least 8 bytes of its payload are there (RFC 792), and those of TCP are the ports
/// and the sequence number: too few for a header slice, so the ports are taken by hand.
pub(super) fn quoted(bytes: &[u8]) -> Option<Quoted> {
    let (source, destination, payload) = match LaxSlicedPacket::from_ip(bytes).ok()?.net? {
        LaxNetSlice::Ipv4(slice) => (
            IpAddr::V4(slice.header().source_addr()),
            IpAddr::V4(slice.header().destination_addr()),
            slice.payload().clone(),
        ),
        LaxNetSlice::Ipv6(slice) => (
            IpAddr::V6(slice.header().source_addr()),
            IpAddr::V6(slice.header().destination_addr()),
            slice.payload().clone(),
        ),
        LaxNetSlice::Arp(_) => return None,
    };
    let ports = payload.payload.first_chunk::<4>();
    let [a, b, c, d] = ports.copied().unwrap_or_default();
    let name = match payload.ip_number {
        ip_number::TCP => Some("tcp"),
        ip_number::UDP => Some("udp"),
        _ => None,
    };
    Some(Quoted {
        source,
        source_port: u16::from_be_bytes([a, b]),
        destination,
        protocol: payload.ip_number.0,
        port: name
            .filter(|_| ports.is_some())
            .map(|name| (name, u16::from_be_bytes([c, d]))),
        bytes3to4: u16::from_be_bytes([c, d]),
        bytes5to8: payload
            .payload
            .get(4..8)
            .and_then(|bytes| <[u8; 4]>::try_from(bytes).ok())
            .map(u32::from_be_bytes),
    })
}

fn segment(tcp: &TcpSlice<'_>, length: usize) -> Result<Segment, String> {
    let payload_length = length
        .checked_sub(tcp.header_slice().len())
        .ok_or("the IP packet is too short for its TCP header")?;
    Ok(Segment {
        source_port: tcp.source_port(),
        destination_port: tcp.destination_port(),
        sequence: tcp.sequence_number(),
        acknowledgement: tcp.acknowledgment_number(),
        flags: Flags {
            fin: tcp.fin(),
            syn: tcp.syn(),
            rst: tcp.rst(),
            psh: tcp.psh(),
            ack: tcp.ack(),
            urg: tcp.urg(),
            ece: tcp.ece(),
            cwr: tcp.cwr(),
        },
        window: tcp.window_size(),
        urgent: tcp.urgent_pointer(),
        options: options(tcp.options())?,
        payload_length: u32::try_from(payload_length).map_err(|error| error.to_string())?,
        payload: tcp.payload().to_vec(),
    })
}

/// TCP options up to the end of the list. etherparse's own iterator ends at the first kind that it does not
/// know.
fn options(mut bytes: &[u8]) -> Result<Vec<TcpOption>, String> {
    let mut options = Vec::new();
    while let Some((&kind, rest)) = bytes.split_first() {
        match kind {
            0 => {
                options.push(TcpOption::EndOfList);
                break;
            }
            1 => {
                options.push(TcpOption::Nop);
                bytes = rest;
            }
            _ => {
                let wrong = || format!("TCP option {kind} runs past the header");
                let (&length, _) = rest.split_first().ok_or_else(wrong)?;
                let option = bytes.get(2..usize::from(length)).ok_or_else(wrong)?;
                options.push(long_option(kind, option)?);
                bytes = bytes.get(usize::from(length)..).ok_or_else(wrong)?;
            }
        }
    }
    Ok(options)
}

/// An option with a length byte; `data` is what comes after that.
fn long_option(kind: u8, data: &[u8]) -> Result<TcpOption, String> {
    let wrong = |_| format!("TCP option {kind} with {} bytes", data.len() + 2);
    let number = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).map(u32::from_be_bytes);
    Ok(match kind {
        2 => TcpOption::Mss(u16::from_be_bytes(data.try_into().map_err(wrong)?)),
        3 => TcpOption::WindowScale(u8::from_be_bytes(data.try_into().map_err(wrong)?)),
        4 if data.is_empty() => TcpOption::SackPermitted,
        5 => TcpOption::Sack(
            data.chunks(8)
                .map(|block| {
                    let (left, right) = block.split_at(block.len().min(4));
                    Ok((number(left).map_err(wrong)?, number(right).map_err(wrong)?))
                })
                .collect::<Result<_, String>>()?,
        ),
        8 => {
            let (value, echo) = data.split_at(data.len().min(4));
            TcpOption::Timestamps {
                value: number(value).map_err(wrong)?,
                echo: number(echo).map_err(wrong)?,
            }
        }
        _ => TcpOption::Unknown {
            kind,
            data: data.to_vec(),
        },
    })
}
