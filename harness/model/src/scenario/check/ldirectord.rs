//! What ldirectord cannot have in a lab.

use super::cell_lab::CellLab;
use super::control;
use crate::control::ControlPlane;
use crate::ldirectord::{CheckType, Ldirectord};
use crate::scenario::mistake::{Mistake, MistakeKind};
use crate::scenario::place::{At, Span};
use crate::scenario::{Forwarding, ServerKind, TunnelType};

/// What ldirectord cannot have in the lab of a cell.
pub(super) fn unfit(said: &CellLab<'_>) -> Vec<Mistake> {
    let parts = || said.parts.iter().filter_map(|part| part.ldirectord.as_ref());
    let Some(last) = parts().next_back() else {
        return Vec::new();
    };
    let settings = parts().fold(Ldirectord::default(), |all, part| all.with(&part.settings));
    let place = |key: &str| {
        let place = parts().rev().find_map(|part| part.place(key));
        place.unwrap_or(last.span)
    };
    let wrong =
        |span: Span, message: &str, label: &str| Mistake::new(MistakeKind::Wiring, span, message, label);
    let mut mistakes = control::unfit(said, ControlPlane::Ldirectord, last.span);
    let keepalived = said.parts.iter().find_map(|part| part.keepalived.as_ref());
    mistakes.extend(keepalived.map(|keepalived| {
        wrong(
            last.span,
            "ldirectord beside keepalived",
            "two programs would edit one table",
        )
        .second(keepalived.span, "keepalived")
        .help("leave one of the two out, or put them into values of one axis")
    }));
    let directors = said.last(|part| part.directors.as_ref());
    mistakes.extend(
        directors
            .filter(|directors| directors.value.len() > 1)
            .map(|two| {
                wrong(
                    last.span,
                    "ldirectord with two directors",
                    "ldirectord moves no VIP: a lab with it has one director",
                )
                .second(two.span, "two directors")
                .help("leave one of the two out, or take `keepalived`")
            }),
    );
    match (said.server_kind(), settings.checktype()) {
        (ServerKind::TcpEcho | ServerKind::Program, CheckType::Negotiate) => mistakes.push(
            wrong(
                place("ldirectord.checktype"),
                "`negotiate` logs in to a mysqld, which these servers are not",
                "for `mysql`",
            )
            .help("say `checktype: connect`, or, with `tcp-echo`, `checktype: external`"),
        ),
        (ServerKind::Program, CheckType::External) => mistakes.push(
            wrong(
                place("ldirectord.checktype"),
                "`external` asks a program that nobody here knows",
                "for `mysql` and `tcp-echo`",
            )
            .help("say `checktype: connect`, which only connects"),
        ),
        // `control::unfit` has refused servers of UDP.
        (ServerKind::Mysql | ServerKind::TcpEcho | ServerKind::UdpEcho | ServerKind::Program, _) => {}
    }
    let tunneled = said
        .servers()
        .find(|server| said.own(&server.value) == Forwarding::Tunneling);
    let kind = tunneled.map(|server| said.tunnel_type(&server.value));
    mistakes.extend(kind.filter(|kind| *kind != TunnelType::Ipip).map(|kind| {
        wrong(
            last.span,
            &format!("ldirectord with tunnels of `{}`", kind.as_str()),
            "its `ipip` is a tunnel of IP in IP, and it has no word for another",
        )
        .help("say `tunnel-type: ipip`, or take `keepalived`")
    }));
    if let Some(value) = settings.fallback {
        let span = place("ldirectord.fallback");
        mistakes.extend(control::last_resort(
            said,
            "the fallback server",
            &At { value, span },
        ));
    }
    mistakes
}
