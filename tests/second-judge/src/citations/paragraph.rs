//! Paragraphs of an explanation: what the words before a packet's number say of it.

use super::text::{Mention, mentions, tail};
use super::{Cell, overlap, same_way, tcp};
use crate::capture::{ACK, FIN, Frame, RST, SYN, Tcp, What};

impl<'a> Cell<'a> {
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
        // A director that is named goes for one.
        let clause = self.record.directors().fold(clause.to_owned(), |clause, name| {
            clause.replace(&format!("through {name}"), "through the director")
        });
        let clause = clause.as_str();
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
            Says::Answer if !self.is_made_by_a_real_server(frame) => {
                wrong("does not come from a real server")
            }
            Says::Answer if service.is_none_or(|s| s.length == 0 && !s.has(SYN)) => wrong("answers nothing"),
            Says::PassedOn if clause.contains("the router passed on as it was") => {
                let right = self.is_from(frame, "router")
                    && self.record.directors().any(|name| self.is_made_by(frame, name));
                right
                    .then_some(())
                    .ok_or_else(|| "is no segment of the director's from the router".to_owned())
            }
            Says::PassedOn if !(self.record.is_director(&frame.host) && self.is_from(frame, &frame.host)) => {
                wrong("was not sent by the director")
            }
            Says::PassedOn if !self.is_real(frame.to) => wrong("does not go to a real server"),
            Says::PassedOn => match self
                .last_host(before)
                .filter(|name| !self.record.is_director(name))
            {
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
                // A director that translates had it from a server, which spoke with its own address. Behind a
                // source NAT the server spoke to the router's.
                let router = self.record.host("router").map(|router| router.address);
                let same = |said: &Tcp, s: &Tcp| {
                    let numbers = |s: &Tcp| (s.sequence, s.acknowledgement, s.target.1);
                    let to_client = s.target.0 == said.target.0 || Some(s.target.0) == router;
                    numbers(s) == numbers(said) && to_client
                };
                let of_server = |said: &Tcp| {
                    let mut frames = self.frames.iter().filter(|other| self.is_real(other.from));
                    frames.any(|other| tcp(other).is_some_and(|s| same(said, s)))
                };
                let right = service.is_some_and(|s| s.has(ACK) && of_server(s));
                right
                    .then_some(())
                    .ok_or_else(|| "is no acknowledgement of a server".to_owned())
            }
            Says::Asks => match frame.what {
                What::Arp {
                    operation: 1, target, ..
                } => {
                    let of = clause.rsplit("Ethernet address of ").next().unwrap_or_default();
                    let name = self.last_host(before).and_then(|name| self.record.host(name));
                    let right = match of.trim_start() {
                        of if of.starts_with("its router") => target == self.record.first_hop(),
                        of if of.starts_with("the VIP") => target == self.record.service.0,
                        _ => name.is_none_or(|host| host.address == target),
                    };
                    right
                        .then_some(())
                        .ok_or_else(|| "asks for another address".to_owned())
                }
                What::Arp { .. } | What::Tcp { .. } | What::Icmp { .. } | What::Other => {
                    wrong("is no ARP request")
                }
            },
            Says::AsksForService => {
                let service = self.record.first_hop();
                let right = matches!(frame.what, What::Arp { operation: 1, target, .. } if target == service);
                right
                    .then_some(())
                    .ok_or_else(|| "does not ask for the VIP's address, or the router's".to_owned())
            }
            Says::SpeaksForService => {
                let service = self.record.service.0;
                let right = matches!(frame.what, What::Arp { operation: 2, sender, .. } if sender == service);
                (right && self.is_real(frame.from))
                    .then_some(())
                    .ok_or_else(|| "is no ARP reply of a real server for the VIP".to_owned())
            }
            Says::Announces => {
                let service = self.record.service.0;
                let own = |sender, target| sender == service && target == service;
                let right = matches!(frame.what, What::Arp { sender, target, .. } if own(sender, target));
                let by = self.is_from_director(frame);
                (right && by)
                    .then_some(())
                    .ok_or_else(|| "is no gratuitous ARP of a director for the VIP".to_owned())
            }
            Says::HasVip => {
                let service = self.record.service.0;
                let right = matches!(frame.what, What::Arp { operation: 2, sender, .. } if sender == service);
                let by = self.is_from_director(frame);
                (right && by)
                    .then_some(())
                    .ok_or_else(|| "is no ARP reply of a director for the VIP".to_owned())
            }
            Says::HasTheGateway => {
                let What::Arp {
                    operation: 2, sender, ..
                } = frame.what
                else {
                    return wrong("is no ARP reply");
                };
                // The host had asked for that address, and it is not the VIP.
                let mut before = self.frames.iter().take_while(|one| one.number < frame.number);
                let asked = before.any(|one| {
                    let asks = matches!(one.what, What::Arp { operation: 1, target, .. } if target == sender);
                    asks && one.host == frame.host
                });
                let right = asked && sender != self.record.service.0 && self.is_from_director(frame);
                right
                    .then_some(())
                    .ok_or_else(|| "is no answer of a director to who asked for its gateway".to_owned())
            }
            Says::Redirect => {
                let right = matches!(frame.what, What::Icmp { kind: 5, .. });
                let by = self.is_from_director(frame);
                (right && by)
                    .then_some(())
                    .ok_or_else(|| "is no ICMP redirect of a director".to_owned())
            }
            Says::Fragment => {
                let last = mention.to.and_then(|to| self.frame(to));
                let sent =
                    |frame: &Frame| self.record.is_director(&frame.host) && self.is_from(frame, &frame.host);
                let both = [Some(frame), last].into_iter().flatten();
                let right = both
                    .into_iter()
                    .all(|frame| sent(frame) && self.is_real(frame.to));
                right
                    .then_some(())
                    .ok_or_else(|| "was not sent by the director to a real server".to_owned())
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
            Says::OfConnection if client.is_none() && service.is_none() && !self.is_untranslated(frame) => {
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
            Says::CameToRouter => {
                let right = self.is_to(frame, "router") && (client.is_some() || service.is_some());
                right
                    .then_some(())
                    .ok_or_else(|| "did not come to the router".to_owned())
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
            Says::Translated => {
                let right = self.is_from_director(frame) && service.is_some_and(|s| s.length > 0);
                right
                    .then_some(())
                    .ok_or_else(|| "is no answer of the VIP's from a director".to_owned())
            }
            Says::AsItWas => {
                let of_server = |s: &Tcp| self.record.hosts.iter().any(|host| host.address == s.source.0);
                let right = self.is_from_director(frame) && tcp(frame).is_some_and(of_server);
                right
                    .then_some(())
                    .ok_or_else(|| "is no segment of a real server's from a director".to_owned())
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

    /// Is it a segment of a real server's to the client, with the server's own address?
    fn is_untranslated(&self, frame: &Frame) -> bool {
        let to_client = |segment: &Tcp| {
            let client = self.record.host("client");
            client.is_some_and(|client| client.addresses.contains(&segment.target.0))
        };
        self.is_made_by_a_real_server(frame) && tcp(frame).is_some_and(to_client)
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
                    // Of other segments, such as the last one (a tail loss probe), it does not speak.
                    overlap(s, first) && self.is_repetition(other)
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
    Translated,
    AsItWas,
    Refuses,
    Wrapped,
    ServerError,
    SpeaksForService,
    CameToRouter,
    Announces,
    HasVip,
    HasTheGateway,
    Redirect,
    Fragment,
}

/// Words and what they say; of several in a clause the last counts.
const WORDS: &[(&str, Says)] = &[
    ("SYN", Says::Kind("SYN")),
    ("came back to the director", Says::Untranslated),
    ("answer to the client itself", Says::Untranslated),
    ("the VIP has its Ethernet address", Says::SpeaksForService),
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
    ("answered through the director", Says::Translated),
    ("the VIP as its source", Says::Translated),
    ("is still in its table", Says::Translated),
    ("as it was, from", Says::AsItWas),
    ("its own address as the source", Says::Untranslated),
    ("without passing the director", Says::Answer),
    ("greeted the client", Says::Answer),
    ("passed on", Says::PassedOn),
    ("passed it on", Says::PassedOn),
    ("passed that on", Says::PassedOn),
    ("scheduled it to", Says::PassedOn),
    ("reached", Says::Reached),
    ("was there", Says::OfConnection),
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
    ("was lost", Says::PassedOn),
    ("were lost", Says::PassedOn),
    ("lost before the director", Says::OfClient),
    ("Ethernet address of", Says::Asks),
    ("question for the VIP's Ethernet address", Says::AsksForService),
    ("question for its router's Ethernet address", Says::AsksForService),
    ("came to the router", Says::CameToRouter),
    ("refused it with an RST", Says::Kind("RST")),
    ("with the client's own address", Says::Arrived),
    ("for which nobody answered", Says::Asks),
    ("alone, ", Says::Asks),
    ("asked everybody", Says::AsksForServer),
    ("asked by itself", Says::Probe),
    ("until the first probe", Says::Probe),
    ("ended the wait", Says::Ends),
    ("last sign of the other side", Says::OfService),
    ("Nothing had passed between the client and ", Says::OfConnection),
    ("of them came", Says::CountedIcmp),
    ("without having read all that had arrived", Says::OfConnection),
    ("more times", Says::Repeats),
    ("sent the segment", Says::Again),
    ("sent it again", Says::Again),
    ("to this client just before", Says::Kind("ICMP port unreachable")),
    ("has none such", Says::Reached),
    ("arrived at the director", Says::Arrived),
    ("its RST came from an address", Says::Untranslated),
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
    ("since ", Says::OfConnection),
    ("answered the client's query `", Says::Answer),
    ("gratuitous ARP", Says::Announces),
    ("arrived at director", Says::Arrived),
    ("passed the connection on before", Says::PassedOn),
    ("segment of it arrived there", Says::Arrived),
    ("by its own timer, went to", Says::Again),
    ("next repetition went to", Says::Again),
    ("said that it has the VIP", Says::HasVip),
    ("said that it has that address now", Says::HasTheGateway),
    ("as a router does", Says::Arrived),
    ("ICMP redirect", Says::Redirect),
    ("fragments", Says::Fragment),
];
