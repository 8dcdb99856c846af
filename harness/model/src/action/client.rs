//! What the client does, on its plain connection or on one that has a name.

use crate::Name;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// How a connection is opened. The default is the client's plain connection, the one without a name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Opening {
    /// The name by which later steps speak of the connection.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// The real server that the director is to choose for it, whatever its scheduler and the weights are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Name>,
    /// Does the time line go on if it fails?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_fail: bool,
}

/// An SQL statement of the client.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Statement {
    /// The SQL text, sent as one `COM_QUERY`.
    pub sql: String,
    /// How long a healthy server needs for it (`select sleep(20)`: 20 s). Patience begins after that, counted
    /// from the moment at which the statement was sent: a client that waits for a slow answer is not yet
    /// hung.
    pub takes: Duration,
    /// The name of the connection that it is sent on; `None` is the plain one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Name>,
    /// Does the time line go on if it fails?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_fail: bool,
    /// So many bytes take the place of [`PAYLOAD`] in the text when it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<u32>,
    /// After so many rows of its result the client stops reading, until the result is awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_after: Option<u32>,
}

/// What a statement's payload takes the place of.
pub const PAYLOAD: &str = "{payload}";

impl Statement {
    /// The text as it is sent.
    #[must_use]
    pub fn text(&self) -> String {
        match self.payload {
            None => self.sql.clone(),
            Some(bytes) => {
                let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
                self.sql.replacen(PAYLOAD, &"x".repeat(bytes), 1)
            }
        }
    }

    /// The beginning of the text: all of it, or what stands before its payload.
    #[must_use]
    pub fn beginning(&self) -> &str {
        let before = self.sql.split_once(PAYLOAD).filter(|_| self.payload.is_some());
        before.map_or(self.sql.as_str(), |(before, _)| before)
    }
}

/// How a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Closing {
    /// In order: `COM_QUIT`, then a FIN.
    #[default]
    Quit,
    /// By an RST: connect(2) with `AF_UNSPEC` (net/ipv4/tcp.c, `tcp_disconnect`).
    Reset,
}

impl Closing {
    /// Its name in scenarios.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quit => "quit",
            Self::Reset => "reset",
        }
    }
}

/// Something that the client does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
// The traits themselves are below: of the plain connection, `"connect"` and `"await-result"` are words, as
// they were before connections had names.
#[serde(remote = "Self", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
#[schemars(transform = words_too)]
pub enum ClientAction {
    /// It opens a connection to the VIP: TCP handshake, greeting, login.
    Connect(Opening),
    /// It begins to; the time line goes on once the first SYN is out.
    StartConnect(Opening),
    /// It waits until the connection that was started is open.
    AwaitConnect {
        /// The connection's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on: Option<Name>,
    },
    /// It sends a statement and waits for its result.
    Query(Statement),
    /// It sends a statement; the time line goes on once the statement is out and its first segment
    /// acknowledged or sent again.
    StartQuery(Statement),
    /// It waits for the result of the statement that was started.
    AwaitResult {
        /// The connection's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on: Option<Name>,
    },
    /// It closes a connection.
    Disconnect {
        /// The connection's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on: Option<Name>,
        /// How.
        how: Closing,
    },
}

/// What is written as a word.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Connect,
    AwaitResult,
}

fn words_too(schema: &mut schemars::Schema) {
    if let Some(serde_json::Value::Array(variants)) = schema.get_mut("oneOf") {
        variants.push(serde_json::json!({
            "description": "Of the client's plain connection.",
            "type": "string",
            "enum": ["connect", "await-result"],
        }));
    }
}

impl Serialize for ClientAction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.word() {
            Some(word) => word.serialize(serializer),
            None => Self::serialize(self, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ClientAction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Word(Word),
            Map(#[serde(deserialize_with = "ClientAction::deserialize")] ClientAction),
        }
        Ok(match <Written as Deserialize>::deserialize(deserializer)? {
            Written::Word(Word::Connect) => Self::Connect(Opening::default()),
            Written::Word(Word::AwaitResult) => Self::AwaitResult { on: None },
            Written::Map(action) => action,
        })
    }
}

impl ClientAction {
    fn word(&self) -> Option<Word> {
        match self {
            Self::Connect(opening) => (*opening == Opening::default()).then_some(Word::Connect),
            Self::AwaitResult { on } => on.is_none().then_some(Word::AwaitResult),
            Self::StartConnect(_)
            | Self::AwaitConnect { .. }
            | Self::Query(_)
            | Self::StartQuery(_)
            | Self::Disconnect { .. } => None,
        }
    }

    /// The action's key in the YAML.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::StartConnect(_) => "start-connect",
            Self::AwaitConnect { .. } => "await-connect",
            Self::Query(_) => "query",
            Self::StartQuery(_) => "start-query",
            Self::AwaitResult { .. } => "await-result",
            Self::Disconnect { .. } => "disconnect",
        }
    }

    /// The name of the connection that it is about; `None` is the plain one.
    #[must_use]
    pub fn connection(&self) -> Option<&Name> {
        match self {
            Self::Connect(opening) | Self::StartConnect(opening) => opening.name.as_ref(),
            Self::Query(statement) | Self::StartQuery(statement) => statement.on.as_ref(),
            Self::AwaitConnect { on } | Self::AwaitResult { on } | Self::Disconnect { on, .. } => on.as_ref(),
        }
    }

    /// The real server that the connection is to be opened to, if the scenario says so.
    #[must_use]
    pub fn to(&self) -> Option<&Name> {
        match self {
            Self::Connect(opening) | Self::StartConnect(opening) => opening.to.as_ref(),
            Self::AwaitConnect { .. }
            | Self::Query(_)
            | Self::StartQuery(_)
            | Self::AwaitResult { .. }
            | Self::Disconnect { .. } => None,
        }
    }

    /// The statement that it sends.
    #[must_use]
    pub fn statement(&self) -> Option<&Statement> {
        match self {
            Self::Query(statement) | Self::StartQuery(statement) => Some(statement),
            Self::Connect(_)
            | Self::StartConnect(_)
            | Self::AwaitConnect { .. }
            | Self::AwaitResult { .. }
            | Self::Disconnect { .. } => None,
        }
    }

    /// Does it open a connection, or begin to?
    #[must_use]
    pub fn opens(&self) -> bool {
        match self {
            Self::Connect(_) | Self::StartConnect(_) => true,
            Self::AwaitConnect { .. }
            | Self::Query(_)
            | Self::StartQuery(_)
            | Self::AwaitResult { .. }
            | Self::Disconnect { .. } => false,
        }
    }

    /// Does it only begin an operation, which another step awaits?
    #[must_use]
    pub fn only_begins(&self) -> bool {
        match self {
            Self::StartConnect(_) | Self::StartQuery(_) => true,
            Self::Connect(_)
            | Self::AwaitConnect { .. }
            | Self::Query(_)
            | Self::AwaitResult { .. }
            | Self::Disconnect { .. } => false,
        }
    }

    /// Does it only await an operation that another step began?
    #[must_use]
    pub fn only_awaits(&self) -> bool {
        match self {
            Self::AwaitConnect { .. } | Self::AwaitResult { .. } => true,
            Self::Connect(_)
            | Self::StartConnect(_)
            | Self::Query(_)
            | Self::StartQuery(_)
            | Self::Disconnect { .. } => false,
        }
    }

    /// Is it one of those whose last one in `act` is classified? Closing a connection has no outcome that a
    /// client would notice.
    #[must_use]
    pub fn is_classified(&self) -> bool {
        match self {
            Self::Connect(_)
            | Self::StartConnect(_)
            | Self::AwaitConnect { .. }
            | Self::Query(_)
            | Self::StartQuery(_)
            | Self::AwaitResult { .. } => true,
            Self::Disconnect { .. } => false,
        }
    }

    /// Does the time line go on if what it begins fails?
    #[must_use]
    pub fn may_fail(&self) -> bool {
        match self {
            Self::Connect(opening) | Self::StartConnect(opening) => opening.may_fail,
            Self::Query(statement) | Self::StartQuery(statement) => statement.may_fail,
            Self::AwaitConnect { .. } | Self::AwaitResult { .. } | Self::Disconnect { .. } => false,
        }
    }

    /// How long it takes by the clock where all is well: a statement that a server needs its time for.
    #[must_use]
    pub fn own_time(&self) -> Duration {
        self.statement()
            .map_or(Duration::ZERO, |statement| statement.takes)
    }
}

impl fmt::Display for ClientAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(_) => f.write_str("connect")?,
            Self::StartConnect(_) => f.write_str("start connect")?,
            Self::AwaitConnect { .. } => f.write_str("await connect")?,
            Self::Query(statement) => write!(f, "query `{}`", statement.sql)?,
            Self::StartQuery(statement) => write!(f, "start query `{}`", statement.sql)?,
            Self::AwaitResult { .. } => f.write_str("await result")?,
            Self::Disconnect {
                how: Closing::Quit, ..
            } => f.write_str("disconnect")?,
            Self::Disconnect {
                how: Closing::Reset, ..
            } => f.write_str("disconnect by RST")?,
        }
        match self.connection() {
            None => {}
            Some(name) if self.opens() => write!(f, " as {name}")?,
            Some(name) => write!(f, " on {name}")?,
        }
        self.to().map_or(Ok(()), |server| write!(f, " to {server}"))
    }
}
