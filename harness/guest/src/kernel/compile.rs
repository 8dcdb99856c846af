//! The compilers at work.

use super::workshop::Workshop;
use super::{KernelError, Phase, Progress};
use std::num::NonZero;
use std::path::{Path, PathBuf};

/// Lines such as `  CC      kernel/fork.o` that a build of 7.2 with our configuration says: 1391 in one
/// build. Others are near.
const STEPS: u64 = 1400;

/// Builds the tree; gives the binary's path.
pub(super) fn compile(
    tree: &Path,
    workshop: &Workshop,
    jobs: NonZero<usize>,
    progress: &mut dyn FnMut(&Progress),
) -> Result<PathBuf, KernelError> {
    let mut news = Progress {
        total: Some(STEPS),
        estimated: true,
        ..Progress::of(Phase::Compile)
    };
    progress(&news);
    let mut make = workshop.make(tree);
    make.arg(format!("-j{jobs}")).arg("linux");
    workshop.run(make, |line| {
        if let Some(step) = step(line) {
            news.done = (news.done + 1).min(STEPS);
            step.clone_into(&mut news.detail);
            progress(&news);
        }
    })?;
    Ok(tree.join("linux"))
}

/// The file of a line of Kbuild's short log: two spaces, a word in capitals, a file.
fn step(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("  ")?;
    let (word, file) = rest.split_once(' ')?;
    word.starts_with(|c: char| c.is_ascii_uppercase())
        .then(|| file.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_from_talk() {
        assert_eq!(step("  CC      kernel/fork.o"), Some("kernel/fork.o"));
        assert_eq!(step("kernel/fork.c:1: warning: x"), None);
        assert_eq!(step("    indented source line"), None);
    }
}
