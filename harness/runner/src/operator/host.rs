//! A host's power, link and sysctls; and the VIP, moved from one director to another by hand.

use super::{Effect, Shown, effect, find, real_server};
use crate::clock::{Clock, poll_for};
use crate::error::{LabError, Result, Stage};
use crate::lab::{Lab, run_recorded, silent};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{ControlStep, HostAction, Node, StopSignal, SyncState};
use lvs_matrix_model::control::ControlPlane;
use lvs_matrix_model::lab::State;
use lvs_matrix_model::plan::{ARPING, Cidr, Host, LabPlan, NDSEND, Told};
use lvs_matrix_model::record::{Instead, MysqldState, PortState, Proof, VipChange};
use lvs_matrix_netns::{CommandLine, Namespace, PacketSocket, read_sysctl, write_sysctls};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
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
        | HostAction::ReloadKeepalived { .. }
        | HostAction::StopLdirectord { .. }
        | HostAction::StartLdirectord { .. }
        | HostAction::ReloadLdirectord { .. } => gone(lab, &action.node()),
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

/// Is the control plane of this director still not there?
fn gone(lab: &mut Lab, node: &Node) -> Result<Shown> {
    let (control, _) = lab.controlled(node)?;
    let by = control.plane;
    let runs = match by {
        ControlPlane::Keepalived => Instead::KeepalivedRuns,
        ControlPlane::Ldirectord => Instead::LdirectordRuns,
    };
    let status = control.status();
    Ok(status.map_or(Err(runs), |status| Ok(Proof::NoControl { by, status })))
}

/// Ends a director's control plane, starts it, or has it read its configuration again.
pub(super) fn control(
    plan: &LabPlan,
    lab: &mut Lab,
    (node, step): (&Node, ControlStep<'_>),
) -> Result<Shown> {
    let (control, director) = lab.controlled(node)?;
    let proof = match step {
        ControlStep::Stop(signal) => control.end(plan, director, signal)?,
        ControlStep::Start => control.launch(plan, director, false)?,
        ControlStep::Reload { without, config } => {
            let (without, config) = (without.cloned(), config.cloned());
            control.reload(plan, director, Told { without, config })?
        }
    };
    Ok(Ok(proof))
}

/// A director that loses its power: its control plane, if it has one, is gone, and says nothing to anybody.
pub(super) fn darkened(plan: &LabPlan, lab: &mut Lab, node: &Node) -> Result<()> {
    if plan.control().is_none() {
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
    // What keepalived made for a virtual router's Ethernet address goes, with the VIP on it.
    for link in run("ip -o link show type macvlan")?.lines() {
        if let Some(name) = link.split([':', '@']).nth(1) {
            run(&format!("ip link del dev {}", name.trim()))?;
        }
    }
    for ((cidr, _), line) in plan.moving().iter().zip(plan.moving_lines(false)) {
        if !addresses(director, cidr.address)?.is_empty() {
            run(&line.join(" "))?;
        }
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
    let seen = Box::new(control.launch(plan, director, false)?);
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
    let vip = Cidr::alone(plan.vip()).to_string();
    for (node, argv) in plan.command_lines(&action.clone().into()) {
        let Some(node) = node else { continue };
        if node != *to && state.unplugged(&node).is_some() {
            continue;
        }
        let program = argv.first().map(String::as_str);
        if program.is_some_and(|program| [ARPING, NDSEND].contains(&program)) {
            announce(plan, lab, to, &argv)?;
            commands.push(silent(Some(node), argv));
            continue;
        }
        commands.push(run_recorded(lab.namespace(&node)?, Some(node.clone()), &argv)?);
        if argv.contains(&vip) {
            let (at, holds) = (clock.now(), node == *to);
            lab.moves.push(VipChange { node, at, holds });
        }
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

/// Says once on the link of an address that moves, which the command line names, that a director has it: by a
/// gratuitous ARP, or by an unsolicited neighbour advertisement.
fn announce(plan: &LabPlan, lab: &Lab, node: &Node, argv: &[String]) -> Result<()> {
    let stage = "tell the link of the VIP";
    let mut moving = plan.moving().into_iter();
    let told = moving.find(|(cidr, _)| argv.contains(&cidr.address.to_string()));
    let (cidr, device) = told.ok_or_else(|| LabError::new(stage, "nothing of the kind moves"))?;
    let mut nics = find(plan, node)?.nics.iter();
    let nic = nics.find(|nic| nic.name == device);
    let mac = nic
        .ok_or_else(|| LabError::new(stage, format!("{node} has no {device}")))?
        .mac
        .0;
    let frame = match cidr.address {
        IpAddr::V4(address) => gratuitous_arp(mac, address),
        IpAddr::V6(address) => advertisement(mac, address),
    };
    let sent = lab.namespace(node)?.run(move || {
        let socket = PacketSocket::for_sending(device)?;
        socket.send(&frame)
    });
    sent.stage(stage)?.stage(stage)
}

/// An unsolicited neighbour advertisement that overrides what is known, to all nodes of the link (RFC 4861,
/// 4.4 and 7.2.6).
fn advertisement(mac: [u8; 6], address: Ipv6Addr) -> Vec<u8> {
    const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    const ICMPV6: u8 = 58;
    // Type 136, code 0, the checksum's place, the flag Override, the target, and the option of its address.
    let mut message = vec![136, 0, 0, 0, 0x20, 0, 0, 0];
    message.extend(address.octets());
    message.extend([2, 1]);
    message.extend(mac);
    let length = u8::try_from(message.len()).unwrap_or(u8::MAX);
    // The sum is taken over a pseudo-header, too (RFC 8200, 8.1).
    let pseudo = [
        &address.octets()[..],
        &ALL_NODES.octets()[..],
        &[0, 0, 0, length, 0, 0, 0, ICMPV6],
    ];
    let words = pseudo.concat();
    let words = words.chunks(2).chain(message.chunks(2));
    let sum: u32 = words
        .map(|pair| pair.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or_default();
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
    let mut frame = Vec::with_capacity(86);
    // Ethernet: to all nodes (RFC 2464, 7), from this card, IPv6.
    frame.extend([0x33, 0x33, 0, 0, 0, 1]);
    frame.extend(mac);
    frame.extend([0x86, 0xdd]);
    // IPv6: no traffic class or flow label, the length, ICMPv6, hop limit 255.
    frame.extend([0x60, 0, 0, 0, 0, length, ICMPV6, 255]);
    frame.extend(address.octets());
    frame.extend(ALL_NODES.octets());
    frame.extend(message);
    frame
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

    /// By the rule of the checksum the sum over all, the checksum among it, is all ones (RFC 1071).
    #[test]
    fn an_advertisement_has_the_address_as_its_target_and_a_checksum_that_is_right() {
        let mac = [2, 0, 0, 0, 0, 7];
        let address: Ipv6Addr = "2001:db8:0:1::100".parse().unwrap();
        let frame = advertisement(mac, address);
        assert_eq!(frame.len(), 86);
        assert_eq!(frame[62..78], address.octets());
        assert_eq!(frame[80..86], mac);
        let length = u32::try_from(frame.len() - 54).unwrap();
        let words = frame[22..]
            .chunks(2)
            .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
        let sum: u32 = words.sum::<u32>() + length + 58;
        assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
    }

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
