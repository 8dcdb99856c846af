//! Packets of one interface as `tcpdump -nn` prints them after the time stamp: what an operator would have
//! seen there.
//!
//! TCP over IPv4 and IPv6, ARP and the usual messages of ICMP and ICMPv6 are the same to the letter, which a
//! test holds against the real program (4.99). What the lab does not make is only named: other protocols,
//! frames that cannot be decoded. Sentinels are left out: they are the harness's own.

mod icmp;

use super::{Advert, Body, Datagram, Encapsulation, Flags, Packet, Segment, TcpOption, Transport};
use crate::duration::Instant;
use crate::plan::Mac;
use crate::record::CellRecord;
use std::collections::HashMap;
use std::fmt::Write;
use std::net::IpAddr;
use std::time::Duration;

/// A line of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceLine {
    /// The packet's number in the capture file.
    pub packet: u32,
    /// When the kernel under test saw it.
    pub at: Instant,
    /// What tcpdump prints after the time stamp.
    pub text: String,
    /// What the MySQL protocol says in it, if anything new ([`super::mysql`]); foreign text stands between
    /// backticks.
    pub mysql: Option<String>,
    /// What stays the same when TCP sends a segment again: tcpdump's text without time stamp options and
    /// window.
    key: String,
}

/// The lines of the packets that passed the capture point of this number ([`Packet::point`]), in order.
/// Sequence numbers are relative to the first packet of the connection that the interface saw, so the
/// whole capture must be given, not a part of it.
#[must_use]
pub fn trace(packets: &[Packet], record: &CellRecord, point: usize) -> Vec<TraceLine> {
    let mut conversations = Conversations::default();
    let mut mysql = super::dialect_of(&record.plan).annotations(packets, record, point);
    packets
        .iter()
        .filter(|packet| packet.point == point && !matches!(packet.body, Body::Sentinel { .. }))
        .map(|packet| {
            let (text, key) = line(packet, &mut conversations);
            TraceLine {
                packet: packet.number,
                at: packet.at,
                text,
                mysql: mysql.remove(&packet.number),
                key,
            }
        })
        .collect()
}

/// A line and the repetitions that follow it: a segment that is sent again and again is one entry of a
/// report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldedLine {
    /// The first sending.
    pub first: TraceLine,
    /// Each repetition with the time since the sending before it.
    pub repetitions: Vec<(TraceLine, Duration)>,
}

/// Folds lines that directly follow one another and differ only in what changes when the same thing is sent
/// again (time stamp options, window).
#[must_use]
pub fn fold(lines: Vec<TraceLine>) -> Vec<FoldedLine> {
    let mut folded: Vec<FoldedLine> = Vec::new();
    for line in lines {
        if let Some(group) = folded.last_mut()
            && group.first.key == line.key
        {
            let last = group
                .repetitions
                .last()
                .map_or(group.first.at, |(last, _)| last.at);
            let gap = line.at.since(last);
            group.repetitions.push((line, gap));
        } else {
            folded.push(FoldedLine {
                first: line,
                repetitions: Vec::new(),
            });
        }
    }
    folded
}

fn line(packet: &Packet, conversations: &mut Conversations) -> (String, String) {
    let payload = packet.length.saturating_sub(super::decode::ETHERNET_HEADER);
    let text = match &packet.body {
        Body::Ip {
            source,
            destination,
            transport,
        } => {
            let mut line = String::new();
            let mut key = String::new();
            ip(
                &mut line,
                &mut key,
                (*source, *destination),
                transport,
                conversations,
            );
            return (line, key);
        }
        Body::Arp {
            request: true,
            sender,
            target,
            target_mac,
            ..
        } => {
            let asked = match target_mac {
                Mac([0, 0, 0, 0, 0, 0]) => String::new(),
                mac => format!(" ({mac})"),
            };
            format!("ARP, Request who-has {target}{asked} tell {sender}, length {payload}")
        }
        Body::Arp {
            request: false,
            sender,
            sender_mac,
            ..
        } => format!("ARP, Reply {sender} is-at {sender_mac}, length {payload}"),
        Body::Other { ethertype } => format!(
            "{} > {}, ethertype 0x{ethertype:04x}, length {}",
            packet.source_mac, packet.destination_mac, packet.length
        ),
        Body::Malformed { reason } => format!(
            "a frame of {} bytes that cannot be decoded: {reason}",
            packet.length
        ),
        Body::Sentinel { text } => format!("sentinel {text}"),
    };
    (text.clone(), text)
}

type Ends = (IpAddr, IpAddr);

/// `key` gets the same without what changes at a repetition. Writing to a `String` cannot fail.
fn ip(
    line: &mut String,
    key: &mut String,
    ends: Ends,
    transport: &Transport,
    conversations: &mut Conversations,
) {
    let (source, destination) = ends;
    let version = if source.is_ipv4() { "IP" } else { "IP6" };
    match transport {
        Transport::Tcp(segment) => {
            let _ = write!(
                line,
                "{version} {source}.{} > {destination}.{}: ",
                segment.source_port, segment.destination_port
            );
            let _ = write!(key, "{line}");
            tcp(line, key, ends, segment, conversations);
            return;
        }
        Transport::Icmp {
            kind,
            code,
            rest,
            length,
            body,
            hop_by_hop,
            quoted: _,
        } => {
            let _ = match source {
                IpAddr::V4(_) => write!(
                    line,
                    "{version} {source} > {destination}: ICMP {}, length {length}",
                    icmp::of_ipv4(*kind, *code, *rest, body)
                ),
                IpAddr::V6(_) => write!(
                    line,
                    "{version} {source} > {destination}: {}ICMP6, {}, length {length}",
                    if *hop_by_hop { "HBH " } else { "" },
                    icmp::of_ipv6(*kind, *code, *rest, body)
                ),
            };
        }
        Transport::Tunneled {
            by,
            source: inner_source,
            destination: inner_destination,
            transport,
        } => {
            let _ = match by {
                Encapsulation::IpInIp => write!(line, "{version} {source} > {destination}: "),
                // tcpdump does not look into GUE.
                Encapsulation::Gue {
                    source_port,
                    port,
                    length,
                    taken: 0,
                } => write!(
                    line,
                    "{version} {source}.{source_port} > {destination}.{port}: UDP, length {length}"
                ),
                Encapsulation::Gue {
                    source_port,
                    port,
                    length,
                    taken,
                } => write!(
                    line,
                    "{version} {source}.{source_port} > {destination}.{port}: \
                     UDP, bad length {length} > {}",
                    length.saturating_sub(u32::from(*taken))
                ),
                Encapsulation::Gre { length } => write!(
                    line,
                    "{version} {source} > {destination}: GREv0, length {length}: "
                ),
            };
            let _ = write!(key, "{line}");
            if matches!(by, Encapsulation::Gue { .. }) {
                return;
            }
            let (mut inner, mut inner_key) = (String::new(), String::new());
            ip(
                &mut inner,
                &mut inner_key,
                (*inner_source, *inner_destination),
                transport,
                conversations,
            );
            let _ = write!(line, "{inner}");
            let _ = write!(key, "{inner_key}");
            return;
        }
        Transport::Udp(Datagram { said, .. }) => {
            let _ = write!(
                line,
                "{version} {source}.{} > {destination}.{}: UDP, length {}",
                said.source_port, said.destination_port, said.payload_length
            );
        }
        Transport::Other {
            length,
            advert: Some(advert),
            ..
        } => {
            let Advert {
                version: of_vrrp,
                router,
                priority,
                interval,
            } = advert;
            let interval = match of_vrrp {
                2 => format!("authtype none, intvl {interval}s"),
                _ => format!("intvl {interval}cs"),
            };
            let _ = write!(
                line,
                "{version} {source} > {destination}: VRRPv{of_vrrp}, Advertisement, vrid {router}, \
                 prio {priority}, {interval}, length {length}"
            );
        }
        Transport::Other {
            protocol,
            length,
            advert: None,
        } => {
            let _ = write!(
                line,
                "{version} {source} > {destination}: ip-proto-{protocol} {length}"
            );
        }
    }
    key.push_str(line);
}

fn tcp(
    line: &mut String,
    key: &mut String,
    ends: Ends,
    segment: &Segment,
    conversations: &mut Conversations,
) {
    let relative = conversations.relative(ends, segment);
    let mut head = format!("Flags [{}]", flags(segment.flags));
    let length = segment.payload_length;
    if length > 0 || segment.flags.syn || segment.flags.fin || segment.flags.rst {
        let _ = write!(head, ", seq {}", relative.sequence);
        if length > 0 {
            let _ = write!(head, ":{}", relative.sequence.wrapping_add(length));
        }
    }
    if segment.flags.ack {
        let _ = write!(head, ", ack {}", relative.acknowledgement);
    }
    let _ = write!(key, "{head}, length {length}");
    let _ = write!(line, "{head}, win {}", segment.window);
    if segment.flags.urg {
        let _ = write!(line, ", urg {}", segment.urgent);
    }
    if !segment.options.is_empty() {
        let options: Vec<String> = segment
            .options
            .iter()
            .map(|item| option(item, relative.sack))
            .collect();
        let _ = write!(line, ", options [{}]", options.join(","));
    }
    let _ = write!(line, ", length {length}");
}

fn flags(flags: Flags) -> String {
    let letters: String = [
        (flags.fin, 'F'),
        (flags.syn, 'S'),
        (flags.rst, 'R'),
        (flags.psh, 'P'),
        (flags.ack, '.'),
        (flags.urg, 'U'),
        (flags.ece, 'E'),
        (flags.cwr, 'W'),
    ]
    .into_iter()
    .filter_map(|(set, letter)| set.then_some(letter))
    .collect();
    if letters.is_empty() {
        "none".to_owned()
    } else {
        letters
    }
}

/// `base`: what SACK blocks are counted from.
fn option(option: &TcpOption, base: u32) -> String {
    match option {
        TcpOption::Mss(size) => format!("mss {size}"),
        TcpOption::WindowScale(shift) => format!("wscale {shift}"),
        TcpOption::SackPermitted => "sackOK".to_owned(),
        TcpOption::Sack(blocks) => {
            let list: String = blocks
                .iter()
                .map(|(left, right)| format!("{{{}:{}}}", left.wrapping_sub(base), right.wrapping_sub(base)))
                .collect();
            format!("sack {} {list}", blocks.len())
        }
        TcpOption::Timestamps { value, echo } => format!("TS val {value} ecr {echo}"),
        TcpOption::Nop => "nop".to_owned(),
        TcpOption::EndOfList => "eol".to_owned(),
        TcpOption::Unknown { kind, data } => {
            let hex: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("unknown-{kind} 0x{hex}")
        }
    }
}

/// The first sequence numbers of a conversation, as tcpdump keeps them: one entry for both directions, made
/// by the first segment with ACK and again by each SYN-ACK; the numbers of the segment that makes it are
/// printed as they are.
#[derive(Debug, Default)]
struct Conversations {
    first: HashMap<(IpAddr, u16, IpAddr, u16), (u32, u32)>,
}

/// A segment's numbers as they are printed.
struct Relative {
    sequence: u32,
    acknowledgement: u32,
    /// What the blocks of a SACK are counted from.
    sack: u32,
}

impl Conversations {
    fn relative(&mut self, (source, destination): Ends, segment: &Segment) -> Relative {
        let (sequence, acknowledgement) = (segment.sequence, segment.acknowledgement);
        // print-tcp.c: without ACK nothing is looked up or kept.
        if !segment.flags.ack {
            return Relative {
                sequence,
                acknowledgement,
                sack: 0,
            };
        }
        let (from, to) = (segment.source_port, segment.destination_port);
        let reversed = from > to || (from == to && source > destination);
        let flow = if reversed {
            (destination, to, source, from)
        } else {
            (source, from, destination, to)
        };
        if let Some((forth, back)) = self.first.get(&flow).filter(|_| !segment.flags.syn) {
            let (own, others) = if reversed {
                (*back, *forth)
            } else {
                (*forth, *back)
            };
            Relative {
                sequence: sequence.wrapping_sub(own),
                acknowledgement: acknowledgement.wrapping_sub(others),
                sack: others,
            }
        } else {
            let others = acknowledgement.wrapping_sub(1);
            let pair = if reversed {
                (others, sequence)
            } else {
                (sequence, others)
            };
            self.first.insert(flow, pair);
            Relative {
                sequence,
                acknowledgement,
                sack: others,
            }
        }
    }
}
