//! A scenario's time line, to be edited.

use lvs_matrix_model::Name;
use lvs_matrix_model::action::{
    Action, Chain, FirewallVerdict, HostAction, Node, ServerDeed, TableAction, TrafficAction,
};
use lvs_matrix_model::plan::{LabPlan, Phase, Step};
use lvs_matrix_model::scenario::{Phases, Scenario};
use std::time::Duration;

/// A scenario without axes, with its steps in one row.
pub(super) struct Timeline {
    pub(super) scenario: Scenario,
    pub(super) steps: Vec<Step>,
    /// How long the steps took before anything was edited.
    took: Duration,
}

impl Timeline {
    pub(super) fn of(scenario: Scenario) -> Self {
        let Phases { before, change, act } = &scenario.steps;
        let phases = [
            (Phase::Before, before),
            (Phase::Change, change),
            (Phase::Act, act),
        ];
        let steps: Vec<Step> = phases
            .into_iter()
            .flat_map(|(phase, actions)| actions.iter().map(move |timed| Step::of(phase, timed.clone())))
            .collect();
        Self {
            took: own_time(&steps),
            scenario,
            steps,
        }
    }

    /// The scenario with the steps as they are now. It is watched for longer by what they take more.
    pub(super) fn into_scenario(self) -> Scenario {
        let Self {
            mut scenario,
            steps,
            took,
        } = self;
        let longer = own_time(&steps).saturating_sub(took);
        scenario.observe.until = scenario.observe.until.saturating_add(longer);
        let mut phases = Phases::default();
        for step in steps {
            let list = match step.phase {
                Phase::Before => &mut phases.before,
                Phase::Change => &mut phases.change,
                Phase::Act => &mut phases.act,
            };
            list.push(step.timed());
        }
        scenario.steps = phases;
        scenario
    }

    /// The place of the first step that is one of these.
    pub(super) fn first(&self, wanted: impl Fn(&Action) -> bool) -> Option<usize> {
        self.steps.iter().position(|step| wanted(&step.action))
    }

    /// Puts a step before the one at this place, in the same phase; or at the end of `act`.
    pub(super) fn insert(&mut self, place: usize, action: impl Into<Action>) {
        let phase = self.steps.get(place).map_or(Phase::Act, |step| step.phase);
        let place = place.min(self.steps.len());
        self.steps.insert(place, Step::of(phase, action.into()));
    }

    /// Puts a step after the one at this place, in the same phase.
    pub(super) fn insert_after(&mut self, place: usize, action: impl Into<Action>) {
        let phase = self.steps.get(place).map_or(Phase::Act, |step| step.phase);
        let place = (place + 1).min(self.steps.len());
        self.steps.insert(place, Step::of(phase, action.into()));
    }

    /// Every director that gets the VIP says so.
    pub(super) fn announce_the_vip(&mut self) {
        for step in &mut self.steps {
            if let Action::Host(HostAction::MoveVip { gratuitous_arp, .. }) = &mut step.action {
                *gratuitous_arp = true;
            }
        }
    }

    /// Takes out the first step from this place on that is one of these.
    pub(super) fn remove(&mut self, from: usize, wanted: impl Fn(&Action) -> bool) {
        let place = self.steps.iter().skip(from).position(|step| wanted(&step.action));
        if let Some(place) = place {
            self.steps.remove(from + place);
        }
    }
}

fn own_time(steps: &[Step]) -> Duration {
    let times = steps.iter().map(|step| step.timed().own_time());
    times.fold(Duration::ZERO, Duration::saturating_add)
}

/// The edit that gives this server a weight.
pub(super) fn weight(server: &Name, weight: u16) -> TableAction {
    let server = server.clone();
    TableAction::SetWeight { server, weight }
}

/// The edit that deletes this server from the table.
pub(super) fn removal(server: &Name) -> TableAction {
    let server = server.clone();
    TableAction::RemoveRealServer { server }
}

/// Does it delete this server from the table?
pub(super) fn deletes(action: &Action, server: &Name) -> bool {
    matches!(action, Action::Table(edit) if edit.action.puts(server) == Some(false))
}

/// Does it delete this server from the table, or stop its mysqld?
pub(super) fn takes_away(action: &Action, server: &Name) -> bool {
    deletes(action, server) || stops(action, server)
}

/// Does it stop the mysqld of this server?
pub(super) fn stops(action: &Action, server: &Name) -> bool {
    matches!(action.deed_on(server), Some(ServerDeed::Stop(_)))
}

/// Does a step move the VIP without a word?
pub(super) fn is_untold(plan: &LabPlan) -> bool {
    plan.steps.iter().any(|step| {
        matches!(&step.action, Action::Host(HostAction::MoveVip { gratuitous_arp, .. }) if !gratuitous_arp)
    })
}

/// The firewall rules that steps add, to be edited.
pub(super) fn rules(line: &mut Timeline) -> impl Iterator<Item = (&Node, &mut Chain, &mut FirewallVerdict)> {
    line.steps.iter_mut().filter_map(|step| {
        let Action::Traffic(TrafficAction::AddFirewallRule {
            node, chain, verdict, ..
        }) = &mut step.action
        else {
            return None;
        };
        Some((&*node, chain, verdict))
    })
}
