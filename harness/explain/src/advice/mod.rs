//! What avoids it: each piece of advice as data, with its words ([`words`]), where it is given ([`helps`]),
//! and the change of the cell's scenario by which it is tried ([`trial`]).
//!
//! A rule names what may help ([`Advice`]). What is in force already in the cell, or cannot help there, is
//! left out when the explanation is put together. `tests/advice.rs` of the whole program tries what is left:
//! it makes the changed scenario, runs it, and holds what its client lived through against the cell by
//! [`fares_better`].

mod helps;
mod phrasing;
mod timeline;
mod trial;

pub(super) use helps::about_firewalls;

use super::cell_view::CellView;
use super::fitting::fitting;
use lvs_matrix_language::Language;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Chain, Node};
use lvs_matrix_model::client::Keepalive;
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::scenario::{self, Misbuild};
use lvs_matrix_model::verdict::{Behaviour, HangEnd, Observed};
use std::time::Duration;

/// A piece of advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Advice {
    /// The director: entries go with their server.
    ExpireNodestConn,
    /// The director: a SYN takes the place of an entry in FIN_WAIT, too.
    ConnReuseMode,
    /// The operator: weight 0 first, and the deletion or the stop only when no connection is left.
    Drain(Name),
    /// The operator: mysqld is stopped before its table entry is deleted.
    StopMysqldFirst(Name),
    /// The client: `TCP_USER_TIMEOUT`.
    UserTimeout,
    /// The client: a lower `net.ipv4.tcp_retries2`.
    FewerRetries,
    /// The client: a read time-out of its program.
    ReadTimeout,
    /// The client: a connect time-out of its program.
    ConnectTimeout,
    /// The client: a lower `net.ipv4.tcp_syn_retries`.
    FewerSynRetries,
    /// The client: TCP keepalive that finds a silent host soon.
    Keepalive,
    /// The director: entries live for longer than this, the time for which the client was idle.
    EntryTimeout(Duration),
    /// The client: TCP keepalive that restarts the entry's timer, which ends after so long.
    ProbesBelowEntry(Duration),
    /// The real servers: a `wait_timeout` above the client's idle time.
    WaitTimeout {
        /// Which real server ended the session.
        server: Name,
        /// How long the client was idle.
        idle: Duration,
    },
    /// The application: a new connection.
    Reconnect,
    /// The operator: another server that takes new connections. The one that is named is in the table,
    /// answers nobody, and has to leave the table, too.
    KeepAServer(Option<Name>),
    /// The operator: a server leaves the table before its mysqld is stopped.
    OutOfTheTable(Name),
    /// The firewall's rule answers with an RST.
    ResetInstead {
        /// Whose firewall.
        node: Node,
        /// In which chain.
        chain: Chain,
    },
    /// This host's firewall rule meets what the client sends, not what is sent to it, and answers with an
    /// RST.
    ResetTheOtherWay(Node),
    /// A health check takes a silent host out of the table, and its entries go.
    HealthCheck(Name),
    /// A health check that asks mysqld something.
    AskingHealthCheck(Name),
    /// The operator: mysqld is restarted before its server is added again.
    EndLostSessions(Name),
    /// The real servers: TCP keepalive that finds a lost client soon.
    ServerKeepalive,
    /// The client's firewall lets ICMP pass.
    LetIcmpPass,
    /// The client: `net.ipv4.tcp_mtu_probing`.
    MtuProbing,
    /// The director of a tunnel asks for no size of an IPv4 packet, and sends it in fragments.
    NoPmtuDisc,
    /// This server's firewall lowers the MSS in its SYN-ACKs.
    ClampMss {
        /// Which server.
        server: Name,
        /// The largest segment that fits into the tunnel, in bytes of payload.
        size: u16,
    },
    /// The real servers' cards get this MTU, the largest that fits into the tunnel.
    ServerMtu(u16),
    /// The operator: the lab's own forwarding method.
    SameForwarding(Name),
    /// The director: entries are not dropped as a defence.
    NoDropEntry,
    /// The operator: whoever moves the VIP says so by gratuitous ARP.
    Announce,
    /// The directors: keepalived lets what is for the VIP in.
    Accept,
    /// The directors: the one that has the VIP tells the other one of its connections.
    Sync,
    /// The director that has the VIP: it tells of a connection again as long as that is used.
    SyncRefresh,
    /// The directors: one that comes back leaves the VIP to the one that knows the connections.
    NoPreempt {
        /// Which it does if it was told of them.
        sync: bool,
    },
    /// The operator: a host as it should be built.
    BuildRight(Node, Misbuild),
}

/// A piece of advice in an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advised {
    /// The name of its kind (`drain`), the same in every version.
    pub kind: &'static str,
    /// One or more sentences.
    pub text: String,
    /// How to try it.
    pub trial: Trial,
}

/// How a piece of advice is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trial {
    /// By a scenario of one cell: the cell that was explained, with what the advice changes.
    Scenario {
        /// Its file's text.
        file: String,
        /// Only what is new in it, each key with its whole new value.
        change: String,
    },
    /// Not by lvs-matrix.
    Not {
        /// Why, as a clause.
        reason: String,
    },
}

impl Advice {
    /// The name of its kind.
    fn kind(&self) -> &'static str {
        match self {
            Self::ExpireNodestConn => "expire-nodest-conn",
            Self::ConnReuseMode => "conn-reuse-mode",
            Self::Drain { .. } => "drain",
            Self::StopMysqldFirst { .. } => "stop-mysqld-first",
            Self::UserTimeout => "tcp-user-timeout",
            Self::FewerRetries => "tcp-retries2",
            Self::ReadTimeout => "read-timeout",
            Self::ConnectTimeout => "connect-timeout",
            Self::FewerSynRetries => "tcp-syn-retries",
            Self::Keepalive => "keepalive",
            Self::EntryTimeout { .. } => "entry-timeout",
            Self::ProbesBelowEntry { .. } => "keepalive-below-entry",
            Self::WaitTimeout { .. } => "wait-timeout",
            Self::Reconnect => "reconnect",
            Self::KeepAServer { .. } => "keep-a-server",
            Self::OutOfTheTable { .. } => "out-of-the-table",
            Self::ResetInstead { .. } => "reset-instead",
            Self::ResetTheOtherWay { .. } => "reset-the-other-way",
            Self::HealthCheck { .. } => "health-check",
            Self::AskingHealthCheck { .. } => "asking-health-check",
            Self::EndLostSessions { .. } => "end-lost-sessions",
            Self::ServerKeepalive => "server-keepalive",
            Self::LetIcmpPass => "let-icmp-pass",
            Self::MtuProbing => "mtu-probing",
            Self::NoPmtuDisc => "pmtu-disc",
            Self::ClampMss { .. } => "clamp-mss",
            Self::ServerMtu { .. } => "server-mtu",
            Self::SameForwarding { .. } => "same-forwarding",
            Self::NoDropEntry => "drop-entry",
            Self::Announce => "gratuitous-arp",
            Self::Accept => "accept",
            Self::Sync => "sync",
            Self::SyncRefresh => "sync-refresh-period",
            Self::NoPreempt { .. } => "nopreempt",
            Self::BuildRight(_, how) => match how {
                Misbuild::AnswersArp => "quiet-about-the-vip",
                Misbuild::NoVip => "add-the-vip",
                Misbuild::WrongGateway => "director-as-gateway",
                Misbuild::NoForwarding => "ip-forward",
                Misbuild::WrongTunnelPort => "same-tunnel-port",
            },
        }
    }

    /// The advice with its words and its trial, if it helps in this cell.
    pub(super) fn advised(&self, view: &CellView<'_>, words: Language) -> Option<Advised> {
        if !self.helps(view) {
            return None;
        }
        let trial = self.trial(view, words);
        // Steps of the cell may stand in its way: a host that is off, a server that stands by. What `check`
        // refuses cannot be done, and what changes nothing is no advice.
        if let Trial::Scenario { file, change } = &trial
            && (change.is_empty() || scenario::load(file).is_err())
        {
            return None;
        }
        Some(Advised {
            kind: self.kind(),
            text: fitting(view.plan, self.text(view).into_words(words)),
            trial,
        })
    }
}

/// What may end a wait at the client, whatever it waits for.
pub(super) fn patience() -> Vec<Advice> {
    and_patience([])
}

/// These, and then what may end a wait at the client.
pub(super) fn and_patience(first: impl IntoIterator<Item = Advice>) -> Vec<Advice> {
    let patience = [
        Advice::UserTimeout,
        Advice::FewerRetries,
        Advice::ConnectTimeout,
        Advice::FewerSynRetries,
        Advice::Keepalive,
        Advice::ReadTimeout,
    ];
    first.into_iter().chain(patience).collect()
}

/// In which chain a host's firewall meets what the server sends, and in which what the client sends.
fn the_other_way(node: &Node) -> (Chain, Chain) {
    match node {
        Node::Client => (Chain::Input, Chain::Output),
        Node::Director(_) | Node::Probe | Node::Router | Node::RealServer(_) => (Chain::Output, Chain::Input),
    }
}

/// What a client's limits are advised to be in a cell.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Within the scenario's patience, and not below a second: whatever ends then is no hang.
    soon: Duration,
    /// The same in whole seconds.
    soon_in_seconds: Duration,
}

impl Limits {
    fn of(plan: &LabPlan) -> Self {
        let half = plan.observe.patience / 2;
        let soon = Duration::from_millis(u64::try_from(half.as_millis()).unwrap_or(u64::MAX));
        let second = Duration::from_secs(1);
        Self {
            soon: soon.max(second),
            soon_in_seconds: Duration::from_secs(half.as_secs()).max(second),
        }
    }
}

/// `net.ipv4.vs.sync_threshold` as it is advised: with a period of 0 packets only `sync_refresh_period`
/// counts.
const SYNC_THRESHOLD: &str = "3 0";
/// `net.ipv4.vs.sync_refresh_period` as it is advised, in seconds.
const SYNC_REFRESH: u32 = 60;
/// `net.ipv4.tcp_retries2` as it is advised: TCP gives up after 13 to 26 s.
const RETRIES: u32 = 5;
/// `net.ipv4.tcp_syn_retries` as it is advised: with the kernel's own `tcp_syn_linear_timeouts` a connect
/// ends after some 10 s.
const SYN_RETRIES: u32 = 2;
/// A silent host is found within half a minute.
const PROBES: Keepalive = Keepalive {
    time: Duration::from_secs(10),
    interval: Duration::from_secs(5),
    probes: 3,
};

/// How long it takes keepalive to give a silent host up.
fn gives_up_after(keepalive: Keepalive) -> Duration {
    keepalive.time + keepalive.interval * u32::from(keepalive.probes)
}

/// A silence counts as shorter from this factor on.
const SHORTER: u32 = 2;

/// Does the client fare better with what was observed `after` than with what was observed `before`?
///
/// An answer is better than an error within patience; an error within patience is better than a hang; a hang
/// that ends by an answer is better than one that ends by an error, and that is better than one that does not
/// end. Between two hangs of the same end, the one whose silence is at most half as long is better. What is
/// not known is not better than anything.
#[must_use]
pub fn fares_better(before: &Observed, after: &Observed) -> bool {
    let (Some((worse, long)), Some((better, short))) = (lived(&before.behaviour), lived(&after.behaviour))
    else {
        return false;
    };
    better < worse || better == worse && worse >= HUNG && short * SHORTER <= long
}

/// The best of the ways in which a client hangs.
const HUNG: u8 = 2;

/// How badly a client fared, 0 the best, and how long it was silent.
fn lived(behaviour: &Behaviour) -> Option<(u8, Duration)> {
    match behaviour {
        Behaviour::Answered { .. } => Some((0, Duration::ZERO)),
        Behaviour::FailedFast { .. } => Some((1, Duration::ZERO)),
        Behaviour::Hung { silence, end } => Some((
            match end {
                HangEnd::Answer => HUNG,
                HangEnd::Error => HUNG + 1,
                HangEnd::None => HUNG + 2,
            },
            *silence,
        )),
        Behaviour::Undetermined { .. } => None,
    }
}
