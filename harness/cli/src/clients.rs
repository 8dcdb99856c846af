//! The programs of the selected cells, clients and servers: those that the machine does not have, each with
//! its cure.

use crate::scenarios::Selected;
use lvs_matrix_guest::init::{OWN_FOLDERS, PATH};
use lvs_matrix_model::client::Program;
use lvs_matrix_model::plan::plan;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path};

/// What is missing, in words, each said once.
pub(crate) fn missing(selected: &[Selected]) -> BTreeSet<String> {
    let programs = selected.iter().flat_map(|selected| {
        let cells = selected.cells.iter();
        cells.map(move |cell| (selected, plan(&selected.scenario, cell).client().program.clone()))
    });
    let servers = selected.iter().flat_map(|selected| {
        let cells = selected.cells.iter();
        cells.filter_map(move |cell| {
            let plan = plan(&selected.scenario, cell);
            own(selected, "server", plan.server_program()?.argv.first()?)
        })
    });
    programs
        .filter_map(|(selected, program)| match program {
            Program::MysqlAsync | Program::EchoClient | Program::StreamClient => None,
            Program::InteractiveCli | Program::BatchCli => command_line(&selected.scenario.name, &program),
            Program::Own { argv } => own(selected, "client", argv.first()?),
        })
        .chain(servers)
        .collect()
}

/// The command line is not there.
fn command_line(scenario: &lvs_matrix_model::Name, program: &Program) -> Option<String> {
    let found = ["mariadb", "mysql"].into_iter().any(in_path);
    (!found).then(|| {
        format!(
            "the client `{program}` of {scenario} needs `mariadb` or `mysql`, and neither is in {PATH}: \
             apt-get install mariadb-client-core"
        )
    })
}

/// A program of the author's own is not there, or not where a cell sees it.
fn own(selected: &Selected, what: &str, program: &str) -> Option<String> {
    let path = Path::new(program);
    let lack = if !program.contains('/') {
        (!in_path(program)).then(|| format!("is not in {PATH}: install it there, or give its path"))
    } else if path.is_absolute() {
        let own = OWN_FOLDERS.iter().find(|own| path.starts_with(own));
        own.map(|own| {
            format!(
                "cannot be seen by a cell, which has a {own} of its own: put it beside the scenario's file, \
                and name it `./…`"
            )
        })
        .or_else(|| unusable(path))
    } else if path.components().any(|part| part == Component::ParentDir) {
        Some(
            "is outside of the folder of the scenario's file, which is all that a cell sees of it: give its \
            absolute path"
                .to_owned(),
        )
    } else {
        unusable(&selected.folder()?.join(path))
    };
    lack.map(|lack| {
        format!(
            "the {what} program `{program}` of {} {lack}",
            selected.scenario.name
        )
    })
}

fn in_path(program: &str) -> bool {
    std::env::split_paths(PATH).any(|folder| folder.join(program).is_file())
}

/// Why this file cannot be run.
fn unusable(path: &Path) -> Option<String> {
    match path.metadata() {
        Err(error) => Some(format!(
            "is not there ({}: {error}): put it there, or name another",
            path.display()
        )),
        Ok(file) if !file.is_file() => Some(format!("is no file ({})", path.display())),
        Ok(file) if file.permissions().mode() & 0o111 == 0 => {
            Some(format!("may not be run: chmod +x {}", path.display()))
        }
        Ok(_) => None,
    }
}
