//! A host's power, link and sysctls; and the VIP, moved from one director to another by hand.

use super::{Effect, Shown, effect, find, real_server};
use crate::clock::{Clock, poll_for};
use crate::error::{LabError, Result, Stage};
use crate::lab::{Lab, run_recorded, silent};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{HostAction, Node, StopSignal, SyncState};
use lvs_matrix_model::lab::State;
use lvs_matrix_model::plan::{Cidr, Host, INTERFACE, LabPlan, Told};
use lvs_matrix_model::record::{Instead, MysqldState, PortState, Proof, VipChange};
use lvs_matrix_netns::{CommandLine, Namespace, PacketSocket, read_sysctl, write_sysctls};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// How long a port may take to come up; its carrier is noticed by the kernel's linkwatch, at most once a
/// second.
const LINK_DEADLINE: Duration = Duration::from_secs(5);

/// How long the entries of a director that boots may take to go: they are deleted a jiffy later.
const FORGETS: Duration = Duration::from_secs(5);

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
        // By a function of its own, which knows who is cut off.
        HostAction::MoveVip { .. } => Err(LabError::new(action.to_string(), "it does not last")),
        HostAction::StartSyncDaemon { state, .. } => {
            sync_daemon(lab.namespace(&action.node())?, *state, true)
        }
        HostAction::StopSyncDaemon { state, .. } => {
            sync_daemon(lab.namespace(&action.node())?, *state, false)
        }
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
        | HostAction::MoveVip { .. }
        | HostAction::StartSyncDaemon { .. }
        | HostAction::StopSyncDaemon { .. }
        | HostAction::SetSysctl { .. } => {
            return Err(LabError::new(action.to_string(), "it is not done to keepalived"));
        }
    };
    Ok(Ok(proof))
}

/// A director that loses its power: its keepalived, if it has one, is gone, and says nothing to anybody.
pub(super) fn darkened(plan: &LabPlan, lab: &mut Lab, node: &Node) -> Result<()> {
    if plan.keepalived().is_none() {
        return Ok(());
    }
    let (control, director) = lab.controlled(node)?;
    if control.runs() {
        control.end(plan, director, StopSignal::Kill)?;
    }
    Ok(())
}

/// The sync daemons of a director, as `ipvsadm -l --daemon` lists them: `master sync daemon
/// (mcast=eth0, syncid=1)`.
fn sync_daemons(director: &Namespace) -> Result<String> {
    let look = CommandLine::new(["ipvsadm", "-l", "--daemon"]);
    director.check(&look).stage("look at the sync daemons")
}

/// Does it have such a daemon, as it was told to (`wanted`)?
fn sync_daemon(director: &Namespace, state: SyncState, wanted: bool) -> Result<Shown> {
    let listed = sync_daemons(director)?;
    let begins = format!("{state} sync daemon");
    let line = listed.lines().find(|line| line.starts_with(&begins));
    Ok(match (line, wanted) {
        (Some(line), true) => Ok(Proof::SyncDaemon {
            line: line.to_owned(),
        }),
        (None, false) => Ok(Proof::NoSyncDaemon {
            state: state.to_string(),
        }),
        (Some(_), false) | (None, true) => {
            let listed = listed.split_whitespace().collect::<Vec<_>>().join(" ");
            Err(Instead::OtherSyncDaemons { listed })
        }
    })
}

/// What a director had in memory goes with its power: the VIP, its sync daemons, its table and its entries.
/// No call empties the table of entries. With expire_nodest_conn the kernel deletes those whose destination
/// is gone (net/netfilter/ipvs/ip_vs_conn.c, `ip_vs_expire_nodest_conn_flush`).
pub(super) fn forgotten(plan: &LabPlan, lab: &mut Lab, node: &Node) -> Result<()> {
    const EXPIRE: &str = "net.ipv4.vs.expire_nodest_conn";
    let stage = || format!("take from {node} what it had in memory");
    let (control, director) = lab.controlled(node)?;
    let held = control.hold();
    let run = |words: &str| {
        let line = CommandLine::new(words.split_whitespace());
        director.check(&line).stage(stage())
    };
    if control.holds_vip() {
        run(&format!(
            "ip addr del {} dev {INTERFACE}",
            Cidr::alone(plan.vip())
        ))?;
    }
    let daemons = sync_daemons(director)?;
    for state in [SyncState::Master, SyncState::Backup] {
        if daemons.lines().any(|line| line.starts_with(state.as_str())) {
            run(&format!("ipvsadm --stop-daemon {state}"))?;
        }
    }
    let before = read_sysctl(director, EXPIRE).stage(stage())?;
    let set = |value: &str| write_sysctls(director, &[(EXPIRE.to_owned(), value.to_owned())]).stage(stage());
    set("1")?;
    run("ipvsadm -C")?;
    let empty = poll_for(FORGETS, Duration::from_millis(10), || {
        // The first line is the heading.
        let entries = run("cat /proc/net/ip_vs_conn")?;
        Ok::<_, LabError>((entries.lines().nth(1).is_none()).then_some(()))
    })?;
    set(before.trim())?;
    held.release(director)?;
    empty.ok_or_else(|| LabError::new(stage(), "entries of before are left"))
}

/// A director that has power again boots: its keepalived fills an empty table.
pub(super) fn director_booted(plan: &LabPlan, lab: &mut Lab, node: &Node) -> Result<Shown> {
    let (control, director) = lab.controlled(node)?;
    let seen = Box::new(control.launch(plan, director)?);
    let host = find(plan, node)?;
    let up = ports(lab, host, PortState::Up)?;
    Ok(up.map(|_| Proof::Booted {
        port: host.nic().port.clone(),
        seen,
    }))
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

/// A gratuitous ARP request, as arping(8) sends it with `-U`: RFC 826, with the VIP as sender and target.
const ARP_LENGTH: usize = 42;

/// Takes the VIP from the director that has it, unless that one is cut off in `state`, and gives it to `to`.
pub(crate) fn move_vip(
    plan: &LabPlan,
    lab: &mut Lab,
    state: &State<'_>,
    (action, to): (&HostAction, &Node),
    clock: Clock,
) -> Result<Effect> {
    let mut commands = Vec::new();
    for (node, argv) in plan.command_lines(&action.clone().into()) {
        let Some(node) = node else { continue };
        if node != *to && state.unplugged(&node).is_some() {
            continue;
        }
        if argv.first().is_some_and(|program| program == "arping") {
            announce(plan, lab, to)?;
            commands.push(silent(Some(node), argv));
            continue;
        }
        commands.push(run_recorded(lab.namespace(&node)?, Some(node.clone()), &argv)?);
        let (at, holds) = (clock.now(), node == *to);
        lab.moves.push(VipChange { node, at, holds });
    }
    effect(action, commands, vip_shown(plan, lab, state, to)?)
}

/// The VIP is on `to`, and on no other director that can be looked at.
fn vip_shown(plan: &LabPlan, lab: &Lab, state: &State<'_>, to: &Node) -> Result<Shown> {
    let mut others = lab.directors().iter().filter(|node| *node != to);
    let from = others
        .next()
        .ok_or_else(|| LabError::new("move the VIP", "the plan has one director"))?;
    let shows = addresses(lab.namespace(to)?, plan.vip())?;
    if shows.is_empty() {
        let node = to.clone();
        return Ok(Err(Instead::OtherVip { node, shows }));
    }
    let (to, from) = (to.clone(), from.clone());
    if state.unplugged(&from).is_some() {
        return Ok(Ok(Proof::VipTaken { to, shows, from }));
    }
    let left = addresses(lab.namespace(&from)?, plan.vip())?;
    Ok(match left.is_empty() {
        true => Ok(Proof::VipMoved { to, shows, from }),
        false => Err(Instead::OtherVip {
            node: from,
            shows: left,
        }),
    })
}

/// What `ip addr` shows of an address: `192.0.2.100/32 scope global eth0`.
fn addresses(namespace: &Namespace, address: IpAddr) -> Result<String> {
    let look = CommandLine::new(["ip", "-o", "addr", "show", "to", &address.to_string()]);
    let shown = namespace.check(&look).stage("look for the VIP")?;
    let words = shown
        .split_whitespace()
        .skip_while(|word| !word.starts_with("inet"));
    let words: Vec<&str> = words.skip(1).take_while(|word| !word.contains('\\')).collect();
    Ok(words.join(" "))
}

/// Sends one gratuitous ARP for the VIP from a director's card.
fn announce(plan: &LabPlan, lab: &Lab, node: &Node) -> Result<()> {
    let stage = "send a gratuitous ARP";
    let IpAddr::V4(vip) = plan.vip() else {
        return Err(LabError::new(stage, "the VIP is one of IPv6"));
    };
    let frame = gratuitous_arp(find(plan, node)?.nic().mac.0, vip);
    let sent = lab.namespace(node)?.run(move || {
        let socket = PacketSocket::for_sending(INTERFACE)?;
        socket.send(&frame)
    });
    sent.stage(stage)?.stage(stage)
}

fn gratuitous_arp(mac: [u8; 6], vip: Ipv4Addr) -> Vec<u8> {
    let broadcast = [0xff; 6];
    let mut frame = Vec::with_capacity(ARP_LENGTH);
    // Ethernet: to all, from this card, ARP.
    frame.extend(broadcast);
    frame.extend(mac);
    frame.extend([0x08, 0x06]);
    // Ethernet and IPv4, with addresses of 6 and 4 bytes; a request.
    frame.extend([0, 1, 0x08, 0, 6, 4, 0, 1]);
    frame.extend(mac);
    frame.extend(vip.octets());
    frame.extend(broadcast);
    frame.extend(vip.octets());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gratuitous_arp_has_the_vip_as_sender_and_as_target() {
        let mac = [2, 0, 0, 0, 0, 7];
        let frame = gratuitous_arp(mac, Ipv4Addr::new(192, 0, 2, 100));
        assert_eq!(frame.len(), ARP_LENGTH);
        assert_eq!(frame[6..12], mac);
        // Sender and target, by protocol (RFC 826: ar$spa, ar$tpa).
        assert_eq!(frame[28..32], [192, 0, 2, 100]);
        assert_eq!(frame[28..32], frame[38..42]);
    }
}
