//! What decides the rules about firewalls, links, hosts and forwarding methods.

use super::table::Damage;
use super::*;
use lvs_matrix_model::action::{Edit, HostAction, MysqldAction, TableAction, TrafficAction};
use lvs_matrix_model::capture::Body;
use lvs_matrix_model::record::ClientEventKind;

fn no_firewall(cell: &mut JudgedCell) {
    undone(cell, |action| {
        matches!(action, Action::Traffic(TrafficAction::AddFirewallRule { .. }))
    });
}

fn no_filter(cell: &mut JudgedCell) {
    undone(cell, |action| {
        matches!(action, Action::Traffic(TrafficAction::FilterIcmp { .. }))
    });
}

fn no_netem(cell: &mut JudgedCell) {
    undone(cell, |action| {
        matches!(action, Action::Traffic(TrafficAction::SetNetem { .. }))
    });
}

fn no_forwarding(cell: &mut JudgedCell) {
    undone(cell, |action| {
        matches!(
            action,
            Action::Table(Edit {
                action: TableAction::SetForwarding { .. },
                ..
            })
        )
    });
}

fn no_freeze(cell: &mut JudgedCell) {
    undone(cell, |action| {
        matches!(action, Action::Mysqld(MysqldAction::FreezeMysqld { .. }))
    });
}

fn no_power_on(cell: &mut JudgedCell) {
    undone(cell, |action| {
        matches!(action, Action::Host(HostAction::PowerOn { .. }))
    });
}

fn always_on(cell: &mut JudgedCell) {
    undone(cell, |action| {
        matches!(
            action,
            Action::Host(HostAction::PowerOff { .. } | HostAction::PowerOn { .. })
        )
    });
}

fn built_right(cell: &mut JudgedCell) {
    cell.record.plan.misbuilt.clear();
}

fn without_thresholds(cell: &mut JudgedCell) {
    for backend in &mut cell.record.plan.services.first_mut().backends {
        (backend.upper_threshold, backend.lower_threshold) = (None, None);
    }
}

fn not_by_it(cell: &mut JudgedCell) {
    for terminator in &mut cell.observed.terminators {
        terminator.by = None;
    }
}

pub(crate) const FAULTS: &[(&str, &str, &str, Damage)] = &[
    (
        "off-for-a-while",
        "power-on/speaks_none",
        "the host came back",
        no_power_on,
    ),
    (
        "started-anew",
        "power-on/speaks_none",
        "the host started anew",
        no_power_on,
    ),
    (
        "started-anew",
        "power-on/speaks_none",
        "the server sent the RST",
        not_by_it,
    ),
    (
        "statement-forgotten",
        "power-on/waits_none",
        "the host had no power for a while",
        always_on,
    ),
    (
        "server-at-its-threshold",
        "thresholds/upper-2_none",
        "the server had a threshold",
        without_thresholds,
    ),
    (
        "no-server-for-a-syn",
        "thresholds/upper-2_none",
        "the server had a threshold",
        without_thresholds,
    ),
    (
        "server-without-the-vip",
        "misbuilt/no-vip_nothing",
        "the VIP was missing",
        built_right,
    ),
    (
        "wrong-gateway",
        "misbuilt/nat-wrong-gateway_nothing",
        "the director was not the gateway",
        built_right,
    ),
    (
        "wrong-gateway",
        "misbuilt/nat-two-armed-wrong-gateway_nothing",
        "the director was not the gateway",
        built_right,
    ),
    (
        "director-is-no-router",
        "misbuilt/nat-no-forwarding_nothing",
        "the director did not forward",
        built_right,
    ),
    (
        "no-service-for-a-syn",
        "delete-variants/service_one_new-connection_0",
        "the director sent the RST",
        not_by_it,
    ),
    (
        "no-service-for-a-syn",
        "delete-variants/service_none_new-connection_0",
        "the service was gone",
        |cell| {
            table(cell, Moment::AfterChange, |_| {
                "TCP  192.0.2.100:3306 rr\n".to_owned()
            })
        },
    ),
    (
        "no-mark-on-a-syn",
        "firewall-mark/flush-firewall_next_0_ipv4",
        "the rule that marks was taken away",
        |cell| {
            undone(cell, |action| {
                matches!(action, Action::Traffic(TrafficAction::FlushFirewall { .. }))
            });
        },
    ),
    (
        "no-mark-on-a-syn",
        "firewall-mark/flush-firewall_next_0_ipv4",
        "the director sent the RST",
        not_by_it,
    ),
    (
        "no-service-for-a-syn",
        "vip-not-local/delete-service_next_0_ipv6",
        "the director sent the RST",
        not_by_it,
    ),
    (
        "answer-from-nobodys-address",
        "vip-not-local/delete-service_next_0_ipv4",
        "the service was gone",
        |cell| {
            table(cell, Moment::AfterChange, |_| {
                "FWM  1 rr\n  -> 192.0.2.31:0  Route 1 0 0\n".to_owned()
            });
        },
    ),
    (
        "answer-from-nobodys-address",
        "vip-not-local/delete_idle_1_ipv4",
        "the real server had been deleted",
        |cell| {
            undone(cell, |action| {
                matches!(
                    action,
                    Action::Table(Edit {
                        action: TableAction::RemoveRealServer { .. },
                        ..
                    })
                )
            });
        },
    ),
    (
        "passed-on-without-a-mark",
        "vip-not-local/flush-firewall_next_0_ipv4",
        "the director sent the ICMP errors",
        not_by_it,
    ),
    (
        "statement-without-a-mark",
        "vip-not-local/flush-firewall_idle_0_ipv6",
        "the rule that marks was taken away",
        |cell| {
            undone(cell, |action| {
                matches!(action, Action::Traffic(TrafficAction::FlushFirewall { .. }))
            });
        },
    ),
    (
        "last-service-gone",
        "delete-variants/service_none_execute-sql_0",
        "there was no other service",
        |cell| {
            table(cell, Moment::AfterChange, |_| {
                "TCP  192.0.2.100:3307 rr\n".to_owned()
            })
        },
    ),
    (
        "last-service-gone",
        "delete-variants/service_none_execute-sql_0",
        "the director sent the RST",
        not_by_it,
    ),
    (
        "firewall-drops",
        "faults/drop-input_execute-sql_0",
        "a rule dropped",
        no_firewall,
    ),
    (
        "firewall-drops",
        "faults/drop-input_new-connection_0",
        "the server said nothing",
        |cell| undone(cell, |action| !matches!(action, Action::Client(_))),
    ),
    (
        "firewall-drops",
        "faults/director-drops_execute-sql_0",
        "the statement arrived at the director",
        |cell| without(cell, |_, node| *node == Node::first_director()),
    ),
    (
        "firewall-drops",
        "faults/drop-output_waiting_0",
        "the statement reached the server",
        |cell| without(cell, |_, node| node.real_server().is_some()),
    ),
    (
        "firewall-refuses-a-syn",
        "faults/reject-input_new-connection_0",
        "a rule rejected",
        no_firewall,
    ),
    (
        "firewall-refuses-a-syn",
        "faults/reset-input_new-connection_0",
        "the host with the firewall sent the RST",
        not_by_it,
    ),
    (
        "firewall-resets",
        "faults/reset-input_execute-sql_0",
        "a rule reset",
        no_firewall,
    ),
    (
        "firewall-rejects",
        "faults/reject-input_execute-sql_0",
        "a rule rejected",
        no_firewall,
    ),
    (
        "firewall-rejects",
        "faults/reject-input_execute-sql_0",
        "the host with the firewall sent the ICMP errors",
        not_by_it,
    ),
    (
        "host-off",
        "faults/host-off_execute-sql_0",
        "the host was off",
        |cell| {
            undone(cell, |action| {
                matches!(action, Action::Host(HostAction::PowerOff { .. }))
            });
        },
    ),
    (
        "host-off",
        "faults/link-down_new-connection_0",
        "the link was down",
        |cell| {
            undone(cell, |action| {
                matches!(action, Action::Host(HostAction::LinkDown { .. }))
            });
        },
    ),
    (
        "host-off",
        "faults/host-off_new-connection_0",
        "the SYN arrived at the director",
        |cell| without(cell, |_, node| *node == Node::first_director()),
    ),
    (
        "no-neighbour",
        "faults/host-off-on-flat-segment_new-connection_0",
        "the director asked in vain",
        |cell| without(cell, |packet, _| matches!(packet.body, Body::Arp { .. })),
    ),
    (
        "no-neighbour",
        "faults/host-off-on-flat-segment_new-connection_0",
        "the error was EHOSTUNREACH",
        |cell| cell.observed.error.as_mut().unwrap().errno = Some(111),
    ),
    (
        "smaller-segments",
        "tunnel-mtu/gre_ipv4_passes_none_large",
        "the director said how large a packet may be",
        without_icmp,
    ),
    (
        "smaller-segments",
        "tunnel-mtu/gre_ipv4_passes_none_large",
        "a smaller segment left the director",
        |cell| from_director_gone(cell),
    ),
    (
        "icmp-filtered",
        "tunnel-mtu/gre_ipv4_filtered_none_large",
        "the client's firewall dropped what it said",
        no_filter,
    ),
    (
        "icmp-filtered",
        "tunnel-mtu/gre_ipv4_filtered_none_large",
        "the director said how large a packet may be",
        without_icmp,
    ),
    (
        "mtu-probing",
        "tunnel-mtu/ipip_ipv4_filtered_mtu-probing_large",
        "a smaller segment left the director",
        |cell| from_director_gone(cell),
    ),
    (
        "mtu-probing",
        "tunnel-mtu/ipip_ipv4_filtered_mtu-probing_large",
        "the client's TCP tries other sizes",
        |cell| sysctl(cell, &Node::Client, "net.ipv4.tcp_mtu_probing", "0"),
    ),
    (
        "delayed-on-the-link",
        "faults/delay_execute-sql_0",
        "the link was set to delay",
        no_netem,
    ),
    (
        "wait-timeout",
        "drain/closed-by-wait-timeout_weight-0-wait",
        "the session's time was so short",
        |cell| {
            for event in &mut cell.record.client_events {
                if let ClientEventKind::StatementBegun { sql } = &mut event.kind {
                    *sql = sql.replace("60", "600");
                }
            }
        },
    ),
    (
        "wait-timeout",
        "drain/closed-by-wait-timeout_weight-0-wait",
        "the server closed it",
        not_by_it,
    ),
    (
        "server-frozen",
        "faults/mysqld-frozen_execute-sql_0",
        "the mysqld was frozen",
        no_freeze,
    ),
    // The kernel's SYN-ACK is no answer of the mysqld.
    (
        "server-frozen",
        "faults/mysqld-frozen_new-connection_0",
        "the mysqld was frozen",
        no_freeze,
    ),
    (
        "server-frozen",
        "faults/mysqld-frozen_execute-sql_0",
        "the kernel acknowledged the statement",
        |cell| {
            let sent = request(cell);
            without(cell, move |packet, node| {
                *node == Node::Client && packet.number > sent
            });
        },
    ),
    (
        "server-thawed",
        "faults/mysqld-thawed_waiting_0",
        "it ran again",
        |cell| {
            undone(cell, |action| {
                matches!(action, Action::Mysqld(MysqldAction::ThawMysqld { .. }))
            });
        },
    ),
    (
        "link-came-back",
        "faults/link-back_waiting_0",
        "it came back",
        |cell| {
            undone(cell, |action| {
                matches!(action, Action::Host(HostAction::LinkUp { .. }))
            });
        },
    ),
    (
        "answer-not-translated-back",
        "faults/masquerading_new-connection_0",
        "the method was changed",
        no_forwarding,
    ),
    (
        "answer-not-translated-back",
        "faults/masquerading_new-connection_0",
        "the answer came from the server's own address",
        |cell| without(cell, |packet, node| *node == Node::Client && packet.number > 4),
    ),
    (
        "no-tunnel",
        "faults/tunneling_new-connection_0",
        "the method was changed",
        no_forwarding,
    ),
    (
        "no-tunnel",
        "faults/tunneling_new-connection_0",
        "the director passed the error on",
        not_by_it,
    ),
    (
        "syn-retries-exhausted",
        "faults/drop-input_new-connection_0",
        "the error was ETIMEDOUT",
        |cell| cell.observed.error.as_mut().unwrap().errno = Some(111),
    ),
    (
        "syn-retries-exhausted",
        "faults/drop-input_new-connection_0",
        "so many were sent",
        |cell| sysctl(cell, &Node::Client, "net.ipv4.tcp_syn_retries", "20"),
    ),
];
