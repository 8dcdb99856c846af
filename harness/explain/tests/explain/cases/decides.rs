//! What decides the rules that the cells of [`super`] show, and how it is taken away.

mod directors;
mod firewalls;

use super::super::table::Damage;
use super::super::*;
use lvs_matrix_model::action::{Edit, HostAction, TableAction, TrafficAction};
use lvs_matrix_model::capture::{Body, Transport};
use lvs_matrix_model::record::Moment;

fn is_reset(packet: &Packet) -> bool {
    segment(packet).is_some_and(|(_, _, own)| own.flags.rst && own.source_port == 3306)
}

fn arp(packet: &Packet) -> bool {
    matches!(packet.body, Body::Arp { .. })
}

/// What is sent to the client becomes an RST that answers a segment.
fn reset_answers(cell: &mut JudgedCell) {
    cell.change_packets(|packets| {
        for packet in packets.iter_mut().filter(|packet| is_reset(packet)) {
            if let Body::Ip {
                transport: Transport::Tcp(own),
                ..
            } = &mut packet.body
            {
                own.flags.ack = false;
            }
        }
    });
}

fn nothing_on_rs1(cell: &mut JudgedCell) {
    without(cell, |_, node| node.real_server().is_some());
}

fn link_loses_nothing(cell: &mut JudgedCell) {
    undone(cell, |action| {
        matches!(action, Action::Traffic(TrafficAction::SetNetem { .. }))
    });
}

fn entry_for_two_hours(cell: &mut JudgedCell) {
    for argv in cell
        .record
        .plan
        .hosts
        .iter_mut()
        .flat_map(|host| &mut host.commands)
    {
        if argv.iter().any(|word| word == "--set") {
            "7200".clone_into(&mut argv[2]);
        }
    }
}

/// A rule, the cell that it explains, what of it decides, and how that is taken away.
pub(crate) type Decides = (&'static str, &'static str, &'static str, Damage);

/// What decides each rule, and how it is taken away.
pub(crate) fn decides() -> impl Iterator<Item = &'static Decides> {
    let of_kinds = directors::DECIDES.iter().chain(firewalls::DECIDES);
    DECIDES.iter().chain(of_kinds)
}

const DECIDES: &[Decides] = &[
    (
        "passed-on",
        "losses/statement-between",
        "its repetition reached the server",
        nothing_on_rs1,
    ),
    (
        "scheduled",
        "losses/syn-between",
        "its repetition reached the server",
        nothing_on_rs1,
    ),
    (
        "lost-before-the-director",
        "losses/ack-before",
        "the link lost packets",
        link_loses_nothing,
    ),
    (
        "lost-after-the-director",
        "losses/statement-between",
        "the link lost packets",
        link_loses_nothing,
    ),
    (
        "entry-timed-out",
        "timed-out-in-act/long-statement",
        "the entry's time was over",
        entry_for_two_hours,
    ),
    (
        "acknowledgement-put-off",
        "flush-after-login/only",
        "it was put off",
        |cell| {
            let sent = cell.packets().iter().rfind(|packet| is_reset(packet)).unwrap().at;
            cell.change_packets(|packets| {
                for packet in packets {
                    if segment(packet).is_some_and(|(_, _, own)| own.payload_length == 11) {
                        packet.at = sent;
                    }
                }
            });
        },
    ),
    (
        "last-service-gone",
        "flush-after-login/only",
        "the table was flushed",
        |cell| {
            undone(cell, |action| {
                matches!(
                    action,
                    Action::Table(Edit {
                        action: TableAction::FlushTable,
                        ..
                    })
                )
            });
        },
    ),
    (
        "route-of-another-method",
        "forwarding-edited/only",
        "the director asked for the VIP",
        |cell| {
            without(cell, |packet, _| arp(packet));
        },
    ),
    (
        "route-of-another-method",
        "forwarding-edited/only",
        "the other method had been first",
        |cell| {
            without(cell, |packet, _| {
                matches!(
                    packet.body,
                    Body::Ip {
                        transport: Transport::Tunneled { .. },
                        ..
                    }
                )
            });
        },
    ),
    (
        "back-off-taken-back",
        "forwarding-edited/only",
        "ICMP errors came",
        without_icmp,
    ),
    (
        "director-unplugged",
        "expl/director-link-down",
        "the link was down",
        |cell| {
            undone(cell, |action| {
                matches!(action, Action::Host(HostAction::LinkDown { .. }))
            });
        },
    ),
    (
        "closed-with-unread-data",
        "expl/frozen-killed",
        "the server sent its RST by itself",
        reset_answers,
    ),
    (
        "closed-with-unread-data",
        "expl/frozen-killed",
        "the process ended",
        |cell| {
            undone(cell, |action| {
                matches!(
                    action,
                    Action::Mysqld(lvs_matrix_model::action::MysqldAction::StopMysqld { .. })
                )
            });
        },
    ),
    (
        "keepalive-probe-answered",
        "probe-draws-reset/stays-default",
        "the socket had keepalive",
        |cell| {
            for socket in &mut cell.record.client.as_mut().unwrap().sockets {
                socket.keepalive = false;
            }
        },
    ),
    ("host-off", "flat/1s", "the SYN arrived at the director", |cell| {
        without(cell, |_, node| *node == Node::first_director());
    }),
    (
        "neighbour-still-reachable",
        "flat/1s",
        "the director asked in the end",
        |cell| {
            without(cell, |packet, node| {
                arp(packet) && *node == Node::first_director()
            });
        },
    ),
    (
        "picked-up-by-sloppy-tcp",
        "sloppy-tcp/one",
        "sloppy_tcp was on",
        |cell| {
            sysctl(cell, &Node::first_director(), "net.ipv4.vs.sloppy_tcp", "0");
        },
    ),
    (
        "scheduled-to-another-server",
        "sloppy-tcp/two",
        "sloppy_tcp was on",
        |cell| {
            sysctl(cell, &Node::first_director(), "net.ipv4.vs.sloppy_tcp", "0");
        },
    ),
    (
        "scheduled-to-another-server",
        "sloppy-tcp/two",
        "the RST answered a segment",
        |cell| {
            cell.change_packets(|packets| {
                for packet in packets.iter_mut().filter(|packet| is_reset(packet)) {
                    if let Body::Ip {
                        transport: Transport::Tcp(own),
                        ..
                    } = &mut packet.body
                    {
                        own.flags.ack = true;
                    }
                }
            });
        },
    ),
    (
        "wait-timeout",
        "wait-timeout/idle",
        "the server had said its wait_timeout",
        |cell| {
            cell.record
                .server_views
                .iter_mut()
                .for_each(|view| view.timeouts.clear());
        },
    ),
    (
        "wait-timeout",
        "wait-timeout/while-hung",
        "it was as long as the silence",
        |cell| {
            for view in &mut cell.record.server_views {
                view.timeouts.insert("wait_timeout".to_owned(), 50);
            }
        },
    ),
    (
        "wait-timeout",
        "wait-timeout/idle",
        "the client was not interactive",
        |cell| {
            cell.change_packets(|packets| {
                for packet in packets {
                    if let Body::Ip {
                        transport: Transport::Tcp(own),
                        ..
                    } = &mut packet.body
                        && own.destination_port == 3306
                        && own.payload.len() > 36
                    {
                        own.payload[5] |= 4;
                    }
                }
            });
        },
    ),
    (
        "server-gave-up",
        "net-write/only",
        "net_write_timeout was over",
        |cell| {
            for view in &mut cell.record.server_views {
                view.timeouts.insert("net_write_timeout".to_owned(), 60);
            }
        },
    ),
    (
        "error-of-the-server",
        "server-error/only",
        "the server answered",
        |cell| {
            without(cell, |packet, node| {
                node.real_server().is_some() && segment(packet).is_some()
            })
        },
    ),
    (
        "entry-outlived-its-time",
        "rounded/none",
        "the entry's time was over",
        entry_for_two_hours,
    ),
    (
        "vip-answered-by-a-server",
        "wrong-arp/old",
        "the server had spoken for the VIP",
        |cell| {
            without(cell, |packet, _| arp(packet));
        },
    ),
    (
        "datagram-scheduled",
        "udp/rs2_delete_same_expire",
        "a server was reached",
        nothing_on_rs1,
    ),
    (
        "datagram-scheduled",
        "udp/rs2_delete_same_none",
        "the director passed the datagram on",
        |cell| without(cell, |_, node| *node == Node::first_director()),
    ),
    (
        "no-server-for-a-datagram",
        "udp/none_delete_same_expire",
        "the director refused",
        without_icmp,
    ),
    (
        "no-server-for-a-datagram",
        "udp/none_weight-0_new_kept",
        "no server had a weight",
        |cell| {
            table(cell, Moment::AfterChange, |text| {
                text.replace("Route   0", "Route   1")
            });
        },
    ),
    (
        "no-service-for-a-datagram",
        "udp/none_remove-service_new_kept",
        "the director refused",
        without_icmp,
    ),
    (
        "nothing-listens-to-datagrams",
        "udp/none_stop_same_kept",
        "the server was stopped",
        |cell| undone(cell, |action| matches!(action, Action::Mysqld(_))),
    ),
    (
        "datagram-unread",
        "udp-frozen/only",
        "the server stood still",
        |cell| undone(cell, |action| matches!(action, Action::Mysqld(_))),
    ),
    (
        "told-to-end-the-connection",
        "echo/closes",
        "the server ended the connection",
        |cell| cell.observed.terminators.clear(),
    ),
    (
        "told-to-end-the-connection",
        "echo/resets",
        "the connection was reset",
        |cell| cell.observed.terminators.clear(),
    ),
    (
        "one-address-for-all-clients",
        "one-address/only",
        "the router translates",
        |cell| {
            for host in cell
                .record
                .plan
                .hosts
                .iter_mut()
                .filter(|host| host.node == Node::Router)
            {
                host.commands.clear();
            }
        },
    ),
];
