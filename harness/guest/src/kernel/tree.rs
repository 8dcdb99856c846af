//! The unpacked source of one build: how it comes into the workshop, and how the kernel that was made of it
//! comes into the cache.

use super::cache::{CacheFolder, Kernel};
use super::digest::{hex, sha256_of_file};
use super::identity::{Identity, Provenance, Version};
use super::source::Tarball;
use super::workshop::Workshop;
use super::{KernelError, Phase, Progress, configuration};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Unpacks the source; gives the tree's root.
pub(super) fn unpack(
    workshop: &Workshop,
    tarball: &Tarball,
    progress: &mut dyn FnMut(&Progress),
) -> Result<PathBuf, KernelError> {
    let mut news = Progress {
        detail: tarball.path.display().to_string(),
        ..Progress::of(Phase::Unpack)
    };
    progress(&news);
    let tree = workshop.make_folder("tree")?;
    let mut tar = workshop.command("tar");
    tar.args([
        "--extract",
        "--no-same-owner",
        "--strip-components=1",
        "--checkpoint=5000",
        "--checkpoint-action=echo=%u",
    ])
    .arg("--directory")
    .arg(&tree)
    .arg("--file")
    .arg(&tarball.path);
    workshop.run(tar, |line| {
        // tar's own unit: records of 10 KiB.
        if let Some(records) = line.rsplit(' ').next().and_then(|word| word.parse::<u64>().ok()) {
            news.done = records * 10 / 1024;
            progress(&news);
        }
    })?;
    Ok(tree)
}

/// Moves the kernel into the cache, complete or not at all.
pub(super) fn publish(
    workshop: &Workshop,
    cache: &CacheFolder,
    tree: &Path,
    binary: &Path,
    source: Identity,
    lacks: Vec<String>,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Kernel, KernelError> {
    progress(&Progress::of(Phase::Publish));
    let mut ask = workshop.command("./linux");
    ask.current_dir(tree).arg("--version");
    let text = workshop.run(ask, |_| {})?.trim().to_owned();
    let version = Version::parse(&text).ok_or_else(|| KernelError::NotAKernel {
        path: binary.to_owned(),
        reason: format!("it says {text:?}"),
    })?;
    let mut ask = workshop.command("gcc");
    ask.arg("--version");
    let compiler = workshop
        .run(ask, |_| {})?
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();

    let provenance = Provenance {
        version: text,
        source,
        request_sha256: configuration::request_sha256(version.line()),
        binary_sha256: sha256_of_file(binary)?,
        built: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
        compiler,
        lacks,
    };
    let entry = workshop.make_folder("entry")?;
    fs::copy(binary, entry.join("linux")).map_err(KernelError::file("copy", binary))?;
    fs::copy(tree.join(".config"), entry.join("config"))
        .map_err(KernelError::file("copy", tree.join(".config")))?;
    let description = entry.join("kernel.json");
    let json = serde_json::to_vec_pretty(&provenance)
        .map_err(|error| KernelError::file("write", &description)(error.into()))?;
    fs::write(&description, json).map_err(KernelError::file("write", &description))?;
    // Whatever the umask is: from root a guest runs as another user.
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .map_err(KernelError::file("set the rights of", path))
    };
    set(&entry, 0o755)?;
    for (file, mode) in [("linux", 0o755), ("config", 0o644), ("kernel.json", 0o644)] {
        let path = entry.join(file);
        set(&path, mode)?;
        File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(KernelError::file("write to disk", &path))?;
    }
    let target = cache.kernels().join(key(&provenance));
    if target.exists() {
        // A rebuild. A guest that runs the old one keeps it open.
        fs::rename(&target, workshop.folder().join("old")).map_err(KernelError::file("replace", &target))?;
    }
    fs::rename(&entry, &target).map_err(KernelError::file("make", &target))?;
    Ok(Kernel {
        path: target.join("linux"),
        version,
        provenance: Some(provenance),
    })
}

/// `VERSION-KEY`, the key over all that the binary depends on.
fn key(provenance: &Provenance) -> String {
    let identity = match &provenance.source {
        Identity::Package { name, version } => format!("package {name} {version}"),
        Identity::Tarball { sha256 } => format!("tarball {sha256}"),
    };
    let digest = hex(&Sha256::digest(format!(
        "{}\n{identity}\n",
        provenance.request_sha256
    )));
    format!("{}-{}", provenance.version, &digest[..12])
}
