//! A host's power, link and sysctls.

use super::{Shown, find, real_server};
use crate::clock::poll_for;
use crate::error::{LabError, Result, Stage};
use crate::lab::Lab;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{HostAction, Node, StopSignal};
use lvs_matrix_model::plan::{Host, LabPlan, Told};
use lvs_matrix_model::record::{Instead, MysqldState, PortState, Proof};
use lvs_matrix_netns::{CommandLine, Namespace, read_sysctl};
use std::time::Duration;

/// How long a port may take to come up; its carrier is noticed by the kernel's linkwatch, at most once a
/// second.
const LINK_DEADLINE: Duration = Duration::from_secs(5);

/// What the kernel shows of the action's effect.
pub(super) fn shown(plan: &LabPlan, lab: &mut Lab, action: &HostAction) -> Result<Shown> {
    match action {
        HostAction::StopKeepalived { .. }
        | HostAction::StartKeepalived { .. }
        | HostAction::ReloadKeepalived { .. } => {
            let (control, _) = lab.controlled(&action.node())?;
            let status = control.status();
            Ok(status.map_or(Err(Instead::KeepalivedRuns), |status| {
                Ok(Proof::NoKeepalived { status })
            }))
        }
        HostAction::PowerOff { .. } => ports(lab, find(plan, &action.node())?, PortState::Down),
        HostAction::PowerOn { .. } => ports(lab, find(plan, &action.node())?, PortState::Up),
        HostAction::LinkDown { node } => ports(lab, find(plan, node)?, PortState::Down),
        HostAction::LinkUp { node } => ports(lab, find(plan, node)?, PortState::Up),
        HostAction::SetSysctl { node, key, value } => {
            let found = read_sysctl(lab.namespace(node)?, key).stage(format!("read {key}"))?;
            Ok(if found.split_whitespace().eq(value.split_whitespace()) {
                let (node, key) = (node.clone(), key.clone());
                let value = found;
                Ok(Proof::Sysctl { key, value, node })
            } else {
                let value = value.clone();
                Err(Instead::OtherSysctl { found, value })
            })
        }
    }
}

/// Ends keepalived, starts it, or has it read its configuration again.
pub(super) fn keepalived(plan: &LabPlan, lab: &mut Lab, action: &HostAction) -> Result<Shown> {
    let (control, director) = lab.controlled(&action.node())?;
    let proof = match action {
        HostAction::StopKeepalived { signal, .. } => control.end(plan, director, *signal)?,
        HostAction::ReloadKeepalived { without, config, .. } => {
            let (without, config) = (without.clone(), config.clone());
            control.reload(plan, director, Told { without, config })?
        }
        HostAction::StartKeepalived { .. } => control.launch(plan, director)?,
        HostAction::PowerOff { .. }
        | HostAction::PowerOn { .. }
        | HostAction::LinkDown { .. }
        | HostAction::LinkUp { .. }
        | HostAction::SetSysctl { .. } => {
            return Err(LabError::new(action.to_string(), "it is not done to keepalived"));
        }
    };
    Ok(Ok(proof))
}

/// A director that loses its power: its keepalived is gone, and says nothing to anybody.
pub(super) fn darkened(plan: &LabPlan, lab: &mut Lab, node: &Node) -> Result<()> {
    let (control, director) = lab.controlled(node)?;
    if control.runs() {
        control.end(plan, director, StopSignal::Kill)?;
    }
    Ok(())
}

/// A host that has power again boots: of what its server did before nothing is left, and the server starts.
pub(super) fn booted(plan: &LabPlan, lab: &mut Lab, name: &Name) -> Result<Shown> {
    let host = real_server(plan, name)?;
    let server = lab.servers.iter_mut().find(|server| server.name == *name);
    let server =
        server.ok_or_else(|| LabError::new(format!("find {name}"), "the lab has no such real server"))?;
    if !matches!(server.state(), MysqldState::Ended { .. }) {
        server.stop_process(StopSignal::Kill)?;
    }
    let look = CommandLine::new(["ss", "--no-header", "--tcp", "--numeric"]);
    let left = server
        .namespace
        .check(&look)
        .stage("look for connections of before")?;
    if let Some(line) = left.lines().next() {
        let line = line.to_owned();
        return Ok(Err(Instead::ConnectionLeft { line }));
    }
    server.start_process()?;
    server.wait_ready()?;
    let seen = Box::new(match server.is_mysql() {
        true => Proof::Started { id: server.server_id },
        false => Proof::AnswersAs { server: name.clone() },
    });
    Ok(ports(lab, host, PortState::Up)?.map(|_| Proof::Booted {
        port: host.nic().port.clone(),
        seen,
    }))
}

/// Is each bridge port of the host in this state? The proof is of its first card, unless another one is not.
pub(super) fn ports(lab: &Lab, host: &Host, wanted: PortState) -> Result<Shown> {
    let first = port(&lab.link, &host.nic().port, wanted)?;
    for nic in host.nics.iter().skip(1).filter(|_| first.is_ok()) {
        let shown = port(&lab.link, &nic.port, wanted)?;
        if shown.is_err() {
            return Ok(shown);
        }
    }
    Ok(first)
}

/// Is the bridge's port in this state?
fn port(link: &Namespace, port: &str, wanted: PortState) -> Result<Shown> {
    let look = CommandLine::new(["ip", "-o", "link", "show", "dev", port]);
    let mut last = String::new();
    let found = poll_for(LINK_DEADLINE, Duration::from_millis(10), || {
        last = link.check(&look).stage("look at the link")?;
        let state = last.split_whitespace().skip_while(|word| *word != "state").nth(1);
        // A port that goes up passes through other states; one that went down was down at once.
        Ok::<_, LabError>(
            (state == Some(wanted.as_str()) || wanted == PortState::Down)
                .then(|| state == Some(wanted.as_str())),
        )
    })?;
    Ok(if found == Some(true) {
        let (port, state) = (port.to_owned(), wanted);
        Ok(Proof::Port { port, state })
    } else {
        let (state, shown) = (wanted, last);
        Err(Instead::OtherPortState { state, shown })
    })
}
