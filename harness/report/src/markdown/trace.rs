//! The trace of every interface, as an operator's tcpdump would have shown it, with what only the harness knows beside it:
//! the packet's number in the capture, its time from the act phase, and its sender by its Ethernet address.

use super::packets::packet;
use crate::escape::{fenced, inline};
use crate::stamp::Origin;
use crate::totals::plural;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::trace::{FoldedLine, TraceLine, fold, trace};
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::record::CapturePoint;
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};

/// Up to so many repetitions each has its line: the article's eleven, and the fifteen of `tcp_retries2` with a probe.
const SHOWN_IN_FULL: usize = 20;
/// Of more repetitions so many are shown at the beginning, and the last.
const SHOWN_OF_MANY: usize = 3;

/// The client's interface first: it is what the client could know. The others are folded the same.
pub(super) fn details(out: &mut String, cell: &JudgedCell, origin: Origin) -> Result {
    let Some(capture) = &cell.record.capture else {
        return Ok(());
    };
    let is_of_client = |point: &&CapturePoint| point.node == Node::Client;
    let others = capture.points.iter().filter(|point| !is_of_client(point));
    for point in capture.points.iter().filter(is_of_client).chain(others) {
        let lines = trace(&cell.packets, &cell.record, &point.node);
        writeln!(
            out,
            "<details><summary>Trace of {}, {} ({})</summary>\n",
            point.node,
            inline(&point.interface),
            plural(lines.len(), "packet")
        )?;
        if let Some(failure) = &point.failure {
            writeln!(out, "The capture failed: {}\n", inline(failure))?;
        }
        if point.dropped > 0 {
            writeln!(out, "The kernel dropped {} frames of it.\n", point.dropped)?;
        }
        if lines.is_empty() {
            writeln!(out, "Nothing passed this interface.\n")?;
        } else {
            writeln!(
                out,
                "Packet number, time from {}, sender by its Ethernet address, then as `tcpdump -nn` prints it:\n",
                origin.name()
            )?;
            let printer = Printer::new(cell, origin, &lines);
            fenced(out, "text", &printer.text(fold(lines)));
            out.push('\n');
        }
        writeln!(out, "</details>\n")?;
    }
    Ok(())
}

/// Prints the lines of one trace with columns as wide as they need to be.
struct Printer<'a> {
    cell: &'a JudgedCell,
    origin: Origin,
    number: usize,
    time: usize,
    sender: usize,
}

impl<'a> Printer<'a> {
    fn new(cell: &'a JudgedCell, origin: Origin, lines: &[TraceLine]) -> Self {
        let mut printer = Self {
            cell,
            origin,
            number: 0,
            time: 0,
            sender: 0,
        };
        for line in lines {
            printer.number = printer.number.max(line.packet.to_string().len());
            printer.time = printer.time.max(origin.stamp(line.at).to_string().len());
            printer.sender = printer.sender.max(printer.sender_of(line).len());
        }
        printer
    }

    fn sender_of(&self, line: &TraceLine) -> String {
        let host = packet(self.cell, line.packet).map(|packet| packet.source_mac);
        let host = host.and_then(|mac| self.cell.record.plan.host_by_mac(mac));
        host.map_or_else(|| "unknown".to_owned(), |host| host.node.to_string())
    }

    fn text(&self, groups: Vec<FoldedLine>) -> String {
        let mut out = String::new();
        for FoldedLine { first, repetitions } in groups {
            // Writing into a String cannot fail, here and below.
            let _ = writeln!(out, "{}", self.line(&first));
            let many = repetitions.len() > SHOWN_IN_FULL;
            let last = repetitions.len().saturating_sub(1);
            for (index, (line, gap)) in repetitions.iter().enumerate() {
                if many && index == SHOWN_OF_MANY {
                    let left_out = &repetitions[SHOWN_OF_MANY..last];
                    let gaps = || left_out.iter().map(|(_, gap)| *gap);
                    let (least, most) = (gaps().min().unwrap_or_default(), gaps().max().unwrap_or_default());
                    let _ = writeln!(
                        out,
                        "{:width$}the same {} more times, {} to {} apart",
                        "",
                        left_out.len(),
                        Human(least),
                        Human(most),
                        width = self.number + self.time + self.sender + 6
                    );
                }
                if !many || index < SHOWN_OF_MANY || index == last {
                    let _ = writeln!(out, "{}  # again, {} later", self.line(line), Human(*gap));
                }
            }
        }
        out
    }

    fn line(&self, line: &TraceLine) -> String {
        format!(
            "{:>number$}  {:>time$}  {:<sender$}  {}",
            line.packet,
            self.origin.stamp(line.at).to_string(),
            self.sender_of(line),
            line.text,
            number = self.number,
            time = self.time,
            sender = self.sender
        )
    }
}
