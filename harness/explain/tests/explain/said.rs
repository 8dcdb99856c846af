//! What decides the rules about a client's acknowledgements, its login, and its port.

use super::table::Damage;
use super::*;
use lvs_matrix_explain::explain;
use lvs_matrix_model::action::{Edit, TableAction};
use lvs_matrix_model::duration::Instant;

const EXPIRE_NODEST_CONN: &str = "net.ipv4.vs.expire_nodest_conn";

fn not_deleted(cell: &mut JudgedCell) {
    undone(cell, |action| {
        matches!(
            action,
            Action::Table(Edit {
                action: TableAction::RemoveRealServer { .. },
                ..
            })
        )
    });
}

fn entry_kept_for_two_hours(cell: &mut JudgedCell) {
    for host in &mut cell.record.plan.hosts {
        for argv in &mut host.commands {
            if argv.iter().any(|word| word == "--set") {
                "7200".clone_into(&mut argv[2]);
            }
        }
    }
}

fn is_servers_reset(packet: &Packet) -> bool {
    segment(packet).is_some_and(|(_, _, own)| own.flags.rst && own.source_port == 3306)
}

/// What decides each rule, and how it is taken away.
pub(crate) const SAID: &[(&str, &str, &str, Damage)] = &[
    (
        "entry-without-server",
        "client-actions/absent_awaiting-the-greeting_0",
        "expire_nodest_conn was 0 when the login came",
        |cell| sysctl(cell, &Node::first_director(), EXPIRE_NODEST_CONN, "1"),
    ),
    (
        "entry-expired-with-its-server",
        "client-actions/absent_next-statement_1",
        "expire_nodest_conn was 1 when the acknowledgement came",
        |cell| sysctl(cell, &Node::first_director(), EXPIRE_NODEST_CONN, "0"),
    ),
    (
        "entry-timed-out",
        "client-actions/absent_idle-for-long_0",
        "the entry's time was over",
        entry_kept_for_two_hours,
    ),
    (
        "entry-timed-out",
        "client-actions/present_idle-for-long_0",
        "the entry was gone",
        |cell| {
            let entry = cell.record.snapshots[0].connections.clone();
            let port = cell.observed.operation.as_ref().unwrap().client_port.unwrap();
            let line =
                format!("TCP 00:01  ESTABLISHED 192.0.2.10:{port}  192.0.2.100:3306  192.0.2.31:3306\n");
            cell.record.snapshots[1].connections = entry + "\n" + &line;
        },
    ),
    (
        "handshake-half-done",
        "client-actions/absent_syn-on-its-way_0",
        "expire_nodest_conn was 0",
        |cell| sysctl(cell, &Node::first_director(), EXPIRE_NODEST_CONN, "1"),
    ),
    (
        "handshake-half-done",
        "client-actions/absent_syn-on-its-way_0",
        "the server was deleted",
        not_deleted,
    ),
    (
        "handshake-half-done",
        "client-actions/absent_syn-on-its-way_0",
        "the acknowledgement arrived at the director",
        |cell| without(cell, |_, node| *node == Node::first_director()),
    ),
    (
        "window-update-dropped",
        "client-actions/absent_large-result_0",
        "expire_nodest_conn was 0",
        |cell| sysctl(cell, &Node::first_director(), EXPIRE_NODEST_CONN, "1"),
    ),
    (
        "window-update-dropped",
        "client-actions/absent_large-result_0",
        "the client had closed its window",
        |cell| {
            without(cell, |packet, _| {
                segment(packet).is_some_and(|(_, _, segment)| segment.window == 0)
            });
        },
    ),
    (
        "window-update-dropped",
        "client-actions/absent_large-result_0",
        "the entry was there",
        |cell| table(cell, Moment::AfterChange, without_established),
    ),
    (
        "row-locked-by-an-orphan",
        "orphaned-locks/lost_same-row",
        "a lost session has locked rows",
        |cell| cell.observed.orphaned_sessions.clear(),
    ),
    (
        "row-locked-by-an-orphan",
        "orphaned-locks/lost-at-once_same-row",
        "the statement arrived at the server",
        |cell| without(cell, |_, node| node.real_server().is_some()),
    ),
    (
        "lost-session-ended-by-keepalive",
        "orphaned-locks/lost-at-once-keepalive_same-row",
        "the server gave the other connection up",
        |cell| without(cell, |packet, _| is_servers_reset(packet)),
    ),
    (
        "lost-session-ended-by-keepalive",
        "orphaned-locks/lost-at-once-keepalive_same-row",
        "it had probed that connection",
        |cell| {
            without(cell, |packet, node| {
                let later = packet.at > Instant(5_000_000_000) && node.real_server().is_some();
                later && segment(packet).is_some_and(|(_, _, own)| own.payload_length == 0 && !own.flags.rst)
            });
        },
    ),
    (
        "lost-session-ended-by-keepalive",
        "orphaned-locks/lost-at-once-keepalive_same-row",
        "nobody answered the probes",
        // What the client's kernel said gets to the server.
        |cell| {
            let points = &cell.record.capture.as_ref().unwrap().points;
            let server = points
                .iter()
                .position(|point| point.node.real_server().is_some())
                .unwrap();
            cell.change_packets(|packets| {
                for packet in packets {
                    let refused = segment(packet)
                        .is_some_and(|(_, _, own)| own.flags.rst && own.destination_port == 3306);
                    if refused && packet.at > Instant(5_000_000_000) {
                        packet.point = server;
                    }
                }
            });
        },
    ),
    (
        "lost-session-ended-by-keepalive",
        "orphaned-locks/lost-at-once-keepalive_same-row",
        "the answer came right after it",
        |cell| {
            cell.change_packets(|packets| {
                for packet in packets.iter_mut().filter(|packet| is_servers_reset(packet)) {
                    packet.at = Instant(packet.at.0 - 200_000_000);
                }
            });
        },
    ),
    (
        "lock-wait-timeout",
        "orphaned-locks/lost_same-row",
        "the server said that it waited for a lock",
        |cell| cell.observed.error.as_mut().unwrap().server = Some(1213),
    ),
    (
        "server-gave-up",
        "client-actions/absent_large-result_0",
        "net_write_timeout was over",
        |cell| cell.observed.terminators[0].at = Instant(30_000_000_000),
    ),
    (
        "server-gave-up",
        "client-actions/absent_awaiting-the-greeting_0",
        "the server ended it",
        |cell| cell.observed.terminators[0].by = Some(Node::first_director()),
    ),
    (
        "server-gave-up",
        "client-actions/absent_awaiting-the-greeting_0",
        "connect_timeout was over",
        |cell| cell.observed.terminators[0].at = Instant(20_000_000_000),
    ),
    (
        "old-entry-without-server",
        "client-actions/absent_port-again-after-quit_0",
        "expire_nodest_conn was 0",
        |cell| sysctl(cell, &Node::first_director(), EXPIRE_NODEST_CONN, "1"),
    ),
    (
        "old-entry-without-server",
        "client-actions/absent_port-again-after-quit_0",
        "FIN_WAIT made no place",
        |cell| sysctl(cell, &Node::first_director(), "net.ipv4.vs.conn_reuse_mode", "3"),
    ),
    (
        "old-entry-without-server",
        "client-actions/absent_port-again-after-quit_0",
        "the entry was not over",
        |cell| {
            table(cell, Moment::AfterChange, |text| {
                text.replace("FIN_WAIT", "TIME_WAIT")
            })
        },
    ),
    (
        "scheduled-after-the-old-entry",
        "client-actions/absent_port-again-after-quit_0",
        "the old entry's time was over",
        |cell| table(cell, Moment::AfterChange, |text| text.replace("00:50", "02:50")),
    ),
    (
        "scheduled-after-the-old-entry",
        "client-actions/absent_port-again-after-quit_0",
        "a repetition was passed on",
        |cell| from_director_gone(cell),
    ),
    (
        "passed-on-by-an-old-entry",
        "client-actions/present_port-again-after-quit_0",
        "the director passed the SYN on",
        |cell| from_director_gone(cell),
    ),
];

/// What a SYN finds decides what is said of it.
#[test]
fn a_syn_is_scheduled_where_nothing_is_in_its_way() {
    let id = "client-actions/present_port-again-after-quit_0";
    assert_eq!(rules(&explain(&stored(id))), ["passed-on-by-an-old-entry"]);
    let gone: [(Damage, &str); 2] = [
        (
            |cell| {
                table(cell, Moment::AfterChange, |text| {
                    text.replace("FIN_WAIT", "TIME_WAIT")
                })
            },
            "(TIME_WAIT, to rs1, to expire in 00:50); but the connection is over",
        ),
        (
            |cell| table(cell, Moment::AfterChange, |text| text.replace("TCP 00:50", "")),
            "belonged to no connection that the director knows",
        ),
    ];
    for (change, says) in gone {
        let mut cell = stored(id);
        change(&mut cell);
        let explanation = explain(&cell);
        assert_eq!(rules(&explanation), ["scheduled"]);
        let text = &explanation.paragraphs[0].text;
        assert!(text.contains(says), "{text}");
    }
}

/// A segment without data is called what it is. (The rest of a large upload is in `tests/matrix`.)
#[test]
fn segments_without_data_are_told_apart() {
    for (id, says) in [
        (
            "client-actions/absent_awaiting-the-greeting_1",
            "acknowledgement of what it had received (packet",
        ),
        ("client-actions/absent_large-result_1", "window update (packet"),
        (
            "client-actions/absent_syn-on-its-way_1",
            "acknowledgement of the SYN-ACK (packet",
        ),
        (
            "client-actions/absent_pool-member-on-rs1_1",
            "query `select 1` (packet",
        ),
    ] {
        let explanation = explain(&stored(id));
        let text = &explanation.paragraphs.last().unwrap().text;
        assert!(text.contains(says), "{id}: {text}");
    }
}
