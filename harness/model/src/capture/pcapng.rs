//! The two ends of a cell's `capture.pcapng`: the runner writes it with [`write()`], judging and reporting
//! read it with [`read`].
//!
//! One section; one Interface Description Block for each capture point, `if_name` being the node's name and
//! `if_tsresol` 9 (nanoseconds); Enhanced Packet Blocks in time order. What [`Remarks`] have to say is in
//! options that every reader may ignore, and [`read`] does. pcap-file 2.0 neither applies nor sets
//! `if_tsresol`: it writes `Duration::as_nanos` as the raw time stamp and reads the raw time stamp back as
//! nanoseconds (its `blocks/enhanced_packet.rs`). So the option is written here, and a file with another
//! resolution is refused: its times would be read a thousand times too short.
//!
//! A file that gzip has packed is read as well, under whatever name: Wireshark and tshark read it, too.

use super::{Packet, Remarks, decode};
use crate::duration::Instant;
use crate::record::{CapturePoint, CellRecord};
use flate2::read::GzDecoder;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::blocks::{ENHANCED_PACKET_BLOCK, INTERFACE_DESCRIPTION_BLOCK, SECTION_HEADER_BLOCK};
use pcap_file::pcapng::{PcapNgParser, PcapNgWriter};
use pcap_file::{DataLink, Endianness, PcapError};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io::Read as _;
use std::time::Duration;

/// `if_tsresol`: ten to the power of minus nine seconds.
const NANOSECONDS: u8 = 9;
/// More packets than any cell has: 15 MiB sent by a client are some 50 000 on four interfaces.
pub const MOST_PACKETS: u32 = 500_000;
/// With what gzip begins a file (RFC 1952, 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// More bytes than a capture of [`MOST_PACKETS`] has, unpacked.
const MOST_BYTES: u64 = 512 << 20;
/// `if_snaplen`: the length at which the runner's captures cut; tcpdump's own default.
const SNAPLEN: u32 = 262_144;

/// What one capture point saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointFrames {
    /// Its name in the file, `if_name`: see [`names`].
    pub name: String,
    /// The frames in the order in which they arrived.
    pub frames: Vec<Frame>,
}

/// A frame as a packet socket handed it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Nanoseconds since 1970 on the clock of the kernel under test.
    pub unix_nanos: i64,
    /// The frame's length on the wire in bytes.
    pub length: u32,
    /// The frame as far as it was captured.
    pub bytes: Vec<u8>,
}

/// A capture cannot be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum CaptureError {
    /// The record says that nothing was captured.
    #[error("the record names no capture points: there is no capture to read")]
    NoPoints,
    /// The file ends within a block: the disk was full, or the writer was killed.
    #[error(
        "the capture ends in the middle of a block, after {packets} packets: it was cut short when it was \
         written"
    )]
    Truncated {
        /// How many packets could be read before.
        packets: u32,
    },
    /// The bytes are not pcapng.
    #[error("the capture is not a pcapng file that can be read (after {packets} packets): {reason}")]
    Unreadable {
        /// How many packets could be read before.
        packets: u32,
        /// What pcap-file says.
        reason: String,
    },
    /// There is more than one section.
    #[error("the capture has a second section; the runner writes one, so this is not its file")]
    SecondSection,
    /// The interfaces are not those of the record.
    #[error(
        "the capture's interfaces are [{}], the record's points [{}]: they are not of the same cell",
        .file.join(", "),
        .record.join(", ")
    )]
    OtherPoints {
        /// Names in the file.
        file: Vec<String>,
        /// Names in the record.
        record: Vec<String>,
    },
    /// An interface's time stamps are not in nanoseconds, or its frames not Ethernet.
    #[error("interface {name} of the capture is not Ethernet with time stamps in nanoseconds (if_tsresol 9)")]
    OtherKind {
        /// The interface's name.
        name: String,
    },
    /// A packet of an interface that was not described.
    #[error(
        "packet {packet} of the capture belongs to interface {interface}, which the file does not describe"
    )]
    NoSuchPoint {
        /// The packet.
        packet: u32,
        /// The interface's index.
        interface: u32,
    },
    /// A time stamp that no [`Instant`] can hold.
    #[error("packet {packet} has a time stamp that is out of range")]
    TimeOutOfRange {
        /// The packet.
        packet: u32,
    },
    /// A packet is earlier than the one before it.
    #[error(
        "packet {packet} is earlier than the one before it; the runner writes packets in time order, so this \
         is not its file"
    )]
    OutOfOrder {
        /// The packet.
        packet: u32,
    },
    /// More packets than a cell has.
    #[error("the capture has more than {MOST_PACKETS} packets; no cell has so many")]
    TooMany,
    /// The bytes could not be made.
    #[error("the capture cannot be written: {reason}")]
    Write {
        /// What pcap-file says.
        reason: String,
    },
}

impl CaptureError {
    /// The same in Chinese.
    #[must_use]
    pub fn in_chinese(&self) -> String {
        match self {
            Self::NoPoints => "记录没有指明抓包点：没有可读取的抓包".to_owned(),
            Self::Truncated { packets } => {
                format!("抓包在 {packets} 个数据包之后止于一个块的中间：写入时被截断")
            }
            Self::Unreadable { packets, reason } => {
                format!("抓包不是可读取的 pcapng 文件（{packets} 个数据包之后）：{reason}")
            }
            Self::SecondSection => "抓包有第二个节；运行程序只写一个，所以这不是它的文件".to_owned(),
            Self::OtherPoints { file, record } => format!(
                "抓包的接口为 [{}]，记录的抓包点为 [{}]：它们不属于同一单元",
                file.join(", "),
                record.join(", ")
            ),
            Self::OtherKind { name } => {
                format!("抓包的接口 {name} 不是时间戳为纳秒（if_tsresol 9）的以太网接口")
            }
            Self::NoSuchPoint { packet, interface } => {
                format!("抓包的数据包 {packet} 属于接口 {interface}，而文件中没有描述该接口")
            }
            Self::TimeOutOfRange { packet } => format!("数据包 {packet} 的时间戳超出范围"),
            Self::OutOfOrder { packet } => {
                format!("数据包 {packet} 早于前一个数据包；运行程序按时间顺序写数据包，所以这不是它的文件")
            }
            Self::TooMany => "抓包的数据包多于任何单元会有的数量".to_owned(),
            Self::Write { reason } => format!("无法写出抓包：{reason}"),
        }
    }
}

/// The bytes of a capture file. Frames of all points are merged by time; of the same time, those of an
/// earlier point come first, and those of one point stay as they arrived. A remark on a moment goes to the
/// first frame at or after it; one after the last frame goes to the section.
///
/// # Errors
/// [`CaptureError::TimeOutOfRange`] for a time before 1970; [`CaptureError::Write`] if pcap-file refuses a
/// block.
pub fn write(points: &[PointFrames], remarks: &Remarks) -> Result<Vec<u8>, CaptureError> {
    let mut frames = Vec::new();
    for (index, point) in (0_u32..).zip(points) {
        frames.extend(point.frames.iter().map(|frame| (index, frame)));
    }
    // Stable sorts: equal times keep the order of points and of arrival, and of the remarks.
    frames.sort_by_key(|(_, frame)| frame.unix_nanos);
    let mut moments: Vec<&(i64, String)> = remarks.moments.iter().collect();
    moments.sort_by_key(|(at, _)| *at);
    let last = frames.last().map_or(i64::MIN, |(_, frame)| frame.unix_nanos);
    let after_the_last = moments.split_off(moments.partition_point(|(at, _)| *at <= last));
    let mut moments = moments.into_iter().peekable();

    let section = section(remarks, &after_the_last);
    let mut writer = PcapNgWriter::with_section_header(Vec::new(), section).map_err(unwritten)?;
    for (index, point) in points.iter().enumerate() {
        writer
            .write_pcapng_block(interface(&point.name, remarks.points.get(index)))
            .map_err(unwritten)?;
    }
    for (number, (index, frame)) in frames.into_iter().enumerate() {
        let Ok(nanos) = u64::try_from(frame.unix_nanos) else {
            return Err(CaptureError::TimeOutOfRange {
                packet: u32::try_from(number + 1).map_err(|_| CaptureError::TooMany)?,
            });
        };
        let due = std::iter::from_fn(|| moments.next_if(|(at, _)| *at <= frame.unix_nanos));
        let block = EnhancedPacketBlock {
            interface_id: index,
            timestamp: Duration::from_nanos(nanos),
            original_len: frame.length,
            data: Cow::Borrowed(&frame.bytes),
            options: due
                .map(|(_, text)| EnhancedPacketOption::Comment(Cow::Borrowed(text)))
                .collect(),
        };
        writer.write_pcapng_block(block).map_err(unwritten)?;
    }
    Ok(writer.into_inner())
}

/// Little endian everywhere: the same frames give the same bytes on every machine.
fn section(remarks: &Remarks, after_the_last: &[&(i64, String)]) -> SectionHeaderBlock<'static> {
    let mut options = Vec::new();
    let lines: Vec<&str> = remarks
        .section
        .iter()
        .chain(after_the_last.iter().map(|(_, text)| text))
        .map(String::as_str)
        .collect();
    if !lines.is_empty() {
        // One comment: Wireshark shows one of a section.
        options.push(SectionHeaderOption::Comment(Cow::Owned(shortened(
            lines.join("\n"),
        ))));
    }
    options.extend(
        remarks
            .kernel
            .clone()
            .map(|kernel| SectionHeaderOption::OS(Cow::Owned(kernel))),
    );
    options.extend(
        remarks
            .program
            .clone()
            .map(|program| SectionHeaderOption::UserApplication(Cow::Owned(program))),
    );
    SectionHeaderBlock {
        endianness: Endianness::Little,
        options,
        ..SectionHeaderBlock::default()
    }
}

/// pcap-file writes the length of an option in 16 bits without a look at it.
fn shortened(mut text: String) -> String {
    let mut end = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

fn interface<'a>(name: &'a str, description: Option<&'a String>) -> InterfaceDescriptionBlock<'a> {
    let mut options = vec![InterfaceDescriptionOption::IfName(Cow::Borrowed(name))];
    options.extend(description.map(|text| InterfaceDescriptionOption::IfDescription(Cow::Borrowed(text))));
    options.push(InterfaceDescriptionOption::IfTsResol(NANOSECONDS));
    InterfaceDescriptionBlock {
        linktype: DataLink::ETHERNET,
        snaplen: SNAPLEN,
        options,
    }
}

/// The bytes of a capture file, unpacked if gzip has packed them.
///
/// # Errors
/// [`CaptureError::Unreadable`] if they cannot be unpacked, [`CaptureError::TooMany`] if they are more than
/// any capture has.
pub fn unpacked(bytes: &[u8]) -> Result<Cow<'_, [u8]>, CaptureError> {
    if !bytes.starts_with(&GZIP) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut out = Vec::new();
    let mut packed = GzDecoder::new(bytes).take(MOST_BYTES + 1);
    packed
        .read_to_end(&mut out)
        .map_err(|error| CaptureError::Unreadable {
            packets: 0,
            reason: format!("gzip: {error}"),
        })?;
    if out.len() as u64 > MOST_BYTES {
        return Err(CaptureError::TooMany);
    }
    Ok(Cow::Owned(out))
}

/// The packets of `record`'s capture file.
///
/// # Errors
/// [`CaptureError`] if the file is cut short, is not what [`write()`] makes, or does not belong to `record`.
/// A frame that cannot be decoded is no error: it is [`super::Body::Malformed`].
pub fn read(bytes: &[u8], record: &CellRecord) -> Result<Vec<Packet>, CaptureError> {
    let points = &record.capture.as_ref().ok_or(CaptureError::NoPoints)?.points;
    let gue = record.plan.gue_ports();
    let bytes = unpacked(bytes)?;
    let (mut rest, mut parser) = PcapNgParser::new(&bytes).map_err(|error| unreadable(error, 0))?;
    let mut packets: Vec<Packet> = Vec::new();
    while !rest.is_empty() {
        let number = u32::try_from(packets.len() + 1).map_err(|_| CaptureError::TooMany)?;
        if number > MOST_PACKETS {
            return Err(CaptureError::TooMany);
        }
        match block_type(rest, parser.section().endianness) {
            SECTION_HEADER_BLOCK => return Err(CaptureError::SecondSection),
            ENHANCED_PACKET_BLOCK => {
                let (after, block) = parser
                    .next_block(rest)
                    .map_err(|error| unreadable(error, number - 1))?;
                rest = after;
                let Some(block) = block.into_enhanced_packet() else {
                    return Err(not_ours(number - 1));
                };
                let packet = packet(&block, &parser, number, record, &gue)?;
                if packets.last().is_some_and(|last| packet.at < last.at) {
                    return Err(CaptureError::OutOfOrder { packet: number });
                }
                packets.push(packet);
            }
            // One too many is enough to see that they are others: each is kept.
            INTERFACE_DESCRIPTION_BLOCK if parser.interfaces().len() <= points.len() => {
                rest = raw(&mut parser, rest, number)?;
            }
            INTERFACE_DESCRIPTION_BLOCK => break,
            // Refused, not skipped: packets also travel in Simple Packet Blocks, and the runner writes no
            // others.
            _ => {
                raw(&mut parser, rest, number)?;
                return Err(not_ours(number - 1));
            }
        }
    }
    let names = names(points);
    let found: Vec<String> = parser.interfaces().iter().map(name_of).collect();
    if names == found {
        Ok(packets)
    } else {
        Err(CaptureError::OtherPoints {
            file: found,
            record: names,
        })
    }
}

/// What the interfaces of a capture file are called: `client`, or `director:eth1` where several of a host's
/// were captured.
#[must_use]
pub fn names(points: &[CapturePoint]) -> Vec<String> {
    let name = |point: &CapturePoint| {
        let of_host = points.iter().filter(|other| other.node == point.node);
        match of_host.count() {
            0 | 1 => point.node.to_string(),
            _ => format!("{}:{}", point.node, point.interface),
        }
    };
    points.iter().map(name).collect()
}

fn unwritten(error: PcapError) -> CaptureError {
    let reason = error.to_string();
    CaptureError::Write { reason }
}

fn unreadable(error: PcapError, packets: u32) -> CaptureError {
    if matches!(error, PcapError::IncompleteBuffer) {
        CaptureError::Truncated { packets }
    } else {
        CaptureError::Unreadable {
            packets,
            reason: error.to_string(),
        }
    }
}

fn not_ours(packets: u32) -> CaptureError {
    CaptureError::Unreadable {
        packets,
        reason: PcapError::InvalidField("a block of a type that the runner does not write").to_string(),
    }
}

/// The type of the block that begins `bytes`; 0, which is reserved, if there are too few.
fn block_type(bytes: &[u8], endianness: Endianness) -> u32 {
    let bytes = bytes.first_chunk::<4>().copied().unwrap_or_default();
    match endianness {
        Endianness::Big => u32::from_be_bytes(bytes),
        Endianness::Little => u32::from_le_bytes(bytes),
    }
}

/// Steps over a block that is not a packet; what it says of an interface stays in the parser.
fn raw<'a>(parser: &mut PcapNgParser, bytes: &'a [u8], number: u32) -> Result<&'a [u8], CaptureError> {
    parser
        .next_raw_block(bytes)
        .map(|(rest, _)| rest)
        .map_err(|error| unreadable(error, number - 1))
}

fn packet(
    block: &EnhancedPacketBlock<'_>,
    parser: &PcapNgParser,
    number: u32,
    record: &CellRecord,
    gue: &[u16],
) -> Result<Packet, CaptureError> {
    let interface = parser.packet_interface(block).ok_or(CaptureError::NoSuchPoint {
        packet: number,
        interface: block.interface_id,
    })?;
    let nanoseconds = interface
        .options
        .contains(&InterfaceDescriptionOption::IfTsResol(NANOSECONDS));
    if !nanoseconds || interface.linktype != DataLink::ETHERNET {
        return Err(CaptureError::OtherKind {
            name: name_of(interface),
        });
    }
    let at = i64::try_from(block.timestamp.as_nanos())
        .ok()
        .and_then(|nanos| nanos.checked_sub(record.epoch_unix_nanos))
        .ok_or(CaptureError::TimeOutOfRange { packet: number })?;
    let frame = decode::frame_of(&block.data, block.original_len, gue);
    Ok(Packet {
        number,
        point: usize::try_from(block.interface_id).unwrap_or(usize::MAX),
        at: Instant(at),
        source_mac: frame.source_mac,
        destination_mac: frame.destination_mac,
        length: block.original_len,
        body: frame.body,
    })
}

fn name_of(interface: &InterfaceDescriptionBlock<'_>) -> String {
    interface
        .options
        .iter()
        .find_map(|option| {
            if let InterfaceDescriptionOption::IfName(name) = option {
                Some(name.to_string())
            } else {
                None
            }
        })
        .unwrap_or_else(|| "(no name)".to_owned())
}
