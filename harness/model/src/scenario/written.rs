//! A scenario as the text of a file: the way back from [`Scenario`] to YAML.

mod lab;
mod part;

use super::table::{AFTER, ON, SERVICE};
use super::{
    Axis, Expectation, Expected, ExpectedBehaviour, ExpectedOutage, ExpectedSpread, Explore, KERNEL, Lab,
    Never, Phases, Range, Scenario, Value as AxisValue,
};
use crate::action::{Action, Edit, ServiceEdit, Timed};
use lab::lab;
use part::{Fields, Part, data, extend, flow, insert, quoted, text};
use std::fmt::Write as _;

/// The scenario as YAML that [`load`](super::load()) reads as the same scenario. Comments and layout of the
/// file that it came from are not kept, and the places of its expectations are new.
#[must_use]
pub fn written(scenario: &Scenario) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = write_all(&mut out, scenario);
    out
}

/// A step as it stands in a scenario's text, on one line.
#[must_use]
pub fn written_step(timed: &Timed) -> String {
    flow(&step(timed))
}

/// What a lab is set to, beside its real servers and probes: each field as a scenario has it
/// (`director-sysctls net.ipv4.vs.expire_nodest_conn`), with its value.
#[must_use]
pub fn settings(of: &Lab) -> Vec<(String, String)> {
    let mut said = Vec::new();
    for (key, part) in lab(of) {
        if !["real-servers", "probes"].contains(&key.as_str()) {
            leaves(&mut said, key, &part);
        }
    }
    said
}

fn leaves(said: &mut Vec<(String, String)>, key: String, part: &Part) {
    match part {
        Part::Map(fields) if !fields.is_empty() => {
            for (name, inner) in fields {
                leaves(said, format!("{key} {name}"), inner);
            }
        }
        Part::Plain(value) | Part::Text(value) => said.push((key, value.clone())),
        Part::List(_) | Part::Map(_) => said.push((key, flow(part))),
    }
}

/// The parts of a scenario's text in which `changed` differs from `from`, each with its whole new value: what
/// to put in the place of what a file has there. Only the lab and the steps that every cell has are compared.
#[must_use]
pub fn difference(from: &Scenario, changed: &Scenario) -> String {
    let mut out = String::new();
    let _ = write_difference(&mut out, from, changed);
    out
}

fn write_difference(out: &mut String, from: &Scenario, changed: &Scenario) -> std::fmt::Result {
    let before = lab(&from.lab);
    let parts = lab(&changed.lab);
    // What the lab said before, and says no more, is an empty map or list.
    let kept = |key: &String| parts.iter().any(|(known, _)| known == key);
    let emptied = before.iter().filter(|(key, _)| !kept(key));
    let emptied = emptied.filter_map(|(key, value)| match value {
        Part::Map(_) => Some((key.clone(), Part::Map(Fields::new()))),
        Part::List(_) => Some((key.clone(), Part::List(Vec::new()))),
        Part::Plain(_) | Part::Text(_) => None,
    });
    let new = parts.iter().filter(|part| !before.contains(part)).cloned();
    let new: Fields = new.chain(emptied).collect();
    if !new.is_empty() {
        writeln!(out, "lab:")?;
        for (key, value) in &new {
            writeln!(out, "  {key}: {}", flow(value))?;
        }
    }
    for (key, was, is) in [
        ("before", &from.steps.before, &changed.steps.before),
        ("change", &from.steps.change, &changed.steps.change),
        ("act", &from.steps.act, &changed.steps.act),
    ] {
        if was != is {
            writeln!(out, "{key}: {}", flow(&actions(is)))?;
        }
    }
    if from.observe != changed.observe {
        writeln!(out, "observe: {}", flow(&data(&changed.observe)))?;
    }
    Ok(())
}

fn write_all(out: &mut String, scenario: &Scenario) -> std::fmt::Result {
    writeln!(out, "name: {}", text(scenario.name.as_str()))?;
    writeln!(out, "claim: {}", quoted(&scenario.claim))?;
    if let Some(claim) = &scenario.claim_zh {
        writeln!(out, "claim-zh: {}", quoted(claim))?;
    }
    if let Some(source) = &scenario.source {
        writeln!(out, "source: {}", flow(&data(source)))?;
    }
    writeln!(out, "lab:")?;
    for (key, value) in lab(&scenario.lab) {
        writeln!(out, "  {}: {}", text(&key), flow(&value))?;
    }
    for (key, list) in phases(&scenario.steps) {
        writeln!(out, "{key}:")?;
        for timed in list {
            writeln!(out, "  - {}", flow(&step(timed)))?;
        }
    }
    if !scenario.axes.is_empty() {
        writeln!(out, "axes:")?;
    }
    for Axis { name, values } in &scenario.axes {
        writeln!(out, "  {}:", text(name.as_str()))?;
        for value in values {
            writeln!(
                out,
                "    {}: {}",
                text(value.name.as_str()),
                flow(&Part::Map(axis_value(value)))
            )?;
        }
    }
    let mut observe = data(&scenario.observe);
    if let (true, Part::Map(fields)) = (scenario.fails_without_change, &mut observe) {
        fields.push(("fails-without-change".to_owned(), Part::Plain("true".to_owned())));
    }
    writeln!(out, "observe: {}", flow(&observe))?;
    writeln!(out, "expect:")?;
    for expectation in &scenario.expectations {
        writeln!(out, "  - {}", flow(&Part::Map(expected(expectation))))?;
    }
    if let Some(explore) = &scenario.explore {
        write_explore(out, explore)?;
    }
    Ok(())
}

/// Alternatives are written one by one: which lists they were made from is not kept.
fn write_explore(out: &mut String, explore: &Explore) -> std::fmt::Result {
    let Explore {
        length,
        actions,
        never,
    } = explore;
    writeln!(out, "explore:")?;
    writeln!(out, "  length: {length}")?;
    writeln!(out, "  actions:")?;
    for timed in actions.iter().flatten() {
        writeln!(out, "    - {}", flow(&step(timed)))?;
    }
    let Never {
        hung,
        error,
        drained_server_chosen,
        session_outlives_client,
        probe_outage,
    } = never;
    let mut map = Fields::new();
    let yes = || Part::Plain("true".to_owned());
    if *hung {
        insert(&mut map, "hung", yes());
    }
    if let Some(of) = error {
        insert(
            &mut map,
            "error-beside-healthy-server",
            Part::Text(of.as_str().to_owned()),
        );
    }
    if *drained_server_chosen {
        insert(&mut map, "drained-server-chosen", yes());
    }
    if let Some(time) = session_outlives_client {
        insert(&mut map, "session-outlives-client", data(time));
    }
    if let Some(time) = probe_outage {
        insert(&mut map, "probe-outage", data(time));
    }
    writeln!(out, "  never: {}", flow(&Part::Map(map)))
}

fn phases(steps: &Phases) -> impl Iterator<Item = (&'static str, &[Timed])> {
    let Phases { before, change, act } = steps;
    [("before", before), ("change", change), ("act", act)]
        .into_iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(key, list)| (key, list.as_slice()))
}

fn axis_value(value: &AxisValue) -> Fields {
    let AxisValue {
        name: _,
        lab: added,
        steps,
    } = value;
    let mut map = lab(added);
    for (key, list) in phases(steps) {
        insert(&mut map, key, actions(list));
    }
    map
}

fn expected(expectation: &Expectation) -> Fields {
    let mut map = Fields::new();
    let when = expectation.when.iter().map(|(axis, values)| {
        let values = values.iter().map(|value| Part::Text(value.to_string()));
        (axis.to_string(), Part::List(values.collect()))
    });
    let lines = expectation
        .kernels
        .iter()
        .map(|lines| Part::Text(lines.to_string()));
    let lines: Vec<Part> = lines.collect();
    let kernel = (!lines.is_empty()).then(|| (KERNEL.to_owned(), Part::List(lines)));
    insert(&mut map, "when", Part::Map(when.chain(kernel).collect()));
    match &expectation.expected {
        Expected::ObserveOnly => insert(&mut map, "observe-only", Part::Plain("true".to_owned())),
        Expected::Behaviour(behaviour) => {
            let clients = behaviour.clients.as_ref().map(spread);
            let outage = behaviour.outage.as_ref().map(outage);
            let others = ExpectedBehaviour {
                clients: None,
                outage: None,
                ..behaviour.clone()
            };
            extend(&mut map, data(&others));
            map.extend(clients.map(|clients| ("clients".to_owned(), clients)));
            map.extend(outage.map(|outage| ("outage".to_owned(), outage)));
        }
    }
    map
}

fn spread(spread: &ExpectedSpread) -> Part {
    let ExpectedSpread {
        moved,
        failed,
        served,
    } = spread;
    let count = |range: &Range| Part::Text(range.to_string());
    let mut map = Fields::new();
    for (key, range) in [("moved", moved), ("failed", failed)] {
        map.extend(range.as_ref().map(|range| (key.to_owned(), count(range))));
    }
    let served = served
        .iter()
        .map(|(name, range)| (name.to_string(), count(range)));
    insert(&mut map, "served", Part::Map(served.collect()));
    Part::Map(map)
}

fn outage(expected: &ExpectedOutage) -> Part {
    let mut map = Fields::new();
    extend(&mut map, data(&expected.each));
    let of = expected.of.iter();
    let of = of.map(|(name, bounds)| (name.to_string(), data(bounds)));
    insert(&mut map, "of", Part::Map(of.collect()));
    Part::Map(map)
}

fn actions(list: &[Timed]) -> Part {
    Part::List(list.iter().map(step).collect())
}

/// An action has the same keys in records and in scenarios. What is only a word in records has no fields
/// here.
fn step(timed: &Timed) -> Part {
    let (service, on, action) = if let Action::Other(ServiceEdit { service, edit }) = &timed.action {
        (Some(service), None, data(edit))
    } else if let Some(Edit { on, action }) = timed.action.edit() {
        (
            None,
            Some(on).filter(|on| !on.goes_without_saying()),
            data(action),
        )
    } else {
        (None, None, data(&timed.action))
    };
    let action = match action {
        Part::Text(word) => Part::Map(vec![(word, Part::Map(Fields::new()))]),
        other @ (Part::Plain(_) | Part::List(_) | Part::Map(_)) => other,
    };
    let mut step = Fields::new();
    if let Some(after) = &timed.after {
        insert(&mut step, AFTER, data(after));
    }
    if let Some(service) = service {
        insert(&mut step, SERVICE, data(service));
    }
    if let Some(on) = on {
        insert(&mut step, ON, data(on));
    }
    extend(&mut step, action);
    Part::Map(step)
}
