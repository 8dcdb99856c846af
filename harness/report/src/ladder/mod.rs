//! Ladder diagrams: hosts as lanes, packets as arrows between them, time from top to bottom. One layout of
//! rows, two printers.
//!
//! ```text
//! packets ──▶ frames ──▶ journeys ──▶ rows ──▶ SVG │ Mermaid
//!             one on      from its     with steps, client events, silence;
//!             each link   sender to    what repeats is folded
//!                         its end
//! ```
//!
//! Nothing is concluded that the capture does not show: a packet ends at the director with a mark only if the
//! director's interface was captured without loss and the packet neither left it again nor was answered by
//! it.

mod fold;
mod frames;
mod journey;
mod label;
mod lanes;
mod marks;
mod mermaid;
mod rows;
mod select;
mod svg;

pub(crate) use marks::error_text;
pub use mermaid::ladder_mermaid;
pub use svg::ladder_svg;

use lvs_matrix_model::duration::Instant;
use std::time::Duration;

/// Are two times so near that one may be the other's effect on the link? Far above any delay of a lab, and
/// below the shortest time after which TCP sends again (200 ms, TCP_RTO_MIN in include/net/tcp.h).
fn window(one: Instant, other: Instant) -> bool {
    const WINDOW: Duration = Duration::from_millis(100);
    one.max(other).since(one.min(other)) <= WINDOW
}
