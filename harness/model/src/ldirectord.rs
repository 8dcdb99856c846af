//! ldirectord(8) on the director: it fills the director's table, checks the real servers one after another,
//! and edits the table by what it finds, with ipvsadm(8). Here is what a lab says of it, in the words of its
//! configuration; the configuration itself is made in `plan::ldirectord`.

use crate::Name;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How ldirectord finds out whether a real server works (`checktype`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CheckType {
    /// It connects, and closes the connection at once (`check_connect`).
    #[default]
    Connect,
    /// It logs in to the mysqld and asks it a query (`check_sql`).
    Negotiate,
    /// A program asks the server something, and waits for the answer (`check_external`).
    External,
    /// It checks nothing.
    On,
}

impl CheckType {
    /// Its name in scenarios and in a configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Negotiate => "negotiate",
            Self::External => "external",
            Self::On => "on",
        }
    }
}

/// What is said by one of two words in a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Switch {
    /// It does so.
    Yes,
    /// It does not.
    No,
}

impl Switch {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
        }
    }
}

/// What a scenario says of ldirectord. What it does not say has ldirectord's own value, unless it is said
/// otherwise here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Ldirectord {
    /// How real servers are checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checktype: Option<CheckType>,
    /// How long it sleeps after a round of checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkinterval: Option<Duration>,
    /// How long a check may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checktimeout: Option<Duration>,
    /// How many checks in a row fail before a real server counts as failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failurecount: Option<u8>,
    /// Does a server that has failed stay in the table, with weight 0?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiescent: Option<Switch>,
    /// The real server to which clients go when all others have failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Name>,
    /// Has each virtual service a process of its own that checks its real servers?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork: Option<Switch>,
    /// Does it take the service out of the table when it is told to end?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleanstop: Option<Switch>,
    /// Does it read a configuration that has changed without being told to?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoreload: Option<Switch>,
}

impl Ldirectord {
    /// The same with what `later` says; its word counts.
    #[must_use]
    pub fn with(&self, later: &Self) -> Self {
        Self {
            checktype: later.checktype.or(self.checktype),
            checkinterval: later.checkinterval.or(self.checkinterval),
            checktimeout: later.checktimeout.or(self.checktimeout),
            failurecount: later.failurecount.or(self.failurecount),
            quiescent: later.quiescent.or(self.quiescent),
            fallback: later.fallback.clone().or_else(|| self.fallback.clone()),
            fork: later.fork.or(self.fork),
            cleanstop: later.cleanstop.or(self.cleanstop),
            autoreload: later.autoreload.or(self.autoreload),
        }
    }

    /// How real servers are checked.
    #[must_use]
    pub fn checktype(&self) -> CheckType {
        self.checktype.unwrap_or_default()
    }

    /// How long it sleeps after a round of checks.
    #[must_use]
    pub fn checkinterval(&self) -> Duration {
        self.checkinterval.unwrap_or(CHECKINTERVAL)
    }

    /// How long a check may take. A check of type `negotiate` asks by DBI, which sets no time limit.
    #[must_use]
    pub fn checktimeout(&self) -> Duration {
        self.checktimeout.unwrap_or(CHECKTIMEOUT)
    }

    /// How many checks in a row fail before a real server counts as failed.
    #[must_use]
    pub fn failurecount(&self) -> u8 {
        self.failurecount.unwrap_or(FAILURECOUNT)
    }

    /// Does a server that has failed stay in the table, with weight 0?
    #[must_use]
    pub fn is_quiescent(&self) -> bool {
        self.quiescent == Some(Switch::Yes)
    }

    /// Has the virtual service a process of its own?
    #[must_use]
    pub fn forks(&self) -> bool {
        self.fork == Some(Switch::Yes)
    }

    /// Does it read a configuration that has changed by itself?
    #[must_use]
    pub fn reloads_by_itself(&self) -> bool {
        self.autoreload == Some(Switch::Yes)
    }
}

/// ldirectord(8): 10 s (`set_defaults`).
const CHECKINTERVAL: Duration = Duration::from_secs(10);
/// ldirectord(8): 5 s (`set_defaults`).
const CHECKTIMEOUT: Duration = Duration::from_secs(5);
/// ldirectord(8): the first one (`set_defaults`).
const FAILURECOUNT: u8 = 1;
