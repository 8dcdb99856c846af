//! The way in: from a file's text or bytes to a [`Scenario`].

use super::Scenario;
use super::check::check;
use super::mistake::{Mistake, Mistakes};
use super::place::Lines;
use super::read::Input;
use super::syntax::ScenarioInput;
use super::text::{MAX_BYTES, not_utf8, too_large};
use super::yaml;

/// Reads a scenario from the text of its file.
///
/// # Errors
/// Every mistake that can be found, in the order of the file; never an empty list. Text that is not YAML
/// gives one mistake, at the place where reading ended.
pub fn load(text: &str) -> Result<Scenario, Vec<Mistake>> {
    let mut mistakes = Mistakes::default();
    let root = yaml::parse(text, &mut mistakes);
    let input = root.and_then(|root| ScenarioInput::read(&root, &mut mistakes));
    let scenario = input.and_then(|input| check(&input, &mut mistakes));
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
    if bytes.len() > MAX_BYTES {
        return Err(vec![too_large(bytes.len(), Lines::new("").span(0, 0))]);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => load(text),
        Err(error) => Err(vec![not_utf8(
            &String::from_utf8_lossy(bytes),
            error.valid_up_to(),
        )]),
    }
}
