//! What rules ask about: the cell with its packets laid out along their ways.

use super::bilingual::{Bilingual, bilingual, operation};
use super::passage::{Passage, Seen, passages};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::flow::{ClientSide, TOO_BIG, at_or_after, segment};
use lvs_matrix_model::capture::{Packet, Segment};
use lvs_matrix_model::client::{Keepalive, Setting};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::ipvs::Protocol;
use lvs_matrix_model::path::{Journeys, Rewrite};
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::record::{CellRecord, ClientEvent, OpenedSocket};
use lvs_matrix_model::scenario::Forwarding;
use lvs_matrix_model::verdict::{
    Behaviour, Citation, Fact, JudgedCell, Observed, Operation, Sent, Terminator, TerminatorKind,
};
use std::net::IpAddr;
use std::time::Duration;

/// What TCP sends again within this time it sends because of an ICMP error, and not by a timer.
const AT_ONCE: Duration = Duration::from_millis(100);

/// What a connect fails with that has no port, or no neighbour, before its SYN is out.
pub(super) const EADDRNOTAVAIL: u16 = 99;
pub(super) const EHOSTUNREACH: u16 = 113;

/// A cell whose classified operation has a connection in the capture, or would have one if the client's own
/// firewall let it.
pub(super) struct CellView<'a> {
    pub(super) record: &'a CellRecord,
    pub(super) plan: &'a LabPlan,
    pub(super) observed: &'a Observed,
    pub(super) operation: &'a Operation,
    /// The client's address and port; port 0 if its SYN did not leave it.
    pub(super) client: (IpAddr, u16),
    /// The same as the director and the servers know it: what a router has put in its place.
    pub(super) known_as: (IpAddr, u16),
    /// What the client sent on it until the operation or the observation ended, in order.
    pub(super) sent: Vec<Passage<'a>>,
    /// What the client's kernel accepted on it until then, in order.
    pub(super) received: Vec<(&'a Packet, &'a Segment)>,
    /// What carried the operation: the place in `sent` of the first SYN or of the statement's first segment.
    pub(super) request: Option<usize>,
    pub(super) paths: &'a Journeys,
    /// The director that decided: which refused the connection, passed the request on, or was the last that
    /// the client sent to.
    director: Node,
}

impl<'a> CellView<'a> {
    /// Lays a cell out; `None` if it has no operation, or if the capture does not show its connection.
    pub(super) fn of(cell: &'a JudgedCell) -> Option<Self> {
        let (record, observed) = (&cell.record, &cell.observed);
        let operation = observed.operation.as_ref()?;
        let Some(port) = operation.client_port else {
            return Self::unsent(cell, operation);
        };
        let end = operation.ended.unwrap_or(record.ended);
        let side = ClientSide::of(record, cell.packets())?;
        let connection = side
            .connections()
            .into_iter()
            .rfind(|connection| connection.client_port == port && connection.began <= end)?;
        let in_time = |packet: &Packet| packet.at <= end;
        let sent = passages(
            &cell.journeys,
            side.sent(&connection).filter(|(packet, _)| in_time(packet)),
        );
        // What the client's kernel did not accept is as if it had not come; the rules about it read the
        // observation.
        let accepted = |packet: &Packet| !observed.discarded.iter().any(|item| item.packet == packet.number);
        let received = side
            .received(&connection)
            .filter(|(packet, _)| in_time(packet) && accepted(packet))
            .collect();
        let request = if operation.what == "connect" {
            sent.iter().position(|passage| passage.segment.flags.syn)
        } else {
            // What the judge found to carry the statement; a program may have said more on the connection
            // before.
            let cited = observed.evidence.iter().find_map(|item| {
                let Fact::Began {
                    sent: Some(Sent::Statement),
                    ..
                } = &item.fact
                else {
                    return None;
                };
                item.shown_by.iter().find_map(|place| match place {
                    Citation::Packet(number) => Some(*number),
                    Citation::Event(_) | Citation::Snapshot(_) | Citation::Step(_) | Citation::Server(_) => {
                        None
                    }
                })
            });
            let by_judge =
                cited.and_then(|number| sent.iter().position(|passage| passage.sent.packet == number));
            by_judge.or_else(|| {
                sent.iter().position(|passage| {
                    passage.sent.at >= operation.began && passage.segment.payload_length > 0
                })
            })
        };
        let client = (record.client_address(port)?, port);
        let since = sent.get(request.unwrap_or(0)..).unwrap_or_default();
        let director = deciding_director(record.plan.first_director(), observed, since);
        Some(Self {
            director,
            record,
            plan: &record.plan,
            observed,
            operation,
            client,
            known_as: cell.journeys.known_as(client, end),
            sent,
            received,
            request,
            paths: &cell.journeys,
        })
    }

    /// A cell whose classified operation left no connection in the capture: the client's own firewall held
    /// back its SYN, or its kernel had no port, or no way, for it.
    fn unsent(cell: &'a JudgedCell, operation: &'a Operation) -> Option<Self> {
        let errno = cell.observed.error.as_ref().and_then(|error| error.errno);
        let unsent = errno.is_some_and(|errno| [EADDRNOTAVAIL, EHOSTUNREACH].contains(&errno));
        if cell.observed.held_back.is_none() && !unsent {
            return None;
        }
        Some(Self {
            director: cell.record.plan.first_director(),
            record: &cell.record,
            plan: &cell.record.plan,
            observed: &cell.observed,
            operation,
            client: (cell.record.plan.client_host()?.address(), 0),
            known_as: (cell.record.plan.client_known_as()?, 0),
            sent: Vec::new(),
            received: Vec::new(),
            request: None,
            paths: &cell.journeys,
        })
    }

    /// The director that decided.
    pub(super) fn director(&self) -> &Node {
        &self.director
    }

    /// The director that the client sent to at a moment: that of its last segment until then.
    pub(super) fn director_at(&self, at: Instant) -> &Node {
        let until = self.sent.iter().rev().filter(|passage| passage.sent.at <= at);
        let mut known = until.filter_map(|passage| passage.director.as_ref());
        known.next().unwrap_or(&self.director)
    }

    /// Is the service one of UDP?
    pub(super) fn is_udp(&self) -> bool {
        self.plan.service().protocol == Protocol::Udp
    }

    /// Is the classified operation a connect?
    pub(super) fn is_connect(&self) -> bool {
        self.operation.what == "connect"
    }

    /// What carried the operation, in words: `SYN`, or what the client did. In Chinese it follows the word
    /// for the client.
    pub(super) fn carrier(&self) -> Bilingual {
        if self.is_connect() {
            bilingual!("SYN" / "的 SYN 报文段")
        } else {
            self.segments()
        }
    }

    /// What the client did, said of the segments that carried it: `The client's connect`. In Chinese it
    /// follows the word for the client.
    pub(super) fn segments(&self) -> Bilingual {
        if self.is_connect() {
            bilingual!("connect" / "新建连接的报文段")
        } else {
            bilingual!("{what}" / "{what} 的报文段", what = self.what())
        }
    }

    /// What the client did.
    pub(super) fn what(&self) -> Bilingual {
        // A program may ask something else first.
        let asked = self.observed.evidence.iter().find_map(|piece| {
            let Fact::Began {
                sent: Some(Sent::Command(name)),
                ..
            } = &piece.fact
            else {
                return None;
            };
            Some(name.clone())
        });
        match asked {
            Some(name) => bilingual!("{name}" / " {name}", name = name),
            None => operation(&self.operation.what),
        }
    }

    /// What carried the operation.
    pub(super) fn request(&self) -> Option<&Passage<'a>> {
        self.sent.get(self.request?)
    }

    /// The request and everything that the client sent after it.
    pub(super) fn since_request(&self) -> &[Passage<'a>] {
        self.request.map_or(&[], |index| &self.sent[index..])
    }

    /// The first of the request's sendings that arrived at the director, if the director passed it on. What
    /// it refused as too big may have been sent again at once, in other sizes.
    pub(super) fn first_passed_on(&self) -> Option<&Passage<'a>> {
        // What the other director got and dropped decided nothing.
        let decided =
            |passage: &&Passage<'a>| passage.director.as_ref().is_none_or(|by| *by == self.director);
        let mut arrived = self
            .sendings()
            .filter(|passage| passage.arrived.is_some() || passage.passed_on.is_some())
            .filter(decided)
            .filter(|passage| passage.passed_on.is_some() || self.has_vip(passage.sent.at));
        let first = arrived.next()?;
        if first.answered == Some(TerminatorKind::Icmp { code: TOO_BIG }) {
            let at_once = |passage: &&Passage<'a>| {
                passage.passed_on.is_some() && passage.sent.at.since(first.sent.at) < AT_ONCE
            };
            return arrived.find(at_once);
        }
        Some(first).filter(|first| first.passed_on.is_some())
    }

    /// Did the director have the VIP then, as far as that was looked for? Another one may have been given
    /// what is for the VIP's Ethernet address.
    pub(super) fn has_vip(&self, at: Instant) -> bool {
        self.record.vip_changes.is_empty() || self.record.vip_holders(at).contains(&&self.director)
    }

    /// The first of the request's sendings that reached a real server, by way of the director.
    pub(super) fn arrived(&self) -> Option<&Passage<'a>> {
        self.sendings().find(|passage| {
            let at_a_server = matches!(passage.reached, Some((_, Node::RealServer(_))));
            at_a_server && passage.passed_on.is_some()
        })
    }

    /// The sendings of the request: the first and its repetitions.
    pub(super) fn sendings(&self) -> impl Iterator<Item = &Passage<'a>> {
        self.request()
            .into_iter()
            .flat_map(|request| self.sendings_of(request))
    }

    /// The sendings of what a segment carried: it, and whatever carried some of it again.
    pub(super) fn sendings_of(&self, head: &Passage<'a>) -> impl Iterator<Item = &Passage<'a>> {
        let (packet, sequence, length) = (head.sent.packet, head.segment.sequence, size(head.segment));
        // UDP sends nothing again.
        let udp = self.is_udp();
        self.sent.iter().filter(move |passage| {
            let again = passage.segment.sequence.wrapping_sub(sequence) < length && !udp;
            let is_it = passage.sent.packet == packet;
            passage.sent.packet >= packet && size(passage.segment) > 0 && (is_it || again)
        })
    }

    /// The first segment since the request of which something was never acknowledged to the client.
    pub(super) fn unacknowledged(&self) -> Option<&Passage<'a>> {
        let acknowledged = self
            .received
            .iter()
            .filter(|(_, segment)| segment.flags.ack)
            .map(|(_, segment)| segment.acknowledgement)
            .reduce(|one, other| if at_or_after(other, one) { other } else { one });
        let end = |segment: &Segment| segment.sequence.wrapping_add(size(segment));
        self.since_request().iter().find(|passage| {
            let open =
                acknowledged.is_none_or(|acknowledged| !at_or_after(acknowledged, end(passage.segment)));
            size(passage.segment) > 0 && open
        })
    }

    /// What a segment of the client's is, to stand after "The client's"; in Chinese it follows the word for
    /// the client.
    pub(super) fn kind(&self, passage: &Passage<'a>) -> Bilingual {
        if passage.segment.flags.syn {
            return self.carrier();
        }
        if size(passage.segment) > 0 {
            return match self.request().filter(|_| !self.is_connect()) {
                None if self.is_connect() => bilingual!("login" / "的登录报文段"),
                None => bilingual!("segment" / "的报文段"),
                Some(request) => match passage.segment.sequence.wrapping_sub(request.segment.sequence) {
                    0 => self.segments(),
                    bytes => bilingual!(
                        "{what}, from its byte {bytes} on," / "{what} 自第 {bytes} 字节起的报文段",
                        what = self.what(),
                    ),
                },
            };
        }
        let before = self
            .sent
            .iter()
            .take_while(|earlier| earlier.sent.packet < passage.sent.packet);
        let Some(last) = before.last() else {
            return bilingual!("segment" / "的报文段");
        };
        if last.segment.flags.syn {
            bilingual!("acknowledgement of the SYN-ACK" / "对 SYN-ACK 的确认")
        } else if self.is_probe(passage) {
            bilingual!("keepalive probe" / "的保活探测")
        } else if last.segment.acknowledgement == passage.segment.acknowledgement
            && last.segment.window != passage.segment.window
        {
            bilingual!("window update" / "的窗口更新")
        } else {
            bilingual!("acknowledgement of what it had received" / "对所收数据的确认")
        }
    }

    /// The real server that the connection reached.
    pub(super) fn server(&self) -> Option<&'a Name> {
        match self.operation.served_by.as_ref()? {
            Node::RealServer(name) => Some(name),
            Node::Client | Node::Probe | Node::Director(_) | Node::Router => None,
        }
    }

    /// The first thing of this kind that ended or refused the connection.
    pub(super) fn terminator(&self, kind: TerminatorKind) -> Option<&'a Terminator> {
        self.observed.terminators.iter().find(|item| item.kind == kind)
    }

    /// Did its sender's TCP send this RST of its own, because the connection was closed on its side
    /// (`tcp_send_active_reset` sets ACK)? Else the RST answers a segment for which there is no connection
    /// (`tcp_v4_send_reset`: to a segment with ACK it sets none).
    pub(super) fn is_active(&self, reset: &Terminator) -> Option<bool> {
        let mut received = self.received.iter();
        let (_, segment) = received.find(|(packet, _)| packet.number == reset.packet)?;
        Some(segment.flags.ack)
    }

    /// Is a segment a keepalive probe? It has no data, and the number of a byte that was acknowledged already
    /// (`tcp_xmit_probe_skb` in net/ipv4/tcp_output.c).
    pub(super) fn is_probe(&self, passage: &Passage<'a>) -> bool {
        let before = self
            .sent
            .iter()
            .take_while(|earlier| earlier.sent.packet < passage.sent.packet);
        let next = before
            .map(|earlier| earlier.segment.sequence.wrapping_add(size(earlier.segment)))
            .reduce(|one, other| if at_or_after(other, one) { other } else { one });
        let plain = size(passage.segment) == 0 && !passage.segment.flags.rst && !passage.segment.flags.fin;
        plain && next == Some(passage.segment.sequence.wrapping_add(1))
    }

    /// The keepalive of the client's socket, as its kernel showed it, whoever had set it; in records of
    /// before, as it was told to be and shown to be in force.
    pub(super) fn keepalive(&self) -> Option<Keepalive> {
        let client = self.record.client.as_ref()?;
        if let Some(socket) = self.socket() {
            return socket.keepalive.then_some(Keepalive {
                time: socket.keepalive_time,
                interval: socket.keepalive_interval,
                probes: u8::try_from(socket.keepalive_probes).unwrap_or(u8::MAX),
            });
        }
        let shown = client.settings.iter().any(|seen| {
            seen.setting == Setting::Keepalive.key() && seen.shown.is_some() && seen.doubt.is_none()
        });
        self.plan.client().settings.keepalive.filter(|_| shown)
    }

    /// The client's socket of this connection, as its kernel showed it right after the connect.
    pub(super) fn socket(&self) -> Option<&'a OpenedSocket> {
        let sockets = &self.record.client.as_ref()?.sockets;
        sockets.iter().rfind(|socket| socket.port == self.client.1)
    }

    /// The event with which the operation began.
    pub(super) fn begun(&self) -> Option<&'a ClientEvent> {
        let mut events = self.record.client_events.iter();
        events.find(|event| event.operation == self.operation.number)
    }

    /// Does the client call itself interactive in its login (`CLIENT_INTERACTIVE` of MySQL's capability
    /// flags)?
    pub(super) fn is_interactive(&self) -> Option<bool> {
        const INTERACTIVE: u32 = 1 << 10;
        let login = self
            .sent
            .iter()
            .find(|passage| passage.segment.payload_length > 0)?;
        // Three bytes length, a sequence number, then the flags.
        let flags = login.segment.payload.get(4..8)?.try_into().ok()?;
        Some(u32::from_le_bytes(flags) & INTERACTIVE != 0)
    }

    /// A time-out of a server's, as its global variables had it when the lab was ready.
    pub(super) fn server_variable(&self, server: &Name, variable: &str) -> Option<Duration> {
        let held = self
            .record
            .server_views
            .iter()
            .find(|held| held.server == *server)?;
        let seconds = held.timeouts.get(variable)?;
        Some(Duration::from_secs(*seconds))
    }

    /// What answers the request: payload (for a connect also a SYN-ACK) that reached the client after it and
    /// that it did not have before. A server that misses an acknowledgement sends old data again; that
    /// answers nothing.
    pub(super) fn answers(&self) -> impl Iterator<Item = (&'a Packet, &'a Segment)> {
        let after = self.request().map_or(u32::MAX, |request| request.sent.packet);
        let end = |segment: &Segment| segment.sequence.wrapping_add(size(segment));
        // Datagrams have no numbers.
        let udp = self.is_udp();
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
            .filter(move |(_, segment)| udp || known.is_none_or(|known| !at_or_after(known, end(segment))))
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// Who sent a frame over its link.
    pub(super) fn sender(&self, packet: &Packet) -> Option<&Node> {
        self.paths.sender(packet.number)
    }

    /// Did what the real servers sent to the client on this connection stay off the director's interfaces?
    pub(super) fn answers_past_the_director(&self) -> bool {
        let back = |packet: &&Packet| {
            let to_client = segment(packet).is_some_and(|(_, destination, segment)| {
                (destination, segment.destination_port) == self.known_as
            });
            to_client && matches!(self.sender(packet), Some(Node::RealServer(_)))
        };
        let mut directors = self.plan.balancers().map(|host| &host.node);
        directors.all(|node| self.is_captured(node) && !self.seen_on(node).any(|packet| back(&packet)))
    }

    /// The forwarding method by which the director passed the connection's packets on to this server; if it
    /// passed none on, that of the server at the beginning.
    pub(super) fn method(&self, server: &Name) -> Forwarding {
        let to = Node::RealServer(server.clone());
        let passed = self.sent.iter().filter_map(|passage| passage.passed_on.as_ref());
        let hop = passed
            .filter(|(_, node)| *node == to)
            .find_map(|(seen, _)| self.paths.hop(seen.packet));
        match hop.map(|hop| hop.rewrite) {
            Some(Rewrite::Nat { .. }) => Forwarding::Masquerading,
            Some(Rewrite::Encapsulated(_)) => Forwarding::Tunneling,
            Some(Rewrite::Link) => Forwarding::DirectRouting,
            Some(Rewrite::None | Rewrite::Decapsulated(_)) | None => {
                self.plan.service().forwarding_to(server)
            }
        }
    }

    fn is_captured(&self, node: &Node) -> bool {
        let points = self.record.capture.iter().flat_map(|capture| &capture.points);
        points.into_iter().any(|point| point.node == *node)
    }

    /// The first of a host's interfaces that were captured.
    fn point(&self, node: &Node) -> Option<usize> {
        let points = &self.record.capture.as_ref()?.points;
        points.iter().position(|point| &point.node == node)
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

impl<'a> CellView<'a> {
    /// What a real server sent to the client on the connection, as its own interface saw it.
    pub(super) fn sent_by(&self, server: &Name) -> impl Iterator<Item = (&'a Packet, &'a Segment)> {
        let port = self.known_as.1;
        let all = self.sent_to_client_by(server);
        all.filter(move |(_, segment)| segment.destination_port == port)
    }

    /// What a real server sent to the client on any connection, as its own interface saw it.
    pub(super) fn sent_to_client_by(&self, server: &Name) -> impl Iterator<Item = (&'a Packet, &'a Segment)> {
        let node = Node::RealServer(server.clone());
        let point = self.point(&node);
        let client = self.known_as.0;
        self.paths.packets().iter().filter_map(move |packet| {
            let (_, destination, segment) = segment(packet)?;
            let here = Some(packet.point) == point && destination == client;
            (here && self.sender(packet) == Some(&node)).then_some((packet, segment))
        })
    }

    /// Packets that a host's interfaces saw.
    pub(super) fn seen_on(&self, node: &Node) -> impl Iterator<Item = &'a Packet> {
        let points = self.record.capture.iter().flat_map(|capture| &capture.points);
        let of_host: Vec<bool> = points.map(|point| point.node == *node).collect();
        let here = move |packet: &&Packet| of_host.get(packet.point) == Some(&true);
        self.paths.packets().iter().filter(here)
    }

    /// When the watching of the operation ended.
    pub(super) fn end(&self) -> Instant {
        self.operation.ended.unwrap_or(self.record.ended)
    }

    /// The packet that acknowledged the request to the client.
    pub(super) fn acknowledged(&self) -> Option<&'a Packet> {
        let request = self.request()?;
        let next = request.segment.sequence.wrapping_add(size(request.segment));
        let acknowledges = |(packet, segment): &&(&Packet, &Segment)| {
            packet.number > request.sent.packet
                && segment.flags.ack
                && !segment.flags.rst
                && at_or_after(segment.acknowledgement, next)
        };
        self.received.iter().find(acknowledges).map(|(packet, _)| *packet)
    }

    /// Payload that answers the request.
    pub(super) fn payload(&self) -> Option<&'a Packet> {
        let mut answers = self.answers();
        answers
            .find(|(_, segment)| segment.payload_length > 0)
            .map(|(packet, _)| packet)
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

/// The director that refused the connection, that passed on what was sent since the request, or the last that
/// the client sent to.
fn deciding_director(first: Node, observed: &Observed, since: &[Passage<'_>]) -> Node {
    let mut refusals = observed.terminators.iter().filter_map(|item| item.by.as_ref());
    let refused = refusals.find(|by| by.is_director());
    let answered = matches!(observed.behaviour, Behaviour::Answered { .. });
    let passed = since.iter().find(|passage| passage.passed_on.is_some());
    let passed = passed
        .filter(|_| answered)
        .and_then(|passage| passage.director.as_ref());
    let last = since.iter().rev().find_map(|passage| passage.director.as_ref());
    let found = passed.or(refused).or(last);
    found.cloned().unwrap_or(first)
}
