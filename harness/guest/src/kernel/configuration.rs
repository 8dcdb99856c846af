//! The Kconfig request, and the check that the kernel took it.

use super::digest::hex;
use super::workshop::Workshop;
use super::{KernelError, Phase, Progress, cure};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

/// Our request, with its reasons.
const REQUEST: &str = include_str!("guest.config");

/// Name and value of each option asked for; `n` is a value.
fn options(request: &str) -> impl Iterator<Item = (&str, &str)> {
    request
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
}

/// What a kernel's binary depends on besides its source: the options (not their comments) and the cure.
/// Hexadecimal.
pub(super) fn request_sha256() -> String {
    let mut hash = Sha256::new();
    for (name, value) in options(REQUEST) {
        hash.update(format!("{name}={value}\n"));
    }
    cure::lines().for_each(|lines| hash.update(lines));
    hex(&hash.finalize())
}

/// Runs Kconfig in an unpacked source tree.
pub(super) fn configure(
    tree: &Path,
    workshop: &Workshop,
    progress: &mut dyn FnMut(&Progress),
) -> Result<(), KernelError> {
    progress(&Progress::of(Phase::Configure));
    let file = workshop.folder().join("guest.config");
    fs::write(&file, REQUEST).map_err(KernelError::file("write", &file))?;
    let mut make = workshop.make(tree);
    make.arg(format!("KCONFIG_ALLCONFIG={}", file.display()))
        .arg("allnoconfig");
    workshop.run(make, |_| {})?;
    let result = tree.join(".config");
    let text = fs::read_to_string(&result).map_err(KernelError::file("read", &result))?;
    match lost(REQUEST, &text) {
        lost if lost.is_empty() => Ok(()),
        lost => Err(KernelError::OptionsLost(lost)),
    }
}

/// The options that `config` does not hold as `request` asks: each with what it holds instead.
fn lost(request: &str, config: &str) -> Vec<String> {
    let value_in_config = |wanted: &str| {
        config
            .lines()
            .find_map(|line| line.split_once('=').filter(|(name, _)| *name == wanted))
            .map(|(_, value)| value)
    };
    options(request)
        .filter_map(|(name, wanted)| {
            // An option that is off is absent or "# CONFIG_X is not set".
            let got = value_in_config(name).unwrap_or("n");
            (got != wanted).then(|| format!("{name}={wanted} (is: {got})"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lost_option_is_named_with_what_it_became() {
        let request = "# why\nCONFIG_A=y\nCONFIG_B=y\nCONFIG_C=n\nCONFIG_D=n\nCONFIG_E=12\n";
        let config = "CONFIG_A=y\nCONFIG_AB=n\n# CONFIG_C is not set\nCONFIG_D=y\nCONFIG_E=8\n";
        assert_eq!(
            lost(request, config),
            ["CONFIG_B=y (is: n)", "CONFIG_D=n (is: y)", "CONFIG_E=12 (is: 8)"]
        );
        assert!(lost("CONFIG_A=y\n", "CONFIG_A=y\n").is_empty());
    }

    #[test]
    fn the_request_is_well_formed() {
        let names: Vec<_> = options(REQUEST).map(|(name, _)| name).collect();
        assert!(names.len() > 60);
        assert!(names.iter().all(|name| name.starts_with("CONFIG_")));
        let mut unique = names.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), names.len(), "an option is asked for twice");
        let lines = REQUEST
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .count();
        assert_eq!(lines, names.len(), "a line is neither option nor comment");
    }
}
