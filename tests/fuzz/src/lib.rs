//! Fuzz targets: what must hold whatever bytes are read. A target takes bytes and panics if something does
//! not hold.
//!
//! They are driven twice. `tests/replay.rs` runs the kept corpus and mutants of it for a bounded time, on the
//! stable toolchain and with nothing else; it is part of `cargo test`. `libfuzzer/` drives the same targets
//! by LLVM's libFuzzer, guided by coverage (`make fuzz`), and what that finds goes into the corpus.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a fuzz target fails by panicking"
)]

mod capture;
mod console;
mod judge;
mod loader;
mod mutate;
mod noise;
mod seeds;
mod setup;

pub use noise::Noise;

use std::path::PathBuf;

/// A target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder in the corpus.
    pub name: &'static str,
    /// Panics if something does not hold for these bytes.
    pub run: fn(&[u8]),
    /// Makes another input of one; there is no promise that it is a good one.
    pub mutate: fn(&[u8], &mut Noise) -> Vec<u8>,
    /// Inputs to begin with, beside the corpus: what the repository has anyway.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: [Target; 5] = [
    Target {
        name: "loader",
        run: loader::run,
        mutate: mutate::text,
        seeds: seeds::scenarios,
    },
    Target {
        name: "capture",
        run: capture::run,
        mutate: mutate::blocks,
        seeds: seeds::captures,
    },
    Target {
        name: "judge",
        run: judge::run,
        mutate: mutate::pair,
        seeds: seeds::cells,
    },
    Target {
        name: "console",
        run: console::run,
        mutate: mutate::text,
        seeds: seeds::consoles,
    },
    Target {
        name: "setup",
        run: setup::run,
        mutate: mutate::text,
        seeds: seeds::setups,
    },
];

/// The target of that name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}

/// The repository's folder.
#[must_use]
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A record and a capture as one input: the record's length, 4 bytes little-endian, the record, the capture.
#[must_use]
pub fn join(record: &[u8], capture: &[u8]) -> Vec<u8> {
    let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
    [&length.to_le_bytes(), record, capture].concat()
}

/// The parts of what [`join`] made; `None` for an input that is no such thing.
#[must_use]
pub fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

/// What a terminal or a page might obey, line ends apart.
fn obeyed(text: &str) -> Option<char> {
    text.chars().find(|c| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    })
}
