//! Rules that no stored cell shows: on cells that were changed so that they would.

use super::table::Damage;
use super::*;
use lvs_matrix_explain::explain;
use lvs_matrix_model::action::{
    Edit, HostAction, MysqldAction, Percent, StopSignal, TableAction, TrafficAction,
};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::plan::Phase;
use lvs_matrix_model::verdict::{Landed, Reached, Round, Spread};
use std::time::Duration;

/// The action of the first step of which `which` says so becomes another.
fn becomes(cell: &mut JudgedCell, which: fn(&Action) -> bool, action: Action) {
    let step = cell
        .record
        .steps
        .iter_mut()
        .find(|step| which(&step.action))
        .unwrap();
    step.action = action;
}

fn timeouts(cell: &mut JudgedCell, tcp: &str) {
    let hosts = &mut cell.record.plan.hosts;
    let director = hosts
        .iter_mut()
        .find(|host| host.node == Node::first_director())
        .unwrap();
    for argv in &mut director.commands {
        if argv.iter().any(|word| word == "--set") {
            tcp.clone_into(&mut argv[2]);
        }
    }
}

const SERVICE_GONE: &str = "delete-variants/service_one_execute-sql_1";

/// Idle for five minutes.
const IDLE: &str = "hang-to-the-end/300s";

fn deletes(action: &Action) -> bool {
    matches!(
        action,
        Action::Table(Edit {
            action: TableAction::RemoveService { .. } | TableAction::RemoveRealServer { .. },
            ..
        })
    )
}

/// The service and its server as they had been, and no entry.
fn idle(cell: &mut JudgedCell) {
    undone(cell, deletes);
    for snapshot in &mut cell.record.snapshots {
        "TCP  192.0.2.100:3306 rr\n  -> 192.0.2.31:3306  Route  1  0  0\n".clone_into(&mut snapshot.services);
        snapshot.connections.clear();
    }
}

/// `ipvsadm --set`, said by a step before the connect.
fn set_timeouts(cell: &mut JudgedCell, tcp: Duration) {
    let mut step = cell
        .record
        .steps
        .iter()
        .find(|step| deletes(&step.action))
        .unwrap()
        .clone();
    step.outcome = cell.record.steps[0].outcome.clone();
    step.began = Some(Instant(1));
    step.action = Action::from(TableAction::SetTimeouts {
        tcp,
        tcp_fin: None,
        udp: None,
    });
    cell.record.steps.insert(0, step);
}

/// The time between the request's arrival at the server and its answer is when `action` begins.
fn in_between(cell: &mut JudgedCell, which: fn(&Action) -> bool) {
    let began = Instant(cell.observed.operation.as_ref().unwrap().began.0);
    let server = cell.record.plan.real_servers().next().unwrap().1.mac();
    let answer = cell.packets().iter().find(|packet| {
        packet.at > began
            && packet.source_mac == server
            && segment(packet).is_some_and(|(_, _, own)| own.payload_length > 0)
    });
    let at = Instant(answer.unwrap().at.0 - 1);
    for step in &mut cell.record.steps {
        if which(&step.action) {
            step.began = Some(at);
        }
    }
}

fn freezes(action: &Action) -> bool {
    matches!(action, Action::Mysqld(MysqldAction::FreezeMysqld { .. }))
}

fn thaws(action: &Action) -> bool {
    matches!(action, Action::Mysqld(MysqldAction::ThawMysqld { .. }))
}

fn firewalls(action: &Action) -> bool {
    matches!(action, Action::Traffic(TrafficAction::AddFirewallRule { .. }))
}

fn rs1() -> lvs_matrix_model::Name {
    lvs_matrix_model::Name::new("rs1").unwrap()
}

/// The rule, the cell, what makes it hold, and what then takes it away again.
/// A connect that was answered.
const ANSWERED: &str = "other-server/rs2";

/// A connect that was refused, in a lab of two real servers.
const REFUSED_OF_TWO: &str = "thresholds/upper-2_none";

fn scheduler(cell: &mut JudgedCell, name: &str) {
    name.clone_into(&mut cell.record.plan.services.first_mut().scheduler);
}

/// Two clients were with rs1, which has stayed, and one of them is with another now.
fn spread_by(cell: &mut JudgedCell, name: &str) {
    scheduler(cell, name);
    let round = |phase, step, reached: [Reached; 2]| Round {
        step,
        phase,
        clients: [111, 112]
            .into_iter()
            .zip(reached)
            .map(|(last, reached)| Landed {
                address: [192, 0, 2, last].into(),
                port: 1000 + u16::from(last),
                packet: None,
                reached,
            })
            .collect(),
    };
    let (here, there) = (Reached::Server(rs1()), Reached::Error);
    cell.observed.spread = Some(Spread {
        rounds: vec![
            round(Phase::Before, 1, [here.clone(), here.clone()]),
            round(Phase::Act, 2, [here, there]),
        ],
        stayed: vec![rs1()],
    });
}

/// The table has a server of weight 0 beside one with a weight, and neither has its fill.
fn one_of_two_quiet(cell: &mut JudgedCell) {
    for backend in &mut cell.record.plan.services.first_mut().backends {
        (backend.upper_threshold, backend.lower_threshold) = (None, None);
    }
    table(cell, Moment::AfterChange, |text| {
        let quiet = "  -> 192.0.2.31:3306              Route   0      0          0";
        match text.contains("RemoteAddress") {
            true => format!("{}\n{quiet}\n", text.trim_end()),
            // The list of connections.
            false => text.to_owned(),
        }
    });
}

pub(crate) const MADE: &[(&str, &str, Damage, Damage)] = &[
    (
        "spread-by-source-hash",
        ANSWERED,
        |cell| spread_by(cell, "sh"),
        |cell| scheduler(cell, "mh"),
    ),
    (
        "spread-by-maglev",
        ANSWERED,
        |cell| spread_by(cell, "mh"),
        |cell| scheduler(cell, "sh"),
    ),
    (
        "spread-by-destination",
        ANSWERED,
        |cell| spread_by(cell, "dh"),
        |cell| scheduler(cell, "sh"),
    ),
    (
        "spread-by-turn-or-count",
        ANSWERED,
        |cell| spread_by(cell, "wlc"),
        |cell| cell.observed.spread = None,
    ),
    (
        "hashed-to-an-unavailable-server",
        REFUSED_OF_TWO,
        |cell| {
            one_of_two_quiet(cell);
            scheduler(cell, "sh");
        },
        |cell| {
            let service = cell.record.plan.services.first_mut();
            service.scheduler_flags = vec!["sh-fallback".to_owned()];
        },
    ),
    (
        "entry-timed-out",
        IDLE,
        |cell| {
            idle(cell);
            timeouts(cell, "120");
        },
        |cell| timeouts(cell, "7200"),
    ),
    // By `ipvsadm --set` as a step: it counts from then on, and 0 leaves it as it was.
    (
        "entry-timed-out",
        SERVICE_GONE,
        |cell| {
            set_timeouts(cell, Duration::from_millis(500));
            idle(cell);
        },
        |cell| cell.record.steps[0].began = Some(cell.record.ended),
    ),
    (
        "entry-timed-out",
        IDLE,
        |cell| {
            set_timeouts(cell, Duration::ZERO);
            idle(cell);
            timeouts(cell, "120");
        },
        |cell| timeouts(cell, "7200"),
    ),
    (
        "connection-unknown-at-the-server",
        "faults/reset-input_execute-sql_0",
        |cell| {
            let stop = Action::Mysqld(MysqldAction::StopMysqld {
                server: rs1(),
                signal: StopSignal::Kill,
            });
            becomes(cell, firewalls, stop);
        },
        |cell| without(cell, |_, node| node.real_server().is_some()),
    ),
    (
        "server-thawed",
        "faults/mysqld-thawed_execute-sql_0",
        |cell| in_between(cell, thaws),
        |cell| undone(cell, freezes),
    ),
    (
        "lost-before-the-director",
        "faults/director-drops_execute-sql_0",
        |cell| {
            let began = cell.observed.operation.as_ref().unwrap().began;
            without(cell, |packet, node| {
                *node == Node::first_director() && packet.at >= began
            });
            let lossy = Action::Traffic(TrafficAction::SetNetem {
                node: Node::first_director(),
                delay: Duration::ZERO,
                loss: Percent(10_000),
            });
            becomes(cell, firewalls, lossy);
        },
        |cell| undone(cell, |action| matches!(action, Action::Traffic(_))),
    ),
    (
        "lost-before-the-client",
        "faults/link-back_waiting_0",
        |cell| {
            let answer = cell
                .packets()
                .iter()
                .rfind(|packet| segment(packet).is_some())
                .unwrap()
                .number;
            without(cell, |packet, _| packet.number == answer);
            undone(cell, |action| {
                matches!(action, Action::Host(HostAction::LinkUp { .. }))
            });
            let lossy = Action::Traffic(TrafficAction::SetNetem {
                node: Node::Client,
                delay: Duration::ZERO,
                loss: Percent(10_000),
            });
            becomes(
                cell,
                |action| matches!(action, Action::Host(HostAction::LinkDown { .. })),
                lossy,
            );
        },
        |cell| undone(cell, |action| matches!(action, Action::Traffic(_))),
    ),
    (
        "lost-after-the-director",
        "faults/delay_execute-sql_0",
        |cell| {
            // A cell whose link loses at random shows the rule in one run and not in another.
            for step in &mut cell.record.steps {
                if let Action::Traffic(TrafficAction::SetNetem { delay, loss, .. }) = &mut step.action {
                    *delay = Duration::ZERO;
                    *loss = Percent(500);
                }
            }
            let (node, number) = (Node::RealServer(rs1()), request(cell));
            without(cell, |packet, at| *at == node && packet.number > number);
        },
        // What is only late may still be on its way.
        |cell| {
            for step in &mut cell.record.steps {
                if let Action::Traffic(TrafficAction::SetNetem { delay, loss, .. }) = &mut step.action {
                    *delay = Duration::from_secs(1);
                    *loss = Percent::default();
                }
            }
        },
    ),
];

#[test]
fn rules_that_no_stored_cell_shows() {
    for (rule, id, make, damage) in MADE {
        let mut cell = stored(id);
        assert!(
            !rules(&explain(&cell)).contains(rule),
            "{rule} holds for {id} as it is"
        );
        make(&mut cell);
        let explanation = explain(&cell);
        assert!(
            rules(&explanation).contains(rule),
            "{rule}:\n{}",
            plain(&explanation)
        );
        crate::chinese::in_chinese(&cell);
        damage(&mut cell);
        cell.follow_anew();
        assert!(!rules(&explain(&cell)).contains(rule), "{rule} still holds");
    }
}
