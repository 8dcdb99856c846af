//! A program of the author's own, told what to do by lines of JSON and telling by lines of JSON what came of
//! it: docs/client-programs.md. It is foreign: it may print anything, for ever, or nothing, start other
//! programs, and end when it likes.

use super::process::{Output, Process, Start};
use super::{Desk, Operation, Session, failed, sockets};
use lvs_matrix_model::client::{Setting, Settings};
use lvs_matrix_model::plan::{CLIENT_PASSWORD, CLIENT_USER, ServerKind};
use lvs_matrix_model::record::{ClientError, ClientErrorKind, ClientEventKind, Misconduct, Proof};
use lvs_matrix_model::serving;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// How many lines a program may say for one operation.
const MOST_LINES: u32 = 1000;

/// What the program is told.
#[derive(Serialize)]
#[serde(tag = "do", rename_all = "lowercase")]
enum Order<'a> {
    Connect,
    Query {
        sql: &'a str,
    },
    /// To a server that is no mysqld.
    Request {
        text: &'a str,
    },
}

/// What the program may say.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "lowercase", deny_unknown_fields)]
enum Event {
    /// It is logged in.
    Connected {
        #[serde(default)]
        connection_id: u32,
        #[serde(default)]
        server_version: String,
    },
    /// The whole result is there.
    Result {
        rows: Option<u64>,
        #[serde(default)]
        first_row: Vec<String>,
    },
    /// The operation failed.
    Error {
        message: String,
        code: Option<u16>,
        #[serde(default)]
        sqlstate: String,
        errno: Option<i32>,
        #[serde(default)]
        timed_out: bool,
    },
    /// The driver connects anew by itself.
    Reconnecting,
    /// And has.
    Reconnected { connection_id: Option<u32> },
    /// A setting is in force, by the program's own word.
    Setting { setting: String, shown: String },
}

/// The author's program; it is started with the first connect.
pub(super) struct OwnProgram {
    argv: Vec<String>,
    folder: Option<PathBuf>,
    process: Option<Process>,
}

impl OwnProgram {
    pub(super) fn new(argv: Vec<String>, folder: Option<PathBuf>) -> Self {
        Self {
            argv,
            folder,
            process: None,
        }
    }

    fn perform_or_why(&mut self, desk: &Desk, number: u32, operation: &Operation) -> Result<(), Failure> {
        let request = match operation {
            Operation::Connect => Order::Connect,
            Operation::Statement(sql) if desk.server.is_mysql() => Order::Query { sql },
            Operation::Statement(sql) => Order::Request {
                text: match desk.server {
                    ServerKind::Program => serving::without_time(sql),
                    ServerKind::Mysql | ServerKind::TcpEcho | ServerKind::UdpEcho => sql,
                },
            },
        };
        let request = serde_json::to_string(&request).map_err(|error| Failure::Plain(error.to_string()))?;
        let fresh = self.process.is_none();
        if fresh {
            let start = Start {
                argv: &self.argv,
                environment: &environment(desk),
                folder: self.folder.as_deref(),
                enclosed: true,
                merged: false,
            };
            let process = Process::start(desk, number, &start)
                .map_err(|error| Failure::Plain(format!("it cannot be started: {error}")))?;
            self.process = Some(process);
        }
        let Some(process) = self.process.as_mut() else {
            return Err(Failure::Plain("it does not run".to_owned()));
        };
        // What a new one says before it could be asked is read as its answer.
        if !fresh && process.has_more() {
            return Err(Failure::Misconduct(Misconduct::SaidUnasked));
        }
        match process.send(desk, &request) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(_) => return Err(ended(process.end(desk))),
        }
        for _ in 0..MOST_LINES {
            let line = match process.hear(desk) {
                Ok(Output::Line(line)) => line,
                Ok(Output::Stopped) => return Ok(()),
                Ok(Output::Ended) => return Err(ended(process.end(desk))),
                Ok(Output::TooLong) => {
                    return Err(Failure::Misconduct(Misconduct::LongLine));
                }
                Err(error) => return Err(Failure::Plain(format!("its output cannot be read: {error}"))),
            };
            let event: Event = serde_json::from_slice(&line).map_err(|error| {
                let start: String = super::cli::text_of(&line).chars().take(80).collect();
                let error = error.to_string();
                Failure::Misconduct(Misconduct::NotOfProtocol { start, error })
            })?;
            if said(desk, number, operation, &process.pids(), event)? {
                return Ok(());
            }
        }
        Err(Failure::Misconduct(Misconduct::ManyLines {
            lines: u64::from(MOST_LINES),
        }))
    }
}

/// Why an operation ended without a word of the program that ends it.
enum Failure {
    /// It did what no client may do.
    Misconduct(Misconduct),
    /// Something else.
    Plain(String),
}

fn ended(how: String) -> Failure {
    Failure::Misconduct(Misconduct::Ended { how })
}

impl Session for OwnProgram {
    fn perform(&mut self, desk: &Desk, number: u32, operation: Operation) {
        desk.write(number, operation.begun());
        let Err(failure) = self.perform_or_why(desk, number, &operation) else {
            return;
        };
        let why = match failure {
            Failure::Misconduct(what) => {
                let why = format!("the program {what}");
                desk.log.misconduct(what);
                why
            }
            Failure::Plain(why) => why,
        };
        desk.write(number, failed(why));
        self.end(desk);
    }

    fn end(&mut self, desk: &Desk) {
        if let Some(mut process) = self.process.take() {
            process.kill(desk);
        }
    }
}

/// Writes down what the program said; true if that ends the operation.
fn said(
    desk: &Desk,
    number: u32,
    operation: &Operation,
    pids: &[u32],
    event: Event,
) -> Result<bool, Failure> {
    let look = || sockets::note(desk, number, pids);
    let unasked = |answer: &str| {
        let answer = answer.to_owned();
        Err(Failure::Misconduct(Misconduct::OtherAnswer { answer }))
    };
    match (event, operation) {
        (
            Event::Connected {
                connection_id,
                server_version,
            },
            Operation::Connect,
        ) => {
            look();
            desk.write(
                number,
                ClientEventKind::Connected {
                    connection_id,
                    server_version,
                },
            );
            Ok(true)
        }
        (Event::Connected { .. }, Operation::Statement(_)) => unasked("connected"),
        (Event::Result { rows, first_row }, Operation::Statement(_)) => {
            // Of rows only a mysqld knows.
            let Some(rows) = rows.or((!desk.server.is_mysql()).then_some(1)) else {
                return Err(Failure::Misconduct(Misconduct::NotOfProtocol {
                    start: r#"{"event":"result"}"#.to_owned(),
                    error: "missing field `rows`".to_owned(),
                }));
            };
            desk.write(number, ClientEventKind::ResultReceived { rows, first_row });
            Ok(true)
        }
        (Event::Result { .. }, Operation::Connect) => unasked("result"),
        (
            Event::Error {
                message,
                code,
                sqlstate,
                errno,
                timed_out,
            },
            _,
        ) => {
            let kind = match code {
                _ if timed_out => ClientErrorKind::TimedOut { code },
                Some(code @ 2000..=2999) => ClientErrorKind::Library {
                    code,
                    sqlstate,
                    errno,
                },
                Some(code) => ClientErrorKind::Server { code, sqlstate },
                None => ClientErrorKind::Io { errno },
            };
            desk.write(number, ClientEventKind::Failed(ClientError { kind, message }));
            Ok(true)
        }
        (Event::Reconnecting, _) => {
            desk.write(number, ClientEventKind::ReconnectBegun);
            Ok(false)
        }
        (Event::Reconnected { connection_id }, _) => {
            look();
            desk.write(number, ClientEventKind::Reconnected { connection_id });
            Ok(false)
        }
        (Event::Setting { setting, shown }, _) => {
            let Some(setting) = Setting::ALL.iter().find(|known| known.key() == setting) else {
                return Err(Failure::Misconduct(Misconduct::UnknownSetting { setting }));
            };
            // What the kernel can be asked for is not believed by word.
            match setting {
                Setting::ConnectTimeout | Setting::ReadTimeout | Setting::WriteTimeout => {
                    sockets::shown(desk, *setting, Ok(Proof::ByWord { said: shown }));
                }
                Setting::Keepalive | Setting::TcpUserTimeout => {}
            }
            Ok(false)
        }
    }
}

/// What the program is told by its environment: the service, the account, and the settings, times in seconds.
fn environment(desk: &Desk) -> Vec<(&'static str, String)> {
    let path = std::env::var("PATH").unwrap_or_default();
    let Settings {
        connect_timeout,
        read_timeout,
        write_timeout,
        keepalive,
        tcp_user_timeout,
    } = &desk.settled.settings;
    let seconds = |time: Duration| time.as_secs_f64().to_string();
    let mut variables = vec![
        ("PATH", path),
        ("LANG", "C.UTF-8".to_owned()),
        ("HOME", "/nonexistent".to_owned()),
        ("LVS_MATRIX_HOST", desk.address.to_string()),
        ("LVS_MATRIX_PORT", desk.port.to_string()),
        ("LVS_MATRIX_USER", CLIENT_USER.to_owned()),
        ("LVS_MATRIX_PASSWORD", CLIENT_PASSWORD.to_owned()),
    ];
    let optional = [
        ("LVS_MATRIX_CONNECT_TIMEOUT", connect_timeout.map(seconds)),
        ("LVS_MATRIX_READ_TIMEOUT", read_timeout.map(seconds)),
        ("LVS_MATRIX_WRITE_TIMEOUT", write_timeout.map(seconds)),
        ("LVS_MATRIX_TCP_USER_TIMEOUT", tcp_user_timeout.map(seconds)),
        ("LVS_MATRIX_KEEPALIVE_TIME", keepalive.map(|it| seconds(it.time))),
        (
            "LVS_MATRIX_KEEPALIVE_INTERVAL",
            keepalive.map(|it| seconds(it.interval)),
        ),
        (
            "LVS_MATRIX_KEEPALIVE_PROBES",
            keepalive.map(|it| it.probes.to_string()),
        ),
    ];
    variables.extend(
        optional
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    variables
}
