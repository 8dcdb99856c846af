//! What keepalived cannot have in a lab.

use super::cell_lab::CellLab;
use crate::keepalived::{HealthCheck, Keepalived};
use crate::scenario::ServerKind;
use crate::scenario::mistake::{Mistake, MistakeKind};
use crate::scenario::place::Span;

/// What keepalived cannot have in the lab of a cell.
pub(super) fn unfit(said: &CellLab<'_>) -> Vec<Mistake> {
    let parts = || said.parts.iter().filter_map(|part| part.keepalived.as_ref());
    let Some(last) = parts().next_back() else {
        return Vec::new();
    };
    let settings = parts().fold(Keepalived::default(), |all, part| all.with(&part.settings));
    let place = |key: &str| {
        parts()
            .rev()
            .find_map(|part| part.place(key))
            .unwrap_or(last.span)
    };
    let wrong =
        |span: Span, message: String, label: &str| Mistake::new(MistakeKind::Wiring, span, message, label);
    let mut mistakes = Vec::new();
    let cannot = |what: &str| {
        let message = format!("keepalived with {what}");
        wrong(last.span, message, "a lab with keepalived has none of these")
            .help("leave one of the two out, or put them into values of one axis")
    };
    if said.last(|part| part.firewall_mark.as_ref()).is_some() {
        mistakes.push(cannot("a service of a firewall mark"));
    }
    if said.last(|part| part.scheduler_flags.as_ref()).is_some() {
        mistakes.push(cannot("flags of the scheduler"));
    }
    if said.last(|part| part.persistence_prefix.as_ref()).is_some() {
        mistakes.push(cannot("a prefix of persistence"));
    }
    if said.one_packet().is_some() {
        mistakes.push(cannot("packets that are scheduled one by one"));
    }
    if said.thresholds().next().is_some() {
        mistakes.push(cannot("thresholds of real servers"));
    }
    if said.misbuilt().next().is_some() {
        mistakes.push(cannot("a lab that is built wrong"));
    }
    let own = said.servers().any(|server| server.value.forwarding.is_some());
    if own {
        mistakes.push(cannot("real servers that have methods of their own"));
    }
    let kind = said.last(|part| part.server.as_ref());
    let kind = kind.map_or_else(ServerKind::default, |at| at.value);
    let check = place("keepalived.check");
    match (kind, settings.check()) {
        (ServerKind::UdpEcho, _) => mistakes.push(cannot("servers of UDP")),
        (ServerKind::Program, HealthCheck::Query) => mistakes.push(
            wrong(
                check,
                "`query` asks a program that nobody here knows".to_owned(),
                "for `mysql` and `tcp-echo`",
            )
            .help("say `check: tcp`, which only connects"),
        ),
        (ServerKind::Mysql | ServerKind::TcpEcho | ServerKind::Program, _) => {}
    }
    if let Some(sorry) = &settings.sorry_server {
        let span = place("keepalived.sorry-server");
        let server = said.servers().find(|server| server.value.name == *sorry);
        match server {
            None => mistakes.push(
                wrong(
                    span,
                    format!("no real server named `{sorry}`"),
                    "the sorry server is a real server of the lab",
                )
                .help(format!("add `{sorry}: {{ stands-by: true }}` to `real-servers`")),
            ),
            Some(server) if !server.value.stands_by => mistakes.push(
                wrong(
                    span,
                    format!("`{sorry}` is in the table from the beginning"),
                    "the sorry server is there when all others have failed",
                )
                .second(server.span, "it does not stand by")
                .help(format!("say `{sorry}: {{ stands-by: true }}`")),
            ),
            Some(_) => {}
        }
    }
    mistakes
}
