//! The pure half of lvs-matrix: what a scenario says, which cells it has, what each cell is to do, what was
//! recorded, and what that means. Nothing here touches a clock, a process, a file or the network; the test
//! `tests/purity.rs` of the workspace holds it to that.
//!
//! ```text
//! scenario (YAML text) -> matrix (cells) -> plan (what to do)
//!     ..run.. record (what was seen) -> verdict (what it means)
//! ```

pub mod action;
pub mod base;
pub mod capture;
pub mod client;
pub mod control;
pub mod dry;
pub mod duration;
pub mod ipvs;
pub mod keepalived;
pub mod lab;
pub mod ldirectord;
pub mod matrix;
pub mod mysqld;
pub mod name;
pub mod path;
pub mod plan;
pub mod probe;
pub mod record;
pub mod scenario;
mod sentence;
pub mod serving;
pub mod verdict;

pub use name::Name;
