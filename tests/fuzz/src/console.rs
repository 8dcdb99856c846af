//! The console of a guest, whatever is written to it and however it is cut.

use lvs_matrix_guest::{ConsoleEvent, ConsoleLines};

/// Longer lines are cut, and more lines are let go.
const KEPT: (usize, usize) = (200, 500);

pub(crate) fn run(bytes: &[u8]) {
    // The first byte says how the rest is cut.
    let Some((size, bytes)) = bytes.split_first() else {
        return;
    };
    let whole = read(std::iter::once(bytes));
    let cut = read(bytes.chunks(usize::from(*size).max(1)));
    assert_eq!(whole, cut, "read otherwise when cut");
    let (_, lines, _) = whole;
    assert!(lines.len() <= KEPT.0 && lines.iter().all(|line| line.len() <= KEPT.1));
}

fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<ConsoleEvent>, Vec<String>, u64) {
    let (mut console, mut events) = (ConsoleLines::default(), Vec::new());
    pieces.for_each(|piece| console.feed(piece, &mut events));
    console.finish(&mut events);
    let (lines, lost) = console.into_lines();
    (events, lines, lost)
}
