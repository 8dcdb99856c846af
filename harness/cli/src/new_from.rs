//! `new --from`: a scenario with the lab of an operator's own files.

use crate::args::OwnSetup;
use crate::error::Failure;
use crate::new::write_new;
use crate::output;
use crate::own;
use lvs_matrix_setup::begun;
use std::path::Path;
use std::process::ExitCode;

/// The name of the scenario, where the file that it is written into gives none.
const NAME: &str = "own-set-up";

/// `new --from FILE… [--out FILE]`.
pub(crate) fn new(own: &OwnSetup, out: Option<&Path>) -> Result<ExitCode, Failure> {
    let lab = own::lab(own)?;
    let name = out
        .and_then(Path::file_stem)
        .and_then(|stem| lvs_matrix_model::Name::new(&stem.to_string_lossy()).ok())
        .map_or_else(|| NAME.to_owned(), String::from);
    let text = begun(&lab, &name)
        .map_err(|why| Failure::Software(format!("the scenario would not be accepted: {why}")))?;
    match out {
        None => output::data(&text)?,
        Some(file) => {
            write_new(file, &text)?;
            let shown = file.display();
            output::talk(&format!("wrote {shown}; `lvs-matrix run {shown}` runs it"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
