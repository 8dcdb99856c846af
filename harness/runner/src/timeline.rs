//! The time line: the plan's steps, one after another, each with its proof. Those of the client are in
//! client.rs.

mod client;
mod led;
mod wire;

use crate::capture::Captures;
use crate::client::{Client, Standing};
use crate::clock::Clock;
use crate::director;
use crate::error::{LabError, Result};
use crate::lab::Lab;
use crate::operator::{self, Waited};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, ClockAction, HostAction, ServiceEdit, Until};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::lab::State;
use lvs_matrix_model::plan::{LabPlan, Phase, Step};
use lvs_matrix_model::record::{CommandRecord, DirectorSnapshot, Moment, Proof, StepOutcome, StepRecord};

use std::collections::BTreeMap;
use std::time::Duration;

/// A cell's time line being played.
pub(crate) struct Timeline<'a> {
    pub(crate) plan: &'a LabPlan,
    pub(crate) lab: &'a mut Lab,
    pub(crate) client: &'a Client,
    pub(crate) captures: &'a Captures,
    pub(crate) clock: Clock,
    /// The number of the client's last operation, 0 before the first.
    operation: u32,
    /// What was started on a connection and not yet awaited.
    started: BTreeMap<Option<Name>, Started>,
    /// When the observation ends at the latest; known once `act` has begun.
    act_until: Option<std::time::Instant>,
    /// The table that `save-table` saved.
    saved: Option<operator::Saved>,
    /// The phase that is being played; `None` once a step failed or did not end: the rest is not reached.
    reached: Option<Phase>,
    pub(crate) steps: Vec<StepRecord>,
    pub(crate) snapshots: Vec<DirectorSnapshot>,
}

/// An operation of the client that a step started and another awaits.
struct Started {
    operation: u32,
    /// How long a healthy server needs for it.
    takes: Duration,
    may_fail: bool,
}

/// What a step came to.
struct Done {
    outcome: StepOutcome,
    commands: Vec<CommandRecord>,
    operation: Option<u32>,
    further_operations: u32,
    /// Does the time line go on if the client failed?
    may_fail: bool,
}

impl Done {
    fn proven(proof: Proof) -> Self {
        Self::with(StepOutcome::Done { proof })
    }

    fn with(outcome: StepOutcome) -> Self {
        Self {
            outcome,
            commands: Vec::new(),
            operation: None,
            further_operations: 0,
            may_fail: false,
        }
    }
}

impl From<operator::Effect> for Done {
    fn from(effect: operator::Effect) -> Self {
        Self {
            commands: effect.commands,
            ..Self::proven(effect.proof)
        }
    }
}

impl<'a> Timeline<'a> {
    pub(crate) fn new(
        plan: &'a LabPlan,
        lab: &'a mut Lab,
        client: &'a Client,
        captures: &'a Captures,
        clock: Clock,
    ) -> Self {
        let (steps, snapshots) = (Vec::new(), Vec::new());
        Self {
            plan,
            lab,
            client,
            captures,
            clock,
            operation: 0,
            started: BTreeMap::new(),
            act_until: None,
            saved: None,
            reached: Some(Phase::Before),
            steps,
            snapshots,
        }
    }

    /// Plays every step. A step that fails or does not end leaves the rest not reached. Gives the end of the
    /// observation.
    pub(crate) fn play(&mut self) -> Result<Instant> {
        self.play_to(Phase::Act)?;
        // What was started and not awaited, because a step before failed, is still watched to its end.
        for (_, started) in std::mem::take(&mut self.started) {
            if let Some(until) = self.act_until
                && self.client.wait(started.operation, until) == Standing::Pending
            {
                self.client.still_waiting(started.operation);
            }
        }
        Ok(self.clock.now())
    }

    /// Plays the steps that are left up to the end of a phase.
    pub(crate) fn play_to(&mut self, last: Phase) -> Result<()> {
        let plan = self.plan;
        // A record is pushed for each step of the plan, in order.
        while let Some(step) = plan.steps.get(self.steps.len()).filter(|step| step.phase <= last) {
            self.leave_to(step.phase)?;
            let good = match self.reached {
                Some(_) => self.step(step),
                None => {
                    self.push(step, None, Done::with(StepOutcome::NotReached));
                    false
                }
            };
            if !good {
                self.reached = None;
            }
        }
        self.leave_to(last)
    }

    /// Leaves each phase before this one.
    pub(crate) fn leave_to(&mut self, phase: Phase) -> Result<()> {
        while let Some(left) = self.reached.filter(|reached| *reached < phase) {
            self.reached = Some(self.leave(left)?);
        }
        Ok(())
    }

    /// Ends the observation here, whatever is left of the time line; gives its end.
    pub(crate) fn stop_here(&mut self) -> Result<Instant> {
        for (_, started) in std::mem::take(&mut self.started) {
            if self.client.standing(started.operation) == Standing::Pending {
                self.client.still_waiting(started.operation);
            }
        }
        self.reached = None;
        self.play_to(Phase::Act)?;
        Ok(self.clock.now())
    }

    /// What comes between a phase and the next: the director's tables are read.
    fn leave(&mut self, phase: Phase) -> Result<Phase> {
        match phase {
            Phase::Before => {
                self.snapshot(Moment::BeforeChange)?;
                Ok(Phase::Change)
            }
            Phase::Change => {
                self.snapshot(Moment::AfterChange)?;
                Ok(Phase::Act)
            }
            Phase::Act => Ok(Phase::Act),
        }
    }

    /// Looks once more at the faults that last, before the lab is put right for the last sentinel.
    pub(crate) fn look_again(&mut self) -> Result<()> {
        let state = self.state();
        for step in &mut self.steps {
            if matches!(step.outcome, StepOutcome::Done { .. }) {
                step.at_end = operator::at_end(self.plan, self.lab, &state, (step.number, &step.action))?;
            }
        }
        Ok(())
    }

    /// The lab after the steps that were done so far.
    fn state(&self) -> State<'a> {
        let plan = self.plan;
        let mut state = plan.state();
        // A record is pushed for each step of the plan, in order.
        for (step, planned) in self.steps.iter().zip(&plan.steps) {
            if matches!(step.outcome, StepOutcome::Done { .. }) {
                state.apply(step.number, &planned.action);
            }
        }
        state
    }

    pub(crate) fn snapshot(&mut self, moment: Moment) -> Result<()> {
        for node in self.lab.directors() {
            let number = u32::try_from(self.snapshots.len() + 1).unwrap_or(u32::MAX);
            let director = (node, self.lab.namespace(node)?);
            let snapshot = director::snapshot(director, number, moment, self.clock)?;
            self.snapshots.push(snapshot);
        }
        Ok(())
    }

    /// Plays one step; true if the next one may follow.
    fn step(&mut self, step: &Step) -> bool {
        if let Some(gap) = step.after {
            std::thread::sleep(gap);
        }
        let began = self.clock.now();
        // After that reading of the clock, and not before: the record's beginning of `act` is what the
        // observation is held to, and in real time anything may come between two lines.
        if step.phase == Phase::Act && self.act_until.is_none() {
            self.act_until = Some(std::time::Instant::now() + self.plan.watched_for());
        }
        let done = self.act(&step.action).unwrap_or_else(|error| Done {
            operation: step.action.is_of_client().then_some(self.operation),
            ..Done::with(StepOutcome::Failed {
                reason: error.to_string(),
            })
        });
        let good = match done.outcome {
            StepOutcome::Done { .. } => true,
            StepOutcome::ClientFailed => done.may_fail,
            StepOutcome::Unfinished | StepOutcome::Failed { .. } | StepOutcome::NotReached => false,
        };
        self.push(step, Some(began), done);
        good
    }

    fn push(&mut self, step: &Step, began: Option<Instant>, done: Done) {
        let ended = match &done.outcome {
            StepOutcome::Done { .. } | StepOutcome::ClientFailed | StepOutcome::Failed { .. } => {
                began.map(|_| self.clock.now())
            }
            StepOutcome::Unfinished | StepOutcome::NotReached => None,
        };
        self.steps.push(StepRecord {
            number: u32::try_from(self.steps.len() + 1).unwrap_or(u32::MAX),
            phase: step.phase,
            action: step.action.clone(),
            began,
            ended,
            outcome: done.outcome,
            commands: done.commands,
            operation: done.operation,
            further_operations: done.further_operations,
            at_end: None,
        });
    }

    /// Waits for a fact.
    fn watches(&self, until: &Until) -> Result<Done> {
        Ok(Done::with(
            match operator::watch(self.plan, self.lab, until, self.act_until)? {
                Waited::So(proof) => StepOutcome::Done { proof },
                Waited::NotSo(proof) if until.may_fail => StepOutcome::Done { proof },
                Waited::NotSo(proof) => StepOutcome::Failed {
                    reason: proof.to_string(),
                },
                Waited::Unfinished => StepOutcome::Unfinished,
            },
        ))
    }

    fn act(&mut self, action: &Action) -> Result<Done> {
        match action {
            Action::Table(edit) => {
                let held = self.lab.hold();
                let effect = operator::edit_table(self.plan, self.lab, edit, &mut self.saved)?;
                self.lab.release(held)?;
                Ok(effect.into())
            }
            Action::Other(ServiceEdit { service, edit }) => {
                // The service that is edited is the first one of a plan.
                let led = self.plan.led_by(service);
                let led =
                    led.ok_or_else(|| LabError::new("edit the table", "the plan has no such service"))?;
                operator::edit_table(&led, self.lab, edit, &mut self.saved).map(Done::from)
            }
            Action::Mysqld(fault) => operator::mysqld(self.lab, fault).map(Done::from),
            Action::Host(fault @ HostAction::MoveVip { to, .. }) => {
                let state = self.state();
                operator::move_vip(self.plan, self.lab, &state, (fault, to), self.clock).map(Done::from)
            }
            Action::Host(fault) => operator::host(self.plan, self.lab, fault).map(Done::from),
            Action::Traffic(fault) => operator::traffic(self.plan, self.lab, fault).map(Done::from),
            Action::Client(action) => self.client_acts(action),
            Action::Watch(action) => self.watches(action.until()),
            Action::Wait(ClockAction::Wait(time)) => {
                std::thread::sleep(*time);
                Ok(Done::proven(Proof::Waited))
            }
        }
    }
}
