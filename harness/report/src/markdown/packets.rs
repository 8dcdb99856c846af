//! The table of the client's retransmissions.

pub(super) use crate::packet::packet;
use crate::stamp::Stamp;
use crate::wording;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};

pub(super) fn retransmissions(out: &mut String, cell: &JudgedCell) -> Result {
    let repeated = &cell.observed.retransmissions;
    let Some(title) = wording::retransmissions(repeated) else {
        return Ok(());
    };
    writeln!(out, "## Sent again\n\nBy the client: {title}.\n")?;
    writeln!(out, "| | packet | at | gap |\n|---|--:|--:|--:|")?;
    for (index, number) in repeated.packets.iter().enumerate() {
        let what = if index == 0 {
            "first sent".to_owned()
        } else {
            format!("again {index}")
        };
        let at = packet(cell, *number).map_or_else(nothing, |packet| Stamp(packet.at).to_string());
        let gap = index
            .checked_sub(1)
            .and_then(|before| repeated.gaps.get(before))
            .map_or_else(nothing, |gap| Human(*gap).to_string());
        writeln!(out, "| {what} | {number} | {at} | {gap} |")?;
    }
    writeln!(out)
}

fn nothing() -> String {
    wording::NOTHING.to_owned()
}
