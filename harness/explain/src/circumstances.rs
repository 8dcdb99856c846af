//! What a cell's steps and settings had made of the lab at a moment.

use super::cell_view::CellView;
use super::table::Table;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, Chain, Edit, FirewallVerdict, Node, Percent, TableAction};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::lab::Link;
use lvs_matrix_model::record::{DirectorSnapshot, Moment, StepOutcome, StepRecord};
use lvs_matrix_model::scenario::Forwarding;
use lvs_matrix_model::verdict::Citation;
use std::time::Duration;

/// A real server was deleted from the director's table.
#[derive(Debug, Clone)]
pub(super) struct Deletion {
    /// When: at the beginning of the step that did it, or when the table was seen without the server.
    pub(super) at: Instant,
    /// The step that did it, or the table that the control plane has left.
    pub(super) shown_by: Citation,
}

/// To which real server an edit gives a forwarding method, and which.
pub(super) fn forwards(edit: &TableAction) -> Option<(&Name, Forwarding)> {
    let TableAction::SetForwarding { server, method, .. } = edit else {
        return None;
    };
    Some((server, *method))
}

impl<'a> CellView<'a> {
    /// Steps that were done, with their times, of which `wanted` gives something.
    pub(super) fn done<T>(
        &self,
        wanted: impl Fn(&'a Action) -> Option<T>,
    ) -> impl Iterator<Item = (&'a StepRecord, Instant, T)> {
        self.record.steps.iter().filter_map(move |step| {
            let at = step.began?;
            match &step.outcome {
                StepOutcome::Done { .. } => Some((step, at, wanted(&step.action)?)),
                StepOutcome::ClientFailed
                | StepOutcome::Unfinished
                | StepOutcome::Failed { .. }
                | StepOutcome::NotReached => None,
            }
        })
    }

    /// The same of edits of the cell's own service, each with the director on which it was made.
    pub(super) fn edits<T>(
        &self,
        wanted: impl Fn(&'a Node, &'a TableAction) -> Option<T>,
    ) -> impl Iterator<Item = (&'a StepRecord, Instant, T)> {
        self.done(move |action| {
            let Action::Table(Edit { on, action }) = action else {
                return None;
            };
            wanted(on, action)
        })
    }

    /// A step by its number, with its beginning.
    pub(super) fn step(&self, number: u32) -> Option<(&'a StepRecord, Instant)> {
        let step = self.record.steps.iter().find(|step| step.number == number)?;
        Some((step, step.began?))
    }

    /// The value that a sysctl of a node had at a moment: what the plan wrote, or a step after that.
    pub(super) fn sysctl(&self, node: &Node, key: &str, at: Instant) -> Option<&'a str> {
        Some(self.record.state_at(at).sysctl(node, key)?.value)
    }

    /// The director's tables at a moment.
    pub(super) fn table(&self, moment: Moment) -> Option<Table> {
        let mut snapshots = self.record.snapshots_of(self.director());
        let snapshot = snapshots.find(|snapshot| snapshot.moment == moment)?;
        Table::of(self.plan, snapshot)
    }

    /// The tables of a snapshot.
    pub(super) fn listed_in(&self, snapshot: &DirectorSnapshot) -> Option<Table> {
        Table::of(self.plan, snapshot)
    }

    /// The service's scheduler on the director that decided, at a moment: the plan's, or what a step had set
    /// by then.
    pub(super) fn scheduler(&self, at: Instant) -> &'a str {
        let steps = self.edits(|on, edit| {
            let TableAction::SetScheduler { scheduler } = edit else {
                return None;
            };
            (on == self.director()).then_some(scheduler.as_str())
        });
        let set = steps.filter(|(_, began, _)| *began <= at).last();
        let planned = self.plan.service().scheduler.as_str();
        set.map_or(planned, |(_, _, scheduler)| scheduler)
    }

    /// How long an entry of an established connection lives after a segment that was passed on at a moment:
    /// what `ipvsadm --set` had said by then (0: as it was), if it had.
    pub(super) fn entry_timeout(&self, at: Instant) -> Option<Duration> {
        let set = self.record.state_at(at).entry_timeout(self.director());
        let commands = &self.plan.host(self.director())?.commands;
        let planned = || {
            commands.iter().rev().find_map(|argv| match argv.as_slice() {
                [program, option, tcp, ..] if program == "ipvsadm" && option == "--set" => {
                    tcp.parse().ok().map(Duration::from_secs)
                }
                _ => None,
            })
        };
        set.or_else(planned)
    }

    /// The director's tables as they were at a moment: the last snapshot before it, unless the table was
    /// changed in between.
    pub(super) fn table_at(&self, at: Instant) -> Option<Table> {
        let director = self.director_at(at);
        let mut snapshots = self.record.snapshots_of(director);
        let snapshot = snapshots.rfind(|snapshot| snapshot.at <= at)?;
        let changed = self
            .edits(|on, _| (on == director).then_some(()))
            .any(|(_, began, ())| snapshot.at < began && began <= at);
        (!changed).then(|| Table::of(self.plan, snapshot))?
    }

    /// The director's tables as they were at a moment: the last snapshot before it, with the changes that
    /// were made since. The entries of connections are those of the snapshot. `None` in the middle of a
    /// change.
    pub(super) fn table_then(&self, at: Instant) -> Option<Table> {
        self.table_of(self.director_at(at), at)
    }

    /// The same of this director.
    pub(super) fn table_of(&self, director: &Node, at: Instant) -> Option<Table> {
        let mut snapshots = self.record.snapshots_of(director);
        let snapshot = snapshots.rfind(|snapshot| snapshot.at <= at)?;
        let edits = self.edits(|on, edit| (on == director).then_some(edit));
        let (mut table, mut saved) = (Table::of(self.plan, snapshot)?, None);
        for (step, began, edit) in edits.filter(|(_, began, _)| *began <= at) {
            if matches!(edit, TableAction::SaveTable) {
                saved = Some(began);
            }
            if began <= snapshot.at {
                continue;
            }
            if step.ended.is_none_or(|ended| ended > at) {
                return None;
            }
            let restores = matches!(edit, TableAction::RestoreTable);
            let saved = saved
                .filter(|_| restores)
                .and_then(|at| self.before(director, at));
            table = table.after(step.number, edit, saved.as_ref())?;
        }
        Some(table)
    }

    /// A director's tables right before a step that began then.
    fn before(&self, director: &Node, at: Instant) -> Option<Table> {
        let first = self.record.snapshots_of(director).next()?;
        // What is saved before the first snapshot was changed by nobody until then, if no step says so.
        let before = Instant(at.0.checked_sub(1)?);
        if first.at <= before {
            return self.table_of(director, before);
        }
        let edits = self.edits(|on, edit| (on == director && *edit != TableAction::SaveTable).then_some(()));
        let changed = edits
            .into_iter()
            .any(|(_, began, ())| at < began && began <= first.at);
        (!changed).then(|| Table::of(self.plan, first))?
    }

    /// When this real server was last deleted from the table, unless it was added again by `by`.
    pub(super) fn deleted(&self, server: &Name, by: Instant) -> Option<Deletion> {
        let (deletion, deleted) = self
            .memberships(server)
            .into_iter()
            .rfind(|(deletion, _)| deletion.at <= by)?;
        deleted.then_some(deletion)
    }

    /// The same of a host, which may be no real server.
    pub(super) fn deleted_by(&self, node: &Node, by: Instant) -> Option<Deletion> {
        self.deleted(node.real_server()?, by)
    }

    /// When this real server was last deleted from the table, even if it was added again by `by`.
    pub(super) fn had_been_deleted(&self, server: &Name, by: Instant) -> Option<Deletion> {
        let all = self.memberships(server).into_iter();
        let mut deletions = all.filter(|(deletion, deleted)| *deleted && deletion.at <= by);
        deletions.next_back().map(|(deletion, _)| deletion)
    }

    /// When this real server was deleted from the table (true) or added to it (false), in order: by steps,
    /// and by the control plane, whose tables are snapshots.
    fn memberships(&self, server: &Name) -> Vec<(Deletion, bool)> {
        let by_steps = self.edits(|on, edit| {
            let own = edit.puts(server).filter(|_| on == self.director());
            own.map(|there| !there)
        });
        let by_steps = by_steps.map(|(step, at, deleted)| {
            let shown_by = Citation::Step(step.number);
            (Deletion { at, shown_by }, deleted)
        });
        let mut all: Vec<_> = by_steps.collect();
        let snapshots = || self.record.snapshots_of(self.director());
        let pairs = snapshots().zip(snapshots().skip(1));
        all.extend(pairs.filter_map(|(before, after)| {
            if after.moment != Moment::Changed {
                return None;
            }
            let has = |snapshot| Some(Table::of(self.plan, snapshot)?.weight(server).is_some());
            let (was, is) = (has(before)?, has(after)?);
            let (at, shown_by) = (after.at, Citation::Snapshot(after.number));
            (was != is).then_some((Deletion { at, shown_by }, was))
        }));
        all.sort_by_key(|(deletion, _)| deletion.at);
        all
    }

    /// The firewall rules that were in force at a moment: the step, the host, and the rule.
    pub(super) fn firewall(&self, at: Instant) -> Vec<(&'a StepRecord, &'a Node, Chain, FirewallVerdict)> {
        let state = self.record.state_at(at);
        let rules = state.rules().filter_map(|rule| {
            let step = self.step(rule.step)?.0;
            // What an author's rule looks at is nft's affair: whether it met anything says its counter.
            let idle = rule.matches.is_some() && step.met() == Some(0);
            (!idle).then_some((step, rule.node, rule.chain, rule.verdict))
        });
        rules.collect()
    }

    /// The step since which the client's firewall drops ICMP.
    pub(super) fn filters_icmp(&self, at: Instant) -> Option<u32> {
        self.record.state_at(at).filters_icmp(&Node::Client)
    }

    /// What the link to a host did at a moment: the step, the delay beyond the link's own, and the loss.
    pub(super) fn netem(&self, node: &Node, at: Instant) -> Option<(&'a StepRecord, Duration, Percent)> {
        let Link { delay, loss, step } = self.record.state_at(at).link(node)?;
        let does = !delay.is_zero() || loss != Percent::default();
        does.then(|| Some((self.step(step)?.0, delay, loss)))?
    }

    /// Since when a host could not be reached at a moment: its power was off, or its link was down.
    pub(super) fn unplugged(&self, node: &Node, at: Instant) -> Option<(&'a StepRecord, Instant)> {
        self.step(self.record.state_at(at).unplugged(node)?)
    }

    /// Steps that cut a host off (true) or brought its link back (false).
    pub(super) fn links(&self, node: &Node) -> impl Iterator<Item = (&'a StepRecord, Instant, bool)> {
        self.done(move |action| {
            let Action::Host(host) = action else { return None };
            host.cuts_off().filter(|_| host.node() == *node)
        })
    }
}
