//! What an expectation states of its cells: details that can be true together.

use crate::Name;
use crate::duration::Human;
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes};
use crate::scenario::place::{At, Span};
use crate::scenario::scalar::{Attempts, Count};
use crate::scenario::syntax::{ExpectationInput, OutageInput, SpreadInput};
use crate::scenario::table::Structure;
use crate::scenario::{
    BehaviourName, Expected, ExpectedBehaviour, ExpectedOutage, ExpectedSpread, HangEndName, OutageBounds,
};
use std::time::Duration;

/// What the item expects, if its fields can be true together.
pub(super) fn expected(
    input: &ExpectationInput,
    patience: Option<&At<Duration>>,
    mistakes: &mut Mistakes,
) -> Option<Expected> {
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
            contradiction(span, format!("`{field}` with `{name}`"), why)
                .second(behaviour.span, of_behaviour.clone()),
        );
    }
    if let (Some(error), Some(errno)) = (&input.error, &input.errno)
        && error.value.is_of_server()
    {
        mistakes.add(
            contradiction(
                errno.span,
                format!("`errno` with the server's error {}", error.value.0),
                "an error that the server sends has no errno",
            )
            .second(error.span, "the server's own number"),
        );
    }
    times(input, ends, patience, mistakes);
    let served_by = servers(input, mistakes);
    let outage = input.outage.as_ref().map(|input| outage(input, mistakes));
    (mistakes.count() == before).then_some(Expected::Behaviour(ExpectedBehaviour {
        behaviour: behaviour.value,
        error: input.error.as_ref().map(|error| error.value.0),
        errno: input.errno.as_ref().map(|errno| errno.value.0),
        ends,
        at_least: input.at_least.as_ref().map(|time| time.value),
        at_most: input.at_most.as_ref().map(|time| time.value),
        served_by,
        clients: input.clients.as_ref().map(spread),
        outage,
    }))
}

fn times(
    input: &ExpectationInput,
    ends: Option<HangEndName>,
    patience: Option<&At<Duration>>,
    mistakes: &mut Mistakes,
) {
    let Some(most) = &input.at_most else {
        return;
    };
    let hung = input
        .behaviour
        .as_ref()
        .is_some_and(|name| name.value == BehaviourName::Hung);
    if let Some(patience) = patience.filter(|patience| hung && patience.value >= most.value) {
        mistakes.add(
            contradiction(
                most.span,
                format!("`at-most` {} with `hung`", Human(most.value)),
                "a hang lasts longer than patience",
            )
            .second(patience.span, "the patience"),
        );
    }
    if let Some(least) = input.at_least.as_ref().filter(|least| least.value > most.value) {
        mistakes.add(
            contradiction(
                most.span,
                format!(
                    "at least {} and at most {}",
                    Human(least.value),
                    Human(most.value)
                ),
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

/// The real servers of which one is to serve the connection. Whether the lab has them is checked with the
/// cells.
fn servers(input: &ExpectationInput, mistakes: &mut Mistakes) -> Vec<Name> {
    let mut servers = Vec::new();
    let Some(named) = &input.served_by else {
        return servers;
    };
    if named.items.is_empty() && named.complete {
        let (message, label) = (
            "`served-by` names no real server",
            "at least one, such as `served-by: rs1`",
        );
        let mistake = contradiction(named.span, message, label);
        mistakes.add(mistake.help("leave `served-by` out if any server may serve the connection"));
    }
    for server in &named.items {
        if servers.contains(&server.value) {
            let message = format!("the real server `{}` stands here twice", server.value);
            mistakes.add(Mistake::new(
                MistakeKind::ValueTwice,
                server.span,
                message,
                "once is enough",
            ));
        } else {
            servers.push(server.value.clone());
        }
    }
    servers
}

/// How clients are to be spread. Whether the lab has those servers, and the cells those clients, is checked
/// with the cells.
fn spread(input: &SpreadInput) -> ExpectedSpread {
    let range = |count: &At<Count>| count.value.0;
    let served = input.served.iter().flat_map(|served| &served.entries);
    ExpectedSpread {
        moved: input.moved.as_ref().map(range),
        failed: input.failed.as_ref().map(range),
        served: served
            .map(|(name, count)| (name.value.clone(), range(count)))
            .collect(),
    }
}

/// What probes are to live through. Whether the lab has them is checked with the cells.
fn outage(input: &OutageInput, mistakes: &mut Mistakes) -> ExpectedOutage {
    let nothing = |span| {
        contradiction(
            span,
            "`outage` expects nothing",
            "at least one of `at-least`, `at-most`, `lost`",
        )
        .help("`lost: 0` says that every attempt is answered")
    };
    let OutageInput {
        at_least,
        at_most,
        lost,
        of,
        ..
    } = input;
    let each = bounds((at_least, at_most, lost), mistakes);
    let named = of.iter().flat_map(|of| &of.entries);
    let mut single = Vec::new();
    for (name, input) in named {
        let own = bounds((&input.at_least, &input.at_most, &input.lost), mistakes);
        if own == OutageBounds::default() && input.complete() {
            mistakes.add(nothing(input.span()));
        }
        single.push((name.value.clone(), own));
    }
    if each == OutageBounds::default() && single.is_empty() {
        mistakes.add(nothing(input.span()));
    }
    ExpectedOutage { each, of: single }
}

/// What is typed of one probe, or of each.
type Typed<'i> = (
    &'i Option<At<Duration>>,
    &'i Option<At<Duration>>,
    &'i Option<At<Attempts>>,
);

fn bounds((at_least, at_most, lost): Typed<'_>, mistakes: &mut Mistakes) -> OutageBounds {
    if let (Some(least), Some(most)) = (at_least, at_most)
        && least.value > most.value
    {
        let (shown_least, shown_most) = (Human(least.value), Human(most.value));
        mistakes.add(
            contradiction(
                most.span,
                format!("an outage of at least {shown_least} and at most {shown_most}"),
                "must not be shorter than `at-least`",
            )
            .second(least.span, "the least"),
        );
    }
    if let (Some(least), Some(lost)) = (at_least, lost)
        && lost.value.0 == 0
        && !least.value.is_zero()
    {
        mistakes.add(
            contradiction(
                lost.span,
                "an outage in which no attempt is lost",
                "without a lost attempt there is none",
            )
            .second(least.span, "an outage is expected"),
        );
    }
    OutageBounds {
        at_least: at_least.as_ref().map(|time| time.value),
        at_most: at_most.as_ref().map(|time| time.value),
        lost: lost.as_ref().map(|lost| lost.value.0),
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
        ("served-by", input.served_by.as_ref().map(|field| field.span)),
        ("clients", input.clients.as_ref().map(Structure::span)),
        ("outage", input.outage.as_ref().map(Structure::span)),
    ];
    let Some(only) = &input.observe_only else {
        mistakes.add(
            Mistake::new(
                MistakeKind::MissingField,
                input.span(),
                "an expectation without a behaviour",
                "this needs the field `behaviour` or `observe-only`",
            )
            .help(
                "behaviour: answered, failed-fast or hung; `observe-only: true` runs the cells without \
                judging them",
            ),
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
