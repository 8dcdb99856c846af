//! What decides the rules about the director's table and about processes that end.

use super::*;
use lvs_matrix_model::action::{Edit, HostAction, MysqldAction, TableAction};

pub(crate) type Damage = fn(&mut JudgedCell);

/// What decides each rule, and how it is taken away.
pub(crate) const TABLE: &[(&str, &str, &str, Damage)] = &[
    (
        "scheduled",
        "other-server/rs2",
        "the director passed the SYN on",
        |cell| from_director_gone(cell),
    ),
    (
        "passed-on",
        "config-change/present_up_execute-sql_0",
        "the director passed the statement on",
        |cell| from_director_gone(cell),
    ),
    (
        "answer-past-the-director",
        "config-change/absent_up_waiting_0",
        "the change came while the statement was under way",
        |cell| {
            undone(cell, |action| {
                matches!(
                    action,
                    Action::Table(Edit {
                        action: TableAction::RemoveRealServer { .. },
                        ..
                    })
                )
            })
        },
    ),
    (
        "answer-past-the-director",
        "config-change/absent_up_waiting_0",
        "the statement reached its server",
        |cell| without(cell, |_, node| matches!(node, Node::RealServer(_))),
    ),
    (
        "no-server-for-a-syn",
        "config-change/absent_up_new-connection_0",
        "the table had no server",
        |cell| {
            table(cell, Moment::AfterChange, |text| {
                text.replace("3306 rr", "3306 rr\n  -> 192.0.2.31:3306  Route  1  0  0")
            });
        },
    ),
    (
        "no-server-for-a-syn",
        "config-change/absent_up_new-connection_0",
        "the virtual service was there",
        |cell| table(cell, Moment::AfterChange, |_| String::new()),
    ),
    (
        "no-server-for-a-syn",
        "config-change/absent_up_new-connection_0",
        "the director sent the refusal",
        |cell| cell.observed.terminators[0].by = None,
    ),
    (
        "entry-without-server",
        "config-change/absent_up_execute-sql_0",
        "expire_nodest_conn was 0",
        |cell| {
            sysctl(
                cell,
                &Node::first_director(),
                "net.ipv4.vs.expire_nodest_conn",
                "1",
            )
        },
    ),
    (
        "entry-without-server",
        "config-change/absent_up_execute-sql_0",
        "the entry was there",
        |cell| table(cell, Moment::AfterChange, without_established),
    ),
    (
        "entry-without-server",
        "config-change/absent_up_execute-sql_0",
        "the server was deleted",
        |cell| {
            undone(cell, |action| {
                matches!(
                    action,
                    Action::Table(Edit {
                        action: TableAction::RemoveRealServer { .. },
                        ..
                    })
                )
            })
        },
    ),
    (
        "entry-without-server",
        "config-change/absent_up_execute-sql_0",
        "the statement arrived at the director",
        |cell| without(cell, |_, node| *node == Node::first_director()),
    ),
    (
        "entry-expired-with-its-server",
        "config-change/absent_up_execute-sql_1",
        "expire_nodest_conn was 1",
        |cell| {
            sysctl(
                cell,
                &Node::first_director(),
                "net.ipv4.vs.expire_nodest_conn",
                "0",
            )
        },
    ),
    (
        "entry-expired-with-its-server",
        "config-change/absent_up_execute-sql_1",
        "the director sent the RST",
        |cell| cell.observed.terminators[0].by = cell.observed.operation.as_ref().unwrap().served_by.clone(),
    ),
    (
        "entry-expired-in-the-end",
        "hang-to-the-end/300s",
        "the entry's time was over",
        |cell| {
            let director = cell
                .record
                .plan
                .hosts
                .iter_mut()
                .find(|host| host.node == Node::first_director())
                .unwrap();
            for argv in &mut director.commands {
                if argv.iter().any(|word| word == "--set") {
                    "7200".clone_into(&mut argv[2]);
                }
            }
        },
    ),
    (
        "entry-expired-in-the-end",
        "hang-to-the-end/300s",
        "the entry was gone at the end",
        |cell| {
            let entry = cell.record.snapshots[1].connections.clone();
            cell.record.snapshots[2].connections = entry;
        },
    ),
    (
        "server-added-again",
        "re-add-recovers/only",
        "the server was added again",
        |cell| {
            undone(cell, |action| {
                matches!(
                    action,
                    Action::Table(Edit {
                        action: TableAction::AddRealServer { .. },
                        ..
                    })
                )
            })
        },
    ),
    (
        "server-added-again",
        "re-add-recovers/only",
        "a repetition was passed on",
        |cell| from_director_gone(cell),
    ),
    (
        "nothing-listens",
        "config-change/present_down_new-connection_0",
        "the mysqld was stopped",
        |cell| {
            undone(cell, |action| {
                matches!(action, Action::Mysqld(MysqldAction::StopMysqld { .. }))
            })
        },
    ),
    (
        "nothing-listens",
        "config-change/present_down_new-connection_0",
        "the SYN reached the server",
        |cell| without(cell, |_, node| matches!(node, Node::RealServer(_))),
    ),
    (
        "server-ended",
        "config-change/present_down_waiting_0",
        "the mysqld was stopped",
        |cell| {
            undone(cell, |action| {
                matches!(action, Action::Mysqld(MysqldAction::StopMysqld { .. }))
            })
        },
    ),
    (
        "server-ended",
        "config-change/present_down_waiting_0",
        "its host sent a FIN",
        |cell| cell.observed.terminators.clear(),
    ),
    (
        "nothing-to-send",
        "silent-server/only",
        "the host was off",
        |cell| {
            undone(cell, |action| {
                matches!(action, Action::Host(HostAction::PowerOff { .. }))
            })
        },
    ),
    (
        "nothing-to-send",
        "silent-server/only",
        "the statement had been acknowledged",
        |cell| {
            let sent = request(cell);
            without(cell, move |packet, node| {
                *node == Node::Client && packet.number > sent
            });
        },
    ),
    (
        "retransmissions-exhausted",
        "config-change/absent_up_execute-sql_0",
        "the error was ETIMEDOUT",
        |cell| cell.observed.error.as_mut().unwrap().errno = Some(104),
    ),
    (
        "retransmissions-exhausted",
        "config-change/absent_up_execute-sql_0",
        "tcp_retries2 allowed so much",
        |cell| sysctl(cell, &Node::Client, "net.ipv4.tcp_retries2", "8"),
    ),
];
