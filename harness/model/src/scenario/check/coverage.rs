//! Each cell is covered by exactly one expectation.

use super::{Draft, cells_text};
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes};
use std::collections::BTreeMap;

/// Two expectations that share cells: the first such cell, and how many.
struct Shared {
    first: String,
    count: usize,
}

pub(super) fn check(draft: &Draft, sizes: &[usize], mistakes: &mut Mistakes) {
    let mut covered = vec![0_usize; draft.expectations.len()];
    let mut own = vec![0_usize; draft.expectations.len()];
    // (later, earlier)
    let mut shared: BTreeMap<(usize, usize), Shared> = BTreeMap::new();
    let mut uncovered = Vec::new();
    for choice in Draft::cells(sizes) {
        let mut covering = (0..draft.expectations.len()).filter(|at| draft.expectations[*at].covers(&choice));
        let Some(first) = covering.next() else {
            uncovered.push(choice);
            continue;
        };
        covered[first] += 1;
        own[first] += 1;
        for later in covering {
            covered[later] += 1;
            shared
                .entry((later, first))
                .or_insert_with(|| Shared {
                    first: draft.slug(&choice),
                    count: 0,
                })
                .count += 1;
        }
    }
    let mut reported = None;
    for ((later, earlier), shared) in &shared {
        let (this, other) = (&draft.expectations[*later], &draft.expectations[*earlier]);
        let mistake = if own[*later] > 0 {
            Mistake::new(
                MistakeKind::Overlap,
                this.span,
                format!("{} has two expectations", cells_text(&shared.first, shared.count)),
                "the second one",
            )
            .second(other.span, "the first one")
            .help("narrow the `when` of one of them")
        } else if reported.replace(*later) == Some(*later) {
            continue; // it has no cell of its own: said once
        } else {
            Mistake::new(
                MistakeKind::CoversNothing,
                this.span,
                format!(
                    "no cell is left to this expectation: all {} it covers have one already",
                    covered[*later]
                ),
                "it comes too late",
            )
            .second(other.span, format!("cell {} has this one", shared.first))
            .help("the order of the list gives no precedence: narrow the `when` of the wider one, or remove this one")
        };
        mistakes.add(mistake);
    }
    if draft.expectations_complete && !uncovered.is_empty() {
        mistakes.add(uncovered_cells(draft, &uncovered));
    }
}

fn uncovered_cells(draft: &Draft, uncovered: &[Vec<usize>]) -> Mistake {
    const SHOWN: usize = 5;
    let mut names = uncovered
        .iter()
        .take(SHOWN)
        .map(|choice| draft.slug(choice))
        .collect::<Vec<_>>()
        .join(", ");
    if uncovered.len() > SHOWN {
        names.push_str(&format!(" and {} more", uncovered.len() - SHOWN));
    }
    let count = match uncovered.len() {
        1 => "a cell has no expectation".to_owned(),
        count => format!("{count} cells have no expectation"),
    };
    let when: Vec<_> = uncovered
        .first()
        .into_iter()
        .flat_map(|choice| draft.chosen(choice))
        .map(|(axis, value)| format!("{}: {}", axis.name.value, value.name.value))
        .collect();
    Mistake::new(MistakeKind::Uncovered, draft.places.expect, count, names).help(format!(
        "cover them, or say that they are only observed: `- {{ when: {{ {} }}, observe-only: true }}`",
        when.join(", ")
    ))
}
