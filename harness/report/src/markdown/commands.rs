//! Command lines to copy: those of every step, and the preparation of the lab, by node.

use crate::escape::{fenced, one_line, shell};
use lvs_matrix_language::Language;
use lvs_matrix_language::phrasing;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::record::{CellRecord, CommandRecord};
use std::fmt::{Result, Write as _};

pub(super) fn section(out: &mut String, words: Language, record: &CellRecord) -> Result {
    let steps = of_steps(words, record)?;
    if steps.is_empty() && record.preparation.is_empty() {
        return Ok(());
    }
    writeln!(out, "## {}\n", words.command_lines())?;
    if !steps.is_empty() {
        writeln!(out, "{}\n", words.of_the_steps())?;
        fenced(out, "sh", &steps);
        out.push('\n');
    }
    preparation(out, words, record)
}

/// The command lines of the steps, each under a comment that names step and node.
pub(crate) fn of_steps(words: Language, record: &CellRecord) -> std::result::Result<String, std::fmt::Error> {
    let mut lines = String::new();
    for step in record.steps.iter().filter(|step| !step.commands.is_empty()) {
        writeln!(
            lines,
            "# {}",
            words.step_of_phase(
                step.number,
                phrasing::phase(words, step.phase),
                one_line(&phrasing::action(words, &step.action))
            )
        )?;
        for command in &step.commands {
            let node = words.where_run(place(words, command.node.as_ref()));
            write!(lines, "# {node}\n{}", block_line(words, command))?;
        }
    }
    Ok(lines)
}

fn preparation(out: &mut String, words: Language, record: &CellRecord) -> Result {
    let blocks = by_node(words, record);
    if blocks.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<details><summary>{}</summary>\n",
        words.preparation_by_node()
    )?;
    for (place, lines) in blocks {
        writeln!(out, "{}\n", words.heads(words.on_node(place)))?;
        fenced(out, "sh", &lines);
        out.push('\n');
    }
    writeln!(out, "</details>\n")
}

/// The sysctls of the plan, which the lab writes first, and the command lines that it ran; nothing if the lab
/// ran none. One block for each node, in the order in which the nodes first appear, not escaped.
pub(crate) fn by_node(words: Language, record: &CellRecord) -> Vec<(String, String)> {
    if record.preparation.is_empty() {
        return Vec::new();
    }
    let sysctls = record.plan.hosts.iter().flat_map(|host| {
        let argv = |(key, value): &(String, String)| {
            ["sysctl".to_owned(), "-w".to_owned(), format!("{key}={value}")]
        };
        let line = move |sysctl| {
            (
                place(words, Some(&host.node)),
                format!("{}\n", shell(&argv(sysctl))),
            )
        };
        host.sysctls.iter().map(line)
    });
    let commands = record.preparation.iter();
    let commands = commands.map(|command| (place(words, command.node.as_ref()), block_line(words, command)));
    let mut blocks: Vec<(String, String)> = Vec::new();
    for (place, line) in sysctls.chain(commands) {
        match blocks.iter_mut().find(|(known, _)| *known == place) {
            Some((_, lines)) => lines.push_str(&line),
            None => blocks.push((place, line)),
        }
    }
    blocks
}

fn place(words: Language, node: Option<&Node>) -> String {
    node.map_or_else(|| words.link_between().to_owned(), Node::to_string)
}

/// The command line; what it printed and a bad end as comments below it.
fn block_line(words: Language, command: &CommandRecord) -> String {
    let mut text = shell(&command.argv);
    text.push('\n');
    match command.exit {
        Some(0) => {}
        Some(code) => text.push_str(&format!("#   {}\n", words.exit_code(code))),
        None => text.push_str(&format!("#   {}\n", words.ended_by_signal())),
    }
    if command.exit != Some(0) {
        for line in command.output.lines() {
            text.push_str(&format!("#   {}\n", one_line(line)));
        }
    }
    text
}
