//! A corpus of files that mean harm: names that would leave the output folder, bombs, floods, bytes that a
//! terminal obeys. Each is refused, soon, with a message that is beside it and reviewed like code:
//! `UPDATE_FIXTURES=1 cargo test -p lvs-matrix-model --test hostile` writes the messages anew.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::scenario::{Style, load_bytes, render};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use support::fixtures::{files, is_beside};

/// Unoptimised and on a busy machine; what it guards against takes minutes.
const SOON: Duration = Duration::from_secs(5);
/// No file brings more text than this to a terminal or a log, however large it is itself.
const MOST_TEXT: usize = 64 << 10;

/// What a terminal, a log or a page might obey: control characters, and the marks that turn the direction of
/// writing.
fn obeyed(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[test]
fn every_hostile_file_is_refused_with_its_message() {
    let files = files("hostile");
    assert!(files.len() >= 100, "{} files", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let began = Instant::now();
        let Err(mistakes) = load_bytes(&bytes) else {
            wrong.push(format!("{stem} is accepted"));
            continue;
        };
        let text = String::from_utf8_lossy(&bytes);
        let rendered = render(&mistakes, &format!("{stem}.yaml"), &text, Style::Plain);
        let took = began.elapsed();
        if mistakes.is_empty() || took > SOON || rendered.len() > MOST_TEXT {
            wrong.push(format!(
                "{stem}: {} mistakes, {} bytes of text, {took:?}",
                mistakes.len(),
                rendered.len()
            ));
        }
        if let Some(bad) = rendered.chars().find(|c| obeyed(*c)) {
            wrong.push(format!("{stem} brings {} to the terminal", bad.escape_unicode()));
        }
        if !is_beside(&path, &rendered) {
            wrong.push(format!(
                "{stem} has another message than the one beside it:\n{rendered}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A message without its file would be counted as if it were tested.
#[test]
fn every_message_has_its_file() {
    let files = files("hostile");
    let messages = std::fs::read_dir(files[0].parent().unwrap()).unwrap().flatten();
    let lonely: Vec<PathBuf> = messages
        .map(|entry| entry.path())
        .filter(|path| !path.with_extension("yaml").exists())
        .collect();
    assert!(lonely.is_empty(), "{lonely:?}");
}
