//! What a soak found, as markdown.

use crate::bound::{CONFIDENCE, upper_bound};
use crate::round::Round;
use crate::tally::Tally;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::process::Command;
use std::time::Duration;

/// The part of a page that a soak writes is between these lines.
pub(crate) const BEGIN: &str = "<!-- what `make soak` printed -->";
pub(crate) const END: &str = "<!-- end of what `make soak` printed -->";

/// What was run, where.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) seed: u64,
    pub(crate) scenarios: usize,
    /// What the program says of itself.
    pub(crate) version: String,
    pub(crate) commit: String,
    pub(crate) machine: String,
}

impl Subject {
    pub(crate) fn look(program: &std::path::Path, scenarios: usize, seed: u64) -> Self {
        let version = said(Command::new(program).arg("--version")).replace('\n', "; ");
        let mut commit = said(Command::new("git").args(["rev-parse", "--short=12", "HEAD"]));
        let changed = said(Command::new("git").args([
            "status",
            "--porcelain",
            "--untracked-files=no",
            "--",
            "harness",
            "netns",
            "scenarios",
        ]));
        if commit.is_empty() {
            "not known".clone_into(&mut commit);
        } else if !changed.is_empty() {
            commit.push_str(", with changes");
        }
        Self {
            seed,
            scenarios,
            version,
            commit,
            machine: machine(),
        }
    }
}

fn said(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

/// Processor, memory, kernel.
fn machine() -> String {
    let line = |file: &str, key: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let found = text.lines().find(|line| line.starts_with(key));
        found
            .and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()))
            .unwrap_or_else(|| "not known".to_owned())
    };
    let memory = line("/proc/meminfo", "MemTotal")
        .trim_end_matches(" kB")
        .parse::<u64>()
        .map_or(0, |kib| kib >> 20);
    let kernel = rustix::system::uname();
    format!(
        "{} processors ({}), {memory} GiB, Linux {}",
        std::thread::available_parallelism().map_or(1, usize::from),
        line("/proc/cpuinfo", "model name"),
        kernel.release().to_string_lossy()
    )
}

/// The whole result.
pub(crate) fn page(subject: &Subject, rounds: &[Round], tally: &Tally) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut text, subject, rounds, tally);
    text
}

fn write(out: &mut String, subject: &Subject, rounds: &[Round], tally: &Tally) -> std::fmt::Result {
    let differences = tally.differences();
    let took: Duration = rounds.iter().map(|round| round.took).sum();
    writeln!(out, "| what | |\n| --- | --- |")?;
    writeln!(out, "| cell-runs | {} |", tally.cell_runs())?;
    writeln!(
        out,
        "| cells, of scenarios, in runs | {}, {}, {} |",
        tally.cells(),
        subject.scenarios,
        rounds.len()
    )?;
    writeln!(out, "| differences | {} |", differences.len())?;
    writeln!(
        out,
        "| cell-runs that were neither met nor observed only | {} |",
        tally.not_met.len()
    )?;
    writeln!(
        out,
        "| upper bound of the rate of differences | {} |",
        bound(differences.len(), tally.cell_runs())
    )?;
    writeln!(
        out,
        "| program | {}, commit {} |",
        subject.version, subject.commit
    )?;
    writeln!(out, "| machine | {} |", subject.machine)?;
    writeln!(
        out,
        "| took | {} |",
        humantime::format_duration(Duration::from_secs(took.as_secs()))
    )?;
    writeln!(
        out,
        "| again by | `make soak SEED={} SOAK_RUNS={}` |\n",
        subject.seed,
        rounds.len()
    )?;
    let users: BTreeSet<&str> = rounds.iter().map(|round| round.user.as_str()).collect();
    writeln!(
        out,
        "| run | as ({} users) | load | guests at once | order | took | cell-runs | exit |",
        users.len()
    )?;
    writeln!(out, "| --: | --- | --- | --: | --: | --: | --: | --: |")?;
    for round in rounds {
        let exit = round
            .exit
            .map_or_else(|| "by a signal".to_owned(), |code| code.to_string());
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} s | {} | {exit} |",
            round.number,
            round.user,
            round.load,
            round.jobs,
            round.order,
            round.took.as_secs(),
            round.cell_runs
        )?;
    }
    for found in &differences {
        writeln!(
            out,
            "\nDifference: run {}, {}: {}; usually: {}",
            found.run, found.cell, found.outcome, found.usual
        )?;
    }
    for line in &tally.not_met {
        writeln!(out, "\nNot met: {line}")?;
    }
    Ok(())
}

/// `0.0996 % (95 % confidence, Clopper-Pearson)`.
pub(crate) fn bound(differences: usize, runs: usize) -> String {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let rate = upper_bound(count(differences), count(runs));
    format!(
        "{:.3} % of cell-runs ({:.0} % confidence, Clopper–Pearson)",
        rate * 100.0,
        CONFIDENCE * 100.0
    )
}

/// The page with another result between the marks; `None` if it has no marks.
pub(crate) fn put(page: &str, result: &str) -> Option<String> {
    let (head, rest) = page.split_once(BEGIN)?;
    let (_, tail) = rest.split_once(END)?;
    Some(format!("{head}{BEGIN}\n\n{}\n\n{END}{tail}", result.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_takes_the_place_of_the_last() {
        let page = format!("# Reliability\n{BEGIN}\n\nold\n\n{END}\nrest\n");
        let new = put(&page, "new\n").unwrap();
        assert_eq!(new, format!("# Reliability\n{BEGIN}\n\nnew\n\n{END}\nrest\n"));
        assert_eq!(put(&new, "new").as_deref(), Some(new.as_str()));
        assert_eq!(put("no marks", "new"), None);
    }
}
