//! The scenarios that came with the program, and the schema of scenarios: they are in the binary, so that it
//! needs no checkout.

use lvs_matrix_model::scenario::closest;
use std::path::Path;

/// Name and text of each, in the order of their names.
static ALL: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// The JSON schema of scenario files.
pub(crate) const SCHEMA: &str = include_str!("../../../scenarios/scenario.schema.json");

/// A scenario that came with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shipped {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

impl Shipped {
    /// As messages name its file.
    pub(crate) fn file(self) -> String {
        format!("scenarios/{}.yaml (shipped)", self.name)
    }
}

/// All of them, by name.
pub(crate) fn all() -> impl Iterator<Item = Shipped> {
    ALL.iter().map(|(name, text)| Shipped { name, text })
}

/// The one of this name; so files of a scenario are named, too (`drain`, `drain.yaml`).
pub(crate) fn named(name: &str) -> Option<Shipped> {
    let name = name.strip_suffix(".yaml").unwrap_or(name);
    all().find(|shipped| shipped.name == name)
}

/// The one that is run where none is named.
pub(crate) const DEFAULT: Shipped = Shipped {
    name: "config-change",
    text: include_str!("../../../scenarios/config-change.yaml"),
};

/// The shipped scenario that is meant by what was typed in the place of a file, if there is no such file.
pub(crate) fn meant(file: &Path) -> Option<Shipped> {
    named(file.to_str()?).filter(|_| !file.exists())
}

/// What to say of a file that is not there: the shipped scenario that may have been meant.
pub(crate) fn hint(file: &Path) -> String {
    let name = file
        .file_stem()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let near = named(name)
        .map(|shipped| shipped.name)
        .or_else(|| closest(name, all().map(|shipped| shipped.name)));
    match near {
        Some(name) => format!("; a shipped scenario is named `{name}`"),
        None => "; `lvs-matrix new` lists the shipped scenarios, which need no file".to_owned(),
    }
}
