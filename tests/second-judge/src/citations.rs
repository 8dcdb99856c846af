//! Is each packet that a sentence names what the sentence says of it?
//!
//! Sentences are those of a report: pieces of evidence, and the paragraphs of an explanation. What is said of
//! a packet is told by the words before its number. Words for which there is no check are a complaint, too: a
//! new sentence takes a new check here.

use crate::capture::{ACK, FIN, Frame, RST, SYN, Tcp, What};
use crate::judge::{Connection, connections};
use crate::mysql::{Answer, Request};
use crate::record::Record;

/// A cell, to look cited packets up in.
#[derive(Debug)]
pub struct Cell<'a> {
    record: &'a Record,
    frames: &'a [Frame],
    connections: Vec<Connection<'a>>,
}

/// A packet that a text names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mention<'t> {
    /// The words before it.
    clause: &'t str,
    /// Its number.
    packet: u32,
    /// The last packet of a range that begins with it.
    to: Option<u32>,
    /// The time that the text gives.
    at: Option<&'t str>,
    /// The host on whose interface it was, by the text.
    host: Option<&'t str>,
    /// Is it the second of `packet A to packet B`?
    again: bool,
}

impl<'a> Cell<'a> {
    /// A cell by its record and its packets.
    #[must_use]
    pub fn of(record: &'a Record, frames: &'a [Frame]) -> Self {
        Self {
            record,
            frames,
            connections: connections(record, frames, i64::MAX),
        }
    }

    fn frame(&self, number: u32) -> Option<&'a Frame> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.frames.get(index)
    }

    fn is_from(&self, frame: &Frame, name: &str) -> bool {
        self.record.by_mac(frame.from) == Some(name)
    }

    fn is_to(&self, frame: &Frame, name: &str) -> bool {
        self.record.by_mac(frame.to) == Some(name)
    }

    fn is_real(&self, mac: [u8; 6]) -> bool {
        let name = self.record.by_mac(mac);
        name.is_some_and(|name| name != "client" && name != "director")
    }

    /// A segment of the client's to the virtual service. By an edited table the director may have put another
    /// address in the place of the VIP.
    fn of_client(&self, frame: &'a Frame) -> Option<&'a Tcp> {
        let client = self.record.host("client")?;
        tcp(frame).filter(|segment| segment.source.0 == client.address)
    }

    /// A segment of the virtual service's to the client.
    fn of_service(&self, frame: &'a Frame) -> Option<&'a Tcp> {
        tcp(frame).filter(|segment| segment.source == self.record.service)
    }

    /// Segments on the same interface in the same direction, of the same connection, before this one.
    fn before(&self, frame: &'a Frame) -> impl Iterator<Item = (&'a Frame, &'a Tcp)> {
        let mine = tcp(frame);
        let earlier = self
            .frames
            .iter()
            .take_while(move |other| other.number < frame.number);
        earlier.filter_map(move |other| {
            let segment = tcp(other)?;
            let same = |mine: &Tcp| mine.source == segment.source && mine.target == segment.target;
            (other.host == frame.host && other.from == frame.from && mine.is_some_and(same))
                .then_some((other, segment))
        })
    }

    /// Was anything of what this segment carries (its SYN, for one that opens) on this interface before?
    fn is_repetition(&self, frame: &'a Frame) -> bool {
        let Some(mine) = tcp(frame) else { return false };
        // A port that is used again begins with a SYN of another number.
        let opened = self.before(frame).filter(|(_, other)| other.has(SYN)).last();
        let since = opened.map_or(0, |(opened, _)| opened.number);
        let mut earlier = self.before(frame).filter(|(other, _)| other.number >= since);
        if mine.has(SYN) {
            return earlier.any(|(_, other)| other.has(SYN) && other.sequence == mine.sequence);
        }
        let is_before = |one: u32, other: u32| matches!(other.wrapping_sub(one), 1..=0x7fff_ffff);
        earlier.any(|(_, other)| {
            other.length > 0 && is_before(mine.sequence, other.end()) && is_before(other.sequence, mine.end())
        })
    }

    /// Complaints about a piece of evidence: its sentence, and the packets that are to show it.
    #[must_use]
    pub fn evidence(&self, what: &str, packets: &[u32]) -> Vec<String> {
        let mut found: Vec<String> = packets
            .iter()
            .filter(|packet| self.frame(**packet).is_none())
            .map(|packet| format!("there is no packet {packet}"))
            .collect();
        if found.is_empty() && !packets.is_empty() {
            found.extend(self.evidence_of(what, packets).err());
        }
        found.into_iter().map(|why| format!("`{what}`: {why}")).collect()
    }

    fn evidence_of(&self, what: &str, packets: &[u32]) -> Result<(), String> {
        let frames: Vec<&Frame> = packets.iter().filter_map(|packet| self.frame(*packet)).collect();
        let [first, ..] = frames.as_slice() else {
            return Ok(());
        };
        if let Some(name) = what.strip_suffix(" served the connection") {
            return self.each(&frames, |frame| {
                let reached =
                    frame.host == name && self.is_to(frame, name) && self.of_client(frame).is_some();
                let came = self.is_from(frame, name) && self.of_service(frame).is_some();
                (reached || came)
                    .then_some(())
                    .ok_or_else(|| format!("is none of {name}'s"))
            });
        }
        if let Some(name) = what
            .strip_prefix("before that, the client's segments reached ")
            .and_then(|rest| rest.strip_suffix(", which did not answer"))
        {
            return self.each(&frames, |frame| {
                let reached =
                    frame.host == name && self.is_to(frame, name) && self.of_client(frame).is_some();
                reached
                    .then_some(())
                    .ok_or_else(|| format!("did not reach {name}"))
            });
        }
        if let Some(what) = what.strip_prefix("the client sent ") {
            return self.sent_again(what, &frames);
        }
        if let Some(rest) = what.strip_prefix("the answer came in parts from ") {
            return self.parts(rest, &frames);
        }
        if let Some((_, shown)) = what
            .strip_prefix("the client says at ")
            .and_then(|rest| rest.split_once(", but "))
        {
            return self.each(&frames, |frame| {
                let service = self.of_service(frame).filter(|segment| segment.length > 0);
                let right = if shown.contains("ERR") {
                    service.is_some_and(|s| matches!(s.payload.as_slice(), [_, _, _, _, 0xff, ..]))
                } else {
                    service.is_some() || self.of_client(frame).is_some()
                };
                right.then_some(()).ok_or_else(|| "does not show it".to_owned())
            });
        }
        if let Some((at, sentence)) = what.strip_prefix("at ").and_then(|what| what.split_once(": ")) {
            if let Some((sentence, fate)) = sentence.split_once(" reached the client's interface") {
                self.at(first, at)?;
                return self.not_accepted(sentence, fate, &frames);
            }
            if let Some(sentence) = sentence.strip_suffix(" reached the client") {
                let (kind, by) = sentence.rsplit_once(" from ").ok_or("nobody is named")?;
                self.at(first, at)?;
                self.on(first, "client")?;
                self.is(first, kind)?;
                let right = by == "a host that is none of the lab's" || self.is_from(first, by);
                return right.then_some(()).ok_or_else(|| format!("is not from {by}"));
            }
            if let Some(operation) = sentence.strip_prefix("the client began `") {
                let (operation, sent) = operation.rsplit_once("`; ").ok_or("nothing was sent")?;
                return self.began(first, operation, sent);
            }
            if sentence.starts_with("the client's own kernel had ended the connection") {
                self.at(first, at)?;
                let ended = self.of_client(first).is_some_and(|s| s.has(FIN) || s.has(RST));
                return ended
                    .then_some(())
                    .ok_or_else(|| "does not end the connection".to_owned());
            }
            if sentence == "the client got its answer" {
                return self.answer(first);
            }
        }
        if let Some(rest) = what.strip_prefix("from ").filter(|rest| rest.contains(" to ")) {
            return self.reached_often(rest, &frames);
        }
        if let Some(rest) = what.strip_prefix("from ") {
            return self.silence(rest, &frames);
        }
        Err("there is no check for this sentence".to_owned())
    }

    fn each(
        &self,
        frames: &[&'a Frame],
        check: impl Fn(&'a Frame) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut frames = frames.iter();
        frames.try_for_each(|frame| check(frame).map_err(|why| format!("packet {} {why}", frame.number)))
    }

    /// `the same 13 bytes again 16 times, after 219ms, …` or `its SYN again once, after 1s`.
    fn sent_again(&self, what: &str, frames: &[&'a Frame]) -> Result<(), String> {
        let (subject, rest) = what.split_once(" again ").ok_or("what was sent again?")?;
        let (times, gaps) = rest.split_once(", after ").ok_or("after what time?")?;
        if count(times) != Some(frames.len() - 1) {
            return Err(format!("{} packets are named", frames.len()));
        }
        self.gaps(gaps, frames)?;
        // The bytes that every one of them carried.
        let mut common: Option<(u32, u32)> = None;
        for frame in frames {
            self.on(frame, "client")?;
            let segment = self.of_client(frame).ok_or("it is no segment of the client")?;
            let first = frames.first().is_some_and(|first| first.number == frame.number);
            if self.is_repetition(frame) == first {
                let is = if first {
                    "a repetition"
                } else {
                    "sent for the first time"
                };
                return Err(format!("packet {} is {is}", frame.number));
            }
            if (subject == "its SYN") != segment.has(SYN) {
                return Err(format!("packet {} is no repetition of {subject}", frame.number));
            }
            let base = common.map_or(segment.sequence, |(base, _)| base);
            let ahead = segment.sequence.wrapping_sub(base);
            let (from, to) = match common {
                None => (segment.sequence, segment.end()),
                Some((from, to)) if ahead > u32::MAX / 2 => (from, earlier(to, segment.end())),
                Some((_, to)) => (segment.sequence, earlier(to, segment.end())),
            };
            common = Some((from, to));
        }
        let bytes = subject
            .strip_prefix("the same ")
            .and_then(|rest| rest.split(' ').next()?.parse().ok());
        let common = common.map(|(from, to)| to.wrapping_sub(from));
        (subject == "its SYN" || bytes == common)
            .then_some(())
            .ok_or_else(|| {
                format!(
                    "what all of them carry are {} bytes",
                    common.unwrap_or(0).cast_signed()
                )
            })
    }

    /// `219ms, 220ms`, or `219ms, 220ms, 430ms … 2m3s (48 gaps in all)`: the times between these packets.
    fn gaps(&self, text: &str, frames: &[&'a Frame]) -> Result<(), String> {
        let between = |pair: &[&Frame]| match pair {
            [one, other] => other.at - one.at,
            _ => 0,
        };
        let gaps: Vec<i64> = frames.windows(2).map(between).collect();
        let (named, last) = match text.split_once(" … ") {
            None => (text, None),
            Some((named, rest)) => (named, Some(rest)),
        };
        let named: Vec<&str> = named.split(", ").collect();
        for (gap, text) in gaps.iter().zip(&named) {
            same_span(*gap, text)?;
        }
        let counted = match last {
            None => named.len(),
            Some(last) => {
                let (last, rest) = last.split_once(" (").ok_or("how many gaps?")?;
                same_span(gaps.last().copied().unwrap_or(0), last)?;
                let counted = rest
                    .strip_suffix(" gaps in all)")
                    .and_then(|count| count.parse().ok());
                counted.ok_or("how many gaps?")?
            }
        };
        (counted == gaps.len())
            .then_some(())
            .ok_or_else(|| format!("{counted} times are named, and {} packets", frames.len()))
    }

    fn began(&self, frame: &'a Frame, operation: &str, sent: &str) -> Result<(), String> {
        self.on(frame, "client")?;
        match sent {
            "the client sent its SYN" => {
                self.is(frame, "SYN")?;
                (!self.is_repetition(frame))
                    .then_some(())
                    .ok_or_else(|| "this SYN was sent before".to_owned())
            }
            "the client asked for the VIP's Ethernet address, and nobody answered" => match frame.what {
                What::Arp {
                    operation: 1, target, ..
                } if target == self.record.service.0 => {
                    let mut later = self
                        .frames
                        .iter()
                        .skip_while(|other| other.number <= frame.number);
                    let answered = later.any(|other| {
                        let from_service =
                            matches!(other.what, What::Arp { operation: 2, sender, .. } if sender == target);
                        other.host == "client" && from_service
                    });
                    (!answered)
                        .then_some(())
                        .ok_or_else(|| "it was answered".to_owned())
                }
                What::Arp { .. } | What::Tcp { .. } | What::Icmp { .. } | What::Other => {
                    Err("it asks for no address".to_owned())
                }
            },
            "the client sent the statement" => {
                let statement = operation.split("{payload}").next().unwrap_or(operation);
                self.query(frame, statement)?;
                (!self.is_repetition(frame))
                    .then_some(())
                    .ok_or_else(|| "it was sent before".to_owned())
            }
            _ => {
                let command = sent
                    .strip_prefix("the client sent ")
                    .and_then(|rest| rest.strip_suffix(" first"));
                let number = match command {
                    Some("COM_INIT_DB") => 2,
                    Some("COM_STATISTICS") => 9,
                    Some("COM_PING") => 14,
                    Some("COM_STMT_PREPARE") => 22,
                    Some("COM_RESET_CONNECTION") => 31,
                    Some("COM_QUERY") => 3,
                    Some("COM_SET_OPTION") => 27,
                    Some(_) | None => return Err(format!("there is no check for `{sent}`")),
                };
                let segment = self.of_client(frame).ok_or("is no segment of the client")?;
                matches!(segment.payload.as_slice(), [_, _, _, 0, first, ..] if *first == number)
                    .then_some(())
                    .ok_or_else(|| "carries another command".to_owned())
            }
        }
    }

    /// The segment carries the beginning of a `COM_QUERY` with this text, or with its beginning.
    fn query(&self, frame: &'a Frame, sql: &str) -> Result<(), String> {
        let segment = self.of_client(frame).ok_or("is no segment of the client")?;
        match segment.payload.as_slice() {
            [_, _, _, 0, 3, text @ ..] => {
                let sql = sql.as_bytes();
                let whole = text.windows(sql.len().max(1)).any(|part| part == sql);
                (whole || sql.starts_with(text))
                    .then_some(())
                    .ok_or_else(|| "carries another statement".to_owned())
            }
            _ => Err("carries no statement".to_owned()),
        }
    }

    /// The first packet of an answer, or of a part of one.
    fn answer(&self, frame: &'a Frame) -> Result<(), String> {
        self.on(frame, "client")?;
        let segment = self.of_service(frame).ok_or("does not come from the service")?;
        let port = segment.target.1;
        let of_port = self
            .connections
            .iter()
            .filter(|connection| connection.port == port);
        let mut exchanges = of_port.flat_map(|connection| &connection.talk.exchanges);
        let login = |request: &Request| *request == Request::Login;
        let right = exchanges.any(|exchange| match exchange.answer {
            // What a connect waits for begins with the greeting.
            Answer::Good { .. } | Answer::Error { .. } if login(&exchange.request) => {
                exchange.packet == frame.number
            }
            Answer::Good { first, .. } | Answer::Error { first, .. } => first == frame.number,
            Answer::Open => false,
        });
        right
            .then_some(())
            .ok_or_else(|| format!("packet {} is not the first of an answer", frame.number))
    }

    /// `RST from rs1` and ` and came 3 times more, but its kernel accepted none: …`.
    fn not_accepted(&self, sentence: &str, fate: &str, frames: &[&'a Frame]) -> Result<(), String> {
        let (kind, by) = sentence.rsplit_once(" from ").ok_or("nobody is named")?;
        let more = match fate
            .split_once(", but its kernel ")
            .ok_or("what became of it?")?
            .0
        {
            "" => Some(0),
            " and came once more" => Some(1),
            more => more
                .strip_prefix(" and came ")
                .and_then(|rest| count(rest.strip_suffix(" more")?)),
        };
        if more.map(|more| more + 1) != Some(frames.len()) {
            return Err(format!("{} packets are named", frames.len()));
        }
        let bytes = kind
            .strip_prefix("segment with ")
            .and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok());
        let first = frames.first().map(|first| first.number);
        self.each(frames, |frame| {
            self.on(frame, "client")?;
            if by != "a host that is none of the lab's" && !self.is_from(frame, by) {
                return Err(format!("is not from {by}"));
            }
            let service = self.of_service(frame);
            match bytes {
                None => self.is(frame, kind)?,
                Some(bytes) if Some(frame.number) == first && service.is_none_or(|s| s.length != bytes) => {
                    return Err(format!("carries no {bytes} bytes"));
                }
                Some(_) if service.is_none_or(|s| s.length == 0) => return Err("carries nothing".to_owned()),
                Some(_) => {}
            }
            let Some(segment) = service.filter(|s| !s.has(RST) && s.sequence != s.end()) else {
                return Ok(());
            };
            // Who acknowledges it has accepted it; unless it came before, and that was accepted.
            let acknowledged = self
                .frames
                .iter()
                .skip_while(|other| other.number <= frame.number)
                .any(|other| {
                    let mine = self
                        .of_client(other)
                        .filter(|s| s.source == segment.target && s.has(ACK) && !s.has(RST));
                    other.host == "client"
                        && mine.is_some_and(|s| s.acknowledgement.wrapping_sub(segment.end()) < 1 << 31)
                });
            (!acknowledged || self.is_repetition(frame))
                .then_some(())
                .ok_or_else(|| "was acknowledged".to_owned())
        })
    }

    /// `1s to 9s; the longest time without a part was 3s`: the first part and the last.
    fn parts(&self, rest: &str, frames: &[&'a Frame]) -> Result<(), String> {
        let (times, longest) = rest
            .split_once("; the longest time without a part was ")
            .ok_or("how long without a part?")?;
        let (from, to) = times.split_once(" to ").ok_or("until when?")?;
        let [first, last] = frames else {
            return Err(format!("{} packets are named", frames.len()));
        };
        self.at(first, from)?;
        self.at(last, to)?;
        self.each(frames, |frame| {
            self.on(frame, "client")?;
            let part = self.of_service(frame).filter(|segment| segment.length > 0);
            part.map(|_| ())
                .ok_or_else(|| "is no part of an answer".to_owned())
        })?;
        span(longest)
            .map(|_| ())
            .ok_or_else(|| format!("`{longest}` is no time"))
    }

    /// `2s to 5s: ICMP host unreachable from director reached the client 12 times`.
    fn reached_often(&self, rest: &str, frames: &[&'a Frame]) -> Result<(), String> {
        let (times, sentence) = rest.split_once(": ").ok_or("what came?")?;
        let (from, to) = times.split_once(" to ").ok_or("until when?")?;
        let (sentence, counted) = sentence.split_once(" reached the client ").ok_or("how often?")?;
        let (kind, by) = sentence.rsplit_once(" from ").ok_or("nobody is named")?;
        if let ([first, ..], Some(last)) = (frames, frames.last()) {
            self.at(first, from)?;
            self.at(last, to)?;
        }
        if count(counted) != Some(frames.len()) {
            return Err(format!("{} packets are named", frames.len()));
        }
        self.each(frames, |frame| {
            self.on(frame, "client")?;
            self.is(frame, kind)?;
            let right = by == "a host that is none of the lab's" || self.is_from(frame, by);
            right.then_some(()).ok_or_else(|| format!("is not from {by}"))
        })
    }

    /// `1s on, nothing that answers reached the client for 16m4s, …`: the request, and the last that the
    /// client sent.
    fn silence(&self, rest: &str, frames: &[&'a Frame]) -> Result<(), String> {
        let (from, rest) = rest
            .split_once(" on, nothing that answers reached the client for ")
            .ok_or("from when on?")?;
        let lasted = rest.split(',').next().unwrap_or_default();
        let (Some((from, _)), Some((lasted, slack))) = (span(from), span(lasted)) else {
            return Err("its times cannot be read".to_owned());
        };
        let begins = self.record.epoch + from + slack.max(1_000_000_000);
        self.each(frames, |frame| {
            self.on(frame, "client")?;
            let arp = matches!(frame.what, What::Arp { operation: 1, .. });
            // A silence after a part of an answer begins with that part.
            let part = self.of_service(frame).filter(|segment| segment.length > 0);
            let right = arp || self.of_client(frame).is_some() || part.is_some_and(|_| frame.at <= begins);
            right
                .then_some(())
                .ok_or_else(|| "was not sent by the client, and is no part that came before".to_owned())
        })?;
        let port = frames
            .iter()
            .find_map(|frame| self.of_client(frame))
            .map(|segment| segment.source.1);
        let until = self.record.epoch + from + lasted - slack.max(1_000_000_000);
        let from = self.record.epoch + from + 1_000_000_000;
        let mut connections = self
            .connections
            .iter()
            .filter(|connection| Some(connection.port) == port);
        let heard =
            connections.find_map(|connection| connection.news.iter().find(|at| (from..until).contains(at)));
        match heard {
            Some(at) => Err(format!(
                "new bytes came {} ns after the epoch",
                at - self.record.epoch
            )),
            None => Ok(()),
        }
    }

    fn on(&self, frame: &Frame, host: &str) -> Result<(), String> {
        (frame.host == host)
            .then_some(())
            .ok_or_else(|| format!("packet {} was seen on {}", frame.number, frame.host))
    }

    fn at(&self, frame: &Frame, text: &str) -> Result<(), String> {
        same_span(frame.at - self.record.epoch, text).map_err(|why| format!("packet {}: {why}", frame.number))
    }

    /// Is the packet of this kind?
    fn is(&self, frame: &'a Frame, kind: &str) -> Result<(), String> {
        let segment = tcp(frame);
        let flags =
            |set: u8, clear: u8| segment.is_some_and(|s| s.flags & set == set && s.flags & clear == 0);
        let icmp = |wanted: Option<u8>| match frame.what {
            What::Icmp { kind: 3, code, .. } => wanted.is_none_or(|wanted| wanted == code),
            What::Icmp { .. } | What::Arp { .. } | What::Tcp { .. } | What::Other => false,
        };
        let right = match kind {
            "SYN" => flags(SYN, ACK) && self.of_client(frame).is_some(),
            "SYN-ACK" => flags(SYN | ACK, 0),
            "RST" => flags(RST, 0),
            "FIN" => flags(FIN, 0),
            "acknowledgement" => flags(ACK, SYN | FIN | RST) && segment.is_some_and(|s| s.length == 0),
            "ICMP network unreachable" => icmp(Some(0)),
            "ICMP host unreachable" => icmp(Some(1)),
            "ICMP port unreachable" => icmp(Some(3)),
            "ICMP error" => icmp(None),
            _ => return Err(format!("there is no check for `{kind}`")),
        };
        right
            .then_some(())
            .ok_or_else(|| format!("packet {} is no {kind}", frame.number))
    }

    /// Complaints about a paragraph: its text, and the packets that are to show it.
    #[must_use]
    pub fn paragraph(&self, text: &str, shown_by: &[u32]) -> Vec<String> {
        let mut found = Vec::new();
        for mention in mentions(text) {
            let complaint = self.mention(text, &mention, shown_by);
            found.extend(complaint.err().map(|why| {
                let at = format!("`…{} ({})`", tail(mention.clause), mention.packet);
                format!("{at}: {why}")
            }));
        }
        found
    }

    fn mention(&self, text: &str, mention: &Mention<'_>, shown_by: &[u32]) -> Result<(), String> {
        let frame = self
            .frame(mention.packet)
            .ok_or_else(|| format!("there is no packet {}", mention.packet))?;
        if !shown_by.contains(&mention.packet) && !shown_by.is_empty() {
            return Err(format!(
                "packet {} is not among those that show it",
                mention.packet
            ));
        }
        let before = text.split(mention.clause).next().map_or(0, str::len) + mention.clause.len();
        let before = text.get(..before).unwrap_or(text);
        let host = mention.host.map(|host| match host {
            // The host that was named last.
            "there" => self.last_host(before).unwrap_or("nobody"),
            named => named,
        });
        if let Some(host) = host {
            self.on(frame, host)?;
        }
        if let Some(at) = mention.at {
            self.at(frame, at)?;
        }
        self.words(before, mention, frame)
    }

    fn last_host(&self, text: &str) -> Option<&'a str> {
        let hosts = self.record.hosts.iter().map(|host| host.name.as_str());
        let real = hosts.filter(|name| *name != "client");
        real.filter_map(|name| Some((text.rfind(name)?, name)))
            .max()
            .map(|(_, name)| name)
    }

    /// What the last words before it say of it.
    fn words(&self, before: &str, mention: &Mention<'_>, frame: &'a Frame) -> Result<(), String> {
        let clause = mention.clause;
        let said = WORDS.iter().filter_map(|(words, says)| {
            let at = clause.rfind(words)?;
            Some((at + words.len(), words.len(), *says))
        });
        let Some((_, _, says)) = said.max_by_key(|(end, length, _)| (*end, *length)) else {
            return Err("there is no check for these words".to_owned());
        };
        let wrong = |why: &str| Err(format!("packet {} {why}", mention.packet));
        let client = self.of_client(frame);
        let service = self.of_service(frame);
        match says {
            Says::Kind(kind) => self.is(frame, kind),
            Says::Query => {
                let sql = clause.rsplit('`').nth(1).unwrap_or_default();
                let sql = sql.split("{payload}").next().unwrap_or(sql);
                if clause.contains("from its byte") {
                    return client
                        .filter(|s| s.length > 0)
                        .map(|_| ())
                        .ok_or("carries nothing".to_owned());
                }
                self.query(frame, sql)
            }
            Says::Answer if !self.is_real(frame.from) => wrong("does not come from a real server"),
            Says::Answer if service.is_none_or(|s| s.length == 0 && !s.has(SYN)) => wrong("answers nothing"),
            Says::PassedOn if !(frame.host == "director" && self.is_from(frame, "director")) => {
                wrong("was not sent by the director")
            }
            Says::PassedOn if !self.is_real(frame.to) => wrong("does not go to a real server"),
            Says::PassedOn => match self.last_host(before).filter(|name| *name != "director") {
                Some(name) if before.ends_with(name) && !self.is_to(frame, name) => {
                    wrong("goes to another server")
                }
                Some(_) | None => Ok(()),
            },
            Says::Reached if !self.is_to(frame, &frame.host) || client.is_none() => {
                wrong("is none that reached the host")
            }
            Says::Closed if service.is_none_or(|s| !s.has(FIN) && !s.has(RST)) => wrong("closes nothing"),
            Says::Closed if !self.is_real(frame.from) => wrong("does not come from a real server"),
            Says::Login => {
                let first =
                    client.is_some_and(|s| s.length > 0) && !self.before(frame).any(|(_, s)| s.length > 0);
                (first || self.is_repetition(frame))
                    .then_some(())
                    .ok_or_else(|| "is no login".to_owned())
            }
            Says::Probe if !self.is_probe(frame) => wrong("is no keepalive probe"),
            Says::Bare if client.is_none_or(|s| s.length > 0 || s.has(SYN | FIN | RST)) => {
                wrong("is no bare acknowledgement of the client")
            }
            Says::Closes if client.is_none_or(|s| s.window > 0) => wrong("leaves a window"),
            Says::OfService if service.is_none() => wrong("does not come from the service"),
            Says::Acknowledges => {
                let right = service.is_some_and(|s| s.has(ACK)) && self.is_real(frame.from);
                right
                    .then_some(())
                    .ok_or_else(|| "is no acknowledgement of a server".to_owned())
            }
            Says::Asks => match frame.what {
                What::Arp {
                    operation: 1, target, ..
                } => {
                    let name = self.last_host(before).and_then(|name| self.record.host(name));
                    let right = name.is_none_or(|host| host.address == target);
                    right
                        .then_some(())
                        .ok_or_else(|| "asks for another address".to_owned())
                }
                What::Arp { .. } | What::Tcp { .. } | What::Icmp { .. } | What::Other => {
                    wrong("is no ARP request")
                }
            },
            Says::AsksForService => {
                let service = self.record.service.0;
                let right = matches!(frame.what, What::Arp { operation: 1, target, .. } if target == service);
                right
                    .then_some(())
                    .ok_or_else(|| "does not ask for the VIP's address".to_owned())
            }
            Says::AsksForServer => {
                let server = |address| self.record.hosts.iter().any(|host| host.address == address);
                let right = matches!(frame.what, What::Arp { operation: 1, target, .. } if server(target));
                right
                    .then_some(())
                    .ok_or_else(|| "does not ask for a server's address".to_owned())
            }
            Says::Ends => {
                let icmp = matches!(frame.what, What::Icmp { kind: 3, .. });
                let right = icmp || service.is_some_and(|s| s.has(FIN) || s.has(RST));
                right.then_some(()).ok_or_else(|| "ends nothing".to_owned())
            }
            Says::OfConnection if client.is_none() && service.is_none() => {
                wrong("is none of the connection's")
            }
            Says::CountedIcmp => {
                let about = |frame: &Frame| match frame.what {
                    What::Icmp { kind: 3, about, .. } => about,
                    What::Icmp { .. } | What::Arp { .. } | What::Tcp { .. } | What::Other => None,
                };
                // Those of one connection.
                let icmp = |other: &&Frame| about(other).is_some() && about(other) == about(frame);
                let to = mention.to.unwrap_or(frame.number);
                let between = self.frames.iter().filter(|other| same_way(frame, other));
                let between = between.filter(|other| (frame.number..=to).contains(&other.number));
                let counted = between.filter(icmp).count();
                let words: Vec<&str> = clause.split_whitespace().collect();
                let at = words.iter().rposition(|word| *word == "of");
                let said = at.and_then(|at| words.get(at.checked_sub(1)?)?.parse::<usize>().ok());
                (icmp(&frame) && said == Some(counted))
                    .then_some(())
                    .ok_or_else(|| format!("{counted} ICMP errors are there"))
            }
            Says::Repeats => self.repeats(mention, frame),
            Says::Again if !self.is_repetition(frame) => wrong("was sent for the first time"),
            Says::OfClient if client.is_none() => wrong("is no segment of the client"),
            Says::Arrived => self.arrived(mention, frame),
            Says::Untranslated => {
                let right =
                    tcp(frame).is_some_and(|s| s.source != self.record.service) && self.is_real(frame.from);
                right.then_some(()).ok_or_else(|| "comes from the VIP".to_owned())
            }
            Says::Refuses if tcp(frame).is_none_or(|s| !s.has(RST)) || !self.is_from(frame, "client") => {
                wrong("is no RST of the client")
            }
            Says::Wrapped if !matches!(frame.what, What::Tcp { tunneled: true, .. }) => {
                wrong("is not wrapped")
            }
            Says::ServerError => {
                let error = service.is_some_and(|s| matches!(s.payload.as_slice(), [_, _, _, _, 0xff, ..]));
                error.then_some(()).ok_or_else(|| "is no ERR".to_owned())
            }
            Says::Answer
            | Says::Reached
            | Says::Closed
            | Says::Probe
            | Says::Bare
            | Says::Closes
            | Says::OfConnection
            | Says::OfService
            | Says::Again
            | Says::OfClient
            | Says::Refuses
            | Says::Wrapped => Ok(()),
        }
    }

    /// A probe repeats the byte before the next one, or nothing at that place (net/ipv4/tcp_output.c,
    /// `tcp_xmit_probe_skb`).
    fn is_probe(&self, frame: &'a Frame) -> bool {
        let Some(mine) = tcp(frame) else { return false };
        let sent = self.before(frame).map(|(_, segment)| segment.end());
        let next = sent.reduce(|one, other| {
            if other.wrapping_sub(one) < 1 << 31 {
                other
            } else {
                one
            }
        });
        mine.length <= 1 && mine.has(ACK) && next.is_none_or(|next| mine.sequence == next.wrapping_sub(1))
    }

    /// `sent the same 13 bytes 16 more times (packets 32 to 96 on client)`.
    fn repeats(&self, mention: &Mention<'_>, frame: &'a Frame) -> Result<(), String> {
        let first = self.of_client(frame).ok_or("is no segment of the client")?;
        let last = mention
            .to
            .and_then(|to| self.frame(to))
            .ok_or("to which packet?")?;
        if self.is_repetition(frame) {
            return Err(format!("packet {} was sent before", frame.number));
        }
        if !self.is_repetition(last) {
            return Err(format!("packet {} is no repetition", last.number));
        }
        let same = mention.clause.contains("the same ");
        let repetitions = self.frames.iter().filter(|other| {
            let between =
                frame.number < other.number && other.number <= last.number && same_way(frame, other);
            let segment = self
                .of_client(other)
                .filter(|s| s.source == first.source && s.length > 0);
            let right = segment.is_some_and(|s| {
                if same {
                    s.sequence == first.sequence
                } else {
                    self.is_repetition(other)
                }
            });
            between && right
        });
        let words: Vec<&str> = mention.clause.split_whitespace().collect();
        let number = |before: &str| {
            let at = words.iter().rposition(|word| *word == before)?;
            words.get(at.checked_sub(1)?)?.parse::<usize>().ok()
        };
        let counted = repetitions.count();
        if number("more") != Some(counted) {
            return Err(format!("{counted} repetitions are there"));
        }
        if same && number("bytes") != usize::try_from(first.length).ok() {
            return Err(format!("packet {} carries {} bytes", frame.number, first.length));
        }
        Ok(())
    }

    /// `arrived at the director 17 times (packet 33, …, to packet 97, …)`.
    fn arrived(&self, mention: &Mention<'_>, frame: &'a Frame) -> Result<(), String> {
        let first = self.of_client(frame).ok_or("is no segment of the client")?;
        if !self.is_to(frame, &frame.host) {
            return Err("did not arrive".to_owned());
        }
        let Some(last) = mention.to else { return Ok(()) };
        let arrived = self.frames.iter().filter(|other| {
            let between = frame.number <= other.number && other.number <= last && other.host == frame.host;
            let segment = self.of_client(other).filter(|s| s.source == first.source);
            between && segment.is_some_and(|s| overlap(s, first)) && self.is_to(other, &other.host)
        });
        let counted = arrived.count();
        let words = mention.clause.trim_end().rsplit(' ').collect::<Vec<_>>();
        let said = match words.as_slice() {
            ["once", ..] => Some(1),
            ["twice", ..] => Some(2),
            ["times", number, ..] => number.parse().ok(),
            _ => None,
        };
        match said {
            Some(said) if said != counted => Err(format!("it arrived {counted} times")),
            Some(_) | None => Ok(()),
        }
    }
}

/// What words say of the packet whose number follows.
#[derive(Debug, Clone, Copy)]
enum Says {
    Kind(&'static str),
    Query,
    Answer,
    PassedOn,
    Reached,
    Closed,
    Login,
    Probe,
    Bare,
    Closes,
    OfService,
    OfClient,
    Acknowledges,
    Asks,
    AsksForService,
    AsksForServer,
    Ends,
    OfConnection,
    CountedIcmp,
    Repeats,
    Again,
    Arrived,
    Untranslated,
    Refuses,
    Wrapped,
    ServerError,
}

/// Words and what they say; of several in a clause the last counts.
const WORDS: &[(&str, Says)] = &[
    ("SYN", Says::Kind("SYN")),
    ("SYN-ACK", Says::Kind("SYN-ACK")),
    ("RST", Says::Kind("RST")),
    ("FIN", Says::Kind("FIN")),
    ("ICMP network unreachable", Says::Kind("ICMP network unreachable")),
    ("ICMP host unreachable", Says::Kind("ICMP host unreachable")),
    ("ICMP port unreachable", Says::Kind("ICMP port unreachable")),
    ("ICMP error", Says::Kind("ICMP error")),
    ("query `", Says::Query),
    ("answered", Says::Answer),
    ("answered directly", Says::Answer),
    ("without passing the director", Says::Answer),
    ("greeted the client", Says::Answer),
    ("passed on", Says::PassedOn),
    ("passed it on", Says::PassedOn),
    ("passed that on", Says::PassedOn),
    ("scheduled it to", Says::PassedOn),
    ("reached", Says::Reached),
    ("had it", Says::Reached),
    ("closed the connection", Says::Closed),
    ("login", Says::Login),
    ("keepalive probe", Says::Probe),
    ("it reset the connection", Says::Kind("RST")),
    ("window update", Says::Bare),
    ("closed its window", Says::Closes),
    ("window probes", Says::OfService),
    ("said the last that it could", Says::OfService),
    ("acknowledgement", Says::Bare),
    ("acknowledgement of the SYN-ACK", Says::Bare),
    ("acknowledged", Says::Acknowledges),
    ("acknowledged the client's query `", Says::Acknowledges),
    ("reached the client", Says::Answer),
    ("the answer left", Says::Answer),
    ("were lost", Says::PassedOn),
    ("Ethernet address of", Says::Asks),
    ("question for the VIP's Ethernet address", Says::AsksForService),
    ("for which nobody answered", Says::Asks),
    ("alone, ", Says::Asks),
    ("asked everybody", Says::AsksForServer),
    ("asked by itself", Says::Probe),
    ("ended the wait", Says::Ends),
    ("last sign of the other side", Says::OfService),
    ("Nothing had passed between the client and ", Says::OfConnection),
    ("of them came", Says::CountedIcmp),
    ("without having read all that had arrived", Says::OfConnection),
    ("more times", Says::Repeats),
    ("sent the segment", Says::Again),
    ("arrived at the director", Says::Arrived),
    (
        "address to which the client has no connection",
        Says::Untranslated,
    ),
    ("refused it", Says::Refuses),
    ("another IP packet", Says::Wrapped),
    ("error of its own", Says::ServerError),
    ("accepts connections on behalf", Says::Kind("SYN-ACK")),
    ("dropped", Says::OfClient),
    ("client's segment", Says::OfClient),
];

/// The packets that a text names in brackets.
fn mentions(text: &str) -> Vec<Mention<'_>> {
    let mut found = Vec::new();
    let mut clause_from = 0;
    for (open, close) in brackets(text) {
        let inside = text.get(open + 1..close).unwrap_or_default();
        let clause = text.get(clause_from..open).unwrap_or_default();
        // After a paragraph's last sentence, what shows it is listed.
        let listed = ["step", "snapshot", "event", "server"]
            .iter()
            .any(|word| inside.starts_with(word));
        let said = clause.trim_end().trim_end_matches(')').ends_with('.');
        if listed || (said && inside.starts_with("packet")) {
            continue;
        }
        let before = found.len();
        read(clause, inside, &mut found);
        if found.len() > before {
            clause_from = close + 1;
        }
    }
    found
}

/// Outermost brackets.
fn brackets(text: &str) -> Vec<(usize, usize)> {
    let (mut found, mut depth, mut open, mut quoted) = (Vec::new(), 0, 0, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '`' => quoted = !quoted,
            '(' if !quoted => {
                if depth == 0 {
                    open = at;
                }
                depth += 1;
            }
            ')' if !quoted && depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    found.push((open, at));
                }
            }
            _ => {}
        }
    }
    found
}

/// `packet 33, at 1s on director, to packet 97, at 14m2s`, `packets 32 to 96 on client`,
/// `packet 3, 4, 5 on client`.
fn read<'t>(clause: &'t str, inside: &'t str, found: &mut Vec<Mention<'t>>) {
    let words: Vec<&'t str> = inside.split_whitespace().collect();
    let bare = |at: usize| {
        words
            .get(at)
            .map(|word: &&'t str| word.trim_end_matches([',', ';']))
    };
    let number = |at: usize| bare(at).and_then(|word| word.parse::<u32>().ok());
    let mut at = 0;
    let first_of_group = found.len();
    while at < words.len() {
        let named = matches!(words.get(at), Some(&"packet" | &"packets"));
        at += 1;
        let Some(packet) = number(at).filter(|_| named) else {
            continue;
        };
        let again = at >= 2 && words.get(at - 2) == Some(&"to");
        // What stands before the packet within the brackets is part of what is said of it.
        let clause = if at >= 2
            && found.len() == first_of_group
            && !matches!(words.first(), Some(&"packet" | &"packets" | &"first" | &"last"))
        {
            inside.split("packet").next().unwrap_or(clause)
        } else {
            clause
        };
        let mut mention = Mention {
            clause,
            packet,
            to: None,
            at: None,
            host: None,
            again,
        };
        at += 1;
        let mut more = Vec::new();
        if words.get(at) == Some(&"to") && number(at + 1).is_some() {
            mention.to = number(at + 1);
            at += 2;
        }
        while let Some(next) = number(at) {
            more.push(next);
            at += 1;
        }
        if words.get(at) == Some(&"at") {
            mention.at = bare(at + 1);
            at += 2;
        }
        if words.get(at) == Some(&"on") {
            mention.host = bare(at + 1);
        } else if bare(at) == Some("there") {
            mention.host = Some("there");
        }
        if again && let Some(first) = found.get_mut(first_of_group..).and_then(<[_]>::first_mut) {
            first.to = Some(packet);
            mention.host = mention.host.or(first.host);
        }
        let others = more.into_iter().map(|packet| Mention {
            packet,
            ..mention.clone()
        });
        let others: Vec<_> = others.collect();
        found.push(mention);
        found.extend(others);
    }
}

fn tcp(frame: &Frame) -> Option<&Tcp> {
    match &frame.what {
        What::Tcp { segment, .. } => Some(segment),
        What::Icmp { .. } | What::Arp { .. } | What::Other => None,
    }
}

/// Do they carry some of the same bytes; or, where one carries none, the same number?
fn overlap(one: &Tcp, other: &Tcp) -> bool {
    let before = |a: u32, b: u32| b.wrapping_sub(a) < u32::MAX / 2 && a != b;
    let both = one.sequence != one.end() && other.sequence != other.end();
    if both {
        before(one.sequence, other.end()) && before(other.sequence, one.end())
    } else {
        one.length == other.length && one.sequence == other.sequence
    }
}

/// The earlier of two sequence numbers, which wrap (RFC 9293, 3.4).
fn earlier(one: u32, other: u32) -> u32 {
    if other.wrapping_sub(one) > u32::MAX / 2 {
        other
    } else {
        one
    }
}

/// Seen on the same interface, from the same host.
fn same_way(one: &Frame, other: &Frame) -> bool {
    one.host == other.host && one.from == other.from
}

fn tail(text: &str) -> &str {
    let from = text.char_indices().rev().nth(60).map_or(0, |(at, _)| at);
    text.get(from..).unwrap_or(text)
}

/// `once`, `twice`, `16 times`.
fn count(text: &str) -> Option<usize> {
    match text {
        "once" => Some(1),
        "twice" => Some(2),
        _ => text.strip_suffix(" times")?.parse().ok(),
    }
}

/// Is this the time that the text says, as far as it was rounded?
fn same_span(nanos: i64, text: &str) -> Result<(), String> {
    let (said, slack) = span(text).ok_or_else(|| format!("`{text}` is no time"))?;
    ((nanos - said).abs() <= slack)
        .then_some(())
        .ok_or_else(|| format!("{nanos} ns are not {text}"))
}

/// A time as reports write it, and by how much it may have been rounded: both in nanoseconds.
fn span(text: &str) -> Option<(i64, i64)> {
    const MS: i64 = 1_000_000;
    match text {
        "<1ms" => return Some((0, MS)),
        "0s" => return Some((0, MS)),
        _ => {}
    }
    if let Some(millis) = text.strip_suffix("ms") {
        return Some((millis.parse::<i64>().ok()? * MS, MS / 2 + 1));
    }
    let (mut sum, mut number, mut coarse) = (0, String::new(), false);
    for letter in text.chars() {
        let unit = match letter {
            'h' => 3600.0,
            'm' => 60.0,
            's' => 1.0,
            '0'..='9' | '.' => {
                number.push(letter);
                continue;
            }
            _ => return None,
        };
        coarse |= letter != 's';
        #[expect(clippy::cast_possible_truncation, reason = "a day has 86,400 seconds")]
        let nanos = (number.parse::<f64>().ok()? * unit * 1e9).round() as i64;
        sum += nanos;
        number.clear();
    }
    let slack = if coarse { 500 * MS } else { 5 * MS };
    number.is_empty().then_some((sum, slack + 1))
}

#[cfg(test)]
mod tests {
    use super::{Mention, mentions, span};

    #[test]
    fn packets_are_found_in_brackets() {
        let text = "It arrived twice (packet 3, at 1s on director, to packet 5, at 2s), `(packet 9)`, twice \
            more (packets 7 to 8 on client).";
        let found: Vec<_> = mentions(text)
            .iter()
            .map(
                |Mention {
                     packet, to, at, host, ..
                 }| (*packet, *to, *at, *host),
            )
            .collect();
        assert_eq!(
            found,
            [
                (3, Some(5), Some("1s"), Some("director")),
                (5, None, Some("2s"), Some("director")),
                (7, Some(8), None, Some("client")),
            ]
        );
    }

    #[test]
    fn times_are_read_as_far_as_they_were_rounded() {
        assert_eq!(span("219ms"), Some((219_000_000, 500_001)));
        assert_eq!(span("3.05s"), Some((3_050_000_000, 5_000_001)));
        assert_eq!(span("16m5s"), Some((965_000_000_000, 500_000_001)));
        assert_eq!(span("soon"), None);
    }
}
