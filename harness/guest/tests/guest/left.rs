//! Whether a guest left processes: all of them work in the share.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The live processes whose working folder is `share`, by identity: in their mount namespace it has another
/// name.
pub(crate) fn processes_in(share: &Path) -> Vec<i32> {
    let identity = |path: &Path| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    let wanted = identity(share).unwrap();
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| identity(&entry.path().join("cwd")) == Some(wanted))
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}
