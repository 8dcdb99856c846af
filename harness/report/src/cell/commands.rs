//! Command lines to copy: those of every step, and the preparation of the lab, by node.

use crate::blocks::{Block, Code, Folded, Section};
use crate::escape::{one_line, shell};
use lvs_matrix_language::{Language, phrasing};
use lvs_matrix_model::action::Node;
use lvs_matrix_model::record::{CellRecord, CommandRecord};
use std::fmt::Write as _;

/// The command lines of the steps, and in what form a page has those that prepared the lab.
pub(crate) fn commands(words: Language, record: &CellRecord, preparation: Option<Block>) -> Option<Section> {
    let steps = of_steps(words, record);
    let mut blocks = Vec::new();
    if !steps.is_empty() {
        blocks.push(Block::paragraph(words.of_the_steps()));
        blocks.push(Block::Code(Code::text("sh", &steps)));
    }
    blocks.extend(preparation);
    (!blocks.is_empty()).then(|| Section::new(words.command_lines(), blocks))
}

/// The preparation of the lab, folded, for a page that stands alone.
pub(crate) fn preparation(words: Language, record: &CellRecord) -> Option<Block> {
    let nodes = by_node(words, record);
    (!nodes.is_empty()).then(|| {
        Block::Folded(Folded {
            summary: words.preparation_by_node().to_owned(),
            in_markdown: true,
            blocks: on_nodes(words, &nodes),
            ..Folded::default()
        })
    })
}

/// Command lines under the names of the nodes.
pub(crate) fn on_nodes(words: Language, nodes: &[(String, String)]) -> Vec<Block> {
    let blocks = nodes.iter().flat_map(|(place, lines)| {
        [
            Block::Heading(words.on_node(place)),
            Block::Code(Code::text("sh", lines)),
        ]
    });
    blocks.collect()
}

/// The command lines of the steps, each under a comment that names step and node.
fn of_steps(words: Language, record: &CellRecord) -> String {
    let mut lines = String::new();
    for step in record.steps.iter().filter(|step| !step.commands.is_empty()) {
        // Writing into a String cannot fail.
        let _ = writeln!(
            lines,
            "# {}",
            words.step_of_phase(
                step.number,
                phrasing::phase(words, &step.phase),
                one_line(&phrasing::action(words, &step.action))
            )
        );
        for command in &step.commands {
            let node = words.where_run(place(words, command.node.as_ref()));
            lines += &format!("# {node}\n{}", block_line(words, command));
        }
    }
    lines
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
