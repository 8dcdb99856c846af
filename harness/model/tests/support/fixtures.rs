//! Bad scenario files with their messages beside them.

use std::path::{Path, PathBuf};

/// The files of `tests/fixtures/<folder>`.
pub fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures")
        .join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

/// Is the text the one beside the file? With `UPDATE_FIXTURES=1` it becomes the one.
pub fn is_beside(path: &Path, text: &str) -> bool {
    let beside = path.with_extension("txt");
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&beside, text).unwrap();
        return true;
    }
    std::fs::read_to_string(&beside).ok().as_deref() == Some(text)
}
