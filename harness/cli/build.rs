//! Puts the shipped scenarios into the binary: all of `scenarios/`, so that a new one needs no Rust.

use std::fmt::Write;
use std::io;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> io::Result<()> {
    let here = env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .unwrap_or_default();
    let folder = fs::canonicalize(here.join("../../scenarios"))?;
    // A folder's time changes with its list of files; the files themselves are tracked by include_str!.
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let mut table = "[\n".to_owned();
    for file in &files {
        let name = file.file_stem().unwrap_or_default();
        let _ = writeln!(table, "({name:?}, include_str!({:?})),", file.as_os_str());
    }
    table.push(']');
    let out = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    fs::write(out.join("shipped.rs"), table)
}
