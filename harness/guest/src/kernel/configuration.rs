//! The Kconfig request, and the check that the kernel took it.

use super::digest::hex;
use super::workshop::Workshop;
use super::{KernelError, Phase, Progress, cure};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

/// Our request, with its reasons.
const REQUEST: &str = include_str!("guest.config");

/// What older lines are asked for besides: those before a line, and the option. Before 5.13 allnoconfig also
/// switches EMBEDDED on, and with it EXPERT (`option allnoconfig_y` in init/Kconfig), under which there are
/// no block devices, and so no root on hostfs. Before 5.18 nft's counters are an option of their own.
const OF_OLDER_LINES: [((u32, u32), &str); 3] = [
    ((5, 18), "CONFIG_EXPERT=n"),
    ((5, 18), "CONFIG_EMBEDDED=n"),
    ((5, 18), "CONFIG_NFT_COUNTER=y"),
];

/// Options that newer lines call otherwise: the first such line, the name before it and the one since. In 7.3
/// what is under /proc/sys has no option of its own any more (fs/proc/Kconfig).
const RENAMED: [((u32, u32), &str, &str); 1] = [((7, 3), "CONFIG_PROC_SYSCTL=", "CONFIG_SYSCTL=")];

/// Options that a line may not have yet, and what cannot be tried on a kernel without them. A cell that wants
/// it says so when its lab cannot be made.
const MAY_LACK: [(&str, &str); 13] = [
    ("CONFIG_IP_VS_TWOS", "scheduler twos"),
    ("CONFIG_IP_VS_MH", "scheduler mh"),
    ("CONFIG_IP_VS_OVF", "scheduler ovf"),
    ("CONFIG_IP_VS_FO", "scheduler fo"),
    ("CONFIG_NFT_SYNPROXY", "synproxy of nft"),
    ("CONFIG_NFT_LIMIT", "rules of nft that look at a rate"),
    ("CONFIG_NFT_CONNLIMIT", "rules of nft that count connections"),
    ("CONFIG_NFT_NUMGEN", "rules of nft that draw lots"),
    ("CONFIG_NET_FOU", "tunnels by GUE"),
    ("CONFIG_NET_FOU_IP_TUNNELS", "tunnels by GUE"),
    ("CONFIG_NET_IPGRE_DEMUX", "tunnels by GRE"),
    ("CONFIG_NET_IPGRE", "tunnels by GRE"),
    ("CONFIG_IPV6_GRE", "tunnels by GRE"),
];

/// Name and value of each option asked for; `n` is a value.
fn options(request: &str) -> impl Iterator<Item = (&str, &str)> {
    request
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
}

/// The request to a kernel of this line.
fn request(line: (u32, u32)) -> String {
    let older = OF_OLDER_LINES.iter().filter(|(before, _)| line < *before);
    let older: String = older.map(|(_, option)| format!("{option}\n")).collect();
    let newer = RENAMED.iter().filter(|(since, ..)| line >= *since);
    let request = newer.fold(REQUEST.to_owned(), |request, (_, before, now)| {
        request.replace(before, now)
    });
    format!("{request}{older}")
}

/// What a kernel's binary depends on besides its source: the options (not their comments) and the cure.
/// Hexadecimal.
pub(super) fn request_sha256(line: (u32, u32)) -> String {
    let mut hash = Sha256::new();
    for (name, value) in options(&request(line)) {
        hash.update(format!("{name}={value}\n"));
    }
    cure::lines().for_each(|lines| hash.update(lines));
    hex(&hash.finalize())
}

/// Runs Kconfig in an unpacked source tree. Gives what cannot be tried on such a kernel.
pub(super) fn configure(
    tree: &Path,
    workshop: &Workshop,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Vec<String>, KernelError> {
    progress(&Progress::of(Phase::Configure));
    let request = request(line_of(tree)?);
    let file = workshop.folder().join("guest.config");
    fs::write(&file, &request).map_err(KernelError::file("write", &file))?;
    let mut make = workshop.make(tree);
    make.arg(format!("KCONFIG_ALLCONFIG={}", file.display()))
        .arg("allnoconfig");
    workshop.run(make, |_| {})?;
    let result = tree.join(".config");
    let text = fs::read_to_string(&result).map_err(KernelError::file("read", &result))?;
    let mut lost = lost(&request, &text);
    let mut lacks = Vec::new();
    for (option, what) in MAY_LACK {
        let before = lost.len();
        lost.retain(|one| one.split_once('=').is_none_or(|(name, _)| name != option));
        if lost.len() < before && !lacks.iter().any(|lack| lack == what) {
            lacks.push(what.to_owned());
        }
    }
    if lost.is_empty() {
        Ok(lacks)
    } else {
        Err(KernelError::OptionsLost(lost))
    }
}

/// The line of a source tree, as the first lines of its Makefile say it.
fn line_of(tree: &Path) -> Result<(u32, u32), KernelError> {
    let file = tree.join("Makefile");
    let text = fs::read_to_string(&file).map_err(KernelError::file("read", &file))?;
    let number = |name: &str| {
        let mut values = text.lines().filter_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == name).then(|| value.trim().parse().ok())?
        });
        values.next()
    };
    number("VERSION").zip(number("PATCHLEVEL")).ok_or_else(|| {
        KernelError::Cure("its Makefile names no version; is this a Linux source tree?".to_owned())
    })
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

    /// Kernels of newer lines that were built before older ones had a request of their own stay good.
    #[test]
    fn older_lines_are_asked_for_more() {
        assert_eq!(request((7, 2)), REQUEST);
        assert_eq!(request((6, 1)), REQUEST);
        assert_eq!(request_sha256((7, 2)), request_sha256((6, 1)));
        let old = request((5, 10));
        for option in ["CONFIG_EXPERT=n", "CONFIG_EMBEDDED=n", "CONFIG_NFT_COUNTER=y"] {
            assert!(old.lines().any(|line| line == option), "{option}");
        }
        assert_ne!(request_sha256((5, 10)), request_sha256((6, 1)));
        let asked: Vec<&str> = options(REQUEST).map(|(name, _)| name).collect();
        for (option, _) in MAY_LACK {
            assert!(asked.contains(&option), "{option} is asked for");
        }
    }

    #[test]
    fn newer_lines_are_asked_by_their_names() {
        let (old, new) = (request((7, 2)), request((7, 3)));
        let of =
            |request: &str| -> Vec<String> { options(request).map(|(name, _)| name.to_owned()).collect() };
        for (_, before, now) in RENAMED {
            let (before, now) = (before.trim_end_matches('='), now.trim_end_matches('='));
            assert!(of(&old).iter().any(|name| name == before), "{before}");
            assert!(!of(&new).iter().any(|name| name == before), "{before}");
            assert!(of(&new).iter().any(|name| name == now), "{now}");
        }
        assert_eq!(of(&old).len(), of(&new).len());
        assert_eq!(request((8, 0)), new);
    }

    #[test]
    fn the_line_of_a_tree_is_in_its_makefile() {
        let tree = tempfile::tempdir().unwrap();
        let makefile = "# SPDX\nVERSION = 5\nPATCHLEVEL = 10\nSUBLEVEL = 262\nEXTRAVERSION =\n";
        fs::write(tree.path().join("Makefile"), makefile).unwrap();
        assert_eq!(line_of(tree.path()).unwrap(), (5, 10));
        fs::write(tree.path().join("Makefile"), "all:\n").unwrap();
        let error = line_of(tree.path()).unwrap_err().to_string();
        assert!(error.contains("is this a Linux source tree"), "{error}");
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
