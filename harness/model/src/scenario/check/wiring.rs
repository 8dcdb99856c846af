//! How the hosts are joined, what the service is, and how packets reach the real servers: what one cell says
//! of it must fit together, and values of different axes must not say different things.

use super::cell_lab::CellLab;
use super::findings::Findings;
use super::{AxisDraft, Draft, directors, keepalived, ldirectord, service, services};
use crate::Name;
use crate::base::GUE_PORT;
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes};
use crate::scenario::place::At;
use crate::scenario::{ClientAt, Family, Forwarding, Misbuild, RealServer, ServerKind, TunnelType, Wiring};

/// Every two values of different axes meet in some cell.
pub(super) fn conflicts(axes: &[AxisDraft], mistakes: &mut Mistakes) {
    for (count, axis) in axes.iter().enumerate() {
        let earlier = || axes.iter().take(count).flat_map(|axis| &axis.values);
        for (key, word, span) in axis.values.iter().flat_map(|value| value.added.single()) {
            let others = earlier().flat_map(|value| value.added.single());
            let other = others
                .filter(|(known, other, _)| *known == key && *other != word)
                .map(|(_, _, span)| span)
                .next();
            if let Some(other) = other {
                mistakes.add(
                    Mistake::new(
                        MistakeKind::LabConflict,
                        span,
                        format!("two axes set `{key}` differently"),
                        "in some cell both values meet",
                    )
                    .second(other, "another axis sets it here")
                    .help("vary it in one axis only"),
                );
            }
        }
    }
}

/// Why a real server of such a tunnel has no other method.
pub(super) const TUNNELS_ALONE: &str = "only tunneling reaches an address of the other family \
                                        (net/netfilter/ipvs/ip_vs_ctl.c, `ip_vs_genl_set_cmd`)";

pub(super) fn check(draft: &Draft, sizes: &[usize], mistakes: &mut Mistakes) {
    let mut findings = Findings::default();
    for choice in Draft::cells(sizes) {
        let said = CellLab::of(draft, &choice);
        let of_service = service::unfit(&said).into_iter().chain(services::unfit(&said));
        let of_directors = directors::unfit(&said, &draft.first_director, draft.places.file);
        let others = of_service
            .chain(keepalived::unfit(&said))
            .chain(ldirectord::unfit(&said))
            .chain(of_directors);
        for mistake in unfit(&said).into_iter().chain(others) {
            let span = mistake.span;
            findings.add(|| draft.slug(&choice), span, MistakeKind::Wiring, || mistake);
        }
    }
    findings.report(draft, mistakes);
}

fn unfit(said: &CellLab<'_>) -> Vec<Mistake> {
    let wrong = |span, message: &str, label: &str| Mistake::new(MistakeKind::Wiring, span, message, label);
    let wiring = said.last(|part| part.wiring.as_ref());
    let mut mistakes = Vec::new();
    if let Some(two) = wiring.filter(|wiring| wiring.value == Wiring::TwoArmed) {
        let other = said.methods(two.span).into_iter();
        let other = other
            .filter(|(method, _)| *method != Forwarding::Masquerading)
            .map(|(method, _)| method)
            .next();
        mistakes.extend(other.map(|method| {
            let message = format!("`two-armed` does not fit `{}`", method.as_str());
            wrong(
                two.span,
                &message,
                "real servers behind the director answer through it",
            )
            .help(
                "an answer from the VIP comes to a director that has the VIP itself, which drops it \
                 (net/ipv4/fib_frontend.c, `fib_validate_source`): only `forwarding: masquerading` fits",
            )
        }));
    }
    mistakes.extend(misbuilt_and_routed(said));
    mistakes.extend(untunneled(said));
    mistakes.extend(misbuilt(said));
    mistakes.extend(untranslated(said));
    if let Some(wired) = said.last(|part| part.wired_for.as_ref()) {
        let mut lacking = said.own_methods(wired.span).into_iter();
        let lacking = lacking.find(|(method, _)| !wired.value.contains(method));
        mistakes.extend(lacking.map(|(method, span)| {
            let message = format!("a real server has `{}` and is not wired for it", method.as_str());
            let mistake = wrong(span, &message, "the method of a real server at the beginning");
            mistake
                .second(wired.span, "this does not name it")
                .help("a lab is ready when each real server has answered through the virtual service")
        }));
    }
    mistakes
}

/// What is built wrong is shown on the client's own link.
fn misbuilt_and_routed(said: &CellLab<'_>) -> Option<Mistake> {
    let at = said.last(|part| part.client_at.as_ref())?;
    let (host, how) = said.misbuilt().next().filter(|_| at.value != ClientAt::OnLink)?;
    let message = format!("`{}` with a client that is behind a router", how.value.as_str());
    let label = "what is built wrong is shown to a client on the director's link";
    Some(
        Mistake::new(MistakeKind::Wiring, how.span, message, label)
            .second(at.span, "the client is not there")
            .help(format!(
                "leave `client-at` out of the cells in which `{}` is built wrong",
                host.value
            )),
    )
}

/// What no host of the cell can have wrong with it.
fn misbuilt(said: &CellLab<'_>) -> Vec<Mistake> {
    let family = said.last(|part| part.family.as_ref());
    let ipv6 = family.is_some_and(|family| family.value == Family::Ipv6);
    let unfit = |(host, how): &(At<Name>, At<Misbuild>)| {
        let server = said.servers().find(|server| server.value.name == host.value);
        let director = said.is_director(&host.value);
        let wired = |wanted: &[Forwarding]| {
            let methods = server.map(|server| said.wired(&server.value));
            methods.is_some_and(|methods| methods.iter().any(|method| wanted.contains(method)))
        };
        let (fits, help) = match how.value {
            Misbuild::AnswersArp => (
                wired(&[Forwarding::DirectRouting, Forwarding::Tunneling]) && !ipv6,
                "a real server can answer ARP for a VIP that it has: with direct routing or tunneling, \
                 over IPv4",
            ),
            Misbuild::NoVip => (
                wired(&[Forwarding::DirectRouting, Forwarding::Tunneling]),
                "a real server has the VIP with direct routing and tunneling",
            ),
            Misbuild::WrongGateway => (
                wired(&[Forwarding::Masquerading]),
                "a real server that is masqueraded sends its answers to the director",
            ),
            Misbuild::NoForwarding => (director, "it is the director that passes packets on"),
            Misbuild::WrongTunnelPort => (
                server.is_some_and(|server| gue(said, &server.value)),
                "a tunnel of GUE ends at a port: `forwarding: tunneling` with `tunnel-type: gue`",
            ),
        };
        (!fits).then(|| {
            let (host, how) = (&host.value, how);
            Mistake::new(
                MistakeKind::Wiring,
                how.span,
                format!("`{host}` cannot be built wrong by `{}`", how.value.as_str()),
                if server.is_some() || director || host.as_str() == "client" {
                    "it has nothing of the kind to lose"
                } else {
                    "the cell has no such host"
                },
            )
            .help(help)
        })
    };
    let mut mistakes: Vec<Mistake> = said.misbuilt().filter_map(unfit).collect();
    for (place, (host, how)) in said.misbuilt().enumerate() {
        let mut before = said.misbuilt().take(place);
        let before = before.find(|(of, known)| of.value == host.value && known.value == how.value);
        mistakes.extend(before.map(|(_, known)| {
            Mistake::new(
                MistakeKind::Wiring,
                how.span,
                format!("`{}` is said twice of `{}`", how.value.as_str(), host.value),
                "what is wrong already cannot be made wrong",
            )
            .second(known.span, "said here before")
            .help("what a value says is added to what the lab says: say it in one of them")
        }));
    }
    mistakes
}

/// Why only masquerading reaches another port.
pub(super) const ONE_PORT: &str = "only masquerading gives a packet another port \
    (net/netfilter/ipvs/ip_vs_xmit.c, `ip_vs_nat_xmit`); with the other methods ipvsadm(8) takes the \
    service's port whatever is typed";

/// Ports of real servers that no packet would reach.
fn untranslated(said: &CellLab<'_>) -> Vec<Mistake> {
    let mistake = |server: &At<RealServer>| {
        let (port, span) = said.translated(server)?;
        let mut wired = said.wired(&server.value).into_iter();
        let other = wired.find(|method| *method != Forwarding::Masquerading)?;
        let message = format!(
            "`{}` has port {port}, which `{}` does not reach",
            server.value.name,
            other.as_str()
        );
        let label = "not the port of the virtual service";
        Some(Mistake::new(MistakeKind::Wiring, span, message, label).help(ONE_PORT))
    };
    said.servers().filter_map(mistake).collect()
}

/// Is this real server reached by a tunnel of GUE?
fn gue(said: &CellLab<'_>, server: &RealServer) -> bool {
    said.wired(server).contains(&Forwarding::Tunneling) && said.tunnel_type(server) == TunnelType::Gue
}

/// What is said of tunnels where there are none, and tunnels of the other family that are not alone.
fn untunneled(said: &CellLab<'_>) -> Vec<Mistake> {
    let wrong = |span, message: String, label: &str| Mistake::new(MistakeKind::Wiring, span, message, label);
    let tunnels = |server: &RealServer| said.wired(server).contains(&Forwarding::Tunneling);
    let mut mistakes = Vec::new();
    let of_lab = [
        (
            "tunnel-type",
            said.last(|part| part.tunnel_type.as_ref()).map(|at| at.span),
        ),
        (
            "tunnel-family",
            said.last(|part| part.tunnel_family.as_ref()).map(|at| at.span),
        ),
    ];
    let port = said.last(|part| part.tunnel_port.as_ref());
    if let Some(port) = port.filter(|_| !said.servers().any(|server| gue(said, &server.value))) {
        let message = "`tunnel-port` without a tunnel of GUE".to_owned();
        mistakes.push(
            wrong(port.span, message, "no real server is reached by one")
                .help("add `forwarding: tunneling` and `tunnel-type: gue`: the others have no port"),
        );
    }
    let kind = said.server_kind();
    let taken = |port: u16| {
        let mut others = said.services();
        kind == ServerKind::UdpEcho
            && (port == kind.port() || others.any(|service| service.value.port == port))
    };
    for At { value: server, span } in said.servers().filter(|server| gue(said, &server.value)) {
        let common = port.map_or(GUE_PORT, |port| port.value);
        let own = server.tunnel_port.unwrap_or(common);
        if taken(own) {
            let message = format!(
                "the tunnel to `{}` and its echo server have one port of UDP",
                server.name
            );
            let at = port.filter(|_| server.tunnel_port.is_none());
            mistakes.push(
                wrong(
                    at.map_or(*span, |port| port.span),
                    message,
                    "its echo server listens there",
                )
                .help(format!("take another `tunnel-port` than {own}")),
            );
        }
    }
    for (key, span) in of_lab {
        if let Some(span) = span.filter(|_| !said.servers().any(|server| tunnels(&server.value))) {
            let message = format!("`{key}` without a tunnel");
            mistakes.push(
                wrong(span, message, "no real server is reached by one").help("add `forwarding: tunneling`"),
            );
        }
    }
    for At { value: server, span } in said.servers() {
        let own = [
            ("tunnel-type", server.tunnel_type.is_some()),
            ("tunnel-family", server.tunnel_family.is_some()),
        ];
        let own = own.iter().find(|(_, said)| *said && !tunnels(server));
        mistakes.extend(own.map(|(key, _)| {
            let message = format!("`{}` has a `{key}` without a tunnel", server.name);
            wrong(*span, message, "it is not reached by one").help("give it `forwarding: tunneling`")
        }));
        if server.tunnel_port.is_some() && !gue(said, server) {
            let message = format!("`{}` has a `tunnel-port` without a tunnel of GUE", server.name);
            mistakes.push(
                wrong(*span, message, "it is not reached by one")
                    .help("give it `forwarding: tunneling` and `tunnel-type: gue`: the others have no port"),
            );
        }
        let other = said
            .wired(server)
            .into_iter()
            .find(|method| *method != Forwarding::Tunneling);
        mistakes.extend(said.crossed(server).zip(other).map(|(outer, other)| {
            let message = format!(
                "`{}` is wired for tunnels of {} and for `{}`",
                server.name,
                outer.as_str(),
                other.as_str()
            );
            wrong(*span, message, "one address of it stands in the table")
                .help(format!("{TUNNELS_ALONE}: name `tunneling` alone"))
        }));
    }
    mistakes
}
