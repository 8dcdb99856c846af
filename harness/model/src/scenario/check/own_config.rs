//! The author's own configurations of keepalived, held against the lab of each cell.

use super::Draft;
use super::cell_lab::CellLab;
use crate::Name;
use crate::action::{Action, HostAction};
use crate::keepalived::{Complaint, Config, Keepalived, LabFacts};
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes};
use crate::scenario::place::Span;
use crate::scenario::syntax::Placed;
use crate::scenario::{ClientAt, Forwarding, Wiring};
use std::collections::{BTreeMap, BTreeSet};

/// Adds what is wrong with them. What is wrong in several cells is said once.
pub(super) fn check(draft: &Draft, sizes: &[usize], mistakes: &mut Mistakes) {
    let mut said_already = BTreeSet::new();
    // What `names` says and no cell has; a name that some cells have is good in all.
    let (mut strange, mut known) = (BTreeMap::new(), BTreeSet::new());
    for choice in Draft::cells(sizes) {
        let said = CellLab::of(draft, &choice);
        for part in said.parts.iter().filter_map(|part| part.keepalived.as_ref()) {
            let facts = facts(&said, part.span);
            for (name, span) in &part.meant {
                match facts.has(name) {
                    true => drop(known.insert(span.start)),
                    false => drop(strange.insert(span.start, no_such(name, *span, &facts))),
                }
            }
        }
        for mistake in of_cell(draft, &choice, &said) {
            if said_already.insert((mistake.span.start, mistake.message.clone())) {
                mistakes.add(mistake);
            }
        }
    }
    let strange = strange.into_iter().filter(|(start, _)| !known.contains(start));
    strange.for_each(|(_, mistake)| mistakes.add(mistake));
}

fn no_such(name: &str, span: Span, facts: &LabFacts) -> Mistake {
    let label = format!("vip, {}, {}", facts.hosts.join(", "), facts.interfaces.join(", "));
    wrong(span, format!("the lab has no `{name}`"), &label)
}

fn of_cell(draft: &Draft, choice: &[usize], said: &CellLab<'_>) -> Vec<Mistake> {
    let parts = || said.parts.iter().filter_map(|part| part.keepalived.as_ref());
    let Some(last) = parts().next_back() else {
        return Vec::new();
    };
    let settings = parts().fold(Keepalived::default(), |all, part| all.with(&part.settings));
    let place = |key: &str| parts().rev().find_map(|part| part.place(key));
    let facts = facts(said, last.span);
    let mut found = Vec::new();
    if let Some(config) = &settings.config {
        let span = place("keepalived.config").unwrap_or(last.span);
        let mut others = parts().flat_map(|part| part.single());
        if let Some((key, _, other)) = others.find(|(key, ..)| *key != "keepalived.config") {
            let key = key.trim_start_matches("keepalived.");
            found.push(
                wrong(
                    other,
                    format!("`{key}` beside `config`"),
                    "the configuration says it",
                )
                .second(span, "the configuration"),
            );
        } else if settings.as_said() != settings {
            found.push(wrong(
                last.span,
                "settings beside `config`".to_owned(),
                "only `names` stands beside a configuration of your own",
            ));
        }
        found.extend(complaints(config, &settings, &facts, true, span));
    }
    let first = facts.directors.first().map_or("", String::as_str);
    let syncs = settings.understood(facts.port, first).sync;
    for step in steps(draft, choice) {
        found.extend(reload(step, &settings, &facts));
        let by_hand = matches!(
            &step.action,
            Action::Host(HostAction::StartSyncDaemon { .. } | HostAction::StopSyncDaemon { .. })
        );
        if by_hand && syncs {
            found.push(
                wrong(
                    step.span,
                    "a sync daemon by hand, where keepalived has its own".to_owned(),
                    "keepalived starts and stops the daemons as the VIP moves",
                )
                .help("leave out `sync: true`, or `lvs_sync_daemon` of your configuration"),
            );
        }
    }
    found
}

/// The steps of a cell, and the actions of which sequences are searched in it.
fn steps<'d>(draft: &'d Draft, choice: &'d [usize]) -> impl Iterator<Item = &'d Placed> {
    let own = draft.chosen(choice).map(|(_, value)| &value.steps);
    let searched = draft.explore.iter().flat_map(|explore| &explore.actions);
    std::iter::once(&draft.steps)
        .chain(own)
        .flat_map(super::steps::Steps::all)
        .chain(searched)
}

fn reload(step: &Placed, settings: &Keepalived, facts: &LabFacts) -> Vec<Mistake> {
    let Action::Host(HostAction::ReloadKeepalived { without, config, .. }) = &step.action else {
        return Vec::new();
    };
    let span = step.config().unwrap_or(step.span);
    match (without, config) {
        (Some(_), Some(_)) => vec![wrong(
            step.host().unwrap_or(step.span),
            "`without` and `config` in one reload".to_owned(),
            "the configuration says which real servers there are",
        )],
        (None, Some(config)) => complaints(config, settings, facts, false, span),
        (Some(_), None) if settings.config.is_some() => vec![
            wrong(
                step.host().unwrap_or(step.span),
                "`without` with a configuration of your own".to_owned(),
                "nothing is taken out of your configuration",
            )
            .help("reload with another one: `reload-keepalived: { config: … }`"),
        ],
        (_, None) => Vec::new(),
    }
}

fn complaints(
    config: &Config,
    settings: &Keepalived,
    facts: &LabFacts,
    first: bool,
    span: Span,
) -> Vec<Mistake> {
    let all = config.complaints(&settings.names, facts, first).into_iter();
    all.map(|complaint| {
        let Complaint {
            line,
            message,
            label,
            help,
        } = complaint;
        let place = match config.file() {
            Some(file) => format!("{file}:{line}"),
            None => format!("line {line} of the configuration"),
        };
        wrong(span, format!("{place}: {message}"), &label).maybe_help(help)
    })
    .collect()
}

fn wrong(span: Span, message: String, label: &str) -> Mistake {
    Mistake::new(MistakeKind::KeepalivedConfig, span, message, label)
}

fn facts(said: &CellLab<'_>, span: Span) -> LabFacts {
    let port = said.server_kind().port();
    let own_port = said
        .last(|part| part.server_port.as_ref())
        .map_or(port, |at| at.value);
    let servers: Vec<(Name, u16, Option<u16>)> = said
        .servers()
        .map(|at| {
            let server = &at.value;
            let weight = (!server.stands_by).then_some(server.weight);
            (server.name.clone(), server.port.unwrap_or(own_port), weight)
        })
        .collect();
    let directors: Vec<String> = said.directors().iter().map(|one| one.name.to_string()).collect();
    let two = directors.len() > 1;
    let router = said
        .last(|part| part.client_at.as_ref())
        .filter(|at| at.value != ClientAt::OnLink);
    let mut hosts: Vec<String> = vec!["client".to_owned()];
    hosts.extend(directors.iter().cloned());
    hosts.extend(router.map(|_| "router".to_owned()));
    hosts.extend(servers.iter().map(|(name, ..)| name.to_string()));
    let two_armed = said
        .last(|part| part.wiring.as_ref())
        .is_some_and(|at| at.value == Wiring::TwoArmed);
    let translates = said.servers().any(|at| {
        let wired = said.wired(&at.value);
        wired.contains(&Forwarding::Masquerading)
    });
    LabFacts {
        gateway: two && translates,
        hosts,
        directors,
        interfaces: match two_armed {
            true => vec!["eth0", "eth1"],
            false => vec!["eth0"],
        },
        port,
        scheduler: said
            .last(|part| part.scheduler.as_ref())
            .map_or("rr", |at| at.value)
            .to_owned(),
        method: said
            .own_methods(span)
            .first()
            .map(|(method, _)| *method)
            .unwrap_or_default(),
        persistence: said.last(|part| part.persistence.as_ref()).map(|at| at.value),
        servers,
    }
}
