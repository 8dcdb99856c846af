//! SHA-256 in hexadecimal: of files, and of what is already at hand.

use super::KernelError;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

/// SHA-256 of a file, hexadecimal.
///
/// # Errors
/// [`KernelError::File`] when it cannot be read.
pub fn sha256_of_file(path: &Path) -> Result<String, KernelError> {
    let mut file = fs::File::open(path).map_err(KernelError::file("open", path))?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        match std::io::Read::read(&mut file, &mut block).map_err(KernelError::file("read", path))? {
            0 => return Ok(hex(&hash.finalize())),
            length => hash.update(&block[..length]),
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
