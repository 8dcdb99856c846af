//! What a director does by its settings, and where an entry leads that nobody knows of any more.

use super::super::super::*;
use super::Decides;
use lvs_matrix_model::capture::Body;
use lvs_matrix_model::capture::flow::unreachable;

pub(super) const DECIDES: &[Decides] = &[
    (
        "entry-dropped-in-defence",
        "defence/only",
        "the director defends itself",
        |cell| sysctl(cell, &Node::Director, "net.ipv4.vs.drop_entry", "1"),
    ),
    (
        "entry-dropped-in-defence",
        "defence/only",
        "the entry was gone",
        |cell| {
            let port = cell.record.client.as_ref().unwrap().sockets[0].port;
            for snapshot in &mut cell.record.snapshots {
                snapshot.connections = format!(
                    "IPVS connection entries\npro expire state       source             virtual            \
                     destination\nTCP 600:00  ESTABLISHED 192.0.2.10:{port} 192.0.2.100:9007 \
                     192.0.2.31:9007\n"
                );
            }
        },
    ),
    (
        "led-by-an-old-entry",
        "given-up/led",
        "the entry was in SYN_RECV",
        |cell| {
            for snapshot in &mut cell.record.snapshots {
                snapshot.connections = snapshot.connections.replace("SYN_RECV   ", "ESTABLISHED");
            }
        },
    ),
    (
        "fragmented-in-the-tunnel",
        "answers/in-pieces",
        "the director may fragment",
        |cell| sysctl(cell, &Node::Director, "net.ipv4.vs.pmtu_disc", "1"),
    ),
    (
        "fragmented-in-the-tunnel",
        "answers/in-pieces",
        "there were fragments",
        |cell| without(cell, |packet, _| matches!(packet.body, Body::Malformed { .. })),
    ),
    (
        "answer-refused-without-entry",
        "answers/refused",
        "the director tells the real server",
        |cell| sysctl(cell, &Node::Director, "net.ipv4.vs.nat_icmp_send", "0"),
    ),
    (
        "answer-refused-without-entry",
        "answers/refused",
        "the real server was told",
        |cell| {
            without(cell, |packet, node| {
                node.real_server().is_some() && unreachable(packet).is_some()
            });
        },
    ),
];
