//! A cell under construction, and the records that it begins with.

use super::*;

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
                journeys: Journeys::of(&record, Vec::new()),
                record,
                observed: Observed {
                    untested: None,
                    spread: None,
                    probed: Vec::new(),
                    worse: None,
                    behaviour: Behaviour::Answered {
                        after: Duration::from_millis(2),
                    },
                    operation: None,
                    error: None,
                    retransmissions: Retransmissions::default(),
                    terminators: vec![],
                    discarded: Vec::new(),
                    held_back: None,
                    cut_to: None,
                    longest_silence: None,
                    attempts: Vec::new(),
                    contradiction: None,
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
            tried: Vec::new(),
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
            closed: false,
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
            (from.address(), plan.vip())
        } else {
            (plan.vip(), to.address())
        };
        let packet = Packet {
            number: u32::try_from(self.cell.packets().len() + 1).unwrap(),
            point: 0,
            at: ms(at),
            source_mac: from.mac(),
            destination_mac: to.mac(),
            length: 66 + segment.payload_length,
            body: Body::Ip {
                source,
                destination,
                transport: Transport::Tcp(segment),
            },
        };
        self.cell.change_packets(|packets| packets.push(packet));
        self
    }

    pub(crate) fn refused_by_director(mut self, at: i64) -> Self {
        let plan = &self.cell.record.plan;
        let director = plan.host(&Node::first_director()).unwrap();
        let client = plan.host(&Node::Client).unwrap();
        let number = u32::try_from(self.cell.packets().len() + 1).unwrap();
        let packet = Packet {
            number,
            point: 0,
            at: ms(at),
            source_mac: director.mac(),
            destination_mac: client.mac(),
            length: 102,
            body: Body::Ip {
                source: plan.vip(),
                destination: client.address(),
                transport: Transport::Icmp {
                    kind: 3,
                    length: 68,
                    rest: [0; 4],
                    code: 3,
                    quoted: Some((client.address(), CLIENT_PORT, plan.vip(), plan.port())),
                    body: vec![],
                    hop_by_hop: false,
                },
            },
        };
        self.cell.change_packets(|packets| packets.push(packet));
        self.terminator(
            TerminatorKind::Icmp { code: 3 },
            Some(Node::first_director()),
            number,
            at,
        )
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
            node: Node::first_director(),
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

pub(crate) fn record(plan: LabPlan) -> CellRecord {
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
            further_operations: 0,
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
        by_hand: vec![],
        client_events: vec![],
        client: None,
        probes: Vec::new(),
        control_log: Vec::new(),
        vip_changes: Vec::new(),
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
    StepOutcome::Done { proof: proof.into() }
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
