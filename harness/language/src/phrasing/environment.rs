//! Where cells ran, for the reports that have it as a list.

use super::place;
use crate::catalogue::Language;
use lvs_matrix_model::record::Environment;

/// One line of the list.
pub struct Particular<'a> {
    /// What it is about, in the report's language.
    pub key: &'static str,
    /// What is said of it.
    pub value: Stated<'a>,
    /// The SHA-256 of the file, hexadecimal, where a file was named and hashed.
    pub hash: Option<&'a str>,
}

/// What is said of a particular. What programs printed of themselves is foreign text.
pub enum Stated<'a> {
    /// The version that a program printed.
    Printed(&'a str),
    /// The harness's own version.
    Harness(&'a str),
    /// Words of the report's own.
    Said(&'static str),
}

/// What there is to say of `environment`, in the order of reports.
pub fn particulars(words: Language, environment: &Environment) -> Vec<Particular<'_>> {
    let hashes = environment.hashes.as_ref();
    let line = |key, value, hash| Particular { key, value, hash };
    let mut all = vec![
        line(
            words.kernel_under_test(),
            Stated::Printed(&environment.kernel),
            hashes.and_then(|hashes| hashes.kernel.as_deref()),
        ),
        line(words.place(), Stated::Said(place(words, environment)), None),
        line(
            words.real_servers(),
            Stated::Printed(&environment.mysqld),
            hashes.and_then(|hashes| hashes.mysqld.as_deref()),
        ),
        line(words.director(), Stated::Printed(&environment.ipvsadm), None),
        line(
            words.harness(),
            Stated::Harness(&environment.harness),
            hashes.map(|hashes| hashes.harness.as_str()),
        ),
    ];
    // A run without a mysqld names none.
    all.retain(|line| !matches!(line.value, Stated::Printed("")));
    all
}
