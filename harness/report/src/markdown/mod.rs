//! The report for people: GitHub-flavoured markdown. A page for the run, which shows the whole at a glance and stays readable
//! with a thousand cells, and a page for each cell with everything that its verdict rests on.
//!
//! GitHub renders no file above about 512 KiB; the page of the run therefore holds one line per cell, and every list that grows
//! with what went wrong is bounded. What is cut off there stands in the cells' pages.

mod cell;
pub(crate) mod commands;
mod compare;
mod look;
mod packets;
mod scenario;
mod story;
mod summary;
mod tables;
mod timeline;
pub(crate) mod trace;
mod transcript;
mod view;
mod why;

pub(crate) use cell::link_target;
pub(crate) use tables::lost_sessions;

pub use cell::markdown_cell;
pub use summary::summary;

use crate::escape::{code, cut, inline};
use crate::run::RunReport;
use crate::stamp::EPOCH;
use crate::totals::{Totals, plural, sentence};
use crate::wording;
use lvs_matrix_model::record::Environment;
use lvs_matrix_model::verdict::{Behaviour, JudgedCell};
use std::fmt::{Result, Write as _};
use view::{Lies, View};

/// The page of the run as markdown, ending with a newline. Links lead to the cells' pages ([`markdown_cell`]) and are relative
/// to the run's folder.
#[must_use]
pub fn markdown(report: &RunReport) -> String {
    let mut out = String::with_capacity(8192 + report.cells().len() * 256);
    // Writing into a String cannot fail; the result is only there for `?`.
    let _ = page(&mut out, report);
    out
}

fn page(out: &mut String, report: &RunReport) -> Result {
    let view = View {
        lies: Lies::InTheFolder,
    };
    head(out, view, report)?;
    for scenario in &report.run().scenarios {
        scenario::section(out, view, report, scenario)?;
    }
    legend(out)
}

/// Everything above the tables.
fn head(out: &mut String, view: View, report: &RunReport) -> Result {
    title(out, report)?;
    look::section(out, view, report)?;
    left_waiting(out, view, report)?;
    totals(out, view, report)?;
    environment(out, report)
}

fn title(out: &mut String, report: &RunReport) -> Result {
    writeln!(out, "# lvs-matrix: what clients live through\n")?;
    // The reason of an interruption may be long.
    writeln!(out, "**{}**\n", inline(&cut(&sentence(report), 2 * look::LONGEST)))
}

/// So many cells are listed; the tables have all of them.
const LISTED_AS_WAITING: usize = 40;

/// The article's NG cells: the list that an operator came for.
fn left_waiting(out: &mut String, view: View, report: &RunReport) -> Result {
    let hung: Vec<&JudgedCell> = report
        .cells()
        .iter()
        .filter(|cell| matches!(cell.observed.behaviour, Behaviour::Hung { .. }))
        .collect();
    if report.cells().is_empty() {
        return Ok(());
    }
    writeln!(out, "## Where clients were left waiting (NG)\n")?;
    if hung.is_empty() {
        return writeln!(
            out,
            "In no cell: every client had an answer or an error within patience.\n"
        );
    }
    for cell in hung.iter().take(LISTED_AS_WAITING) {
        let observed = wording::observed(cell);
        let observed = cut(&observed, look::LONGEST);
        writeln!(out, "- {}: {}", view.cell(&cell.record.plan.cell), inline(&observed))?;
    }
    if let Some(more) = hung.len().checked_sub(LISTED_AS_WAITING).filter(|more| *more > 0) {
        writeln!(out, "- and {more} more: the rows with NG in the tables below")?;
    }
    writeln!(out)
}

fn totals(out: &mut String, view: View, report: &RunReport) -> Result {
    writeln!(out, "## What was run\n")?;
    writeln!(
        out,
        "| scenario | cells | met | violated | undetermined | observed only | without a record | OK | NG |"
    )?;
    writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    let mut rows = Vec::new();
    for scenario in &report.run().scenarios {
        let mut sums = Totals::default();
        for row in report.all_rows(&scenario.name) {
            match row {
                crate::run::Row::Judged(cell) => sums.count(cell),
                crate::run::Row::Missing(_) => sums.count_missing(),
            }
        }
        let all = scenario.cell_count().saturating_mul(report.repetitions());
        let cells = if sums.cells == all {
            sums.cells.to_string()
        } else {
            format!("{} of {all}", sums.cells)
        };
        rows.push((view.section(scenario.name.as_str()), cells, sums));
    }
    if rows.len() > 1 {
        let sums = Totals::of(report);
        rows.push(("all".to_owned(), sums.cells.to_string(), sums));
    }
    for (name, cells, sums) in rows {
        writeln!(
            out,
            "| {name} | {cells} | {} | {} | {} | {} | {} | {} | {} |",
            sums.met, sums.violated, sums.undetermined, sums.observed_only, sums.missing, sums.ok, sums.ng
        )?;
    }
    writeln!(out)?;
    if let Some(filter) = &report.run().filter {
        writeln!(
            out,
            "Only cells that match {} were selected.\n",
            code(&cut(filter, look::LONGEST))
        )?;
    }
    Ok(())
}

/// Where it ran. Cells of one run share their environment, unless the run was mixed from several places.
fn environment(out: &mut String, report: &RunReport) -> Result {
    let mut environments: Vec<(&Environment, usize)> = Vec::new();
    for cell in report.cells() {
        let environment = &cell.record.environment;
        match environments.iter_mut().find(|(known, _)| *known == environment) {
            Some((_, count)) => *count += 1,
            None => environments.push((environment, 1)),
        }
    }
    // More than a few do not come from one run, and each cell's page has its own.
    for (environment, count) in environments.iter().take(8) {
        if environments.len() > 1 {
            writeln!(out, "{}:", plural(*count, "cell"))?;
        }
        place(out, environment)?;
    }
    Ok(())
}

fn place(out: &mut String, environment: &Environment) -> Result {
    writeln!(out, "- kernel under test: {}", code(&environment.kernel))?;
    writeln!(out, "- place: {}", wording::place(environment))?;
    writeln!(out, "- real servers: {}", code(&environment.mysqld))?;
    writeln!(out, "- director: {}", code(&environment.ipvsadm))?;
    writeln!(out, "- harness: lvs-matrix {}\n", inline(&environment.harness))
}

fn legend(out: &mut String) -> Result {
    writeln!(out, "## How to read this\n")?;
    writeln!(
        out,
        "- **behaviour**: measured; the link leads to the cell's own page with everything that shows it. `answered` and \
         `failed-fast`: the client's last operation succeeded or failed within the scenario's patience. `hung`: something was \
         sent and nothing that answers it came back for longer."
    )?;
    writeln!(
        out,
        "- **time**: from the beginning of the operation to its end, as the client felt it."
    )?;
    writeln!(
        out,
        "- **error**: the code that the classic `mysql` client prints in the same situation, with the errno."
    )?;
    writeln!(
        out,
        "- **ended or refused by**: each FIN, RST and ICMP error that reached the client for its connection, with its \
         sender as told by the Ethernet address."
    )?;
    writeln!(
        out,
        "- **OK / NG**: an answer or an error within patience is OK, silence beyond it is NG."
    )?;
    writeln!(
        out,
        "- **verdict**: the behaviour held against what the scenario expects. `undetermined`: the lab or the capture does \
         not allow a statement; never counted as met or violated."
    )?;
    writeln!(
        out,
        "- Packet numbers are Wireshark's frame numbers in the cell's `capture.pcapng`. Times are those of the kernel \
         under test and count from {EPOCH}."
    )
}
