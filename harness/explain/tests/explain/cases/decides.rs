//! What decides the rules that the cells of [`super`] show, and how it is taken away.

use super::super::table::Damage;
use super::super::*;
use lvs_matrix_model::action::{HostAction, TableAction, TrafficAction};
use lvs_matrix_model::capture::{Body, Transport};
use lvs_matrix_model::keepalived::HealthCheck;
use lvs_matrix_model::plan::Process;
use lvs_matrix_model::record::Moment;

/// Nobody but the steps edited the table.
fn never_edited(cell: &mut JudgedCell) {
    let mut snapshots = cell.record.snapshots.iter();
    let first = snapshots.next().map(|snapshot| snapshot.services.clone());
    for snapshot in &mut cell.record.snapshots {
        snapshot.services.clone_from(first.as_ref().unwrap());
    }
    cell.record
        .snapshots
        .retain(|snapshot| snapshot.moment != Moment::Changed);
}

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

fn without_firewalls(cell: &mut JudgedCell) {
    undone(cell, |action| {
        matches!(action, Action::Traffic(TrafficAction::AddStatefulFirewall { .. }))
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

fn is_rst(packet: &Packet) -> bool {
    segment(packet).is_some_and(|(_, _, own)| own.flags.rst)
}

fn router_macs(cell: &JudgedCell) -> Vec<lvs_matrix_model::plan::Mac> {
    let router = cell.record.plan.router().unwrap();
    router.nics.iter().map(|nic| nic.mac).collect()
}

fn sets_router(action: &Action, wanted: &str) -> bool {
    matches!(action, Action::Host(HostAction::SetSysctl { node: Node::Router, key, .. }) if key == wanted)
}

fn mapping_kept_for_days(cell: &mut JudgedCell) {
    undone(cell, |action| {
        sets_router(action, "net.netfilter.nf_conntrack_tcp_timeout_established")
    });
}

/// What decides each rule, and how it is taken away.
pub(crate) const DECIDES: &[(&str, &str, &str, Damage)] = &[
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
                matches!(action, Action::Table(TableAction::FlushTable))
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
        without(cell, |_, node| *node == Node::Director);
    }),
    (
        "neighbour-still-reachable",
        "flat/1s",
        "the director asked in the end",
        |cell| {
            without(cell, |packet, node| arp(packet) && *node == Node::Director);
        },
    ),
    (
        "picked-up-by-sloppy-tcp",
        "sloppy-tcp/one",
        "sloppy_tcp was on",
        |cell| {
            sysctl(cell, &Node::Director, "net.ipv4.vs.sloppy_tcp", "0");
        },
    ),
    (
        "scheduled-to-another-server",
        "sloppy-tcp/two",
        "sloppy_tcp was on",
        |cell| {
            sysctl(cell, &Node::Director, "net.ipv4.vs.sloppy_tcp", "0");
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
        |cell| without(cell, |_, node| *node == Node::Director),
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
        "stateful-firewall-drops",
        "stateful/direct-routing_1_director-input_connect",
        "there was a stateful firewall",
        without_firewalls,
    ),
    (
        "stateful-firewall-drops",
        "stateful/direct-routing_0_director-output_statement",
        "the statement went no further than the director",
        |cell| without(cell, |_, node| *node == Node::Director),
    ),
    (
        "stateful-firewall-drops",
        "stateful/masquerading_0_director-forward_connect",
        "conntrack keeps nothing of what IPVS forwards",
        |cell| {
            let hosts = &mut cell.record.plan.hosts;
            for (key, value) in hosts.iter_mut().flat_map(|host| &mut host.sysctls) {
                if key == "net.ipv4.vs.conntrack" {
                    "1".clone_into(value);
                }
            }
        },
    ),
    (
        "stateful-firewall-drops",
        "forgotten/server-input-syn_idle_timed-out",
        "the entry lives for less than the client was idle",
        |cell| {
            let hosts = &mut cell.record.plan.hosts;
            for (key, value) in hosts.iter_mut().flat_map(|host| &mut host.sysctls) {
                if key.ends_with("_timeout_established") {
                    "432000".clone_into(value);
                }
            }
        },
    ),
    (
        "stateful-firewall-drops",
        "forgotten/client-input_in-flight_flushed",
        "the client's kernel did not get the answer",
        |cell| cell.observed.discarded.clear(),
    ),
    (
        "stateful-firewall-drops",
        "forgotten/server-output_in-flight_timed-out",
        "the firewall dropped something",
        |cell| {
            for step in &mut cell.record.steps {
                step.at_end = None;
            }
        },
    ),
    (
        "stateful-firewall-drops",
        "forgotten/director-forward_in-flight_flushed",
        "a step made conntrack forget",
        |cell| {
            undone(cell, |action| {
                matches!(action, Action::Traffic(TrafficAction::FlushConntrack { .. }))
            });
        },
    ),
    (
        "reverse-path-filter",
        "reverse-path/only",
        "the filter was on",
        |cell| {
            undone(cell, |action| {
                matches!(action, Action::Host(HostAction::SetSysctl { .. }))
            })
        },
    ),
    (
        "reverse-path-filter",
        "reverse-path/only",
        "the SYN reached the server",
        nothing_on_rs1,
    ),
    (
        "router-unplugged",
        "router/behind-router_connect_router-unplugged",
        "the router's links were down",
        |cell| {
            undone(cell, |action| {
                matches!(action, Action::Host(HostAction::LinkDown { node: Node::Router }))
            });
        },
    ),
    (
        "answer-ends-at-the-router",
        "source-nat/timed-out_1_in-flight",
        "the router had forgotten the connection",
        mapping_kept_for_days,
    ),
    (
        "answer-ends-at-the-router",
        "source-nat/timed-out_1_in-flight",
        "the router refused the answer",
        |cell| {
            let own = router_macs(cell);
            without(cell, |packet, _| {
                is_rst(packet) && own.contains(&packet.source_mac)
            });
        },
    ),
    (
        "router-keeps-the-connection-anew",
        "source-nat/flushed_1_idle",
        "the router's connection tracking was flushed",
        |cell| {
            undone(cell, |action| {
                matches!(action, Action::Traffic(TrafficAction::FlushConntrack { .. }))
            });
        },
    ),
    (
        "passed-on-untranslated",
        "source-nat/timed-out_0_idle",
        "the router takes only a SYN for a beginning",
        |cell| {
            undone(cell, |action| {
                sets_router(action, "net.netfilter.nf_conntrack_tcp_loose")
            });
        },
    ),
    (
        "passed-on-untranslated",
        "source-nat/timed-out_0_idle",
        "the router had forgotten the connection",
        mapping_kept_for_days,
    ),
    (
        "taken-out-by-keepalived",
        "keepalived/out",
        "keepalived edited the table",
        never_edited,
    ),
    (
        "taken-out-by-keepalived",
        "keepalived/out",
        "keepalived said that its check failed",
        |cell| cell.record.keepalived_log.clear(),
    ),
    (
        "taken-out-by-keepalived",
        "keepalived/told",
        "keepalived was told to read its configuration again",
        |cell| undone(cell, |action| action.key() == "reload-keepalived"),
    ),
    (
        "not-yet-taken-out",
        "keepalived/not-yet",
        "keepalived edited the table",
        never_edited,
    ),
    (
        "not-yet-taken-out",
        "keepalived/not-yet",
        "something was done to the real server before",
        |cell| undone(cell, |action| action.key() == "power-off"),
    ),
    (
        "check-sees-no-freeze",
        "keepalived/no-freeze",
        "the check only connects",
        |cell| {
            let processes = cell.record.plan.hosts.iter_mut().flat_map(|host| &mut host.runs);
            for process in processes {
                if let Process::Keepalived(said) = process {
                    said.check = Some(HealthCheck::Query);
                }
            }
        },
    ),
    (
        "check-sees-no-freeze",
        "keepalived/no-freeze",
        "the server was frozen",
        |cell| undone(cell, |action| action.key() == "freeze-server"),
    ),
    (
        "vip-moved",
        "failover/unknown",
        "something was done to the first director",
        |cell| undone(cell, |action| action.key() == "link-down"),
    ),
    (
        "unknown-to-the-new-director",
        "failover/unknown",
        "the second director had no entry",
        |cell| {
            let mut known = cell.record.snapshots.iter();
            let known = known
                .find(|snapshot| snapshot.node == Node::Director && snapshot.moment == Moment::BeforeChange);
            let entries = known.unwrap().connections.clone();
            for snapshot in &mut cell.record.snapshots {
                snapshot.connections.clone_from(&entries);
            }
        },
    ),
    (
        "known-by-the-sync-daemon",
        "failover/known",
        "the second director had an entry",
        |cell| {
            for snapshot in &mut cell.record.snapshots {
                let heading = snapshot.connections.lines().take(2);
                snapshot.connections = heading.collect::<Vec<_>>().join("\n");
            }
        },
    ),
    (
        "sent-to-the-old-director",
        "failover/late",
        "the first director was gone",
        |cell| undone(cell, |action| action.key() == "power-off"),
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
