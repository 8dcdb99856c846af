//! Stock kernels in QEMU: what a guest with one has of this machine.

use crate::doctor::path;
use crate::output;
use crate::place;
use crate::scenarios::Selected;
use crate::stop::ended_by_signals;
use lvs_matrix_guest::RunsOn;
use lvs_matrix_guest::kernel::CacheFolder;
use lvs_matrix_guest::stock::{Ingredients, StockError, StockKernel, prepare};
use lvs_matrix_model::control::ControlPlane;
use lvs_matrix_model::plan::plan;
use lvs_matrix_runner::{Server, missing_programs};
use std::path::{Path, PathBuf};

/// Programs that labs start, or that are typed in them, beside those that every cell calls. Those that this
/// machine has not, a guest has not either.
const PROGRAMS: &str = "awk bash cat chmod chown cp cut date dd echo env false grep head id keepalived \
    kill ln ls mariadb mkdir mktemp mount mv mysql nsenter prlimit ps rm sed \
    setpriv setsid sh sleep sort stty tail test timeout tr true umount uname \
    unshare wc";

/// What these programs read.
const READ: [&str; 16] = [
    "/etc/iproute2",
    "/etc/ld.so.cache",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/openssl.cnf",
    "/lib/terminfo",
    "/usr/lib/locale/C.utf8",
    "/usr/lib/ssl",
    "/usr/lib/tc",
    "/usr/lib/x86_64-linux-gnu/libmariadb3",
    "/usr/share/iproute2",
    "/usr/share/mariadb/charsets",
    "/usr/share/mariadb/english",
    "/usr/share/mysql/charsets",
    "/usr/share/mysql/english",
    "/usr/share/terminfo",
];

/// Languages that programs of authors are written in, and ldirectord (the first one), with what they read.
/// They are large, so a guest has them only if a cell runs such a program.
const INTERPRETERS: [&str; 2] = ["perl", "python3"];
/// Where the packages of these have their programs. What a user's PATH has before it may be a script that
/// chooses among versions (a shim), or read modules from elsewhere.
const OF_PACKAGES: &str = "/usr/bin";
const OF_PERL: [&str; 6] = [
    "/etc/perl",
    "/usr/lib/x86_64-linux-gnu/perl",
    "/usr/lib/x86_64-linux-gnu/perl-base",
    "/usr/lib/x86_64-linux-gnu/perl5",
    "/usr/share/perl",
    "/usr/share/perl5",
];
const OF_PYTHON: &str = "/usr/lib/python3";

/// Makes the machine for these cells, and these programs that are run by hand, ready, which boots it if that
/// was not done before.
pub(crate) fn machine(
    cache: &CacheFolder,
    kernel: &StockKernel,
    init: &Path,
    server: Option<&Server>,
    selected: &[Selected],
    by_hand: &[String],
) -> Result<RunsOn, StockError> {
    let mut files = files(server, selected);
    // Those that it has anyway make no machine of their own.
    for program in by_hand.iter().filter_map(|program| found_in(&path(), program)) {
        if !files.contains(&program) {
            files.push(program);
        }
    }
    let ingredients = Ingredients {
        kernel,
        init,
        files: &files,
        memory_mib: memory_mib(selected),
    };
    let say = &mut |news: &str| output::talk(news);
    let machine = ended_by_signals(|booting| prepare(cache, &ingredients, say, booting))?;
    Ok(RunsOn::Stock(Box::new(machine)))
}

/// As a guest with User-mode Linux, and for the root, which is in memory; in steps, so that few machines are
/// saved.
fn memory_mib(selected: &[Selected]) -> u32 {
    const ROOT_MIB: u32 = 512;
    const STEP_MIB: u32 = 1024;
    let plans: Vec<_> = selected
        .iter()
        .flat_map(|selected| {
            let cells = selected.cells.iter().chain(&selected.tried);
            cells.map(|cell| plan(&selected.scenario, cell))
        })
        .collect();
    let wanted = place::memory_mib(&plans).saturating_add(ROOT_MIB);
    wanted.checked_next_multiple_of(STEP_MIB).unwrap_or(wanted)
}

fn files(server: Option<&Server>, selected: &[Selected]) -> Vec<PathBuf> {
    let path = path();
    let find = |program: &str| found_in(&path, program);
    let all_cells_call = missing_programs("").into_iter().map(|(program, _)| program);
    let programs: Vec<&str> = all_cells_call.chain(PROGRAMS.split(' ')).collect();
    let mut files: Vec<PathBuf> = READ.map(PathBuf::from).into();
    let ldirectord = |one: &Selected| one.needs(ControlPlane::Ldirectord);
    if selected.iter().any(Selected::runs_own_programs) {
        files.extend(interpreters(&path));
        files.extend(OF_PERL.map(PathBuf::from));
        files.push(PathBuf::from(OF_PYTHON));
        files.extend(python_folders());
    } else if selected.iter().any(ldirectord) {
        files.extend(interpreters(&path).take(1));
        files.extend(OF_PERL.map(PathBuf::from));
    }
    if selected.iter().any(ldirectord) {
        files.extend(find(ControlPlane::Ldirectord.as_str()));
    }
    files.extend(programs.into_iter().filter_map(find));
    files.extend(server.map(|server| server.program.clone()));
    files
}

fn found_in(path: &str, program: &str) -> Option<PathBuf> {
    let mut found = std::env::split_paths(path).map(|folder| folder.join(program));
    found.find(|path| path.is_file())
}

fn interpreters(path: &str) -> impl Iterator<Item = PathBuf> {
    let path = format!("{OF_PACKAGES}:{path}");
    INTERPRETERS
        .into_iter()
        .filter_map(move |program| found_in(&path, program))
}

/// `/usr/lib/python3.11` and its like.
fn python_folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    folders.retain(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("python3."))
    });
    folders.sort();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_are_those_of_packages_though_a_shim_comes_first() {
        let shims = tempfile::tempdir().unwrap();
        for program in INTERPRETERS {
            std::fs::write(shims.path().join(program), "#!/bin/sh\nexec elsewhere").unwrap();
        }
        let path = format!("{}:/usr/bin", shims.path().display());
        let found: Vec<PathBuf> = interpreters(&path).collect();
        for program in INTERPRETERS {
            let of_package = Path::new(OF_PACKAGES).join(program);
            let shim = shims.path().join(program);
            let wanted = if of_package.is_file() { of_package } else { shim };
            assert!(found.contains(&wanted), "{program}: {found:?}");
        }
        assert_eq!(found.len(), INTERPRETERS.len());
    }
}
