//! What one axis changes while all others stay: the answer to "what do I gain by this setting?".

use crate::blocks::beyond;
use crate::blocks::markdown::inline;
use crate::row::Row;
use crate::run::ScenarioSummary;
use crate::view::View;
use lvs_matrix_language::{OUTCOME, VALUE, phrasing};
use lvs_matrix_model::Name;
use lvs_matrix_model::matrix::KernelId;
use lvs_matrix_model::verdict::JudgedCell;
use std::collections::HashMap;
use std::fmt::{Result, Write as _};

/// Two cells that differ in one axis only.
type Pair<'a> = (&'a JudgedCell, &'a JudgedCell);

/// Of so few outcomes every change is listed.
const FEW: usize = 4;
/// So many values of an axis are compared with its first, so many changes of one of them are listed, and so
/// many of a scenario.
const LISTED: usize = 24;
const LISTED_IN_ALL: usize = 96;

/// For each axis, and for each of its values but the first: the cells whose outcome is another one than with
/// the first value. Outcomes that are not known are not compared.
pub(super) fn details(
    out: &mut String,
    view: View<'_>,
    scenario: &ScenarioSummary,
    rows: &[Row<'_>],
) -> Result {
    if scenario.axes.iter().all(|axis| axis.values.len() < 2) {
        return Ok(());
    }
    let words = view.words;
    let outcome = |cell: &JudgedCell| phrasing::behaviour_and_error(words, cell);
    let mut listed = String::new();
    let mut left = LISTED_IN_ALL;
    for axis in &scenario.axes {
        let Some((first, others)) = axis.values.split_first() else {
            continue;
        };
        for other in others.iter().take(LISTED) {
            let pairs = pairs(rows, &axis.name, first, other);
            if pairs.is_empty() {
                continue;
            }
            let changed: Vec<&Pair<'_>> = pairs.iter().filter(|(a, b)| outcome(a) != outcome(b)).collect();
            writeln!(
                listed,
                "- **{}** `{first}` → `{other}` {}",
                axis.name,
                words.axis_changes(changed.len(), words.count(pairs.len(), OUTCOME))
            )?;
            // An axis that changes nearly everything is another situation, not a setting: the table itself
            // tells that better.
            let few = changed.len() * 2 <= pairs.len() || pairs.len() <= FEW;
            let shown = if few {
                changed.len().min(LISTED).min(left)
            } else {
                0
            };
            left -= shown;
            for (a, b) in changed.iter().take(shown) {
                let cell = &b.record.plan.cell;
                writeln!(
                    listed,
                    "  - {}",
                    words.keyed(
                        inline(&view.link(&cell.slug(), cell)),
                        format_args!("{} → {}", outcome(a), outcome(b))
                    )
                )?;
            }
            if few && shown < changed.len() {
                writeln!(listed, "  - {}", words.and_more(changed.len() - shown))?;
            }
        }
        if let Some(more) = beyond(LISTED, others.len()) {
            let more = words.axis_has_more(words.count(more, VALUE));
            writeln!(listed, "- **{}** {more}", axis.name)?;
        }
    }
    if listed.is_empty() {
        return Ok(());
    }
    writeln!(out, "<details><summary>{}</summary>\n", words.what_axes_change())?;
    writeln!(out, "{listed}\n</details>\n")
}

fn pairs<'a>(rows: &[Row<'a>], axis: &Name, first: &Name, other: &Name) -> Vec<Pair<'a>> {
    let judged = || rows.iter().filter_map(|row| row.judged());
    let rest = |cell: &'a JudgedCell| -> (Option<&'a KernelId>, Vec<&'a Name>) {
        let kernel = cell.record.plan.cell.kernel.as_ref();
        let values = cell.record.plan.cell.values.iter();
        let others = values.filter(|(name, _)| name != axis);
        (kernel, others.map(|(_, value)| value).collect())
    };
    let known = |cell: &&JudgedCell| cell.observed.behaviour.name().is_some();
    let has = |cell: &JudgedCell, value: &Name| cell.record.plan.cell.value(axis.as_str()) == Some(value);
    let base: HashMap<_, &JudgedCell> = judged()
        .filter(|cell| has(cell, first))
        .filter(known)
        .map(|cell| (rest(cell), cell))
        .collect();
    judged()
        .filter(|cell| has(cell, other))
        .filter(known)
        .filter_map(|cell| Some((*base.get(&rest(cell))?, cell)))
        .collect()
}
