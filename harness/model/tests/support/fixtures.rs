//! Scenario files that are refused or warned of, each with its message.
//!
//! Most are sections of one file, `tests/fixtures/<name>.txt`:
//!
//! ```text
//! #### name-dots
//! name: ..
//! ----
//! error: `..` is no name
//! ```
//!
//! In the input `\xNN` is a byte, `\\` a backslash, and a backslash at the end of a line takes the line's end
//! away. `\9000(k\#: 1\)` is what stands in the parentheses, 9,000 times, each time with its number, from 0
//! on, in the place of `\#`; `\#(` repeats as often as that number says. A case may also be a file of its own
//! in the folder `tests/fixtures/<name>`, with its message beside it.

use std::fs;
use std::path::{Path, PathBuf};

/// A file with its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its name, without an extension.
    pub stem: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// The same as it is written in the section.
    input: String,
    /// The message; empty if none is written down yet.
    message: String,
    /// Where the file lies; none if it is a section.
    path: Option<PathBuf>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

/// The cases of this name, in alphabetical order.
pub fn cases(name: &str) -> Vec<Case> {
    let text = fs::read_to_string(fixtures().join(name).with_extension("txt")).unwrap_or_default();
    let mut cases: Vec<Case> = sections(&text);
    for entry in fs::read_dir(fixtures().join(name)).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            cases.push(Case {
                stem: path.file_stem().unwrap().to_str().unwrap().to_owned(),
                bytes: fs::read(&path).unwrap(),
                input: String::new(),
                message: fs::read_to_string(path.with_extension("txt")).unwrap_or_default(),
                path: Some(path),
            });
        }
    }
    cases.sort_by(|a, b| a.stem.cmp(&b.stem));
    let twice = cases.windows(2).find(|two| two[0].stem == two[1].stem);
    assert_eq!(twice, None);
    cases
}

/// Those of the cases whose messages are not the ones that are written down, each with its message. With
/// `UPDATE_FIXTURES=1` they are written down.
pub fn differing(name: &str, said: &[(Case, String)]) -> Vec<String> {
    if std::env::var_os("UPDATE_FIXTURES").is_none() {
        let others = said.iter().filter(|(case, message)| case.message != *message);
        return others
            .map(|(case, message)| format!("{}:\n{message}", case.stem))
            .collect();
    }
    let mut text = String::new();
    for (case, message) in said {
        if let Some(path) = &case.path {
            fs::write(path.with_extension("txt"), message).unwrap();
            continue;
        }
        assert!(
            message.ends_with('\n') && !message.contains("\n#### "),
            "{message}"
        );
        text.push_str(&format!("#### {}{}\n----\n{message}", case.stem, case.input));
    }
    if !text.is_empty() {
        fs::write(fixtures().join(name).with_extension("txt"), text).unwrap();
    }
    Vec::new()
}

fn sections(text: &str) -> Vec<Case> {
    let text = format!("\n{text}");
    let sections = text.split("\n#### ").skip(1);
    sections
        .map(|section| {
            let (stem, rest) = section.split_once('\n').unwrap();
            let rest = format!("\n{rest}");
            let (input, message) = rest.split_once("\n----").unwrap();
            let message = message.strip_prefix('\n').unwrap_or_default();
            let mut bytes = Vec::new();
            if let Some(input) = input.strip_prefix('\n') {
                read(format!("{input}\n").as_bytes(), 0, &mut bytes);
            }
            Case {
                stem: stem.to_owned(),
                bytes,
                input: input.to_owned(),
                message: if message.is_empty() {
                    String::new()
                } else {
                    format!("{}\n", message.trim_end_matches('\n'))
                },
                path: None,
            }
        })
        .collect()
}

/// Adds the bytes of an input, or of what is repeated in it for the time with this number.
fn read(mut input: &[u8], number: usize, bytes: &mut Vec<u8>) {
    while let Some((first, rest)) = input.split_first() {
        input = rest;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        match input[0] {
            b'\n' => input = &input[1..],
            b'x' => {
                let digits = std::str::from_utf8(&input[1..3]).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                input = &input[3..];
            }
            b'#' | b'0'..=b'9' => {
                let digits = input.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let times = match digits {
                    0 => number,
                    _ => std::str::from_utf8(&input[..digits]).unwrap().parse().unwrap(),
                };
                input = &input[digits.max(1)..];
                if let Some(repeated) = input.strip_prefix(b"(") {
                    let length = before_end(repeated);
                    (0..times).for_each(|number| read(&repeated[..length], number, bytes));
                    input = &repeated[length + 2..];
                } else {
                    bytes.extend(times.to_string().bytes());
                }
            }
            other => {
                bytes.push(other);
                input = &input[1..];
            }
        }
    }
}

/// How much stands before the `\)` that ends what is repeated.
fn before_end(repeated: &[u8]) -> usize {
    let (mut at, mut open) = (0, 0);
    loop {
        match (repeated[at], repeated[at + 1]) {
            (b'\\', b')') if open == 0 => return at,
            (b'\\', b')') => open -= 1,
            (b'\\', b'#' | b'0'..=b'9') => {
                let mark = repeated[at + 1..].iter();
                let digits = mark
                    .take_while(|byte| byte.is_ascii_digit() || **byte == b'#')
                    .count();
                open += usize::from(repeated[at + 1 + digits] == b'(');
            }
            (b'\\', _) => {}
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
    }
}
