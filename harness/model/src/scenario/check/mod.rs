//! From the file as typed to the scenario as believed. Each check adds its mistakes and concludes nothing
//! from what could not be read: one slip of the pen is one message.

mod added;
mod cell_lab;
mod client;
mod client_steps;
mod control;
mod coverage;
mod directors;
mod expect;
mod expected;
mod explore;
mod findings;
mod gap;
mod health;
mod into_scenario;
mod keepalived;
mod lab;
mod ldirectord;
mod own_config;
mod possible;
mod probes;

mod served_by;
mod server;
mod service;
mod services;
mod size;
mod state;
mod steps;
mod sysctls;
mod timeline;
mod wiring;

use super::mistake::{Mistake, MistakeKind, Mistakes};
use super::place::{At, Span};
use super::syntax::{ObserveInput, Placed, SaysOfLab, ScenarioInput};
use super::table::Structure;
use super::{KERNEL, Observe, Scenario, Source};
use crate::Name;
use crate::action::Node;
use crate::base::{Line, choice_of};
use crate::duration::Human;
use std::time::Duration;

/// The most cells that a scenario may have.
pub const MAX_CELLS: usize = 10_000;
/// The longest name of a cell's folder. File systems take 255 bytes; the rest is for what is written beside
/// it.
const MAX_SLUG: usize = 200;
/// The shortest patience: below it the machine's own delays would be taken for the network's.
const MIN_PATIENCE: Duration = Duration::from_millis(100);

/// A scenario while it is checked: what could be read, where it stands, and whether that was all.
struct Draft {
    name: Option<Name>,
    claim: Option<String>,
    claim_zh: Option<String>,
    source: Option<Source>,
    lab: Option<added::Added>,
    /// What the lab says of the client.
    client: client::ClientDraft,
    axes: Vec<AxisDraft>,
    /// Were all axes and values read?
    axes_complete: bool,
    steps: steps::Steps,
    observe: Option<(Observe, Span)>,
    fails_without_change: bool,
    expectations: Vec<expect::Draft>,
    /// Were all expectations read?
    expectations_complete: bool,
    explore: Option<explore::ExploreDraft>,
    /// The director that is meant where none is named.
    first_director: Node,
    places: Places,
}

/// Where to point when something is missing.
#[derive(Clone, Copy)]
struct Places {
    file: Span,
    axes: Span,
    act: Span,
    expect: Span,
}

struct AxisDraft {
    name: At<Name>,
    values: Vec<ValueDraft>,
}

struct ValueDraft {
    name: At<Name>,
    added: added::Added,
    client: client::ClientDraft,
    steps: steps::Steps,
}

/// The scenario, if the mistakes did not grow. Its cells must be covered on kernels of these lines.
pub(super) fn check(input: &ScenarioInput, lines: &[Line], mistakes: &mut Mistakes) -> Option<Scenario> {
    let before = mistakes.count();
    let mut draft = draft(input, mistakes);
    draft.know_directors();
    let real_servers_known = lab::check(&draft, mistakes);
    if real_servers_known {
        steps::check_names(&draft, mistakes);
    }
    sysctls::check(&draft, mistakes);
    client::conflicts(&draft, mistakes);
    client_steps::slow(&draft, mistakes);
    match sizes(&draft, mistakes) {
        Some(sizes) if draft.axes_complete && size::check(&draft, &sizes, mistakes) => {
            wiring::check(&draft, &sizes, mistakes);
            own_config::check(&draft, &sizes, mistakes);
            probes::check(&draft, &sizes, mistakes);
            client::check(&draft, &sizes, mistakes);
            coverage::check(&draft, &sizes, lines, mistakes);
            if real_servers_known {
                served_by::check(&draft, &sizes, mistakes);
                timeline::check(&draft, &sizes, mistakes);
            }
        }
        Some(_) | None => {}
    }
    if input.complete() && mistakes.count() == before {
        let places: Vec<Vec<Span>> = draft
            .axes
            .iter()
            .map(|axis| axis.values.iter().map(|value| value.name.span).collect())
            .collect();
        let mut scenario = into_scenario::into_scenario(draft)?;
        same_values(&scenario, &places, mistakes);
        scenario.warnings = mistakes.take_warnings();
        Some(scenario)
    } else {
        None
    }
}

/// So many values of an axis are held against each other.
const MOST_COMPARED: usize = 100;

/// Warns of values of an axis that add the same: their cells differ in nothing but the name.
fn same_values(scenario: &Scenario, places: &[Vec<Span>], mistakes: &mut Mistakes) {
    for (axis, spans) in scenario.axes.iter().zip(places) {
        for (later, (value, span)) in axis.values.iter().zip(spans).enumerate() {
            let earlier = axis.values.iter().zip(spans).take(later);
            let earlier = earlier
                .take(MOST_COMPARED)
                .find(|(earlier, _)| earlier.steps == value.steps && earlier.lab == value.lab);
            if let Some((earlier, first)) = earlier {
                let message = format!("`{}` adds the same as `{}`", value.name, earlier.name);
                let label = "their cells differ in the name only";
                mistakes.warn(
                    Mistake::new(MistakeKind::SameValues, *span, message, label)
                        .second(*first, "the other one"),
                );
            }
        }
    }
}

fn draft(input: &ScenarioInput, mistakes: &mut Mistakes) -> Draft {
    let file = input.span();
    let axes_span = input.axes.as_ref().map_or(file, |axes| axes.span);
    let places = Places {
        file,
        axes: axes_span,
        act: input.act.as_ref().map_or(axes_span, |act| act.span),
        expect: input.expect.as_ref().map_or(file, |expect| expect.span),
    };
    let mut axes_complete = input.knows("axes") && input.axes.as_ref().is_none_or(|axes| axes.complete);
    let mut axes = Vec::new();
    let client = client::ClientDraft::of(input.lab.as_ref().map(SaysOfLab::lab), mistakes);
    for (name, values) in input.axes.iter().flat_map(|axes| &axes.entries) {
        axes_complete &= values.complete;
        if name.value.as_str() == KERNEL {
            axes_complete = false;
            mistakes.add(
                Mistake::new(
                    MistakeKind::BadName,
                    name.span,
                    format!("an axis cannot be named `{KERNEL}`"),
                    "expectations ask for the run's kernel by this name",
                )
                .help("a run has several kernels by `--kernels`; call the axis something else"),
            );
        }
        axes.push(AxisDraft {
            name: name.clone(),
            values: values
                .entries
                .iter()
                .map(|(name, value)| ValueDraft {
                    name: name.clone(),
                    added: added::Added::of(value),
                    client: client::ClientDraft::of(Some(value.lab()), mistakes),
                    steps: steps::Steps::of(&value.before, &value.change, &value.act, knows_steps(value)),
                })
                .collect(),
        });
        if values.entries.is_empty() && values.complete {
            axes_complete = false;
            mistakes.add(
                Mistake::new(
                    MistakeKind::NoValue,
                    name.span,
                    format!("the axis `{}` has no value", name.value),
                    "an axis needs at least one value, such as `present: {}`",
                )
                .help("an axis without values would leave no cell at all"),
            );
        }
    }
    let (expectations, expectations_complete) = expect::draft(input, &axes, axes_complete, mistakes);
    Draft {
        name: input.name.as_ref().map(|name| name.value.clone()),
        claim: input.claim.as_ref().map(|claim| claim.value.0.clone()),
        claim_zh: input.claim_zh.as_ref().map(|claim| claim.value.0.clone()),
        source: input.source.as_ref().and_then(|source| {
            Some(Source {
                title: source.title.as_ref()?.value.0.clone(),
                url: source.url.as_ref()?.value.clone(),
            })
        }),
        lab: input.lab.as_ref().map(added::Added::of),
        client,
        axes,
        axes_complete,
        steps: steps::Steps::of(&input.before, &input.change, &input.act, knows_steps(input)),
        observe: input
            .observe
            .as_ref()
            .and_then(|observe| observation(observe, mistakes)),
        fails_without_change: input
            .observe
            .as_ref()
            .is_some_and(|observe| observe.fails_without_change.is_some()),
        expectations,
        expectations_complete,
        explore: input
            .explore
            .as_ref()
            .map(|input| explore::ExploreDraft::of(input, mistakes)),
        first_director: Node::first_director(),
        places,
    }
}

fn knows_steps(input: &impl Structure) -> bool {
    ["before", "change", "act"].iter().all(|phase| input.knows(phase))
}

fn observation(input: &ObserveInput, mistakes: &mut Mistakes) -> Option<(Observe, Span)> {
    let (patience, until) = (input.patience.as_ref()?, input.until.as_ref()?);
    if patience.value < MIN_PATIENCE {
        mistakes.add(Mistake::new(
            MistakeKind::DurationOutOfRange,
            patience.span,
            format!("a patience of {} is too short", Human(patience.value)),
            format!("at least {}", Human(MIN_PATIENCE)),
        ));
        return None;
    }
    if patience.value >= until.value {
        mistakes.add(
            Mistake::new(
                MistakeKind::PatienceTooLong,
                until.span,
                format!(
                    "the observation ends at {}, before patience does",
                    Human(until.value)
                ),
                "must be longer than `patience`",
            )
            .second(patience.span, "the patience")
            .help("a hang is silence beyond patience: it could never be seen"),
        );
        return None;
    }
    let observe = Observe {
        patience: patience.value,
        until: until.value,
        judge: input.judge.as_ref().map(|judge| judge.value).unwrap_or_default(),
    };
    Some((observe, until.span))
}

/// How many values each axis has, if the cells can be told apart and run.
fn sizes(draft: &Draft, mistakes: &mut Mistakes) -> Option<Vec<usize>> {
    let sizes: Vec<usize> = draft.axes.iter().map(|axis| axis.values.len()).collect();
    let cells = sizes
        .iter()
        .try_fold(1_usize, |cells, size| cells.checked_mul(*size));
    let too_many = match cells {
        Some(cells) if cells <= MAX_CELLS => None,
        Some(cells) => Some(cells.to_string()),
        None => Some(format!("more than {}", usize::MAX)),
    };
    if let Some(count) = too_many {
        let factors = sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ");
        mistakes.add(
            Mistake::new(
                MistakeKind::TooManyCells,
                draft.places.axes,
                format!(
                    "the axes have {count} cells ({})",
                    super::mistake::shortened(&factors)
                ),
                format!("at most {MAX_CELLS} cells are accepted"),
            )
            .help(
                "split the scenario: an axis that no expectation needs together with the others goes into a \
                file of its own",
            ),
        );
        return None;
    }
    let longest = |axis: &AxisDraft| {
        axis.values
            .iter()
            .map(|value| value.name.value.as_str().len())
            .max()
    };
    let slug: usize = draft
        .axes
        .iter()
        .filter_map(longest)
        .map(|length| length + 1)
        .sum();
    if slug > MAX_SLUG {
        mistakes.add(
            Mistake::new(
                MistakeKind::LongCellName,
                draft.places.axes,
                "the names of the values are too long together",
                format!(
                    "the longest cell's name has {slug} characters; at most {MAX_SLUG} can name a folder"
                ),
            )
            .help("give the values shorter names"),
        );
        return None;
    }
    Some(sizes)
}

impl Draft {
    /// All cells as value indices, in the matrix's order.
    fn cells(sizes: &[usize]) -> impl Iterator<Item = Vec<usize>> {
        let count: usize = sizes.iter().product();
        (0..count).map(|number| choice_of(number, sizes))
    }

    /// The cell's values joined as [`crate::base::CellRef::slug`] does it.
    fn slug(&self, choice: &[usize]) -> String {
        let values: Vec<_> = self
            .chosen(choice)
            .map(|(_, value)| value.name.value.as_str())
            .collect();
        if values.is_empty() {
            "only".to_owned()
        } else {
            values.join("_")
        }
    }

    /// Each axis with the value that a cell has of it.
    fn chosen<'d>(&'d self, choice: &'d [usize]) -> impl Iterator<Item = (&'d AxisDraft, &'d ValueDraft)> {
        self.axes
            .iter()
            .zip(choice)
            .filter_map(|(axis, index)| Some((axis, axis.values.get(*index)?)))
    }

    /// Every step that stands in the file, those of sequences that are searched included.
    fn all_steps(&self) -> impl Iterator<Item = &Placed> {
        let steps = std::iter::once(&self.steps).chain(self.values().map(|value| &value.steps));
        let searched = self.explore.iter().flat_map(|explore| &explore.actions);
        steps.flat_map(steps::Steps::all).chain(searched)
    }

    fn values(&self) -> impl Iterator<Item = &ValueDraft> {
        self.axes.iter().flat_map(|axis| &axis.values)
    }
}
