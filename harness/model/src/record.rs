//! The record of a cell: everything that was seen, nothing that was concluded. One `record.json` and one
//! `capture.pcapng` per cell; judging and reporting read these and nothing else.

mod client;
mod instead;
mod limits;
mod missing;
mod probe;
mod server;
mod shown;
mod socket;
mod things;

pub use client::{
    ClientError, ClientErrorKind, ClientEvent, ClientEventKind, ClientRecord, EventRole, Misconduct,
    OpenedSocket, SettingShown, TRANSCRIPT_FILE, Transcript, TranscriptLine, TranscriptSource,
};
pub use instead::Instead;
pub use limits::overlong_text;
pub use missing::Missing;
pub use probe::{Attempt, AttemptEnd, ProbeRecord};
pub use server::{MysqldState, OpenTransaction, ServerSession, ServerView, version_alone};
pub use shown::Proof;
pub use socket::{Socket, SocketTimer};
pub use things::{Entries, Inactive, Listed, Packets, PortState, Rows, Sessions, Tracked};

use crate::Name;
use crate::action::{Action, ClientAction, Node};
use crate::duration::Instant;
use crate::lab::State;
use crate::plan::{LabPlan, Phase};
use crate::sentence;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The number of the format that is written. In format 1 proofs and the like were English sentences; in
/// format 2 they are data.
pub const FORMAT: u32 = 2;
/// The numbers of the formats that are read. A reader refuses records of another number.
pub const READ_FORMATS: [u32; 2] = [1, FORMAT];

/// The name of a cell's record file in its folder. Written last, by rename: a folder without it is a cell
/// that did not end.
pub const RECORD_FILE: &str = "record.json";
/// The name of a cell's capture file in its folder.
pub const CAPTURE_FILE: &str = "capture.pcapng";

/// What was seen of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CellRecord {
    /// [`FORMAT`]; in older records another one of [`READ_FORMATS`].
    pub format: u32,
    /// What was to be done.
    pub plan: LabPlan,
    /// Where it was done.
    pub environment: Environment,
    /// SHA-256 of the scenario's text, hexadecimal; `None` in records of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario_sha256: Option<String>,
    /// The cell's epoch as nanoseconds since 1970 on the clock of the kernel under test; every [`Instant`]
    /// counts from it, and capture time stamps minus it are [`Instant`]s. 0 if the lab never became ready.
    pub epoch_unix_nanos: i64,
    /// Did the harness do its part?
    pub lab: LabOutcome,
    /// Command lines that made the lab, in order.
    pub preparation: Vec<CommandRecord>,
    /// The steps of the time line, in order; those that were not reached are here too.
    pub steps: Vec<StepRecord>,
    /// What was typed by hand in the lab (`lvs-matrix shell` and `exec`), in order; in a run nothing is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_hand: Vec<ByHand>,
    /// What the client program wrote down, in order.
    pub client_events: Vec<ClientEvent>,
    /// The client program itself: what it is, what it printed, the sockets that it opened. `None` in records
    /// of before, and if the lab never became ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientRecord>,
    /// What the probes of the lab wrote down, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<ProbeRecord>,
    /// The tables of the directors at stated moments.
    pub snapshots: Vec<DirectorSnapshot>,
    /// What keepalived or ldirectord on the directors said, in order: each line of a log, as it was read.
    /// Older records call it `keepalived-log`.
    #[serde(default, alias = "keepalived-log", skip_serializing_if = "Vec::is_empty")]
    pub control_log: Vec<LoggedLine>,
    /// Of two directors: when one of them got the VIP, or lost it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vip_changes: Vec<VipChange>,
    /// What each real server held at the end.
    pub server_views: Vec<ServerView>,
    /// TCP sockets with the virtual service in the client's kernel at the end, as `ss -tano` shows them, a
    /// line each; `None` if nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_sockets: Option<Vec<String>>,
    /// The capture's points and proofs; `None` if none was begun.
    pub capture: Option<CaptureRecord>,
    /// When the observation ended.
    pub ended: Instant,
}

impl CellRecord {
    /// The event by which the client's operation ended: the first of those that can end one.
    #[must_use]
    pub fn end_of(&self, operation: u32) -> Option<&ClientEvent> {
        self.client_events
            .iter()
            .find(|event| event.operation == operation && event.kind.role().ends())
    }

    /// The step that began the client's operation, and what it is.
    #[must_use]
    pub fn start_of(&self, operation: u32) -> Option<(&StepRecord, &ClientAction)> {
        self.steps.iter().find_map(|step| {
            let action = step.action.of_client().filter(|action| !action.only_awaits())?;
            step.operations()
                .any(|own| own == operation)
                .then_some((step, action))
        })
    }

    /// The client's address of its port: that which it was bound to, else the host's own.
    #[must_use]
    pub fn client_address(&self, port: u16) -> Option<IpAddr> {
        let sockets = self.client.iter().flat_map(|client| &client.sockets);
        let mut bound = sockets.filter(|socket| socket.port == port);
        let bound = bound.find_map(|socket| socket.bound_to);
        bound.or_else(|| self.plan.client_addresses().next())
    }

    /// The gap before a step, if the scenario states one. A record is pushed for each step of the plan, in
    /// order.
    #[must_use]
    pub fn gap_before(&self, step: &StepRecord) -> Option<std::time::Duration> {
        let place = usize::try_from(step.number).ok()?.checked_sub(1)?;
        self.plan.steps.get(place)?.after
    }

    /// The lab after every step that was done.
    #[must_use]
    pub fn state(&self) -> State<'_> {
        self.folded(|_| true)
    }

    /// The lab at a moment, after those of the steps that were done that had begun by then.
    #[must_use]
    pub fn state_at(&self, at: Instant) -> State<'_> {
        self.folded(|step| step.began.is_some_and(|began| began <= at))
    }

    fn folded(&self, wanted: impl Fn(&StepRecord) -> bool) -> State<'_> {
        let mut state = self.plan.state();
        for step in &self.steps {
            if matches!(step.outcome, StepOutcome::Done { .. }) && wanted(step) {
                state.apply(step.number, &step.action);
            }
        }
        state
    }

    /// The tables of this director at stated moments, in order.
    pub fn snapshots_of(&self, node: &Node) -> impl DoubleEndedIterator<Item = &DirectorSnapshot> {
        self.snapshots
            .iter()
            .filter(move |snapshot| snapshot.node == *node)
    }

    /// The directors that have the VIP at a moment, as far as it was watched: one that lost its power has it
    /// still. Without a second director nobody watches.
    #[must_use]
    pub fn vip_holders(&self, at: Instant) -> Vec<&Node> {
        VipChange::holders(self.vip_changes.iter().filter(|change| change.at <= at))
    }

    /// The director whose table a step means: the one that it names; else the one that got the VIP last, of
    /// those that have it at the moment; else the first one.
    #[must_use]
    pub fn director_meant(&self, named: Option<&Node>, at: Instant) -> Node {
        let holders = || self.vip_holders(at).last().copied();
        let known = named.or_else(holders).cloned();
        known.unwrap_or_else(|| self.plan.first_director())
    }

    /// Puts tables that somebody else than the steps made between those that the steps made, and numbers
    /// them all.
    pub fn take_changes(&mut self, changes: Vec<DirectorSnapshot>) {
        self.snapshots.extend(changes);
        self.snapshots.sort_by_key(|snapshot| snapshot.at);
        for (number, snapshot) in (1..).zip(&mut self.snapshots) {
            snapshot.number = number;
        }
    }

    /// The name of the connection that the client's operation is about; `None` if it is the plain one.
    #[must_use]
    pub fn connection_of(&self, operation: u32) -> Option<&Name> {
        self.start_of(operation)?.1.connection()
    }

    /// The record of a cell of which nothing has been seen yet.
    #[must_use]
    pub fn begun(plan: LabPlan, environment: Environment) -> Self {
        Self {
            format: FORMAT,
            plan,
            environment,
            scenario_sha256: None,
            epoch_unix_nanos: 0,
            lab: LabOutcome::Completed,
            preparation: Vec::new(),
            steps: Vec::new(),
            by_hand: Vec::new(),
            client_events: Vec::new(),
            client: None,
            probes: Vec::new(),
            snapshots: Vec::new(),
            control_log: Vec::new(),
            vip_changes: Vec::new(),
            server_views: Vec::new(),
            client_sockets: None,
            capture: None,
            ended: Instant(0),
        }
    }
}

/// Where a cell ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Environment {
    /// A guest kernel, a stock one in QEMU, or the host's own.
    pub place: Place,
    /// `uname -sr` of the kernel under test.
    pub kernel: String,
    /// The harness's version.
    pub harness: String,
    /// `ipvsadm --version`, its first line.
    pub ipvsadm: String,
    /// The mysqld's version line; empty in a run without one.
    pub mysqld: String,
    /// Which files exactly these were; `None` in records of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashes: Option<Hashes>,
}

/// What a cell ran with, by SHA-256, hexadecimal: a version can be said of many files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Hashes {
    /// The harness: the file of `lvs-matrix` itself.
    pub harness: String,
    /// The guest kernel's file; `None` on the host's own kernel.
    pub kernel: Option<String>,
    /// The mysqld's file; `None` in a run without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mysqld: Option<String>,
}

/// Where cells run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// A User-mode Linux guest with virtual time.
    Guest,
    /// A stock kernel in QEMU, with a virtual clock that counts the processor's instructions.
    Qemu,
    /// The host's kernel, in real time.
    Host,
}

/// Did the lab do its part? A failure here is of the harness or the machine and never becomes a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum LabOutcome {
    /// Every step was reached or the observation ended as planned.
    Completed,
    /// The lab failed.
    Failed {
        /// What was being done.
        stage: String,
        /// Why it failed, with what to do about it if that is known.
        reason: String,
        /// The last lines of the guest's console or a log, oldest first.
        log: Vec<String>,
    },
    /// The cell was not begun, on purpose: its own waits are longer than this run may watch
    /// ([`LabPlan::observe_at_most`]).
    NotRun {
        /// Why, and what to do about it.
        reason: String,
    },
}

/// A command line that somebody typed in the lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ByHand {
    /// On which host.
    pub node: Node,
    /// As it was typed.
    pub line: String,
    /// When it was started.
    pub began: Instant,
    /// When it ended; `None` if it was still running at the end.
    pub ended: Option<Instant>,
    /// Its exit code; 128 and the signal's number if a signal ended it; `None` if it was still running at the
    /// end.
    pub exit: Option<i32>,
}

/// A command line that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CommandRecord {
    /// In which node's namespace; `None` for the link between them.
    pub node: Option<Node>,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Its exit code; `None` if it was ended by a signal. A 0 is not written down.
    #[serde(default = "succeeded", skip_serializing_if = "is_success")]
    pub exit: Option<i32>,
    /// What it printed on both streams, at most 4 KiB. Nothing is not written down.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
}

const fn succeeded() -> Option<i32> {
    Some(0)
}

fn is_success(exit: &Option<i32>) -> bool {
    *exit == succeeded()
}

/// A step of the time line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct StepRecord {
    /// 1 for the first.
    pub number: u32,
    /// Its phase.
    pub phase: Phase,
    /// What it was to do.
    pub action: Action,
    /// When it began; `None` if it was not reached.
    pub began: Option<Instant>,
    /// When it was done; `None` if it did not end.
    pub ended: Option<Instant>,
    /// How it went.
    pub outcome: StepOutcome,
    /// The command lines that it ran.
    pub commands: Vec<CommandRecord>,
    /// For a step of the client: the number of its operation (1 for the client's first).
    pub operation: Option<u32>,
    /// How many further operations it began; they have the numbers that follow.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub further_operations: u32,
    /// For a fault that lasts and was not undone: how it was found when the observation ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_end: Option<AtEnd>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's skip_serializing_if passes a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl StepRecord {
    /// The numbers of its operations.
    pub fn operations(&self) -> impl Iterator<Item = u32> + use<> {
        let first = self.operation.into_iter();
        let further = self.further_operations;
        first.flat_map(move |first| first..=first.saturating_add(further))
    }

    /// How many packets its fault had met when the observation ended, if the kernel counts them.
    #[must_use]
    pub fn met(&self) -> Option<u64> {
        match &self.at_end {
            Some(AtEnd::InForce { packets, .. }) => *packets,
            Some(AtEnd::Gone { .. }) | None => None,
        }
    }
}

/// How a fault that lasts was found when the observation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum AtEnd {
    /// It was still in force.
    InForce {
        /// What showed it.
        #[serde(deserialize_with = "sentence::stored")]
        #[schemars(schema_with = "sentence::schema::<Proof>")]
        shows: Proof,
        /// The packets that it had met, where the kernel counts them: a firewall's rule, a link that loses.
        packets: Option<u64>,
    },
    /// It was not, though no step had undone it.
    Gone {
        /// What was found instead.
        #[serde(deserialize_with = "sentence::stored")]
        #[schemars(schema_with = "sentence::schema::<Instead>")]
        reason: Instead,
    },
}

/// How a step went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum StepOutcome {
    /// Done, and for a fault: shown to have fired.
    Done {
        /// What showed it.
        #[serde(deserialize_with = "sentence::stored")]
        #[schemars(schema_with = "sentence::schema::<Proof>")]
        proof: Proof,
    },
    /// A client's operation that ended with an error of the client; not a failure of the lab.
    ClientFailed,
    /// The observation ended before the step did.
    Unfinished,
    /// It could not be done, or did not fire.
    Failed {
        /// Why.
        reason: String,
    },
    /// An earlier step did not end.
    NotReached,
}

/// When a snapshot was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// After the `before` phase.
    BeforeChange,
    /// After the `change` phase.
    AfterChange,
    /// Somebody else than the steps had changed the director's table: its control plane.
    Changed,
    /// At the end of the observation.
    End,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct LoggedLine {
    /// On which host.
    #[serde(
        default = "Node::first_director",
        skip_serializing_if = "Node::goes_without_saying"
    )]
    pub node: Node,
    /// When it was read.
    pub at: Instant,
    /// Without the time that the program writes before it.
    pub text: String,
}

/// A director got the VIP, or lost it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct VipChange {
    /// Which one.
    pub node: Node,
    /// When it was seen: at most a millisecond after a line of its keepalived's log, at most a second where
    /// that logs nothing. Of a VIP that a step moved: when the step had done it.
    pub at: Instant,
    /// Does it have the VIP from then on?
    pub holds: bool,
}

impl VipChange {
    /// The directors that have the VIP after these changes, in the order in which they got it.
    #[must_use]
    pub fn holders<'c>(changes: impl IntoIterator<Item = &'c Self>) -> Vec<&'c Node> {
        let mut holders: Vec<&Node> = Vec::new();
        for Self { node, holds, .. } in changes {
            holders.retain(|known| *known != node);
            holders.extend(holds.then_some(node));
        }
        holders
    }
}

/// A director's tables as ipvsadm(8) shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct DirectorSnapshot {
    /// 1 for the first; evidence cites it.
    pub number: u32,
    /// Whose.
    #[serde(
        default = "Node::first_director",
        skip_serializing_if = "Node::goes_without_saying"
    )]
    pub node: Node,
    /// When in the cell.
    pub moment: Moment,
    /// When on the clock.
    pub at: Instant,
    /// `ipvsadm -Ln`.
    pub services: String,
    /// `ipvsadm -Lnc`.
    pub connections: String,
}

/// The capture's points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CaptureRecord {
    /// One for each interface, in the order of the interface blocks in the file.
    pub points: Vec<CapturePoint>,
}

/// One interface that was captured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CapturePoint {
    /// On which node.
    pub node: Node,
    /// The interface in the node's namespace.
    pub interface: String,
    /// Frames that the kernel counted on the interface, sentinels and dropped ones included.
    pub received: u32,
    /// Frames that the kernel dropped for want of buffer.
    pub dropped: u32,
    /// Was the sentinel that was sent before the first step seen?
    pub first_sentinel: bool,
    /// Was the sentinel that was sent after the observation seen?
    pub last_sentinel: bool,
    /// A failure of the capture itself.
    pub failure: Option<String>,
}
