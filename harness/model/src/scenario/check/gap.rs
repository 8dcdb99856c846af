//! Gaps of no width. Computing takes no time in a guest: what one step takes away and the next puts back was
//! never gone for any packet, and never for what the kernel does a moment later (as the flush of entries by
//! `expire_nodest_conn`, which is work of its own: net/netfilter/ipvs/ip_vs_ctl.c,
//! `ip_vs_expire_nodest_conn_flush`).

use crate::Name;
use crate::action::Action;
use crate::lab::Table;
use crate::scenario::mistake::{Mistake, MistakeKind};
use crate::scenario::place::Span;
use crate::scenario::syntax::Placed;
use std::collections::BTreeMap;

/// What was taken out of the table, each with the place of the step, while no time passes.
#[derive(Debug, Default)]
pub(super) struct Gone {
    service: Option<Span>,
    servers: BTreeMap<Name, Span>,
}

/// Is nothing waited for while this is done?
pub(super) fn takes_no_time(action: &Action) -> bool {
    match action {
        Action::Table(_) | Action::Other(_) | Action::Traffic(_) => true,
        Action::Host(action) => action.takes_no_time(),
        Action::Client(_) | Action::Mysqld(_) | Action::Wait(_) | Action::Watch(_) => false,
    }
}

impl Gone {
    /// Takes an edit of the table. Gives a warning if it puts back what was taken out no time before.
    pub(super) fn edited(&mut self, step: &Placed, before: &Table, after: &Table) -> Option<Mistake> {
        let mut warning = None;
        if before.service && !after.service {
            self.service = Some(step.span);
        } else if !before.service && after.service {
            let gone = self.service.take();
            warning = gone.map(|span| no_gap(step, "the virtual service", span));
        }
        for name in before
            .servers
            .keys()
            .filter(|name| !after.servers.contains_key(*name))
        {
            self.servers.insert(name.clone(), step.span);
        }
        for name in after
            .servers
            .keys()
            .filter(|name| !before.servers.contains_key(*name))
        {
            let gone = self.servers.remove(name);
            warning = warning.or_else(|| gone.map(|span| no_gap(step, &format!("`{name}`"), span)));
        }
        warning
    }
}

fn no_gap(step: &Placed, what: &str, gone: Span) -> Mistake {
    Mistake::new(
        MistakeKind::NoGap,
        step.span,
        format!("{what} is back in the table at the moment at which it was taken out"),
        "no time passes before this step",
    )
    .second(gone, "taken out here")
    .help(
        "computing takes no time in the lab, so no packet meets the table without it: say how long it is \
         gone, as `after: 50ms` beside the action, or `after: 0s` if that is meant",
    )
}
