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
//! away. What is too large for that is a file of its own in the folder `tests/fixtures/<name>`, with its
//! message beside it; so may be what was added by hand.

use std::fs;
use std::path::{Path, PathBuf};

/// A file with its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its name, without an extension.
    pub stem: String,
    /// What is in it.
    pub bytes: Vec<u8>,
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
        match &case.path {
            Some(path) => fs::write(path.with_extension("txt"), message).unwrap(),
            None => {
                assert!(
                    message.ends_with('\n') && !message.contains("\n#### "),
                    "{message}"
                );
                text.push_str(&format!(
                    "#### {}\n{}----\n{message}",
                    case.stem,
                    written(&case.bytes)
                ));
            }
        }
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
            Case {
                stem: stem.to_owned(),
                bytes: input.strip_prefix('\n').map_or_else(Vec::new, read),
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

/// The bytes of an input, of which the last line lacks its end.
fn read(input: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = input.bytes().chain([b'\n']);
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next().unwrap() {
            b'\n' => {}
            b'x' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            }
            other => bytes.push(other),
        }
    }
    bytes
}

/// The input of these bytes: whole lines.
fn written(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut begins = true;
    for (at, byte) in bytes.iter().enumerate() {
        let marks = begins && (bytes[at..].starts_with(b"#### ") || bytes[at..].starts_with(b"----"));
        begins = *byte == b'\n';
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push('\n'),
            b' '..=b'~' if !marks => out.push(char::from(*byte)),
            other => out.push_str(&format!("\\x{other:02x}")),
        }
    }
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        out.push_str("\\\n");
    }
    out
}
