//! What an operator, or fate, does to the lab by command lines; each deed is shown to have taken effect.

use crate::director;
use crate::error::{LabError, Result, Stage};
use crate::lab::{Lab, run_recorded};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, Node};
use lvs_matrix_model::plan::{Host, LabPlan};
use lvs_matrix_model::record::CommandRecord;
use lvs_matrix_netns::{CommandLine, read_sysctl};

/// What was done, and what shows it.
pub(crate) struct Deed {
    pub(crate) proof: String,
    pub(crate) commands: Vec<CommandRecord>,
}

/// Edits the director's table and looks whether the kernel's table followed: with `wanted` as the server's weight, or
/// without the server.
pub(crate) fn edit_table(
    plan: &LabPlan,
    lab: &Lab,
    action: &Action,
    server: &Name,
    wanted: Option<u32>,
) -> Result<Deed> {
    let commands = run_lines(plan, lab, action)?;
    let address = host(plan, server)?.address;
    let found = director::weight(&lab.director, plan, address)?;
    if found != wanted {
        return Err(LabError::new(
            action.to_string(),
            format!("the kernel's table has weight {found:?} for {address}, not {wanted:?}"),
        ));
    }
    let proof = match found {
        Some(weight) => format!("/proc/net/ip_vs has {address} with weight {weight}"),
        None => format!("/proc/net/ip_vs has no {address}"),
    };
    Ok(Deed { proof, commands })
}

/// Cuts a real server's link and looks whether it is down.
pub(crate) fn power_off(plan: &LabPlan, lab: &Lab, action: &Action, server: &Name) -> Result<Deed> {
    let commands = run_lines(plan, lab, action)?;
    let port = &host(plan, server)?.port;
    let look = CommandLine::new(["ip", "-o", "link", "show", "dev", port]);
    let shown = lab.link.check(&look).stage("look at the link")?;
    if !shown.contains("state DOWN") {
        return Err(LabError::new(
            action.to_string(),
            format!("the link is not down: {shown}"),
        ));
    }
    Ok(Deed {
        proof: format!("{port} is in state DOWN"),
        commands,
    })
}

/// Sets a sysctl of a node and reads it back.
pub(crate) fn set_sysctl(
    plan: &LabPlan,
    lab: &Lab,
    action: &Action,
    node: &Node,
    (key, value): (&str, &str),
) -> Result<Deed> {
    let commands = run_lines(plan, lab, action)?;
    let found = read_sysctl(lab.namespace(node)?, key).stage(format!("read {key}"))?;
    if found.split_whitespace().ne(value.split_whitespace()) {
        return Err(LabError::new(
            action.to_string(),
            format!("it reads `{found}`, not `{value}`"),
        ));
    }
    Ok(Deed {
        proof: format!("{key} reads {found} on {node}"),
        commands,
    })
}

fn host<'a>(plan: &'a LabPlan, server: &Name) -> Result<&'a Host> {
    plan.host(&Node::RealServer(server.clone()))
        .ok_or_else(|| LabError::new(format!("find {server}"), "the plan has no such real server"))
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
