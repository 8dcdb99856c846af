//! In what an observation differs from what was expected: data, so that a report can word it in any language,
//! and the English words.

use crate::Name;
use crate::action::Node;
use crate::duration::Human;
use crate::scenario::{BehaviourName, HangEndName, Range};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A difference. Its [`fmt::Display`] is `expected …, observed …`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Difference {
    /// Another behaviour.
    Behaviour {
        /// What was expected.
        expected: BehaviourName,
        /// What was observed; `None` if that is not known.
        observed: Option<BehaviourName>,
    },
    /// Another code of the client or the server.
    Error {
        /// What was expected.
        expected: u16,
        /// What was observed, if there was one.
        observed: Option<u16>,
    },
    /// Another errno.
    Errno {
        /// What was expected.
        expected: u16,
        /// What was observed, if there was one.
        observed: Option<u16>,
    },
    /// A hang that ended in another way.
    Ends {
        /// What was expected.
        expected: HangEndName,
        /// What was observed; `None` if nothing hung.
        observed: Option<HangEndName>,
    },
    /// The operation was over too soon.
    AtLeast {
        /// How long it was to last at least.
        expected: Duration,
        /// How long it lasted.
        observed: Duration,
    },
    /// The operation lasted too long.
    AtMost {
        /// How long it was to last at most.
        expected: Duration,
        /// How long it lasted.
        observed: Duration,
    },
    /// The connection was on another real server.
    ServedBy {
        /// The real servers that it was expected on, at least one.
        expected: Vec<Name>,
        /// Where it was; `None` if no packet shows a server.
        observed: Option<Node>,
    },
    /// A probe had another outage, or lost more attempts.
    Outage {
        /// The probe.
        probe: Name,
        /// What was expected of it.
        expected: Bound,
        /// How long its longest outage lasted; zero if it had none.
        longest: Duration,
        /// How many attempts got no answer.
        lost: u32,
    },
    /// Another number of clients.
    Clients {
        /// Of those that did what.
        counted: Counted,
        /// How many were expected.
        expected: Range,
        /// How many there were; `None` if nobody connected from each address.
        observed: Option<usize>,
    },
}

/// What was expected of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// The longest outage lasts at least so long.
    AtLeast(Duration),
    /// It lasts at most so long.
    AtMost(Duration),
    /// At most so many attempts get no answer.
    Lost(u32),
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(time) => write!(f, "an outage of at least {}", Human(*time)),
            Self::AtMost(time) => write!(f, "no outage longer than {}", Human(*time)),
            Self::Lost(0) => f.write_str("an answer to every attempt"),
            Self::Lost(count) => write!(f, "at most {count} lost attempts"),
        }
    }
}

/// Which of the clients of many addresses are counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counted {
    /// Those that moved though their server stayed.
    Moved,
    /// Those that got an error.
    Failed,
    /// Those that this real server served.
    Served(Name),
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved => f.write_str("clients moved"),
            Self::Failed => f.write_str("clients failed"),
            Self::Served(server) => write!(f, "clients on {server}"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Behaviour { expected, observed } => {
                let found = observed.map_or("undetermined", BehaviourName::as_str);
                write!(f, "expected {}, observed {found}", expected.as_str())
            }
            Self::Error { expected, observed } => {
                write!(f, "expected error {expected}, observed {}", or_none(*observed))
            }
            Self::Errno { expected, observed } => {
                write!(f, "expected errno {expected}, observed {}", or_none(*observed))
            }
            Self::Ends { expected, observed } => write!(
                f,
                "expected the hang to end with {}, observed {}",
                end_words(*expected),
                observed.map_or("no hang", end_words)
            ),
            Self::AtLeast { expected, observed } => write!(
                f,
                "expected the operation to last at least {}, observed {}",
                Human(*expected),
                Human(*observed)
            ),
            Self::AtMost { expected, observed } => write!(
                f,
                "expected the operation to last at most {}, observed {}",
                Human(*expected),
                Human(*observed)
            ),
            Self::ServedBy { expected, observed } => {
                let expected = expected.iter().map(Name::as_str).collect::<Vec<_>>().join(" or ");
                write!(f, "expected {expected} to serve the connection, observed ")?;
                match observed {
                    Some(server) => server.fmt(f),
                    None => f.write_str("no server that served it"),
                }
            }
            Self::Outage {
                probe,
                expected,
                longest,
                lost,
            } => write!(
                f,
                "expected of the probe {probe} {expected}, observed attempts lost: {lost}, the longest \
                 outage {}",
                Human(*longest)
            ),
            Self::Clients {
                counted,
                expected,
                observed,
            } => {
                let observed =
                    observed.map_or_else(|| "nobody counted".to_owned(), |count| count.to_string());
                write!(f, "expected {counted}: {expected}, observed {observed}")
            }
        }
    }
}

fn or_none(found: Option<u16>) -> String {
    found.map_or_else(|| "none".to_owned(), |found| found.to_string())
}

fn end_words(end: HangEndName) -> &'static str {
    match end {
        HangEndName::Answer => "an answer",
        HangEndName::Error => "an error",
        HangEndName::None => "no end within the observation",
    }
}
