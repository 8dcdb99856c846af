//! What is above the matrix: the run in a sentence, its sums, what needs a look, where clients were left waiting, and where it ran.

use super::scenario::lanes;
use super::{LISTED, LONGEST};
use crate::escape::{cut, html_code, html_phrase, xml};
use crate::repeat;
use crate::run::{Row, RunReport};
use crate::stamp::EPOCH;
use crate::totals::{Totals, plural, sentence};
use crate::wording;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::record::Environment;
use lvs_matrix_model::verdict::{Behaviour, JudgedCell};
use std::fmt::{Result, Write as _};

pub(super) fn summary(out: &mut String, report: &RunReport) -> Result {
    let totals = Totals::of(report);
    writeln!(
        out,
        "<section class=\"hero v-{}\" aria-label=\"Result\">\n<p class=\"sentence\">{}</p>",
        totals.result(),
        xml(&sentence(report))
    )?;
    tiles(out, &totals)?;
    if let Some(filter) = &report.run().filter {
        writeln!(
            out,
            "<p class=\"note\">Only cells that match {} were selected.</p>",
            html_code(filter)
        )?;
    }
    writeln!(out, "</section>")?;
    attention(out, report)?;
    writeln!(out, "<div class=\"lead\">")?;
    left_waiting(out, report)?;
    scenarios(out, report)?;
    writeln!(out, "</div>")
}

fn tiles(out: &mut String, totals: &Totals) -> Result {
    writeln!(out, "<dl class=\"tiles\">")?;
    for (count, what, class) in [
        (totals.met, "met", "v-met"),
        (totals.violated, "violated", "v-violated"),
        (totals.undetermined, "undetermined", "v-undetermined"),
        (totals.observed_only, "observed only", "v-observed"),
        (totals.missing, "without a record", "v-missing"),
    ] {
        // What did not occur is left out, but for the two that people look for.
        if count > 0 || ["met", "violated"].contains(&what) {
            writeln!(out, "<div class=\"{class}\"><dt>{what}</dt><dd>{count}</dd></div>")?;
        }
    }
    writeln!(
        out,
        "<div class=\"gap ok\"><dt>OK: client knows within patience</dt><dd>{}</dd></div>\n\
         <div class=\"ng\"><dt>NG: client left waiting</dt><dd>{}</dd></div>\n</dl>",
        totals.ok, totals.ng
    )
}

fn link(cell: &CellRef) -> String {
    format!("<a href=\"#{cell}\">{cell}</a>")
}

/// What needs a look: what may be another way tomorrow, what is not as expected, then what is not known.
fn attention(out: &mut String, report: &RunReport) -> Result {
    let disagreements = report.disagreements();
    let judged: Vec<&JudgedCell> = report.needing_a_look().collect();
    let missing = report.missing();
    if disagreements.is_empty() && judged.is_empty() && missing.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<section class=\"attention\" aria-labelledby=\"look\">\n<h2 id=\"look\">What needs a look</h2>\n<ul>"
    )?;
    for disagreement in disagreements.iter().take(LISTED) {
        let outcomes = repeat::outcomes(disagreement).join("; ");
        item(
            out,
            "disagreeing",
            "repetitions disagree",
            &disagreement.cell,
            &outcomes,
        )?;
    }
    more(out, disagreements.len())?;
    for cell in judged.iter().take(LISTED) {
        let word = wording::verdict(&cell.verdict);
        let reasons = wording::reasons(cell).join("; ");
        item(out, word, word, &cell.record.plan.cell, &reasons)?;
    }
    more(out, judged.len())?;
    for missing in missing.iter().take(LISTED) {
        item(out, "missing", "no record", &missing.cell, &missing.reason)?;
    }
    more(out, missing.len())?;
    writeln!(out, "</ul>\n</section>")
}

fn item(out: &mut String, class: &str, word: &str, cell: &CellRef, text: &str) -> Result {
    let text = html_phrase(&cut(text, LONGEST));
    writeln!(
        out,
        "<li><span class=\"tag v-{class}\">{word}</span> {}: {text}</li>",
        link(cell)
    )
}

fn more(out: &mut String, count: usize) -> Result {
    match count.checked_sub(LISTED) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(out, "<li>and {} more, in the matrix below</li>", plural(more, "cell")),
    }
}

fn left_waiting(out: &mut String, report: &RunReport) -> Result {
    if report.cells().is_empty() {
        return Ok(());
    }
    let hung: Vec<&JudgedCell> = report
        .cells()
        .iter()
        .filter(|cell| matches!(cell.observed.behaviour, Behaviour::Hung { .. }))
        .collect();
    writeln!(
        out,
        "<section aria-labelledby=\"waiting\">\n<h2 id=\"waiting\">Where clients were left waiting</h2>"
    )?;
    if hung.is_empty() {
        return writeln!(
            out,
            "<p>In no cell: every client had an answer or an error within patience.</p>\n</section>"
        );
    }
    writeln!(out, "<ul class=\"waiting\">")?;
    for cell in hung.iter().take(LISTED) {
        writeln!(
            out,
            "<li>{}: {}</li>",
            link(&cell.record.plan.cell),
            xml(&wording::observed(cell))
        )?;
    }
    more(out, hung.len())?;
    writeln!(out, "</ul>")?;
    lanes(out, "Their time lines", &hung)?;
    writeln!(out, "</section>")
}

/// A column of the table of scenarios.
type Column = (&'static str, fn(&Totals) -> usize);

/// What was run, scenario by scenario. One scenario is its own heading.
fn scenarios(out: &mut String, report: &RunReport) -> Result {
    const COLUMNS: [Column; 7] = [
        ("met", |sums| sums.met),
        ("violated", |sums| sums.violated),
        ("undetermined", |sums| sums.undetermined),
        ("observed only", |sums| sums.observed_only),
        ("no record", |sums| sums.missing),
        ("OK", |sums| sums.ok),
        ("NG", |sums| sums.ng),
    ];
    if report.run().scenarios.len() < 2 {
        return Ok(());
    }
    // A page of zeros hides the figures that are not.
    let all = Totals::of(report);
    let columns: Vec<&Column> = COLUMNS.iter().filter(|(_, count)| count(&all) > 0).collect();
    writeln!(
        out,
        "<section aria-labelledby=\"run\">\n<h2 id=\"run\">What was run</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" \
         aria-label=\"Sums of the scenarios\"><table class=\"sums\">\n<thead><tr><th scope=\"col\">scenario</th><th scope=\"col\">cells</th>"
    )?;
    for (column, _) in &columns {
        write!(out, "<th scope=\"col\">{column}</th>")?;
    }
    writeln!(out, "</tr></thead>\n<tbody>")?;
    for scenario in &report.run().scenarios {
        let sums = sums(report.rows(&scenario.name));
        let cells = if sums.cells == scenario.cell_count() {
            sums.cells.to_string()
        } else {
            format!("{} of {}", sums.cells, scenario.cell_count())
        };
        write!(
            out,
            "<tr><th scope=\"row\"><a href=\"#{0}\">{0}</a></th><td>{cells}</td>",
            scenario.name
        )?;
        for (_, count) in &columns {
            match count(&sums) {
                0 => write!(out, "<td class=\"zero\">0</td>")?,
                count => write!(out, "<td>{count}</td>")?,
            }
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</tbody></table></div>\n</section>")
}

pub(super) fn sums<'a>(rows: impl Iterator<Item = Row<'a>>) -> Totals {
    let mut sums = Totals::default();
    for row in rows {
        match row {
            Row::Judged(cell) => sums.count(cell),
            Row::Missing(_) => sums.count_missing(),
        }
    }
    sums
}

pub(super) fn legend(out: &mut String) -> Result {
    writeln!(
        out,
        "<section class=\"legend\" aria-labelledby=\"legend\">\n<h2 id=\"legend\">How to read this</h2>\n<dl>"
    )?;
    for (term, meaning) in [
        (
            "behaviour",
            "Measured. <em>Answered</em> and <em>failed-fast</em>: the client’s last operation succeeded or failed within the \
             scenario’s patience. <em>Hung</em>: something was sent, and nothing that answers it came back for longer.",
        ),
        (
            "time",
            "From the beginning of the operation to its end, as the client felt it.",
        ),
        (
            "error",
            "The code that the classic <code>mysql</code> client prints in the same situation, with the errno.",
        ),
        (
            "ended or refused by",
            "Each FIN, RST and ICMP error that reached the client for its connection, with its sender as told by the Ethernet \
             address.",
        ),
        (
            "OK, NG",
            "An answer or an error within patience is OK, silence beyond it is NG.",
        ),
        (
            "verdict",
            "The behaviour held against what the scenario expects. A hang that was expected is NG and met at the same time. \
             <em>Undetermined</em>: the lab or the capture does not allow a statement; never counted as met or violated.",
        ),
        (
            "packets and times",
            "Packet numbers are Wireshark’s frame numbers in the cell’s <code>capture.pcapng</code>. Times are those of the \
             kernel under test, and count from {EPOCH}.",
        ),
        (
            "keys",
            "<kbd>/</kbd> searches. In the matrix the arrow keys, <kbd>Home</kbd> and <kbd>End</kbd> move and <kbd>Enter</kbd> \
             opens; in a cell <kbd>Escape</kbd> leads back.",
        ),
    ] {
        writeln!(out, "<dt>{term}</dt><dd>{}</dd>", meaning.replace("{EPOCH}", EPOCH))?;
    }
    writeln!(out, "</dl>\n</section>")
}

/// Where it ran. Cells of one run share their environment, unless the run was mixed from several places.
pub(super) fn foot(out: &mut String, report: &RunReport) -> Result {
    let mut environments: Vec<(&Environment, usize)> = Vec::new();
    for cell in report.cells() {
        let environment = &cell.record.environment;
        match environments.iter_mut().find(|(known, _)| *known == environment) {
            Some((_, count)) => *count += 1,
            None => environments.push((environment, 1)),
        }
    }
    writeln!(out, "<footer>\n<h2>Where it ran</h2>")?;
    for (environment, count) in &environments {
        if environments.len() > 1 {
            writeln!(out, "<p>{}:</p>", plural(*count, "cell"))?;
        }
        writeln!(
            out,
            "<dl><dt>kernel under test</dt><dd>{}</dd><dt>place</dt><dd>{}</dd><dt>real servers</dt><dd>{}</dd>\
             <dt>director</dt><dd>{}</dd><dt>harness</dt><dd>lvs-matrix {}</dd></dl>",
            xml(&environment.kernel),
            wording::place(environment),
            xml(&environment.mysqld),
            xml(&environment.ipvsadm),
            xml(&environment.harness)
        )?;
    }
    writeln!(
        out,
        "<p>The same for programs: <a href=\"report.json\">report.json</a>, <a href=\"junit.xml\">junit.xml</a>; as markdown: \
         <a href=\"report.md\">report.md</a>.</p>\n</footer>"
    )
}
