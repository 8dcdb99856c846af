//! What a lab with a control plane cannot have, whichever it is: a program that edits the table by itself.

use super::cell_lab::CellLab;
use crate::Name;
use crate::control::ControlPlane;
use crate::scenario::mistake::{Mistake, MistakeKind};
use crate::scenario::place::{At, Span};
use crate::scenario::{RealServer, ServerKind};

impl CellLab<'_> {
    /// The program that edits the table by itself; of two that are said by mistake keepalived.
    pub(super) fn control_plane(&self) -> Option<ControlPlane> {
        let keepalived = self.parts.iter().any(|part| part.keepalived.is_some());
        let ldirectord = self.parts.iter().any(|part| part.ldirectord.is_some());
        let keepalived = keepalived.then_some(ControlPlane::Keepalived);
        keepalived.or(ldirectord.then_some(ControlPlane::Ldirectord))
    }
}

/// What no lab with such a program can have.
pub(super) fn unfit(said: &CellLab<'_>, plane: ControlPlane, span: Span) -> Vec<Mistake> {
    let own = |server: &RealServer| {
        server.forwarding.is_some() || server.tunnel_type.is_some() || server.tunnel_port.is_some()
    };
    let cannot = [
        (
            said.last(|part| part.firewall_mark.as_ref()).is_some(),
            "a service of a firewall mark",
        ),
        (
            said.last(|part| part.scheduler_flags.as_ref()).is_some(),
            "flags of the scheduler",
        ),
        (
            said.last(|part| part.persistence_prefix.as_ref()).is_some(),
            "a prefix of persistence",
        ),
        (
            said.one_packet().is_some(),
            "packets that are scheduled one by one",
        ),
        (said.thresholds().next().is_some(), "thresholds of real servers"),
        (said.misbuilt().next().is_some(), "a lab that is built wrong"),
        (
            said.servers().any(|server| own(&server.value)),
            "real servers that have methods of their own",
        ),
        (said.server_kind() == ServerKind::UdpEcho, "servers of UDP"),
    ];
    let found = cannot.into_iter().filter(|(there, _)| *there);
    let mistake = |(_, what)| {
        let (message, label) = (
            format!("{plane} with {what}"),
            format!("a lab with {plane} has none of these"),
        );
        Mistake::new(MistakeKind::Wiring, span, message, label)
            .help("leave one of the two out, or put them into values of one axis")
    };
    found.map(mistake).collect()
}

/// What is wrong with the real server that is to get the clients when all others have failed.
pub(super) fn last_resort(said: &CellLab<'_>, what: &str, named: &At<Name>) -> Option<Mistake> {
    let At { value: name, span } = named;
    let wrong = |message, label| Mistake::new(MistakeKind::Wiring, *span, message, label);
    let found = said.servers().find(|server| server.value.name == *name);
    match found {
        None => Some(
            wrong(
                format!("no real server named `{name}`"),
                format!("{what} is a real server of the lab"),
            )
            .help(format!("add `{name}: {{ stands-by: true }}` to `real-servers`")),
        ),
        Some(server) if !server.value.stands_by => Some(
            wrong(
                format!("`{name}` is in the table from the beginning"),
                format!("{what} is there when all others have failed"),
            )
            .second(server.span, "it does not stand by")
            .help(format!("say `{name}: {{ stands-by: true }}`")),
        ),
        Some(_) => None,
    }
}
