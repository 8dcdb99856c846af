//! The part of a scenario that says what is searched: the actions of which sequences are made, and what must
//! never happen. Who searches is elsewhere; here it is only said.

use crate::action::Timed;
use std::time::Duration;

/// The most steps of a sequence, if nothing is said.
pub(super) const DEFAULT_LENGTH: u8 = 5;
/// The longest sequence that may be asked for. With each step more there are as many sequences more as there
/// are actions.
pub(super) const MAX_LENGTH: u8 = 12;

/// What is searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explore {
    /// The most steps of a sequence.
    pub length: u8,
    /// The actions, at least one: for each item of the file its alternatives, at least one, the first of
    /// which is the simplest.
    pub actions: Vec<Vec<Timed>>,
    /// What must never happen.
    pub never: Never,
}

/// What must never happen, whatever is done. At least one of them is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Never {
    /// The client waits for longer than patience.
    pub hung: bool,
    /// The client gets an error although a healthy server is in the director's table.
    pub error: Option<ErrorsOf>,
    /// A server that is drained (weight 0, or not in the table) gets a new connection.
    pub drained_server_chosen: bool,
    /// A server still has a session when the observation ends, so long after the client has lost it.
    pub session_outlives_client: Option<Duration>,
    /// A probe has an outage that lasts for longer than this.
    pub probe_outage: Option<Duration>,
}

/// Whose errors count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorsOf {
    /// Those of a client that connects.
    Connect,
    /// Those of any operation: of one on a connection whose own server failed, too.
    Any,
}

impl ErrorsOf {
    /// Its name in scenarios.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Any => "any",
        }
    }
}
