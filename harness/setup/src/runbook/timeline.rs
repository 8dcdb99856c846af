//! The scenarios by which the question is asked: one for each client, with the procedures as an axis, so that
//! the client's own steps can stand between the operator's.

use super::moves::{Move, action};
use super::{Client, Procedure, Question};
use crate::asked::{request, statement};
use crate::draft::observe_only;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, ClientAction, Closing, Opening, Statement, Timed};
use lvs_matrix_model::mysqld::MysqldSetup;
use lvs_matrix_model::plan::ServerKind;
use lvs_matrix_model::scenario::{
    Judged, Lab as ScenarioLab, Observe, Phases, Scenario, Value, load, written,
};
use std::time::Duration;

/// An answer within this time is fast.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the outcome is watched beyond what the procedure itself takes: TCP gives up after some 16
/// minutes, an entry of IPVS lives for 15.
const WATCHED: Duration = Duration::from_secs(20 * 60);
/// How long the statement of a client in flight takes.
const IN_FLIGHT: Duration = Duration::from_secs(60);
/// After so long a client in a transaction commits, if it can.
const COMMITS_AFTER: Duration = Duration::from_secs(30);
/// How often a pool asks on its connections.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// A script's own time from one command to the next.
const GAP: Duration = Duration::from_millis(50);
/// Past the acknowledgement that TCP puts off.
const SETTLED: Duration = Duration::from_secs(1);

/// The text of a scenario, by the client that it is about.
pub type Scenarios = Vec<(Client, String)>;

/// The scenarios of a question.
///
/// # Errors
/// Why `check` would refuse one: a mistake of this program.
pub fn scenarios(question: &Question) -> Result<Scenarios, String> {
    let clients = question.clients_here().into_iter();
    clients
        .map(|client| Ok((client, of_client(question, client)?)))
        .collect()
}

pub(crate) fn names(name: &str) -> Result<Name, String> {
    Name::new(name).map_err(|error| error.to_string())
}

fn of_client(question: &Question, client: Client) -> Result<String, String> {
    let lines = Lines { question, client };
    let mut values = Vec::new();
    let mut longest = Duration::ZERO;
    for procedure in question.procedures() {
        let moves = procedure.moves(question);
        longest = longest.max(moves.iter().map(|one| one.time()).sum());
        values.push(Value {
            name: names(procedure.as_str())?,
            lab: ScenarioLab::default(),
            steps: lines.steps(&moves, false)?,
        });
    }
    let (_, server) = &question.server;
    let claim = format!(
        "What a client of {} feels of the procedures that take {} out: it {}.",
        question.lab.service.listen,
        server.endpoint,
        client.in_words()
    );
    let steps = Phases::of(question.lab.before.clone(), Vec::new(), Vec::new());
    let scenario = scenario(question, client.as_str(), claim, client, steps, longest)?;
    accepted(&Scenario {
        axes: vec![lvs_matrix_model::scenario::Axis {
            name: names("procedure")?,
            values,
        }],
        ..scenario
    })
}

/// The scenario in which a procedure hurts none of these clients: those that have to connect anew do so.
///
/// # Errors
/// Why `check` would refuse it: a mistake of this program.
pub(super) fn unhurt(
    question: &Question,
    procedure: Procedure,
    clients: &[(Client, bool)],
) -> Result<String, String> {
    let moves = procedure.moves(question);
    let mut values = Vec::new();
    for (client, reconnects) in clients {
        let lines = Lines {
            question,
            client: *client,
        };
        let lab = ScenarioLab {
            mysqld: mysqld(*client),
            ..ScenarioLab::default()
        };
        values.push(Value {
            name: names(client.as_str())?,
            lab,
            steps: lines.steps(&moves, *reconnects)?,
        });
    }
    let longest = moves.iter().map(|one| one.time()).sum();
    let (_, server) = &question.server;
    let claim = format!(
        "{} takes {} out of {} and hurts nobody: each client is answered within patience, on a new \
         connection if its own was ended while it had nothing to ask.",
        procedure.as_str(),
        server.endpoint,
        question.lab.service.listen
    );
    let steps = Phases::of(question.lab.before.clone(), Vec::new(), Vec::new());
    let scenario = scenario(question, "safest", claim, Client::Idle, steps, longest)?;
    let text = accepted(&Scenario {
        axes: vec![lvs_matrix_model::scenario::Axis {
            name: names("client")?,
            values,
        }],
        ..scenario
    })?;
    // Its one expectation is the last line.
    let text = text.replace("  - { observe-only: true }\n", "  - { behaviour: answered }\n");
    load(&text).map(|_| text).map_err(|mistakes| {
        mistakes
            .first()
            .map_or_else(String::new, |mistake| mistake.message.clone())
    })
}

/// The scenario of one cell, in which the director has a sysctl more.
///
/// # Errors
/// Why `check` would refuse it.
pub(super) fn alone(
    question: &Question,
    client: Client,
    procedure: Procedure,
    name: &str,
    (key, value): (&str, &str),
) -> Result<String, String> {
    let moves = procedure.moves(question);
    let longest = moves.iter().map(|one| one.time()).sum();
    let lines = Lines { question, client };
    let mut steps = lines.steps(&moves, false)?;
    let own = question.lab.before.iter().cloned().map(Timed::from);
    steps.before = own.chain(steps.before).collect();
    let claim = format!("{} with {key} = {value}.", procedure.as_str());
    let mut scenario = scenario(question, name, claim, client, steps, longest)?;
    let sysctls = &mut scenario.lab.director_sysctls;
    sysctls.retain(|(known, _)| known != key);
    sysctls.push((key.to_owned(), value.to_owned()));
    accepted(&scenario)
}

/// A scenario under another name, with nothing expected of it.
pub(super) fn accepted_as(name: &str, scenario: Scenario) -> Option<String> {
    accepted(&Scenario {
        name: names(name).ok()?,
        expectations: vec![observe_only()],
        ..scenario
    })
    .ok()
}

fn accepted(scenario: &Scenario) -> Result<String, String> {
    let text = written(scenario);
    match load(&text) {
        Ok(_) => Ok(text),
        Err(mistakes) => Err(mistakes.first().map_or_else(String::new, |mistake| {
            format!(
                "{}: {}, line {}",
                mistake.message, mistake.label, mistake.span.line
            )
        })),
    }
}

fn scenario(
    question: &Question,
    name: &str,
    claim: String,
    client: Client,
    steps: Phases,
    longest: Duration,
) -> Result<Scenario, String> {
    let mut lab = question.lab.lab.clone();
    lab.mysqld = mysqld(client);
    Ok(Scenario {
        name: names(name)?,
        claim,
        claim_zh: None,
        source: None,
        lab,
        axes: Vec::new(),
        steps,
        observe: Observe {
            patience: PATIENCE,
            until: longest + WATCHED,
            judge: Judged::Last,
        },
        expectations: vec![observe_only()],
        fails_without_change: false,
        explore: None,
        warnings: Vec::new(),
    })
}

/// A table of transactions, for the client that has one.
fn mysqld(client: Client) -> MysqldSetup {
    match client {
        Client::Transaction => MysqldSetup {
            innodb: true,
            name_resolve: false,
            sql: [
                "create database shop",
                "create table shop.stock (item int primary key, pieces int not null) engine=InnoDB",
                "insert into shop.stock values (1, 10), (2, 10)",
                "grant select, update on shop.* to app",
            ]
            .map(str::to_owned)
            .to_vec(),
        },
        Client::Idle | Client::InFlight | Client::New | Client::Pool => MysqldSetup::default(),
    }
}

/// A client's steps between those of an operator.
struct Lines<'q> {
    question: &'q Question,
    client: Client,
}

/// Where the operator's steps are cut in two: what the client does then stands between.
struct Cut {
    first: Vec<Timed>,
    rest: Vec<Timed>,
}

impl Lines<'_> {
    fn kind(&self) -> ServerKind {
        self.question.kind()
    }

    fn server(&self) -> &Name {
        &self.question.server.0
    }

    fn client(action: ClientAction) -> Timed {
        Timed::from(Action::Client(action))
    }

    /// A connection to the server that is to leave, or to whichever is chosen.
    fn connect(&self, name: Option<&Name>, to_it: bool, may_fail: bool) -> Timed {
        // Over UDP a socket reaches nobody until it sends.
        let to = (to_it && self.kind() != ServerKind::UdpEcho).then(|| self.server().clone());
        Self::client(ClientAction::Connect(Opening {
            service: None,
            director: None,
            from: None,
            name: name.cloned(),
            to,
            may_fail,
        }))
    }

    fn ask(&self, on: Option<&Name>, takes: Duration, started: bool, may_fail: bool) -> Timed {
        let on = on.cloned();
        Self::client(match self.kind() {
            ServerKind::Mysql => {
                let statement = Statement {
                    on,
                    may_fail,
                    ..statement(takes)
                };
                if started {
                    ClientAction::StartQuery(statement)
                } else {
                    ClientAction::Query(statement)
                }
            }
            ServerKind::TcpEcho | ServerKind::UdpEcho | ServerKind::Program => {
                let request = lvs_matrix_model::action::Request {
                    on,
                    may_fail,
                    ..request(takes)
                };
                if started {
                    ClientAction::StartRequest(request)
                } else {
                    ClientAction::Request(request)
                }
            }
        })
    }

    fn say(sql: &str) -> Timed {
        Self::client(ClientAction::Query(Statement {
            sql: sql.to_owned(),
            ..statement(Duration::ZERO)
        }))
    }

    fn wait(time: Duration) -> Timed {
        Timed::from(Action::wait(time))
    }

    /// The operator's steps, each a script's time behind the one before.
    fn done(&self, moves: &[Move]) -> Vec<Timed> {
        let step = |one: &Move| Timed {
            after: Some(GAP),
            action: action(*one, self.server(), self.kind()),
        };
        moves.iter().map(step).collect()
    }

    fn cut(&self, moves: &[Move], at: usize) -> Cut {
        let (first, rest) = moves.split_at(at.min(moves.len()));
        Cut {
            first: self.done(first),
            rest: self.done(rest),
        }
    }

    /// What the client does at last; if it has to connect anew, with that.
    fn last(&self, on: Option<&Name>, reconnects: bool) -> Result<Vec<Timed>, String> {
        if !reconnects {
            return Ok(vec![self.ask(on, Duration::ZERO, false, false)]);
        }
        let again = names("again")?;
        Ok(vec![
            self.ask(on, Duration::ZERO, false, true),
            self.connect(Some(&again), false, false),
            self.ask(Some(&again), Duration::ZERO, false, false),
        ])
    }

    /// The steps of a cell.
    fn steps(&self, moves: &[Move], reconnects: bool) -> Result<Phases, String> {
        let udp = self.kind() == ServerKind::UdpEcho;
        // A socket of UDP has an entry once it has sent.
        let begins = |steps: &mut Vec<Timed>, on: Option<&Name>| {
            if udp {
                steps.push(self.ask(on, Duration::ZERO, false, false));
            }
        };
        match self.client {
            Client::Idle => {
                let mut before = vec![self.connect(None, true, false)];
                begins(&mut before, None);
                before.push(Self::wait(SETTLED));
                Ok(Phases::of(before, self.done(moves), self.last(None, reconnects)?))
            }
            Client::InFlight => {
                let mut before = vec![self.connect(None, true, false)];
                begins(&mut before, None);
                before.push(self.ask(None, IN_FLIGHT, true, false));
                before.push(Self::wait(SETTLED));
                let act = vec![Self::client(ClientAction::AwaitResult { on: None })];
                Ok(Phases::of(before, self.done(moves), act))
            }
            Client::Transaction => {
                let before = vec![
                    self.connect(None, true, false),
                    Self::say("begin"),
                    Self::say("update shop.stock set pieces = pieces - 1 where item = 1"),
                    Self::wait(SETTLED),
                ];
                let commit = Self::say("commit");
                // It commits while the operator waits, if he waits for so long.
                let long = moves.iter().position(|one| one.time() > COMMITS_AFTER);
                let Some(at) = long else {
                    return Ok(Phases::of(before, self.done(moves), vec![commit]));
                };
                let Cut { first, mut rest } = self.cut(moves, at);
                shorten(&mut rest, COMMITS_AFTER);
                let act = [vec![Self::wait(COMMITS_AFTER), commit], rest].concat();
                Ok(Phases::of(before, first, act))
            }
            Client::New => self.newcomer(moves, reconnects),
            Client::Pool => self.pool(moves, reconnects),
        }
    }

    /// It was here before, so that persistence knows it, and connects when it is worst.
    fn newcomer(&self, moves: &[Move], reconnects: bool) -> Result<Phases, String> {
        let udp = self.kind() == ServerKind::UdpEcho;
        let mut before = Vec::new();
        if self.question.lab.lab.persistence.is_some() && !udp {
            before.push(self.connect(None, true, false));
            before.push(Self::wait(SETTLED));
            before.push(Self::client(ClientAction::Disconnect {
                on: None,
                how: Closing::Quit,
            }));
            before.push(Self::wait(SETTLED));
        }
        // While there is no service, or a stopped server is still chosen; else after the first step.
        let worst = |one: &Move| matches!(one, Move::Flush | Move::Stop);
        let at = moves.iter().position(worst);
        let rests = moves.iter().position(|one| *one == Move::Weight0);
        let chosen = at.is_some_and(|at| moves[at] == Move::Stop) && rests.is_none();
        let at = match (at, rests) {
            (_, Some(rests)) => rests,
            (Some(at), None) => at,
            (None, None) => 0,
        };
        let Cut { first, rest } = self.cut(moves, at + 1);
        let name = names("newcomer")?;
        let mut act = vec![self.connect(Some(&name), chosen, false)];
        if udp {
            act.push(self.ask(Some(&name), Duration::ZERO, false, false));
        }
        if !rest.is_empty() {
            act.push(Self::wait(SETTLED));
        }
        act.extend(rest);
        act.extend(self.last(Some(&name), reconnects)?);
        Ok(Phases::of(before, first, act))
    }

    /// It asks on its connections each minute that the operator waits.
    fn pool(&self, moves: &[Move], reconnects: bool) -> Result<Phases, String> {
        let (one, other) = (names("one")?, names("other")?);
        let mut before = vec![self.connect(Some(&one), true, false)];
        if self.kind() == ServerKind::UdpEcho {
            before.push(self.ask(Some(&one), Duration::ZERO, false, false));
        }
        before.push(self.connect(Some(&other), false, false));
        if self.kind() == ServerKind::UdpEcho {
            before.push(self.ask(Some(&other), Duration::ZERO, false, false));
        }
        before.push(Self::wait(SETTLED));
        let mut change = Vec::new();
        for own in moves {
            match own {
                Move::Wait(time) | Move::Drained(time) if *time > HEARTBEAT => {
                    let rounds = time.as_secs() / HEARTBEAT.as_secs();
                    for _ in 0..rounds {
                        let part = match own {
                            Move::Drained(_) => Move::Drained(HEARTBEAT),
                            Move::Wait(_)
                            | Move::Weight0
                            | Move::Stop
                            | Move::Kill
                            | Move::Delete
                            | Move::Save
                            | Move::Flush
                            | Move::Restore => Move::Wait(HEARTBEAT),
                        };
                        change.extend(self.done(&[part]));
                        change.push(self.ask(Some(&one), Duration::ZERO, false, false));
                        change.push(self.ask(Some(&other), Duration::ZERO, false, false));
                    }
                }
                Move::Wait(_)
                | Move::Drained(_)
                | Move::Weight0
                | Move::Stop
                | Move::Kill
                | Move::Delete
                | Move::Save
                | Move::Flush
                | Move::Restore => change.extend(self.done(&[*own])),
            }
        }
        Ok(Phases::of(before, change, self.last(Some(&one), reconnects)?))
    }
}

/// What was waited for already need not be waited for again.
fn shorten(steps: &mut [Timed], by: Duration) {
    use lvs_matrix_model::action::{ClockAction, WatchAction};
    match steps.first_mut().map(|step| &mut step.action) {
        Some(Action::Wait(ClockAction::Wait(time))) => *time = time.saturating_sub(by),
        Some(Action::Watch(WatchAction::WaitUntil(until))) => {
            until.at_most = until.at_most.saturating_sub(by);
        }
        Some(
            Action::Client(_)
            | Action::Table(_)
            | Action::Other(_)
            | Action::Mysqld(_)
            | Action::Host(_)
            | Action::Traffic(_),
        )
        | None => {}
    }
}
