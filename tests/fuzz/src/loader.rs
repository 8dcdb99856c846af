//! A scenario's file, whatever is in it.

use crate::obeyed;
use lvs_matrix_model::matrix::cells;
use lvs_matrix_model::plan::plan;
use lvs_matrix_model::scenario::{MAX_CELLS, Style, load_bytes, render};
use std::collections::BTreeSet;

/// No file brings more text than this to a terminal.
const MOST_TEXT: usize = 128 << 10;
/// Of so many cells the plans are made.
const PLANS: usize = 50;
/// A file may have a name that would clear the screen.
const FILE: &str = "file\u{1b}[2J.yaml";

pub(crate) fn run(bytes: &[u8]) {
    let loaded = load_bytes(bytes);
    assert_eq!(
        load_bytes(bytes).is_ok(),
        loaded.is_ok(),
        "another result the second time"
    );
    match loaded {
        Ok(scenario) => {
            let cells = cells(&scenario);
            assert!((1..=MAX_CELLS).contains(&cells.len()));
            let ids: BTreeSet<String> = cells.iter().map(|cell| cell.cell.to_string()).collect();
            assert_eq!(ids.len(), cells.len(), "two cells have one id");
            for id in &ids {
                let parts: Vec<&str> = id.split('/').collect();
                assert!(
                    parts.len() == 2
                        && parts
                            .iter()
                            .all(|part| !part.is_empty() && !part.starts_with('.')),
                    "{id}"
                );
            }
            for cell in cells.iter().take(PLANS) {
                let plan = plan(&scenario, cell);
                let text = serde_json::to_vec(&plan).expect("a plan can be written");
                assert_eq!(
                    serde_json::from_slice(&text).ok(),
                    Some(plan),
                    "a plan is read as it was written"
                );
            }
        }
        Err(mistakes) => {
            assert!(!mistakes.is_empty(), "refused without a mistake");
            let text = String::from_utf8_lossy(bytes);
            let rendered = render(&mistakes, FILE, &text, Style::Plain);
            assert_eq!(obeyed(&rendered), None);
            assert!(rendered.len() < MOST_TEXT, "{} bytes of text", rendered.len());
            let coloured = render(&mistakes, FILE, &text, Style::Coloured);
            assert_eq!(uncoloured(&coloured), rendered, "colours, and nothing else");
        }
    }
}

/// Without the sequences that set colours (ECMA-48, SGR); any other stays.
fn uncoloured(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let parameters = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        match parameters.strip_prefix('m') {
            Some(rest) => plain.push_str(rest),
            None => plain.extend(["\u{1b}[", part]),
        }
    }
    plain
}
