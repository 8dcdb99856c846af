//! What the client lived through, read from its own interface.
//!
//! - The last thing that the client was told to do in `act` is judged.
//! - It is *answered* when the last byte of the server's answer has reached the client: the answer to the
//!   login for a connect, that to the statement for a query. It *fails* when the server answers with an
//!   error, or when the client says that it is over without an answer. Else it is still *waiting* at the end
//!   of the observation.
//! - Between the moment at which patience begins to count and that end, the longest time without anything new
//!   from the servers is the silence. A silence that is longer than patience is a hang.

use crate::capture::{ACK, Frame, RST, SYN, What};
use crate::connection::{Connection, connections, filtered};
use crate::mysql::{Answer, Exchange, Request};
use crate::record::{Operation, Record};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What the client lived through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// It got its answer, and never waited longer than patience.
    Answered,
    /// It got an error, and never waited longer than patience.
    FailedFast,
    /// It waited longer than patience.
    Hung,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By an answer.
    Answer,
    /// By an error.
    Error,
    /// Not before the observation did.
    None,
}

/// A judgement.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// What the client lived through; or why that cannot be told.
    pub behaviour: Result<Behaviour, &'static str>,
    /// How it ended.
    pub end: End,
    /// When it ended, or the observation did; nanoseconds since 1970.
    pub ended: i64,
    /// The longest time without anything new from a server.
    pub silence: i64,
    /// The server's error number, if it answered with an error.
    pub server_error: Option<u16>,
    /// The host whose segments answered the connection; without an answer the real server that its segments
    /// reached.
    pub served_by: Option<String>,
}

/// Judges a cell.
///
/// # Errors
/// If the client was told nothing in `act` that it reached.
pub fn judge(record: &Record, frames: &[Frame]) -> Result<Judgement, &'static str> {
    let operation = record
        .operation()
        .ok_or("the client did nothing in `act` that is judged")?;
    let connections = connections(record, frames, operation.ended);
    let concerned = concerned(record, operation, &connections);
    let (mut end, mut server_error) = (if operation.waiting { End::None } else { End::Error }, None);
    let mut ended = operation.ended;
    let answer = if record.echo {
        opened(&concerned)
    } else {
        answer(operation, &concerned)
    };
    match answer {
        // A client that has stopped reading has its answer when it has read on, wherever the rest was until
        // then.
        Some(Answer::Good { at, .. }) if operation.paused => {
            (end, ended) = (End::Answer, at.max(operation.due))
        }
        Some(Answer::Good { at, .. }) => (end, ended) = (End::Answer, at),
        Some(Answer::Error { code, at, .. }) => (end, ended, server_error) = (End::Error, at, Some(code)),
        Some(Answer::Open) | None => {}
    }
    let news = concerned.iter().flat_map(|connection| &connection.news).copied();
    let silence = longest(operation.due, ended, news);
    let hung = silence > record.patience;
    let behaviour = match end {
        _ if lost(&concerned).is_some() && end != End::Answer => {
            Err("the connection's bytes cannot be followed")
        }
        _ if nothing_sent(record, frames, operation, &concerned) => Err("the client sent nothing"),
        End::Answer | End::Error | End::None if hung => Ok(Behaviour::Hung),
        End::Answer => Ok(Behaviour::Answered),
        End::Error => Ok(Behaviour::FailedFast),
        End::None => Err("it was not watched as long as patience lasts"),
    };
    Ok(Judgement {
        behaviour,
        end,
        ended,
        silence,
        server_error,
        // A connection that was begun after the end may be among them.
        served_by: concerned
            .iter()
            .rev()
            .find_map(|connection| served_by(record, frames, connection, operation.ended)),
    })
}

/// The connections that an operation is about: with the driver the one of its name; any other program may
/// have opened one, and tried again on another, as it liked.
fn concerned<'c, 'a>(
    record: &Record,
    operation: &Operation,
    connections: &'c [Connection<'a>],
) -> Vec<&'c Connection<'a>> {
    let opened_by = |opener: &Operation| {
        let window = opener.began..=opener.ended;
        let mut during = connections
            .iter()
            .filter(move |connection| window.contains(&connection.began()));
        match opener.port {
            Some(port) => during.find(|connection| connection.port == port),
            None => during.next(),
        }
    };
    if record.driver {
        let opener = record.operations.iter().filter(|other| {
            other.sql.is_none() && other.on == operation.on && other.number <= operation.number
        });
        return opener
            .max_by_key(|opener| opener.number)
            .and_then(opened_by)
            .into_iter()
            .collect();
    }
    let new = |connection: &&Connection<'_>| connection.began() >= operation.began;
    let mut concerned: Vec<_> = connections.iter().filter(new).collect();
    if operation.sql.is_some() {
        let spoke =
            |connection: &Connection<'_>| connection.sent.iter().any(|(at, _, _)| *at >= operation.began);
        let old: Vec<_> = connections.iter().filter(|connection| !new(connection)).collect();
        let last = old.last().map(|connection| connection.began());
        let used = |connection: &&Connection<'_>| spoke(connection) || Some(connection.began()) == last;
        concerned.splice(0..0, old.into_iter().filter(used));
    }
    concerned
}

/// The answer to a connect of which nothing more is awaited than TCP's handshake.
fn opened(concerned: &[&Connection<'_>]) -> Option<Answer> {
    let mut all = concerned.iter().flat_map(|connection| connection.accepted());
    let (at, first, _) = all.find(|(_, _, segment)| segment.has(SYN))?;
    Some(Answer::Good { at, first })
}

/// The last answer to what the operation asked; `None` if nothing was asked.
fn answer(operation: &Operation, concerned: &[&Connection<'_>]) -> Option<Answer> {
    let exchanges = concerned.iter().flat_map(|connection| &connection.talk.exchanges);
    match &operation.sql {
        // A program that says more after its login has logged in when that is answered, too.
        None => {
            let last = concerned.last()?;
            let asked = last
                .talk
                .exchanges
                .iter()
                .filter(|exchange| exchange.request != Request::Quit);
            asked.map(|exchange| exchange.answer).next_back()
        }
        Some(sql) => {
            let mine = exchanges.filter(|exchange| asks(exchange, sql) && exchange.sent >= operation.began);
            mine.max_by_key(|exchange| exchange.sent)
                .map(|exchange| exchange.answer)
        }
    }
}

/// Is it this statement? One that was sent in part only is known by its beginning.
fn asks(exchange: &Exchange, sql: &str) -> bool {
    let sql = sql.as_bytes();
    match &exchange.request {
        Request::Query(text) => {
            text.windows(sql.len().max(1)).any(|part| part == sql)
                || (!text.is_empty() && sql.starts_with(text))
        }
        Request::Login | Request::Quit | Request::Other(_) => false,
    }
}

fn lost(concerned: &[&Connection<'_>]) -> Option<&'static str> {
    concerned.iter().find_map(|connection| connection.talk.lost)
}

/// Did the client send nothing at all for it, though its connection was open? A question by ARP counts as
/// something.
fn nothing_sent(
    record: &Record,
    frames: &[Frame],
    operation: &Operation,
    concerned: &[&Connection<'_>],
) -> bool {
    let window = operation.began..=operation.ended;
    let mut segments = concerned.iter().flat_map(|connection| &connection.sent);
    let mut arp = frames.iter().filter(|frame| {
        let asks =
            matches!(frame.what, What::Arp { operation: 1, target, .. } if target == record.first_hop());
        frame.host == "client" && asks && record.by_mac(frame.from) == Some("client")
    });
    let over = concerned
        .iter()
        .any(|connection| connection.over_before(operation.began));
    let sent =
        segments.any(|(at, _, segment)| window.contains(at) && (segment.length > 0 || segment.has(SYN)));
    // What the client's own firewall holds back was sent, too, as far as its TCP is concerned.
    let held_back = |(from, to): &(i64, i64)| *from < operation.ended && operation.began < *to;
    let mute = filtered(record, "output").iter().any(held_back);
    // One that an earlier operation had lost: what gave it up may have sent nothing.
    let lost = record.operations.iter().any(|other| {
        other.failed && other.sql.is_some() && other.on == operation.on && other.number < operation.number
    });
    !sent && !over && !lost && !mute && !arp.any(|frame| window.contains(&frame.at))
}

/// The longest time between two of: the beginning, each of `news` after it, the end.
fn longest(from: i64, to: i64, news: impl Iterator<Item = i64>) -> i64 {
    let to = to.max(from);
    let mut moments: Vec<i64> = news
        .filter(|at| (from..to).contains(at))
        .chain([from, to])
        .collect();
    moments.sort_unstable();
    let gaps = moments.windows(2).map(|pair| match pair {
        [earlier, later] => later - earlier,
        _ => 0,
    });
    gaps.max().unwrap_or(0)
}

/// Who answered: the real server whose SYN-ACK or payload reached the client. Without one, the only real
/// server that saw a segment of the client's.
fn served_by(record: &Record, frames: &[Frame], connection: &Connection<'_>, until: i64) -> Option<String> {
    let real = |name: &str| record.is_real(name);
    let known = known_as(record, frames, connection);
    let mut answered = BTreeSet::new();
    let mut reached = BTreeSet::new();
    let (first, last) = (connection.began(), until);
    for frame in frames.iter().filter(|frame| (first..=last).contains(&frame.at)) {
        let What::Tcp { segment, .. } = &frame.what else {
            continue;
        };
        let from = record.by_mac(frame.from);
        let mine = segment.target.1 == connection.port && segment.source == record.service;
        if frame.host == "client" && mine && !segment.has(RST) {
            answered.extend(from.filter(|name| real(name)));
        }
        let to = record
            .host(&frame.host)
            .is_some_and(|host| host.macs.contains(&frame.to));
        // By an edited table the director may have put the server's own address in the place of the VIP.
        let of_client = record.host("client").is_some_and(|host| {
            host.addresses.contains(&segment.source.0) || host.address == segment.source.0
        });
        let of_client = of_client && segment.source.1 == connection.port;
        if real(&frame.host) && to && (of_client || known.contains(&segment.source)) {
            reached.insert(frame.host.as_str());
        }
    }
    let one =
        |names: BTreeSet<&str>| (names.len() == 1).then(|| names.into_iter().next().map(str::to_owned))?;
    if answered.is_empty() {
        one(reached)
    } else {
        one(answered)
    }
}

/// What a router has put in the place of the client's address and port: those of the SYNs of the same number
/// that it sent.
fn known_as(record: &Record, frames: &[Frame], connection: &Connection<'_>) -> BTreeSet<(IpAddr, u16)> {
    let numbers: BTreeSet<u32> = connection.syns.iter().map(|(_, _, syn)| syn.sequence).collect();
    let sent = frames
        .iter()
        .filter(|frame| record.by_mac(frame.from) == Some("router"));
    let syns = sent.filter_map(|frame| match &frame.what {
        What::Tcp { segment, .. } => Some(segment),
        What::Icmp { .. } | What::Arp { .. } | What::Other => None,
    });
    let own = syns.filter(|syn| syn.has(SYN) && !syn.has(ACK) && numbers.contains(&syn.sequence));
    own.map(|syn| syn.source).collect()
}

impl Behaviour {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::FailedFast => "failed-fast",
            Self::Hung => "hung",
        }
    }
}

impl End {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Error => "error",
            Self::None => "none",
        }
    }
}

/// What each client of many addresses reached, each time that one connected from every address: the name of
/// the real server that answered, `error` or `silence`.
#[must_use]
pub fn spread(record: &Record, frames: &[Frame]) -> Vec<Vec<String>> {
    let reached = |operation: &&Operation| {
        let connections = connections(record, frames, operation.ended);
        let mut own = connections.iter();
        let own = own.find(|connection| Some(connection.port) == operation.port);
        let opened = own.filter(|own| opened(&[own]).is_some());
        let server = opened.and_then(|own| served_by(record, frames, own, operation.ended));
        let slow = operation.waiting || operation.ended - operation.began > record.patience;
        match server {
            _ if slow => "silence".to_owned(),
            Some(server) => server,
            None => "error".to_owned(),
        }
    };
    let rounds = record.rounds();
    rounds
        .iter()
        .map(|round| round.iter().map(reached).collect())
        .collect()
}
