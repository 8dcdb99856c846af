//! What was seen of the client program.

use super::{Instead, Proof};
use crate::duration::Instant;
use crate::sentence::{self, InChinese as _, readable_sentences};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// The name of the file with the client program's transcripts in the cell's folder. There is none without a
/// transcript.
pub const TRANSCRIPT_FILE: &str = "transcript.txt";

/// Something that the client program wrote down, or that was read from what it printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ClientEvent {
    /// 1 for the first; evidence cites it.
    pub number: u32,
    /// When, read immediately before an action or after its end.
    pub at: Instant,
    /// The client's operation, 1 for its first.
    pub operation: u32,
    /// What.
    pub kind: ClientEventKind,
}

/// What a client can write down. An operation begins with `connect-begun`, `statement-begun` or
/// `disconnect-begun`, and ends with the first of `connected`, `result-received`, `disconnected`, `failed`
/// and `still-waiting` that has its number. A program that connects anew by itself may do so before or after
/// that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum ClientEventKind {
    /// About to open a connection.
    ConnectBegun,
    /// Logged in.
    Connected {
        /// The server's connection id, from its greeting.
        connection_id: u32,
        /// The server's version, from its greeting.
        server_version: String,
    },
    /// About to send a statement.
    StatementBegun {
        /// Its text.
        sql: String,
    },
    /// The client stopped reading the result, as it was told.
    ReadingPaused {
        /// After how many rows.
        rows: u64,
    },
    /// The whole result arrived.
    ResultReceived {
        /// How many rows.
        rows: u64,
        /// The first row's values as text; empty without rows.
        first_row: Vec<String>,
    },
    /// The operation ended with an error.
    Failed(ClientError),
    /// The observation ended while the operation was still waiting.
    StillWaiting,
    /// About to close a connection.
    DisconnectBegun,
    /// It is closed.
    Disconnected,
    /// The program says that it connects anew by itself (`No connection. Trying to reconnect...`).
    ReconnectBegun,
    /// The program says that it is connected again.
    Reconnected {
        /// The server's id of the new connection, if the program tells it.
        connection_id: Option<u32>,
    },
}

/// What an event is to its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventRole {
    /// Its beginning.
    Begins,
    /// Its end, with success.
    Succeeds,
    /// Its end, with an error.
    Fails,
    /// The end of the observation came first.
    Waits,
    /// Something on the way, or after its end.
    Aside,
}

impl ClientEventKind {
    /// What it is to its operation.
    #[must_use]
    pub fn role(&self) -> EventRole {
        match self {
            Self::ConnectBegun | Self::StatementBegun { .. } | Self::DisconnectBegun => EventRole::Begins,
            Self::Connected { .. } | Self::ResultReceived { .. } | Self::Disconnected => EventRole::Succeeds,
            Self::Failed(_) => EventRole::Fails,
            Self::StillWaiting => EventRole::Waits,
            Self::ReadingPaused { .. } | Self::ReconnectBegun | Self::Reconnected { .. } => EventRole::Aside,
        }
    }
}

impl ClientEventKind {
    /// The error of an operation that failed.
    #[must_use]
    pub fn error(&self) -> Option<&ClientError> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::ConnectBegun
            | Self::Connected { .. }
            | Self::StatementBegun { .. }
            | Self::ResultReceived { .. }
            | Self::StillWaiting
            | Self::ReadingPaused { .. }
            | Self::DisconnectBegun
            | Self::Disconnected
            | Self::ReconnectBegun
            | Self::Reconnected { .. } => None,
        }
    }
}

impl EventRole {
    /// Does it end the operation, if it is the first that does?
    #[must_use]
    pub fn ends(self) -> bool {
        match self {
            Self::Succeeds | Self::Fails | Self::Waits => true,
            Self::Begins | Self::Aside => false,
        }
    }
}

/// An error as the client program got it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ClientError {
    /// Its kind.
    pub kind: ClientErrorKind,
    /// Its full text.
    pub message: String,
}

/// The kinds of errors that a client tells apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum ClientErrorKind {
    /// A system call failed.
    Io {
        /// Its errno as Linux numbers it, if there is one.
        errno: Option<i32>,
    },
    /// The server closed the connection (end of file).
    Closed,
    /// The server answered with an error packet.
    Server {
        /// MySQL's error number.
        code: u16,
        /// SQLSTATE, five characters.
        sqlstate: String,
    },
    /// The program reported an error of its client library: one of the classic codes 2000 to 2999.
    Library {
        /// The code (2013: lost connection during query).
        code: u16,
        /// SQLSTATE, five characters; empty if it was not told.
        sqlstate: String,
        /// The errno that the program named, if it did.
        errno: Option<i32>,
    },
    /// A time-out of the program's own ended the operation.
    TimedOut {
        /// The classic code under which the program reports it, if it does.
        code: Option<u16>,
    },
    /// The driver, or the program, itself failed.
    Driver,
}

impl ClientErrorKind {
    /// Has the client no connection any more after such an error? A program that gave up by itself may keep
    /// its connection, and after an error of the server the connection is as it was.
    #[must_use]
    pub fn loses_the_connection(&self) -> bool {
        match self {
            Self::Io { .. } | Self::Closed => true,
            // CR_CONNECTION_ERROR, CR_CONN_HOST_ERROR, CR_SERVER_GONE_ERROR, CR_SERVER_LOST and
            // CR_SERVER_LOST_EXTENDED; others, such as CR_COMMANDS_OUT_OF_SYNC (2014), leave it open.
            Self::Library { code, .. } => matches!(code, 2002 | 2003 | 2006 | 2013 | 2055),
            Self::Server { .. } | Self::TimedOut { .. } | Self::Driver => false,
        }
    }
}

/// The client program of a cell as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ClientRecord {
    /// What the program calls itself and its version; `None` if it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The sockets that it opened to the virtual service, in the order in which they were seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sockets: Vec<OpenedSocket>,
    /// Settings of the scenario, each with what shows that it is in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<SettingShown>,
    /// What the program printed, for each process that it was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transcripts: Vec<Transcript>,
    /// What the program did that no client may do; each makes the cell undetermined.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "sentence::stored_list"
    )]
    #[schemars(schema_with = "sentence::schema_list::<Misconduct>")]
    pub misconduct: Vec<Misconduct>,
}

/// A socket of the client program, connected to the virtual service, as the kernel showed it right after the
/// connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct OpenedSocket {
    /// The operation that opened it.
    pub operation: u32,
    /// The client's port.
    pub port: u16,
    /// The address that it was bound to before it connected, in a lab whose client has several. Its port was
    /// known then, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_to: Option<IpAddr>,
    /// `SO_KEEPALIVE`.
    pub keepalive: bool,
    /// `TCP_KEEPIDLE`.
    pub keepalive_time: Duration,
    /// `TCP_KEEPINTVL`.
    pub keepalive_interval: Duration,
    /// `TCP_KEEPCNT`.
    pub keepalive_probes: u32,
    /// `TCP_USER_TIMEOUT`; zero is the kernel's own patience.
    pub user_timeout: Duration,
}

/// A setting and whether it was shown to be in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct SettingShown {
    /// Its key in scenarios.
    pub setting: String,
    /// What shows it; `None` if nothing did.
    #[serde(default, deserialize_with = "sentence::stored_if_any")]
    #[schemars(schema_with = "sentence::schema_if_any::<Proof>")]
    pub shown: Option<Proof>,
    /// What was found instead, if the setting is not in force or not shown.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "sentence::stored_if_any"
    )]
    #[schemars(schema_with = "sentence::schema_if_any::<Instead>")]
    pub doubt: Option<Instead>,
}

/// What passed between one process of the client program and whoever used it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Transcript {
    /// The operation for which the process was started.
    pub operation: u32,
    /// Its command line.
    pub argv: Vec<String>,
    /// Line by line, in order.
    pub lines: Vec<TranscriptLine>,
    /// Was more printed than is kept?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// A line of a transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct TranscriptLine {
    /// When its last character came.
    pub at: Instant,
    /// Where it comes from.
    pub from: TranscriptSource,
    /// Its text, without its end and without control characters.
    pub text: String,
}

/// Where a line of a transcript comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TranscriptSource {
    /// The program's terminal, which shows what is typed, too.
    Terminal,
    /// What was given to the program on its standard input.
    Input,
    /// The program's standard output.
    Output,
    /// The program's standard error.
    Error,
}

impl Transcript {
    /// The lines as a person would have seen them, without times.
    pub fn text(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|line| line.text.as_str())
    }
}

impl ClientRecord {
    /// The transcripts as the text of [`TRANSCRIPT_FILE`]: for each its command line, and its lines with the
    /// seconds of the cell at which they were complete. `None` without a transcript.
    #[must_use]
    pub fn transcript_text(&self) -> Option<String> {
        if self.transcripts.is_empty() {
            return None;
        }
        let mut text = String::new();
        for transcript in &self.transcripts {
            text.push_str(&format!("$ {}\n", transcript.argv.join(" ")));
            for line in &transcript.lines {
                let mark = match line.from {
                    TranscriptSource::Terminal | TranscriptSource::Output => ' ',
                    TranscriptSource::Input => '<',
                    TranscriptSource::Error => '!',
                };
                let (seconds, micros) = (
                    line.at.0.div_euclid(1_000_000_000),
                    line.at.0.rem_euclid(1_000_000_000) / 1000,
                );
                text.push_str(&format!("{seconds:>6}.{micros:06} {mark} {}\n", line.text));
            }
            if transcript.cut {
                text.push_str("(more was printed than is kept)\n");
            }
        }
        Some(text)
    }
}

readable_sentences! {
    /// What a client program did that no client may do.
    pub enum Misconduct {
        /// Processes that it started outlived it and could not be ended.
        LeftProcesses => "left processes behind that could not be ended" / "留下了无法结束的进程",
        /// Its standard error is longer than is read.
        LongStandardError => "printed more than 1 MiB on its standard error" / "在标准错误上输出了超过 1 MiB",
        /// It printed more than is read of one operation.
        LongOutput {
            /// What is read, in MiB.
            mib: u64,
        } => "printed more than {mib} MiB for one operation" / "为一个操作输出了超过 {mib} MiB",
        /// A line is longer than is read.
        LongLine => "printed a line of more than 1 MiB" / "输出了超过 1 MiB 的一行",
        /// It spoke unasked.
        SaidUnasked => "said something that it was not asked for" / "在没有被要求时输出了内容",
        /// A line is none of the protocol's.
        NotOfProtocol {
            /// The line's beginning.
            start: String,
            /// What is wrong with it.
            error: String,
        } => "printed a line that is not of the protocol: `{start}` ({error})"
            / "输出了不属于协议的一行：`{start}`（{error}）",
        /// It never came to an end.
        ManyLines {
            /// How many lines are read.
            lines: u64,
        } => "printed {lines} lines for one operation without ending it"
            / "为一个操作输出了 {lines} 行而没有结束它",
        /// It ended.
        Ended {
            /// How.
            how: String,
        } => "ended while it was to do something: {how}" / "在应执行操作时结束了：{how}",
        /// It answered another question.
        OtherAnswer {
            /// Its answer's name.
            answer: String,
        } => "answered `{answer}` to what it was to do" / "对应执行的操作回答了 `{answer}`",
        /// It told of a setting that no scenario has.
        UnknownSetting {
            /// The setting's name.
            setting: String,
        } => "tells of a setting `{setting}`, which there is not" / "提到了不存在的设置 `{setting}`",
    }
}
