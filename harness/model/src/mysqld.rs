//! How every real server's mysqld is set up, beside what all scenarios have in common.

use serde::{Deserialize, Serialize};

/// The set-up of every mysqld of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct MysqldSetup {
    /// Does MariaDB run with InnoDB, so that there are transactions? (MySQL always does.)
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub innodb: bool,
    /// Does it look for the names of its clients (it runs without `--skip-name-resolve`)?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub name_resolve: bool,
    /// Statements that each server executes by itself, as its `root` and in this order, before the lab is
    /// ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sql: Vec<String>,
}

impl MysqldSetup {
    /// The set-up with what `other` adds to it.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        Self {
            innodb: self.innodb || other.innodb,
            name_resolve: self.name_resolve || other.name_resolve,
            sql: self.sql.iter().chain(&other.sql).cloned().collect(),
        }
    }

    /// Is it what every scenario has that does not speak of it?
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
