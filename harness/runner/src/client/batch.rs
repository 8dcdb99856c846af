//! The `mariadb` or `mysql` command line in batch mode, as scripts use it: statements on standard input, no
//! terminal.

use super::cli::{Tool, environment};
use super::log::Log;
use super::printed::{Printed, Reader};
use super::process::{Output, Process, Start};
use super::{Desk, Operation, Session, failed, sockets};
use lvs_matrix_model::record::ClientEventKind;

/// In batch mode the program says nothing when it is connected; it is asked, and its answer ends the connect.
const GREETING: &str = "select connection_id(), version()";

/// A script: each connect starts the program anew, and the last one is given the statements.
pub(super) struct Batch {
    tool: Tool,
    processes: Vec<Process>,
}

/// How a statement ended, if it did.
enum End {
    Result {
        rows: u64,
        first_row: Vec<String>,
    },
    /// With the error, which has been written down.
    Failed,
    /// The program is gone without a word.
    Gone(String),
    Stopped,
}

impl Batch {
    pub(super) fn new(log: &Log) -> Result<Self, String> {
        let tool = Tool::find()?;
        log.version(tool.version.clone());
        Ok(Self {
            tool,
            processes: Vec::new(),
        })
    }

    fn connect(&mut self, desk: &Desk, number: u32) {
        let mut argv = self.tool.argv(desk);
        // Verbose thrice: a table, and a line that says how many rows it has and how long that took.
        argv.extend(["--batch", "--unbuffered", "-vvv"].map(str::to_owned));
        self.tool.show_settings(desk);
        desk.write(number, ClientEventKind::ConnectBegun);
        let start = Start {
            argv: &argv,
            environment: &environment(),
            folder: None,
            enclosed: false,
            merged: true,
        };
        let mut process = match Process::start(desk, number, &start) {
            Ok(process) => process,
            Err(error) => return desk.write(number, failed(format!("cannot start {}: {error}", argv[0]))),
        };
        match statement(desk, number, &mut process, GREETING) {
            End::Result { first_row, .. } => {
                sockets::note(desk, number, &process.pids());
                let connection_id = first_row.first().and_then(|id| id.parse().ok());
                let event = match (connection_id, first_row.get(1)) {
                    (Some(connection_id), Some(version)) => ClientEventKind::Connected {
                        connection_id,
                        server_version: version.clone(),
                    },
                    (Some(_) | None, Some(_) | None) => {
                        failed(format!("its answer to `{GREETING}` is not understood"))
                    }
                };
                desk.write(number, event);
                self.processes.push(process);
            }
            End::Failed | End::Stopped => process.kill(desk),
            End::Gone(how) => {
                desk.write(
                    number,
                    failed(format!("it ended without an error message: {how}")),
                );
                process.kill(desk);
            }
        }
    }

    fn statement(&mut self, desk: &Desk, number: u32, sql: &str) {
        desk.write(number, ClientEventKind::StatementBegun { sql: sql.to_owned() });
        let Some(process) = self.processes.last_mut() else {
            return desk.write(
                number,
                failed(
                    "it ended with an earlier error, as scripts do: there is no connection to send the \
                     statement on"
                        .to_owned(),
                ),
            );
        };
        match statement(desk, number, process, sql) {
            End::Result { rows, first_row } => {
                desk.write(number, ClientEventKind::ResultReceived { rows, first_row })
            }
            // In batch mode the first error is the program's end.
            End::Failed => drop_last(&mut self.processes, desk),
            End::Gone(how) => {
                desk.write(number, failed(format!("it ended: {how}")));
                drop_last(&mut self.processes, desk);
            }
            End::Stopped => {}
        }
    }
}

fn drop_last(processes: &mut Vec<Process>, desk: &Desk) {
    if let Some(mut process) = processes.pop() {
        process.kill(desk);
    }
}

impl Session for Batch {
    fn perform(&mut self, desk: &Desk, number: u32, operation: Operation) {
        match operation {
            Operation::Connect => self.connect(desk, number),
            Operation::Statement(sql) => self.statement(desk, number, &sql),
        }
    }

    fn end(&mut self, desk: &Desk) {
        while !self.processes.is_empty() {
            drop_last(&mut self.processes, desk);
        }
    }
}

/// Sends a statement and reads to its end; an error is written down, a result is given.
fn statement(desk: &Desk, number: u32, process: &mut Process, sql: &str) -> End {
    match process.send(desk, &format!("{sql};")) {
        Ok(true) => {}
        Ok(false) => return End::Stopped,
        // Its end, and its last words, are read below.
        Err(_) => {}
    }
    let mut reader = Reader::default();
    let mut error = false;
    loop {
        let line = match process.hear(desk) {
            Ok(Output::Line(line)) => line,
            Ok(Output::Stopped) => return End::Stopped,
            Ok(Output::Ended) if error => return End::Failed,
            Ok(Output::Ended) => return End::Gone(process.end(desk)),
            Ok(Output::TooLong) => return End::Gone("it printed a line of more than 1 MiB".to_owned()),
            Err(error) => return End::Gone(format!("its output cannot be read: {error}")),
        };
        match reader.line(&super::cli::text_of(&line)) {
            Some(Printed::Error(first)) => {
                if !error {
                    desk.write(number, ClientEventKind::Failed(first));
                }
                error = true;
            }
            Some(Printed::Result { rows, first_row }) => return End::Result { rows, first_row },
            Some(Printed::Reconnecting) => desk.write(number, ClientEventKind::ReconnectBegun),
            Some(Printed::Reconnected(connection_id)) => {
                desk.write(number, ClientEventKind::Reconnected { connection_id });
            }
            Some(Printed::ConnectionId(_) | Printed::ServerVersion(_)) | None => {}
        }
    }
}
