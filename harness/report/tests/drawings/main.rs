//! Drawings of the cells that are kept as fixtures: what they show must be what the records hold.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod ladder;
mod odd;
mod schedule;
mod stored;
mod timeline;
