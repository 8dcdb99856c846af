//! The lab and what values add to it: names that are free, servers that are there once, sysctls that are set
//! once.

use super::added::{Added, SYSCTLS, Sysctl, SysctlsOf};
use super::{AxisDraft, directors, wiring};
use crate::Name;
use crate::base::MAX_REAL_SERVERS;
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes};
use crate::scenario::place::{At, Span};
use std::collections::HashMap;

/// Checks the lab. Says whether all real servers of the file are known, so that their names can be looked up.
pub(super) fn check(draft: &super::Draft, mistakes: &mut Mistakes) -> bool {
    let Some(lab) = &draft.lab else {
        return false;
    };
    let parts = || std::iter::once(lab).chain(draft.values().map(|value| &value.added));
    let servers = parts().flat_map(|added| &added.real_servers);
    let names: Vec<At<Name>> = servers
        .map(|server| At {
            value: server.value.name.clone(),
            span: server.span,
        })
        .collect();
    for added in parts() {
        reserved(added, mistakes);
        directors::check(added, &names, mistakes);
        added
            .misfits
            .iter()
            .for_each(|mistake| mistakes.add(mistake.clone()));
    }
    if lab.real_servers.is_empty() && lab.real_servers_complete {
        mistakes.add(
            Mistake::new(
                MistakeKind::NoRealServer,
                lab.real_servers_span.unwrap_or(draft.places.file),
                "the lab has no real server",
                "at least one, such as `rs1: {}`",
            )
            .help(
                "the lab is ready when a query through the virtual service is answered; without a server it \
                 never is",
            ),
        );
        return false;
    }
    twice(lab, &draft.axes, mistakes);
    too_many(lab, &draft.axes, mistakes);
    wiring::conflicts(&draft.axes, mistakes);
    for (whose, sysctls) in SYSCTLS {
        conflicts(&draft.axes, whose, *sysctls, mistakes);
    }
    lab.real_servers_complete
        && draft.axes_complete
        && draft.values().all(|value| value.added.real_servers_complete)
}

fn reserved(added: &Added, mistakes: &mut Mistakes) {
    for server in &added.real_servers {
        let name = server.value.name.as_str();
        if matches!(name, "client" | "probe" | "director" | "director2" | "router") {
            mistakes.add(Mistake::new(
                MistakeKind::ReservedName,
                server.span,
                format!("a real server cannot be named `{name}`"),
                "another host of the lab has this name",
            ));
        }
    }
}

/// A server that a value adds must not be there already, in the lab or by a value of another axis.
fn twice(lab: &Added, axes: &[AxisDraft], mistakes: &mut Mistakes) {
    let mut known: HashMap<&Name, Span> = lab
        .real_servers
        .iter()
        .map(|server| (&server.value.name, server.span))
        .collect();
    for axis in axes {
        let mut of_axis = Vec::new();
        for server in axis.values.iter().flat_map(|value| &value.added.real_servers) {
            let name = &server.value.name;
            if let Some(first) = known.get(name) {
                mistakes.add(
                    Mistake::new(
                        MistakeKind::RealServerTwice,
                        server.span,
                        format!("the real server `{name}` is there already"),
                        "a value adds real servers with names of their own",
                    )
                    .second(*first, "it is given here"),
                );
            } else {
                of_axis.push((name, server.span));
            }
        }
        known.extend(of_axis);
    }
}

fn too_many(lab: &Added, axes: &[AxisDraft], mistakes: &mut Mistakes) {
    let most = |axis: &AxisDraft| {
        let counts = axis.values.iter().map(|value| value.added.real_servers.len());
        counts.max().unwrap_or(0)
    };
    let count = lab.real_servers.len() + axes.iter().map(most).sum::<usize>();
    if count > MAX_REAL_SERVERS
        && let Some(first) = lab.real_servers.first()
    {
        mistakes.add(Mistake::new(
            MistakeKind::TooManyRealServers,
            lab.real_servers_span.unwrap_or(first.span),
            format!("a cell has {count} real servers"),
            format!("a lab has addresses for {MAX_REAL_SERVERS}, with those that values add"),
        ));
    }
}

/// Every two values of different axes meet in some cell: what one sets, the other must not set differently.
fn conflicts(axes: &[AxisDraft], whose: &str, sysctls: SysctlsOf, mistakes: &mut Mistakes) {
    let mut known: HashMap<&str, Vec<&Sysctl>> = HashMap::new();
    for axis in axes {
        let of_axis: Vec<&Sysctl> = axis
            .values
            .iter()
            .flat_map(|value| sysctls(&value.added))
            .collect();
        for sysctl in &of_axis {
            let others = known.get(sysctl.key.as_str()).map_or(&[][..], Vec::as_slice);
            if let Some(other) = others.iter().find(|other| other.value != sysctl.value) {
                mistakes.add(
                    Mistake::new(
                        MistakeKind::SysctlConflict,
                        sysctl.span,
                        format!("two axes set `{}` of {whose} differently", sysctl.key),
                        "in some cell both values meet",
                    )
                    .second(other.span, "another axis sets it here")
                    .help("vary a sysctl in one axis only"),
                );
            }
        }
        for sysctl in of_axis {
            known.entry(&sysctl.key).or_default().push(sysctl);
        }
    }
}
