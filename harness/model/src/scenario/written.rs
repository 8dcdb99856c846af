//! A scenario as the text of a file: the way back from [`Scenario`] to YAML.

use super::syntax::AFTER;
use super::{
    Axis, ClientAt, Expectation, Expected, ExpectedBehaviour, ExpectedOutage, ExpectedSpread, Explore,
    Family, Forwarding, KERNEL, Lab, Never, Phases, Range, RealServer, Scenario, ServerKind, TunnelType,
    Value as AxisValue, Vip, Wiring,
};
use crate::action::{PAYLOAD, Timed};
use crate::client::{ClientChoice, Program};
use crate::keepalived::Keepalived;
use crate::probe::Probe;
use crate::serving::{Asked, ServerProgram};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

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

/// The parts of a scenario's text in which `changed` differs from `from`, each with its whole new value: what
/// to put in the place of what a file has there. Only the lab and the steps that every cell has are compared.
#[must_use]
pub fn difference(from: &Scenario, changed: &Scenario) -> String {
    let mut out = String::new();
    let _ = write_difference(&mut out, from, changed);
    out
}

/// What YAML has, with the fields of a map in the order in which they are written.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    /// A number or a word of YAML's own.
    Plain(String),
    Text(String),
    List(Vec<Part>),
    Map(Fields),
}

type Fields = Vec<(String, Part)>;

fn write_difference(out: &mut String, from: &Scenario, changed: &Scenario) -> std::fmt::Result {
    let before = lab(&from.lab);
    let parts = lab(&changed.lab);
    let new: Vec<_> = parts.iter().filter(|part| !before.contains(part)).collect();
    if !new.is_empty() {
        writeln!(out, "lab:")?;
        for (key, value) in new {
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

fn lab(lab: &Lab) -> Fields {
    let Lab {
        forwarding,
        tunnel_type,
        tunnel_family,
        wired_for,
        wiring,
        vip,
        client_at,
        family,
        server,
        server_program: program,
        server_port,
        server_mtu,
        one_packet,
        persistence,
        persistence_prefix,
        firewall_mark,
        scheduler,
        scheduler_flags,
        real_servers: servers,
        misbuilt,
        keepalived,
        directors,
        clients,
        client: the_client,
        probes,
        mysqld,
        director_sysctls,
        client_sysctls,
        server_sysctls,
    } = lab;
    let mut map = Fields::new();
    let mut word = |key: &str, said: Option<&str>| {
        if let Some(said) = said {
            insert(&mut map, key, Part::Text(said.to_owned()));
        }
    };
    word("forwarding", forwarding.map(Forwarding::as_str));
    word("tunnel-type", tunnel_type.map(TunnelType::as_str));
    word("tunnel-family", tunnel_family.map(Family::as_str));
    word("wiring", wiring.map(Wiring::as_str));
    word("vip", vip.map(Vip::as_str));
    word("client-at", client_at.map(ClientAt::as_str));
    word("family", family.map(Family::as_str));
    word("server", server.map(ServerKind::as_str));
    word("scheduler", scheduler.as_deref());
    if let Some(persistence) = persistence {
        insert(&mut map, "persistence", data(persistence));
    }
    let number = |number: &dyn std::fmt::Display| Part::Plain(number.to_string());
    if let Some(program) = program {
        insert(&mut map, "server-program", server_program(program));
    }
    if let Some(port) = server_port {
        insert(&mut map, "server-port", number(port));
    }
    if let Some(mtu) = server_mtu {
        insert(&mut map, "server-mtu", number(mtu));
    }
    if let Some(length) = persistence_prefix {
        insert(&mut map, "persistence-prefix", number(length));
    }
    if let Some(directors) = directors {
        insert(&mut map, "directors", number(directors));
    }
    if let Some(clients) = clients {
        insert(&mut map, "clients", number(clients));
    }
    if let Some(mark) = firewall_mark {
        insert(&mut map, "firewall-mark", number(mark));
    }
    if let Some(flags) = scheduler_flags {
        let flags = flags.iter().map(|flag| Part::Text(flag.clone()));
        map.push(("scheduler-flags".to_owned(), Part::List(flags.collect())));
    }
    if *one_packet {
        map.push(("one-packet".to_owned(), Part::Plain("true".to_owned())));
    }
    if let Some(methods) = wired_for {
        let methods = methods
            .iter()
            .map(|method| Part::Text(method.as_str().to_owned()));
        map.push(("wired-for".to_owned(), Part::List(methods.collect())));
    }
    insert(&mut map, "real-servers", real_servers(servers));
    let mut wrong = Fields::new();
    for (host, how) in misbuilt {
        let how = Part::Text(how.as_str().to_owned());
        match wrong.iter_mut().find(|(known, _)| known == host.as_str()) {
            Some((_, Part::List(ways))) => ways.push(how),
            Some(_) | None => wrong.push((host.to_string(), Part::List(vec![how]))),
        }
    }
    insert(&mut map, "misbuilt", Part::Map(wrong));
    if let Some(said) = keepalived {
        map.push(("keepalived".to_owned(), keepalived_part(said)));
    }
    insert(&mut map, "client", client(the_client));
    insert(&mut map, "probes", all_probes(probes));
    insert(&mut map, "mysqld", data(mysqld));
    insert(&mut map, "director-sysctls", sysctls(director_sysctls));
    insert(&mut map, "client-sysctls", sysctls(client_sysctls));
    insert(&mut map, "server-sysctls", sysctls(server_sysctls));
    map
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

fn all_probes(probes: &[Probe]) -> Part {
    let part = |probe: &Probe| {
        let Probe {
            name,
            asks,
            every,
            timeout,
        } = probe;
        let mut fields = vec![("asks".to_owned(), Part::Text(asks.as_str().to_owned()))];
        insert(&mut fields, "every", data(every));
        insert(&mut fields, "timeout", data(timeout));
        (name.to_string(), Part::Map(fields))
    };
    Part::Map(probes.iter().map(part).collect())
}

fn outage(expected: &ExpectedOutage) -> Part {
    let mut map = Fields::new();
    extend(&mut map, data(&expected.each));
    let of = expected.of.iter();
    let of = of.map(|(name, bounds)| (name.to_string(), data(bounds)));
    insert(&mut map, "of", Part::Map(of.collect()));
    Part::Map(map)
}

/// Puts `value` in unless it says nothing.
fn insert(map: &mut Fields, key: &str, value: Part) {
    let empty = match &value {
        Part::Map(fields) => fields.is_empty(),
        Part::List(items) => items.is_empty(),
        Part::Plain(_) | Part::Text(_) => false,
    };
    if !empty {
        map.push((key.to_owned(), value));
    }
}

fn extend(map: &mut Fields, by: Part) {
    if let Part::Map(fields) = by {
        map.extend(fields);
    }
}

fn server_program(program: &ServerProgram) -> Part {
    let argv = program.argv.iter().cloned().map(Part::Text);
    let mut fields = Fields::new();
    insert(&mut fields, "argv", Part::List(argv.collect()));
    if let Some(Asked { send, expect }) = &program.ready {
        let mut ready = Fields::new();
        insert(&mut ready, "send", Part::Text(send.clone()));
        insert(&mut ready, "expect", Part::Text(expect.clone()));
        insert(&mut fields, "ready", Part::Map(ready));
    }
    Part::Map(fields)
}

/// `{}` says something, too: that there is one.
fn keepalived_part(said: &Keepalived) -> Part {
    match data(said) {
        Part::Map(fields) => Part::Map(fields),
        Part::Plain(_) | Part::Text(_) | Part::List(_) => Part::Map(Fields::new()),
    }
}

fn real_servers(servers: &[RealServer]) -> Part {
    let servers = servers.iter().map(|server| {
        let RealServer {
            name,
            weight,
            stands_by,
            upper_threshold,
            lower_threshold,
            forwarding,
            tunnel_type,
            tunnel_family,
            port,
        } = server;
        // A server outside the table has no weight.
        let mut fields = vec![if *stands_by {
            ("stands-by".to_owned(), Part::Plain("true".to_owned()))
        } else {
            ("weight".to_owned(), Part::Plain(weight.to_string()))
        }];
        let numbers = [
            ("upper-threshold", upper_threshold),
            ("lower-threshold", lower_threshold),
        ];
        for (key, number) in numbers {
            fields.extend(number.map(|number| (key.to_owned(), Part::Plain(number.to_string()))));
        }
        let words = [
            ("forwarding", forwarding.map(Forwarding::as_str)),
            ("tunnel-type", tunnel_type.map(TunnelType::as_str)),
            ("tunnel-family", tunnel_family.map(Family::as_str)),
        ];
        for (key, word) in words {
            if let Some(word) = word {
                insert(&mut fields, key, Part::Text(word.to_owned()));
            }
        }
        if let Some(port) = port {
            insert(&mut fields, "port", Part::Plain(port.to_string()));
        }
        (name.to_string(), Part::Map(fields))
    });
    Part::Map(servers.collect())
}

fn client(choice: &ClientChoice) -> Part {
    let ClientChoice { program, settings } = choice;
    let mut map = Fields::new();
    match program {
        None => {}
        Some(Program::Own { argv }) => {
            let argv = argv.iter().cloned().map(Part::Text).collect();
            let own = vec![("argv".to_owned(), Part::List(argv))];
            insert(&mut map, "program", Part::Map(own));
        }
        Some(
            named @ (Program::MysqlAsync
            | Program::EchoClient
            | Program::StreamClient
            | Program::InteractiveCli
            | Program::BatchCli),
        ) => {
            insert(&mut map, "program", Part::Text(named.name().to_owned()));
        }
    }
    extend(&mut map, data(settings));
    Part::Map(map)
}

fn sysctls(list: &[(String, String)]) -> Part {
    let list = list.iter();
    Part::Map(
        list.map(|(key, value)| (key.clone(), Part::Text(value.clone())))
            .collect(),
    )
}

fn actions(list: &[Timed]) -> Part {
    Part::List(list.iter().map(step).collect())
}

/// An action has the same keys in records and in scenarios. What is only a word in records has no fields
/// here.
fn step(timed: &Timed) -> Part {
    let action = match data(&timed.action) {
        Part::Text(word) => Part::Map(vec![(word, Part::Map(Fields::new()))]),
        other @ (Part::Plain(_) | Part::List(_) | Part::Map(_)) => other,
    };
    let mut step = Fields::new();
    if let Some(after) = &timed.after {
        insert(&mut step, AFTER, data(after));
    }
    extend(&mut step, action);
    Part::Map(step)
}

/// What records say of it, in the words of scenarios: times as text, nothing that is not set.
fn data(of: &impl Serialize) -> Part {
    // The types of a scenario have neither maps with other keys than text nor anything else that JSON has
    // not.
    said(serde_json::to_value(of).unwrap_or(Value::Null))
}

fn said(value: Value) -> Part {
    let fields = match value {
        Value::Array(items) => return Part::List(items.into_iter().map(said).collect()),
        Value::String(text) => return Part::Text(text),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => return Part::Plain(plain.to_string()),
        Value::Object(fields) => fields,
    };
    if let (2, Some(secs), Some(nanos)) = (
        fields.len(),
        fields.get("secs").and_then(Value::as_u64),
        fields.get("nanos").and_then(Value::as_u64),
    ) {
        return Part::Text(time(secs, nanos));
    }
    // A host: `{"real-server": "rs1"}`.
    if let (1, Some(Value::String(name))) = (fields.len(), fields.get("real-server")) {
        return Part::Text(name.clone());
    }
    let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
    let spoken = fields.map(|(key, value)| match (key.as_str(), value.as_u64()) {
        ("payload" | "answer", Some(bytes)) => (key, Part::Text(amount(bytes))),
        _ => (key, said(value)),
    });
    Part::Map(spoken.filter(|(key, value)| !usual(key, value)).collect())
}

/// What a step has that says nothing else in this field.
const USUAL: &[(&str, &str)] = &[
    ("takes", "0s"),
    ("how", "quit"),
    ("text", "ping"),
    ("then", "answer"),
    ("signal", "TERM"),
    ("neighbours", "permanent"),
    ("delay", "0s"),
    ("loss", "0%"),
    ("counted", "both"),
    ("every", "10ms"),
];

fn usual(key: &str, value: &Part) -> bool {
    USUAL
        .iter()
        .any(|(known, usual)| *known == key && *value == Part::Text((*usual).to_owned()))
}

fn time(secs: u64, nanos: u64) -> String {
    let time = Duration::from_secs(secs).saturating_add(Duration::from_nanos(nanos));
    humantime::format_duration(time).to_string()
}

/// The bytes that take the place of [`PAYLOAD`]: whole KiB, as scenarios have them.
fn amount(bytes: u64) -> String {
    debug_assert!(bytes.is_multiple_of(1024), "{bytes} bytes in place of {PAYLOAD}");
    format!("{}KiB", bytes / 1024)
}

/// On one line, as YAML's flow style has it.
fn flow(value: &Part) -> String {
    match value {
        Part::Plain(plain) => plain.clone(),
        Part::Text(string) => text(string),
        Part::List(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Part::Map(fields) if fields.is_empty() => "{}".to_owned(),
        Part::Map(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{}: {}", text(key), flow(value)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
    }
}

/// Plain where YAML takes it for nothing but this text, else quoted.
fn text(text: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '%');
    let mut chars = text.chars();
    let begins = chars.next().is_some_and(|c| c.is_ascii_alphanumeric());
    // A blank within is plain, too: `select 1`.
    let plain = begins && text.chars().all(|c| word(c) || c == ' ') && !text.ends_with(' ');
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if plain && !reserved.contains(&text.to_ascii_lowercase().as_str()) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// JSON's strings are YAML's double-quoted ones.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}
