//! `doctor`: what this machine has and lacks.

use crate::args::Format;
use crate::defaults;
use crate::error::Failure;
use crate::output;
use lvs_matrix_guest::doctor::{Check, State, checks};
use lvs_matrix_guest::native::{self, Lack};
use lvs_matrix_model::control::ControlPlane;
use lvs_matrix_runner::{Server, missing_programs};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

/// Where programs are looked for on the host: as in a guest, and as the caller has it.
pub(crate) fn path() -> String {
    let own = std::env::var("PATH").unwrap_or_default();
    format!("{own}:/usr/sbin:/usr/bin:/sbin:/bin")
}

/// What the programs are for that edit the director's table.
fn for_cells_with(plane: ControlPlane) -> &'static str {
    match plane {
        ControlPlane::Keepalived => "cells whose lab has `keepalived`",
        ControlPlane::Ldirectord => "cells whose lab has `ldirectord`",
    }
}

/// The packages that bring such a program, and what its checks take.
pub(crate) fn packages(plane: ControlPlane) -> &'static str {
    match plane {
        ControlPlane::Keepalived => "keepalived",
        // The checks of type `negotiate` ask by DBI.
        ControlPlane::Ldirectord => "ldirectord libdbd-mysql-perl",
    }
}

/// `doctor`.
pub(crate) fn doctor(format: Format) -> Result<ExitCode, Failure> {
    let mut all = vec![programs()];
    all.extend(ControlPlane::ALL.map(control));
    all.push(server());
    all.extend(checks(asked_kernel().as_deref()));
    all.push(own_kernel());
    all.extend(files_with_defaults());
    let lacks = |check: &Check| matches!(check.state, State::Missing { .. });
    // The tools that build a kernel are needed only where there is none.
    let kernel = all
        .iter()
        .any(|check| check.name == lvs_matrix_guest::doctor::GUEST_KERNEL && !lacks(check));
    // And the host's own kernel where guests run. keepalived and ldirectord are for the labs that have one,
    // QEMU for stock kernels.
    let spare = |check: &Check| {
        check.needed_for == lvs_matrix_guest::doctor::FOR_STOCK
            || ControlPlane::ALL.map(for_cells_with).contains(&check.needed_for)
            || kernel && [lvs_matrix_guest::doctor::FOR_BUILDING, FOR_THE_HOST].contains(&check.needed_for)
    };
    let all: Vec<(Check, bool)> = all
        .into_iter()
        .map(|check| {
            let needed = !spare(&check);
            (check, needed)
        })
        .collect();
    let text = match format {
        Format::Text => text(&all),
        Format::Json => json(&all)?,
    };
    output::data(&text)?;
    match all.iter().filter(|(check, needed)| *needed && lacks(check)).count() {
        0 => Ok(ExitCode::SUCCESS),
        1 => Err(Failure::Unavailable(
            "the line with MISSING says what this machine needs before it can run cells".to_owned(),
        )),
        _ => Err(Failure::Unavailable(
            "the lines with MISSING say what this machine needs before it can run cells; begin with the first"
                .to_owned(),
        )),
    }
}

/// The kernel that runs are asked for where none is typed: by the environment, else by a file of defaults. A
/// mistake in such a file is a check of its own.
fn asked_kernel() -> Option<String> {
    let of_environment = std::env::var(KERNEL_VARIABLE).ok();
    of_environment.filter(|name| !name.is_empty()).or_else(|| {
        let files = defaults::files().ok()?;
        let mut options = files.iter().flat_map(|file| &file.options);
        let kernel = options.find(|(name, _)| *name == "kernel")?;
        kernel.1.clone().into_string().ok()
    })
}

/// Names the kernel that `run` takes.
const KERNEL_VARIABLE: &str = "LVS_MATRIX_KERNEL";

/// What the host's own kernel is needed for.
const FOR_THE_HOST: &str = "run --place host";

/// What this host lacks for cells on its own kernel, with these schedulers. Where nothing is seen to be
/// lacking, a sandbox is made for a trial.
pub(crate) fn host_lacks(schedulers: &BTreeSet<String>, init: &Path) -> Vec<Lack> {
    let mut lacks = native::lacks();
    let of_kernel = lvs_matrix_runner::host_lacks(schedulers).into_iter();
    lacks.extend(of_kernel.map(|lack| Lack::new(lack.what, lack.cure)));
    if lacks.is_empty() {
        let tried = match tempfile::Builder::new().prefix("lvs-matrix-trial-").tempdir() {
            Ok(folder) => native::trial(init, folder.path(), &["try-sandbox"]),
            Err(error) => Err(Lack::new(
                format!("a folder for temporary files: {error}"),
                "set TMPDIR to a folder that can be written",
            )),
        };
        lacks.extend(tried.err());
    }
    lacks
}

fn own_kernel() -> Check {
    // The schedulers of scenarios are looked for when they are run.
    let rr = BTreeSet::from(["rr".to_owned()]);
    let lacks = match std::env::current_exe() {
        Ok(init) => host_lacks(&rr, &init),
        Err(error) => vec![Lack::new(
            format!("this program's own file: {error}"),
            "start it by its path",
        )],
    };
    let all = |part: fn(&Lack) -> &str| lacks.iter().map(part).collect::<Vec<_>>();
    Check {
        name: "host's own kernel",
        state: if lacks.is_empty() {
            State::Found(format!(
                "{} with IPVS, for --place host",
                lvs_matrix_runner::running_kernel()
            ))
        } else {
            State::Missing {
                what: all(|lack| &lack.what).join("; "),
                cure: all(|lack| &lack.cure).join("; "),
            }
        },
        needed_for: FOR_THE_HOST,
    }
}

/// The files from which options get their defaults; none if there is no such file.
fn files_with_defaults() -> Option<Check> {
    let state = match defaults::files() {
        Ok(files) if files.is_empty() => return None,
        Ok(files) => {
            let options = |file: &defaults::File| {
                let options = file.options.iter();
                let options = options.map(|(name, value)| format!("{name} {}", value.to_string_lossy()));
                options.collect::<Vec<_>>().join(", ")
            };
            let lines = files
                .iter()
                .map(|file| format!("{}: {}", file.path.display(), options(file)));
            State::Found(lines.collect::<Vec<_>>().join("\n"))
        }
        Err(failure) => State::Missing {
            what: failure.to_string(),
            cure: "mend the file, or remove it".to_owned(),
        },
    };
    Some(Check {
        name: "defaults of options",
        state,
        needed_for: "run, bench, runbook",
    })
}

fn programs() -> Check {
    let missing = missing_programs(&path());
    let state = if missing.is_empty() {
        State::Found("ip, ss, tc, ipvsadm, sysctl, nft".to_owned())
    } else {
        let names: Vec<&str> = missing.iter().map(|(program, _)| *program).collect();
        let mut packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
        packages.dedup();
        State::Missing {
            what: names.join(", "),
            cure: format!("apt-get install {}", packages.join(" ")),
        }
    };
    Check {
        name: "programs of the lab",
        state,
        needed_for: "running cells",
    }
}

fn control(plane: ControlPlane) -> Check {
    let path = path();
    let mut programs = std::env::split_paths(&path).map(|folder| folder.join(plane.as_str()));
    let state = match programs.find(|program| program.is_file()) {
        Some(program) => State::Found(program.display().to_string()),
        None => State::Missing {
            what: format!("the program `{plane}` is missing"),
            cure: format!("apt-get install {}", packages(plane)),
        },
    };
    Check {
        name: plane.as_str(),
        state,
        needed_for: for_cells_with(plane),
    }
}

fn server() -> Check {
    let state = match Server::find(&path()) {
        Ok(server) => State::Found(format!("{} {}", server.program.display(), server.version_alone())),
        Err(error) => State::Missing {
            what: error.reason,
            cure: "apt-get install mariadb-server-core mariadb-client-core".to_owned(),
        },
    };
    Check {
        name: "MySQL server",
        state,
        needed_for: "cells whose real servers are mysqlds; those of `server: tcp-echo`, `udp-echo` and \
                     `program` need none",
    }
}

/// Each check with whether it must be good before cells can be run.
fn text(all: &[(Check, bool)]) -> String {
    let mut text = String::new();
    let width = all.iter().map(|(check, _)| check.name.len()).max().unwrap_or(0);
    // All lines of a check stand under its first.
    let indented = |words: &str| words.replace('\n', &format!("\n{:width$}", "", width = width + 12));
    for (check, needed) in all {
        let _ = match &check.state {
            State::Found(what) => writeln!(text, "found     {:width$}  {}", check.name, indented(what)),
            State::Missing { what, cure } => {
                let word = if *needed { "MISSING" } else { "not here" };
                let more = if *needed {
                    format!("needed for: {}\ncure: {cure}", check.needed_for)
                } else {
                    format!("needed only for: {}\ncure: {cure}", check.needed_for)
                };
                writeln!(
                    text,
                    "{word:8}  {:width$}  {}",
                    check.name,
                    indented(&format!("{what}\n{more}"))
                )
            }
        };
    }
    let missing = |(check, needed): &(Check, bool)| *needed && matches!(check.state, State::Missing { .. });
    if !all.iter().any(missing) {
        text.push_str("This machine can run cells in guests.\n");
    }
    text
}

fn json(all: &[(Check, bool)]) -> Result<String, Failure> {
    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case")]
    struct Row<'a> {
        name: &'a str,
        needed_for: &'a str,
        needed: bool,
        found: Option<&'a str>,
        missing: Option<&'a str>,
        cure: Option<&'a str>,
    }
    let rows: Vec<Row<'_>> = all
        .iter()
        .map(|(check, needed)| {
            let (found, missing, cure) = match &check.state {
                State::Found(what) => (Some(what.as_str()), None, None),
                State::Missing { what, cure } => (None, Some(what.as_str()), Some(cure.as_str())),
            };
            Row {
                name: check.name,
                needed_for: check.needed_for,
                needed: *needed,
                found,
                missing,
                cure,
            }
        })
        .collect();
    serde_json::to_string_pretty(&rows)
        .map(|text| text + "\n")
        .map_err(|error| Failure::Software(error.to_string()))
}
