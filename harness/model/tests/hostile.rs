//! A corpus of files that mean harm: names that would leave the output folder, bombs, floods, bytes that a
//! terminal obeys, in `tests/fixtures/hostile.txt`. Each is refused, soon, with a message that is reviewed
//! like code: `UPDATE_FIXTURES=1 cargo test -p lvs-matrix-model --test hostile` writes the messages anew.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::scenario::{Style, load_bytes, render};
use std::time::{Duration, Instant};
use support::fixtures::{cases, differing};

/// Unoptimised and on a busy machine; what it guards against takes minutes.
const SOON: Duration = Duration::from_secs(5);
/// No file brings more text than this to a terminal or a log, however large it is itself.
const MOST_TEXT: usize = 64 << 10;

/// What a terminal, a log or a page might obey: control characters, and the marks that turn the direction of
/// writing.
fn obeyed(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[test]
fn every_hostile_file_is_refused_with_its_message() {
    let cases = cases("hostile");
    assert!(cases.len() >= 200, "{} cases", cases.len());
    let (mut wrong, mut said) = (Vec::new(), Vec::new());
    for case in cases {
        let (stem, bytes) = (&case.stem, &case.bytes);
        let began = Instant::now();
        let Err(mistakes) = load_bytes(bytes) else {
            wrong.push(format!("{stem} is accepted"));
            continue;
        };
        let text = String::from_utf8_lossy(bytes);
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
        said.push((case, rendered));
    }
    let others = differing("hostile", &said);
    wrong.extend(
        others
            .iter()
            .map(|other| format!("this is another message than is written down: {other}")),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
