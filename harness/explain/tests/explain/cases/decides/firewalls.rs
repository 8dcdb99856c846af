//! Firewalls that keep state, and what a router lets through.

use super::super::super::*;
use super::{Decides, nothing_on_rs1};
use lvs_matrix_model::action::{HostAction, TrafficAction};
use lvs_matrix_model::capture::{Body, TcpOption, Transport};
use lvs_matrix_model::record::AtEnd;

fn without_firewalls(cell: &mut JudgedCell) {
    undone(cell, |action| {
        matches!(action, Action::Traffic(TrafficAction::AddStatefulFirewall { .. }))
    });
}

fn is_rst(packet: &Packet) -> bool {
    segment(packet).is_some_and(|(_, _, own)| own.flags.rst)
}

fn server_says_nothing(cell: &mut JudgedCell) {
    let is_icmp = |packet: &Packet| {
        let Body::Ip { transport, .. } = &packet.body else {
            return false;
        };
        matches!(transport, Transport::Icmp { .. })
    };
    without(cell, |packet, node| {
        node.real_server().is_some() && is_icmp(packet)
    });
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

/// The rule of the author's met this many packets.
fn met(cell: &mut JudgedCell, count: u64) {
    for step in &mut cell.record.steps {
        if let Some(AtEnd::InForce { packets, .. }) = &mut step.at_end {
            *packets = Some(count);
        }
    }
}

fn without_synproxy(cell: &mut JudgedCell) {
    undone(cell, |action| action.key() == "add-synproxy");
}

pub(super) const DECIDES: &[Decides] = &[
    (
        "syn-answered-by-the-firewall",
        "synproxy/late",
        "the firewall answers SYNs",
        without_synproxy,
    ),
    (
        "acknowledgement-with-a-wrong-timestamp",
        "synproxy/late",
        "the firewall answers SYNs",
        without_synproxy,
    ),
    (
        "acknowledgement-with-a-wrong-timestamp",
        "synproxy/late",
        "the kernel is one that looks at the timestamp",
        |cell| cell.record.environment.kernel = "Linux 6.12.117".to_owned(),
    ),
    (
        "acknowledgement-with-a-wrong-timestamp",
        "synproxy/late",
        "the segments have timestamps",
        |cell| {
            cell.change_packets(|packets| {
                for packet in packets {
                    if let Body::Ip {
                        transport: Transport::Tcp(segment),
                        ..
                    } = &mut packet.body
                    {
                        let stamps = |option: &TcpOption| matches!(option, TcpOption::Timestamps { .. });
                        segment.options.retain(|option| !stamps(option));
                    }
                }
            });
        },
    ),
    (
        "nothing-listens-behind-the-firewall",
        "synproxy/reset",
        "the mysqld had been stopped",
        |cell| undone(cell, |action| action.key() == "stop-mysqld"),
    ),
    (
        "unknown-to-the-synproxy",
        "synproxy/unknown",
        "the firewall answers SYNs",
        without_synproxy,
    ),
    (
        "numbers-translated-no-more",
        "synproxy/removed",
        "the firewall's rules went",
        |cell| undone(cell, |action| action.key() == "flush-firewall"),
    ),
    (
        "numbers-translated-no-more",
        "synproxy/removed",
        "the connection began through the firewall",
        without_synproxy,
    ),
    (
        "answer-with-the-numbers-of-the-server",
        "synproxy/answer",
        "conntrack had forgotten the connection",
        |cell| undone(cell, |action| action.key() == "flush-conntrack"),
    ),
    ("firewall-drops", "rule/large", "the rule met packets", |cell| {
        met(cell, 0);
    }),
    (
        "firewall-drops",
        "rule/large",
        "an author's rule met as many as were lost",
        |cell| met(cell, 2),
    ),
    (
        "firewall-drops",
        "rule/acknowledgements",
        "an author's rule met as many as were lost",
        |cell| met(cell, 2),
    ),
    (
        "firewall-refuses-a-datagram",
        "rule/datagram",
        "the rule rejects",
        |cell| {
            for step in &mut cell.record.steps {
                if let Action::Traffic(TrafficAction::AddFirewallRule { verdict, .. }) = &mut step.action {
                    *verdict = lvs_matrix_model::action::FirewallVerdict::Drop;
                }
            }
        },
    ),
    (
        "firewall-lets-a-repetition-pass",
        "rule/rate",
        "an author's rule met as many as were taken",
        |cell| met(cell, 2),
    ),
    (
        "firewall-lets-a-repetition-pass",
        "rule/rate",
        "the rule looks at what its author says",
        |cell| {
            for step in &mut cell.record.steps {
                if let Action::Traffic(TrafficAction::AddFirewallRule { matches, .. }) = &mut step.action {
                    *matches = None;
                }
            }
        },
    ),
    (
        "firewall-drops",
        "rule/own-answers",
        "a rule met packets",
        |cell| met(cell, 0),
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
        |cell| without(cell, |_, node| *node == Node::first_director()),
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
        "wrong-tunnel-port",
        "tunnel-port/4-in-4",
        "the server refused what came in the tunnel",
        server_says_nothing,
    ),
    (
        "wrong-tunnel-port",
        "tunnel-port/4-in-4",
        "the client was told",
        |cell| cell.observed.terminators.clear(),
    ),
    (
        "wrong-tunnel-port-unsaid",
        "tunnel-port/6-in-4",
        "the server refused what came in the tunnel",
        server_says_nothing,
    ),
    (
        "wrong-tunnel-port-dropped",
        "tunnel-port/4-in-6",
        "the tunnel ended at another port",
        |cell| cell.record.plan.misbuilt.clear(),
    ),
    (
        "wrong-tunnel-port-dropped",
        "tunnel-port/4-in-6",
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
];
