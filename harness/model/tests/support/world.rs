//! A cell as it could have happened: verbs put events, steps and frames where a true cell has them, on every
//! interface that the frame passes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy.toml allows them in #[test] functions; these are their helpers"
)]

use super::{empty_points, frame, mac, name, plan_of, record_of, s, seconds, sentinel};
use etherparse::PacketBuilder;
use lvs_matrix_model::action::{Action, MysqldAction, Node, Statement, StopSignal, TableAction};
use lvs_matrix_model::capture::{Packet, PointFrames, Remarks, read, write};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::path::Journeys;
use lvs_matrix_model::record::{
    CellRecord, ClientError, ClientErrorKind, ClientEvent, ClientEventKind, DirectorSnapshot, Moment,
    StepOutcome,
};
use lvs_matrix_model::scenario::{Expected, Phases};
use lvs_matrix_model::verdict::{Observed, observe};

pub const CLIENT: usize = 0;
pub const DIRECTOR: usize = 1;
pub const RS1: usize = 2;
pub const RS2: usize = 3;

const ADDRESSES: [[u8; 4]; 4] = [[192, 0, 2, 10], [192, 0, 2, 20], [192, 0, 2, 31], [192, 0, 2, 32]];
pub const VIP: [u8; 4] = [192, 0, 2, 100];

/// The client's statement `select 1`: 13 bytes on the wire.
pub const SELECT_1: &[u8] = b"\x09\0\0\0\x03select 1";

/// What a server says first: version, connection 9911, and the salt of mysql_native_password.
pub fn greeting() -> Vec<u8> {
    let mut payload = b"\x0a10.11.19\0".to_vec();
    payload.extend(9911_u32.to_le_bytes());
    payload.extend(b"saltsalt\0\xfe\xf7\x21\x02\0\xff\x81\x15");
    payload.extend([0; 10]);
    payload.extend(b"saltsaltsalt\0mysql_native_password\0");
    packet(0, &payload)
}

/// The client's answer to it: `CLIENT_PROTOCOL_41`, `CLIENT_SECURE_CONNECTION`, `CLIENT_PLUGIN_AUTH`.
pub fn login() -> Vec<u8> {
    let mut payload = 0x0008_8200_u32.to_le_bytes().to_vec();
    payload.extend(b"\0\0\0\x01\x21");
    payload.extend([0; 23]);
    payload.extend(b"client-of-the-matrix\0\x14");
    payload.extend([7; 20]);
    payload.extend(b"mysql_native_password\0");
    packet(1, &payload)
}

/// The server lets the client in.
pub const LOGGED_IN: &[u8] = b"\x07\0\0\x02\0\0\0\x02\0\0\0";

/// The result of `select 1`.
pub const RESULT: &[u8] =
    b"\x01\0\0\x01\x01\x17\0\0\x02\x03def\0\0\0\x011\0\x0c\x3f\0\x01\0\0\0\x03\x81\0\0\0\0\
                            \x05\0\0\x03\xfe\0\0\x02\0\x02\0\0\x04\x011\x05\0\0\x05\xfe\0\0\x02\0";

/// The server's `ERR 1053 (08S01)` in answer to a statement.
pub const SHUTDOWN: &[u8] = b"\x24\0\0\x01\xff\x1d\x04#08S01Server shutdown in progress";

/// A payload as one packet of the MySQL protocol.
pub fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let mut packet = vec![length[0], length[1], length[2], sequence];
    packet.extend(payload);
    packet
}

pub fn statement(sql: &str, takes: f64) -> Statement {
    Statement {
        sql: sql.to_owned(),
        takes: seconds(takes),
        ..Statement::default()
    }
}

pub fn remove_rs1() -> Action {
    Action::from(TableAction::RemoveRealServer { server: name("rs1") })
}

pub fn stop_rs1() -> Action {
    Action::Mysqld(MysqldAction::StopMysqld {
        server: name("rs1"),
        signal: StopSignal::Term,
    })
}

/// One cell with one connection of the client at a time.
pub struct World {
    pub record: CellRecord,
    pub points: Vec<PointFrames>,
    pub first_sentinels: Vec<usize>,
    pub last_sentinels: Vec<usize>,
    pub port: u16,
    /// The next sequence numbers of the client and of its server.
    pub client_next: u32,
    pub server_next: u32,
}

impl World {
    pub fn new(before: Vec<Action>, change: Vec<Action>, act: Vec<Action>) -> Self {
        let steps = Phases::of(before, change, act);
        Self {
            record: record_of(plan_of(steps, Expected::ObserveOnly)),
            points: empty_points(),
            first_sentinels: vec![CLIENT, DIRECTOR, RS1, RS2],
            last_sentinels: vec![CLIENT, DIRECTOR, RS1, RS2],
            port: 40776,
            client_next: 1000,
            server_next: 5000,
        }
    }

    fn put(&mut self, at: Instant, point: usize, source: usize, destination: usize, packet: &[u8]) {
        let mut bytes = Vec::new();
        let macs = [10, 20, 31, 32].map(mac);
        bytes.extend(macs[destination].0);
        bytes.extend(macs[source].0);
        bytes.extend([0x08, 0x00]);
        bytes.extend(packet);
        self.points[point].frames.push(frame(at, bytes));
    }

    fn tcp(&self, up: bool, flags: &str, payload: &[u8]) -> Vec<u8> {
        let (source, destination) = if up {
            (ADDRESSES[CLIENT], VIP)
        } else {
            (VIP, ADDRESSES[CLIENT])
        };
        let (source_port, destination_port) = if up { (self.port, 3306) } else { (3306, self.port) };
        let (sequence, acknowledgement) = if up {
            (self.client_next, self.server_next)
        } else {
            (self.server_next, self.client_next)
        };
        let mut builder =
            PacketBuilder::ipv4(source, destination, 64).tcp(source_port, destination_port, sequence, 500);
        for flag in flags.chars() {
            builder = match flag {
                'S' => builder.syn(),
                'F' => builder.fin(),
                'R' => builder.rst(),
                'P' => builder.psh(),
                '.' => builder.ack(acknowledgement),
                other => panic!("no flag {other}"),
            };
        }
        let mut packet = Vec::new();
        builder.write(&mut packet, payload).unwrap();
        packet
    }

    fn length(flags: &str, payload: &[u8]) -> u32 {
        let flags = flags.chars().filter(|flag| matches!(flag, 'S' | 'F')).count();
        u32::try_from(flags + payload.len()).unwrap()
    }

    /// A segment of the client; `to` is the real server that the director forwards it to, or `DIRECTOR` if it
    /// goes no further.
    pub fn up(&mut self, at: Instant, to: usize, flags: &str, payload: &[u8]) {
        self.up_again(at, to, flags, payload);
        self.client_next += Self::length(flags, payload);
    }

    /// The same without moving on: what is sent next repeats it.
    pub fn up_again(&mut self, at: Instant, to: usize, flags: &str, payload: &[u8]) {
        let packet = self.tcp(true, flags, payload);
        self.put(at, CLIENT, CLIENT, DIRECTOR, &packet);
        self.put(at, DIRECTOR, CLIENT, DIRECTOR, &packet);
        if to != DIRECTOR {
            self.put(at, DIRECTOR, DIRECTOR, to, &packet);
            self.put(at, to, DIRECTOR, to, &packet);
        }
    }

    /// A segment to the client, with the VIP as source; `from` is who really sends it.
    pub fn down(&mut self, at: Instant, from: usize, flags: &str, payload: &[u8]) {
        let packet = self.tcp(false, flags, payload);
        self.put(at, from, from, CLIENT, &packet);
        self.put(at, CLIENT, from, CLIENT, &packet);
        self.server_next += Self::length(flags, payload);
    }

    /// ICMP destination unreachable of the director, quoting the client's connection.
    pub fn unreachable(&mut self, at: Instant, code: u8) {
        let quoted = self.tcp(true, "S", &[]);
        let mut packet = Vec::new();
        PacketBuilder::ipv4(ADDRESSES[DIRECTOR], ADDRESSES[CLIENT], 64)
            .icmpv4_raw(3, code, [0; 4])
            .write(&mut packet, &quoted[..28])
            .unwrap();
        self.put(at, DIRECTOR, DIRECTOR, CLIENT, &packet);
        self.put(at, CLIENT, DIRECTOR, CLIENT, &packet);
    }

    /// An ARP request of the client for the VIP that nobody answers.
    pub fn arp_request(&mut self, at: Instant) {
        let mut bytes = vec![0xff; 6];
        bytes.extend(mac(10).0);
        bytes.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1]);
        bytes.extend(mac(10).0);
        bytes.extend(ADDRESSES[CLIENT]);
        bytes.extend([0; 6]);
        bytes.extend(VIP);
        self.points[CLIENT].frames.push(frame(at, bytes));
    }

    pub fn raw(&mut self, at: Instant, point: usize, bytes: Vec<u8>) {
        self.points[point].frames.push(frame(at, bytes));
    }

    pub fn event(&mut self, at: Instant, operation: u32, kind: ClientEventKind) {
        let number = u32::try_from(self.record.client_events.len()).unwrap() + 1;
        self.record.client_events.push(ClientEvent {
            number,
            at,
            operation,
            kind,
        });
        self.record.ended = self.record.ended.max(at);
    }

    pub fn step(&mut self, number: u32, began: f64, ended: Option<f64>, outcome: StepOutcome) {
        let step = &mut self.record.steps[number as usize - 1];
        step.began = Some(s(began));
        step.ended = ended.map(s);
        step.outcome = outcome;
        self.record.ended = self.record.ended.max(s(ended.unwrap_or(began)));
    }

    pub fn operation(&mut self, number: u32, operation: u32) {
        self.record.steps[number as usize - 1].operation = Some(operation);
    }

    /// Step `number` connects through rs1, which takes 4 ms.
    pub fn connects(&mut self, number: u32, operation: u32, at: f64) {
        self.step(number, at, Some(at + 0.004), done(""));
        self.operation(number, operation);
        self.event(s(at), operation, ClientEventKind::ConnectBegun);
        self.handshake(at);
        self.event(s(at + 0.004), operation, connected());
    }

    pub fn handshake(&mut self, at: f64) {
        self.up(s(at), RS1, "S", &[]);
        self.down(s(at + 0.001), RS1, "S.", &[]);
        self.up(s(at + 0.001), RS1, ".", &[]);
        self.down(s(at + 0.002), RS1, "P.", &greeting());
        self.up(s(at + 0.002), RS1, "P.", &login());
        self.down(s(at + 0.003), RS1, "P.", LOGGED_IN);
        self.up(s(at + 0.003), RS1, ".", &[]);
    }

    /// The client begins `sql` in step `number`; its segment reaches `to`.
    pub fn sends(&mut self, number: u32, operation: u32, at: f64, to: usize, sql: &str) {
        self.operation(number, operation);
        self.event(
            s(at),
            operation,
            ClientEventKind::StatementBegun { sql: sql.to_owned() },
        );
        let payload = com_query(sql);
        self.up(s(at), to, "P.", &payload);
    }

    /// The client's last segment again.
    pub fn again(&mut self, at: f64, to: usize, payload: &[u8]) {
        self.client_next -= u32::try_from(payload.len()).unwrap();
        self.up(s(at), to, "P.", payload);
    }

    /// rs1 answers and the client gets it, 1 ms later.
    pub fn answers(&mut self, operation: u32, at: f64) {
        self.down(s(at), RS1, "P.", RESULT);
        self.up(s(at), RS1, ".", &[]);
        self.event(s(at + 0.001), operation, result());
    }

    pub fn snapshot(&mut self, moment: Moment, at: f64, services: &str, connections: &str) {
        let number = u32::try_from(self.record.snapshots.len()).unwrap() + 1;
        self.record.snapshots.push(DirectorSnapshot {
            number,
            node: Node::first_director(),
            moment,
            at: s(at),
            services: services.to_owned(),
            connections: connections.to_owned(),
        });
    }

    /// What the capture points saw, the sentinels included.
    pub fn with_sentinels(&self) -> Vec<PointFrames> {
        let mut points = self.points.clone();
        let after = Instant(self.record.ended.0 + 1_000_000_000);
        for (index, point) in points.iter_mut().enumerate() {
            if self.first_sentinels.contains(&index) {
                point.frames.insert(0, frame(s(-1.0), sentinel("first")));
            }
            if self.last_sentinels.contains(&index) {
                point.frames.push(frame(after, sentinel("last")));
            }
        }
        points
    }

    pub fn packets(&self) -> Vec<Packet> {
        read(
            &write(&self.with_sentinels(), &Remarks::default()).unwrap(),
            &self.record,
        )
        .unwrap()
    }

    pub fn observe(&self) -> Observed {
        observe(&self.record, &Journeys::of(&self.record, self.packets()))
    }
}

pub fn com_query(sql: &str) -> Vec<u8> {
    let mut payload = vec![3];
    payload.extend(sql.as_bytes());
    packet(0, &payload)
}

pub fn done(proof: &str) -> StepOutcome {
    StepOutcome::Done { proof: proof.into() }
}

pub fn connected() -> ClientEventKind {
    ClientEventKind::Connected {
        connection_id: 9911,
        server_version: "10.11".to_owned(),
    }
}

pub fn result() -> ClientEventKind {
    ClientEventKind::ResultReceived {
        rows: 1,
        first_row: vec!["1".to_owned()],
    }
}

pub fn failed(kind: ClientErrorKind) -> ClientEventKind {
    let message = format!("{kind:?}");
    ClientEventKind::Failed(ClientError { kind, message })
}

pub fn io(errno: i32) -> ClientErrorKind {
    ClientErrorKind::Io { errno: Some(errno) }
}
