//! A kernel's package from the machine's own archives, unpacked and not installed.

use super::StockError;
use crate::kernel::{CacheFolder, unpacked_package};
use std::path::PathBuf;

/// The folder of an unpacked package: that of the cache, or else a new one.
pub(super) fn folder(
    cache: &CacheFolder,
    package: &str,
    say: &mut dyn FnMut(&str),
) -> Result<PathBuf, StockError> {
    Ok(unpacked_package(cache, package, say)?)
}
