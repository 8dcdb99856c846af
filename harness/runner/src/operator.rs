//! What an operator, or fate, does to the lab by command lines; each deed is shown to have taken effect.

use crate::director;
use crate::error::{LabError, Result, Stage};
use crate::lab::{Lab, run_recorded};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, HostAction, Node, TableAction};
use lvs_matrix_model::plan::{Host, LabPlan};
use lvs_matrix_model::record::CommandRecord;
use lvs_matrix_netns::{CommandLine, read_sysctl};

/// What was done, and what shows it.
pub(crate) struct Deed {
    pub(crate) proof: String,
    pub(crate) commands: Vec<CommandRecord>,
}

/// Edits the director's table and looks whether the kernel's table followed.
pub(crate) fn edit_table(plan: &LabPlan, lab: &Lab, edit: &TableAction) -> Result<Deed> {
    let (server, wanted) = match edit {
        TableAction::RemoveRealServer { server } => (server, None),
        TableAction::AddRealServer { server, weight } | TableAction::SetWeight { server, weight } => {
            (server, Some(u32::from(*weight)))
        }
    };
    let commands = run_lines(plan, lab, &edit.clone().into())?;
    let address = real_server(plan, server)?.address;
    let found = director::weight(&lab.director, plan, address)?;
    if found != wanted {
        return Err(LabError::new(
            edit.to_string(),
            format!("the kernel's table has weight {found:?} for {address}, not {wanted:?}"),
        ));
    }
    let proof = match found {
        Some(weight) => format!("/proc/net/ip_vs has {address} with weight {weight}"),
        None => format!("/proc/net/ip_vs has no {address}"),
    };
    Ok(Deed { proof, commands })
}

/// Does something to a host and looks whether it took effect.
pub(crate) fn host(plan: &LabPlan, lab: &Lab, action: &HostAction) -> Result<Deed> {
    let commands = run_lines(plan, lab, &action.clone().into())?;
    let failed = |reason: String| LabError::new(action.to_string(), reason);
    let proof = match action {
        HostAction::PowerOff { server } => {
            let port = &real_server(plan, server)?.port;
            let look = CommandLine::new(["ip", "-o", "link", "show", "dev", port]);
            let shown = lab.link.check(&look).stage("look at the link")?;
            if !shown.contains("state DOWN") {
                return Err(failed(format!("the link is not down: {shown}")));
            }
            format!("{port} is in state DOWN")
        }
        HostAction::SetSysctl { node, key, value } => {
            let found = read_sysctl(lab.namespace(node)?, key).stage(format!("read {key}"))?;
            if found.split_whitespace().ne(value.split_whitespace()) {
                return Err(failed(format!("it reads `{found}`, not `{value}`")));
            }
            format!("{key} reads {found} on {node}")
        }
    };
    Ok(Deed { proof, commands })
}

fn real_server<'a>(plan: &'a LabPlan, server: &Name) -> Result<&'a Host> {
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
