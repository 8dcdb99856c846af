//! Steps by phase, and the real servers that they name.

use crate::action::Action;
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes, did_you_mean, listed};
use crate::scenario::read::List;
use crate::scenario::syntax::Placed;
use std::collections::HashSet;

/// Steps by phase.
pub(super) struct Steps {
    pub(super) before: Vec<Placed>,
    pub(super) change: Vec<Placed>,
    pub(super) act: Vec<Placed>,
    /// Was every step read? If not, the time line of their cells is not judged.
    pub(super) complete: bool,
}

type Input = Option<List<Placed>>;

impl Steps {
    /// The steps of one place in the file; `complete` says whether all its fields could be read.
    pub(super) fn of(before: &Input, change: &Input, act: &Input, complete: bool) -> Self {
        let mut complete = complete;
        let mut phase = |input: &Input| {
            let Some(list) = input else {
                return Vec::new();
            };
            complete &= list.complete;
            list.items.clone()
        };
        Self {
            before: phase(before),
            change: phase(change),
            act: phase(act),
            complete,
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Placed> {
        self.before.iter().chain(&self.change).chain(&self.act)
    }
}

/// Names that no lab of the file has. (A name that only some cells have is found with the time line.)
pub(super) fn check_names(draft: &super::Draft, mistakes: &mut Mistakes) {
    let labs = draft.lab.iter();
    let mut known: Vec<&str> = labs
        .chain(draft.values().map(|value| &value.added))
        .flat_map(|added| &added.real_servers)
        .map(|server| server.value.name.as_str())
        .collect();
    let mut seen = HashSet::new();
    known.retain(|name| seen.insert(*name));
    for step in draft.all_steps() {
        // Of a host that `on` names it was not asked before whether it is a director.
        if let (Action::Table(edit), Some(span)) = (&step.action, step.on)
            && !edit.on.is_director()
        {
            let message = format!("`{}` is no director", edit.on);
            let label = format!("directors: {}", draft.directors_listed());
            let help = "`on` stands beside an action that edits a table, and names the director";
            mistakes.add(Mistake::new(MistakeKind::NotOneAction, span, message, label).help(help));
            continue;
        }
        if let Some((node, span)) = step.director()
            && !node.is_director()
        {
            let message = format!("`{node}` is no director");
            let label = format!("directors: {}", draft.directors_listed());
            mistakes.add(Mistake::new(MistakeKind::UnknownServer, span, message, label));
            continue;
        }
        let Some((name, span)) = step.server().zip(step.host()) else {
            continue;
        };
        if known.contains(&name.as_str()) {
            continue;
        }
        let of_any_host = match &step.action {
            Action::Traffic(_) => true,
            // The server that a configuration is to be without.
            Action::Host(action) => !action.is_of_real_servers() && action.of_control().is_none(),
            Action::Table(_)
            | Action::Other(_)
            | Action::Mysqld(_)
            | Action::Client(_)
            | Action::Wait(_)
            | Action::Watch(_) => false,
        };
        let (what, more) = match of_any_host {
            true => (
                "host",
                format!(
                    "client, {}, router (with `client-at`), ",
                    draft.directors_listed()
                ),
            ),
            false => ("real server", String::new()),
        };
        mistakes.add(
            Mistake::new(
                MistakeKind::UnknownServer,
                span,
                format!("no {what} named `{name}`"),
                format!("{what}s of this lab: {more}{}", listed(known.iter().copied())),
            )
            .maybe_help(did_you_mean(name.as_str(), known.iter().copied())),
        );
    }
}
