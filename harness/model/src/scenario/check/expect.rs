//! Expectations: conditions that name axes and values that are there.

use super::AxisDraft;
use super::expected::expected;
use crate::Name;
use crate::base::{Line, Lines, NotLines};
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes, did_you_mean, listed, quoted};
use crate::scenario::place::{At, Span};
use crate::scenario::read::{OneOrMany, Scalar};
use crate::scenario::scalar::Matched;
use crate::scenario::syntax::{ExpectationInput, ScenarioInput};
use crate::scenario::table::Structure;
use crate::scenario::{Expected, KERNEL, holds};
use std::time::Duration;

/// An expectation while it is checked.
pub(super) struct Draft {
    pub(super) when: Vec<(Name, Vec<Name>)>,
    /// The lines of Linux that it speaks of; none: of all.
    pub(super) kernels: Vec<Lines>,
    /// For each axis of the file, which of its values match; `None` if any does.
    pub(super) matching: Vec<Option<Vec<bool>>>,
    pub(super) expected: Expected,
    /// The real servers that it names, each where it stands.
    pub(super) served_by: Vec<At<Name>>,
    /// These, and those that it names besides.
    pub(super) named: Vec<At<Name>>,
    /// The probes that it names, each where it stands.
    pub(super) probes: Vec<At<Name>>,
    pub(super) span: Span,
    pub(super) places: Option<Places>,
}

/// Where an expected behaviour and its details stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    pub(super) behaviour: Span,
    pub(super) error: Option<Span>,
    pub(super) errno: Option<Span>,
    pub(super) at_least: Option<Span>,
    pub(super) at_most: Option<Span>,
    pub(super) clients: Option<Span>,
    pub(super) moved: Option<Span>,
    pub(super) outage: Option<Span>,
}

impl Places {
    fn of(input: &ExpectationInput) -> Option<Self> {
        Some(Self {
            behaviour: input.behaviour.as_ref()?.span,
            error: input.error.as_ref().map(|field| field.span),
            errno: input.errno.as_ref().map(|field| field.span),
            at_least: input.at_least.as_ref().map(|field| field.span),
            at_most: input.at_most.as_ref().map(|field| field.span),
            clients: input.clients.as_ref().map(Structure::span),
            moved: input
                .clients
                .as_ref()
                .and_then(|clients| clients.moved.as_ref())
                .map(|field| field.span),
            outage: input.outage.as_ref().map(Structure::span),
        })
    }
}

impl Draft {
    /// Does it speak of kernels of this line?
    pub(super) fn holds_on(&self, line: Line) -> bool {
        holds(&self.kernels, line)
    }

    /// Does it speak of the cell with these value indices, on some kernel?
    pub(super) fn covers(&self, choice: &[usize]) -> bool {
        self.matching.iter().zip(choice).all(|(values, index)| {
            values
                .as_ref()
                .is_none_or(|values| values.get(*index) == Some(&true))
        })
    }
}

/// The expectations of the file, and whether all of them could be read.
pub(super) fn draft(
    input: &ScenarioInput,
    axes: &[AxisDraft],
    axes_complete: bool,
    mistakes: &mut Mistakes,
) -> (Vec<Draft>, bool) {
    let Some(list) = &input.expect else {
        return (Vec::new(), false);
    };
    if list.items.is_empty() && list.complete {
        mistakes.add(
            Mistake::new(
                MistakeKind::NoExpectation,
                list.span,
                "the scenario expects nothing",
                "at least one item, such as `{ behaviour: answered }`",
            )
            .help("to run cells without judging them, write `- { observe-only: true }`"),
        );
        return (Vec::new(), false);
    }
    let patience = input
        .observe
        .as_ref()
        .and_then(|observe| observe.patience.as_ref());
    let drafts: Vec<_> = list
        .items
        .iter()
        .filter_map(|item| expectation(item, axes, axes_complete, patience, mistakes))
        .collect();
    let complete = list.complete && drafts.len() == list.items.len();
    (drafts, complete)
}

fn expectation(
    input: &ExpectationInput,
    axes: &[AxisDraft],
    axes_complete: bool,
    patience: Option<&At<Duration>>,
    mistakes: &mut Mistakes,
) -> Option<Draft> {
    let before = mistakes.count();
    let mut matching = vec![None; axes.len()];
    let mut when = Vec::new();
    let mut kernels = Vec::new();
    for (axis, values) in input.when.iter().flat_map(|when| &when.entries) {
        if axis.value.as_str() == KERNEL {
            kernels = lines(values, mistakes);
            continue;
        }
        let Some(at) = axes.iter().position(|known| known.name.value == axis.value) else {
            if axes_complete {
                mistakes.add(unknown_axis(axis, axes));
            }
            continue;
        };
        matching[at] = Some(matches(&axes[at], values, axes_complete, mistakes));
        when.push((
            axis.value.clone(),
            values
                .items
                .iter()
                .filter_map(name)
                .map(|name| name.value)
                .collect(),
        ));
    }
    let expected = if input.complete() {
        expected(input, patience, mistakes)
    } else {
        None
    };
    (mistakes.count() == before && axes_complete).then_some(())?;
    Some(Draft {
        when,
        kernels,
        matching,
        expected: expected?,
        served_by: input
            .served_by
            .as_ref()
            .map_or_else(Vec::new, |named| named.items.clone()),
        named: named(input),
        probes: probes(input),
        span: input.span(),
        places: Places::of(input),
    })
}

/// The real servers that it names, each where it stands.
fn named(input: &ExpectationInput) -> Vec<At<Name>> {
    let serves = input.served_by.iter().flat_map(|named| &named.items);
    let served = input.clients.iter().filter_map(|clients| clients.served.as_ref());
    let of_clients = served.flat_map(|served| &served.entries).map(|(name, _)| name);
    serves.chain(of_clients).cloned().collect()
}

/// The probes that it names.
fn probes(input: &ExpectationInput) -> Vec<At<Name>> {
    let of = input.outage.iter().filter_map(|outage| outage.of.as_ref());
    let names = of.flat_map(|of| &of.entries).map(|(name, _)| name);
    names.cloned().collect()
}

/// The name of a value.
fn name(matched: &At<Matched>) -> Option<At<Name>> {
    let span = matched.span;
    match &matched.value {
        Matched::Name(name) => Some(At {
            value: name.clone(),
            span,
        }),
        Matched::Lines(_) => None,
    }
}

/// Lines of Linux stand where an axis has values.
fn no_name(matched: &At<Matched>) -> Mistake {
    let written = match &matched.value {
        Matched::Name(name) => name.to_string(),
        Matched::Lines(lines) => lines.to_string(),
    };
    Mistake::new(
        MistakeKind::BadName,
        matched.span,
        format!("{} is not a name", quoted(&written)),
        format!("accepted here: {}", Name::accepts()),
    )
    .help(format!("lines of Linux are asked for by `{KERNEL}`"))
}

/// The lines of Linux that an expectation speaks of.
fn lines(values: &OneOrMany<At<Matched>>, mistakes: &mut Mistakes) -> Vec<Lines> {
    if values.items.is_empty() && values.complete {
        mistakes.add(
            Mistake::new(
                MistakeKind::CoversNothing,
                values.span,
                "an empty list of kernels matches no kernel",
                "lines of Linux, such as `<5.9`",
            )
            .help(format!("leave `{KERNEL}` out if it is true of every kernel")),
        );
    }
    let line = |value: &At<Matched>| {
        let named = match &value.value {
            Matched::Lines(lines) => return Some(lines.clone()),
            Matched::Name(name) => name.as_str(),
        };
        let read: Result<Lines, NotLines> = named.parse();
        if let Err(rule) = &read {
            let label = format!("accepted here: {}", "`<5.9`, `<=5.8`, `>=5.9`, `>5.8`, `6.1`");
            let message = format!("{} names no line of Linux", quoted(named));
            mistakes
                .add(Mistake::new(MistakeKind::BadName, value.span, message, label).help(rule.to_string()));
        }
        read.ok()
    };
    values.items.iter().filter_map(line).collect()
}

fn unknown_axis(name: &At<Name>, axes: &[AxisDraft]) -> Mistake {
    let names = || axes.iter().map(|axis| axis.name.value.as_str());
    let label = if axes.is_empty() {
        "the scenario has no axes".to_owned()
    } else {
        format!("axes of this scenario: {}", listed(names()))
    };
    Mistake::new(
        MistakeKind::UnknownAxis,
        name.span,
        format!("no axis named `{}`", name.value),
        label,
    )
    .maybe_help(did_you_mean(name.value.as_str(), names()))
}

/// Which values of `axis` match.
fn matches(
    axis: &AxisDraft,
    values: &OneOrMany<At<Matched>>,
    axes_complete: bool,
    mistakes: &mut Mistakes,
) -> Vec<bool> {
    let mut matching = vec![false; axis.values.len()];
    let names = || axis.values.iter().map(|value| value.name.value.as_str());
    if values.items.is_empty() && values.complete {
        mistakes.add(
            Mistake::new(
                MistakeKind::CoversNothing,
                values.span,
                "an empty list of values matches no cell",
                format!("values of this axis: {}", listed(names())),
            )
            .help(format!(
                "leave `{}` out if any of its values matches",
                axis.name.value
            )),
        );
    }
    for value in &values.items {
        let Some(value) = name(value) else {
            mistakes.add(no_name(value));
            continue;
        };
        match axis
            .values
            .iter()
            .position(|known| known.name.value == value.value)
        {
            Some(at) if matching[at] => mistakes.add(Mistake::new(
                MistakeKind::ValueTwice,
                value.span,
                format!("the value `{}` stands here twice", value.value),
                "once is enough",
            )),
            Some(at) => matching[at] = true,
            None if axes_complete => mistakes.add(
                Mistake::new(
                    MistakeKind::UnknownValue,
                    value.span,
                    format!("the axis `{}` has no value `{}`", axis.name.value, value.value),
                    format!("values of this axis: {}", listed(names())),
                )
                .maybe_help(did_you_mean(value.value.as_str(), names())),
            ),
            None => {}
        }
    }
    matching
}
