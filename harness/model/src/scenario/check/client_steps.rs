//! What the client is told to do: actions that its program has, and statements that can be given to it as
//! they stand.

use super::Draft;
use super::cell_lab::CellLab;
use super::findings::Findings;
use crate::action::{ClientAction, PAYLOAD, Statement};
use crate::client::Program;
use crate::duration::Human;
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes};
use crate::scenario::place::{At, Span};
use std::time::Duration;

/// Warns of statements that are slow by what they say themselves: patience would end while a healthy server
/// sleeps.
pub(super) fn slow(draft: &Draft, mistakes: &mut Mistakes) {
    let Some((observe, _)) = draft.observe.as_ref().filter(|_| !draft.fails_without_change) else {
        return;
    };
    let steps = std::iter::once(&draft.steps).chain(draft.values().map(|value| &value.steps));
    for step in steps.flat_map(super::steps::Steps::all) {
        let Some(statement) = step.action.statement() else {
            continue;
        };
        let Some(sleeps) =
            sleeps(&statement.sql).filter(|time| *time > statement.takes.saturating_add(observe.patience))
        else {
            continue;
        };
        let message = format!(
            "this statement takes {} where all is well, beyond patience",
            Human(sleeps)
        );
        let label = match statement.takes {
            Duration::ZERO => "it says nothing of that".to_owned(),
            takes => format!("it says that it takes {}", Human(takes)),
        };
        mistakes.warn(
            Mistake::new(MistakeKind::SlowStatement, step.span, message, label).help(format!(
                "write `takes: {}`: patience begins after that",
                Human(sleeps)
            )),
        );
    }
}

/// 20 s of `select sleep(20)`.
fn sleeps(sql: &str) -> Option<Duration> {
    let sql = sql.to_ascii_lowercase();
    let call: String = sql.strip_prefix("select")?.split_whitespace().collect();
    let seconds: u64 = call.strip_prefix("sleep(")?.strip_suffix(')')?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// In this cell the program must be told what can be told to it.
pub(super) fn check(draft: &Draft, choice: &[usize], program: &Program, findings: &mut Findings) {
    let steps = std::iter::once(&draft.steps).chain(draft.chosen(choice).map(|(_, value)| &value.steps));
    let clients = CellLab::of(draft, choice).last(|part| part.clients.as_ref());
    for step in steps.flat_map(super::steps::Steps::all) {
        let Some(action) = step.action.of_client() else {
            continue;
        };
        let mistakes = [
            no_such_address(clients, action, step.span),
            not_of_the_program(program, action, step.span),
            reads_at_once(action, step.span),
            action
                .statement()
                .and_then(|statement| no_place(&statement, step.span)),
            action
                .statement()
                .and_then(|statement| not_typable(program, &statement, step.span)),
        ];
        for mistake in mistakes.into_iter().flatten() {
            findings.add(|| draft.slug(choice), step.span, mistake.kind, || mistake);
        }
    }
}

/// An address that the client does not have.
fn no_such_address(clients: Option<&At<u8>>, action: &ClientAction, span: Span) -> Option<Mistake> {
    let from = match action {
        ClientAction::Connect(opening) | ClientAction::StartConnect(opening) => opening.from,
        ClientAction::ConnectEach { .. } => None,
        ClientAction::AwaitConnect { .. }
        | ClientAction::AbortConnect { .. }
        | ClientAction::Query(_)
        | ClientAction::StartQuery(_)
        | ClientAction::Request(_)
        | ClientAction::StartRequest(_)
        | ClientAction::AwaitResult { .. }
        | ClientAction::Disconnect { .. } => return None,
    };
    let mistake =
        |message: String, label: &str| Mistake::new(MistakeKind::NoSuchAction, span, message, label);
    match (clients, from) {
        (Some(clients), Some(from)) if from > clients.value => {
            let message = format!("the client has no address {from}");
            let mistake = mistake(message, "beyond the last one");
            Some(mistake.second(clients.span, "so many it has"))
        }
        (None, None) if !action.is_each() => None,
        (None, Some(1)) => None,
        (None, _) => {
            let message = format!("`{}` where the client has one address", action.key());
            let mistake = mistake(message, "no `clients` in the lab of these cells");
            Some(mistake.help("give the client more of them: `clients: 60`, with `server: tcp-echo`"))
        }
        (Some(_), _) => None,
    }
}

fn not_of_the_program(program: &Program, action: &ClientAction, span: Span) -> Option<Mistake> {
    let what = only_a_driver(action).filter(|_| !program.does_as_told())?;
    let message = format!("`{}` cannot be told to {what}", program.name());
    let mistake = Mistake::new(
        MistakeKind::NoSuchAction,
        span,
        message,
        "only `mysql-async` and `echo-client` can",
    );
    Some(mistake.help(
        "the other programs have one connection and are told to connect, and to send a statement on it",
    ))
}

fn reads_at_once(action: &ClientAction, span: Span) -> Option<Mistake> {
    action
        .statement()?
        .pause_after
        .filter(|_| !action.only_begins())?;
    let (message, label) = (
        "`query` reads its whole result",
        "`pause-after` is for `start-query`",
    );
    let mistake = Mistake::new(MistakeKind::NoSuchAction, span, message, label);
    Some(
        mistake.help(
            "start the statement with `start-query`, and read the rest of its result with `await-result`",
        ),
    )
}

fn no_place(statement: &Statement, span: Span) -> Option<Mistake> {
    statement.payload.filter(|_| !statement.sql.contains(PAYLOAD))?;
    let message = format!("this statement has a `payload`, and no `{PAYLOAD}` in its text");
    let label = "where the payload is to stand is not said";
    let mistake = Mistake::new(MistakeKind::UntypableStatement, span, message, label);
    Some(mistake.help(format!(
        "write it into `sql`, such as `select length('{PAYLOAD}')`"
    )))
}

fn not_typable(program: &Program, statement: &Statement, span: Span) -> Option<Mistake> {
    let why = untypable(&statement.sql).filter(|_| program.is_cli())?;
    let message = format!(
        "this statement cannot be typed to `{}` as it stands",
        program.name()
    );
    let mistake = Mistake::new(MistakeKind::UntypableStatement, span, message, why);
    Some(mistake.help(
        "the command line takes its input line by line, and reads `;` and `\\` itself; write one statement \
         in one line, without either",
    ))
}

/// What it is that only a driver can be told to do.
fn only_a_driver(action: &ClientAction) -> Option<&'static str> {
    if action.connection().is_some() {
        return Some("use a connection with a name");
    }
    if action.service().is_some() {
        return Some("connect to another service");
    }
    match action {
        ClientAction::StartConnect(_)
        | ClientAction::AwaitConnect { .. }
        | ClientAction::AbortConnect { .. } => Some("only begin to connect"),
        ClientAction::Disconnect { .. } => Some("close its connection"),
        ClientAction::Query(statement) | ClientAction::StartQuery(statement) => {
            let payload = statement.payload.map(|_| "put a payload into its statement");
            payload.or(statement.pause_after.map(|_| "stop reading its result"))
        }
        // What needs many addresses needs echo servers, which have no other client.
        ClientAction::ConnectEach { .. }
        | ClientAction::Request(_)
        | ClientAction::StartRequest(_)
        | ClientAction::Connect(_)
        | ClientAction::AwaitResult { .. } => None,
    }
}

/// Why the command line would not send this text as one statement (client/mysql.cc, `add_line`).
fn untypable(sql: &str) -> Option<&'static str> {
    // A line of a terminal is short, and what a person types is.
    const LONGEST: usize = 1000;
    let first = sql
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    if sql.contains(['\n', '\t']) {
        Some("it has a line end or a tab")
    } else if sql.contains([';', '\\']) {
        Some("it has a `;` or a `\\`")
    } else if sql.contains("--") || sql.contains('#') || sql.contains("/*") {
        Some("it has a comment, which the command line may take out")
    } else if !sql.is_ascii() || sql.len() > LONGEST {
        Some("it is not ASCII, or longer than 1000 characters")
    } else if OWN_COMMANDS.contains(&first.as_str()) {
        Some("its first word is a command of the client itself")
    } else {
        None
    }
}

/// Commands of the command line itself (client/mysql.cc, `commands`), but for those that begin SQL
/// statements, too.
const OWN_COMMANDS: &[&str] = &[
    "charset",
    "clear",
    "connect",
    "costs",
    "delimiter",
    "edit",
    "ego",
    "exit",
    "go",
    "help",
    "nopager",
    "notee",
    "nowarning",
    "pager",
    "print",
    "prompt",
    "query_attributes",
    "quit",
    "rehash",
    "resetconnection",
    "sandbox",
    "source",
    "ssl_session_data_print",
    "status",
    "system",
    "tee",
    "use",
    "warnings",
    "?",
];
