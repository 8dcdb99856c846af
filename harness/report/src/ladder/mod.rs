//! Ladder diagrams: hosts as lanes, packets as arrows between them, time from top to bottom. One layout of
//! rows, two printers.
//!
//! ```text
//! packets ──▶ journeys ──▶ rows ──▶ SVG │ Mermaid
//!             (model::path)  with steps, client events, silence;
//!                            what repeats is folded
//! ```
//!
//! Nothing is concluded that the capture does not show: a packet ends at the director with a mark only if the
//! director's interface was captured without loss and the packet neither left it again nor was answered by
//! it.

mod fold;
mod journey;
mod label;
mod lanes;
mod marks;
mod mermaid;
mod row;
mod rows;
mod select;
mod svg;

pub(crate) use marks::error_text;
pub use mermaid::ladder_mermaid;
pub use svg::ladder_svg;
