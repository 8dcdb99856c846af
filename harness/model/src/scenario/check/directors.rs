//! The names of the directors: free ones, one or two in a cell, and the same first one in all cells.

use super::Draft;
use super::added::Added;
use super::cell_lab::CellLab;
use crate::Name;
use crate::action::{Action, Node};
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes, listed};
use crate::scenario::place::{At, Span};
use crate::scenario::syntax::Placed;

/// The most directors of a cell: the configuration of keepalived that is made from the lab, and the steps
/// that move the VIP from one to the other, are for two.
const MOST: usize = 2;

/// What parts of the lab have of directors, and the steps that may name them.
impl Draft {
    /// The names of all directors of the file. The first one is that of the first director of every cell, or
    /// [`check`] finds a mistake.
    fn names_of_directors(&self) -> Vec<Name> {
        let parts = self.lab.iter().chain(self.values().map(|value| &value.added));
        let said = parts.filter_map(|added| added.directors.as_ref());
        let mut names: Vec<Name> = Vec::new();
        for director in said.flat_map(|at| &at.value) {
            if !names.contains(&director.name) {
                names.push(director.name.clone());
            }
        }
        if names.is_empty() {
            names.extend(Node::first_director().director().cloned());
        }
        names
    }

    /// The same, for messages.
    pub(super) fn directors_listed(&self) -> String {
        let names = self.names_of_directors();
        let unnamed = names.len() == 1 && self.first_director.goes_without_saying();
        match unnamed {
            true => "director, director2 (with `directors: 2`)".to_owned(),
            false => listed(names.iter().map(Name::as_str)),
        }
    }

    /// Steps name hosts, and were read before it was known which of these are directors.
    pub(super) fn know_directors(&mut self) {
        let names = self.names_of_directors();
        if let Some(first) = names.first() {
            self.first_director = Node::Director(first.clone());
        }
        let values = self.axes.iter_mut().flat_map(|axis| &mut axis.values);
        let steps = std::iter::once(&mut self.steps).chain(values.map(|value| &mut value.steps));
        let steps = steps.flat_map(|steps| [&mut steps.before, &mut steps.change, &mut steps.act]);
        let searched = self.explore.iter_mut().map(|explore| &mut explore.actions);
        for step in steps.chain(searched).flatten() {
            knows(step, &names);
        }
    }
}

fn knows(step: &mut Placed, names: &[Name]) {
    step.action.know(names);
    if let Action::Table(edit) = &mut step.action
        && step.on.is_none()
        && let Some(first) = Node::unsaid(names)
    {
        edit.on = first;
    }
}

/// What stands in one place of the file. `servers` are all real servers of the file.
pub(super) fn check(added: &Added, servers: &[At<Name>], mistakes: &mut Mistakes) {
    let wrong = |at: &At<Name>, label: &str| {
        let message = format!("a director cannot be named `{}`", at.value);
        Mistake::new(MistakeKind::ReservedName, at.span, message, label)
    };
    for (place, at) in added.director_names.iter().enumerate() {
        let unnamed = match at.value.as_str() {
            "client" | "probe" | "router" => {
                mistakes.add(wrong(at, "another host of the lab has this name"));
                continue;
            }
            "director" => place != 0,
            "director2" => place != 1,
            _ => false,
        };
        if unnamed {
            let label = "without names of yours the first one is `director`, the second `director2`";
            mistakes.add(wrong(at, label));
        }
        if let Some(server) = servers.iter().find(|server| server.value == at.value) {
            let label = "a real server has this name";
            mistakes.add(wrong(at, label).second(server.span, "the real server"));
        }
    }
    let Some(said) = &added.directors else {
        return;
    };
    let count = said.value.len();
    if count == 0 && added.directors_complete {
        mistakes.add(
            Mistake::new(
                MistakeKind::BadNumber,
                said.span,
                "the lab has no director",
                "one or two, such as `{ lb1: {}, lb2: {} }`",
            )
            .help("leave `directors` out for a lab of one"),
        );
    } else if count > MOST {
        mistakes.add(
            Mistake::new(
                MistakeKind::BadNumber,
                said.span,
                format!("the lab has {count} directors"),
                format!("a lab has {MOST} at the most"),
            )
            .help("VRRP and the steps that move the VIP are for two"),
        );
    }
}

/// The first director has one name in all cells: steps and expectations that name none mean it.
pub(super) fn unfit(said: &CellLab<'_>, first: &Node, otherwise: Span) -> Option<Mistake> {
    let directors = said.directors();
    let here = directors.first()?;
    if first.director() == Some(&here.name) {
        return None;
    }
    let span = said
        .last(|part| part.directors.as_ref())
        .map_or(otherwise, |at| at.span);
    let message = format!(
        "the first director is `{}` here, and `{first}` in other cells",
        here.name
    );
    let label = "steps that name no director mean the first one";
    Some(
        Mistake::new(MistakeKind::Wiring, span, message, label)
            .help("name the first director in `lab`, and alike wherever `directors` stands"),
    )
}
