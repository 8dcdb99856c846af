//! Hand-made cells for the tests of capture and verdict: a plan made by `plan()`, a record, and frames as
//! bytes, which reach the judgement only through `capture::write` and `capture::read`.
#![expect(
    dead_code,
    unreachable_pub,
    reason = "each test binary is a crate of its own and uses its own part"
)]

pub mod cells;
pub mod fixtures;
pub mod plain;
pub mod programs;
pub mod random;
pub mod stored;
pub mod world;

use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, Node};
use lvs_matrix_model::capture::{Frame, PointFrames};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::matrix::cells as cells_of;
use lvs_matrix_model::plan::{LabPlan, Mac, SENTINEL_ETHERTYPE, plan};
use lvs_matrix_model::record::{
    CapturePoint, CaptureRecord, CellRecord, Environment, FORMAT, LabOutcome, Place, StepOutcome, StepRecord,
};
use lvs_matrix_model::scenario::{
    Expectation, Expected, Lab, Observe, Phases, Position, RealServer, Scenario, load,
};
use std::time::Duration;

/// The cell's epoch in the tests: some second of 2026.
pub const EPOCH: i64 = 1_780_000_000_000_000_000;

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// Seconds as a moment of the cell.
pub fn s(seconds: f64) -> Instant {
    Instant((seconds * 1e9).round() as i64)
}

pub fn seconds(seconds: f64) -> Duration {
    Duration::from_nanos((seconds * 1e9).round() as u64)
}

/// The plans of a scenario's cells.
pub fn plans(text: &str) -> Vec<LabPlan> {
    let scenario = load(text).unwrap();
    cells_of(&scenario)
        .iter()
        .map(|cell| plan(&scenario, cell))
        .collect()
}

/// The plan of a one-cell scenario with real servers rs1 and rs2, patience 5 s, until 1200 s.
pub fn plan_of(steps: Phases, expected: Expected) -> LabPlan {
    let real_server = |text| RealServer::new(name(text), 1);
    let scenario = Scenario {
        name: name("test"),
        claim: String::new(),
        claim_zh: None,
        source: None,
        lab: Lab {
            real_servers: vec![real_server("rs1"), real_server("rs2")],
            ..Lab::default()
        },
        axes: Vec::new(),
        steps,
        observe: Observe {
            patience: seconds(5.0),
            until: seconds(1200.0),
            judge: Default::default(),
        },
        fails_without_change: false,
        explore: None,
        warnings: Vec::new(),
        expectations: vec![Expectation {
            kernels: Vec::new(),
            when: Vec::new(),
            expected,
            position: Position { line: 1, column: 1 },
        }],
    };
    let cells = lvs_matrix_model::matrix::cells(&scenario);
    plan(&scenario, &cells[0])
}

/// A record in which nothing has happened yet: every step not reached, four capture points with both
/// sentinels.
pub fn record_of(plan: LabPlan) -> CellRecord {
    let steps = (1..)
        .zip(&plan.steps)
        .map(|(number, step)| StepRecord {
            number,
            phase: step.phase,
            action: step.action.clone(),
            began: None,
            ended: None,
            outcome: StepOutcome::NotReached,
            commands: Vec::new(),
            operation: None,
            further_operations: 0,
            at_end: None,
        })
        .collect();
    let points = plan
        .hosts
        .iter()
        .map(|host| CapturePoint {
            node: host.node.clone(),
            interface: "eth0".to_owned(),
            received: 0,
            dropped: 0,
            first_sentinel: true,
            last_sentinel: true,
            failure: None,
        })
        .collect();
    CellRecord {
        format: FORMAT,
        plan,
        environment: Environment {
            place: Place::Guest,
            kernel: "Linux 7.2.0".to_owned(),
            harness: "0.1.0".to_owned(),
            ipvsadm: "ipvsadm v1.31".to_owned(),
            mysqld: "mariadbd 10.11".to_owned(),
            hashes: None,
        },
        scenario_sha256: None,
        epoch_unix_nanos: EPOCH,
        lab: LabOutcome::Completed,
        preparation: Vec::new(),
        steps,
        by_hand: Vec::new(),
        client_events: Vec::new(),
        client: None,
        probes: Vec::new(),
        control_log: Vec::new(),
        vip_changes: Vec::new(),
        snapshots: Vec::new(),
        server_views: Vec::new(),
        client_sockets: None,
        capture: Some(CaptureRecord { points }),
        ended: s(0.0),
    }
}

/// A record for tests that look only at packets.
pub fn bare_record() -> CellRecord {
    let steps = Phases {
        act: vec![Action::connect().into()],
        ..Phases::default()
    };
    record_of(plan_of(steps, Expected::ObserveOnly))
}

pub fn nodes() -> Vec<Node> {
    vec![
        Node::Client,
        Node::first_director(),
        Node::RealServer(name("rs1")),
        Node::RealServer(name("rs2")),
    ]
}

pub fn empty_points() -> Vec<PointFrames> {
    nodes()
        .iter()
        .map(|node| PointFrames {
            name: node.to_string(),
            frames: Vec::new(),
        })
        .collect()
}

pub fn frame(at: Instant, bytes: Vec<u8>) -> Frame {
    Frame {
        unix_nanos: EPOCH + at.0,
        length: bytes.len() as u32,
        bytes,
    }
}

pub fn sentinel(text: &str) -> Vec<u8> {
    let mut bytes = vec![0xff; 6];
    bytes.extend([0x02, 0x6c, 0x76, 0, 0, 1]);
    bytes.extend(SENTINEL_ETHERTYPE.to_be_bytes());
    bytes.extend(text.as_bytes());
    bytes.resize(60, 0);
    bytes
}

pub fn mac(last: u8) -> Mac {
    Mac([0x02, 0x6c, 0x76, 0, 0, last])
}
