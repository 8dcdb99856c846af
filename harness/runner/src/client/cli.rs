//! The `mariadb` or `mysql` command line in a terminal, typed to like by a person.

use super::log::Log;
use super::printed::{Printed, Reader};
use super::terminal::{Read, Terminal};
use super::{Desk, Operation, Session, failed, sockets};
use crate::program::in_path;
use lvs_matrix_model::client::Setting;
use lvs_matrix_model::plan::{CLIENT_PASSWORD, CLIENT_USER};
use lvs_matrix_model::record::{
    ClientEventKind, Instead, Misconduct, Proof, TranscriptLine, TranscriptSource,
};
use lvs_matrix_netns::CommandLine;
use std::path::PathBuf;
use std::time::Duration;

/// The prompt: that of MySQL's client, given to MariaDB's as well, so that no name of a database is in it.
const PROMPT: &str = "mysql> ";
/// How much an operation may print before its program is ended: more than any statement of a scenario has to
/// say.
const MOST_PRINTED: usize = 64 << 20;

/// The command line of this machine.
#[derive(Debug, Clone)]
pub(super) struct Tool {
    program: PathBuf,
    pub(super) version: String,
}

impl Tool {
    /// Looks for `mariadb`, then `mysql`, and asks it who it is.
    pub(super) fn find() -> Result<Self, String> {
        let found = ["mariadb", "mysql"].iter().find_map(|name| in_path(name).ok());
        let program = found.ok_or("neither mariadb nor mysql is in PATH; install mariadb-client-core")?;
        let asked = CommandLine::new([program.to_string_lossy().as_ref(), "--version"]);
        let answer = lvs_matrix_netns::run(&asked).map_err(|error| error.to_string())?;
        let version = answer.output.lines().next().unwrap_or_default().to_owned();
        Ok(Self { program, version })
    }

    /// Its command line for `desk`'s service. Neither files of options nor TLS: the lab's servers have no
    /// certificates, and from 11.4 on MariaDB's client insists on them.
    pub(super) fn argv(&self, desk: &Desk) -> Vec<String> {
        let mariadb = self.version.contains("MariaDB");
        let no_tls = if mariadb || self.version.contains(" 5.6.") {
            "--skip-ssl"
        } else {
            "--ssl-mode=DISABLED"
        };
        let mut argv = vec![
            self.program.to_string_lossy().into_owned(),
            "--no-defaults".to_owned(),
            "--protocol=tcp".to_owned(),
            no_tls.to_owned(),
            format!("--host={}", desk.address),
            format!("--port={}", desk.port),
            format!("--user={CLIENT_USER}"),
        ];
        if let Some(time) = desk.settled.settings.connect_timeout {
            argv.push(format!("--connect-timeout={}", time.as_secs()));
        }
        argv
    }

    /// Has the program show the value that its options give its connect time-out: with `--help` it lists them
    /// and does no more.
    pub(super) fn show_settings(&self, desk: &Desk) {
        let Some(wanted) = desk.settled.settings.connect_timeout else {
            return;
        };
        let mut argv = self.argv(desk);
        argv.push("--help".to_owned());
        let shown = lvs_matrix_netns::run(&CommandLine::new(argv))
            .map_err(|error| Instead::Text {
                text: error.to_string(),
            })
            .and_then(|help| {
                let line = help
                    .output
                    .lines()
                    .find(|line| line.starts_with("connect-timeout "));
                let value = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
                match value {
                    Some(seconds) if wanted == Duration::from_secs(seconds) => Ok(Proof::Help {
                        setting: format!("connect-timeout {seconds}"),
                    }),
                    Some(_) | None => Err(Instead::OtherHelp {
                        shown: line.unwrap_or("nothing").to_owned(),
                    }),
                }
            });
        sockets::shown(desk, Setting::ConnectTimeout, shown);
    }
}

/// The password comes by the environment, as in scripts; no history is kept, and no file of a user is read.
pub(super) fn environment() -> Vec<(&'static str, String)> {
    let path = std::env::var("PATH").unwrap_or_default();
    [
        ("PATH", path.as_str()),
        ("LANG", "C.UTF-8"),
        ("TERM", "dumb"),
        ("HOME", "/nonexistent"),
        ("MYSQL_PWD", CLIENT_PASSWORD),
        ("MYSQL_HISTFILE", "/dev/null"),
        ("MARIADB_HISTFILE", "/dev/null"),
    ]
    .map(|(key, value)| (key, value.to_owned()))
    .to_vec()
}

/// A person with terminals: each connect opens one, and the last one is typed into.
pub(super) struct Interactive {
    tool: Tool,
    screens: Vec<Screen>,
}

/// A terminal with what has been read of it.
struct Screen {
    terminal: Terminal,
    transcript: usize,
    /// The line that is being printed.
    line: Vec<u8>,
    /// Has a line ended since something was typed? Until then the prompt before the cursor is an old one.
    fresh: bool,
    reader: Reader,
    printed: usize,
}

/// What ended the reading of an operation.
enum End {
    /// The prompt is back.
    Prompt,
    /// The program is gone; how it ended.
    Gone(String),
    /// The client is to stop.
    Stopped,
}

impl Interactive {
    pub(super) fn new(log: &Log) -> Result<Self, String> {
        let tool = Tool::find()?;
        log.version(tool.version.clone());
        Ok(Self {
            tool,
            screens: Vec::new(),
        })
    }

    fn connect(&mut self, desk: &Desk, number: u32) {
        let mut argv = self.tool.argv(desk);
        argv.push("--no-auto-rehash".to_owned());
        argv.push(format!("--prompt={PROMPT}"));
        self.tool.show_settings(desk);
        desk.write(number, ClientEventKind::ConnectBegun);
        let transcript = desk.log.transcript(number, &argv);
        let terminal = match Terminal::start(&argv, &environment()) {
            Ok(terminal) => terminal,
            Err(error) => return desk.write(number, failed(format!("cannot start {}: {error}", argv[0]))),
        };
        let mut screen = Screen {
            terminal,
            transcript,
            line: Vec::new(),
            fresh: true,
            reader: Reader::default(),
            printed: 0,
        };
        let (mut id, mut version, mut error) = (None, String::new(), None);
        let end = screen.read(desk, &mut |said| match said {
            Printed::ConnectionId(connection) => id = Some(connection),
            Printed::ServerVersion(text) => version = text,
            Printed::Error(first) => {
                if error.is_none() {
                    desk.write(number, ClientEventKind::Failed(first.clone()));
                    error = Some(first);
                }
            }
            Printed::Reconnecting | Printed::Reconnected(_) | Printed::Result { .. } => {}
        });
        match (end, error) {
            (End::Prompt, None) => {
                sockets::note(desk, number, &[screen.terminal.pid()]);
                desk.write(
                    number,
                    match id {
                        Some(connection_id) => ClientEventKind::Connected {
                            connection_id,
                            server_version: version,
                        },
                        None => failed("it gave its prompt without saying that it is connected".to_owned()),
                    },
                );
                self.screens.push(screen);
            }
            (End::Gone(status), None) => desk.write(
                number,
                failed(format!("it ended without an error message: {status}")),
            ),
            (End::Prompt | End::Gone(_), Some(_)) | (End::Stopped, _) => {}
        }
    }

    fn statement(&mut self, desk: &Desk, number: u32, sql: &str) {
        desk.write(number, ClientEventKind::StatementBegun { sql: sql.to_owned() });
        let Some(screen) = self.screens.last_mut() else {
            return desk.write(
                number,
                failed("there is no connection to send the statement on".to_owned()),
            );
        };
        screen.fresh = false;
        screen.reader = Reader::default();
        screen.printed = 0;
        if let Err(error) = screen.terminal.type_in(&format!("{sql};\r")) {
            return desk.write(
                number,
                failed(format!("nothing can be typed to it any more: {error}")),
            );
        }
        let pid = screen.terminal.pid();
        let mut ended = false;
        let end = screen.read(desk, &mut |said| match said {
            Printed::Error(error) => {
                ended = true;
                desk.write(number, ClientEventKind::Failed(error));
            }
            Printed::Result { rows, first_row } => {
                ended = true;
                desk.write(number, ClientEventKind::ResultReceived { rows, first_row });
            }
            Printed::Reconnecting => desk.write(number, ClientEventKind::ReconnectBegun),
            Printed::Reconnected(connection_id) => {
                sockets::note(desk, number, &[pid]);
                desk.write(number, ClientEventKind::Reconnected { connection_id });
            }
            Printed::ConnectionId(_) | Printed::ServerVersion(_) => {}
        });
        match end {
            End::Prompt if !ended => {
                desk.write(
                    number,
                    failed("it gave its prompt without a result or an error".to_owned()),
                );
            }
            End::Gone(status) => {
                self.screens.pop();
                if !ended {
                    desk.write(number, failed(format!("it ended: {status}")));
                }
            }
            End::Prompt | End::Stopped => {}
        }
    }
}

impl Session for Interactive {
    fn perform(&mut self, desk: &Desk, number: u32, operation: Operation) {
        match operation {
            Operation::Connect => self.connect(desk, number),
            Operation::Statement(sql) => self.statement(desk, number, &sql),
        }
    }
}

impl Screen {
    /// Reads until the prompt is back or the program is gone; each line that says something is told to
    /// `said`.
    fn read(&mut self, desk: &Desk, said: &mut dyn FnMut(Printed)) -> End {
        loop {
            let chunk = match self.terminal.read(&desk.stop) {
                Ok(Read::Printed(chunk)) => chunk,
                Ok(Read::Stopped) => return End::Stopped,
                Ok(Read::Ended) => {
                    // Its last words may lack their end; a beep is none.
                    if !text_of(&self.line).is_empty() {
                        self.end_line(desk, said);
                    }
                    return End::Gone(self.terminal.end_by_itself());
                }
                Err(error) => return End::Gone(format!("its terminal cannot be read: {error}")),
            };
            self.printed += chunk.len();
            if self.printed > MOST_PRINTED {
                let mib = u64::try_from(MOST_PRINTED >> 20).unwrap_or(u64::MAX);
                desk.log.misconduct(Misconduct::LongOutput { mib });
                return End::Gone("it was ended: it printed too much".to_owned());
            }
            for byte in chunk {
                match byte {
                    b'\n' => {
                        self.end_line(desk, said);
                        self.fresh = true;
                    }
                    _ => self.line.push(byte),
                }
            }
            if self.fresh && !self.reader.in_table() && text_of(&self.line) == PROMPT {
                return End::Prompt;
            }
        }
    }

    fn end_line(&mut self, desk: &Desk, said: &mut dyn FnMut(Printed)) {
        let text = text_of(&std::mem::take(&mut self.line));
        if let Some(what) = self.reader.line(&text) {
            said(what);
        }
        desk.log.line(
            self.transcript,
            TranscriptLine {
                at: desk.log.now(),
                from: TranscriptSource::Terminal,
                text,
            },
        );
    }
}

/// A line without control characters (the beep before an error's prompt, the carriage return).
pub(super) fn text_of(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.chars().filter(|c| !c.is_control()).collect()
}
