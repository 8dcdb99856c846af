//! The fixtures that lie in archives: small cells in many files would be most of the files of a checkout,
//! and most of its bytes.
//!
//! An archive is a tar that xz has packed: `tar -tf` lists it, `tar -xf` unpacks it. The same files give the
//! same bytes.

use flate2::Compression;
use flate2::write::GzEncoder;
use lzma_rust2::{XzOptions, XzReader, XzWriter};
use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Files by their names, which are relative to a folder.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The fixtures, relative to the repository: a part of the folder of a run. The rest is in [`REST`].
pub const FIXTURES: &str = "tests/fixtures/cells";

/// The archive in [`FIXTURES`] with those of its cells that no page of the repository leads to.
pub const REST: &str = "cells.tar.xz";

/// The files of an archive.
///
/// # Errors
/// If it cannot be read, or is no archive.
pub fn files(archive: &Path) -> io::Result<Files> {
    let bytes = fs::read(archive)?;
    let mut tar = tar::Archive::new(XzReader::new(bytes.as_slice(), false));
    let mut files = Files::new();
    for entry in tar.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        files.insert(name, bytes);
    }
    Ok(files)
}

/// An archive of these files.
///
/// # Errors
/// If a name is too long for tar. None of xz on a vector; the writer's are passed on.
pub fn archived(files: &Files) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes.as_slice())?;
    }
    let mut out = XzWriter::new(Vec::new(), XzOptions::with_preset(9))?;
    io::copy(&mut tar.into_inner()?.as_slice(), &mut out)?;
    out.finish()
}

/// What gzip makes of these bytes: the same of the same.
///
/// # Errors
/// None on a vector; the writer's are passed on.
pub fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    io::copy(&mut &*bytes, &mut out)?;
    out.finish()
}

/// [`FIXTURES`] as the whole folder of a run ([`unpacked`]), not to be written to.
///
/// # Panics
/// If the fixtures cannot be read or unpacked: no test can go on without them.
#[expect(
    clippy::panic,
    reason = "a test fails by panicking; its helpers are no production code"
)]
pub fn kept() -> &'static Path {
    static KEPT: OnceLock<PathBuf> = OnceLock::new();
    KEPT.get_or_init(|| {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(FIXTURES);
        unpacked(&fixtures).unwrap_or_else(|error| panic!("cannot unpack {}: {error}", fixtures.display()))
    })
}

/// The folder of fixtures as the whole folder of a run, beside the program that asks. It has its content in
/// its name, so other fixtures have another folder. It gets its name when it is whole: several tests may be
/// at this at once.
///
/// # Errors
/// If a file cannot be read or written.
pub fn unpacked(fixtures: &Path) -> io::Result<PathBuf> {
    let all = whole(fixtures)?;
    let mut hasher = DefaultHasher::new();
    all.hash(&mut hasher);
    let place = std::env::current_exe()?.with_file_name(format!("kept-cells-{:016x}", hasher.finish()));
    if place.exists() {
        return Ok(place);
    }
    let making = place.with_extension(std::process::id().to_string());
    for (name, bytes) in all {
        let file = making.join(name);
        fs::create_dir_all(file.parent().unwrap_or(&making))?;
        fs::write(file, bytes)?;
    }
    match fs::rename(&making, &place) {
        // Another test was quicker.
        Err(_) if place.exists() => fs::remove_dir_all(&making)?,
        renamed => renamed?,
    }
    Ok(place)
}

/// The files of the fixtures, wherever they lie.
fn whole(fixtures: &Path) -> io::Result<Files> {
    let mut all = files(&fixtures.join(REST))?;
    add_loose(fixtures, fixtures, &mut all)?;
    all.remove(REST);
    Ok(all)
}

/// Adds the files of a folder, with their names relative to `root`.
fn add_loose(folder: &Path, root: &Path, to: &mut Files) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            add_loose(&path, root, to)?;
        } else {
            let name = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned();
            to.insert(name, fs::read(&path)?);
        }
    }
    Ok(())
}
