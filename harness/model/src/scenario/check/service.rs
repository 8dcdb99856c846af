//! The virtual service: what one cell says of it must fit together.

use super::cell_lab::CellLab;
use crate::scenario::mistake::{Mistake, MistakeKind};
use crate::scenario::place::Span;
use crate::scenario::{Family, ServerKind, Vip};

fn wrong(span: Span, message: impl Into<String>, label: impl Into<String>) -> Mistake {
    Mistake::new(MistakeKind::Wiring, span, message, label)
}

/// What of it does not fit.
pub(super) fn unfit(said: &CellLab<'_>) -> Vec<Mistake> {
    let of = [flags, prefix, one_packet, routed, port, clients];
    of.iter().filter_map(|of| of(said)).collect()
}

/// A flag is one of its scheduler: `sh-port` of `sh`.
fn flags(said: &CellLab<'_>) -> Option<Mistake> {
    let flags = said.last(|part| part.scheduler_flags.as_ref())?;
    let scheduler = said.last(|part| part.scheduler.as_ref());
    let name = scheduler.map_or("rr", |scheduler| scheduler.value);
    let of = |flag: &str| flag.split_once('-').map(|(scheduler, _)| scheduler.to_owned());
    let foreign = flags
        .value
        .iter()
        .find(|flag| of(flag).is_none_or(|own| own != name))?;
    let mut mistake = wrong(
        flags.span,
        format!("`{foreign}` is no flag of the scheduler `{name}`"),
        format!("`{}` takes it", of(foreign).unwrap_or_default()),
    )
    .help(
        "the flags of all schedulers are the same two bits to the kernel (include/uapi/linux/ip_vs.h), so \
         another scheduler would not refuse it, but do something else or nothing",
    );
    if let Some(scheduler) = scheduler {
        mistake = mistake.second(scheduler.span, "the scheduler");
    }
    Some(mistake)
}

/// Without persistence there is nobody to put together, and a prefix is no longer than an address.
fn prefix(said: &CellLab<'_>) -> Option<Mistake> {
    let prefix = said.last(|part| part.persistence_prefix.as_ref())?;
    if said.last(|part| part.persistence.as_ref()).is_none() {
        let label = "no `persistence` that it could be of";
        return Some(wrong(prefix.span, "`persistence-prefix` without `persistence`", label).help(
            "ipvsadm(8)'s `-M` says which clients are one to `-p`; add `persistence: 5m`, or leave it out",
        ));
    }
    let family = said.last(|part| part.family.as_ref()).map(|family| family.value);
    let ipv6 = family == Some(Family::Ipv6);
    (!ipv6 && prefix.value > 32).then(|| {
        let message = format!(
            "a prefix of {} bits is longer than an address of IPv4",
            prefix.value
        );
        wrong(prefix.span, message, "at most 32")
    })
}

/// What is not the director's own it takes in only by a mark.
fn routed(said: &CellLab<'_>) -> Option<Mistake> {
    let vip = said.last(|part| part.vip.as_ref())?;
    let marked = said.last(|part| part.firewall_mark.as_ref()).is_some();
    (vip.value == Vip::Routed && !marked).then(|| {
        let label = "no `firewall-mark` by which the director would take its packets in";
        wrong(vip.span, "`vip: routed` without `firewall-mark`", label).help(
            "packets for an address that is not its own a host passes on; IPVS looks at those that it takes \
             in (net/netfilter/ipvs/ip_vs_core.c, `ip_vs_ops4`: NF_INET_LOCAL_IN); add `firewall-mark: 1`",
        )
    })
}

/// By a template of a mark's service a packet keeps its port.
fn port(said: &CellLab<'_>) -> Option<Mistake> {
    said.last(|part| part.firewall_mark.as_ref())?;
    let persistence = said.last(|part| part.persistence.as_ref())?;
    let (name, span) = said.all_translated().next()?;
    Some(
        wrong(
            span,
            format!("the port of `{name}` is not the service's"),
            "persistence of a firewall mark does not translate ports",
        )
        .second(persistence.span, "the persistence")
        .help(
            "only a packet for the port of the service itself gets the port of the real server \
             (net/netfilter/ipvs/ip_vs_core.c, `ip_vs_sched_persist`), and a mark's service has no port",
        ),
    )
}

/// What follows a template is not scheduled.
fn one_packet(said: &CellLab<'_>) -> Option<Mistake> {
    let persistence = said.last(|part| part.persistence.as_ref())?;
    let one_packet = said.one_packet()?;
    let kind = said.last(|part| part.server.as_ref()).map(|kind| kind.value);
    (kind == Some(ServerKind::UdpEcho)).then(|| {
        wrong(
            one_packet,
            "`one-packet` together with `persistence`",
            "each packet is to be scheduled by itself",
        )
        .second(
            persistence.span,
            "each packet of a client goes to the server of its template",
        )
        .help("leave one of them out, or have them in different values of an axis")
    })
}

/// Many addresses are of the client of the echo servers, and of what it opens: over UDP nothing is sent for a
/// connect.
fn clients(said: &CellLab<'_>) -> Option<Mistake> {
    let clients = said.last(|part| part.clients.as_ref())?;
    let kind = said.last(|part| part.server.as_ref());
    let name = kind.map_or_else(ServerKind::default, |kind| kind.value);
    (name != ServerKind::TcpEcho).then(|| {
        let message = format!("`clients` with `{}`", name.as_str());
        let mistake = wrong(clients.span, message, "only with `server: tcp-echo`");
        let mistake = match kind {
            Some(kind) => mistake.second(kind.span, "what serves"),
            None => mistake,
        };
        mistake.help(
            "only `echo-client` can choose the address that it connects from; over UDP nothing is sent for a \
             connect, so that no server would be chosen",
        )
    })
}
