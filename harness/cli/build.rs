//! Puts the shipped scenarios into the binary, the programs that they name, and the shipped searches: all of
//! `scenarios/` and `explorations/`, so that a new one needs no Rust.

use std::ffi::OsStr;
use std::fmt::Write;
use std::io;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> io::Result<()> {
    let out = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    let is = |file: &PathBuf, wanted: &str| file.extension().is_some_and(|extension| extension == wanted);
    for (folder, name) in [("scenarios", "shipped.rs"), ("explorations", "searches.rs")] {
        let files = files(folder)?;
        let scenarios = files.iter().filter(|file| is(file, "yaml"));
        let scenarios = scenarios.map(|file| (file.file_stem().unwrap_or_default(), file));
        fs::write(out.join(name), table(scenarios))?;
        if folder == "scenarios" {
            let programs = files.iter().filter(|file| !is(file, "yaml") && !is(file, "json"));
            let programs = programs.map(|file| (file.file_name().unwrap_or_default(), file));
            fs::write(out.join("programs.rs"), table(programs))?;
        }
    }
    Ok(())
}

/// The files of a folder of the repository, by name.
fn files(folder: &str) -> io::Result<Vec<PathBuf>> {
    let here = env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .unwrap_or_default();
    let folder = fs::canonicalize(here.join("../..").join(folder))?;
    // A folder's time changes with its list of files; the files themselves are tracked by include_str!.
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    files.retain(|file| file.is_file());
    files.sort();
    Ok(files)
}

/// Names, each with the text of its file.
fn table<'a>(files: impl Iterator<Item = (&'a OsStr, &'a PathBuf)>) -> String {
    let mut table = "[\n".to_owned();
    for (name, file) in files {
        let _ = writeln!(table, "({name:?}, include_str!({:?})),", file.as_os_str());
    }
    table.push(']');
    table
}
