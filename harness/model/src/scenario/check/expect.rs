//! Expectations: conditions that name axes and values that are there, and details that can be true together.

use super::AxisDraft;
use crate::Name;
use crate::duration::Human;
use crate::scenario::input::{ExpectationInput, ScenarioInput};
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes, did_you_mean, listed};
use crate::scenario::place::{At, Span};
use crate::scenario::read::OneOrMany;
use crate::scenario::table::Structure;
use crate::scenario::{BehaviourName, Expected, ExpectedBehaviour, HangEndName};

/// An expectation while it is checked.
pub(super) struct Draft {
    pub(super) when: Vec<(Name, Vec<Name>)>,
    /// For each axis of the file, which of its values match; `None` if any does.
    pub(super) matching: Vec<Option<Vec<bool>>>,
    pub(super) expected: Expected,
    pub(super) span: Span,
}

impl Draft {
    /// Does it speak of the cell with these value indices?
    pub(super) fn covers(&self, choice: &[usize]) -> bool {
        self.matching
            .iter()
            .zip(choice)
            .all(|(values, index)| values.as_ref().is_none_or(|values| values.get(*index) == Some(&true)))
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
    let drafts: Vec<_> = list
        .items
        .iter()
        .filter_map(|item| expectation(item, axes, axes_complete, mistakes))
        .collect();
    let complete = list.complete && drafts.len() == list.items.len();
    (drafts, complete)
}

fn expectation(
    input: &ExpectationInput,
    axes: &[AxisDraft],
    axes_complete: bool,
    mistakes: &mut Mistakes,
) -> Option<Draft> {
    let before = mistakes.count();
    let mut matching = vec![None; axes.len()];
    let mut when = Vec::new();
    for (axis, values) in input.when.iter().flat_map(|when| &when.entries) {
        let Some(at) = axes.iter().position(|known| known.name.value == axis.value) else {
            if axes_complete {
                mistakes.add(unknown_axis(axis, axes));
            }
            continue;
        };
        matching[at] = Some(matches(&axes[at], values, axes_complete, mistakes));
        when.push((
            axis.value.clone(),
            values.items.iter().map(|value| value.value.clone()).collect(),
        ));
    }
    let expected = if input.complete() {
        expected(input, mistakes)
    } else {
        None
    };
    (mistakes.count() == before && axes_complete).then_some(())?;
    Some(Draft {
        when,
        matching,
        expected: expected?,
        span: input.span(),
    })
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
fn matches(axis: &AxisDraft, values: &OneOrMany<At<Name>>, axes_complete: bool, mistakes: &mut Mistakes) -> Vec<bool> {
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
            .help(format!("leave `{}` out if any of its values matches", axis.name.value)),
        );
    }
    for value in &values.items {
        match axis.values.iter().position(|known| known.name.value == value.value) {
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

/// What the item expects, if its fields can be true together.
fn expected(input: &ExpectationInput, mistakes: &mut Mistakes) -> Option<Expected> {
    let Some(behaviour) = &input.behaviour else {
        return without_behaviour(input, mistakes);
    };
    if let Some(only) = &input.observe_only {
        mistakes.add(
            contradiction(
                only.span,
                "a behaviour is expected, and nothing is expected",
                "either this …",
            )
            .second(behaviour.span, "… or this"),
        );
        return None;
    }
    let before = mistakes.count();
    let name = behaviour.value.as_str();
    let hung = behaviour.value == BehaviourName::Hung;
    let of_behaviour = format!("the behaviour is `{name}`");
    if let Some(ends) = input.ends.as_ref().filter(|_| !hung) {
        mistakes.add(
            contradiction(
                ends.span,
                format!("`ends` with `{name}`"),
                "only a hang has an end to state",
            )
            .second(behaviour.span, of_behaviour.clone()),
        );
    }
    let ends = input.ends.as_ref().map(|ends| ends.value);
    let error = input.error.as_ref().map(|error| ("error", error.span));
    let errno = input.errno.as_ref().map(|errno| ("errno", errno.span));
    for (field, span) in error.into_iter().chain(errno) {
        let why = match (behaviour.value, ends) {
            (BehaviourName::FailedFast, _) | (BehaviourName::Hung, Some(HangEndName::Error)) => continue,
            (BehaviourName::Answered, _) => "an operation that is answered has no error",
            (BehaviourName::Hung, Some(HangEndName::Answer | HangEndName::None)) => {
                "this hang does not end by an error"
            }
            (BehaviourName::Hung, None) => "a hang with an error needs `ends: error` as well",
        };
        mistakes.add(
            contradiction(span, format!("`{field}` with `{name}`"), why).second(behaviour.span, of_behaviour.clone()),
        );
    }
    times(input, ends, mistakes);
    (mistakes.count() == before).then_some(Expected::Behaviour(ExpectedBehaviour {
        behaviour: behaviour.value,
        error: input.error.as_ref().map(|error| error.value.0),
        errno: input.errno.as_ref().map(|errno| errno.value.0),
        ends,
        at_least: input.at_least.as_ref().map(|time| time.value),
        at_most: input.at_most.as_ref().map(|time| time.value),
    }))
}

fn times(input: &ExpectationInput, ends: Option<HangEndName>, mistakes: &mut Mistakes) {
    let Some(most) = &input.at_most else {
        return;
    };
    if let Some(least) = input.at_least.as_ref().filter(|least| least.value > most.value) {
        mistakes.add(
            contradiction(
                most.span,
                format!("at least {} and at most {}", Human(least.value), Human(most.value)),
                "must not be shorter than `at-least`",
            )
            .second(least.span, "the least"),
        );
    }
    if ends == Some(HangEndName::None) {
        mistakes.add(
            contradiction(
                most.span,
                "`at-most` with `ends: none`",
                "an operation that does not end has no longest time",
            )
            .help("how long the hang is watched is said by `observe: { until: … }`"),
        );
    }
}

/// An item without a behaviour must be observed only, and then say nothing else.
fn without_behaviour(input: &ExpectationInput, mistakes: &mut Mistakes) -> Option<Expected> {
    let details = [
        ("ends", input.ends.as_ref().map(|field| field.span)),
        ("error", input.error.as_ref().map(|field| field.span)),
        ("errno", input.errno.as_ref().map(|field| field.span)),
        ("at-least", input.at_least.as_ref().map(|field| field.span)),
        ("at-most", input.at_most.as_ref().map(|field| field.span)),
    ];
    let Some(only) = &input.observe_only else {
        mistakes.add(
            Mistake::new(
                MistakeKind::MissingField,
                input.span(),
                "an expectation without a behaviour",
                "this needs the field `behaviour` or `observe-only`",
            )
            .help("behaviour: answered, failed-fast or hung; `observe-only: true` runs the cells without judging them"),
        );
        return None;
    };
    let before = mistakes.count();
    for (field, span) in details {
        if let Some(span) = span {
            mistakes.add(
                contradiction(
                    span,
                    format!("`{field}` with `observe-only`"),
                    "a detail of no behaviour",
                )
                .second(only.span, "nothing is expected of these cells"),
            );
        }
    }
    (mistakes.count() == before).then_some(Expected::ObserveOnly)
}

fn contradiction(span: Span, message: impl Into<String>, label: &str) -> Mistake {
    Mistake::new(MistakeKind::Contradiction, span, message, label)
}
