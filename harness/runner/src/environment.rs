//! Where a run takes place, and what it lacks.

use crate::error::{Result, Stage};
use crate::server::Server;
use lvs_matrix_model::record::{Environment, Hashes, Place, version_alone};
use lvs_matrix_netns::{CommandLine, run};

/// Programs that every cell calls: (program, Debian package).
const PROGRAMS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("ss", "iproute2"),
    ("tc", "iproute2"),
    ("ipvsadm", "ipvsadm"),
    ("sysctl", "procps"),
    ("nft", "nftables"),
];

/// The programs of the lab that are not in `PATH`, with the Debian package that has each.
#[must_use]
pub fn missing_programs(path: &str) -> Vec<(&'static str, &'static str)> {
    let found = |program: &str| std::env::split_paths(path).any(|folder| folder.join(program).is_file());
    PROGRAMS
        .iter()
        .filter(|(program, _)| !found(program))
        .copied()
        .collect()
}

/// `uname -sr` of the kernel that this process runs on.
#[must_use]
pub fn running_kernel() -> String {
    let uname = rustix::system::uname();
    format!(
        "{} {}",
        uname.sysname().to_string_lossy(),
        uname.release().to_string_lossy()
    )
}

/// Asks the kernel and the programs who they are.
pub(crate) fn environment(
    place: Place,
    harness: &str,
    hashes: Option<Hashes>,
    server: Option<&Server>,
) -> Result<Environment> {
    let ipvsadm = run(&CommandLine::new(["ipvsadm", "--version"])).stage("ask ipvsadm for its version")?;
    Ok(Environment {
        place,
        kernel: running_kernel(),
        harness: harness.to_owned(),
        ipvsadm: ipvsadm.output.lines().next().unwrap_or_default().to_owned(),
        mysqld: server.map_or_else(String::new, |server| version_alone(&server.version).to_owned()),
        hashes,
    })
}
