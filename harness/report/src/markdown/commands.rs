//! Command lines to copy: the preparation of the lab, by node, and those of every step.

use super::scenario::preparation_name;
use crate::escape::{fenced, one_line, shell};
use crate::run::{Row, ScenarioSummary};
use lvs_matrix_model::action::Node;
use lvs_matrix_model::record::{CellRecord, CommandRecord};
use std::collections::HashMap;
use std::fmt::{Result, Write as _};

/// The preparations of a scenario's cells, each different one once: they are long, and nearly always the same.
pub(super) struct Preparations<'a> {
    variants: Vec<(&'a [CommandRecord], usize)>,
    numbers: HashMap<String, usize>,
}

impl<'a> Preparations<'a> {
    pub(super) fn of(rows: &[Row<'a>]) -> Self {
        let mut all = Self {
            variants: Vec::new(),
            numbers: HashMap::new(),
        };
        for row in rows {
            let Row::Judged(cell) = *row else { continue };
            let commands = &cell.record.preparation;
            if commands.is_empty() {
                continue;
            }
            let next = all.variants.len();
            let number = *all.numbers.entry(key(commands)).or_insert(next);
            if number == next {
                all.variants.push((commands, 0));
            }
            all.variants[number].1 += 1;
        }
        all
    }

    /// The number of the cell's preparation, 1 for the first; `None` if it had none.
    pub(super) fn number(&self, record: &CellRecord) -> Option<usize> {
        self.numbers.get(&key(&record.preparation)).map(|index| index + 1)
    }

    pub(super) fn write(&self, out: &mut String, scenario: &ScenarioSummary) -> Result {
        for (index, (commands, cells)) in self.variants.iter().enumerate() {
            let number = index + 1;
            writeln!(out, "<a id=\"{}/preparation-{number}\"></a>\n", scenario.name)?;
            writeln!(
                out,
                "<details><summary>{}</summary>\n",
                preparation_name(number, *cells)
            )?;
            if let Some((first, _)) = self.variants.first().filter(|_| index > 0) {
                writeln!(out, "How it differs from preparation 1:\n")?;
                fenced(out, "diff", &difference(first, commands));
                out.push('\n');
            }
            by_node(out, commands)?;
            writeln!(out, "</details>\n")?;
        }
        Ok(())
    }
}

/// What makes two preparations the same: nodes, command lines and exit codes. What they printed may hold process ids.
fn key(commands: &[CommandRecord]) -> String {
    let mut key = String::new();
    for command in commands {
        // Writing into a String cannot fail.
        let _ = writeln!(
            key,
            "{}\0{:?}\0{:?}",
            place(command.node.as_ref()),
            command.argv,
            command.exit
        );
    }
    key
}

fn place(node: Option<&Node>) -> String {
    node.map_or_else(|| "the link between the hosts".to_owned(), Node::to_string)
}

fn difference(first: &[CommandRecord], other: &[CommandRecord]) -> String {
    let line = |command: &CommandRecord| format!("{}: {}", place(command.node.as_ref()), shell(&command.argv));
    let first: Vec<String> = first.iter().map(line).collect();
    let other: Vec<String> = other.iter().map(line).collect();
    let gone = first
        .iter()
        .filter(|line| !other.contains(line))
        .map(|line| format!("- {line}\n"));
    let new = other
        .iter()
        .filter(|line| !first.contains(line))
        .map(|line| format!("+ {line}\n"));
    gone.chain(new).collect()
}

/// One block for each node, in the order in which the nodes first appear.
fn by_node(out: &mut String, commands: &[CommandRecord]) -> Result {
    let mut nodes: Vec<Option<&Node>> = Vec::new();
    for command in commands {
        if !nodes.contains(&command.node.as_ref()) {
            nodes.push(command.node.as_ref());
        }
    }
    for node in nodes {
        writeln!(out, "On {}:\n", place(node))?;
        let lines: String = commands
            .iter()
            .filter(|command| command.node.as_ref() == node)
            .map(block_line)
            .collect();
        fenced(out, "sh", &lines);
        out.push('\n');
    }
    Ok(())
}

/// The command lines of the steps, each under a comment that names step and node.
pub(super) fn of_steps(out: &mut String, record: &CellRecord) -> Result {
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
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "<details><summary>Command lines of the steps</summary>\n")?;
    fenced(out, "sh", &lines);
    writeln!(out, "\n</details>\n")
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
