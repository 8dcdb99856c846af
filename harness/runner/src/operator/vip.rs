//! The VIP, moved from one director to another by hand.

use super::{Effect, Shown, effect, find};
use crate::clock::Clock;
use crate::error::{LabError, Result, Stage};
use crate::lab::{Lab, run_recorded, silent};
use lvs_matrix_model::action::{HostAction, Node};
use lvs_matrix_model::lab::State;
use lvs_matrix_model::plan::{INTERFACE, LabPlan};
use lvs_matrix_model::record::{Instead, Proof, VipChange};
use lvs_matrix_netns::{CommandLine, Namespace, PacketSocket};
use std::net::{IpAddr, Ipv4Addr};

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
    effect(action, commands, shown(plan, lab, state, to)?)
}

/// The VIP is on `to`, and on no other director that can be looked at.
fn shown(plan: &LabPlan, lab: &Lab, state: &State<'_>, to: &Node) -> Result<Shown> {
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
