//! Packets by the number under which evidence cites them.

use lvs_matrix_model::capture::Packet;
use lvs_matrix_model::verdict::JudgedCell;

/// The packet with this number. Packets are numbered from 1 in the order of the file; the search is for lists
/// from which some were left out.
pub(crate) fn packet(cell: &JudgedCell, number: u32) -> Option<&Packet> {
    let guess = usize::try_from(number).ok()?.checked_sub(1)?;
    cell.packets()
        .get(guess)
        .filter(|packet| packet.number == number)
        .or_else(|| cell.packets().iter().find(|packet| packet.number == number))
}
