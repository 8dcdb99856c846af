//! A run within another command: of files that it has written, into a folder of its own.

use crate::args::{Arguments, Command, Machine, RunArguments};
use crate::environment::Environment;
use crate::error::Failure;
use crate::folder::Folder;
use crate::load::load;
use crate::reports::write_reports;
use crate::run::run_into;
use crate::selection::Selection;
use crate::stop::Stop;
use clap::Parser;
use lvs_matrix_report::RunReport;
use std::ffi::OsString;
use std::num::NonZero;
use std::path::{Path, PathBuf};

/// On what it runs, and how often; everything else is as `run` has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunOn<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) repeat: NonZero<u32>,
    pub(crate) quiet: bool,
}

impl RunOn<'_> {
    /// Runs all cells of the files into a new folder, with its reports.
    pub(crate) fn run(&self, files: &[PathBuf], out: &Path, stop: &Stop) -> Result<RunReport, Failure> {
        let run = self.arguments(files)?;
        let selection = Selection::new(&run.what, &run.what.kernels, None)?;
        let selected = &selection.scenarios;
        let environment = Environment::find(&run.what, &selection.kernels, selected)?;
        let folder = Folder::make(Some(out))?;
        folder.check_space(selected.iter().map(|selected| selected.cells.len()).sum())?;
        let done = run_into(out, &selection, &run.what, &run.manner, environment, stop, None);
        folder.tidy(false)?;
        done?;
        let report = load(out)?;
        write_reports(out, &report)?;
        Ok(report)
    }

    /// The arguments of a `run` of these files.
    pub(crate) fn arguments(&self, files: &[PathBuf]) -> Result<RunArguments, Failure> {
        let mut words: Vec<OsString> = ["lvs-matrix", "run"].map(OsString::from).to_vec();
        let mut option = |name: &str, value: Option<OsString>| {
            words.extend(value.into_iter().flat_map(|value| [OsString::from(name), value]));
        };
        let Machine { jobs, kernel, mysqld } = self.machine;
        option("--jobs", jobs.map(|jobs| jobs.to_string().into()));
        option("--kernel", kernel.clone().map(OsString::from));
        option("--mysqld", mysqld.clone().map(OsString::from));
        option("--repeat", Some(self.repeat.to_string().into()));
        words.extend(self.quiet.then(|| "--quiet".into()));
        words.push("--".into());
        words.extend(files.iter().map(|file| file.clone().into_os_string()));
        match Arguments::try_parse_from(words).map(|parsed| parsed.command) {
            Ok(Command::Run(run)) => Ok(run),
            Ok(_) => Err(Failure::Software("`run` was read as another command".to_owned())),
            Err(error) => Err(Failure::Software(error.to_string())),
        }
    }
}
