//! What a time line waits for: a fact of the director's tables.

use super::Node;
use super::entry::{actions, fields};
use crate::Name;
use crate::duration::Human;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Which of a real server's connections are counted, by the columns of `ipvsadm -Ln`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Counted {
    /// `ActiveConn`: those in state ESTABLISHED (net/netfilter/ipvs/ip_vs_proto_tcp.c, `set_tcp_state`).
    Active,
    /// `InActConn`: all others that have an entry.
    Inactive,
    /// Both.
    #[default]
    Both,
}

impl Counted {
    /// Its name in scenarios.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Both => "both",
        }
    }

    /// How many are counted of these.
    #[must_use]
    pub fn of(self, active: u32, inactive: u32) -> u32 {
        match self {
            Self::Active => active,
            Self::Inactive => inactive,
            Self::Both => active.saturating_add(inactive),
        }
    }
}

fields! {
    $ until_fields;

    /// What is waited for: one of `no-connections-to`, `no-entry`, `in-table` and `not-in-table`.
    Until {
        /// No connection to this real server is left, as the director's table counts them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        optional "no-connections-to" no_connections_to: Option<Name> as Name;
        /// Which of them count, by the columns of `ipvsadm -Ln`: `active` (ActiveConn), `inactive`
        /// (InActConn) or `both`.
        #[serde(default)]
        default("both") "counted" counted: Counted;
        /// The director has no entry of the client's for the virtual service.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        flag "no-entry" no_entry: bool;
        /// This real server is in the director's table.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        optional "in-table" in_table: Option<Name> as Name;
        /// This real server is not in the director's table.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        optional "not-in-table" not_in_table: Option<Name> as Name;
        /// Whose table is looked at. Default: that of the director that has the VIP then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        optional "director" director: Option<Node> as Name;
        /// How long it is waited for. If it is not so by then, the step has failed, and the cell is
        /// undetermined.
        required "at-most" at_most: Duration;
        /// The time line goes on if it is not so by then, as an operator's does who waits for so long and no
        /// longer.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        flag "may-fail" may_fail: bool;
    }
}

actions! {
    $ watch_actions;

    /// A fact that is waited for.
    WatchAction {
        /// Nothing is done until something is so in the director's tables. They are looked at every 10 ms in
        /// the first second, later every hundredth of the time that has passed, and at least once a second.
        "wait-until" WaitUntil(Until) says {
            (until) => en("wait until {}, at most {}", until.in_english(), Human(until.at_most))
                zh("等待，直到{}，最多 {}", until.in_chinese(), Human(until.at_most));
        }
    }
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition<'a> {
    /// No connection to the real server is left.
    NoConnections(&'a Name, Counted),
    /// The director has no entry of the client's.
    NoEntry,
    /// The real server is in the table.
    InTable(&'a Name),
    /// The real server is not in the table.
    NotInTable(&'a Name),
}

impl Until {
    /// Everything that it says is waited for; `check` has seen to it that this is one thing.
    #[must_use]
    pub fn conditions(&self) -> Vec<Condition<'_>> {
        let counted = |server| Condition::NoConnections(server, self.counted);
        let connections = self.no_connections_to.as_ref().map(counted);
        let entry = self.no_entry.then_some(Condition::NoEntry);
        let present = self.in_table.as_ref().map(Condition::InTable);
        let absent = self.not_in_table.as_ref().map(Condition::NotInTable);
        [connections, entry, present, absent]
            .into_iter()
            .flatten()
            .collect()
    }

    /// The real server that it is about.
    #[must_use]
    pub fn server(&self) -> Option<&Name> {
        let servers = [&self.no_connections_to, &self.in_table, &self.not_in_table];
        servers.into_iter().find_map(Option::as_ref)
    }

    fn in_english(&self) -> String {
        let words = self.conditions().into_iter().map(|condition| match condition {
            Condition::NoConnections(server, Counted::Both) => format!("no connection to {server} is left"),
            Condition::NoConnections(server, counted) => {
                format!("no {} connection to {server} is left", counted.as_str())
            }
            Condition::NoEntry => "no entry of the client is left".to_owned(),
            Condition::InTable(server) => format!("{server} is in the table"),
            Condition::NotInTable(server) => format!("{server} is not in the table"),
        });
        let words = words.collect::<Vec<_>>().join(" and ");
        match &self.director {
            None => words,
            Some(director) => format!("{words}, by {director}'s table"),
        }
    }

    fn in_chinese(&self) -> String {
        let words = self.conditions().into_iter().map(|condition| match condition {
            Condition::NoConnections(server, Counted::Both) => format!("{server} 没有连接"),
            Condition::NoConnections(server, Counted::Active) => format!("{server} 没有活动连接"),
            Condition::NoConnections(server, Counted::Inactive) => format!("{server} 没有非活动连接"),
            Condition::NoEntry => "没有客户端的条目".to_owned(),
            Condition::InTable(server) => format!("{server} 在表中"),
            Condition::NotInTable(server) => format!("{server} 不在表中"),
        });
        let words = words.collect::<Vec<_>>().join("且");
        match &self.director {
            None => words,
            Some(director) => format!("{director} 上{words}"),
        }
    }
}

impl WatchAction {
    /// What it waits for.
    #[must_use]
    pub fn until(&self) -> &Until {
        let Self::WaitUntil(until) = self;
        until
    }

    /// The real server that it is about.
    #[must_use]
    pub fn server(&self) -> Option<&Name> {
        self.until().server()
    }
}
