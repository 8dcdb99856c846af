//! A folder with files, good and bad, for commands that are to be refused.

use crate::support::{Said, say};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A scenario that is good.
pub(crate) const GOOD: &str = "\
name: good
claim: A client gets its answer.
lab: { real-servers: { rs1: {} } }
act: [{ connect: {} }]
observe: { patience: 5s, until: 1m }
expect: [{ behaviour: answered }]
";

/// A folder with files that the commands below are given, good and bad.
pub(crate) struct Place(pub(crate) TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
        write("good.yaml", GOOD.as_bytes());
        write("again.yaml", GOOD.as_bytes());
        write("empty.yaml", b"");
        write("nul.yaml", b"name: a\0b\n");
        write("utf-8.yaml", b"name: \xff\xfe\n");
        write(
            "types.yaml",
            b"name: [1]\nclaim: 5\nlab: no\nact: 3\nobserve: { patience: soon, until: 5 }\nexpect: 7\n",
        );
        write(
            "server.yaml",
            GOOD.replace("connect: {}", "stop-mysqld: { server: rs3 } }, { connect: {}")
                .as_bytes(),
        );
        write(
            "cells.yaml",
            (GOOD.to_owned() + &a_thousand_million_cells()).as_bytes(),
        );
        write("bomb.yaml", alias_bomb().as_bytes());
        write("large.yaml", "# a comment\n".repeat(1_000_000).as_bytes());
        write("text", b"no scenario, no program, no folder\n");
        fs::create_dir(folder.path().join("folder")).unwrap();
        write("folder/precious", b"a result of yesterday\n");
        fs::create_dir(folder.path().join("other-run")).unwrap();
        write("other-run/run.json", b"{ \"format\": 1 }\n");
        Self(folder)
    }

    /// Every file and folder, with its content.
    fn content(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let (mut found, mut open) = (BTreeMap::new(), vec![self.0.path().to_owned()]);
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path.clone());
                    found.insert(path, Vec::new());
                } else {
                    let bytes = fs::read(&path).unwrap();
                    found.insert(path, bytes);
                }
            }
        }
        found
    }

    /// Runs a command that is to be refused, and gives what it said.
    pub(crate) fn refused(&self, command: &mut Command) -> Said {
        let before = self.content();
        let begun = Instant::now();
        let said = say(command.current_dir(self.0.path()));
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "a refusal needs no time: {said:#?}"
        );
        assert!(
            before == self.content(),
            "something was written: {:#?}",
            self.content().keys()
        );
        assert_eq!(said.stdout, "", "an error is no data: {said:#?}");
        assert!(said.stderr.starts_with("error"), "{said:#?}");
        assert!(!said.stderr.contains("panicked"), "{said:#?}");
        said
    }

    /// A command as it was typed, and its answer, without what differs from machine to machine.
    pub(crate) fn shown(&self, arguments: &[&str], said: &Said) -> String {
        let text = format!(
            "$ lvs-matrix {}\nexit code {}\n{}",
            arguments.join(" "),
            said.code(),
            said.stderr.replace(self.0.path().to_str().unwrap(), "[PLACE]")
        );
        let version_of_true = |text: &str| -> Option<String> {
            let (before, after) = text.split_once("(GNU coreutils) ")?;
            Some(format!(
                "{before}(GNU coreutils) VERSION`{}",
                after.split_once('`')?.1
            ))
        };
        version_of_true(&text).unwrap_or(text)
    }
}

/// Nine axes of ten values.
fn a_thousand_million_cells() -> String {
    let values: String = (0..10).map(|value| format!("v{value}: {{}}, ")).collect();
    let axes = (0..9).map(|axis| format!("  a{axis}: {{ {values} }}\n"));
    "axes:\n".to_owned() + &axes.collect::<String>()
}

/// Each level has the one before it nine times: 9^9 elements, were they written out.
fn alias_bomb() -> String {
    let mut text = "claim:\n  - &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let before = vec![format!("*a{}", level - 1); 9].join(", ");
        text += &format!("  - &a{level} [{before}]\n");
    }
    text
}
