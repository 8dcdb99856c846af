//! The time line: the plan's steps, one after another, each with its proof.

use crate::capture::Captures;
use crate::client::{Client, Operation, Standing};
use crate::clock::{Clock, poll_for};
use crate::director;
use crate::error::{LabError, Result};
use crate::lab::Lab;
use crate::operator;
use lvs_matrix_model::action::{Action, Node, Statement};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::plan::{LabPlan, Phase, Step};
use lvs_matrix_model::record::{CommandRecord, DirectorSnapshot, Moment, StepOutcome, StepRecord};

use std::time::Duration;

/// How long an operation of the client may take before the `act` phase, where nothing is expected to hang.
const BEFORE_DEADLINE: Duration = Duration::from_secs(60);
/// How long a statement may take to reach the wire, and then the server or a retransmission.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// A cell's time line being played.
pub(crate) struct Timeline<'a> {
    pub(crate) plan: &'a LabPlan,
    pub(crate) lab: &'a mut Lab,
    pub(crate) client: &'a Client,
    pub(crate) captures: &'a Captures,
    pub(crate) clock: Clock,
    /// The number of the client's last operation, 0 before the first.
    operation: u32,
    /// The statement that was started and not yet awaited: its operation, and how long a healthy server needs for it.
    started: Option<(u32, Duration)>,
    /// When the observation ends at the latest; known once `act` has begun.
    act_until: Option<std::time::Instant>,
    /// The table that `save-table` saved.
    saved: Option<operator::Saved>,
    pub(crate) steps: Vec<StepRecord>,
    pub(crate) snapshots: Vec<DirectorSnapshot>,
}

/// What a step came to.
struct Done {
    outcome: StepOutcome,
    commands: Vec<CommandRecord>,
    operation: Option<u32>,
}

impl Done {
    fn proven(proof: impl Into<String>) -> Self {
        Self {
            outcome: StepOutcome::Done { proof: proof.into() },
            commands: Vec::new(),
            operation: None,
        }
    }
}

impl From<operator::Deed> for Done {
    fn from(deed: operator::Deed) -> Self {
        Self {
            commands: deed.commands,
            ..Self::proven(deed.proof)
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
            started: None,
            act_until: None,
            saved: None,
            steps,
            snapshots,
        }
    }

    /// Plays every step. A step that fails or does not end leaves the rest not reached. Gives the end of the observation.
    pub(crate) fn play(&mut self) -> Result<Instant> {
        let mut reached = Some(Phase::Before);
        let plan = self.plan;
        for step in &plan.steps {
            while let Some(phase) = reached.filter(|phase| *phase < step.phase) {
                reached = Some(self.leave(phase)?);
            }
            let good = match reached {
                Some(_) => self.step(step),
                None => {
                    self.push(
                        step,
                        None,
                        Done {
                            outcome: StepOutcome::NotReached,
                            commands: Vec::new(),
                            operation: None,
                        },
                    );
                    false
                }
            };
            if !good {
                reached = None;
            }
        }
        while let Some(phase) = reached.filter(|phase| *phase < Phase::Act) {
            reached = Some(self.leave(phase)?);
        }
        // A statement that nobody awaited is still watched to its end.
        if let (Some((operation, _)), Some(until)) = (self.started.take(), self.act_until)
            && self.client.wait(operation, until) == Standing::Pending
        {
            self.client.still_waiting(operation);
        }
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
        for index in 0..self.steps.len() {
            let (step, later) = match self.steps.get(index..).and_then(<[_]>::split_first) {
                Some((step, later)) if matches!(step.outcome, StepOutcome::Done { .. }) => (step, later),
                Some(_) | None => continue,
            };
            let later: Vec<&Action> = later
                .iter()
                .filter(|step| matches!(step.outcome, StepOutcome::Done { .. }))
                .map(|step| &step.action)
                .collect();
            let at_end = operator::at_end(self.plan, self.lab, &step.action, &later)?;
            self.steps[index].at_end = at_end;
        }
        Ok(())
    }

    pub(crate) fn snapshot(&mut self, moment: Moment) -> Result<()> {
        let number = u32::try_from(self.snapshots.len() + 1).unwrap_or(u32::MAX);
        self.snapshots
            .push(director::snapshot(&self.lab.director, number, moment, self.clock)?);
        Ok(())
    }

    /// Plays one step; true if the next one may follow.
    fn step(&mut self, step: &Step) -> bool {
        let began = self.clock.now();
        // After that reading of the clock, and not before: the record's beginning of `act` is what the observation is held to,
        // and in real time anything may come between two lines.
        if step.phase == Phase::Act && self.act_until.is_none() {
            self.act_until = Some(std::time::Instant::now() + self.plan.watched_for());
        }
        let done = self.act(&step.action).unwrap_or_else(|error| Done {
            outcome: StepOutcome::Failed {
                reason: error.to_string(),
            },
            commands: Vec::new(),
            operation: step.action.is_of_client().then_some(self.operation),
        });
        let good = matches!(done.outcome, StepOutcome::Done { .. });
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
            at_end: None,
        });
    }

    fn act(&mut self, action: &Action) -> Result<Done> {
        match action {
            Action::Table(edit) => operator::edit_table(self.plan, self.lab, edit, &mut self.saved).map(Done::from),
            Action::Mysqld(fault) => operator::mysqld(self.lab, fault, self.plan.port).map(Done::from),
            Action::Host(fault) => operator::host(self.plan, self.lab, fault).map(Done::from),
            Action::Traffic(fault) => operator::traffic(self.plan, self.lab, fault).map(Done::from),
            Action::Connect => {
                let operation = self.begin(Operation::Connect)?;
                Ok(self.await_end(operation, Duration::ZERO, "connected"))
            }
            Action::Query(statement) => {
                let operation = self.begin(Operation::Statement(statement.sql.clone()))?;
                Ok(self.await_end(operation, statement.takes, "answered"))
            }
            Action::StartQuery(statement) => self.start_query(statement),
            Action::AwaitResult => {
                let (operation, takes) = self
                    .started
                    .take()
                    .ok_or_else(|| LabError::new("await the result", "no statement was started"))?;
                Ok(self.await_end(operation, takes, "answered"))
            }
            Action::Wait(time) => {
                std::thread::sleep(*time);
                Ok(Done::proven("waited"))
            }
        }
    }

    fn begin(&mut self, operation: Operation) -> Result<u32> {
        self.operation += 1;
        self.client.begin(self.operation, operation)?;
        Ok(self.operation)
    }

    /// Waits for an operation: in `act` until the observation ends, before it for a time in which nothing healthy fails,
    /// beyond what the statement `takes`.
    fn await_end(&self, operation: u32, takes: Duration, success: &str) -> Done {
        let until = self
            .act_until
            .unwrap_or_else(|| std::time::Instant::now() + BEFORE_DEADLINE + takes);
        let standing = self.client.wait(operation, until);
        self.client.settle(operation, until);
        let outcome = match standing {
            Standing::Succeeded => StepOutcome::Done {
                proof: success.to_owned(),
            },
            Standing::Failed => StepOutcome::ClientFailed,
            Standing::Pending => {
                self.client.still_waiting(operation);
                StepOutcome::Unfinished
            }
        };
        Done {
            outcome,
            commands: Vec::new(),
            operation: Some(operation),
        }
    }

    /// Sends a statement and waits until it is under way: it runs on a server, or it has ended already, or its segment was
    /// sent a second time because nobody acknowledged it.
    fn start_query(&mut self, statement: &Statement) -> Result<Done> {
        let stage = || format!("start query `{}`", statement.sql);
        let needle = statement.sql.as_bytes().to_vec();
        let before = self.captures.count(&Node::Client, &needle);
        let operation = self.begin(Operation::Statement(statement.sql.clone()))?;
        self.started = Some((operation, statement.takes));
        let ended = |client: &Client| client.standing(operation) != Standing::Pending;
        if !self
            .captures
            .wait_for(&Node::Client, &needle, before + 1, START_DEADLINE)
            && !ended(self.client)
        {
            return Err(LabError::new(
                stage(),
                format!("it did not reach the wire within {} s", START_DEADLINE.as_secs()),
            ));
        }
        let client_address = self.plan.host(&Node::Client).map(|host| host.address);
        let under_way = poll_for(START_DEADLINE, Duration::from_millis(5), || {
            if ended(self.client) {
                return Ok::<_, LabError>(Some("it ended already".to_owned()));
            }
            if self.captures.count(&Node::Client, &needle) > before + 1 {
                return Ok(Some("it was sent again, not acknowledged".to_owned()));
            }
            for server in &mut self.lab.servers {
                let (lvs_matrix_model::record::MysqldState::Running, Some(address)) = (server.state(), client_address)
                else {
                    continue;
                };
                let sessions = server.sessions(address).unwrap_or_default();
                if sessions
                    .iter()
                    .any(|session| session.info.as_deref() == Some(statement.sql.as_str()))
                {
                    return Ok(Some(format!("it is in the process list of {}", server.name)));
                }
            }
            Ok(None)
        })?;
        let proof = under_way.ok_or_else(|| {
            LabError::new(
                stage(),
                format!("no server ran it within {} s", START_DEADLINE.as_secs()),
            )
        })?;
        Ok(Done {
            operation: Some(operation),
            ..Done::proven(proof)
        })
    }
}
