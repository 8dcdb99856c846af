//! The client: which program it is, and how it is set.

use crate::base::ServerKind;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The client program of a cell with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Client {
    /// The program.
    pub program: Program,
    /// How it is set; what is not set is as the program has it.
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub settings: Settings,
}

impl Client {
    /// Is it the one that a scenario has which says nothing of its client?
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The sysctls of the client's namespace by which a setting comes into force, where the program offers no
    /// other way: the command lines turn keepalive on and leave its times to the kernel (`vio_keepalive` in
    /// MySQL's vio/viosocket.cc, `pvio_socket_keepalive` in MariaDB's plugins/pvio/pvio_socket.c).
    #[must_use]
    pub fn sysctls(&self) -> Vec<(String, String)> {
        let Some(keepalive) = self.settings.keepalive.filter(|_| self.program.is_cli()) else {
            return Vec::new();
        };
        [
            ("net.ipv4.tcp_keepalive_time", keepalive.time.as_secs()),
            ("net.ipv4.tcp_keepalive_intvl", keepalive.interval.as_secs()),
            ("net.ipv4.tcp_keepalive_probes", u64::from(keepalive.probes)),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_string()))
        .to_vec()
    }
}

/// Which program is the client.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Program {
    /// The driver mysql_async, in the harness itself.
    #[default]
    MysqlAsync,
    /// The client of the echo servers, in the harness itself: TCP or UDP, as the servers are.
    EchoClient,
    /// The client of servers that are programs of the author's own, in the harness itself: it sends bytes and
    /// takes whatever comes back.
    StreamClient,
    /// The `mariadb` or `mysql` command line in a terminal, typed to like by a person.
    InteractiveCli,
    /// The same program in batch mode, with its statements on standard input.
    BatchCli,
    /// A program of the author's own that speaks the protocol of docs/client-programs.md.
    Own {
        /// Program and arguments; no shell is involved. It runs in the folder of the scenario's file.
        argv: Vec<String>,
    },
}

impl Program {
    /// The client of a lab with servers of this kind that names none.
    #[must_use]
    pub fn of(server: ServerKind) -> Self {
        match server {
            ServerKind::Mysql => Self::MysqlAsync,
            ServerKind::TcpEcho | ServerKind::UdpEcho => Self::EchoClient,
            ServerKind::Program => Self::StreamClient,
        }
    }

    /// Its name in scenarios; that of a program of the author's own is its command line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::MysqlAsync => "mysql-async",
            Self::EchoClient => "echo-client",
            Self::StreamClient => "stream-client",
            Self::InteractiveCli => "interactive-cli",
            Self::BatchCli => "batch-cli",
            Self::Own { .. } => "argv",
        }
    }

    /// Is it the `mariadb` or `mysql` command line?
    #[must_use]
    pub fn is_cli(&self) -> bool {
        match self {
            Self::InteractiveCli | Self::BatchCli => true,
            Self::MysqlAsync | Self::EchoClient | Self::StreamClient | Self::Own { .. } => false,
        }
    }

    /// Is it in the harness itself? Then it has no pool, connects when it is told to and never by itself, may
    /// have several connections, and says which operation is on which.
    #[must_use]
    pub fn does_as_told(&self) -> bool {
        match self {
            Self::MysqlAsync | Self::EchoClient | Self::StreamClient => true,
            Self::InteractiveCli | Self::BatchCli | Self::Own { .. } => false,
        }
    }

    /// The settings that it has.
    #[must_use]
    pub fn settings(&self) -> &'static [Setting] {
        match self {
            Self::MysqlAsync | Self::EchoClient | Self::StreamClient => {
                &[Setting::Keepalive, Setting::TcpUserTimeout]
            }
            Self::InteractiveCli | Self::BatchCli => &[Setting::ConnectTimeout, Setting::Keepalive],
            Self::Own { .. } => Setting::ALL,
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MysqlAsync
            | Self::EchoClient
            | Self::StreamClient
            | Self::InteractiveCli
            | Self::BatchCli => f.write_str(self.name()),
            Self::Own { argv } => f.write_str(&argv.join(" ")),
        }
    }
}

/// The settings that a client program may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setting {
    /// How long connecting may take.
    ConnectTimeout,
    /// How long an answer may be waited for.
    ReadTimeout,
    /// How long sending may take.
    WriteTimeout,
    /// TCP's keepalive, tcp(7).
    Keepalive,
    /// `TCP_USER_TIMEOUT`, tcp(7).
    TcpUserTimeout,
}

impl Setting {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::ConnectTimeout,
        Self::ReadTimeout,
        Self::WriteTimeout,
        Self::Keepalive,
        Self::TcpUserTimeout,
    ];

    /// Its key in scenarios.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::ConnectTimeout => "connect-timeout",
            Self::ReadTimeout => "read-timeout",
            Self::WriteTimeout => "write-timeout",
            Self::Keepalive => "keepalive",
            Self::TcpUserTimeout => "tcp-user-timeout",
        }
    }
}

/// How a client program is set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Settings {
    /// How long connecting may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_timeout: Option<Duration>,
    /// How long an answer may be waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_timeout: Option<Duration>,
    /// How long sending may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_timeout: Option<Duration>,
    /// TCP's keepalive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keepalive: Option<Keepalive>,
    /// `TCP_USER_TIMEOUT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_user_timeout: Option<Duration>,
}

impl Settings {
    /// Is nothing set?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Those of `other`, and of `self` where `other` says nothing.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        Self {
            connect_timeout: other.connect_timeout.or(self.connect_timeout),
            read_timeout: other.read_timeout.or(self.read_timeout),
            write_timeout: other.write_timeout.or(self.write_timeout),
            keepalive: other.keepalive.or(self.keepalive),
            tcp_user_timeout: other.tcp_user_timeout.or(self.tcp_user_timeout),
        }
    }

    /// What is set, each with its value in words.
    pub fn named(&self) -> impl Iterator<Item = (Setting, String)> {
        let time = |time: Duration| crate::duration::Human(time).to_string();
        [
            (Setting::ConnectTimeout, self.connect_timeout.map(time)),
            (Setting::ReadTimeout, self.read_timeout.map(time)),
            (Setting::WriteTimeout, self.write_timeout.map(time)),
            (
                Setting::Keepalive,
                self.keepalive.map(|keepalive| keepalive.to_string()),
            ),
            (Setting::TcpUserTimeout, self.tcp_user_timeout.map(time)),
        ]
        .into_iter()
        .filter_map(|(setting, value)| Some((setting, value?)))
    }

    /// The client's own time-outs, which end an operation without a word from the network.
    pub fn timeouts(&self) -> impl Iterator<Item = (Setting, Duration)> {
        [
            (Setting::ConnectTimeout, self.connect_timeout),
            (Setting::ReadTimeout, self.read_timeout),
            (Setting::WriteTimeout, self.write_timeout),
        ]
        .into_iter()
        .filter_map(|(setting, time)| Some((setting, time?)))
    }
}

/// TCP's keepalive: when the connection is idle for `time`, a probe is sent, and again every `interval`;
/// after `probes` without an answer the connection is given up (tcp(7): `SO_KEEPALIVE`, `TCP_KEEPIDLE`,
/// `TCP_KEEPINTVL`, `TCP_KEEPCNT`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Keepalive {
    /// Idle time before the first probe, in whole seconds.
    pub time: Duration,
    /// Time between probes, in whole seconds.
    pub interval: Duration,
    /// How many probes.
    pub probes: u8,
}

impl fmt::Display for Keepalive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::duration::Human;
        let (time, interval) = (Human(self.time), Human(self.interval));
        write!(f, "after {time}, every {interval}, {} probes", self.probes)
    }
}

impl Default for Keepalive {
    /// The kernel's own values: two hours, 75 s, 9 probes (include/net/tcp.h: `TCP_KEEPALIVE_TIME`, `_INTVL`,
    /// `_PROBES`).
    fn default() -> Self {
        Self {
            time: Duration::from_secs(7200),
            interval: Duration::from_secs(75),
            probes: 9,
        }
    }
}

/// What a value of an axis, or the lab, says of the client; a value's word wins over the lab's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ClientChoice {
    /// The program, if it is named.
    pub program: Option<Program>,
    /// The settings that are named.
    pub settings: Settings,
}

impl ClientChoice {
    /// What `other` says, and what `self` says where `other` says nothing.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        Self {
            program: other.program.clone().or_else(|| self.program.clone()),
            settings: self.settings.with(&other.settings),
        }
    }

    /// The client of a cell with servers of this kind: the lab's word, then those of its values in order.
    #[must_use]
    pub fn merged<'a>(server: ServerKind, choices: impl IntoIterator<Item = &'a Self>) -> Client {
        let all = choices.into_iter();
        let said = all.fold(Self::default(), |said, choice| said.with(choice));
        Client {
            program: said.program.unwrap_or_else(|| Program::of(server)),
            settings: said.settings,
        }
    }
}
