//! What happens to a mysqld's process.

use super::{Effect, Shown};
use crate::clock::poll_for;
use crate::error::{LabError, Result, Stage};
use crate::lab::Lab;
use crate::real_server::{RealServer, all_frozen};
use lvs_matrix_model::action::{MysqldAction, ServerDeed, StopSignal};
use lvs_matrix_model::ipvs::Protocol;
use lvs_matrix_model::record::{Instead, MysqldState, Proof, Sessions};
use lvs_matrix_netns::CommandLine;
use rustix::process::{Pid, Signal};
use std::io;
use std::time::Duration;

/// How long the threads of a process may take to stop, and to go on.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// How long a mysqld may take to end its sessions: one that waits for a lock or a disk notices the KILL late.
const KILL_DEADLINE: Duration = Duration::from_secs(60);

/// Does it.
pub(crate) fn mysqld(lab: &mut Lab, action: &MysqldAction) -> Result<Effect> {
    let name = action.server();
    let server = lab.servers.iter_mut().find(|server| &server.name == name);
    let server =
        server.ok_or_else(|| LabError::new(format!("find {name}"), "the lab has no such real server"))?;
    let proof = match action.deed() {
        ServerDeed::Stop(signal) => stop(server, signal),
        ServerDeed::Start => {
            server.start_process()?;
            server.wait_ready()?;
            Ok(match server.is_mysql() {
                true => Proof::Started { id: server.server_id },
                false => Proof::AnswersAs { server: name.clone() },
            })
        }
        ServerDeed::Freeze => freeze(server),
        ServerDeed::Thaw => thaw(server),
        ServerDeed::KillSessions => {
            server
                .end_sessions(KILL_DEADLINE, Duration::from_millis(1))
                .map(|sessions| Proof::SessionsEnded {
                    sessions: Sessions(sessions),
                })
        }
    };
    let proof = proof.map_err(|error| LabError::new(action.to_string(), error))?;
    Ok(Effect {
        proof,
        commands: Vec::new(),
    })
}

/// What lasts of it: a mysqld that was stopped is not there, one that was frozen does not run.
pub(super) fn lasting(lab: &mut Lab, action: &MysqldAction) -> Result<Option<Shown>> {
    let name = action.server();
    let Some(server) = lab.servers.iter_mut().find(|server| &server.name == name) else {
        return Ok(None);
    };
    let state = server.state();
    let other = !server.is_mysql();
    Ok(match action.deed() {
        ServerDeed::Stop(_) => Some(match state {
            MysqldState::Ended { status } if other => Ok(Proof::NoServerRuns { status }),
            MysqldState::Ended { status } => Ok(Proof::NoMysqld { status }),
            MysqldState::Running | MysqldState::Frozen if other => Err(Instead::ServerRuns),
            MysqldState::Running | MysqldState::Frozen => Err(Instead::MysqldRuns),
        }),
        ServerDeed::Freeze => Some(match state {
            MysqldState::Frozen if other => Ok(Proof::ServerStillFrozen),
            MysqldState::Frozen => Ok(Proof::StillFrozen),
            MysqldState::Running if other => Err(Instead::ServerNotFrozen),
            MysqldState::Running => Err(Instead::MysqldNotFrozen),
            MysqldState::Ended { status } if other => Err(Instead::ServerEnded { status }),
            MysqldState::Ended { status } => Err(Instead::MysqldEnded { status }),
        }),
        ServerDeed::Start | ServerDeed::Thaw | ServerDeed::KillSessions => None,
    })
}

/// The end of the process alone is not enough: a program that starts the server and waits for it would end,
/// and the server go on.
fn stop(server: &mut RealServer, signal: StopSignal) -> Result<Proof> {
    let port = server.port();
    let status = server.stop_process(signal)?;
    match listener(server, port)? {
        None => Ok(Proof::ProcessEnded { status, port }),
        Some(line) => Err(LabError::new(
            "look for a listener",
            format!("the process ended ({status}), but port {port} is listened on: {line}"),
        )),
    }
}

fn freeze(server: &RealServer) -> Result<Proof> {
    let port = server.port();
    let pids = signal(server, Signal::STOP)?;
    let all_stopped = || Ok::<_, io::Error>(all_frozen(&pids)?.then_some(()));
    let stopped =
        poll_for(STOP_DEADLINE, Duration::from_millis(1), all_stopped).stage("read the threads' states")?;
    let failed = |reason: String| LabError::new("look at the process", reason);
    if stopped.is_none() {
        return Err(failed("not all of its threads are in state T".to_owned()));
    }
    match listener(server, port)? {
        Some(line)
            if pids
                .iter()
                .any(|pid| line.contains(&format!("pid={},", pid.as_raw_nonzero()))) =>
        {
            Ok(Proof::ProcessFrozen { port })
        }
        Some(line) => Err(failed(format!(
            "{pids:?} are frozen, but port {port} is another's: {line}"
        ))),
        None => Err(failed(format!(
            "{pids:?} are frozen, but nobody is seen to listen on port {port}"
        ))),
    }
}

fn thaw(server: &mut RealServer) -> Result<Proof> {
    let pids = signal(server, Signal::CONT)?;
    let goes_on = || Ok::<_, io::Error>((!all_frozen(&pids)?).then_some(()));
    let going =
        poll_for(STOP_DEADLINE, Duration::from_millis(1), goes_on).stage("read the threads' states")?;
    if going.is_none() {
        return Err(LabError::new(
            "look at the process",
            "its threads are still in state T",
        ));
    }
    server.wait_ready()?;
    Ok(match server.is_mysql() {
        true => Proof::RunsAgain { id: server.server_id },
        false => Proof::AnswersAs {
            server: server.name.clone(),
        },
    })
}

/// Sends it to every process of the server.
fn signal(server: &RealServer, signal: Signal) -> Result<Vec<Pid>> {
    let stage = format!("send {signal:?}");
    let pids = server.pids();
    if pids.is_empty() {
        return Err(LabError::new(stage, "no server is running"));
    }
    for pid in &pids {
        rustix::process::kill_process(*pid, signal).stage(stage.clone())?;
    }
    Ok(pids)
}

/// Who listens on the port, as `ss` shows it.
fn listener(server: &RealServer, port: u16) -> Result<Option<String>> {
    let options = match server.protocol() {
        Protocol::Tcp | Protocol::Sctp => "-Htlnp",
        Protocol::Udp => "-Hulnp",
    };
    let list = CommandLine::new(["ss", options, &format!("sport = :{port}")]);
    let shown = server.namespace.check(&list).stage("look for a listener")?;
    let line = shown
        .lines()
        .next()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    Ok(line.map(str::to_owned))
}
