//! `new` and `schema`: what a scenario of one's own begins with.

use crate::args::NewArguments;
use crate::error::Failure;
use crate::output;
use crate::shipped;
use lvs_matrix_model::scenario::load;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

/// The file of the schema, by which scenarios name it in their first line.
const SCHEMA_FILE: &str = "scenario.schema.json";

/// `new`.
pub(crate) fn new(arguments: &NewArguments) -> Result<ExitCode, Failure> {
    let Some(name) = &arguments.name else {
        output::data(&listed())?;
        return Ok(ExitCode::SUCCESS);
    };
    let shipped = shipped::named(name).ok_or_else(|| {
        let hint = shipped::hint(Path::new(name));
        Failure::Mistake(format!(
            "no shipped scenario is named `{}`{hint}",
            name.escape_debug()
        ))
    })?;
    match &arguments.out {
        None => output::data(shipped.text)?,
        Some(file) => {
            // The programs that the scenario names lie beside it, or it could not be run.
            for (name, text) in shipped.programs() {
                let program = file.with_file_name(name);
                if fs::read_to_string(&program).is_ok_and(|there| there == text) {
                    continue;
                }
                write_new(&program, text)?;
                output::talk(&format!("{} is a program that it names", program.display()));
            }
            write_new(file, shipped.text)?;
            let shown = file.display();
            output::talk(&format!(
                "{shown} is a copy of `{}`: give it a name and a claim of its own, then \
                 `lvs-matrix check {shown}`\n\
                 editors complete its fields with the schema beside it: `lvs-matrix schema > {}`",
                shipped.name,
                file.with_file_name(SCHEMA_FILE).display()
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `schema`.
pub(crate) fn schema() -> Result<ExitCode, Failure> {
    output::data(shipped::SCHEMA)?;
    Ok(ExitCode::SUCCESS)
}

/// Each shipped scenario with the first sentence of its claim.
fn listed() -> String {
    let width = shipped::all()
        .map(|shipped| shipped.name.len())
        .max()
        .unwrap_or(0);
    let line = |shipped: shipped::Shipped| {
        let claim = load(shipped.text).map_or_else(|_| String::new(), |scenario| scenario.claim);
        let first = claim.split_inclusive(". ").next().unwrap_or_default();
        let first: Vec<&str> = first.split_whitespace().collect();
        format!("{:width$}  {}\n", shipped.name, first.join(" "))
    };
    shipped::all().map(line).collect()
}

/// Writes a file that is not there yet: nothing that somebody wrote is lost.
pub(crate) fn write_new(file: &Path, text: &str) -> Result<(), Failure> {
    let open = OpenOptions::new().write(true).create_new(true).open(file);
    let written = open.and_then(|mut open| open.write_all(text.as_bytes()));
    written.map_err(|error| {
        let file = file.display();
        Failure::Mistake(if error.kind() == ErrorKind::AlreadyExists {
            format!("{file} is there already; name a new file, so that nothing is lost")
        } else {
            format!("cannot write {file}: {error}")
        })
    })
}
