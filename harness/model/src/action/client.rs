//! What the client does, on its plain connection or on one that has a name.

use super::Node;
use super::entry::{actions, fields};
use super::request::Request;
use super::statement::Statement;
use crate::Name;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::time::Duration;

fields! {
    $ opening_fields;

    /// How a connection is opened. The default is the client's plain connection, the one without a name.
    Opening {
        /// A name for the connection, by which later steps speak of it. A client may have many.
        #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
        optional "as" name: Option<Name> as Name;
        /// The real server that the connection is to be on, whatever the scheduler and the weights are: one
        /// that is in the director's table. For the time of the choice the harness edits the table so that
        /// the scheduler has no other, and puts it back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        optional "to" to: Option<Name> as Name;
        /// By whose table `to` is brought about. Default: that of the director that has the VIP then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        optional "director" director: Option<Node> as Name;
        /// The virtual service that it connects to, by its name in `services`. Without it, the lab's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        optional "service" service: Option<Name> as Name;
        /// Which of the client's addresses it comes from, of a lab with `clients`: 1 is the client's own,
        /// from which every other connection comes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        optional "from" from: Option<u8> as ClientNumber;
        /// The time line goes on if it fails; else an error of the client's is the end of the cell.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        flag "may-fail" may_fail: bool;
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

actions! {
    $ client_actions;

    /// Something that the client does.
    // The traits of serde are below: of the plain connection, `"connect"` and `"await-result"` are words, as
    // they were before connections had names.
    ClientAction(serde(remote = "Self"), schemars(transform = words_too)) {
        /// The client opens a connection to the virtual service: TCP handshake, greeting, login; to a server
        /// that is no mysqld the handshake alone. Over UDP it opens a socket, and sends nothing.
        "connect" Connect(Opening) says {
            (opening) => en("connect{}", opening.in_english()) zh("新建连接{}", opening.in_chinese());
        }

        /// The client begins to open a connection; the next step begins once its first SYN is out.
        "start-connect" StartConnect(Opening) says {
            (opening) => en("start connect{}", opening.in_english()) zh("开始新建连接{}", opening.in_chinese());
        }

        /// The client waits until the connection that `start-connect` began is open.
        "await-connect" AwaitConnect {
            /// The connection's name.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            optional "on" on: Option<Name> as Name;
        } says {
            { on } => en("await connect{}", on_english(on)) zh("等待连接建立{}", on_chinese(on));
        }

        /// The client gives up a connect that `start-connect` began, and closes its socket. Before TCP's
        /// handshake is over that tells nobody: the director keeps its entry, and a repetition is sent no
        /// more.
        "abort-connect" AbortConnect {
            /// The connection's name.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            optional "on" on: Option<Name> as Name;
        } says {
            { on } => en("abort connect{}", on_english(on)) zh("放弃连接{}", on_chinese(on));
        }

        /// The client opens a connection from each of its addresses (`clients`), one after the other, and
        /// waits until each is open or has failed. The one that fares worst is classified: one that is met
        /// with silence, else one that fails, else the first. All of them stay open.
        "connect-each" ConnectEach {
            /// How long after one has begun the next one begins.
            default("10ms") "every" every: Duration;
            /// The time line goes on if one fails; else an error of the client's is the end of the cell.
            #[serde(default, skip_serializing_if = "std::ops::Not::not")]
            flag "may-fail" may_fail: bool;
        } says {
            { .. } => en("connect from each address") zh("从每个地址各新建一个连接");
        }

        /// The client sends a statement and waits for its result.
        "query" Query(Statement) says {
            (Statement { sql, on, .. }) =>
                en("query `{sql}`{}", on_english(on)) zh("执行 sql `{sql}`{}", on_chinese(on));
        }

        /// The client sends a statement; the next step begins once it is on its way.
        "start-query" StartQuery(Statement) says {
            (Statement { sql, on, .. }) =>
                en("start query `{sql}`{}", on_english(on)) zh("开始执行 sql `{sql}`{}", on_chinese(on));
        }

        /// The client sends a line to an echo server and waits for its answer, which is the line again behind
        /// the server's name. Or it sends bytes to a program of your own; whatever comes back is the answer.
        "request" Request(Request) says {
            (request) => en("request `{}`{}", request.line(), on_english(&request.on))
                zh("发送请求 `{}`{}", request.line(), on_chinese(&request.on));
        }

        /// The client sends a request to an echo server or a program of your own; the next step begins once
        /// the request has reached a server, or cannot. Over UDP: once it has left.
        "start-request" StartRequest(Request) says {
            (request) => en("start request `{}`{}", request.line(), on_english(&request.on))
                zh("开始发送请求 `{}`{}", request.line(), on_chinese(&request.on));
        }

        /// The client waits for the result of the statement that `start-query` sent, or for the answer to
        /// what `start-request` sent.
        "await-result" AwaitResult {
            /// The connection's name.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            optional "on" on: Option<Name> as Name;
        } says {
            { on } => en("await result{}", on_english(on)) zh("等待结果返回{}", on_chinese(on));
        }

        /// The client closes a connection. It is not classified.
        "disconnect" Disconnect {
            /// The connection's name. Without it the plain one.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            optional "on" on: Option<Name> as Name;
            /// `quit`: in order, by `COM_QUIT` and a FIN. `reset`: by an RST, as the kernel does it for a
            /// process that dies with unread data.
            default("quit") "how" how: Closing;
        } says {
            { on, how: Closing::Quit } => en("disconnect{}", on_english(on)) zh("断开连接{}", on_chinese(on));
            { on, how: Closing::Reset } =>
                en("disconnect by RST{}", on_english(on)) zh("断开连接（RST）{}", on_chinese(on));
        }
    }
}

impl Opening {
    /// ` as one to rs1`: what is said of the connection behind the name of the action.
    fn in_english(&self) -> String {
        let name = self.name.as_ref().map(|name| format!(" as {name}"));
        let to = self.to.as_ref().map(|server| format!(" to {server}"));
        let service = self.service.as_ref().map(|name| format!(" to service {name}"));
        let from = self.from.map(|number| format!(" from address {number}"));
        let director = self.director.as_ref().map(|node| format!(" by {node}"));
        [name, service, to, director, from]
            .into_iter()
            .flatten()
            .collect()
    }

    /// The same in Chinese.
    fn in_chinese(&self) -> String {
        let to = self.to.as_ref().map(|server| format!("，指定 {server}"));
        let from = self.from.map(|number| format!("，从第 {number} 个地址"));
        let service = self.service.as_ref().map(|name| format!("，服务 {name}"));
        let director = self.director.as_ref().map(|node| format!("，经 {node}"));
        let [service, to, director, from] = [service, to, director, from].map(Option::unwrap_or_default);
        format!("{}{service}{to}{director}{from}", on_chinese(&self.name))
    }
}

/// ` on one`: on which connection; nothing if it is the plain one.
fn on_english(name: &Option<Name>) -> String {
    name.as_ref()
        .map_or_else(String::new, |name| format!(" on {name}"))
}

/// The same in Chinese.
fn on_chinese(name: &Option<Name>) -> String {
    name.as_ref()
        .map_or_else(String::new, |name| format!("（连接 {name}）"))
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
            | Self::ConnectEach { .. }
            | Self::Query(_)
            | Self::StartQuery(_)
            | Self::Request(_)
            | Self::StartRequest(_)
            | Self::AbortConnect { .. }
            | Self::Disconnect { .. } => None,
        }
    }

    /// The name of the connection that it is about; `None` is the plain one. Those of `connect-each` have
    /// none, and nothing else can be done with them.
    #[must_use]
    pub fn connection(&self) -> Option<&Name> {
        match self {
            Self::ConnectEach { .. } => None,
            Self::Connect(opening) | Self::StartConnect(opening) => opening.name.as_ref(),
            Self::Query(statement) | Self::StartQuery(statement) => statement.on.as_ref(),
            Self::Request(request) | Self::StartRequest(request) => request.on.as_ref(),
            Self::AwaitConnect { on }
            | Self::AbortConnect { on }
            | Self::AwaitResult { on }
            | Self::Disconnect { on, .. } => on.as_ref(),
        }
    }

    /// The real server that the connection is to be opened to, if the scenario says so.
    #[must_use]
    pub fn to(&self) -> Option<&Name> {
        self.opening()?.to.as_ref()
    }

    /// The virtual service that the connection is to be opened to, if it is not the plan's first.
    #[must_use]
    pub fn service(&self) -> Option<&Name> {
        self.opening()?.service.as_ref()
    }

    /// How it opens a connection, or begins to.
    #[must_use]
    pub fn opening(&self) -> Option<&Opening> {
        match self {
            Self::Connect(opening) | Self::StartConnect(opening) => Some(opening),
            Self::AwaitConnect { .. }
            | Self::AbortConnect { .. }
            | Self::ConnectEach { .. }
            | Self::Query(_)
            | Self::StartQuery(_)
            | Self::Request(_)
            | Self::StartRequest(_)
            | Self::AwaitResult { .. }
            | Self::Disconnect { .. } => None,
        }
    }

    /// The statement that it sends. That of a request is its line.
    #[must_use]
    pub fn statement(&self) -> Option<Cow<'_, Statement>> {
        match self {
            Self::Query(statement) | Self::StartQuery(statement) => Some(Cow::Borrowed(statement)),
            Self::Request(request) | Self::StartRequest(request) => Some(Cow::Owned(request.statement())),
            Self::Connect(_)
            | Self::StartConnect(_)
            | Self::AwaitConnect { .. }
            | Self::AbortConnect { .. }
            | Self::ConnectEach { .. }
            | Self::AwaitResult { .. }
            | Self::Disconnect { .. } => None,
        }
    }

    /// What it asks a server for, in a word: `connect`, `query` or `request`.
    #[must_use]
    pub fn asks(&self) -> &'static str {
        match self {
            Self::Connect(_)
            | Self::StartConnect(_)
            | Self::AwaitConnect { .. }
            | Self::AbortConnect { .. }
            | Self::ConnectEach { .. }
            | Self::Disconnect { .. } => "connect",
            Self::Query(_) | Self::StartQuery(_) | Self::AwaitResult { .. } => "query",
            Self::Request(_) | Self::StartRequest(_) => "request",
        }
    }

    /// Does it open a connection, or begin to?
    #[must_use]
    pub fn opens(&self) -> bool {
        match self {
            Self::Connect(_) | Self::StartConnect(_) | Self::ConnectEach { .. } => true,
            Self::AwaitConnect { .. }
            | Self::AbortConnect { .. }
            | Self::Query(_)
            | Self::StartQuery(_)
            | Self::Request(_)
            | Self::StartRequest(_)
            | Self::AwaitResult { .. }
            | Self::Disconnect { .. } => false,
        }
    }

    /// Does it open a connection from each of the client's addresses?
    #[must_use]
    pub fn is_each(&self) -> bool {
        matches!(self, Self::ConnectEach { .. })
    }

    /// Does it only begin an operation, which another step awaits?
    #[must_use]
    pub fn only_begins(&self) -> bool {
        match self {
            Self::StartConnect(_) | Self::StartQuery(_) | Self::StartRequest(_) => true,
            Self::Connect(_)
            | Self::AwaitConnect { .. }
            | Self::AbortConnect { .. }
            | Self::ConnectEach { .. }
            | Self::Query(_)
            | Self::Request(_)
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
            | Self::ConnectEach { .. }
            | Self::Query(_)
            | Self::StartQuery(_)
            | Self::Request(_)
            | Self::StartRequest(_)
            | Self::AbortConnect { .. }
            | Self::Disconnect { .. } => false,
        }
    }

    /// Is it one of those whose last one in `act` is classified? Closing a connection, and giving a connect
    /// up, have no outcome that a client would notice.
    #[must_use]
    pub fn is_classified(&self) -> bool {
        match self {
            Self::Connect(_)
            | Self::StartConnect(_)
            | Self::AwaitConnect { .. }
            | Self::ConnectEach { .. }
            | Self::Query(_)
            | Self::StartQuery(_)
            | Self::Request(_)
            | Self::StartRequest(_)
            | Self::AwaitResult { .. } => true,
            Self::AbortConnect { .. } | Self::Disconnect { .. } => false,
        }
    }

    /// Does the time line go on if what it begins fails?
    #[must_use]
    pub fn may_fail(&self) -> bool {
        match self {
            Self::Connect(opening) | Self::StartConnect(opening) => opening.may_fail,
            Self::Query(statement) | Self::StartQuery(statement) => statement.may_fail,
            Self::Request(request) | Self::StartRequest(request) => request.may_fail,
            Self::ConnectEach { may_fail, .. } => *may_fail,
            Self::AwaitConnect { .. }
            | Self::AbortConnect { .. }
            | Self::AwaitResult { .. }
            | Self::Disconnect { .. } => false,
        }
    }

    /// How long it takes by the clock where all is well: a statement that a server needs its time for.
    #[must_use]
    pub fn own_time(&self) -> Duration {
        self.statement()
            .map_or(Duration::ZERO, |statement| statement.takes)
    }
}
