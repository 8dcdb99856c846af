//! A real server: a network namespace with a mysqld in it, on a data folder of its own, or with an echo
//! server, or a program of the author's own.

mod asked;
mod frozen;
mod names;
mod own;

pub(crate) use frozen::all_frozen;
pub(crate) use own::{OwnPlan, ask_through};

use crate::clock::poll_for;
use crate::echo_server;
use crate::enclosed;
use crate::error::{LabError, Result, Stage};
use crate::program::in_path;
use crate::server::Flavour;
use crate::server_log::Pump;
use crate::template::{Template, copy_folder};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::StopSignal;
use lvs_matrix_model::ipvs::Protocol;
use lvs_matrix_model::plan::{CLIENT_PASSWORD, CLIENT_USER};
use lvs_matrix_model::record::MysqldState;
use lvs_matrix_netns::Namespace;
use rustix::process::{Pid, Resource, Signal, getrlimit};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How long a server may take to start or stop, on the cell's clock. Under virtual time only idle waiting
/// counts.
const START_STOP_DEADLINE: Duration = Duration::from_secs(120);
/// How long the server may take to answer a question asked over its own socket.
const ADMIN_DEADLINE: Duration = Duration::from_secs(20);

/// A real server. Dropping it kills what serves; then its folder and the namespace go.
#[derive(Debug)]
pub(crate) struct RealServer {
    pub(crate) name: Name,
    pub(crate) server_id: u32,
    /// The lab's own statements.
    sql: Vec<String>,
    /// The names of hosts that a mysqld is to know, in the form of hosts(5), if it looks for any.
    hosts: Option<String>,
    /// What serves.
    serves: Serves,
    /// `None` while no mysqld runs.
    process: Option<Running>,
    last_end: Option<ExitStatus>,
    folder: TempDir,
    /// The log of the cell that it is in.
    log: PathBuf,
    /// What brings the server's log to that file, if the server may outlive a cell.
    pump: Option<Pump>,
    /// What a mysqld is made of.
    template: Option<Template>,
    listen: SocketAddr,
    /// How many cells it was in before this one.
    pub(crate) earlier_cells: u32,
    /// What is in its namespace before any cell, see [`crate::traces::seen_in`].
    pub(crate) as_new: BTreeSet<String>,
    /// The sysctls of its namespace that cells have set.
    pub(crate) sysctls: BTreeSet<String>,
    /// What [`RealServer::read_timeouts`] read.
    pub(crate) timeouts: BTreeMap<String, u64>,
    pub(crate) namespace: Namespace,
}

/// The running process of a server; killed and reaped on drop.
#[derive(Debug)]
struct Running {
    child: Child,
    /// The PID namespace of a program of the author's own.
    enclosure: Option<String>,
}

impl Running {
    /// The process of the server, and those that it has started.
    fn pids(&self) -> Vec<Pid> {
        match &self.enclosure {
            None => vec![Pid::from_child(&self.child)],
            Some(enclosure) => enclosed::of_program(&self.child, enclosure)
                .into_iter()
                .filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?))
                .collect(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it was reaped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What serves on a real server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Serves {
    /// A mysqld.
    MySql,
    /// The harness's echo server.
    Echo(EchoPlan),
    /// A program of the author's own.
    Own(OwnPlan),
}

/// An echo server, which is started when its host has its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EchoPlan {
    pub(crate) protocol: Protocol,
    /// All that it listens to.
    pub(crate) addresses: Vec<SocketAddr>,
}

/// What a new server is made of.
pub(crate) struct Blueprint<'a> {
    pub(crate) name: &'a Name,
    pub(crate) server_id: u32,
    /// Statements that it executes by itself before the lab is ready.
    pub(crate) sql: &'a [String],
    /// As [`RealServer`] has it.
    pub(crate) hosts: Option<&'a str>,
    pub(crate) serves: Serves,
    /// What a mysqld is made of.
    pub(crate) template: Option<&'a Template>,
    /// An existing folder; the server's own is made in it.
    pub(crate) scratch: &'a Path,
    /// May the server outlive the cell?
    pub(crate) lendable: bool,
    /// The file that its log goes to.
    pub(crate) log: PathBuf,
    /// What it listens to: any address of a family.
    pub(crate) listen: SocketAddr,
}

/// No file of a server grows beyond this, bytes: its log lies on the host's disk, and is not to fill it.
const MOST_FILE: u64 = 256 << 20;

impl RealServer {
    /// Starts a server in `namespace`; it is not ready when this returns, see [`RealServer::wait_ready`].
    pub(crate) fn start(namespace: Namespace, blueprint: &Blueprint<'_>) -> Result<Self> {
        let stage = || format!("make the data folder of {}", blueprint.name);
        let own = tempfile::Builder::new()
            .prefix(&format!("{}-", blueprint.name))
            .tempdir_in(blueprint.scratch)
            .stage(stage())?;
        let template = match blueprint.serves {
            Serves::MySql => {
                let none = || LabError::new(stage(), "the run has no MySQL server");
                let template = blueprint.template.ok_or_else(none)?;
                make_data(own.path(), template).stage(stage())?;
                Some(template.clone())
            }
            Serves::Echo(_) | Serves::Own(_) => None,
        };
        let mut server = Self {
            name: blueprint.name.clone(),
            server_id: blueprint.server_id,
            sql: blueprint.sql.to_vec(),
            hosts: blueprint.hosts.map(str::to_owned),
            serves: blueprint.serves.clone(),
            process: None,
            last_end: None,
            folder: own,
            log: blueprint.log.clone(),
            pump: None,
            template,
            listen: blueprint.listen,
            earlier_cells: 0,
            sysctls: BTreeSet::new(),
            as_new: if blueprint.lendable {
                crate::traces::seen_in(&namespace)?
            } else {
                BTreeSet::new()
            },
            timeouts: BTreeMap::new(),
            namespace,
        };
        server.pump = blueprint.lendable.then(Pump::new);
        if server.is_mysql() {
            server.start_process()?;
        }
        Ok(server)
    }

    /// Starts what could not be started before the host had its addresses.
    pub(crate) fn start_late(&mut self) -> Result<()> {
        match self.serves {
            Serves::Echo(_) | Serves::Own(_) => self.start_process(),
            Serves::MySql => Ok(()),
        }
    }

    /// What speaks with clients: `mysqld` or `the echo server`.
    fn what(&self) -> &'static str {
        match self.serves {
            Serves::MySql => "mysqld",
            Serves::Echo(_) => "the echo server",
            Serves::Own(_) => "the server program",
        }
    }

    /// Is it what `blueprint` asks for, but for its name?
    pub(crate) fn is_made_of(&self, blueprint: &Blueprint<'_>) -> bool {
        self.serves == blueprint.serves
            && self.template.as_ref() == blueprint.template
            && self.listen == blueprint.listen
    }

    /// Becomes the server of `blueprint`: a lent one has been another's.
    pub(crate) fn be(&mut self, blueprint: &Blueprint<'_>) -> Result<()> {
        let stage = || format!("make a server that is running already {}", blueprint.name);
        self.name = blueprint.name.clone();
        self.namespace.rename(blueprint.name.as_str());
        self.log.clone_from(&blueprint.log);
        self.server_id = blueprint.server_id;
        self.earlier_cells += 1;
        if let Some(pump) = &self.pump {
            pump.to(&self.log, self.earlier_cells).stage(stage())?;
        }
        self.ask(&format!("set global server_id = {}", self.server_id))
            .map(drop)
            .map_err(|error| LabError::new(stage(), error))
    }

    /// It is in no cell: what it logs now is nobody's.
    pub(crate) fn rest(&self) {
        if let Some(pump) = &self.pump {
            pump.to_nobody();
        }
    }

    /// Starts the server; it is not ready when this returns.
    pub(crate) fn start_process(&mut self) -> Result<()> {
        let stage = || format!("start {} on {}", self.what(), self.name);
        if self.process.is_some() {
            return Err(LabError::new(stage(), "it is running already"));
        }
        let log: OwnedFd = match &self.pump {
            Some(pump) => pump.start(&self.log).stage(stage())?,
            None => OpenOptions::new()
                .create(true)
                .append(true)
                .open(&self.log)
                .stage(stage())?
                .into(),
        };
        let own = getrlimit(Resource::Fsize).maximum;
        let most = own.map_or(MOST_FILE, |own| own.min(MOST_FILE));
        // prlimit(1) becomes the server: it never runs without the limit.
        let prlimit = in_path("prlimit").stage(stage())?;
        let mut command = match (&self.serves, &self.template) {
            (Serves::Echo(echo), _) => {
                let (name, addresses) = (self.name.as_str(), &echo.addresses);
                let child = echo_server::start(&self.namespace, echo.protocol, name, addresses, log)?;
                self.process = Some(Running {
                    child,
                    enclosure: None,
                });
                return Ok(());
            }
            (Serves::Own(own), _) => {
                let limit = [
                    prlimit.display().to_string(),
                    format!("--fsize={most}"),
                    "--".to_owned(),
                ];
                let (name, port) = (&self.name, self.listen.port());
                own.command(name, port, self.folder.path(), &limit)
                    .stage(stage())?
            }
            (Serves::MySql, None) => return Err(LabError::new(stage(), "the run has no MySQL server")),
            (Serves::MySql, Some(template)) => {
                let mut command = match &self.hosts {
                    None => Command::new(prlimit),
                    Some(hosts) => names::knowing(hosts, self.folder.path(), &prlimit).stage(stage())?,
                };
                command
                    .arg(format!("--fsize={most}"))
                    .arg("--")
                    .arg(&template.server.program)
                    .args(self.arguments(template))
                    .env_clear()
                    .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                    .current_dir(self.folder.path());
                command
            }
        };
        command.stdin(Stdio::null());
        command.stdout(log.try_clone().stage(stage())?).stderr(log);
        let child = self.namespace.start(command).stage(stage())?;
        let enclosure = match &self.serves {
            Serves::Own(_) => enclosed::namespace_of(&child),
            Serves::MySql | Serves::Echo(_) => None,
        };
        self.process = Some(Running { child, enclosure });
        Ok(())
    }

    fn arguments(&self, template: &Template) -> Vec<String> {
        let folder = self.folder.path();
        let data = folder.join("data");
        let mut words = vec![
            "--no-defaults".to_owned(),
            format!("--datadir={}", data.display()),
            format!("--socket={}", self.socket().display()),
            format!("--pid-file={}", folder.join("pid").display()),
            format!("--init-file={}", folder.join("init.sql").display()),
            // A starting mariadbd removes the temporary tables (`#sql*`) that it finds in its tmpdir, also
            // those of another one.
            format!("--tmpdir={}", folder.join("tmp").display()),
            format!("--port={}", self.listen.port()),
            format!("--bind-address={}", self.listen.ip()),
            format!("--server-id={}", self.server_id),
            "--performance-schema=OFF".to_owned(),
            "--skip-log-bin".to_owned(),
        ];
        if self.hosts.is_none() {
            words.push("--skip-name-resolve".to_owned());
        }
        words.extend(template.server.options(template.innodb));
        match template.server.flavour {
            Flavour::MariaDb => {
                words.extend(["--aria-pagecache-buffer-size=8M", "--key-buffer-size=1M"].map(str::to_owned));
            }
            Flavour::MySql | Flavour::MySqlWithoutInitialize => {}
        }
        if rustix::process::geteuid().is_root() {
            words.push("--user=root".to_owned());
        }
        words
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("sock")
    }

    /// Waits until the server answers on its own socket with its `server_id`, or by its own name, and notices
    /// if it dies before.
    pub(crate) fn wait_ready(&mut self) -> Result<()> {
        let stage = format!("wait for {} on {}", self.what(), self.name);
        let mut last = "it did not listen yet".to_owned();
        let ready = poll_for(START_STOP_DEADLINE, Duration::from_millis(5), || {
            if let MysqldState::Ended { status } = self.state() {
                return Err(LabError::new(stage.clone(), format!("it ended: {status}")));
            }
            match &self.serves {
                Serves::MySql => {}
                Serves::Echo(echo) => {
                    return match self.ask_echo(echo.protocol) {
                        Ok(name) if name == self.name.as_str() => Ok(Some(())),
                        Ok(name) => Err(echo_server::another(stage.clone(), &name, self.name.as_str())),
                        Err(error) => {
                            last = error;
                            Ok(None)
                        }
                    };
                }
                Serves::Own(own) => {
                    return Ok(match self.ask_own(own) {
                        Ok(()) => Some(()),
                        Err(error) => {
                            last = error;
                            None
                        }
                    });
                }
            }
            if !self.socket().exists() {
                return Ok(None);
            }
            match self.ask("select @@server_id") {
                Ok(rows) => match rows.first().and_then(|row| row.get::<u32, _>(0)) {
                    Some(id) if id == self.server_id => Ok(Some(())),
                    id => Err(LabError::new(
                        stage.clone(),
                        format!("it says its server_id is {id:?}, not {}", self.server_id),
                    )),
                },
                Err(error) => {
                    last = error;
                    Ok(None)
                }
            }
        });
        let failed = match ready {
            Ok(Some(())) => return Ok(()),
            Ok(None) => LabError::new(
                stage,
                format!("not ready after {} s: {last}", START_STOP_DEADLINE.as_secs()),
            ),
            Err(error) => error,
        };
        Err(LabError {
            log: self.last_log_lines(),
            ..failed
        })
    }

    /// Ends the mysqld by `signal` and waits until the process is gone; gives its exit status in words.
    pub(crate) fn stop_process(&mut self, signal: StopSignal) -> Result<String> {
        let stage = format!("stop {} on {}", self.what(), self.name);
        let Some(process) = self.process.as_mut() else {
            return Err(LabError::new(stage, "it is not running"));
        };
        let signal = match signal {
            StopSignal::Term => Signal::TERM,
            StopSignal::Kill => Signal::KILL,
        };
        let own = process.pids();
        // The signal is for the server; what it has started ends with its PID namespace.
        let own = own
            .first()
            .ok_or_else(|| LabError::new(stage.clone(), "it has no process"))?;
        rustix::process::kill_process(*own, signal).stage(stage.clone())?;
        let ended = poll_for(START_STOP_DEADLINE, Duration::from_millis(1), || {
            process.child.try_wait()
        })
        .stage(stage.clone())?;
        let Some(status) = ended else {
            return Err(LabError::new(
                stage,
                format!(
                    "it was still there {} s after the signal",
                    START_STOP_DEADLINE.as_secs()
                ),
            ));
        };
        self.process = None;
        self.last_end = Some(status);
        Ok(self.status_text(status))
    }

    /// The server's process, and those that it has started.
    pub(crate) fn pids(&self) -> Vec<Pid> {
        self.process.as_ref().map(Running::pids).unwrap_or_default()
    }

    /// What the mysqld is doing now.
    pub(crate) fn state(&mut self) -> MysqldState {
        if let Some(process) = self.process.as_mut() {
            match process.child.try_wait() {
                Ok(Some(status)) => {
                    self.process = None;
                    self.last_end = Some(status);
                }
                // Not ended; or not ours to wait for, which cannot be: it was spawned here and is reaped
                // nowhere else.
                Ok(None) | Err(_) => {
                    let frozen = all_frozen(&process.pids()).unwrap_or(false);
                    return if frozen {
                        MysqldState::Frozen
                    } else {
                        MysqldState::Running
                    };
                }
            }
        }
        MysqldState::Ended {
            status: self
                .last_end
                .map_or_else(|| "never started".to_owned(), |status| self.status_text(status)),
        }
    }

    /// How it ended. Of a program of the author's own a shell says it, which adds 128 to a signal.
    fn status_text(&self, status: ExitStatus) -> String {
        match (&self.serves, status.code()) {
            (Serves::Own(_), Some(code @ 129..)) => format!("signal {}", code - 128),
            (Serves::Own(_) | Serves::MySql | Serves::Echo(_), _) => status_text(status),
        }
    }

    /// Asks the echo server over the host's own loopback device, which is no part of the lab's network.
    fn ask_echo(&self, protocol: Protocol) -> std::result::Result<String, String> {
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), self.listen.port());
        let asked = self
            .namespace
            .run(move || echo_server::ask(address, protocol, ADMIN_DEADLINE));
        asked
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())
    }

    /// Is it a mysqld?
    pub(crate) fn is_mysql(&self) -> bool {
        self.serves == Serves::MySql
    }

    /// What serves.
    pub(crate) fn serves(&self) -> &Serves {
        &self.serves
    }

    /// The port that it listens to.
    pub(crate) fn port(&self) -> u16 {
        self.listen.port()
    }

    /// What it listens over.
    pub(crate) fn protocol(&self) -> Protocol {
        match &self.serves {
            Serves::Echo(echo) => echo.protocol,
            Serves::MySql | Serves::Own(_) => Protocol::Tcp,
        }
    }

    /// The end of the server's log.
    pub(crate) fn last_log_lines(&self) -> Vec<String> {
        last_lines(&self.log).unwrap_or_default()
    }

    /// The name of the log's file.
    pub(crate) fn log_name(&self) -> Option<String> {
        Some(self.log.file_name()?.to_string_lossy().into_owned())
    }
}

/// Makes what a mysqld needs in its folder.
fn make_data(folder: &Path, template: &Template) -> io::Result<()> {
    copy_folder(&template.folder, &folder.join("data"))?;
    fs::create_dir(folder.join("tmp"))?;
    // It is run at every start, when the account may be there already.
    let make = match template.server.flavour {
        Flavour::MariaDb | Flavour::MySql => "CREATE USER IF NOT EXISTS",
        // 5.6 has no IF NOT EXISTS; its GRANT makes an account, or leaves it.
        Flavour::MySqlWithoutInitialize => "GRANT USAGE ON *.* TO",
    };
    let account = format!("{make} '{CLIENT_USER}'@'%' IDENTIFIED BY '{CLIENT_PASSWORD}';\n");
    fs::write(folder.join("init.sql"), account)
}

/// The last 20 lines of a file, and of its last 16 KiB: nobody knows what a server writes.
fn last_lines(path: &Path) -> io::Result<Vec<String>> {
    const MOST: u64 = 16 << 10;
    let mut file = File::open(path)?;
    let begin = file.metadata()?.len().saturating_sub(MOST);
    file.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // The first line of what was read may lack its beginning.
    let whole = match text.split_once('\n') {
        Some((_, rest)) if begin > 0 && !rest.is_empty() => rest,
        _ => &text,
    };
    let mut lines: Vec<String> = whole.lines().rev().take(20).map(str::to_owned).collect();
    lines.reverse();
    Ok(lines)
}

fn status_text(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown status".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_log_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        assert!(last_lines(&path).is_err());
        let said = |text: &[u8]| {
            fs::write(&path, text).unwrap();
            last_lines(&path).unwrap()
        };
        assert!(said(b"").is_empty());
        assert_eq!(said(b"one\ntwo \xff"), ["one", "two \u{fffd}"]);
        let numbers: String = (0..9000).map(|number| format!("{number}\n")).collect();
        let wanted: Vec<String> = (8980..9000).map(|number| number.to_string()).collect();
        assert_eq!(said(numbers.as_bytes()), wanted);
        // A line that was cut is left out, unless there is no other.
        let long = [&[b'x'; 20_000][..], b"\nlast\n"].concat();
        assert_eq!(said(&long), ["last"]);
        assert_eq!(said(&long[..20_001]), ["x".repeat((16 << 10) - 1)]);
        assert_eq!(said(&[0; 1 << 20]), ["\0".repeat(16 << 10)]);
    }
}
