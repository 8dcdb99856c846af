//! Why something is not known, as data. The English words stand beside each variant; a report in another
//! language matches the variants.

use super::contradiction::Contradiction;
use super::discarded::Reason;
use crate::Name;
use crate::action::{Action, Node};
use crate::capture::CaptureError;
use crate::duration::{Human, Instant};
use crate::matrix::CellRef;
use crate::plan::Phase;
use crate::record::{Instead, Misconduct, Packets};
use crate::sentence::sentences;
use serde::{Deserialize, Serialize};
use std::fmt;

sentences! {
    /// Why the behaviour of a cell, or its verdict, is not known.
    pub enum Doubt {
        /// The record is of a format that this program does not read.
        Format {
            /// The record's.
            format: u32,
            /// This program's.
            own: u32,
        } => "the record has format {format}, this program reads format {own}",
        /// The lab did not do its part.
        LabFailed {
            /// What was being done.
            stage: String,
            /// Why it failed.
            reason: String,
        } => "the lab failed ({stage}): {reason}",
        /// The cell was left out on purpose.
        NotRun {
            /// Why.
            reason: String,
        } => "the cell was not run: {reason}",
        /// Somebody typed commands in the lab: what is seen is not what the scenario does.
        ByHand => "commands were typed by hand in this lab; they stand among its steps",
        /// There is no capture file.
        NoCaptureFile => "the cell has no capture file",
        /// The capture file cannot be read.
        Capture {
            /// Why.
            error: CaptureError,
        } => "{error}",
        /// The client program is not the one of old, and left no record of itself.
        NoClientRecord => "nothing was recorded of the client program",
        /// The client program did what no client may do.
        Misconduct {
            /// What it did.
            what: Misconduct,
        } => "the client program {what}",
        /// A setting of the client is another than the scenario's.
        OtherSetting {
            /// The setting's key.
            setting: String,
            /// What was found instead.
            instead: Instead,
        } => "the client's setting `{setting}` is not shown to be in force: {instead}",
        /// A setting of the client was not looked at.
        UnshownSetting {
            /// The setting's key.
            setting: String,
        } => "the client's setting `{setting}` is not shown to be in force: nothing shows it",
        /// What was looked at is another server than that of the plan.
        OtherServer {
            /// The real server that was meant.
            server: Name,
            /// The `server_id` that was found.
            id: u32,
        } => "what was seen of {server} at the end is of a server with server_id {id}, which is not its own",
        /// No capture was begun.
        NothingCaptured => "nothing was captured",
        /// A host has no capture.
        NotCaptured {
            /// The host.
            node: Node,
        } => "{node} was not captured",
        /// The capture itself failed.
        CaptureFailed {
            /// The host.
            node: Node,
            /// Why.
            reason: String,
        } => "the capture on {node} failed: {reason}",
        /// The kernel had no room for packets.
        PacketsLost {
            /// The host.
            node: Node,
            /// How many were lost.
            packets: Packets,
        } => "the capture on {node} lost {packets}",
        /// The sentinel before the first step is missing.
        NoFirstSentinel {
            /// The host.
            node: Node,
        } => "the capture on {node} does not show its first sentinel before the first step: it may have \
            begun too late",
        /// The sentinel after the observation is missing.
        NoLastSentinel {
            /// The host.
            node: Node,
        } => "the capture on {node} does not show its last sentinel after the observation: it may have ended \
              too early",
        /// A frame on the client's interface has no form that is known.
        Undecodable {
            /// The packet.
            packet: u32,
            /// Why.
            reason: String,
        } => "packet {packet} on the client's interface cannot be decoded: {reason}",
        /// The time line is another than that of the plan.
        OtherSteps => "the record's steps are not those of its plan",
        /// A fault that lasts was gone at the end.
        NotLasting {
            /// The step.
            step: u32,
            /// What it did.
            action: Action,
            /// What was found instead.
            instead: Instead,
        } => "step {step} ({action}) did not last until the end of the observation: {instead}",
        /// A step before the classified operation, or the first one that failed, is to blame.
        Premise {
            /// The step.
            step: u32,
            /// Its phase.
            phase: Phase,
            /// What it was to do.
            action: Action,
            /// How it went.
            went: Went,
        } => "the premise of the cell did not come about: step {step} ({phase}, {action}) {went}",
        /// A fault has no proof.
        NotFired {
            /// The step.
            step: u32,
            /// What it was to do.
            action: Action,
        } => "step {step} ({action}) is recorded as done, but nothing shows that it fired",
        /// The classified step failed in the lab.
        NotDone {
            /// The step.
            step: u32,
            /// What it was to do.
            action: Action,
            /// Why.
            reason: String,
        } => "step {step} ({action}) could not be done: {reason}",
        /// The step and the client say different things.
        EndsDisagree {
            /// The step.
            step: u32,
            /// What it was to do.
            action: Action,
        } => "step {step} ({action}) and the client's events do not agree on how its operation ended",
        /// The client's events are not in order.
        EventOutOfOrder {
            /// The event.
            event: u32,
            /// Its moment.
            at: At,
        } => "the client's event {event} ({at}) is out of order",
        /// An event is dated after everything.
        EventTooLate {
            /// The event.
            event: u32,
            /// By how much.
            by: Human,
        } => "the client's event {event} is {by} later than the end of the observation",
        /// A step of the client has no operation.
        NoOperation {
            /// The step.
            step: u32,
        } => "step {step} is the client's, but names no operation",
        /// An operation has no step that began it.
        NotStarted {
            /// The operation.
            operation: u32,
        } => "no step started operation {operation}",
        /// The last step of the client is of no kind that is classified.
        NotClassified {
            /// The step.
            step: u32,
        } => "step {step} is neither a connect nor a statement",
        /// The cell did not come as far as its `act` phase.
        NoAct => "the act phase did not begin",
        /// A statement without a connection.
        NoConnection => "no connection was open when the statement was sent",
        /// There is nothing to classify.
        NothingToDo => "the client has nothing to do in the act phase",
        /// There is nothing to classify, since something failed before.
        NothingReached => "no step of the client in the act phase was reached",
        /// The operation's first and last event are of other kinds.
        NotBeginAndEnd {
            /// The first.
            first: u32,
            /// The last.
            last: u32,
            /// The operation.
            operation: u32,
        } => "the client's events {first} and {last} are not the beginning and the end of operation \
            {operation}",
        /// The operation has not one beginning and one end.
        EventCount {
            /// How many events it has.
            count: usize,
            /// The operation.
            operation: u32,
        } => "the client wrote down {count} events for operation {operation}, not its beginning and its end",
        /// Life was still there at the end.
        StillComing {
            /// The longest time without a part.
            longest: Human,
        } => "parts of the answer were still coming when the observation ended, never more than {longest} \
              apart",
        /// Success without a connection.
        NoSyn {
            /// What the client says.
            success: Success,
        } => "the client {success}, but its capture shows no SYN of the connection",
        /// Success without an answer.
        NoAnswer {
            /// What the client says.
            success: Success,
            /// When.
            at: At,
        } => "the client {success} {at}, but no packet with an answer reached its interface",
        /// Success with an answer that the client's kernel did not take.
        NoAcceptedAnswer {
            /// What the client says.
            success: Success,
            /// When.
            at: At,
            /// The last packet with an answer.
            packet: u32,
            /// Why it was not accepted.
            why: Reason,
        } => "the client {success} {at}, but no packet with an answer reached its interface; packet {packet} \
              did, but its kernel did not accept it ({why})",
        /// Success, by no server that is known.
        NobodyAnswered {
            /// What the client says.
            success: Success,
        } => "the client {success}, but no packet shows which real server answered",
        /// Success, by more than one server.
        SeveralAnswered {
            /// The servers, each with the packet that shows it.
            servers: Answered,
        } => "several real servers answered the connection: {servers}",
        /// A connect without a SYN.
        NothingSent => "the capture shows neither a SYN nor an ARP request of the client for its connect",
        /// A request of which the program never wrote the rest.
        RequestCutShort => "the client sent only a part of its request, which the server acknowledged, and \
              never sent the rest",
        /// A statement without a segment.
        StatementNotSent => "the capture does not show the client sending its statement",
        /// A hang with an answer.
        Unreported {
            /// When the answer reached the client's interface.
            at: At,
            /// Its packet.
            packet: u32,
            /// By when the client had not reported the answer.
            until: Human,
        } => "an answer reached the client's interface {at} in packet {packet}, but the client had not \
              reported it by {until}",
        /// The run's limit ended the observation before patience did.
        PatienceCut {
            /// The limit.
            limit: Human,
            /// How much later patience ends.
            after: Human,
        } => "this run watches a cell for at most {limit} (--observe-at-most), and patience ends {after} \
              after that",
        /// The observation was shorter than the scenario says.
        EndedEarly {
            /// By how much.
            by: Human,
            /// Until when it was to last.
            until: Human,
        } => "the observation ended {by} too early (it was to last until {until}), so how the silence goes \
              on is not known",
        /// The client says what the packets do not show.
        Contradicted {
            /// What each says.
            contradiction: Contradiction,
        } => "{contradiction}",
        /// A packet that may be the answer was not taken.
        NotAccepted {
            /// The packet.
            packet: u32,
            /// Why it was not accepted.
            why: Reason,
        } => "packet {packet} reached the client's interface, but its kernel did not accept it ({why})",
        /// An error that is not of the network.
        DriverFailed {
            /// When.
            at: At,
            /// The client's text.
            message: String,
        } => "the client failed {at} with \"{message}\": the driver itself failed, not the network",
        /// An error whose cause the packets do not show.
        ErrorUnshown {
            /// When.
            at: At,
            /// The client's text.
            message: String,
            /// What the packets show, or lack.
            unseen: Unseen,
        } => "the client failed {at} with \"{message}\", but the capture of its interface shows {unseen}",
        /// An error that packets can not show.
        ErrnoUnknown {
            /// When.
            at: At,
            /// The client's text.
            message: String,
            /// The errno.
            errno: i32,
        } => "the client failed {at} with \"{message}\", errno {errno}, which no packet can show",
        /// There are more connections than are looked at.
        ManyConnections {
            /// How many.
            count: usize,
            /// How many are looked at.
            most: usize,
        } => "the client has {count} connections; more than {most} are not looked at",
        /// There are more commands than are looked at.
        ManyCommands {
            /// How many.
            count: usize,
            /// How many are looked at.
            most: usize,
        } => "the client asked for {count} things in the time of the operation; more than {most} are not \
              looked at",
        /// The driver opened a second connection.
        SecondConnection {
            /// The packet with its SYN.
            packet: u32,
        } => "the client opened more than one connection for it (SYN in packet {packet} too)",
        /// What the client sent is not the statement.
        OtherStatement {
            /// The packet.
            packet: u32,
        } => "packet {packet} is the first that the client sent after it began the statement, but does not \
              carry it",
        /// The capture lacks segments that reached the client.
        MissingForClient {
            /// The packet that acknowledges them.
            packet: u32,
            /// Its moment.
            at: At,
        } => "packets are missing: in packet {packet} the client acknowledges what the capture does not show \
              reaching it ({at})",
        /// The capture lacks segments that the client sent.
        MissingForServer {
            /// The packet that acknowledges them.
            packet: u32,
            /// Its moment.
            at: At,
        } => "packets are missing: in packet {packet} the server acknowledges what the capture does not show \
              the client sending ({at})",
        /// The firewall's counter and the capture disagree.
        FirewallCount {
            /// What the rule counted.
            met: u64,
            /// The step that added the rule.
            step: u32,
            /// How many segments reached the interface.
            reached: usize,
        } => "the client's own firewall has counted {met} segments (step {step}), but {reached} reached its \
              interface",
        /// The counter of a stateful firewall and what conntrack should have made of the segments disagree.
        FirewallState {
            /// What the firewall has dropped.
            dropped: u64,
            /// The step that made it.
            step: u32,
            /// How many it should have dropped.
            expected: usize,
        } => "the client's own stateful firewall has dropped {dropped} segments (step {step}), but by what \
              conntrack knew it should have dropped {expected}",
        /// The rule came while segments came.
        FirewallUnclear {
            /// How many segments.
            segments: usize,
            /// The step that added the rule.
            step: u32,
        } => "{segments} segments reached the client while step {step} changed its firewall: whether the \
            rule met them is not known",
        /// The connection is on another server than the scenario says.
        Elsewhere {
            /// The step that opened it.
            step: u32,
            /// The real server that was meant.
            wanted: Name,
            /// The packet that shows the other one.
            packet: u32,
            /// The other one.
            found: Node,
        } => "step {step} was to open its connection to {wanted}, and packet {packet} shows it at {found}",
        /// A probe says of its attempts what no packet on its interface shows.
        AttemptNotShown {
            /// The probe.
            probe: Name,
            /// The first of those attempts, 1 for the probe's first.
            first: u32,
            /// How many there are.
            count: u32,
        } => "packets do not show what the probe {probe} says of {count} of its attempts, the first of them \
              attempt {first}",
        /// Attempts of a probe were waiting at the end, and what is expected of it depends on them.
        ProbeWaiting {
            /// The probe.
            probe: Name,
            /// How many there were.
            count: u32,
        } => "when the observation ended, {count} attempts of the probe {probe} were still waiting, and what \
              is expected of it depends on them; let the cell go on for longer than its `timeout`",
        /// A probe did not ask while there was something to see.
        NoAttempt {
            /// The probe.
            probe: Name,
        } => "the probe {probe} asked nothing after the change, so it saw nothing of it; let the \
              cell go on for longer than its `every`",
        /// The statement fails without any change, too.
        DryStatement {
            /// The statement.
            sql: String,
            /// What it came to.
            what: String,
            /// The dry cell.
            cell: CellRef,
        } => "without any change, in a healthy lab, the statement `{sql}` fails: {what} (dry cell {cell})",
        /// The connect fails without any change, too.
        DryConnect {
            /// What it came to.
            what: String,
            /// The dry cell.
            cell: CellRef,
        } => "without any change, in a healthy lab, the connect fails: {what} (dry cell {cell})",
        /// The run's limit ended the observation before what is expected could be seen.
        Open {
            /// What is expected.
            what: Awaited,
            /// The limit.
            limit: Human,
        } => "expected {what}; not over within {limit}, the most that this run watches a cell for \
              (--observe-at-most)",
    }
}

sentences! {
    /// How a step went that was to make the cell what it is.
    pub enum Went {
        /// It was done, and something after it was not.
        Done => "was done",
        /// The client got an error.
        ClientFailed => "failed for the client",
        /// It had no end.
        Unfinished => "did not end",
        /// The lab failed.
        Failed {
            /// Why.
            reason: String,
        } => "failed: {reason}",
        /// Something before it had no end.
        NotReached => "was not reached",
    }
}

sentences! {
    /// What a client says that succeeded.
    #[derive(Copy)]
    pub enum Success {
        /// Its connect.
        Connected => "connected",
        /// Its statement.
        GotResult => "got a result",
    }
}

sentences! {
    /// What the capture of the client's interface shows of an error, or lacks.
    #[derive(Copy)]
    pub enum Unseen {
        /// Nothing that ends a connection, and no last segment of the client's.
        AnyEnd => "neither a FIN nor an RST nor an ICMP error, nor a last segment of the client that stayed \
                   unanswered",
        /// No ERR packet.
        ServerError => "no packet with an error of the server",
        /// Not a program's own time-out.
        EndBefore => "an answer, or an end of the connection, before the program gave up",
        /// Nothing that ends a connection.
        End => "neither a FIN nor an RST nor an ICMP error",
        /// Nothing that refuses a connection.
        Refusal => "neither an RST nor an ICMP error",
        /// Nothing that says that a host is not there.
        Unreachable => "neither an ICMP error nor, from the client, an ARP request without an answer",
        /// No time-out of TCP.
        Unanswered => "no segment of the client that stayed unanswered until then",
    }
}

sentences! {
    /// What is expected of an operation that was still going on.
    pub enum Awaited {
        /// An error of this number.
        Error {
            /// The number.
            code: u16,
        } => "error {code}",
        /// An errno.
        Errno {
            /// The errno.
            number: u16,
        } => "errno {number}",
        /// A hang that ends with an answer.
        Answer => "the hang to end with an answer",
        /// A hang that ends with an error.
        AnError => "the hang to end with an error",
        /// A hang that does not end.
        NoEnd => "no end within the observation",
        /// A lower bound.
        AtLeast {
            /// The bound.
            time: Human,
        } => "the operation to last at least {time}",
        /// An upper bound.
        AtMost {
            /// The bound.
            time: Human,
        } => "the operation to last at most {time}",
    }
}

/// A moment as a sentence has it: `at 3.05s`, counted from the cell's epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct At(pub Instant);

impl At {
    /// The time since the epoch.
    #[must_use]
    pub fn time(self) -> Human {
        Human(self.0.since(Instant(0)))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}", self.time())
    }
}

/// The servers that answered, each with the packet that shows it: `rs1 (packet 4), rs2 (packet 9)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Answered(pub Vec<(Node, u32)>);

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (node, packet)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{node} (packet {packet})")?;
        }
        Ok(())
    }
}
