//! Did the cell test its change? A result says something about a change only if the change could bear on what
//! was judged: it must concern the connection of the judged operation, and it must come while the operation
//! still waits.
//!
//! Where that is not certain the cell counts as one that tested its change: a cell is only said to have
//! tested nothing if packets, steps and events show it.

use super::servers::reached;
use super::{Behaviour, Doubt, Observed};
use crate::Name;
use crate::action::{Action, ClientAction, Edit, ServiceEdit, TableAction, TrafficAction};
use crate::base::Misbuild;
use crate::capture::Packet;
use crate::capture::flow::{self, ClientSide, Connection};
use crate::duration::{Human, Instant};
use crate::path::Journeys;
use crate::plan::Phase;
use crate::record::{CellRecord, Proof, Sessions, StepOutcome, StepRecord};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Why a cell tested nothing: its change had no part in what was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Untested {
    /// What the change set was so already.
    NoChange {
        /// The first step of the change.
        step: u32,
        /// What that step did.
        action: Action,
    },
    /// A firewall's rule with `matches` met, by the kernel's counter, no packet by the end.
    MetNothing {
        /// The first step of the change.
        step: u32,
        /// What that step did.
        action: Action,
    },
    /// Other real servers than that of the judged connection were changed.
    OtherServer {
        /// The real servers that the connection reached.
        served_by: Vec<Name>,
        /// The real servers that were changed.
        changed: Vec<Name>,
        /// The first step that changed one.
        step: u32,
    },
    /// The operation was over before the change began.
    OverBefore {
        /// When it was over: its answer or its error had reached the client.
        ended: Instant,
        /// The first step that could have borne on it.
        step: u32,
        /// What that step did.
        action: Action,
        /// When the step began.
        began: Instant,
    },
    /// The connection had been ended before the change began, and nothing passed on it afterwards.
    ConnectionEndedBefore {
        /// When its end reached the client.
        ended: Instant,
        /// The packet that ended it.
        packet: u32,
        /// The first step that could have borne on it.
        step: u32,
        /// What that step did.
        action: Action,
        /// When the step began.
        began: Instant,
    },
}

impl Untested {
    /// Its name in reports for programs.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::NoChange { .. } => "no-change",
            Self::MetNothing { .. } => "met-nothing",
            Self::OtherServer { .. } => "other-server",
            Self::OverBefore { .. } => "over-before",
            Self::ConnectionEndedBefore { .. } => "connection-ended-before",
        }
    }

    /// The step that changed nothing, came too late, or was made to another server.
    #[must_use]
    pub fn step(&self) -> u32 {
        match self {
            Self::NoChange { step, .. }
            | Self::MetNothing { step, .. }
            | Self::OtherServer { step, .. }
            | Self::OverBefore { step, .. }
            | Self::ConnectionEndedBefore { step, .. } => *step,
        }
    }
}

impl fmt::Display for Untested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoChange { step, action } => {
                write!(
                    f,
                    "the change left everything as it was: step {step} ({action}) set what was so already"
                )
            }
            Self::MetNothing { step, action } => {
                write!(f, "the rule of step {step} ({action}) met no packet")
            }
            Self::OtherServer {
                served_by, changed, ..
            } => write!(
                f,
                "the change was made to {}, and {} served the connection that was judged",
                and(changed),
                and(served_by)
            ),
            Self::OverBefore {
                ended,
                step,
                action,
                began,
            } => write!(
                f,
                "the operation was over {}, before the change: step {step} ({action}) began {}",
                super::At(*ended),
                Later(*ended, *began)
            ),
            Self::ConnectionEndedBefore {
                ended,
                packet,
                step,
                action,
                began,
            } => write!(
                f,
                "the connection had been ended {} (packet {packet}), before the change: step {step} \
                 ({action}) began {}",
                super::At(*ended),
                Later(*ended, *began)
            ),
        }
    }
}

/// A moment, after an earlier one that was just named: `at 3.05s`; or, if that is written the same, by how
/// much it is later: `<1ms later`.
struct Later(Instant, Instant);

impl fmt::Display for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(earlier, at) = *self;
        match later_by(earlier, at) {
            Some(by) => write!(f, "{by} later"),
            None => super::At(at).fmt(f),
        }
    }
}

/// By how much `at` is later than `earlier`, if reports write both moments the same.
#[must_use]
pub fn later_by(earlier: Instant, at: Instant) -> Option<Human> {
    let written = |at: Instant| Human(at.since(Instant(0))).to_string();
    (written(earlier) == written(at)).then(|| Human(at.since(earlier)))
}

/// `rs1`, `rs1 and rs2`, `rs1, rs2 and rs3`.
fn and(names: &[Name]) -> String {
    let names: Vec<&str> = names.iter().map(Name::as_str).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Does nothing change in the cell, on purpose: is it what the others are compared with? A wait changes
/// nothing, and neither does a table that is saved.
#[must_use]
pub fn is_control(record: &CellRecord) -> bool {
    record
        .plan
        .steps
        .iter()
        .all(|step| !changes(step.phase, &step.action))
}

/// Is a step of this phase part of the change? What the client does in `act` is what is judged, or leads to
/// it.
fn changes(phase: Phase, action: &Action) -> bool {
    match (phase, action) {
        (Phase::Before, _)
        | (
            _,
            Action::Wait(_)
            | Action::Watch(_)
            | Action::Table(Edit {
                action: TableAction::SaveTable,
                ..
            }),
        ) => false,
        (Phase::Change, Action::Client(_)) => true,
        (Phase::Act, Action::Client(_)) => false,
        (
            Phase::Change | Phase::Act,
            Action::Table(_) | Action::Other(_) | Action::Mysqld(_) | Action::Host(_) | Action::Traffic(_),
        ) => true,
    }
}

/// What a change concerns.
enum Concern {
    /// Every connection: the director, the client, the virtual service.
    All,
    /// The connections of these real servers.
    Servers(Vec<Name>),
    /// The connections of this real server, and the choice of a server for each new one.
    Table(Name),
}

/// Does this real server answer ARP for the VIP? Then any client may be on its way to it, past the director.
fn answers_arp(record: &CellRecord, server: &Name) -> bool {
    let mut wrong = record.plan.misbuilt.iter();
    wrong.any(|wrong| wrong.how == Misbuild::AnswersArp && wrong.node.real_server() == Some(server))
}

/// What the action of a step concerns.
fn concern(view: &View<'_>, step: &StepRecord) -> Concern {
    let server = step.action.server();
    match &step.action {
        Action::Table(_) => server.map_or(Concern::All, |server| Concern::Table(server.clone())),
        // Its own connections and choices are another service's.
        Action::Other(ServiceEdit { service, .. }) => {
            let of = view.record.plan.service_named(Some(service));
            let all = of.into_iter().flat_map(|service| &service.backends);
            let all = all.filter_map(|backend| backend.host.real_server().cloned());
            Concern::Servers(server.map_or_else(|| all.collect(), |server| vec![server.clone()]))
        }
        Action::Mysqld(_) | Action::Host(_) | Action::Traffic(_) => server
            .filter(|server| !answers_arp(view.record, server))
            .map_or(Concern::All, |server| match view.record.plan.control() {
                // The control plane finds it out, and edits the table.
                Some(_) => Concern::Table(server.clone()),
                None => Concern::Servers(vec![server.clone()]),
            }),
        // What the client does on another connection may matter to the server that serves it: locks,
        // variables, its last session.
        Action::Client(action) => view
            .other_connection(step, action)
            .map_or(Concern::All, Concern::Servers),
        Action::Wait(_) | Action::Watch(_) => Concern::Servers(Vec::new()),
    }
}

/// The cell, as far as the question needs it.
struct View<'a> {
    record: &'a CellRecord,
    paths: &'a Journeys,
    side: ClientSide<'a>,
    /// Every connection that the client tried to open.
    connections: Vec<Connection>,
    /// The one that the operation was judged on, if packets show it.
    judged: Option<Connection>,
    /// The name of the judged connection among the client's; `None` is the plain one.
    name: Option<&'a Name>,
    /// When the operation began.
    began: Instant,
    /// When it had ended for the client, or the observation had.
    ended: Instant,
}

impl<'a> View<'a> {
    fn of(record: &'a CellRecord, paths: &'a Journeys, observed: &Observed) -> Option<Self> {
        let operation = observed.operation.as_ref()?;
        let side = ClientSide::of(record, paths.packets())?;
        let connections = side.connections();
        let ended = operation.ended.unwrap_or(record.ended);
        let is_it = |connection: &&Connection| {
            operation.client_port == Some(connection.client_port) && connection.began <= ended
        };
        Some(Self {
            record,
            paths,
            side,
            judged: connections.iter().rfind(is_it).cloned(),
            connections,
            name: record.connection_of(operation.number),
            began: operation.began,
            ended,
        })
    }

    /// The real servers that connections reached, each once.
    fn servers_of<'c>(&self, connections: impl IntoIterator<Item = &'c Connection>) -> Vec<Name> {
        let mut servers = Vec::new();
        for connection in connections {
            for (node, _) in reached(self.record, self.paths, &self.side, connection) {
                if let Some(name) = node.real_server().filter(|name| !servers.contains(*name)) {
                    servers.push(name.clone());
                }
            }
        }
        servers
    }

    /// The connections that steps before this moment opened under a name; `None` is the plain one.
    fn opened_as(&self, name: Option<&Name>, by: Instant) -> impl Iterator<Item = &Connection> {
        let windows: Vec<(Instant, Instant)> = self
            .record
            .steps
            .iter()
            .filter(|step| {
                let opens = step.action.of_client().filter(|action| action.opens());
                opens.is_some_and(|opens| opens.connection() == name)
            })
            .filter_map(|step| Some((step.began.filter(|began| *began <= by)?, step.ended.unwrap_or(by))))
            .collect();
        self.connections.iter().filter(move |connection| {
            let mut windows = windows.iter();
            windows.any(|(from, to)| *from <= connection.began && connection.began <= *to)
        })
    }

    /// The real servers of a connection of the client's that is not the judged one; `None` if it is that, or
    /// if it is not known.
    fn other_connection(&self, step: &StepRecord, action: &ClientAction) -> Option<Vec<Name>> {
        if action.connection() == self.name {
            return None;
        }
        let by = step.ended.or(step.began)?;
        let connection = self.opened_as(action.connection(), by).last()?;
        let servers = self.servers_of([connection]);
        (!servers.is_empty()).then_some(servers)
    }

    /// The connections that had a part in the operation: the judged one; those that a command line or a
    /// program of the author's used in the meantime; and those that were lost since `first`, the first
    /// change, before the judged one took their place.
    fn involved(&self, first: Instant) -> Vec<&Connection> {
        let Some(judged) = &self.judged else {
            return Vec::new();
        };
        let one_at_a_time = !self.record.plan.client().program.does_as_told();
        let used = |connection: &Connection| one_at_a_time && self.speaks(connection, self.began, self.ended);
        let own: Vec<&Connection> = match one_at_a_time {
            true => self.connections.iter().collect(),
            false => self.opened_as(self.name, self.ended).collect(),
        };
        let lost = |connection: &Connection| {
            let between = |at: Instant| first <= at && at <= judged.began;
            let mut received = self.side.received(connection);
            own.contains(&connection)
                && received
                    .any(|(packet, segment)| (segment.flags.fin || segment.flags.rst) && between(packet.at))
        };
        let involved =
            |connection: &&Connection| *connection == judged || used(connection) || lost(connection);
        self.connections.iter().filter(involved).collect()
    }

    /// Does anything but bare acknowledgements pass the client's interface on the connection in this time?
    fn speaks(&self, connection: &Connection, from: Instant, to: Instant) -> bool {
        self.said(connection)
            .any(|packet| from <= packet.at && packet.at <= to)
    }

    /// What passes the client's interface on the connection, but for bare acknowledgements.
    fn said(&self, connection: &Connection) -> impl Iterator<Item = &'a Packet> {
        let sent = self.side.sent(connection);
        let said = sent.chain(self.side.received(connection)).filter(|(_, segment)| {
            let flags = &segment.flags;
            segment.payload_length > 0 || flags.syn || flags.fin || flags.rst
        });
        said.map(|(packet, _)| packet)
    }

    /// Had the director seen the SYN of the judged connection by then, and with it a server been chosen?
    fn scheduled_by(&self, at: Instant) -> bool {
        let Some(judged) = &self.judged else {
            return false;
        };
        let points = self.record.capture.iter().flat_map(|capture| &capture.points);
        let of_directors: Vec<bool> = points.map(|point| point.node.is_director()).collect();
        if !of_directors.contains(&true) {
            return judged.began <= at;
        }
        self.paths.packets().iter().any(|packet| {
            let seen =
                of_directors.get(packet.point) == Some(&true) && judged.began <= packet.at && packet.at <= at;
            seen && flow::segment(packet).is_some_and(|(_, _, segment)| {
                segment.source_port == judged.client_port
                    && segment.destination_port == self.record.plan.port()
                    && (segment.flags.syn || self.side.is_udp())
            })
        })
    }

    /// Was the operation over before the change of `step`? The wire says when: its answer or the end of its
    /// connection had reached the client, and nothing more passed until the client reported the end.
    fn over_before(&self, step: &StepRecord, began: Instant, observed: &Observed) -> Option<Untested> {
        let over = |ended: Instant| Untested::OverBefore {
            ended,
            step: step.number,
            action: step.action.clone(),
            began,
        };
        if self.ended < began {
            return Some(over(self.ended));
        }
        let involved = self.involved(began);
        if involved
            .iter()
            .any(|connection| self.speaks(connection, began, self.ended))
        {
            return None;
        }
        match observed.behaviour {
            // The client may read late what its kernel had long before.
            Behaviour::Answered { .. } if self.began < began => {
                let answer = self
                    .said(self.judged.as_ref()?)
                    .filter(|packet| packet.at < began);
                answer
                    .max_by_key(|packet| packet.number)
                    .map(|packet| over(packet.at))
            }
            Behaviour::FailedFast { .. } => {
                let mut ends = observed.terminators.iter();
                let ends = ends.find(|terminator| terminator.at < began && terminator.kind.closes())?;
                Some(Untested::ConnectionEndedBefore {
                    ended: ends.at,
                    packet: ends.packet,
                    step: step.number,
                    action: step.action.clone(),
                    began,
                })
            }
            Behaviour::Answered { .. } | Behaviour::Hung { .. } | Behaviour::Undetermined { .. } => None,
        }
    }
}

/// The steps that set what was so already, by their numbers.
fn idle_steps(record: &CellRecord) -> BTreeSet<u32> {
    let mut state = record.plan.state_with_table();
    let mut idle = BTreeSet::new();
    let done = |step: &&StepRecord| matches!(step.outcome, StepOutcome::Done { .. });
    for step in record.steps.iter().filter(done) {
        let nobody = matches!(
            step.outcome,
            StepOutcome::Done {
                proof: Proof::SessionsEnded {
                    sessions: Sessions(0)
                },
                ..
            }
        );
        if nobody || state.is_so(&step.action) {
            idle.insert(step.number);
        }
        state.apply(step.number, &step.action);
    }
    idle
}

/// Is it a rule of a firewall that looks at what its author says, and met no packet? (One of the service's
/// packets has none to meet as long as the client is silent, and that is what is tested.) One that asks the
/// connection tracking does something all the same: the host tracks connections from then on.
fn met_nothing(step: &StepRecord) -> bool {
    let Action::Traffic(TrafficAction::AddFirewallRule { matches, .. }) = &step.action else {
        return false;
    };
    let looks = matches.as_ref().is_some_and(|own| !own.asks_conntrack());
    looks && step.met() == Some(0)
}

/// Why the change of the cell had no part in what was judged; `None` if it had, if that cannot be told, or if
/// the cell has no change.
pub(super) fn untested(record: &CellRecord, paths: &Journeys, observed: &Observed) -> Option<Untested> {
    let steps: Vec<(&StepRecord, Instant)> = record
        .steps
        .iter()
        .filter(|step| changes(step.phase, &step.action))
        .filter(|step| match step.outcome {
            StepOutcome::Done { .. } | StepOutcome::ClientFailed | StepOutcome::Unfinished => true,
            StepOutcome::Failed { .. } | StepOutcome::NotReached => false,
        })
        .filter_map(|step| Some((step, step.began?)))
        .collect();
    let idle = idle_steps(record);
    let (bearing_at_all, idle): (Vec<_>, Vec<_>) = steps
        .into_iter()
        .partition(|(step, _)| !idle.contains(&step.number) && !met_nothing(step));
    let steps = bearing_at_all;
    let Some((_, first)) = steps.first().copied() else {
        let (first, _) = idle.first()?;
        let (step, action) = (first.number, first.action.clone());
        return Some(match met_nothing(first) {
            true => Untested::MetNothing { step, action },
            false => Untested::NoChange { step, action },
        });
    };
    let view = View::of(record, paths, observed)?;
    let served_by = view.servers_of(view.involved(first));
    let of_them = |servers: &[Name]| {
        // Of a connection that reached no server it is not known which one it was to reach.
        served_by.is_empty() || servers.iter().any(|server| served_by.contains(server))
    };
    let mut changed: Vec<Name> = Vec::new();
    let mut bearing = None;
    for (step, began) in &steps {
        let (bears, servers) = match concern(&view, step) {
            Concern::All => (true, Vec::new()),
            Concern::Servers(servers) => (of_them(&servers), servers),
            Concern::Table(server) => {
                let servers = vec![server];
                (of_them(&servers) || !view.scheduled_by(*began), servers)
            }
        };
        if bears {
            bearing = Some((*step, *began));
            break;
        }
        for server in servers {
            if !changed.contains(&server) {
                changed.push(server);
            }
        }
    }
    match bearing {
        Some((step, began)) => view.over_before(step, began, observed),
        None => Some(Untested::OtherServer {
            served_by,
            changed,
            step: steps.first()?.0.number,
        }),
    }
}

/// Where the client's connection was to be on a real server (`connect: { to: … }`), and its packets show
/// another one until it is open. Later IPVS may send it elsewhere: with `sloppy_tcp` a segment without an
/// entry is scheduled anew.
pub(super) fn elsewhere(record: &CellRecord, paths: &Journeys) -> Vec<Doubt> {
    let Some(side) = ClientSide::of(record, paths.packets()) else {
        return Vec::new();
    };
    let connections = side.connections();
    let mut doubts = Vec::new();
    for step in &record.steps {
        let wanted = step.action.of_client().and_then(ClientAction::to);
        let (Some(wanted), Some(began), Some(operation)) = (wanted, step.began, step.operation) else {
            continue;
        };
        let end = record.end_of(operation).map_or(record.ended, |event| event.at);
        let until = step.ended.map_or(end, |ended| ended.min(end));
        let opened = connections
            .iter()
            .filter(|connection| began <= connection.began && connection.began <= until);
        for connection in opened {
            let servers = reached(record, paths, &side, connection);
            let opens = |number: u32| {
                let mut packets = paths.packets().iter();
                packets.any(|packet| packet.number == number && packet.at <= end)
            };
            // It is one director's table that chooses. Where the VIP has moved since, a SYN that is sent
            // again is the other director's to schedule.
            let named = step.action.names_director();
            let chooses = record.director_meant(named, began);
            // One that does not have the VIP chooses for nobody.
            let holders = record.vip_holders(began);
            let idle = named.is_some() && !holders.is_empty() && !holders.contains(&&chooses);
            let of_the_other = |number: u32| {
                if idle {
                    return false;
                }
                let sender = paths.sender(number).filter(|sender| sender.is_director());
                sender.is_some_and(|sender| *sender != chooses)
            };
            let other = servers.iter().find(|(node, packet)| {
                node.real_server() != Some(wanted) && opens(*packet) && !of_the_other(*packet)
            });
            doubts.extend(other.map(|(node, packet)| Doubt::Elsewhere {
                step: step.number,
                wanted: wanted.clone(),
                packet: *packet,
                found: (*node).clone(),
            }));
        }
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_as_in_a_sentence() {
        let names =
            |list: &[&str]| -> Vec<Name> { list.iter().filter_map(|name| Name::new(name).ok()).collect() };
        assert_eq!(and(&names(&["rs1"])), "rs1");
        assert_eq!(and(&names(&["rs1", "rs2"])), "rs1 and rs2");
        assert_eq!(and(&names(&["rs1", "rs2", "rs3"])), "rs1, rs2 and rs3");
    }

    #[test]
    fn moments_that_are_written_the_same_are_told_apart() {
        let at = |micros: i64| Instant(micros * 1000);
        assert_eq!(Later(at(3_050_000), at(3_100_000)).to_string(), "at 3.1s");
        assert_eq!(Later(at(3_050_000), at(3_053_000)).to_string(), "3ms later");
        assert_eq!(Later(at(1_000_000), at(1_000_200)).to_string(), "<1ms later");
    }
}
