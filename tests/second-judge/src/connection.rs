//! The client's connections, as its own interface saw them.

use crate::capture::{ACK, FIN, Frame, RST, SYN, Tcp, What};
use crate::mysql::{Seen, Stream, Talk, talk};
use crate::record::Record;

/// What was said on one connection of the client, as its own interface saw it.
#[derive(Debug)]
pub struct Connection<'a> {
    /// The client's port.
    pub port: u16,
    /// The SYNs of the client, in order.
    pub syns: Vec<Seen<'a>>,
    /// All segments that the client sent.
    pub sent: Vec<Seen<'a>>,
    /// All segments that its kernel got.
    pub received: Vec<Seen<'a>>,
    /// The bytes of both directions, read as MySQL's protocol.
    pub talk: Talk,
    /// When each new byte of the server came.
    pub news: Vec<i64>,
}

/// The connections of the client until a moment, in the order of their first SYNs. A port that is used again
/// is a new one.
#[must_use]
pub fn connections<'a>(record: &Record, frames: &'a [Frame], until: i64) -> Vec<Connection<'a>> {
    let deaf = filtered(record, "input");
    // A bridge that does not know where a host is sends frames for it to all.
    let macs = record.host("client").map_or(&[][..], |host| host.macs.as_slice());
    let own = |frame: &&Frame| macs.contains(&frame.from) || macs.contains(&frame.to);
    let mine = |frame: &&Frame| frame.host == "client" && own(frame);
    let mine = frames.iter().filter(|frame| frame.at <= until).filter(mine);
    let mut found: Vec<Connection<'a>> = Vec::new();
    for frame in mine {
        let What::Tcp { segment, .. } = &frame.what else {
            continue;
        };
        let seen = (frame.at, frame.number, segment);
        if segment.target == record.service {
            let port = segment.source.1;
            let opens = segment.has(SYN) && !segment.has(ACK);
            let known = found.iter_mut().rev().find(|known| known.port == port);
            match known.filter(|known| !opens || known.opens_again(segment)) {
                Some(known) => {
                    known.sent.push(seen);
                    if opens {
                        known.syns.push(seen);
                    }
                }
                None if opens => found.push(Connection::begun(port, seen)),
                None => {}
            }
        } else if segment.source == record.service
            && !deaf.iter().any(|(from, to)| (*from..*to).contains(&frame.at))
            && let Some(known) = found
                .iter_mut()
                .rev()
                .find(|known| known.port == segment.target.1)
        {
            known.received.push(seen);
        }
    }
    let stateful = record.steps().any(|step| {
        let input = step.action == "add-stateful-firewall" && step.fields["chain"] == "input";
        input && step.node().as_deref() == Some("client")
    });
    for connection in &mut found {
        if stateful {
            connection.forget_unheard();
        }
        connection.read();
    }
    found
}

impl<'a> Connection<'a> {
    fn begun(port: u16, syn: Seen<'a>) -> Self {
        Self {
            port,
            syns: vec![syn],
            sent: vec![syn],
            received: Vec::new(),
            talk: Talk {
                exchanges: Vec::new(),
                lost: None,
            },
            news: Vec::new(),
        }
    }

    /// Is this SYN a repetition of the connection's own?
    fn opens_again(&self, segment: &Tcp) -> bool {
        self.syns
            .first()
            .is_some_and(|(_, _, syn)| syn.sequence == segment.sequence)
    }

    fn read(&mut self) {
        let data: Vec<Seen<'a>> = self.accepted().collect();
        let server = Stream::of(&data);
        self.talk = talk(&Stream::of(&self.sent), &server);
        self.news = server.bytes.iter().map(|byte| byte.at).collect();
        self.news.dedup();
    }

    /// Leaves out what a stateful firewall of the client's kept from its kernel: what was sent more than
    /// once, and never acknowledged.
    fn forget_unheard(&mut self) {
        let acknowledged = |at: i64, segment: &Tcp| {
            let end = segment.sequence.wrapping_add(segment.length);
            self.sent.iter().any(|(when, _, own)| {
                *when >= at && own.has(ACK) && own.acknowledgement.wrapping_sub(end) < 1 << 31
            })
        };
        let times = |segment: &Tcp| {
            let same = |other: &&Seen<'a>| other.2.sequence == segment.sequence && other.2.length > 0;
            self.received.iter().filter(same).count()
        };
        let unheard: Vec<u32> = self
            .received
            .iter()
            .filter(|(at, _, segment)| {
                segment.length > 0 && times(segment) > 1 && !acknowledged(*at, segment)
            })
            .map(|(_, number, _)| *number)
            .collect();
        self.received.retain(|(_, number, _)| !unheard.contains(number));
    }

    /// What a TCP that is open takes: segments that acknowledge something of its own.
    pub(crate) fn accepted(&self) -> impl Iterator<Item = Seen<'a>> {
        let received = self.received.iter().copied();
        received.filter(|(_, _, segment)| segment.has(ACK) && !segment.has(RST))
    }

    /// When it began.
    #[must_use]
    pub fn began(&self) -> i64 {
        self.syns.first().map_or(i64::MAX, |(at, _, _)| *at)
    }

    /// Had the connection ended before this moment: by a FIN or RST of the other end, or by the client's own,
    /// as its kernel sends it when keepalive has asked in vain?
    #[must_use]
    pub fn over_before(&self, at: i64) -> bool {
        let over = |segment: &Tcp| segment.has(FIN) || segment.has(RST);
        let mut both = self.received.iter().chain(&self.sent);
        both.any(|(when, _, segment)| *when < at && over(segment))
    }
}

/// When a rule of the client's own firewall kept what came from its kernel, or what its kernel sent from its
/// interface. The capture sees the one still, and not the other.
pub(crate) fn filtered(record: &Record, chain: &str) -> Vec<(i64, i64)> {
    let mut found = Vec::new();
    let mut since = None;
    for step in record.steps() {
        let at = record.epoch + step.ended.unwrap_or(step.began);
        match step.action {
            "add-firewall-rule"
                if step.node().as_deref() == Some("client") && step.fields["chain"] == chain =>
            {
                since.get_or_insert(at);
            }
            // What one lets in is told by what the client acknowledges.
            "add-stateful-firewall"
                if step.node().as_deref() == Some("client")
                    && step.fields["chain"] == chain
                    && chain == "output" =>
            {
                since.get_or_insert(at);
            }
            "flush-firewall" if step.node().as_deref() == Some("client") => {
                found.extend(since.take().map(|from| (from, record.epoch + step.began)));
            }
            _ => {}
        }
    }
    found.extend(since.map(|from| (from, i64::MAX)));
    found
}
