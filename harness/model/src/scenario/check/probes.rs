//! What probes cannot ask, and expectations of probes that a cell does not have.

use super::Draft;
use super::cell_lab::CellLab;
use super::findings::Findings;
use crate::Name;
use crate::duration::Human;
use crate::probe::{Asks, MOST_ATTEMPTS, Probe, SHORTEST_EVERY};
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes, did_you_mean, listed};
use crate::scenario::place::{At, Span};
use crate::scenario::{Expected, ServerKind};
use std::collections::HashMap;
use std::time::Duration;

pub(super) fn check(draft: &Draft, sizes: &[usize], mistakes: &mut Mistakes) {
    let mut findings = Findings::default();
    for choice in Draft::cells(sizes) {
        let said = CellLab::of(draft, &choice);
        let probes: Vec<&At<Probe>> = said.parts.iter().flat_map(|part| &part.probes).collect();
        let mut wrong: Vec<Mistake> = unfit(&said, &probes);
        wrong.extend(too_many(draft, &choice, &probes));
        let covering = draft
            .expectations
            .iter()
            .filter(|expectation| expectation.covers(&choice));
        let covering: Vec<_> = covering.collect();
        wrong.extend(
            covering
                .iter()
                .flat_map(|expectation| unknown(expectation, &probes)),
        );
        let longest = longest(draft, &choice);
        wrong.extend(longest.into_iter().flat_map(|longest| {
            let beyond = covering
                .iter()
                .filter_map(move |expectation| beyond(expectation, longest));
            beyond.collect::<Vec<_>>()
        }));
        for mistake in wrong {
            findings.add(
                || draft.slug(&choice),
                mistake.span,
                mistake.kind,
                || mistake.clone(),
            );
        }
    }
    findings.report(draft, mistakes);
    let looked_for = draft.explore.as_ref().and_then(|explore| explore.probe_outage);
    let values = draft.values().map(|value| &value.added);
    let mut parts = draft.lab.iter().chain(values);
    if let Some(span) = looked_for.filter(|_| parts.all(|part| part.probes.is_empty())) {
        mistakes.add(without_probes(span));
    }
}

fn without_probes(span: Span) -> Mistake {
    let mistake = Mistake::new(
        MistakeKind::UnknownServer,
        span,
        "an outage of a lab without probes",
        "nobody asks again and again here",
    );
    mistake.help("give the lab a probe: `probes: { fresh: { asks: new-connection } }`")
}

/// What the probes of a cell cannot do in its lab.
fn unfit(said: &CellLab<'_>, probes: &[&At<Probe>]) -> Vec<Mistake> {
    let kind = said.server_kind();
    let mut mistakes = Vec::new();
    let mut known = HashMap::new();
    for At { value: probe, span } in probes {
        let mut wrong = |kind, message: String, label: &str, help: &str| {
            let mistake = Mistake::new(kind, *span, message, label);
            mistakes.push(mistake.help(help));
        };
        for (field, time) in [("every", probe.every), ("timeout", probe.timeout)] {
            if time < SHORTEST_EVERY {
                wrong(
                    MistakeKind::DurationOutOfRange,
                    format!("`{field}` of {} is too short", Human(time)),
                    &format!("at least {}", Human(SHORTEST_EVERY)),
                    "an attempt has some ten packets, and each link delays each of them",
                );
            }
        }
        match (kind, probe.asks) {
            (ServerKind::Program, Asks::OpenConnection | Asks::Pool) => wrong(
                MistakeKind::Wiring,
                format!("`{}` of a program of your own", probe.asks.as_str()),
                "a probe does not know what to ask it",
                "say `asks: new-connection`, which only connects",
            ),
            (ServerKind::UdpEcho, Asks::Pool) => wrong(
                MistakeKind::Wiring,
                "`pool` over UDP".to_owned(),
                "without connections none is found lost",
                "say `asks: new-connection` or `asks: open-connection`",
            ),
            _ => {}
        }
        if let Some(first) = known.insert(&probe.name, *span) {
            mistakes.push(
                Mistake::new(
                    MistakeKind::Wiring,
                    *span,
                    format!("the probe `{}` is there already", probe.name),
                    "a value adds probes with names of their own",
                )
                .second(first, "it is given here"),
            );
        }
    }
    mistakes
}

/// How long a cell lasts at the most.
fn longest(draft: &Draft, choice: &[usize]) -> Option<Duration> {
    let (observe, _) = draft.observe.as_ref()?;
    let steps = std::iter::once(&draft.steps).chain(draft.chosen(choice).map(|(_, value)| &value.steps));
    let before_act = steps.flat_map(|steps| steps.before.iter().chain(&steps.change));
    let own = before_act.map(|step| step.gap().saturating_add(step.action.own_time()));
    Some(own.fold(observe.until, Duration::saturating_add))
}

/// An outage that lasts for longer than anybody looks.
fn beyond(expectation: &super::expect::Draft, longest: Duration) -> Option<Mistake> {
    let Expected::Behaviour(expected) = &expectation.expected else {
        return None;
    };
    let outage = expected.outage.as_ref()?;
    let single = outage.of.iter().map(|(_, bounds)| bounds);
    let least = std::iter::once(&outage.each)
        .chain(single)
        .filter_map(|bounds| bounds.at_least);
    let least = least.max().filter(|least| *least > longest)?;
    let mistake = Mistake::new(
        MistakeKind::DurationOutOfRange,
        expectation.places?.outage?,
        format!("an outage of at least {}", Human(least)),
        format!("the cell may last for {} at the most", Human(longest)),
    );
    Some(mistake.help("`observe` a longer `until`, or expect a shorter outage"))
}

/// Probes ask from the beginning to the end. Their packets are all kept.
fn too_many(draft: &Draft, choice: &[usize], probes: &[&At<Probe>]) -> Option<Mistake> {
    let longest = longest(draft, choice)?;
    let of = |probe: &Probe| longest.as_millis() / probe.every.max(SHORTEST_EVERY).as_millis();
    let all: u128 = probes.iter().map(|at| of(&at.value)).sum();
    if all <= u128::from(MOST_ATTEMPTS) {
        return None;
    }
    let most = probes.iter().max_by_key(|at| of(&at.value))?;
    let mistake = Mistake::new(
        MistakeKind::DurationOutOfRange,
        most.span,
        format!("the probes may ask {all} times"),
        format!("at most {MOST_ATTEMPTS} attempts in a cell"),
    );
    Some(mistake.help(format!(
        "the cell may last for {}: give the probe a longer `every`, or `observe` a shorter `until`",
        Human(longest)
    )))
}

/// What an expectation says of probes that are not there.
fn unknown(expectation: &super::expect::Draft, probes: &[&At<Probe>]) -> Vec<Mistake> {
    let span = expectation.places.and_then(|places| places.outage);
    if let Some(span) = span.filter(|_| probes.is_empty()) {
        return vec![without_probes(span)];
    }
    let names = || probes.iter().map(|at| at.value.name.as_str());
    let unknown = expectation.probes.iter().filter(|named| {
        let mut names = names();
        !names.any(|known| known == named.value.as_str())
    });
    let mistake = |named: &At<Name>| {
        let name = &named.value;
        Mistake::new(
            MistakeKind::UnknownServer,
            named.span,
            format!("no probe named `{name}`"),
            format!("probes there: {}", listed(names())),
        )
        .maybe_help(did_you_mean(name.as_str(), names()))
    };
    unknown.map(mistake).collect()
}
