//! The trace of every interface, as an operator's tcpdump would have shown it, with what only the harness
//! knows beside it: the packet's number in the capture, its time, its sender, whether it was sent before, and
//! what it says in the MySQL protocol; between the packets the steps of the time line.

use crate::blocks::{Block, Code, Folded, Line, Section, foreign};
use crate::escape::one_line;
use crate::packet::packet;
use crate::stamp::Stamp;
use lvs_matrix_language::{Language, PACKET};
use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::trace::{TraceLine, trace};
use lvs_matrix_model::capture::{Body, Packet, Transport, is_group, marks};
use lvs_matrix_model::duration::{Human, Instant};
use lvs_matrix_model::path::Role;
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::record::CapturePoint;
use lvs_matrix_model::verdict::JudgedCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// Up to so many repetitions each has its line: the article's eleven, and the fifteen of `tcp_retries2` with
/// a probe.
const SHOWN_IN_FULL: usize = 20;
/// Of more repetitions so many are shown at the beginning, and the last.
const SHOWN_OF_MANY: usize = 3;

/// The traces of a cell, the client's interface first: it is what the client could know.
pub(crate) fn traces(words: Language, cell: &JudgedCell) -> Option<Section> {
    let capture = cell.record.capture.as_ref()?;
    let mut points: Vec<(usize, &CapturePoint)> = capture.points.iter().enumerate().collect();
    points.sort_by_key(|(_, point)| point.node != Node::Client);
    let mut blocks = vec![Block::Note(words.traces_are(words.epoch()))];
    for (place, (index, point)) in points.into_iter().enumerate() {
        let lines = trace(cell.packets(), &cell.record, index);
        let mut inside = Vec::new();
        if let Some(failure) = &point.failure {
            inside.push(Block::paragraph(words.capture_failed(foreign(failure))));
        }
        if point.dropped > 0 {
            inside.push(Block::paragraph(words.frames_dropped(point.dropped)));
        }
        inside.push(if lines.is_empty() {
            Block::paragraph(words.nothing_passed())
        } else {
            Block::Code(Code {
                language: "text",
                titled: None,
                lines: Printer::new(cell, point, &lines).lines(),
            })
        });
        let packets = words.count(lines.len(), PACKET);
        blocks.push(Block::Folded(Folded {
            class: "trace",
            summary: words.trace_of(&point.node, foreign(&point.interface), packets),
            open: place == 0,
            in_markdown: true,
            blocks: inside,
            ..Folded::default()
        }));
    }
    Some(Section::new(words.traces(), blocks))
}

/// What makes a segment the same as one before it: its sender, its connection and what it brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Same<'a> {
    sender: Option<&'a Node>,
    flow: (IpAddr, u16, IpAddr, u16),
    sequence: u32,
    length: u32,
    syn: bool,
    fin: bool,
}

impl<'a> Same<'a> {
    /// `None` for what is no segment or brings nothing: mere ACKs are alike without being repetitions.
    fn of(sender: Option<&'a Node>, packet: &Packet) -> Option<Self> {
        let Body::Ip {
            source,
            destination,
            transport: Transport::Tcp(segment),
        } = &packet.body
        else {
            return None;
        };
        let (syn, fin) = (segment.flags.syn, segment.flags.fin);
        (segment.payload_length > 0 || syn || fin).then_some(Self {
            sender,
            flow: (
                *source,
                segment.source_port,
                *destination,
                segment.destination_port,
            ),
            sequence: segment.sequence,
            length: segment.payload_length,
            syn,
            fin,
        })
    }
}

/// A line with what is known beside tcpdump's text.
struct Row<'a> {
    line: &'a TraceLine,
    sender: String,
    note: Note<'a>,
}

enum Note<'a> {
    None,
    /// The node passed on what another had sent.
    Forwarded,
    /// The link flooded it, as bridges do with an address that they have forgotten; it is for this node, not
    /// for the one whose interface is captured, whose kernel drops it.
    FloodedFor(String),
    /// The `number`th repetition, so long after the sending before it.
    Again {
        same: Same<'a>,
        number: usize,
        gap: Duration,
    },
}

/// Prints the lines of one trace with columns as wide as they need to be.
struct Printer<'a> {
    rows: Vec<Row<'a>>,
    /// What happened besides, in the order of time.
    marks: Vec<(Instant, String)>,
    /// All gaps between repetitions, by what is repeated.
    gaps: HashMap<Same<'a>, Vec<Duration>>,
}

impl<'a> Printer<'a> {
    fn new(cell: &'a JudgedCell, point: &CapturePoint, lines: &'a [TraceLine]) -> Self {
        let paths = &cell.journeys;
        let mut last: HashMap<Same<'_>, Instant> = HashMap::new();
        let mut gaps: HashMap<Same<'_>, Vec<Duration>> = HashMap::new();
        let rows = lines
            .iter()
            .map(|line| {
                let packet = packet(cell, line.packet);
                let role = paths.place(line.packet).map(|place| place.role);
                let is_foreign = packet.is_some_and(|packet| is_foreign(&cell.record.plan, point, packet));
                let forwarded = role == Some(Role::Sent) && is_foreign;
                let for_one = packet.is_some_and(|packet| !is_group(packet.destination_mac));
                let flooded = role == Some(Role::Overheard) && for_one;
                let flooded_for = flooded.then(|| named(paths.addressee(line.packet)));
                let same = packet.and_then(|packet| Same::of(paths.sender(packet.number), packet));
                let before = same.and_then(|same| Some((same, last.insert(same, line.at)?)));
                let note = match (before, flooded_for) {
                    (_, Some(node)) => Note::FloodedFor(node),
                    (Some(_) | None, None) if forwarded => Note::Forwarded,
                    (Some((same, before)), None) => {
                        let gap = line.at.since(before);
                        let gaps = gaps.entry(same).or_default();
                        gaps.push(gap);
                        Note::Again {
                            same,
                            number: gaps.len(),
                            gap,
                        }
                    }
                    (None, None) => Note::None,
                };
                Row {
                    line,
                    sender: named(paths.sender(line.packet)),
                    note,
                }
            })
            .collect();
        Self {
            rows,
            marks: marks(&cell.record),
            gaps,
        }
    }

    fn lines(&self) -> Vec<Line> {
        let widest = |width: fn(&Row<'_>) -> usize| self.rows.iter().map(width).max().unwrap_or(0);
        let number = widest(|row| row.line.packet.to_string().len());
        let mark_times = self.marks.iter().map(|(at, _)| Stamp(*at).micros().len());
        let time = mark_times
            .max()
            .unwrap_or(0)
            .max(widest(|row| Stamp(row.line.at).micros().len()));
        let sender = widest(|row| row.sender.len());
        let indent = number + time + sender + 6;
        let remark = |remark: String| Line {
            remark,
            ..Line::from("")
        };
        let mark = |(at, text): &(Instant, String)| {
            let at = Stamp(*at).micros();
            remark(format!("{:number$}  {at:>time$}  {}", "", one_line(text)))
        };
        let mut lines = Vec::new();
        let mut marks = self.marks.iter().peekable();
        for row in &self.rows {
            while let Some(due) = marks.next_if(|(at, _)| *at <= row.line.at) {
                lines.push(mark(due));
            }
            let said = row.line.mysql.as_deref();
            let note = match &row.note {
                Note::None => said.map_or_else(String::new, |said| format!("  # {}", one_line(said))),
                Note::Forwarded => "  # forwarded".to_owned(),
                Note::FloodedFor(node) => format!("  # flooded by the link, for {node}"),
                Note::Again { same, number, gap } => match self.folding(same, *number) {
                    Folding::Shown => format!("  # again, {} later", Human(*gap)),
                    Folding::Summary(text) => {
                        lines.push(remark(format!("{:indent$}{text}", "")));
                        continue;
                    }
                    Folding::Hidden => continue,
                },
            };
            lines.push(Line {
                packet: Some(row.line.packet),
                text: format!(
                    "{:>number$}  {:>time$}  {:<sender$}  {}",
                    row.line.packet,
                    Stamp(row.line.at).micros(),
                    row.sender,
                    row.line.text,
                ),
                remark: note,
            });
        }
        lines.extend(marks.map(mark));
        lines
    }

    /// What becomes of the `number`th repetition.
    fn folding(&self, same: &Same<'_>, number: usize) -> Folding {
        let gaps = self.gaps.get(same).map_or(&[][..], Vec::as_slice);
        let total = gaps.len();
        if total <= SHOWN_IN_FULL || number <= SHOWN_OF_MANY || number == total {
            return Folding::Shown;
        }
        if number > SHOWN_OF_MANY + 1 {
            return Folding::Hidden;
        }
        let hidden = &gaps[SHOWN_OF_MANY..total - 1];
        let (least, most) = (hidden.iter().min(), hidden.iter().max());
        Folding::Summary(format!(
            "the same {} more times, {} to {} apart",
            hidden.len(),
            Human(least.copied().unwrap_or_default()),
            Human(most.copied().unwrap_or_default())
        ))
    }
}

/// A host that is none of the lab's.
const UNKNOWN: &str = "unknown";

fn named(host: Option<&Node>) -> String {
    host.map_or_else(|| UNKNOWN.to_owned(), Node::to_string)
}

/// Does the packet have the address of another than the host of the point?
fn is_foreign(plan: &LabPlan, point: &CapturePoint, packet: &Packet) -> bool {
    let own = plan.host(&point.node);
    let is_own =
        |source| source == plan.vip() || own.is_some_and(|own| own.addresses().any(|own| own == source));
    matches!(packet.body, Body::Ip { source, .. } if !is_own(source))
}

enum Folding {
    Shown,
    Summary(String),
    Hidden,
}
