//! Command lines to copy: those of every step, and the preparation of the lab, by node.

use crate::escape::{fenced, one_line, shell};
use lvs_matrix_model::action::Node;
use lvs_matrix_model::record::{CellRecord, CommandRecord};
use std::fmt::{Result, Write as _};

pub(super) fn section(out: &mut String, record: &CellRecord) -> Result {
    let steps = of_steps(record)?;
    if steps.is_empty() && record.preparation.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Command lines\n")?;
    if !steps.is_empty() {
        writeln!(out, "Of the steps:\n")?;
        fenced(out, "sh", &steps);
        out.push('\n');
    }
    preparation(out, record)
}

/// The command lines of the steps, each under a comment that names step and node.
pub(crate) fn of_steps(record: &CellRecord) -> std::result::Result<String, std::fmt::Error> {
    let mut lines = String::new();
    for step in record.steps.iter().filter(|step| !step.commands.is_empty()) {
        writeln!(
            lines,
            "# step {}, {}: {}",
            step.number,
            step.phase,
            one_line(&step.action.to_string())
        )?;
        for command in &step.commands {
            write!(lines, "# on {}\n{}", place(command.node.as_ref()), block_line(command))?;
        }
    }
    Ok(lines)
}

fn preparation(out: &mut String, record: &CellRecord) -> Result {
    let blocks = by_node(record);
    if blocks.is_empty() {
        return Ok(());
    }
    writeln!(out, "<details><summary>The preparation of the lab, by node</summary>\n")?;
    for (place, lines) in blocks {
        writeln!(out, "On {place}:\n")?;
        fenced(out, "sh", &lines);
        out.push('\n');
    }
    writeln!(out, "</details>\n")
}

/// The sysctls of the plan, which the lab writes first, and the command lines that it ran; nothing if the lab ran none. One block
/// for each node, in the order in which the nodes first appear, not escaped.
pub(crate) fn by_node(record: &CellRecord) -> Vec<(String, String)> {
    if record.preparation.is_empty() {
        return Vec::new();
    }
    let sysctls = record.plan.hosts.iter().flat_map(|host| {
        let argv = |(key, value): &(String, String)| ["sysctl".to_owned(), "-w".to_owned(), format!("{key}={value}")];
        let line = move |sysctl| (place(Some(&host.node)), format!("{}\n", shell(&argv(sysctl))));
        host.sysctls.iter().map(line)
    });
    let commands = record.preparation.iter();
    let commands = commands.map(|command| (place(command.node.as_ref()), block_line(command)));
    let mut blocks: Vec<(String, String)> = Vec::new();
    for (place, line) in sysctls.chain(commands) {
        match blocks.iter_mut().find(|(known, _)| *known == place) {
            Some((_, lines)) => lines.push_str(&line),
            None => blocks.push((place, line)),
        }
    }
    blocks
}

fn place(node: Option<&Node>) -> String {
    node.map_or_else(|| "the link between the hosts".to_owned(), Node::to_string)
}

/// The command line; what it printed and a bad end as comments below it.
fn block_line(command: &CommandRecord) -> String {
    let mut text = shell(&command.argv);
    text.push('\n');
    match command.exit {
        Some(0) => {}
        Some(code) => text.push_str(&format!("#   exit {code}\n")),
        None => text.push_str("#   ended by a signal\n"),
    }
    if command.exit != Some(0) {
        for line in command.output.lines() {
            text.push_str(&format!("#   {}\n", one_line(line)));
        }
    }
    text
}
