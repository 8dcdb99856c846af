//! The way in: from a file's text or bytes to a [`Scenario`].

use super::Scenario;
use super::check::check;
use super::input::ScenarioInput;
use super::mistake::{Mistake, MistakeKind, Mistakes};
use super::place::Lines;
use super::read::Input;
use super::yaml;

/// Reads a scenario from the text of its file.
///
/// # Errors
/// Every mistake that can be found, in the order of the file; never an empty list. Text that is not YAML gives one
/// mistake, at the place where reading ended.
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
    if bytes.len() > yaml::MAX_BYTES {
        return Err(vec![yaml::too_large(bytes.len(), Lines::new("").span(0, 0))]);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => load(text),
        Err(error) => {
            let lossy = String::from_utf8_lossy(bytes);
            // Up to the first bad byte both are the same; there the lossy text has U+FFFD, which is three bytes long.
            let at = error.valid_up_to();
            let span = Lines::new(&lossy).span(at, at + char::REPLACEMENT_CHARACTER.len_utf8());
            Err(vec![
                Mistake::new(
                    MistakeKind::NotUtf8,
                    span,
                    format!("the file is not UTF-8 text: byte {at} is not a part of any character"),
                    "only UTF-8 text is accepted",
                )
                .help("save the file as UTF-8"),
            ])
        }
    }
}
