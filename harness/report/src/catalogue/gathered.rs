//! Cells gathered by what was changed, by the client, and by what it got.

use super::case::{Case, Chapter, Kind};
use crate::count::counted;
use lvs_matrix_language::{Language, phrasing};
use lvs_matrix_model::Name;
use lvs_matrix_model::matrix::CellRef;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A change, with what its clients got.
pub(super) struct Change<'a> {
    pub(super) chapter: Chapter,
    /// A phrase for each step.
    pub(super) steps: Vec<String>,
    pub(super) cells: usize,
    pub(super) lines: Vec<Line<'a>>,
}

/// The clients of one kind that got the same.
pub(super) struct Line<'a> {
    pub(super) kind: Kind,
    /// What they got: `hung, then error`.
    pub(super) result: String,
    /// The errors, the most common one first.
    pub(super) errors: Vec<String>,
    pub(super) cases: Vec<&'a Case<'a>>,
    /// What sets them apart from those of the same kind that got something else, the sharpest first.
    pub(super) apart: Vec<Apart>,
    pub(super) helps: Vec<Help>,
}

/// A setting that most of some cells have, and few of others.
pub(super) struct Apart {
    pub(super) setting: (String, String),
    /// How many of them have it, and how many of the others.
    pub(super) here: usize,
    pub(super) elsewhere: usize,
    /// How many others there are.
    pub(super) others: usize,
}

/// Settings with which the same cell came out better.
pub(super) struct Help {
    pub(super) settings: Vec<(String, String)>,
    /// What it got then, at the worst.
    pub(super) result: String,
    rank: u8,
    /// In how many cells, of how many that were run with it.
    pub(super) helped: usize,
    pub(super) of: usize,
}

/// Every change, the most common ones first.
pub(super) fn gathered<'a>(words: Language, cases: &'a [Case<'a>]) -> Vec<Change<'a>> {
    let siblings = Siblings::of(cases);
    let mut changes: BTreeMap<(Chapter, &[String]), Vec<&Case<'_>>> = BTreeMap::new();
    for case in cases {
        let key = (case.chapter, case.change.as_slice());
        changes.entry(key).or_default().push(case);
    }
    let mut all: Vec<Change<'_>> = changes
        .into_iter()
        .map(|((chapter, steps), cases)| Change {
            chapter,
            steps: steps.to_vec(),
            cells: cases.len(),
            lines: lines(words, &cases, &siblings),
        })
        .collect();
    // Stable: what has as many cells stays in the order of its words.
    all.sort_by_key(|change| (change.chapter, std::cmp::Reverse(change.cells)));
    all
}

fn lines<'a>(words: Language, cases: &[&'a Case<'a>], siblings: &Siblings<'a>) -> Vec<Line<'a>> {
    let mut groups: BTreeMap<(Kind, u8, String), Vec<&Case<'_>>> = BTreeMap::new();
    for case in cases {
        let result = phrasing::behaviour(words, &case.cell.observed.behaviour);
        let key = (case.kind, u8::MAX - case.rank(), result);
        groups.entry(key).or_default().push(case);
    }
    let of_kind = |kind: Kind| cases.iter().filter(move |case| case.kind == kind);
    groups
        .into_iter()
        .map(|((kind, _, result), group)| {
            let is_in = |case: &Case<'_>| group.iter().any(|one| std::ptr::eq(*one, case));
            let others: Vec<&Case<'_>> = of_kind(kind).copied().filter(|case| !is_in(case)).collect();
            Line {
                kind,
                errors: errors(words, &group),
                apart: apart(&group, &others),
                helps: siblings.helps(words, &group),
                result,
                cases: group,
            }
        })
        .collect()
}

fn errors(words: Language, group: &[&Case<'_>]) -> Vec<String> {
    let errors = group.iter().filter_map(|case| case.cell.observed.error.as_ref());
    let mut known = counted(errors.map(|error| phrasing::error_code(words, error)));
    // Stable: those that are as common stay in the order of the matrix.
    known.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    known.into_iter().map(|(error, _)| error).collect()
}

/// A setting sets cells apart if its share among them is larger by so much than among others, in percent.
const APART: usize = 60;

/// Settings that set `group` apart from `others`.
fn apart(group: &[&Case<'_>], others: &[&Case<'_>]) -> Vec<Apart> {
    if others.is_empty() {
        return Vec::new();
    }
    let settings: BTreeSet<(&String, &String)> = group.iter().flat_map(|case| &case.settings).collect();
    let count = |cases: &[&Case<'_>], key: &str, value: &str| {
        let has = |case: &&&Case<'_>| case.settings.get(key).is_some_and(|own| own == value);
        cases.iter().filter(has).count()
    };
    let mut found: Vec<(usize, Apart)> = settings
        .into_iter()
        .filter_map(|(key, value)| {
            let (here, elsewhere) = (count(group, key, value), count(others, key, value));
            let share = (here * 100 / group.len()).checked_sub(elsewhere * 100 / others.len())?;
            let apart = Apart {
                setting: (key.clone(), value.clone()),
                here,
                elsewhere,
                others: others.len(),
            };
            (share >= APART).then_some((share, apart))
        })
        .collect();
    // Stable: what is as sharp stays in the order of the settings' names.
    found.sort_by_key(|(share, _)| std::cmp::Reverse(*share));
    found.into_iter().map(|(_, apart)| apart).collect()
}

/// Cells of one run and one kernel that differ from each other in the value of one axis.
struct Siblings<'a>(HashMap<(&'a str, CellRef, usize), Vec<&'a Case<'a>>>);

impl<'a> Siblings<'a> {
    fn of(cases: &'a [Case<'a>]) -> Self {
        let mut known: HashMap<_, Vec<&Case<'_>>> = HashMap::new();
        for case in cases {
            for (place, _) in case.id().values.iter().enumerate() {
                let key = (case.pages, without(case.id(), place), place);
                known.entry(key).or_default().push(case);
            }
        }
        Self(known)
    }

    /// The settings with which cells of `group` came out better, those that helped most first.
    fn helps(&self, words: Language, group: &[&Case<'_>]) -> Vec<Help> {
        let mut helps: BTreeMap<Vec<(String, String)>, Help> = BTreeMap::new();
        for case in group.iter().filter(|case| case.rank() > 0) {
            for (settings, sibling) in self.with_other_settings(case) {
                let result = phrasing::behaviour(words, &sibling.cell.observed.behaviour);
                let help = helps.entry(settings.clone()).or_insert_with(|| Help {
                    settings,
                    result: String::new(),
                    rank: 0,
                    helped: 0,
                    of: 0,
                });
                help.of += 1;
                if sibling.rank() < case.rank() {
                    help.helped += 1;
                    if help.result.is_empty() || sibling.rank() > help.rank {
                        (help.result, help.rank) = (result, sibling.rank());
                    }
                }
            }
        }
        // What helps in fewer than half of the cells is no help.
        let most = |help: &Help| help.helped * 2 > help.of;
        let mut helps: Vec<Help> = helps.into_values().filter(most).collect();
        // Stable: what helped as much stays in the order of the settings' names.
        helps.sort_by(|one, other| {
            let share = |help: &Help| help.helped * 1000 / help.of;
            (share(other), other.helped, one.rank).cmp(&(share(one), one.helped, other.rank))
        });
        helps
    }

    /// Cells with the same change and the same client that differ from this one in one axis, and in how their
    /// labs are set, each with the settings that it has instead.
    fn with_other_settings<'b>(
        &'b self,
        case: &'b Case<'_>,
    ) -> impl Iterator<Item = (Vec<(String, String)>, &'b Case<'a>)> {
        let places = 0..case.id().values.len();
        let near = places.filter_map(|place| self.0.get(&(case.pages, without(case.id(), place), place)));
        near.flatten().filter_map(|sibling| {
            let same = sibling.change == case.change && sibling.kind == case.kind;
            let beyond = sibling.beyond(case);
            let settings = beyond
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()));
            let settings: Vec<_> = settings.collect();
            (same && !settings.is_empty()).then_some((settings, *sibling))
        })
    }
}

/// The cell without the value of one axis.
fn without(cell: &CellRef, place: usize) -> CellRef {
    let mut rest = cell.clone();
    rest.values.remove(place);
    rest
}

impl Line<'_> {
    /// Its scenarios, each with the folder of its pages and the number of its cells.
    pub(super) fn scenarios(&self) -> Vec<(&str, &Name, usize)> {
        let mut known: Vec<(&str, &Name, usize)> = Vec::new();
        for case in &self.cases {
            let name = &case.id().scenario;
            match known
                .iter_mut()
                .find(|(pages, one, _)| *pages == case.pages && *one == name)
            {
                Some((_, _, count)) => *count += 1,
                None => known.push((case.pages, name, 1)),
            }
        }
        known
    }

    /// The values that a setting has in these cells.
    pub(super) fn values(&self, key: &str) -> BTreeSet<&str> {
        let cases = self.cases.iter();
        cases
            .filter_map(|case| Some(case.settings.get(key)?.as_str()))
            .collect()
    }
}
