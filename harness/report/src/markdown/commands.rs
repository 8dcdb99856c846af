//! Command lines to copy: the preparation of the lab, by node, and those of every step.

use crate::escape::{fenced, one_line, shell};
use crate::run::{Row, ScenarioSummary};
use crate::totals::plural;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::record::{CellRecord, CommandRecord};
use std::collections::{HashMap, HashSet};
use std::fmt::{Result, Write as _};

/// A node whose preparation differs from the first in so many lines or fewer is shown by the difference.
const FEW: usize = 12;

/// The preparations of a scenario's cells, each different one once: they are long, and nearly always the same.
pub(super) struct Preparations<'a> {
    variants: Vec<Variant>,
    /// Which variant a cell has.
    of_cell: HashMap<&'a CellRef, usize>,
}

struct Variant {
    lines: Vec<Line>,
    cells: usize,
}

/// A command line of the preparation. Two preparations are the same if their lines are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Line {
    place: String,
    text: String,
}

impl<'a> Preparations<'a> {
    pub(super) fn of(rows: &[Row<'a>]) -> Self {
        let mut all = Self {
            variants: Vec::new(),
            of_cell: HashMap::new(),
        };
        let mut known: HashMap<Vec<Line>, usize> = HashMap::new();
        for row in rows {
            let Row::Judged(cell) = *row else { continue };
            let lines = preparation(&cell.record);
            if lines.is_empty() {
                continue;
            }
            let index = known.get(&lines).copied().unwrap_or(all.variants.len());
            if let Some(variant) = all.variants.get_mut(index) {
                variant.cells += 1;
            } else {
                known.insert(lines.clone(), index);
                all.variants.push(Variant { lines, cells: 1 });
            }
            all.of_cell.insert(&cell.record.plan.cell, index);
        }
        all
    }

    /// The number of the cell's preparation, 1 for the first; `None` if it had none.
    pub(super) fn number(&self, record: &CellRecord) -> Option<usize> {
        self.of_cell.get(&record.plan.cell).map(|index| index + 1)
    }

    pub(super) fn write(&self, out: &mut String, scenario: &ScenarioSummary) -> Result {
        for (number, variant) in (1..).zip(&self.variants) {
            writeln!(out, "<a id=\"{}/preparation-{number}\"></a>\n", scenario.name)?;
            writeln!(
                out,
                "<details><summary>Preparation {number} ({}), by node</summary>\n",
                plural(variant.cells, "cell")
            )?;
            let first = self.variants.first().filter(|_| number > 1);
            by_node(out, &variant.lines, first.map(|first| first.lines.as_slice()))?;
            writeln!(out, "</details>\n")?;
        }
        Ok(())
    }
}

/// The sysctls of the plan, which the lab writes first, and the command lines that it ran; nothing if the lab ran none.
fn preparation(record: &CellRecord) -> Vec<Line> {
    let line = |node: Option<&Node>, text| Line {
        place: place(node),
        text,
    };
    if record.preparation.is_empty() {
        return Vec::new();
    }
    let sysctls = record.plan.hosts.iter().flat_map(|host| {
        let argv = |(key, value): &(String, String)| ["sysctl".to_owned(), "-w".to_owned(), format!("{key}={value}")];
        host.sysctls
            .iter()
            .map(move |sysctl| line(Some(&host.node), format!("{}\n", shell(&argv(sysctl)))))
    });
    let commands = record
        .preparation
        .iter()
        .map(|command| line(command.node.as_ref(), block_line(command)));
    sysctls.chain(commands).collect()
}

fn place(node: Option<&Node>) -> String {
    node.map_or_else(|| "the link between the hosts".to_owned(), Node::to_string)
}

/// One block for each node, in the order in which the nodes first appear. Beside a `first` preparation a node that differs
/// little is shown by its difference, one that does not is only named.
fn by_node(out: &mut String, lines: &[Line], first: Option<&[Line]>) -> Result {
    let mut places: Vec<&str> = Vec::new();
    for line in lines.iter().chain(first.unwrap_or_default()) {
        if !places.contains(&line.place.as_str()) {
            places.push(&line.place);
        }
    }
    for place in places {
        let own = lines_of(lines, place);
        let before = first
            .map(|first| lines_of(first, place))
            .filter(|before| !before.is_empty());
        match before {
            Some(before) if before == own => writeln!(out, "On {place}: as in preparation 1.\n")?,
            Some(before) if difference(&before, &own).len() <= FEW => {
                writeln!(out, "On {place}: as in preparation 1, but for these lines:\n")?;
                fenced(out, "diff", &difference(&before, &own).concat());
                out.push('\n');
            }
            Some(_) | None => {
                writeln!(out, "On {place}:\n")?;
                fenced(out, "sh", &own.concat());
                out.push('\n');
            }
        }
    }
    Ok(())
}

fn lines_of<'a>(lines: &'a [Line], place: &str) -> Vec<&'a str> {
    let of_place = lines.iter().filter(|line| line.place == place);
    of_place.map(|line| line.text.as_str()).collect()
}

/// Lines that are gone or new.
fn difference(before: &[&str], own: &[&str]) -> Vec<String> {
    let known: HashSet<&str> = before.iter().copied().collect();
    let kept: HashSet<&str> = own.iter().copied().collect();
    let gone = before
        .iter()
        .filter(|line| !kept.contains(*line))
        .map(|line| format!("- {line}"));
    let new = own
        .iter()
        .filter(|line| !known.contains(*line))
        .map(|line| format!("+ {line}"));
    gone.chain(new).collect()
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
