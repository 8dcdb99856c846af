//! Packets: the client's retransmissions, and the trace of every interface.

use crate::escape::fenced;
use crate::pending::trace;
use crate::stamp::Origin;
use crate::totals::plural;
use crate::wording;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::Packet;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::record::CapturePoint;
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};

pub(super) fn retransmissions(out: &mut String, cell: &JudgedCell, origin: Origin) -> Result {
    let repeated = &cell.observed.retransmissions;
    let Some(title) = wording::retransmissions(repeated) else {
        return Ok(());
    };
    writeln!(out, "<details><summary>{title}</summary>\n")?;
    writeln!(out, "| | packet | at | gap |\n|---|--:|--:|--:|")?;
    for (index, number) in repeated.packets.iter().enumerate() {
        let what = if index == 0 {
            "first sent".to_owned()
        } else {
            format!("again {index}")
        };
        let at = packet(cell, *number).map_or_else(nothing, |packet| origin.stamp(packet.at).to_string());
        let gap = index
            .checked_sub(1)
            .and_then(|before| repeated.gaps.get(before))
            .map_or_else(nothing, |gap| Human(*gap).to_string());
        writeln!(out, "| {what} | {number} | {at} | {gap} |")?;
    }
    writeln!(out, "\n</details>\n")
}

fn nothing() -> String {
    wording::NOTHING.to_owned()
}

/// Packets are numbered from 1 in the order of the file; the search is for lists from which some were left out.
fn packet(cell: &JudgedCell, number: u32) -> Option<&Packet> {
    let guess = usize::try_from(number).ok()?.checked_sub(1)?;
    cell.packets
        .get(guess)
        .filter(|packet| packet.number == number)
        .or_else(|| cell.packets.iter().find(|packet| packet.number == number))
}

/// The client's interface first: it is what the client could know.
pub(super) fn traces(out: &mut String, cell: &JudgedCell, origin: Origin) -> Result {
    let Some(capture) = &cell.record.capture else {
        return Ok(());
    };
    let is_of_client = |point: &CapturePoint| point.node == Node::Client;
    let points = || capture.points.iter().enumerate();
    let ordered = points()
        .filter(|(_, point)| is_of_client(point))
        .chain(points().filter(|(_, point)| !is_of_client(point)));
    for (index, point) in ordered {
        let count = cell.packets.iter().filter(|packet| packet.point == index).count();
        writeln!(
            out,
            "<details><summary>Trace of {}, {} ({}), from {}</summary>\n",
            point.node,
            crate::escape::inline(&point.interface),
            plural(count, "packet"),
            origin.name()
        )?;
        if let Some(failure) = &point.failure {
            writeln!(out, "The capture failed: {}\n", crate::escape::inline(failure))?;
        }
        if point.dropped > 0 {
            writeln!(
                out,
                "The kernel dropped {} of it.\n",
                plural(count_of(point.dropped), "packet")
            )?;
        }
        fenced(out, "text", &trace(cell, index, origin).join("\n"));
        writeln!(out, "\n</details>\n")?;
    }
    Ok(())
}

fn count_of(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
