//! Several virtual services in one lab: what one cell says of them must fit together.

use super::cell_lab::CellLab;
use crate::Name;
use crate::scenario::mistake::{Mistake, MistakeKind, listed};
use crate::scenario::place::{At, Span};
use crate::scenario::{Forwarding, FurtherService, RealServer, Vip};
use std::collections::BTreeSet;

/// So many further services a lab may have.
const MOST: usize = 8;

fn wrong(span: Span, message: impl Into<String>, label: impl Into<String>) -> Mistake {
    Mistake::new(MistakeKind::Wiring, span, message, label)
}

/// What of them does not fit.
pub(super) fn unfit(said: &CellLab<'_>) -> Vec<Mistake> {
    let all: Vec<&At<FurtherService>> = said.services().collect();
    let mut mistakes: Vec<Mistake> = said
        .servers()
        .filter_map(|server| membership(said, server))
        .collect();
    let Some(first) = all.first() else {
        return mistakes;
    };
    mistakes.extend(alone(said, first));
    if let Some(beyond) = all.get(MOST) {
        let message = format!("a lab with {} further services", all.len());
        mistakes.push(wrong(beyond.span, message, format!("at most {MOST}")));
    }
    for (place, service) in all.iter().enumerate() {
        let taken = place_taken(said, service, all.get(..place).unwrap_or_default());
        if let Some(taken) = taken {
            mistakes.push(taken);
            continue;
        }
        mistakes.extend(of_mark(said, service));
        mistakes.extend(members(said, service));
    }
    let own = Name::of_own_service();
    if said.servers().all(|server| !server.value.is_in(&own)) {
        let label = "every real server is in other services only";
        mistakes.push(
            wrong(
                first.span,
                "the lab's own virtual service has no real server",
                label,
            )
            .help(format!("name it: `services: [{own}, {}]`", first.value.name)),
        );
    }
    mistakes
}

/// What has one service only.
fn alone(said: &CellLab<'_>, first: &At<FurtherService>) -> Option<Mistake> {
    let two = said.directors().len() > 1;
    let routed = said
        .last(|part| part.vip.as_ref())
        .is_some_and(|at| at.value == Vip::Routed);
    let (what, why) = match (said.control_plane(), two, routed && !first.value.same_mark) {
        (Some(plane), _, _) => (
            format!("`{plane}`"),
            "its configuration is made for the lab's own service",
        ),
        (None, true, _) => ("two directors".to_owned(), "two directors have one service"),
        (None, false, true) => (
            "`vip: routed`".to_owned(),
            "only what has the lab's firewall mark is taken in",
        ),
        (None, false, false) => return None,
    };
    Some(
        wrong(first.span, format!("`services` with {what}"), why)
            .help("leave one of the two out of these cells"),
    )
}

/// A name or a port that is taken.
fn place_taken(
    said: &CellLab<'_>,
    service: &At<FurtherService>,
    earlier: &[&At<FurtherService>],
) -> Option<Mistake> {
    let At { value, span } = service;
    let own = said.server_kind().port();
    if value.name == Name::of_own_service() {
        let label = "so the lab's own virtual service is called";
        return Some(wrong(
            *span,
            format!("a further service named `{}`", value.name),
            label,
        ));
    }
    if let Some(same) = earlier.iter().find(|other| other.value.name == value.name) {
        let message = format!("the service `{}` is there already", value.name);
        let label = "a value adds services with names of their own";
        return Some(wrong(*span, message, label).second(same.span, "it is given here"));
    }
    let same = earlier.iter().find(|other| other.value.port == value.port);
    let taken = match same {
        Some(same) => Some(Some(same.span)),
        None => (value.port == own).then_some(None),
    }?;
    let message = format!("port {} of the VIP is another service's", value.port);
    let mistake = wrong(*span, message, "each service has a port of its own");
    Some(match taken {
        Some(same) => mistake.second(same, "it has that port"),
        None => mistake.help("it is the port of the lab's own service"),
    })
}

/// A service that is one with the lab's own by its mark.
fn of_mark(said: &CellLab<'_>, service: &At<FurtherService>) -> Option<Mistake> {
    let At { value, span } = service;
    if !value.same_mark {
        return None;
    }
    let name = &value.name;
    if said.last(|part| part.firewall_mark.as_ref()).is_none() {
        let message = format!("`{name}` has the lab's mark, and the lab has none");
        return Some(wrong(*span, message, "no `firewall-mark` in these cells"));
    }
    if value.scheduler.is_some() || value.persistence.is_some() {
        let message = format!("`{name}` is one service with the lab's own, and says how it is scheduled");
        let label = "what has the mark is scheduled as the lab's own service is";
        return Some(wrong(*span, message, label).help("say `scheduler` and `persistence` in the lab"));
    }
    let own = Name::of_own_service();
    let mut servers = said.servers();
    let apart = servers.find(|server| server.value.is_in(name) != server.value.is_in(&own))?;
    let message = format!("`{}` is not in both services of the mark", apart.value.name);
    let label = "IPVS takes what has the mark for one service, with one list of real servers";
    Some(wrong(apart.span, message, label).help(format!("`services: [{own}, {name}]` for each of them")))
}

/// Each has a real server, which gets its packets at a port that it listens to.
fn members(said: &CellLab<'_>, service: &At<FurtherService>) -> Vec<Mistake> {
    let At { value, span } = service;
    let inside = || said.servers().filter(|server| server.value.is_in(&value.name));
    if inside().next().is_none() {
        let message = format!("the service `{}` has no real server", value.name);
        let label = "nobody could answer through it";
        let help = format!("give one to it: `rs2: {{ services: [{}] }}`", value.name);
        return vec![wrong(*span, message, label).help(help)];
    }
    let unreached = |server: &At<RealServer>| {
        let port = said.port_in(value, &server.value);
        let mut wired = said.wired(&server.value).into_iter();
        let other = wired.find(|method| *method != Forwarding::Masquerading || value.same_mark)?;
        (port != value.port).then(|| {
            let message = format!(
                "`{}` listens to port {port}, and `{}` has port {}",
                server.value.name, value.name, value.port
            );
            let label = format!("`{}` leaves a packet's port as it is", other.as_str());
            wrong(server.span, message, label).help(
                "an echo server listens to the ports of all its services, any other server to one: \
                 masquerade it (but for a firewall mark), or give each service real servers of its own",
            )
        })
    };
    inside().filter_map(unreached).collect()
}

/// What a real server says of the services that it is in.
fn membership(said: &CellLab<'_>, server: &At<RealServer>) -> Option<Mistake> {
    let At { value, span } = server;
    let services = value.services.as_ref()?;
    let own = Name::of_own_service();
    let known: Vec<&Name> = said
        .services()
        .map(|service| &service.value.name)
        .chain([&own])
        .collect();
    if services.is_empty() {
        let message = format!("`{}` is in no service", value.name);
        let label = "no packet would reach it";
        return Some(
            wrong(*span, message, label).help("a server that waits to be added says `stands-by: true`"),
        );
    }
    if let Some(unknown) = services.iter().find(|name| !known.contains(name)) {
        let message = format!(
            "`{}` is in a service `{unknown}` that some cell does not have",
            value.name
        );
        let label = format!(
            "services there: {}",
            listed(known.iter().map(|name| name.as_str()))
        );
        return Some(
            wrong(*span, message, label).help("name it in `services` of the lab or of the same value"),
        );
    }
    let mut seen = BTreeSet::new();
    let twice = services.iter().find(|name| !seen.insert(*name))?;
    let message = format!("`{}` is twice in the service `{twice}`", value.name);
    Some(wrong(*span, message, "once is enough"))
}
