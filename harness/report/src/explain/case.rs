//! What rules ask about: the cell with its packets laid out along their ways.

use super::passage::{Passage, Seen, passages};
use super::table::Table;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, HostAction, Node, TableAction};
use lvs_matrix_model::capture::flow::{ClientSide, at_or_after, segment};
use lvs_matrix_model::capture::{Packet, Segment};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::record::{CellRecord, Moment, StepOutcome, StepRecord};
use lvs_matrix_model::verdict::{Citation, JudgedCell, Observed, Operation, Terminator, TerminatorKind};
use std::net::IpAddr;
use std::time::Duration;

/// A cell whose classified operation has a connection in the capture.
pub(super) struct Case<'a> {
    pub(super) record: &'a CellRecord,
    pub(super) plan: &'a LabPlan,
    pub(super) observed: &'a Observed,
    pub(super) operation: &'a Operation,
    /// The client's address and port.
    pub(super) client: (IpAddr, u16),
    /// What the client sent on it until the operation or the observation ended, in order.
    pub(super) sent: Vec<Passage<'a>>,
    /// What reached the client on it until then, in order.
    pub(super) received: Vec<(&'a Packet, &'a Segment)>,
    /// What carried the operation: the place in `sent` of the first SYN or of the statement's first segment.
    pub(super) request: Option<usize>,
    packets: &'a [Packet],
}

impl<'a> Case<'a> {
    /// Lays a cell out; `None` if it has no operation, or if the capture does not show its connection.
    pub(super) fn of(cell: &'a JudgedCell) -> Option<Self> {
        let (record, observed) = (&cell.record, &cell.observed);
        let operation = observed.operation.as_ref()?;
        let port = operation.client_port?;
        let end = operation.ended.unwrap_or(record.ended);
        let side = ClientSide::of(record, &cell.packets)?;
        let connection = side
            .connections()
            .into_iter()
            .rfind(|connection| connection.client_port == port && connection.began <= end)?;
        let in_time = |packet: &Packet| packet.at <= end;
        let sent = passages(
            record,
            &cell.packets,
            side.sent(&connection).filter(|(packet, _)| in_time(packet)),
        );
        let received = side
            .received(&connection)
            .filter(|(packet, _)| in_time(packet))
            .collect();
        let request = if operation.what == "connect" {
            sent.iter().position(|passage| passage.segment.flags.syn)
        } else {
            sent.iter()
                .position(|passage| passage.sent.at >= operation.began && passage.segment.payload_length > 0)
        };
        Some(Self {
            record,
            plan: &record.plan,
            observed,
            operation,
            client: (record.plan.host(&Node::Client)?.address, port),
            sent,
            received,
            request,
            packets: &cell.packets,
        })
    }

    /// Is the classified operation a connect?
    pub(super) fn is_connect(&self) -> bool {
        self.operation.what == "connect"
    }

    /// What carried the operation.
    pub(super) fn request(&self) -> Option<&Passage<'a>> {
        self.sent.get(self.request?)
    }

    /// The request and everything that the client sent after it.
    pub(super) fn since_request(&self) -> &[Passage<'a>] {
        self.request.map_or(&[], |index| &self.sent[index..])
    }

    /// The sendings of the request: the first and its repetitions.
    pub(super) fn sendings(&self) -> impl Iterator<Item = &Passage<'a>> {
        let first = self
            .request()
            .map(|request| (request.segment.sequence, size(request.segment)));
        self.since_request().iter().filter(move |passage| {
            first.is_some_and(|(sequence, length)| {
                size(passage.segment) > 0 && passage.segment.sequence.wrapping_sub(sequence) < length
            })
        })
    }

    /// The real server that the connection reached.
    pub(super) fn server(&self) -> Option<&'a Name> {
        match self.operation.served_by.as_ref()? {
            Node::RealServer(name) => Some(name),
            Node::Client | Node::Director => None,
        }
    }

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

    /// The value that a sysctl of a node had at a moment: what the plan wrote, or a step after that.
    pub(super) fn sysctl(&self, node: &Node, key: &str, at: Instant) -> Option<&'a str> {
        let written = self
            .done(|action| {
                let Action::Host(HostAction::SetSysctl {
                    node: of,
                    key: named,
                    value,
                }) = action
                else {
                    return None;
                };
                (of == node && named == key).then_some(value.as_str())
            })
            .filter(|(_, began, _)| *began <= at)
            .last();
        let planned = || {
            let sysctls = &self.plan.host(node)?.sysctls;
            let (_, value) = sysctls.iter().find(|(own, _)| own == key)?;
            Some(value.as_str())
        };
        written.map(|(_, _, value)| value).or_else(planned)
    }

    /// The director's tables at a moment.
    pub(super) fn table(&self, moment: Moment) -> Option<Table> {
        let snapshot = self
            .record
            .snapshots
            .iter()
            .find(|snapshot| snapshot.moment == moment)?;
        Some(Table::of(self.plan, snapshot))
    }

    /// The first thing of this kind that ended or refused the connection.
    pub(super) fn terminator(&self, kind: TerminatorKind) -> Option<&'a Terminator> {
        self.observed.terminators.iter().find(|item| item.kind == kind)
    }

    /// What answers the request: payload (for a connect also a SYN-ACK) that reached the client after it and that it did not
    /// have before. A server that misses an acknowledgement sends old data again; that answers nothing.
    pub(super) fn answers(&self) -> impl Iterator<Item = (&'a Packet, &'a Segment)> {
        let after = self.request().map_or(u32::MAX, |request| request.sent.packet);
        let end = |segment: &Segment| segment.sequence.wrapping_add(size(segment));
        let data = || {
            let all = self.received.iter().copied();
            all.filter(|(_, segment)| size(segment) > 0 && !segment.flags.rst)
        };
        let known = data()
            .filter(|(packet, _)| packet.number < after)
            .map(|(_, segment)| end(segment))
            .reduce(|one, other| if at_or_after(other, one) { other } else { one });
        data()
            .filter(move |(packet, _)| packet.number > after)
            .filter(move |(_, segment)| known.is_none_or(|known| !at_or_after(known, end(segment))))
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// Who sent a packet.
    pub(super) fn sender(&self, packet: &Packet) -> Option<&'a Node> {
        self.plan.host_by_mac(packet.source_mac).map(|host| &host.node)
    }

    /// Did what the real servers sent to the client on this connection stay off the director's interface?
    pub(super) fn answers_past_the_director(&self) -> bool {
        let director = self.point(&Node::Director);
        director.is_some_and(|point| {
            !self.packets.iter().any(|packet| {
                let back = segment(packet).is_some_and(|(source, destination, segment)| {
                    source == self.plan.vip && destination == self.client.0 && segment.destination_port == self.client.1
                });
                packet.point == point && back && matches!(self.sender(packet), Some(Node::RealServer(_)))
            })
        })
    }

    fn point(&self, node: &Node) -> Option<usize> {
        let points = &self.record.capture.as_ref()?.points;
        points.iter().position(|point| &point.node == node)
    }

    /// How long an idle entry of an established connection lives: the first number of `ipvsadm --set`, if the plan sets it.
    pub(super) fn entry_timeout(&self) -> Option<Duration> {
        let commands = &self.plan.host(&Node::Director)?.commands;
        commands.iter().rev().find_map(|argv| match argv.as_slice() {
            [program, option, tcp, ..] if program == "ipvsadm" && option == "--set" => {
                tcp.parse().ok().map(Duration::from_secs)
            }
            _ => None,
        })
    }

    /// The last segment of the connection that the director passed on before a packet.
    pub(super) fn last_passed_on(&self, before: u32) -> Option<(&Seen, &Node)> {
        self.sent
            .iter()
            .filter_map(|passage| passage.passed_on.as_ref())
            .filter(|(seen, _)| seen.packet < before)
            .map(|(seen, node)| (seen, node))
            .next_back()
    }
}

impl<'a> Case<'a> {
    /// The director's tables as they were at a moment: the last snapshot before it, unless the table was changed in between.
    pub(super) fn table_at(&self, at: Instant) -> Option<Table> {
        let snapshot = self.record.snapshots.iter().rfind(|snapshot| snapshot.at <= at)?;
        let changed = self
            .done(|action| matches!(action, Action::Table(_)).then_some(()))
            .any(|(_, began, ())| snapshot.at < began && began <= at);
        (!changed).then(|| Table::of(self.plan, snapshot))
    }

    /// When this real server was last deleted from the table, unless it was added again by `by`.
    pub(super) fn deleted(&self, server: &Name, by: Instant) -> Option<(&'a StepRecord, Instant)> {
        let last = self
            .done(|action| {
                let Action::Table(edit) = action else {
                    return None;
                };
                match edit {
                    TableAction::RemoveRealServer { server: of } => (of == server).then_some(true),
                    TableAction::AddRealServer { server: of, .. } => (of == server).then_some(false),
                    // A service goes with its real servers (ipvsadm(8)).
                    TableAction::RemoveService { port: None } | TableAction::FlushTable => Some(true),
                    TableAction::RestoreTable => Some(false),
                    TableAction::SetWeight { .. }
                    | TableAction::SetForwarding { .. }
                    | TableAction::RemoveService { port: Some(_) }
                    | TableAction::AddService { .. }
                    | TableAction::SetScheduler { .. }
                    | TableAction::SaveTable
                    | TableAction::SetTimeouts { .. } => None,
                }
            })
            .filter(|(_, began, _)| *began <= by)
            .last();
        last.filter(|(_, _, deleted)| *deleted)
            .map(|(step, began, _)| (step, began))
    }
}

/// Sequence numbers that a segment takes: SYN takes one (RFC 9293, 3.4).
pub(super) fn size(segment: &Segment) -> u32 {
    segment.payload_length + u32::from(segment.flags.syn)
}

/// A citation of a packet.
pub(super) fn packet(seen: Seen) -> Citation {
    Citation::Packet(seen.packet)
}
