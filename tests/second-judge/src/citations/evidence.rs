//! Pieces of evidence: one sentence each, with the packets that are to show it.

use super::text::{count, same_span, span};
use super::{Cell, earlier};
use crate::capture::{ACK, FIN, Frame, RST, SYN, What};
use crate::mysql::{Answer, Request};
use crate::probes::probed;

impl<'a> Cell<'a> {
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
        if let Some((counts, said)) = what.split_once(" attempts of the probe ") {
            return self.probe(counts, said, &frames);
        }
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
                let right = by == "a host that is none of the lab's" || self.is_made_by(first, by);
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

    /// `all 9`, `fresh were answered`; or `2 of 9`, `fresh got no answer (2 refused); the longest outage
    /// began 3s and lasted 1.2s`.
    fn probe(&self, counts: &str, said: &str, frames: &[&'a Frame]) -> Result<(), String> {
        let (name, said) = said.split_once(' ').ok_or("no probe is named")?;
        let all = probed(self.record, self.frames);
        let own = all.iter().find(|own| own.probe == name);
        let own = own.ok_or_else(|| format!("there is no probe {name}"))?;
        let lost = own.attempts - own.answered;
        let told = match said {
            "were answered" => format!("all {}", own.attempts),
            _ => format!("{lost} of {}", own.attempts),
        };
        if told != counts || (lost == 0) != (said == "were answered") {
            return Err(format!("the packets say {told}"));
        }
        if let Some((_, time)) = said.rsplit_once(" and lasted ") {
            let time = time
                .strip_suffix(", to the end of the observation")
                .unwrap_or(time);
            same_span(own.longest, time)?;
        }
        self.each(frames, |frame| self.on(frame, "probe"))
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
            "the client asked for the VIP's Ethernet address, and nobody answered"
            | "the client asked for its router's Ethernet address, and nobody answered" => match frame.what {
                What::Arp {
                    operation: 1, target, ..
                } if target == self.record.first_hop()
                    && sent.contains("router") == (target != self.record.service.0) =>
                {
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
    pub(super) fn query(&self, frame: &'a Frame, sql: &str) -> Result<(), String> {
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
        // An echo server says nothing before it is asked: a connect to it is answered by the SYN-ACK.
        if self.record.echo && segment.has(SYN) && segment.has(ACK) {
            return Ok(());
        }
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
            if by != "a host that is none of the lab's" && !self.is_made_by(frame, by) {
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
            let right = by == "a host that is none of the lab's" || self.is_made_by(frame, by);
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
}
