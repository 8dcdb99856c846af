//! Judged cells made by hand, in the shapes that the runner and the judge give them.

pub(crate) mod hostile;

use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, Node, Statement, TableAction};
use lvs_matrix_model::capture::{Body, Flags, Packet, Segment, Transport};
use lvs_matrix_model::client::ClientChoice;
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::matrix::{Cell, cells};
use lvs_matrix_model::plan::{LabPlan, plan};
use lvs_matrix_model::record::*;
use lvs_matrix_model::scenario::*;
use lvs_matrix_model::verdict::*;
use lvs_matrix_report::{ExpectationPlace, RUN_FORMAT, RunReport, RunState, RunSummary, ScenarioSummary};
use std::time::Duration;

pub(crate) const CLIENT_PORT: u16 = 40776;

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn ms(millis: i64) -> Instant {
    Instant(millis * 1_000_000)
}

fn value(text: &str, steps: Phases) -> Value {
    Value {
        name: name(text),
        real_servers: vec![],
        client: ClientChoice::default(),
        director_sysctls: vec![],
        client_sysctls: vec![],
        server_sysctls: vec![],
        steps,
    }
}

fn select() -> Statement {
    Statement {
        sql: "select 1".to_owned(),
        takes: Duration::ZERO,
        ..Statement::default()
    }
}

/// Real server present or absent × three things that a client does.
pub(crate) fn scenario() -> Scenario {
    let steps = |before: Vec<Action>, change: Vec<Action>, act: Vec<Action>| Phases { before, change, act };
    let remove = Action::Table(TableAction::RemoveRealServer { server: name("rs1") });
    let slow = Statement {
        sql: "select sleep(20)".to_owned(),
        takes: Duration::from_secs(20),
        ..Statement::default()
    };
    Scenario {
        name: name("config-change"),
        claim: "What a client lives through when the table and the server disagree.\nThe article's table.".to_owned(),
        lab: Lab {
            forwarding: Forwarding::DirectRouting,
            scheduler: "rr".to_owned(),
            real_servers: vec![RealServer {
                name: name("rs1"),
                weight: 1,
            }],
            client: ClientChoice::default(),
            director_sysctls: vec![],
            client_sysctls: vec![],
            server_sysctls: vec![],
        },
        axes: vec![
            Axis {
                name: name("real-server"),
                values: vec![
                    value("present", Phases::default()),
                    value("absent", steps(vec![], vec![remove], vec![])),
                ],
            },
            Axis {
                name: name("client"),
                values: vec![
                    value("new-connection", steps(vec![], vec![], vec![Action::connect()])),
                    value(
                        "execute-sql",
                        steps(vec![Action::connect()], vec![], vec![Action::query(select())]),
                    ),
                    value(
                        "waiting",
                        steps(
                            vec![Action::connect(), Action::start_query(slow)],
                            vec![],
                            vec![Action::await_result()],
                        ),
                    ),
                ],
            },
        ],
        steps: Phases::default(),
        observe: Observe {
            patience: Duration::from_secs(5),
            until: Duration::from_secs(1200),
        },
        expectations: vec![],
    }
}

/// A scenario without axes, whose only cell will have no record.
pub(crate) fn drain() -> Scenario {
    Scenario {
        name: name("drain"),
        claim: "Weight 0 keeps what is connected.".to_owned(),
        axes: vec![],
        steps: Phases {
            before: vec![Action::connect()],
            change: vec![Action::Table(TableAction::SetWeight {
                server: name("rs1"),
                weight: 0,
            })],
            act: vec![Action::query(select())],
        },
        ..scenario()
    }
}

pub(crate) fn expect(behaviour: BehaviourName) -> ExpectedBehaviour {
    ExpectedBehaviour {
        behaviour,
        error: None,
        errno: None,
        ends: None,
        at_least: None,
        at_most: None,
    }
}

/// A cell under construction: a record of a lab that did its part, and an observation to fill in.
pub(crate) struct Builder {
    pub(crate) cell: JudgedCell,
}

impl Builder {
    pub(crate) fn new(slug: &str, expected: Expected) -> Self {
        let scenario = scenario();
        let cell = cells(&scenario)
            .into_iter()
            .find(|cell| cell.cell.slug() == slug)
            .unwrap();
        let plan = plan(&scenario, &Cell { expected, ..cell });
        let record = record(plan);
        Self {
            cell: JudgedCell {
                record,
                packets: vec![],
                observed: Observed {
                    behaviour: Behaviour::Answered {
                        after: Duration::from_millis(2),
                    },
                    operation: None,
                    error: None,
                    retransmissions: Retransmissions::default(),
                    terminators: vec![],
                    cut_to: None,
                    orphaned_sessions: Vec::new(),
                    evidence: vec![],
                },
                verdict: Verdict::Met,
            },
        }
    }

    pub(crate) fn behaviour(mut self, behaviour: Behaviour) -> Self {
        self.cell.observed.behaviour = behaviour;
        self
    }

    pub(crate) fn operation(mut self, number: u32, what: &str, began: i64, ended: Option<i64>) -> Self {
        self.cell.observed.operation = Some(Operation {
            number,
            what: what.to_owned(),
            began: ms(began),
            due: ms(began),
            ended: ended.map(ms),
            client_port: Some(CLIENT_PORT),
            served_by: Some(Node::RealServer(name("rs1"))),
        });
        self
    }

    pub(crate) fn error(mut self, classic: Option<u16>, errno: Option<u16>, message: &str) -> Self {
        self.cell.observed.error = Some(ObservedError {
            message: message.to_owned(),
            errno,
            classic,
            reported: false,
            server: None,
        });
        self
    }

    pub(crate) fn event(mut self, at: i64, operation: u32, kind: ClientEventKind) -> Self {
        let events = &mut self.cell.record.client_events;
        events.push(ClientEvent {
            number: u32::try_from(events.len() + 1).unwrap(),
            at: ms(at),
            operation,
            kind,
        });
        self
    }

    /// The step with this number was done between these times.
    pub(crate) fn step(mut self, number: u32, began: i64, ended: Option<i64>, outcome: StepOutcome) -> Self {
        let step = self
            .cell
            .record
            .steps
            .iter_mut()
            .find(|step| step.number == number)
            .unwrap();
        step.began = Some(ms(began));
        step.ended = ended.map(ms);
        step.commands = self
            .cell
            .record
            .plan
            .command_lines(&step.action)
            .into_iter()
            .map(|(node, argv)| CommandRecord {
                node,
                argv,
                exit: Some(0),
                output: String::new(),
            })
            .collect();
        step.outcome = outcome;
        self
    }

    pub(crate) fn packet(mut self, at: i64, from: &Node, to: &Node, segment: Segment) -> Self {
        let plan = &self.cell.record.plan;
        let (from, to) = (plan.host(from).unwrap(), plan.host(to).unwrap());
        let (source, destination) = if from.node == Node::Client {
            (from.address, plan.vip)
        } else {
            (plan.vip, to.address)
        };
        let packet = Packet {
            number: u32::try_from(self.cell.packets.len() + 1).unwrap(),
            point: 0,
            at: ms(at),
            source_mac: from.mac,
            destination_mac: to.mac,
            length: 66 + segment.payload_length,
            body: Body::Ip {
                source,
                destination,
                transport: Transport::Tcp(segment),
            },
        };
        self.cell.packets.push(packet);
        self
    }

    pub(crate) fn refused_by_director(mut self, at: i64) -> Self {
        let plan = &self.cell.record.plan;
        let director = plan.host(&Node::Director).unwrap();
        let client = plan.host(&Node::Client).unwrap();
        let number = u32::try_from(self.cell.packets.len() + 1).unwrap();
        self.cell.packets.push(Packet {
            number,
            point: 0,
            at: ms(at),
            source_mac: director.mac,
            destination_mac: client.mac,
            length: 102,
            body: Body::Ip {
                source: plan.vip,
                destination: client.address,
                transport: Transport::Icmp {
                    kind: 3,
                    length: 68,
                    rest: [0; 4],
                    code: 3,
                    quoted: Some((client.address, CLIENT_PORT, plan.vip, plan.port)),
                    body: vec![],
                    hop_by_hop: false,
                },
            },
        });
        self.terminator(TerminatorKind::Icmp { code: 3 }, Some(Node::Director), number, at)
    }

    pub(crate) fn terminator(mut self, kind: TerminatorKind, by: Option<Node>, packet: u32, at: i64) -> Self {
        self.cell.observed.terminators.push(Terminator {
            kind,
            by,
            packet,
            at: ms(at),
        });
        self
    }

    pub(crate) fn evidence(mut self, fact: Fact, shown_by: Vec<Citation>) -> Self {
        self.cell.observed.evidence.push(Evidence { fact, shown_by });
        self
    }

    pub(crate) fn snapshot(mut self, moment: Moment, at: i64, services: &str, connections: &str) -> Self {
        let snapshots = &mut self.cell.record.snapshots;
        snapshots.push(DirectorSnapshot {
            number: u32::try_from(snapshots.len() + 1).unwrap(),
            moment,
            at: ms(at),
            services: services.to_owned(),
            connections: connections.to_owned(),
        });
        self
    }

    pub(crate) fn verdict(mut self, verdict: Verdict) -> Self {
        self.cell.verdict = verdict;
        self
    }

    pub(crate) fn ended(mut self, at: i64) -> Self {
        self.cell.record.ended = ms(at);
        self
    }
}

pub(crate) fn environment() -> Environment {
    Environment {
        place: Place::Guest,
        kernel: "Linux 7.2.0".to_owned(),
        harness: "0.1.0".to_owned(),
        ipvsadm: "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)".to_owned(),
        mysqld: "mariadbd  Ver 10.11.14-MariaDB-0+deb12u2".to_owned(),
        hashes: None,
    }
}

fn record(plan: LabPlan) -> CellRecord {
    let preparation = plan
        .hosts
        .iter()
        .flat_map(|host| {
            let node = host.node.clone();
            host.commands.clone().into_iter().map(move |argv| CommandRecord {
                node: Some(node.clone()),
                argv,
                exit: Some(0),
                output: String::new(),
            })
        })
        .collect();
    let steps = (1..)
        .zip(&plan.steps)
        .map(|(number, step)| StepRecord {
            number,
            phase: step.phase,
            action: step.action.clone(),
            began: None,
            ended: None,
            outcome: StepOutcome::NotReached,
            commands: vec![],
            operation: None,
            at_end: None,
        })
        .collect();
    CellRecord {
        format: FORMAT,
        plan,
        environment: environment(),
        scenario_sha256: None,
        epoch_unix_nanos: 0,
        lab: LabOutcome::Completed,
        preparation,
        steps,
        client_events: vec![],
        client: None,
        snapshots: vec![],
        server_views: vec![],
        client_sockets: None,
        capture: Some(CaptureRecord {
            points: vec![CapturePoint {
                node: Node::Client,
                interface: "eth0".to_owned(),
                received: 4,
                dropped: 0,
                first_sentinel: true,
                last_sentinel: true,
                failure: None,
            }],
        }),
        ended: ms(5_000),
    }
}

pub(crate) fn done(proof: &str) -> StepOutcome {
    StepOutcome::Done {
        proof: proof.to_owned(),
    }
}

pub(crate) fn segment(flags: &str, source_port: u16, sequence: u32, payload_length: u32) -> Segment {
    let destination_port = if source_port == 3306 { CLIENT_PORT } else { 3306 };
    Segment {
        source_port,
        destination_port,
        sequence,
        acknowledgement: if source_port == 3306 { 101 } else { 295 },
        flags: Flags {
            syn: flags.contains('S'),
            fin: flags.contains('F'),
            rst: flags.contains('R'),
            psh: flags.contains('P'),
            ack: flags.contains('.'),
            ..Flags::default()
        },
        window: 123,
        urgent: 0,
        options: vec![],
        payload_length,
        payload: vec![0; usize::try_from(payload_length).unwrap()],
    }
}

const PRESENT: &str = "IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.0.2.100:3306 rr
  -> 192.0.2.31:3306              Route   1      1          0
";
const ABSENT: &str = "IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.0.2.100:3306 rr
";
const ENTRY: &str = "IPVS connection entries
pro expire state       source             virtual            destination
TCP 14:59  ESTABLISHED 192.0.2.10:40776   192.0.2.100:3306   192.0.2.31:3306
";

fn connected(id: u32) -> ClientEventKind {
    ClientEventKind::Connected {
        connection_id: id,
        server_version: "10.11.14-MariaDB-0+deb12u2".to_owned(),
    }
}

/// Answered, as expected.
pub(crate) fn answered() -> JudgedCell {
    Builder::new(
        "present_new-connection",
        Expected::Behaviour(expect(BehaviourName::Answered)),
    )
    .step(1, 1, Some(3), done("connection id 5"))
    .event(1, 1, ClientEventKind::ConnectBegun)
    .event(3, 1, connected(5))
    .operation(1, "connect", 1, Some(3))
    .evidence(
        Fact::Ended {
            at: ms(3),
            how: OperationEnd::Answer,
        },
        vec![Citation::Event(1), Citation::Event(2)],
    )
    .snapshot(Moment::End, 5_000, PRESENT, ENTRY)
    .cell
}

/// Observed only.
pub(crate) fn observed_only() -> JudgedCell {
    Builder::new("present_execute-sql", Expected::ObserveOnly)
        .step(1, 1, Some(3), done("connection id 6"))
        .step(2, 10, Some(12), done("1 row"))
        .event(1, 1, ClientEventKind::ConnectBegun)
        .event(3, 1, connected(6))
        .event(
            10,
            2,
            ClientEventKind::StatementBegun {
                sql: "select 1".to_owned(),
            },
        )
        .event(
            12,
            2,
            ClientEventKind::ResultReceived {
                rows: 1,
                first_row: vec!["1".to_owned()],
            },
        )
        .operation(2, "query `select 1`", 10, Some(12))
        .evidence(
            Fact::Ended {
                at: ms(12),
                how: OperationEnd::Answer,
            },
            vec![Citation::Event(4)],
        )
        .verdict(Verdict::ObservedOnly)
        .cell
}

/// The lab failed.
pub(crate) fn lab_failed() -> JudgedCell {
    let mut builder = Builder::new("present_waiting", Expected::Behaviour(expect(BehaviourName::Answered)));
    builder.cell.record.lab = LabOutcome::Failed {
        stage: "start mysqld on rs1".to_owned(),
        reason: "mariadbd ended with exit 1 before it answered. Read its log".to_owned(),
        log: vec!["[ERROR] InnoDB: Cannot allocate memory for the buffer pool".to_owned()],
    };
    builder.cell.record.capture = None;
    let reason = "the lab failed (start mysqld on rs1): mariadbd ended with exit 1 before it answered".to_owned();
    builder
        .behaviour(Behaviour::Undetermined {
            reasons: vec![reason.clone()],
        })
        .verdict(Verdict::Undetermined { reasons: vec![reason] })
        .ended(0)
        .cell
}

/// Refused by the director with ICMP, as expected.
pub(crate) fn refused() -> JudgedCell {
    let expected = ExpectedBehaviour {
        error: Some(2003),
        errno: Some(111),
        ..expect(BehaviourName::FailedFast)
    };
    let error = ClientError {
        kind: ClientErrorKind::Io { errno: Some(111) },
        message: "Input/output error: Connection refused (os error 111)".to_owned(),
    };
    let mut cell = Builder::new("absent_new-connection", Expected::Behaviour(expected))
        .step(1, 2, Some(22), done("rs1 is no longer in ipvsadm -Ln"))
        .step(2, 30, Some(31), StepOutcome::ClientFailed)
        .event(30, 1, ClientEventKind::ConnectBegun)
        .packet(30, &Node::Client, &Node::Director, segment("S", CLIENT_PORT, 125, 0))
        .refused_by_director(30)
        .event(31, 1, ClientEventKind::Failed(error.clone()))
        .operation(1, "connect", 30, Some(31))
        .behaviour(Behaviour::FailedFast {
            after: Duration::from_millis(1),
        })
        .error(Some(2003), Some(111), &error.message)
        .evidence(
            Fact::Began {
                at: ms(30),
                operation: "connect".to_owned(),
                sent: Some(Sent::Syn),
            },
            vec![Citation::Packet(1), Citation::Packet(2)],
        )
        .snapshot(Moment::AfterChange, 25, ABSENT, "IPVS connection entries\n")
        .cell;
    if let Some(operation) = cell.observed.operation.as_mut() {
        operation.served_by = None;
    }
    cell
}

/// The article's hang: the same 13 bytes again and again, until an RST of the director ends it.
pub(crate) fn hung() -> JudgedCell {
    let expected = ExpectedBehaviour {
        ends: Some(HangEndName::Error),
        at_least: Some(Duration::from_secs(60)),
        ..expect(BehaviourName::Hung)
    };
    let rs1 = Node::RealServer(name("rs1"));
    let error = ClientError {
        kind: ClientErrorKind::Io { errno: Some(104) },
        message: "Input/output error: Connection reset by peer (os error 104)".to_owned(),
    };
    let mut builder = Builder::new("absent_execute-sql", Expected::Behaviour(expected))
        .step(1, 1, Some(3), done("connection id 7"))
        .step(2, 10, Some(30), done("rs1 is no longer in ipvsadm -Ln"))
        .step(3, 40, Some(102_900), StepOutcome::ClientFailed)
        .event(1, 1, ClientEventKind::ConnectBegun)
        .packet(1, &Node::Client, &Node::Director, segment("S", CLIENT_PORT, 100, 0))
        .packet(2, &rs1, &Node::Client, segment("S.", 3306, 200, 0))
        .event(3, 1, connected(7))
        .snapshot(Moment::BeforeChange, 5, PRESENT, ENTRY)
        .snapshot(Moment::AfterChange, 35, ABSENT, ENTRY)
        .event(
            40,
            2,
            ClientEventKind::StatementBegun {
                sql: "select 1".to_owned(),
            },
        );
    let mut at = 40;
    let mut gap = 200;
    for _ in 0..10 {
        builder = builder.packet(at, &Node::Client, &Node::Director, segment("P.", CLIENT_PORT, 126, 13));
        at += gap;
        gap *= 2;
    }
    let numbers: Vec<u32> = (3..13).collect();
    let gaps: Vec<Duration> = (0..9).map(|power| Duration::from_millis(200 << power)).collect();
    builder = builder
        .packet(102_900, &Node::Director, &Node::Client, segment("R", 3306, 295, 0))
        .terminator(TerminatorKind::Rst, Some(Node::Director), 13, 102_900)
        .event(102_900, 2, ClientEventKind::Failed(error.clone()))
        .operation(2, "query `select 1`", 40, Some(102_900))
        .behaviour(Behaviour::Hung {
            silence: Duration::from_millis(102_860),
            end: HangEnd::Error,
        })
        .error(Some(2013), Some(104), &error.message)
        .evidence(
            Fact::SentAgain {
                payload_length: 13,
                times: 9,
                gaps: gaps.clone(),
            },
            vec![Citation::Packet(3), Citation::Packet(12)],
        )
        .evidence(
            Fact::Ended {
                at: ms(102_900),
                how: OperationEnd::Error(error.message.clone()),
            },
            vec![Citation::Event(4)],
        )
        .snapshot(Moment::End, 103_000, ABSENT, "IPVS connection entries\n")
        .ended(103_000);
    builder.cell.observed.retransmissions = Retransmissions {
        count: 9,
        payload_length: 13,
        packets: numbers,
        gaps,
    };
    let director = &mut builder.cell.record.plan.hosts[1];
    let expire = director
        .sysctls
        .iter_mut()
        .find(|(key, _)| key.ends_with("expire_nodest_conn"))
        .unwrap();
    expire.1 = "1".to_owned();
    let session = ServerSession {
        id: 7,
        host: "192.0.2.10:40776".to_owned(),
        command: "Sleep".to_owned(),
        seconds: 102,
        info: None,
    };
    builder.cell.observed.orphaned_sessions = vec![OrphanedSession {
        server: name("rs1"),
        server_id: 101,
        client_port: 40776,
        session: Some(session.clone()),
        socket: Socket::parse("ESTAB 0 0 192.0.2.100:3306 192.0.2.10:40776"),
    }];
    builder.cell.record.server_views = vec![ServerView {
        server: name("rs1"),
        server_id: 101,
        mysqld: MysqldState::Running,
        sockets: vec!["ESTAB 0 0 192.0.2.100:3306 192.0.2.10:40776".to_owned()],
        sessions: Some(vec![session]),
        log: Some("rs1.log".to_owned()),
    }];
    builder.cell
}

/// Expected to be answered, and was not.
pub(crate) fn violated() -> JudgedCell {
    let rs1 = Node::RealServer(name("rs1"));
    let error = ClientError {
        kind: ClientErrorKind::Closed,
        message: "Driver error: `Connection closed'".to_owned(),
    };
    let mut cell = Builder::new("absent_waiting", Expected::Behaviour(expect(BehaviourName::Answered)))
        .step(1, 1, Some(3), done("connection id 8"))
        .step(2, 4, Some(5), done("the statement is on the wire"))
        .step(3, 10, Some(30), done("rs1 is no longer in ipvsadm -Ln"))
        .step(4, 40, Some(1_040), StepOutcome::ClientFailed)
        .packet(1_000, &rs1, &Node::Client, segment("F.", 3306, 295, 0))
        .terminator(TerminatorKind::Fin, Some(rs1), 1, 1_000)
        .event(1_040, 2, ClientEventKind::Failed(error.clone()))
        .operation(2, "query `select sleep(20)`", 4, Some(1_040))
        .behaviour(Behaviour::FailedFast {
            after: Duration::from_millis(1_036),
        })
        .error(Some(2013), None, &error.message)
        .evidence(Fact::ServedBy(Node::RealServer(name("rs1"))), vec![Citation::Packet(1)])
        .verdict(Verdict::Violated {
            differences: vec![Difference::Behaviour {
                expected: BehaviourName::Answered,
                observed: Some(BehaviourName::FailedFast),
            }],
        })
        .cell;
    cell.record.steps[2].commands.push(CommandRecord {
        node: Some(Node::Director),
        argv: vec!["ipvsadm".to_owned(), "-Ln".to_owned()],
        exit: Some(2),
        output: "Memory allocation problem\n".to_owned(),
    });
    cell
}

/// Everything above and a cell without a record, in a run that was interrupted.
pub(crate) fn report() -> RunReport {
    let mut judged = vec![hung(), violated(), refused(), lab_failed(), observed_only(), answered()];
    // The order of the records on disk must not matter.
    judged.rotate_left(2);
    report_of(
        judged,
        RunState::Interrupted {
            reason: "SIGINT".to_owned(),
        },
    )
}

/// From a file whose name has everything that a workflow command takes for its own.
pub(crate) fn summary_of(scenario: &Scenario) -> ScenarioSummary {
    ScenarioSummary {
        file: Some(format!("a:b, 100%/{}.yaml", scenario.name)),
        expectations: vec![ExpectationPlace {
            when: vec![],
            position: Position { line: 12, column: 5 },
        }],
        ..ScenarioSummary::from(scenario)
    }
}

pub(crate) fn report_of(judged: Vec<JudgedCell>, state: RunState) -> RunReport {
    let scenarios = [scenario(), drain()];
    let run = RunSummary {
        format: RUN_FORMAT,
        harness: "0.1.0".to_owned(),
        hashes: None,
        state,
        filter: None,
        language: lvs_matrix_report::Language::English,
        scenarios: scenarios.iter().map(summary_of).collect(),
        selected: scenarios
            .iter()
            .flat_map(|scenario| cells(scenario).into_iter().map(|cell| cell.cell))
            .collect(),
    };
    RunReport::new(run, judged, vec![])
}
