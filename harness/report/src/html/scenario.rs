//! A scenario: its claim, the place of its matrix, the table of its cells, and the preparation that they
//! share.

use super::preparations::Preparations;
use crate::blocks::html::Printer;
use crate::blocks::{Block, Folded, Row as Line};
use crate::escape::cut;
use crate::overview::{self, LONGEST, behaviour_class, verdict_class};
use crate::row::{Merged, Row};
use crate::run::{RunReport, ScenarioSummary};
use crate::totals::Totals;
use crate::view::View;
use lvs_matrix_language::{Language, phrasing};
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::verdict::{Behaviour, JudgedCell};
use std::collections::HashMap;
use std::fmt::{Result, Write as _};
use std::time::Duration;

pub(super) fn section(
    out: &mut String,
    view: View<'_>,
    report: &RunReport,
    scenario: &ScenarioSummary,
    preparations: &Preparations<'_>,
    causes: &HashMap<&CellRef, String>,
) -> Result {
    let words = view.words;
    let rows: Vec<Row<'_>> = report.rows(&scenario.name).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let name = &scenario.name;
    let printer = Printer::of_run(words);
    writeln!(
        out,
        "<section class=\"scenario\" id=\"{name}\" aria-labelledby=\"{name}.title\">\n<h2 \
         id=\"{name}.title\"><a href=\"#{name}\">{name}</a></h2>"
    )?;
    let sums = Totals::of_rows(rows.iter().copied()).in_words(words);
    let sums = [
        &sums,
        words.stop(),
        words.after_sentence(),
        &overview::watched(words, scenario),
    ];
    let mut head = vec![overview::claim(words, scenario)];
    head.extend(overview::source(words, scenario).map(Block::Note));
    head.push(Block::Note(sums.concat()));
    printer.blocks(out, &head)?;
    // The script draws the matrix here, from the table below.
    writeln!(out, "<div class=\"map\"></div>")?;
    let judged: Vec<&JudgedCell> = rows.iter().filter_map(|row| row.judged()).collect();
    let mut blocks: Vec<Block> = lanes(words, words.time_lines_of_all(), &judged)
        .into_iter()
        .collect();
    let each: Vec<Merged<'_>> = rows.iter().copied().map(Merged::single).collect();
    let mut table = overview::cells(view, scenario, &each);
    for (line, row) in table.rows.iter_mut().zip(&rows) {
        if let Line::Cells { data, .. } = line {
            *data = known(words, *row, causes).into();
        }
    }
    blocks.push(Block::Folded(Folded {
        class: "all",
        summary: words.as_a_table().to_owned(),
        open: true,
        blocks: vec![Block::Table(table)],
        ..Folded::default()
    }));
    blocks.extend(preparations.blocks(scenario));
    printer.blocks(out, &blocks)?;
    writeln!(out, "</section>")
}

/// The time lines of many cells in one drawing, folded; of very many, those that hung first.
pub(super) fn lanes(words: Language, name: &'static str, cells: &[&JudgedCell]) -> Option<Block> {
    let svg = crate::timeline::timeline_svg(words, cells)?;
    Some(Block::Folded(Folded {
        summary: name.to_owned(),
        blocks: vec![Block::Drawing { name, svg }],
        ..Folded::default()
    }))
}

/// What the script knows of a row beside its columns.
fn known(words: Language, row: Row<'_>, causes: &HashMap<&CellRef, String>) -> [(&'static str, String); 6] {
    let (behaviour, verdict, heat, searched) = match row {
        Row::Judged(cell) => (
            behaviour_class(cell),
            verdict_class(&cell.verdict),
            heat(&cell.observed.behaviour),
            searched(words, cell),
        ),
        Row::Missing(missing) => {
            let reason = phrasing::missing(words, &missing.reason);
            (phrasing::UNDETERMINED, "missing", 0, reason)
        }
    };
    [
        ("cell", row.cell().to_string()),
        ("behaviour", behaviour.to_owned()),
        ("verdict", verdict.to_owned()),
        ("heat", heat.to_string()),
        ("cause", causes.get(row.cell()).cloned().unwrap_or_default()),
        ("words", cut(&searched, LONGEST).into_owned()),
    ]
}

/// How dark a hang is in the matrix: the more, the longer it lasted. 0 for what is no hang.
fn heat(behaviour: &Behaviour) -> u8 {
    let minutes = |count: u64| Duration::from_secs(60 * count);
    match behaviour {
        Behaviour::Answered { .. } | Behaviour::FailedFast { .. } | Behaviour::Undetermined { .. } => 0,
        Behaviour::Hung { silence, .. } if *silence < minutes(1) => 1,
        Behaviour::Hung { silence, .. } if *silence < minutes(10) => 2,
        Behaviour::Hung { silence, .. } if *silence < minutes(60) => 3,
        Behaviour::Hung { .. } => 4,
    }
}

/// What the search finds a cell by, beside the columns of its row.
fn searched(words: Language, cell: &JudgedCell) -> String {
    let mut found: Vec<String> = Vec::new();
    let mut add = |text: String| {
        if !found.contains(&text) {
            found.push(text);
        }
    };
    for step in &cell.record.steps {
        add(phrasing::action(words, &step.action));
    }
    if let Some(error) = &cell.observed.error {
        add(error.message.clone());
    }
    for reason in phrasing::reasons(words, cell) {
        add(reason);
    }
    for (label, text) in phrasing::notes(words, cell) {
        add(format!("{label}: {text}"));
    }
    found.join(" · ")
}
