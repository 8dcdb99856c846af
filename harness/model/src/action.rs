//! What a step can do. One action is one key in the YAML: `{ set-weight: { server: rs1, weight: 0 } }`, and
//! one entry in the module of its group. The entry has its key, its fields, what authors read of them, and
//! how it reads in reports; [`entry`] says in which form.

mod client;
mod clock;
mod entry;
mod host;
mod mysqld;
mod node;
mod request;
mod statement;
mod table;
mod traffic;
mod watch;

pub use client::{ClientAction, Closing, Opening};
pub(crate) use client::{client_actions, opening_fields};
pub use clock::ClockAction;
pub(crate) use clock::clock_actions;
pub(crate) use host::host_actions;
pub use host::{ControlStep, HostAction, Neighbours, SyncState};
pub(crate) use mysqld::mysqld_actions;
pub use mysqld::{MysqldAction, ServerDeed, StopSignal};
pub use node::{Node, PoweredHost};
pub(crate) use request::request_fields;
pub use request::{Answer, NotARequest, Orders, Reaction, Request};
pub(crate) use statement::statement_fields;
pub use statement::{PAYLOAD, Statement};
pub(crate) use table::table_actions;
pub use table::{Edit, ServiceEdit, TableAction};
pub(crate) use traffic::traffic_actions;
pub use traffic::{Chain, FirewallVerdict, Matches, NewConnections, Percent, TrafficAction};
pub use watch::{Condition, Counted, Until, WatchAction};
pub(crate) use watch::{until_fields, watch_actions};

use crate::Name;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// The groups of actions. Each is a variant of [`Action`] that holds an enum made of entries.
macro_rules! groups {
    ($($(#[doc = $doc:literal])+ $group:ident($actions:ident);)+) => {
        /// What a step does. Names of real servers were checked against the lab.
        ///
        /// In records an action is a map with its key as in the YAML, whatever group it is in:
        /// `{"set-weight": {"server": "rs1", …}}`.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(untagged)]
        pub enum Action {
            $($(#[doc = $doc])+ $group($actions),)+
        }

        impl Action {
            /// The action's key in the YAML.
            #[must_use]
            pub fn key(&self) -> &'static str {
                match self {
                    $(Self::$group(action) => action.key(),)+
                }
            }

            /// What it does, in Chinese. In English its `Display` says it.
            #[must_use]
            pub fn in_chinese(&self) -> String {
                match self {
                    $(Self::$group(action) => action.in_chinese(),)+
                }
            }
        }

        impl fmt::Display for Action {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$group(action) => action.fmt(f),)+
                }
            }
        }

        $(
            impl From<$actions> for Action {
                fn from(action: $actions) -> Self {
                    Self::$group(action)
                }
            }
        )+
    };
}

groups! {
    /// Nothing is done for a time, on the cell's clock.
    Wait(ClockAction);
    /// The client does something.
    Client(ClientAction);
    /// The operator edits a director's table.
    Table(Edit);
    /// The operator edits another virtual service than that of the classified operation.
    Other(ServiceEdit);
    /// Something happens to a mysqld, or to the server of another kind that is in its place.
    Mysqld(MysqldAction);
    /// Something happens to a host.
    Host(HostAction);
    /// Something happens to packets on their way.
    Traffic(TrafficAction);
    /// A fact is waited for.
    Watch(WatchAction);
}

impl From<TableAction> for Action {
    /// The edit of the first director's table.
    fn from(action: TableAction) -> Self {
        Edit::from(action).into()
    }
}

/// An action of a time line, with the gap before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    /// How long after the end of the step before it begins; `None` if nothing is said, which is no time.
    pub after: Option<Duration>,
    /// What is done then.
    pub action: Action,
}

impl<T: Into<Action>> From<T> for Timed {
    /// The action at once.
    fn from(action: T) -> Self {
        let (after, action) = (None, action.into());
        Self { after, action }
    }
}

impl Timed {
    /// How long it takes by the clock where all is well: its gap, and what the action itself takes.
    #[must_use]
    pub fn own_time(&self) -> Duration {
        let gap = self.after.unwrap_or_default();
        gap.saturating_add(self.action.own_time())
    }
}

impl Action {
    /// Nothing is done for so long.
    #[must_use]
    pub fn wait(time: Duration) -> Self {
        ClockAction::Wait(time).into()
    }

    /// The client opens its plain connection.
    #[must_use]
    pub fn connect() -> Self {
        ClientAction::Connect(Opening::default()).into()
    }

    /// The client sends a statement and waits for its result.
    #[must_use]
    pub fn query(statement: Statement) -> Self {
        ClientAction::Query(statement).into()
    }

    /// The client sends a statement.
    #[must_use]
    pub fn start_query(statement: Statement) -> Self {
        ClientAction::StartQuery(statement).into()
    }

    /// The client waits for the result of the statement that was started on its plain connection.
    #[must_use]
    pub fn await_result() -> Self {
        ClientAction::AwaitResult { on: None }.into()
    }

    /// What it is if the client does it (and not an operator, a server or the clock).
    #[must_use]
    pub fn of_client(&self) -> Option<&ClientAction> {
        match self {
            Self::Client(action) => Some(action),
            Self::Wait(_)
            | Self::Watch(_)
            | Self::Table(_)
            | Self::Other(_)
            | Self::Mysqld(_)
            | Self::Host(_)
            | Self::Traffic(_) => None,
        }
    }

    /// Does the client do it?
    #[must_use]
    pub fn is_of_client(&self) -> bool {
        self.of_client().is_some()
    }

    /// Is it one of those whose last one in `act` is classified?
    #[must_use]
    pub fn is_classified(&self) -> bool {
        self.of_client().is_some_and(ClientAction::is_classified)
    }

    /// The statement that it sends. That of a request is its line.
    #[must_use]
    pub fn statement(&self) -> Option<Cow<'_, Statement>> {
        self.of_client()?.statement()
    }

    /// How long it takes by the clock where all is well: a wait, what it waits at most for a fact, or a
    /// statement that a server needs its time for.
    #[must_use]
    pub fn own_time(&self) -> Duration {
        match self {
            Self::Wait(ClockAction::Wait(time)) => *time,
            Self::Watch(action) => action.until().at_most,
            Self::Client(action) => action.own_time(),
            Self::Table(_) | Self::Other(_) | Self::Mysqld(_) | Self::Host(_) | Self::Traffic(_) => {
                Duration::ZERO
            }
        }
    }

    /// The host that it is done to, if an operator or a fault does it to a host or to packets there.
    #[must_use]
    pub fn node(&self) -> Option<Node> {
        match self {
            Self::Host(action) => Some(action.node()),
            Self::Traffic(action) => Some(action.node().clone()),
            Self::Table(_)
            | Self::Other(_)
            | Self::Mysqld(_)
            | Self::Client(_)
            | Self::Wait(_)
            | Self::Watch(_) => None,
        }
    }

    /// The same, in a lab whose directors have these names.
    pub(crate) fn know(&mut self, directors: &[Name]) {
        match self {
            Self::Table(edit) => edit.on.know(directors),
            Self::Host(action) => action.know(directors),
            Self::Traffic(action) => action.node_mut().know(directors),
            Self::Watch(WatchAction::WaitUntil(until)) => {
                let named = until.director.as_mut();
                named.into_iter().for_each(|named| named.know(directors));
            }
            Self::Client(ClientAction::Connect(opening) | ClientAction::StartConnect(opening)) => {
                let named = opening.director.as_mut();
                named.into_iter().for_each(|named| named.know(directors));
            }
            Self::Client(_) | Self::Other(_) | Self::Mysqld(_) | Self::Wait(_) => {}
        }
    }

    /// The director that it names.
    #[must_use]
    pub fn names_director(&self) -> Option<&Node> {
        let named = match self {
            Self::Table(edit) => Some(&edit.on),
            Self::Host(action) => action.named(),
            Self::Traffic(action) => Some(action.node()),
            Self::Watch(action) => action.until().director.as_ref(),
            Self::Client(action) => action.opening().and_then(|opening| opening.director.as_ref()),
            Self::Other(_) | Self::Mysqld(_) | Self::Wait(_) => None,
        };
        named.filter(|node| node.is_director())
    }

    /// The edit of a director's table that it is, if it is one.
    #[must_use]
    pub fn edit(&self) -> Option<&Edit> {
        match self {
            Self::Table(edit) => Some(edit),
            Self::Other(_)
            | Self::Mysqld(_)
            | Self::Host(_)
            | Self::Traffic(_)
            | Self::Client(_)
            | Self::Wait(_)
            | Self::Watch(_) => None,
        }
    }

    /// The real server that it is about.
    #[must_use]
    pub fn server(&self) -> Option<&Name> {
        match self {
            Self::Table(edit) => edit.action.server(),
            Self::Other(other) => other.edit.server(),
            Self::Mysqld(action) => Some(action.server()),
            Self::Host(action) => action.server(),
            Self::Traffic(action) => action.server(),
            Self::Watch(action) => action.server(),
            Self::Client(_) | Self::Wait(_) => None,
        }
    }
}

impl Action {
    /// The real server that it adds to the table, and with which weight.
    #[must_use]
    pub fn adds(&self) -> Option<(&Name, u16)> {
        match self {
            Self::Table(Edit {
                action: TableAction::AddRealServer { server, weight },
                ..
            }) => Some((server, *weight)),
            Self::Table(_)
            | Self::Other(_)
            | Self::Mysqld(_)
            | Self::Client(_)
            | Self::Host(_)
            | Self::Traffic(_)
            | Self::Wait(_)
            | Self::Watch(_) => None,
        }
    }

    /// What it does to the process of the server on this real server.
    #[must_use]
    pub fn deed_on(&self, server: &Name) -> Option<ServerDeed> {
        match self {
            Self::Mysqld(action) => (action.server() == server).then(|| action.deed()),
            Self::Client(_)
            | Self::Table(_)
            | Self::Other(_)
            | Self::Host(_)
            | Self::Traffic(_)
            | Self::Wait(_)
            | Self::Watch(_) => None,
        }
    }
}
