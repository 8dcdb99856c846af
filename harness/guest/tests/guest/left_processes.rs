//! Whether a guest left processes: all of them work in the share.

#[path = "../../../../tests/support/work_folder.rs"]
mod work_folder;

use std::fs;
use std::path::Path;
use work_folder::{identity, work_folder};

/// The live processes whose working folder is `share`.
pub(crate) fn processes_in(share: &Path) -> Vec<i32> {
    let wanted = identity(share).unwrap();
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&pid| work_folder(pid) == Some(wanted))
        .collect()
}
