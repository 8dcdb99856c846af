//! What keepalived cannot have in a lab, and what a lab with two directors cannot have.

use super::cell_lab::CellLab;
use super::control;
use crate::control::ControlPlane;
use crate::duration::Human;
use crate::keepalived::{HealthCheck, Keepalived};
use crate::scenario::mistake::{Mistake, MistakeKind};
use crate::scenario::place::{At, Span};
use crate::scenario::{Family, ServerKind, Vip};
use std::time::Duration;

/// What keepalived cannot have in the lab of a cell.
pub(super) fn unfit(said: &CellLab<'_>) -> Vec<Mistake> {
    let parts = || said.parts.iter().filter_map(|part| part.keepalived.as_ref());
    let directors = said.last(|part| part.directors.as_ref());
    let two = directors.filter(|directors| directors.value.len() > 1);
    let Some(last) = parts().next_back() else {
        let Some(two) = two else {
            return Vec::new();
        };
        return without_keepalived(said, two.span);
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
    let family = said.last(|part| part.family.as_ref());
    let family = family.map_or_else(Family::default, |at| at.value);
    let mut mistakes: Vec<Mistake> = two
        .and_then(|two| routed_vip(said, two.span))
        .into_iter()
        .collect();
    if settings.vrrp_version == Some(2) && family == Family::Ipv6 {
        mistakes.push(wrong(
            place("keepalived.vrrp-version"),
            "VRRP of version 2 over IPv6".to_owned(),
            "IPv6 came with version 3 (RFC 5798)",
        ));
    }
    if two.is_none() && settings.says_of_vrrp() {
        let span = VRRP
            .iter()
            .find_map(|key| parts().rev().find_map(|part| part.place(key)));
        mistakes.push(
            wrong(
                span.unwrap_or(last.span),
                "VRRP, or the sync daemon, without a second director".to_owned(),
                "one director has nobody to speak to",
            )
            .help("add `directors: 2` to the lab"),
        );
    }
    if two.is_some()
        && settings.vrrp_version(family) == 2
        && let Some(advert_int) = settings.advert_int.filter(|time| time.subsec_nanos() > 0)
    {
        mistakes.push(
            wrong(
                place("keepalived.advert-int"),
                format!("VRRP of version 2 with an interval of {}", Human(advert_int)),
                "whole seconds (RFC 3768, 5.3.7)",
            )
            .help("add `vrrp-version: 3`, which counts hundredths of a second"),
        );
    }
    mistakes
        .extend(refused(&settings, family).map(|(key, message, label)| wrong(place(key), message, label)));
    mistakes.extend(control::unfit(said, ControlPlane::Keepalived, last.span));
    let check = place("keepalived.check");
    match (said.server_kind(), settings.check()) {
        (ServerKind::Program, HealthCheck::Query) => mistakes.push(
            wrong(
                check,
                "`query` asks a program that nobody here knows".to_owned(),
                "for `mysql` and `tcp-echo`",
            )
            .help("say `check: tcp`, which only connects"),
        ),
        // `control::unfit` has refused servers of UDP.
        (ServerKind::Mysql | ServerKind::TcpEcho | ServerKind::UdpEcho | ServerKind::Program, _) => {}
    }
    if let Some(value) = settings.sorry_server {
        let span = place("keepalived.sorry-server");
        mistakes.extend(control::last_resort(
            said,
            "the sorry server",
            &At { value, span },
        ));
    }
    mistakes
}

/// The fields that only two directors can have, by the keys of their places.
const VRRP: [&str; 6] = [
    "keepalived.advert-int",
    "keepalived.vrrp-version",
    "keepalived.preempt-delay",
    "keepalived.garp-master-delay",
    "keepalived.garp-master-repeat",
    "keepalived.garp-master-refresh",
];

/// What a lab of two directors cannot have where steps move the VIP.
fn without_keepalived(said: &CellLab<'_>, two: Span) -> Vec<Mistake> {
    let mut mistakes: Vec<Mistake> = routed_vip(said, two).into_iter().collect();
    if said.misbuilt().next().is_some() {
        let message = "two directors in a lab that is built wrong".to_owned();
        let label = "what is built wrong has one director";
        mistakes.push(Mistake::new(MistakeKind::Wiring, two, message, label));
    }
    mistakes
}

/// A VIP that is nobody's comes to the director by a route of its router, and a route does not move.
fn routed_vip(said: &CellLab<'_>, two: Span) -> Option<Mistake> {
    let vip = said.last(|part| part.vip.as_ref())?;
    (vip.value != Vip::OnDirector).then(|| {
        let message = format!("two directors with `{}`", vip.value.as_str());
        let label = "the VIP of two directors is an address that moves";
        Mistake::new(MistakeKind::Wiring, vip.span, message, label).second(two, "two directors")
    })
}

/// What keepalived would not take, and would replace by something else: the field, what is wrong, and what it
/// takes (keepalived/vrrp/vrrp_parser.c).
fn refused(said: &Keepalived, family: Family) -> impl Iterator<Item = (&'static str, String, &'static str)> {
    const ADVERT: &str = "keepalived.advert-int";
    const DELAY: &str = "keepalived.preempt-delay";
    const GARP_DELAY: &str = "keepalived.garp-master-delay";
    const GARP_REPEAT: &str = "keepalived.garp-master-repeat";
    const GARP_REFRESH: &str = "keepalived.garp-master-refresh";
    let hundredth = Duration::from_millis(10);
    let advert = said.advert_int.and_then(|time| {
        let uneven = time.as_nanos() % hundredth.as_nanos() != 0;
        let (wrong, takes) = match said.vrrp_version(family) {
            2 => (
                time.subsec_nanos() == 0 && !(1..=255).contains(&time.as_secs()),
                "from 1s to 255s with version 2",
            ),
            _ => (
                uneven || !(hundredth..=hundredth * 4095).contains(&time),
                "from 10ms to 40.95s in steps of 10ms with version 3",
            ),
        };
        wrong.then(|| (ADVERT, format!("an interval of {}", Human(time)), takes))
    });
    let delay = said.preempt_delay.and_then(|time| {
        let (wrong, takes) = if said.nopreempt {
            (true, "there is nothing to delay with `nopreempt`")
        } else {
            (time > Duration::from_secs(1000), "at most 1000s")
        };
        wrong.then(|| (DELAY, format!("a delay of {}", Human(time)), takes))
    });
    let garp_delay = said.garp_master_delay.filter(|time| time.subsec_nanos() > 0);
    let garp_delay =
        garp_delay.map(|time| (GARP_DELAY, format!("a delay of {}", Human(time)), "whole seconds"));
    let garp_repeat = said.garp_master_repeat.filter(|times| *times == 0);
    let garp_repeat = garp_repeat.map(|_| (GARP_REPEAT, "no gratuitous ARP at all".to_owned(), "at least 1"));
    let garp_refresh = said
        .garp_master_refresh
        .filter(|time| time.subsec_nanos() > 0 || time.is_zero());
    let garp_refresh = garp_refresh.map(|time| {
        let message = format!("a repetition each {}", Human(time));
        (GARP_REFRESH, message, "whole seconds, at least 1s")
    });
    advert
        .into_iter()
        .chain(delay)
        .chain(garp_delay)
        .chain(garp_repeat)
        .chain(garp_refresh)
}
