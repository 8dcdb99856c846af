//! What probes wrote down of their attempts.

use super::ClientErrorKind;
use crate::Name;
use crate::duration::Instant;
use serde::{Deserialize, Serialize};

/// A probe's attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ProbeRecord {
    /// The probe's name.
    pub probe: Name,
    /// Its attempts, in the order in which they began.
    pub attempts: Vec<Attempt>,
}

/// An attempt of a probe: it asked, and waited for the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Attempt {
    /// When it began.
    pub began: Instant,
    /// When it ended; `None` if it had not when the observation did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Instant>,
    /// The port of the connection that it asked on last; `None` if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// What it came to.
    pub end: AttemptEnd,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum AttemptEnd {
    /// An answer.
    Answered {
        /// The real server that gave it, by its own word; `None` if it says nothing of itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Name>,
    },
    /// An error.
    Failed(ClientErrorKind),
    /// No answer within the probe's time-out: it was given up.
    TimedOut,
    /// The observation ended before.
    Unfinished,
}
