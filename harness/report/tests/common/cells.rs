//! Cells of every outcome.

use super::*;

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

pub(crate) fn connected(id: u32) -> ClientEventKind {
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
    let mut builder = Builder::new(
        "present_waiting",
        Expected::Behaviour(expect(BehaviourName::Answered)),
    );
    builder.cell.record.lab = LabOutcome::Failed {
        stage: "start mysqld on rs1".to_owned(),
        reason: "mariadbd ended with exit 1 before it answered. Read its log".to_owned(),
        log: vec!["[ERROR] InnoDB: Cannot allocate memory for the buffer pool".to_owned()],
    };
    builder.cell.record.capture = None;
    let reason = Doubt::LabFailed {
        stage: "start mysqld on rs1".to_owned(),
        reason: "mariadbd ended with exit 1 before it answered".to_owned(),
    };
    builder
        .behaviour(Behaviour::Undetermined {
            reasons: vec![reason.clone()],
        })
        .verdict(Verdict::Undetermined {
            reasons: vec![reason],
        })
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
        .packet(
            30,
            &Node::Client,
            &Node::first_director(),
            segment("S", CLIENT_PORT, 125, 0),
        )
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
        .packet(
            1,
            &Node::Client,
            &Node::first_director(),
            segment("S", CLIENT_PORT, 100, 0),
        )
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
        builder = builder.packet(
            at,
            &Node::Client,
            &Node::first_director(),
            segment("P.", CLIENT_PORT, 126, 13),
        );
        at += gap;
        gap *= 2;
    }
    let numbers: Vec<u32> = (3..13).collect();
    let gaps: Vec<Duration> = (0..9).map(|power| Duration::from_millis(200 << power)).collect();
    builder = builder
        .packet(
            102_900,
            &Node::first_director(),
            &Node::Client,
            segment("R", 3306, 295, 0),
        )
        .terminator(TerminatorKind::Rst, Some(Node::first_director()), 13, 102_900)
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
        transaction: Some(OpenTransaction {
            state: "RUNNING".to_owned(),
            seconds: 102,
            rows_locked: 2,
            rows_modified: 1,
        }),
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
        timeouts: std::collections::BTreeMap::new(),
        earlier_cells: 0,
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
    let mut cell = Builder::new(
        "absent_waiting",
        Expected::Behaviour(expect(BehaviourName::Answered)),
    )
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
    .evidence(
        Fact::ServedBy(Node::RealServer(name("rs1"))),
        vec![Citation::Packet(1)],
    )
    .verdict(Verdict::Violated {
        differences: vec![Difference::Behaviour {
            expected: BehaviourName::Answered,
            observed: Some(BehaviourName::FailedFast),
        }],
    })
    .cell;
    cell.record.steps[2].commands.push(CommandRecord {
        node: Some(Node::first_director()),
        argv: vec!["ipvsadm".to_owned(), "-Ln".to_owned()],
        exit: Some(2),
        output: "Memory allocation problem\n".to_owned(),
    });
    cell
}
