//! What an operator, or fate, does to the lab. Each deed is done by its command lines or its signal, and then
//! shown to have taken effect by what the kernel itself says: a deed that nothing shows has failed. A fault
//! that lasts is looked at once more when the observation ends.

mod choice;
mod firewall;
mod host;
mod mysqld;
mod netem;
mod size;
mod table;
mod watch;

pub(crate) use choice::{BY_HASH, BY_WEIGHT, entry_of, leave_only};
pub(crate) use host::move_vip;
pub(crate) use mysqld::mysqld;
pub(crate) use table::{Saved, edit_table};
pub(crate) use watch::{Waited, watch};

use crate::error::{LabError, Result};
use crate::lab::{Lab, run_recorded, silent};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, Chain, HostAction, Node, Percent, TrafficAction};
use lvs_matrix_model::lab::State;
use lvs_matrix_model::plan::{Host, LabPlan, Nic};
use lvs_matrix_model::record::{AtEnd, CommandRecord, Instead, PortState, Proof};
use lvs_matrix_netns::ip_batch;
use std::fmt;

/// What was done, and what shows it.
pub(crate) struct Effect {
    pub(crate) proof: Proof,
    pub(crate) commands: Vec<CommandRecord>,
}

/// What the kernel shows of a fault, or what it shows instead.
pub(crate) type Shown = std::result::Result<Proof, Instead>;

/// Does something to a host.
pub(crate) fn host(plan: &LabPlan, lab: &mut Lab, action: &HostAction) -> Result<Effect> {
    if let Some((_, step)) = action.of_control() {
        let proof = host::control(plan, lab, (&action.node(), step))?;
        return effect(action, Vec::new(), proof);
    }
    if matches!(action, HostAction::PowerOff { .. }) && action.node().is_director() {
        host::darkened(plan, lab, &action.node())?;
    }
    let boots = matches!(action, HostAction::PowerOn { .. }) && action.node().is_director();
    if boots {
        host::forgotten(plan, lab, &action.node())?;
    }
    let commands = run_lines(plan, lab, &action.clone().into())?;
    if boots {
        let proof = host::director_booted(plan, lab, &action.node())?;
        return effect(action, commands, proof);
    }
    if let HostAction::PowerOn { server } = action
        && let Some(name) = server.0.real_server()
    {
        let proof = host::booted(plan, lab, name)?;
        return effect(action, commands, proof);
    }
    effect(action, commands, host::shown(plan, lab, action)?)
}

/// Does something to packets on their way.
pub(crate) fn traffic(plan: &LabPlan, lab: &Lab, action: &TrafficAction) -> Result<Effect> {
    let lines = action.clone().into();
    let commands = if let TrafficAction::FlushConntrack { .. } = action {
        // Done by netlink, where it is shown.
        let lines = plan.command_lines(&lines).into_iter();
        lines.map(|(node, argv)| silent(node, argv)).collect()
    } else {
        run_lines(plan, lab, &lines)?
    };
    effect(action, commands, traffic_shown(plan, lab, action)?)
}

fn traffic_shown(plan: &LabPlan, lab: &Lab, action: &TrafficAction) -> Result<Shown> {
    match action {
        TrafficAction::AddFirewallRule {
            node,
            chain,
            verdict,
            matches,
        } => {
            let namespace = lab.namespace(node)?;
            firewall::rule_shown(plan, namespace, node, *chain, *verdict, matches.as_ref())
        }
        TrafficAction::AddStatefulFirewall { node, chain, new } => {
            firewall::stateful_shown(plan, lab.namespace(node)?, node, *chain, *new)
        }
        TrafficAction::AddSynproxy { node } => firewall::synproxy_shown(plan, lab.namespace(node)?, node),
        TrafficAction::FlushConntrack { node } => firewall::forget(lab.namespace(node)?, node),
        TrafficAction::FlushFirewall { node } => firewall::empty_shown(lab.namespace(node)?),
        TrafficAction::SetNetem { node, delay, loss } => netem::shown(plan, lab, node, *delay, *loss),
        TrafficAction::SetMtu { node, mtu } => size::mtu(plan, lab, node, *mtu),
        TrafficAction::FilterIcmp { node } => size::filter(plan, lab, node),
        TrafficAction::BlockVrrp { node } => size::vrrp(plan, lab, node),
        TrafficAction::ClampMss { node, size } => size::clamp(lab, node, *size),
    }
}

fn effect(
    action: &impl ToString,
    commands: Vec<CommandRecord>,
    shown: std::result::Result<Proof, impl fmt::Display>,
) -> Result<Effect> {
    match shown {
        Ok(proof) => Ok(Effect { proof, commands }),
        Err(reason) => Err(LabError::new(action.to_string(), reason)),
    }
}

/// How many of the client's own segments its firewall has held back so far, by the kernel's counter; `None`
/// if no such rule is in force. Of several rules in a chain only the first one meets anything.
pub(crate) fn held_back(plan: &LabPlan, lab: &Lab, state: &State<'_>) -> Result<Option<u64>> {
    let mut firewalls = state.stateful();
    let stateful = firewalls.find(|one| *one.node == Node::Client && one.chain == Chain::Output);
    if let Some(one) = stateful {
        let namespace = lab.namespace(one.node)?;
        let shown = firewall::stateful_shown(plan, namespace, one.node, one.chain, one.new)?;
        return Ok(shown.ok().and_then(|proof| proof.packets()));
    }
    let mut rules = state.rules();
    let Some(rule) = rules.find(|rule| *rule.node == Node::Client && rule.chain == Chain::Output) else {
        return Ok(None);
    };
    let namespace = lab.namespace(rule.node)?;
    let shown = firewall::rule_shown(plan, namespace, rule.node, rule.chain, rule.verdict, rule.matches)?;
    Ok(shown.ok().and_then(|proof| proof.packets()))
}

/// Looks once more at the fault of a step that was done, if it is in force by the steps. `None` for what does
/// not last, and for edits of the director's table, which its last snapshot shows.
pub(crate) fn at_end(
    plan: &LabPlan,
    lab: &mut Lab,
    state: &State<'_>,
    (step, action): (u32, &Action),
) -> Result<Option<AtEnd>> {
    if !state.lasts(step) {
        return Ok(None);
    }
    let shown = match action {
        Action::Mysqld(action) => match mysqld::lasting(lab, action)? {
            Some(shown) => shown,
            None => return Ok(None),
        },
        Action::Host(action) => host::shown(plan, lab, action)?,
        Action::Traffic(action) => traffic_shown(plan, lab, action)?,
        Action::Table(_) | Action::Other(_) | Action::Client(_) | Action::Wait(_) | Action::Watch(_) => {
            return Ok(None);
        }
    };
    Ok(Some(match shown {
        Ok(shows) => AtEnd::InForce {
            packets: shows.packets(),
            shows,
        },
        Err(reason) => AtEnd::Gone { reason },
    }))
}

/// A sentinel must be able to reach every host, or its capture could not be proven: links that were cut come
/// back, and neither delay nor lose more than at the beginning. The observation is over.
pub(crate) fn restore_links(plan: &LabPlan, lab: &Lab) -> Result<()> {
    for step in &plan.steps {
        match &step.action {
            Action::Host(action) if action.cuts_off() == Some(true) => link_up(plan, lab, &action.node())?,
            Action::Traffic(TrafficAction::SetNetem { node, .. }) => {
                let (node, delay, loss) = (node.clone(), std::time::Duration::ZERO, Percent(0));
                let undo = TrafficAction::SetNetem { node, delay, loss };
                run_lines(plan, lab, &undo.into())?;
            }
            Action::Host(_)
            | Action::Traffic(_)
            | Action::Table(_)
            | Action::Other(_)
            | Action::Mysqld(_)
            | Action::Client(_)
            | Action::Wait(_)
            | Action::Watch(_) => {}
        }
    }
    Ok(())
}

/// The bridge forwards to a port only when linkwatch has noticed its carrier, which may be a second later
/// (`linkwatch_schedule_work` of net/core/link_watch.c, `br_port_carrier_check` of net/bridge/br_if.c).
fn link_up(plan: &LabPlan, lab: &Lab, node: &Node) -> Result<()> {
    let stage = "bring a link up again for the last sentinel";
    let host = find(plan, node)?;
    let up = |nic: &Nic| format!("link set dev {} up", nic.port);
    let lines: Vec<String> = host.nics.iter().map(up).collect();
    ip_batch(&lab.link, &lines).map_err(|error| LabError::new(stage, error))?;
    match host::ports(lab, host, PortState::Up)? {
        Ok(_) => Ok(()),
        Err(reason) => Err(LabError::new(stage, reason)),
    }
}

fn real_server<'a>(plan: &'a LabPlan, server: &Name) -> Result<&'a Host> {
    find(plan, &Node::RealServer(server.clone()))
}

fn find<'a>(plan: &'a LabPlan, node: &Node) -> Result<&'a Host> {
    plan.host(node)
        .ok_or_else(|| LabError::new(format!("find {node}"), "the plan has no such host"))
}

/// Runs the action's own command lines where they belong.
fn run_lines(plan: &LabPlan, lab: &Lab, action: &Action) -> Result<Vec<CommandRecord>> {
    plan.command_lines(action)
        .into_iter()
        .map(|(node, argv)| {
            let namespace = match &node {
                Some(node) => lab.namespace(node)?,
                None => &lab.link,
            };
            run_recorded(namespace, node.clone(), &argv)
        })
        .collect()
}
