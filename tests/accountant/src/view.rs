//! What was seen of a class of things.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One thing that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Item {
    /// What it is, in words; of a setting: its value.
    pub detail: String,
    /// Whose it is by the rules, if it is not ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anothers: Option<String>,
}

/// What was seen of a class.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct View {
    /// The things by what tells them apart.
    pub items: BTreeMap<String, Item>,
    /// Why it could not be looked at, or not all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blind: Vec<String>,
}

impl View {
    pub(crate) fn add(&mut self, key: impl Into<String>, detail: impl Into<String>) {
        self.add_of(key, detail, None);
    }

    pub(crate) fn add_of(
        &mut self,
        key: impl Into<String>,
        detail: impl Into<String>,
        anothers: Option<String>,
    ) {
        let detail = detail.into();
        self.items.insert(key.into(), Item { detail, anothers });
    }
}
