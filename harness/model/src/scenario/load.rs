//! The way in: from a file's text or bytes to a [`Scenario`].

use super::Scenario;
use super::check::check;
use super::include::{Files, include};
use super::mistake::{Mistake, Mistakes};
use super::place::Lines;
use super::read::Input;
use super::syntax::ScenarioInput;
use super::text::{MAX_BYTES, not_utf8, too_large};
use super::yaml;
use crate::base::{DEFAULT_LINE, Line};

/// Reads a scenario from the text of its file. Its cells must have expectations for kernels of
/// [`DEFAULT_LINE`].
///
/// # Errors
/// Every mistake that can be found, in the order of the file; never an empty list. Text that is not YAML
/// gives one mistake, at the place where reading ended.
pub fn load(text: &str) -> Result<Scenario, Vec<Mistake>> {
    of_text(text, &[DEFAULT_LINE], &mut no_files)
}

/// Where no file is read.
fn no_files(_: &str) -> Result<String, String> {
    Err("no file can be read here".to_owned())
}

fn of_text(text: &str, lines: &[Line], files: &mut Files<'_>) -> Result<Scenario, Vec<Mistake>> {
    let mut mistakes = Mistakes::default();
    let mut root = yaml::parse(text, &mut mistakes);
    root.iter_mut()
        .for_each(|root| include(root, files, &mut mistakes));
    let input = root.and_then(|root| ScenarioInput::read(&root, &mut mistakes));
    let scenario = input.and_then(|input| check(&input, lines, &mut mistakes));
    match scenario {
        Some(scenario) if mistakes.count() == 0 => Ok(scenario),
        Some(_) | None => Err(mistakes.into_sorted()),
    }
}

/// Reads a scenario from the bytes of its file.
///
/// # Errors
/// As [`load`]; and one mistake for a file that is too large or not UTF-8. Its place counts in the text that
/// [`String::from_utf8_lossy`] makes of the bytes.
pub fn load_bytes(bytes: &[u8]) -> Result<Scenario, Vec<Mistake>> {
    load_for(bytes, &[DEFAULT_LINE])
}

/// Reads a scenario that is to be run on kernels of these lines: each of its cells must have an expectation
/// on each of them.
///
/// # Errors
/// As [`load_bytes`].
pub fn load_for(bytes: &[u8], lines: &[Line]) -> Result<Scenario, Vec<Mistake>> {
    load_with(bytes, lines, &mut no_files)
}

/// The same of a scenario that may name other files: `files` gives the text of one by its name, or says why
/// there is none.
///
/// # Errors
/// As [`load_bytes`].
pub fn load_with(bytes: &[u8], lines: &[Line], files: &mut Files<'_>) -> Result<Scenario, Vec<Mistake>> {
    if bytes.len() > MAX_BYTES {
        return Err(vec![too_large(bytes.len(), Lines::new("").span(0, 0))]);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => of_text(text, lines, files),
        Err(error) => Err(vec![not_utf8(
            &String::from_utf8_lossy(bytes),
            error.valid_up_to(),
        )]),
    }
}
