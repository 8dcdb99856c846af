//! What model is about to provide.

use crate::stamp::Origin;
use lvs_matrix_model::verdict::JudgedCell;

/// The trace of a capture point.
pub(crate) fn trace(cell: &JudgedCell, point: usize, origin: Origin) -> Vec<String> {
    cell.packets
        .iter()
        .filter(|packet| packet.point == point)
        .map(|packet| format!("{:>4} {} {:?}", packet.number, origin.stamp(packet.at), packet.body))
        .collect()
}
