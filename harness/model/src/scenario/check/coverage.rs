//! Each cell is covered by exactly one expectation.

use super::Draft;
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes};

/// Cells that an expectation shares with an earlier one: the first such cell, and how many.
struct Shared {
    earlier: usize,
    first: String,
    count: usize,
}

pub(super) fn check(draft: &Draft, sizes: &[usize], mistakes: &mut Mistakes) {
    let mut covered = vec![0_usize; draft.expectations.len()];
    let mut own = vec![0_usize; draft.expectations.len()];
    let mut shared: Vec<Vec<Shared>> = Vec::new();
    shared.resize_with(draft.expectations.len(), Vec::new);
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
            match shared[later].iter_mut().find(|shared| shared.earlier == first) {
                Some(shared) => shared.count += 1,
                None => shared[later].push(Shared {
                    earlier: first,
                    first: draft.slug(&choice),
                    count: 1,
                }),
            }
        }
    }
    for (later, shared) in shared.iter().enumerate() {
        let this = &draft.expectations[later];
        if own[later] > 0 {
            for shared in shared {
                mistakes.add(
                    Mistake::new(
                        MistakeKind::Overlap,
                        this.span,
                        match shared.count {
                            1 => format!("cell {} has two expectations", shared.first),
                            count => format!("{count} cells have two expectations, {} first", shared.first),
                        },
                        "the second one",
                    )
                    .second(draft.expectations[shared.earlier].span, "the first one")
                    .help("narrow the `when` of one of them"),
                );
            }
        } else if let Some(shared) = shared.first() {
            mistakes.add(
                Mistake::new(
                    MistakeKind::CoversNothing,
                    this.span,
                    match covered[later] {
                        1 => "no cell is left to this expectation: the one that it covers has one already"
                            .to_owned(),
                        count => {
                            format!(
                                "no cell is left to this expectation: all {count} that it covers have one \
                                already"
                            )
                        }
                    },
                    "it comes too late",
                )
                .second(
                    draft.expectations[shared.earlier].span,
                    format!("cell {} has this one", shared.first),
                )
                .help(
                    "the order of the list gives no precedence: narrow the `when` of the wider one, or \
                     remove this one",
                ),
            );
        }
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
