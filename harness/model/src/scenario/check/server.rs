//! What serves on the real servers: steps, client and expectations must be such that they fit it.

use super::Draft;
use super::findings::Findings;
use super::steps::Steps;
use crate::action::{Action, ClientAction, MysqldAction, Reaction, Request, TrafficAction};
use crate::base::ServerKind;
use crate::client::{Client, Program};
use crate::scenario::mistake::{Mistake, MistakeKind};
use crate::scenario::place::Span;
use crate::scenario::syntax::Placed;
use crate::serving;

/// What serves in the cell with these value indices.
pub(super) fn kind(draft: &Draft, choice: &[usize]) -> ServerKind {
    let values = draft.chosen(choice).map(|(_, value)| &value.added);
    let said = draft
        .lab
        .iter()
        .chain(values)
        .filter_map(|added| added.server.as_ref());
    said.last().map_or(ServerKind::default(), |kind| kind.value)
}

/// A large datagram would be sent in fragments; so much fits into one packet of any link.
const MOST_OF_A_DATAGRAM: u32 = 1024;

/// In this cell everything must fit the servers. What is said of the client is there by its key.
pub(super) fn check(
    draft: &Draft,
    choice: &[usize],
    kind: ServerKind,
    client: &Client,
    of_client: &[(&'static str, Span)],
    findings: &mut Findings,
) {
    let mut found = |mistake: Mistake| {
        let span = mistake.span;
        findings.add(|| draft.slug(choice), span, MistakeKind::WrongServer, || mistake);
    };
    for (what, span) in of_client.iter().copied() {
        let mistake = match what {
            "program" => wrong_program(kind, &client.program, span),
            setting => wrong_setting(kind, setting, span),
        };
        mistake.into_iter().for_each(&mut found);
    }
    let values = || draft.chosen(choice).map(|(_, value)| value);
    let added = draft.lab.iter().chain(values().map(|value| &value.added));
    for span in added.filter_map(|added| added.mysqld_span) {
        if !kind.is_mysql() {
            let message = format!(
                "`mysqld` says how a mysqld is set up, and `{}` is none",
                kind.as_str()
            );
            found(wrong(span, message, "no real server of these cells has one").help("leave it out"));
        }
    }
    let added = draft.lab.iter().chain(values().map(|value| &value.added));
    let program = added.filter_map(|added| added.server_program.as_ref()).last();
    match (kind, program) {
        (ServerKind::Program, Some(_))
        | (ServerKind::Mysql | ServerKind::TcpEcho | ServerKind::UdpEcho, None) => {}
        (ServerKind::Program, None) => {
            let said = draft.lab.iter().chain(values().map(|value| &value.added));
            let said = said.filter_map(|added| added.server.as_ref()).last();
            if let Some(said) = said {
                let message = "`server: program` needs a program".to_owned();
                let mistake = wrong(said.span, message, "`server-program` says which one");
                found(mistake.help("server-program: { argv: [perl, server.pl, \"{port}\"] }"));
            }
        }
        (ServerKind::Mysql | ServerKind::TcpEcho | ServerKind::UdpEcho, Some(program)) => {
            let message = format!(
                "`server-program` is a program of yours, and `{}` is none",
                kind.as_str()
            );
            found(wrong(program.span, message, "write `server: program`, too"));
        }
    }
    let added = draft.lab.iter().chain(values().map(|value| &value.added));
    for span in added.filter_map(|added| added.one_packet) {
        if kind != ServerKind::UdpEcho {
            let message = "`one-packet` is for services of UDP".to_owned();
            let mistake = wrong(span, message, format!("`{}` is reached over TCP", kind.as_str()));
            found(mistake.help(
                "IPVS ignores the flag for other protocols: net/netfilter/ipvs/ip_vs_core.c, \
                 `ip_vs_schedule`",
            ));
        }
    }
    let steps = std::iter::once(&draft.steps).chain(values().map(|value| &value.steps));
    let steps: Vec<&Placed> = steps.flat_map(Steps::all).collect();
    for step in &steps {
        wrong_step(kind, step).into_iter().for_each(&mut found);
    }
    if kind == ServerKind::UdpEcho {
        ends_with_connect(&draft.steps, draft, choice)
            .into_iter()
            .for_each(&mut found);
    }
    let covering = draft.expectations.iter().filter(|item| item.covers(choice));
    for span in covering.filter_map(|item| item.places?.error) {
        if !kind.is_mysql() {
            let message = format!("`error` is a code of MySQL, and `{}` knows none", kind.as_str());
            let mistake = wrong(span, message, "an error there has an errno only");
            found(mistake.help("write `errno`, such as 104 (ECONNRESET) or 111 (ECONNREFUSED)"));
        }
    }
}

fn wrong(span: Span, message: impl Into<String>, label: impl Into<String>) -> Mistake {
    Mistake::new(MistakeKind::WrongServer, span, message, label)
}

fn wrong_program(kind: ServerKind, program: &Program, span: Span) -> Option<Mistake> {
    let fits = match program {
        Program::EchoClient => kind.is_echo(),
        Program::StreamClient => kind == ServerKind::Program,
        Program::MysqlAsync | Program::InteractiveCli | Program::BatchCli => kind.is_mysql(),
        // Of a program's UDP sockets nobody knows which one is the client's.
        Program::Own { .. } => kind != ServerKind::UdpEcho,
    };
    let message = format!(
        "the client `{}` does not speak with `{}`",
        program.name(),
        kind.as_str()
    );
    let own = Program::of(kind);
    let label = format!("`{}` does", own.name());
    (!fits).then(|| wrong(span, message, label).help("without `program` the client is one that fits"))
}

fn wrong_setting(kind: ServerKind, setting: &str, span: Span) -> Option<Mistake> {
    let message = format!("`{setting}` is a setting of TCP, and the service is one of UDP");
    let udp = kind == ServerKind::UdpEcho;
    udp.then(|| wrong(span, message, "a UDP socket has no such option"))
}

fn wrong_step(kind: ServerKind, step: &Placed) -> Option<Mistake> {
    let key = step.action.key();
    match &step.action {
        Action::Mysqld(action) => no_mysqld(kind, action, step.span),
        Action::Client(action) => {
            let (fits, other) = match action {
                ClientAction::Query(_) => (kind.is_mysql(), "request"),
                ClientAction::StartQuery(_) => (kind.is_mysql(), "start-request"),
                ClientAction::Request(_) => (!kind.is_mysql(), "query"),
                ClientAction::StartRequest(_) => (!kind.is_mysql(), "start-query"),
                ClientAction::Connect(_)
                | ClientAction::StartConnect(_)
                | ClientAction::AwaitConnect { .. }
                | ClientAction::AbortConnect { .. }
                | ClientAction::ConnectEach { .. }
                | ClientAction::AwaitResult { .. }
                | ClientAction::Disconnect { .. } => (true, ""),
            };
            if !fits {
                let message = format!("`{key}` is not understood by `{}`", kind.as_str());
                return Some(wrong(step.span, message, format!("`{other}` is")));
            }
            let asked = match action {
                ClientAction::Request(request) | ClientAction::StartRequest(request) => Some(request),
                ClientAction::Connect(_)
                | ClientAction::StartConnect(_)
                | ClientAction::AwaitConnect { .. }
                | ClientAction::AbortConnect { .. }
                | ClientAction::ConnectEach { .. }
                | ClientAction::Query(_)
                | ClientAction::StartQuery(_)
                | ClientAction::AwaitResult { .. }
                | ClientAction::Disconnect { .. } => None,
            };
            let udp = || not_over_udp(action, step.span).filter(|_| kind == ServerKind::UdpEcho);
            asked
                .and_then(|request| not_understood(kind, request, step.span))
                .or_else(udp)
        }
        Action::Traffic(TrafficAction::AddSynproxy { .. }) if kind == ServerKind::UdpEcho => {
            let message = format!("`{key}`: nothing over UDP begins by a SYN");
            Some(wrong(step.span, message, "it is for services of TCP"))
        }
        Action::Table(_)
        | Action::Other(_)
        | Action::Host(_)
        | Action::Traffic(_)
        | Action::Wait(_)
        | Action::Watch(_) => None,
    }
}

fn no_mysqld(kind: ServerKind, action: &MysqldAction, span: Span) -> Option<Mistake> {
    let message = format!(
        "`{}`: no real server has a mysqld, but `{}`",
        action.key(),
        kind.as_str()
    );
    let label = match action.key().replace("-mysqld", "-server") {
        other if other != action.key() => format!("`{other}` speaks of any server"),
        _ if kind.is_echo() => "an echo server keeps no sessions".to_owned(),
        _ => "what sessions a program keeps is not known".to_owned(),
    };
    let mistake = wrong(span, message, label);
    (!kind.is_mysql() && action.is_of_mysqld()).then_some(mistake)
}

/// What a server of this kind does not understand of a request.
fn not_understood(kind: ServerKind, request: &Request, span: Span) -> Option<Mistake> {
    let Request {
        text,
        then,
        answer,
        payload,
        ..
    } = request;
    if kind.is_echo() {
        let bad = text.contains('=') || text.contains("  ");
        return bad.then(|| {
            wrong(
                span,
                "this is not a line that can be sent to an echo server",
                "no `=`, and single blanks between its words",
            )
            .help("words with `=` are orders to the server")
        });
    }
    let orders = [
        ("then", *then != Reaction::Answer),
        ("answer", answer.is_some()),
        ("payload", payload.is_some()),
    ];
    if let Some((what, _)) = orders.iter().find(|(_, said)| *said) {
        let message = format!("`{what}` is an order to an echo server");
        return Some(wrong(
            span,
            message,
            "what a program of yours does with a request is its own affair",
        ));
    }
    let plain = serving::bytes(text).map(|bytes| serving::text(&bytes));
    if plain.as_deref() == Some(text) && !text.contains(serving::TAKES) {
        return None;
    }
    let label = match plain {
        Some(plain) if plain != *text => format!("write `{plain}`"),
        Some(_) => "`takes` is a field of its own".to_owned(),
        None => "it has an escape that is none".to_owned(),
    };
    let message = "these are not bytes that can be sent to a program";
    let help = r"`\r`, `\n`, `\t`, `\\`, and `\xHH` for what is no character of ASCII";
    Some(wrong(span, message, label).help(help))
}

/// What cannot be done over UDP.
fn not_over_udp(action: &ClientAction, span: Span) -> Option<Mistake> {
    match action {
        ClientAction::Connect(opening) => opening.to.as_ref().map(|_| {
            wrong(
                span,
                "over UDP `connect` sends nothing, so no real server is chosen by it",
                "leave `to` out",
            )
            .help("a real server is chosen when the first request is sent; let the scheduler have only one")
        }),
        ClientAction::StartConnect(_)
        | ClientAction::AwaitConnect { .. }
        | ClientAction::AbortConnect { .. } => Some(
            wrong(
                span,
                format!(
                    "over UDP a connect is over at once: `{}` has no meaning",
                    action.key()
                ),
                "write `connect`",
            )
            .help("it opens a socket, and sends nothing"),
        ),
        ClientAction::Request(request) | ClientAction::StartRequest(request) => too_much(request, span),
        // `clients`, which it needs, are not for UDP.
        ClientAction::ConnectEach { .. }
        | ClientAction::Query(_)
        | ClientAction::StartQuery(_)
        | ClientAction::AwaitResult { .. }
        | ClientAction::Disconnect { .. } => None,
    }
}

fn too_much(request: &Request, span: Span) -> Option<Mistake> {
    let large = |bytes: Option<u32>| bytes.is_some_and(|bytes| bytes > MOST_OF_A_DATAGRAM);
    if request.then != Reaction::Answer {
        let message = format!("over UDP a server cannot `{}`", request.then.as_str());
        let mistake = wrong(span, message, "there is no connection that could be ended");
        return Some(mistake.help("a server that is silent: `takes` longer than the observation"));
    }
    (large(request.answer) || large(request.payload)).then(|| {
        wrong(
            span,
            "over UDP a request or an answer of more than `1KiB` is not supported",
            "it would be sent in fragments",
        )
    })
}

/// Over UDP a connect sends nothing: there is nothing to judge it by.
fn ends_with_connect(common: &Steps, draft: &Draft, choice: &[usize]) -> Option<Mistake> {
    let values = draft.chosen(choice).map(|(_, value)| &value.steps);
    let all = std::iter::once(common).chain(values).flat_map(|steps| &steps.act);
    let last = all.filter(|step| step.action.is_classified()).last()?;
    let opens = last.action.of_client().is_some_and(ClientAction::opens);
    opens.then(|| {
        wrong(
            last.span,
            "over UDP `connect` sends nothing: how it ends says nothing of the service",
            "the last operation of `act` is the one that is classified",
        )
        .help("let a `request` come after it")
    })
}
