//! Each cell is covered by exactly one expectation, on each kernel that is asked for.

use super::Draft;
use super::expect;
use crate::base::Line;
use crate::scenario::KERNEL;
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes};

/// Cells that an expectation shares with an earlier one: the first such cell, and how many.
struct Shared {
    earlier: usize,
    /// The line of Linux on which they share it, if others have it otherwise.
    line: Option<Line>,
    first: String,
    count: usize,
}

pub(super) fn check(draft: &Draft, sizes: &[usize], asked: &[Line], mistakes: &mut Mistakes) {
    let mut covered = vec![0_usize; draft.expectations.len()];
    let mut own = vec![0_usize; draft.expectations.len()];
    let mut shared: Vec<Vec<Shared>> = Vec::new();
    shared.resize_with(draft.expectations.len(), Vec::new);
    let mut uncovered: Vec<(Option<Line>, Vec<usize>)> = Vec::new();
    for line in lines(draft, asked) {
        let on_line = |at: &usize| line.is_none_or(|line| draft.expectations[*at].holds_on(line));
        let wanted = line.is_none_or(|line| asked.contains(&line));
        for choice in Draft::cells(sizes) {
            let covers = |at: &usize| draft.expectations[*at].covers(&choice);
            let mut covering = (0..draft.expectations.len()).filter(on_line).filter(covers);
            let Some(first) = covering.next() else {
                if wanted {
                    uncovered.push((line, choice));
                }
                continue;
            };
            covered[first] += 1;
            own[first] += 1;
            for later in covering {
                covered[later] += 1;
                match shared[later].iter_mut().find(|shared| shared.earlier == first) {
                    Some(shared) if shared.line == line => shared.count += 1,
                    // It is told of once.
                    Some(_) => {}
                    None => shared[later].push(Shared {
                        earlier: first,
                        line,
                        first: draft.slug(&choice),
                        count: 1,
                    }),
                }
            }
        }
    }
    for (later, shared) in shared.iter().enumerate() {
        let this = &draft.expectations[later];
        if own[later] > 0 {
            for shared in shared {
                mistakes.add(overlap(this, &draft.expectations[shared.earlier], shared));
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
    if draft.expectations_complete
        && let Some((line, _)) = uncovered.first().cloned()
    {
        // What is said of one kernel is enough to begin with.
        uncovered.retain(|(other, _)| *other == line);
        let choices: Vec<Vec<usize>> = uncovered.into_iter().map(|(_, choice)| choice).collect();
        mistakes.add(uncovered_cells(draft, line, &choices));
    }
}

/// The lines of Linux that are looked at one after the other: those that are asked for, and, so that no two
/// expectations overlap on any other, some that tell of all. `None` alone if no expectation asks for the
/// kernel.
fn lines(draft: &Draft, asked: &[Line]) -> Vec<Option<Line>> {
    let bounds = draft.expectations.iter().flat_map(|one| &one.kernels);
    let telling: Vec<Line> = bounds.flat_map(crate::base::Lines::telling).collect();
    if telling.is_empty() {
        return vec![None];
    }
    let mut lines: Vec<Line> = asked.iter().copied().chain(telling).collect();
    lines.sort_unstable();
    lines.dedup();
    lines.into_iter().map(Some).collect()
}

fn overlap(this: &expect::Draft, earlier: &expect::Draft, shared: &Shared) -> Mistake {
    let on = shared
        .line
        .map_or_else(String::new, |line| format!(" on Linux {line}"));
    Mistake::new(
        MistakeKind::Overlap,
        this.span,
        match shared.count {
            1 => format!("cell {} has two expectations{on}", shared.first),
            count => format!("{count} cells have two expectations{on}, {} first", shared.first),
        },
        "the second one",
    )
    .second(earlier.span, "the first one")
    .help("narrow the `when` of one of them")
}

fn uncovered_cells(draft: &Draft, line: Option<Line>, uncovered: &[Vec<usize>]) -> Mistake {
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
    let on = line.map_or_else(String::new, |line| format!(" on Linux {line}"));
    let count = match uncovered.len() {
        1 => format!("a cell has no expectation{on}"),
        count => format!("{count} cells have no expectation{on}"),
    };
    let mut when: Vec<_> = uncovered
        .first()
        .into_iter()
        .flat_map(|choice| draft.chosen(choice))
        .map(|(axis, value)| format!("{}: {}", axis.name.value, value.name.value))
        .collect();
    when.extend(line.map(|line| format!("{KERNEL}: {line}")));
    Mistake::new(MistakeKind::Uncovered, draft.places.expect, count, names).help(format!(
        "cover them, or say that they are only observed: `- {{ when: {{ {} }}, observe-only: true }}`",
        when.join(", ")
    ))
}
