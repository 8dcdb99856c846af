//! What keepalived did to the table, to which of two directors the VIP went, and what settings do.

use super::super::super::*;
use super::Decides;
use lvs_matrix_model::capture::flow::unreachable;
use lvs_matrix_model::capture::{Body, is_virtual_router};
use lvs_matrix_model::keepalived::HealthCheck;
use lvs_matrix_model::ldirectord::CheckType;
use lvs_matrix_model::plan::Process;
use lvs_matrix_model::record::{DirectorSnapshot, Moment};

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

/// The checks of ldirectord are of this type.
fn checks_by(cell: &mut JudgedCell, checktype: CheckType) {
    let processes = cell.record.plan.hosts.iter_mut().flat_map(|host| &mut host.runs);
    for process in processes {
        if let Process::Ldirectord(said) = process {
            said.checktype = Some(checktype);
        }
    }
}

/// Each director answered for the VIP with the address of its card: here that of the second one.
fn without_virtual_mac(cell: &mut JudgedCell) {
    let own = cell.record.plan.balancers().nth(1).unwrap().mac();
    cell.change_packets(|packets| {
        for packet in packets {
            for mac in [&mut packet.source_mac, &mut packet.destination_mac] {
                if is_virtual_router(*mac) {
                    *mac = own;
                }
            }
        }
    });
}

pub(super) const DECIDES: &[Decides] = &[
    (
        "entry-lost-in-a-boot",
        "boot/forgot",
        "the director was started anew",
        |cell| undone(cell, |action| action.key() == "power-on"),
    ),
    (
        "flooded-to-nobody",
        "vmac/nobody",
        "keepalived had ended, and its interface with it",
        |cell| undone(cell, |action| action.key() == "stop-keepalived"),
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
        |cell| cell.record.control_log.clear(),
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
        "put-back-by-reload",
        "keepalived/put-back",
        "keepalived was told to read another configuration",
        |cell| undone(cell, |action| action.key() == "reload-keepalived"),
    ),
    (
        "put-back-by-reload",
        "keepalived/put-back",
        "keepalived had found the server failed",
        |cell| cell.record.control_log.clear(),
    ),
    (
        "put-back-by-reload",
        "keepalived/put-back",
        "no check of the server had succeeded since",
        |cell| {
            let back = cell
                .record
                .snapshots
                .iter()
                .rfind(|one| one.moment == Moment::Changed);
            let at = back.map(|back| back.at).unwrap();
            let mut said = cell.record.control_log.first().unwrap().clone();
            (said.at, said.text) = (at, "TCP connection to [192.0.2.31]:tcp:3306 success.".to_owned());
            cell.record.control_log.push(said);
        },
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
        "taken-out-by-ldirectord",
        "ldirectord/out",
        "ldirectord edited the table",
        never_edited,
    ),
    (
        "taken-out-by-ldirectord",
        "ldirectord/out",
        "ldirectord said that it took the server out",
        |cell| cell.record.control_log.clear(),
    ),
    (
        "taken-out-by-ldirectord",
        "ldirectord/told",
        "ldirectord edited the table",
        never_edited,
    ),
    (
        "not-yet-found-by-ldirectord",
        "ldirectord/not-yet",
        "ldirectord edited the table",
        never_edited,
    ),
    (
        "not-yet-found-by-ldirectord",
        "ldirectord/not-yet",
        "something was done to the real server before",
        |cell| undone(cell, |action| action.key() == "power-off"),
    ),
    (
        "connect-sees-no-freeze",
        "ldirectord/no-freeze",
        "the check only connects",
        |cell| checks_by(cell, CheckType::External),
    ),
    (
        "connect-sees-no-freeze",
        "ldirectord/no-freeze",
        "the server was frozen",
        |cell| undone(cell, |action| action.key() == "freeze-mysqld"),
    ),
    (
        "service-gone-with-keepalived",
        "gone/keepalived",
        "keepalived was stopped",
        |cell| undone(cell, |action| action.key() == "stop-keepalived"),
    ),
    (
        "service-gone-with-ldirectord",
        "gone/ldirectord",
        "ldirectord was stopped",
        |cell| undone(cell, |action| action.key() == "stop-ldirectord"),
    ),
    (
        "refused-by-a-backup",
        "vmac/refused",
        "the VIP has an Ethernet address of its own",
        without_virtual_mac,
    ),
    (
        "refused-by-a-backup",
        "vmac/refused",
        "the first director had lost its power",
        |cell| undone(cell, |action| action.key() == "power-off"),
    ),
    (
        "told-unreachable-by-a-backup",
        "vmac/told",
        "the VIP has an Ethernet address of its own",
        without_virtual_mac,
    ),
    (
        "told-unreachable-by-a-backup",
        "vmac/told",
        "the first director had lost its power",
        |cell| undone(cell, |action| action.key() == "power-off"),
    ),
    (
        "refused-while-nobody-had-the-vip",
        "failover/flap",
        "the link had gone down",
        |cell| undone(cell, |action| action.key() == "link-down"),
    ),
    (
        "refused-while-nobody-had-the-vip",
        "failover/flap",
        "the director forwards",
        |cell| {
            for host in &mut cell.record.plan.hosts {
                for (key, value) in &mut host.sysctls {
                    if key == "net.ipv4.ip_forward" {
                        *value = "0".to_owned();
                    }
                }
            }
        },
    ),
    (
        "vip-given-up-with-the-link",
        "failover/given-up",
        "the link had gone down",
        |cell| undone(cell, |action| action.key() == "link-down"),
    ),
    (
        "vip-given-up-with-the-link",
        "failover/given-up",
        "nobody had the VIP",
        |cell| cell.record.vip_changes.retain(|change| change.holds),
    ),
    (
        "two-masters",
        "logged/two-masters",
        "the first director kept the VIP",
        |cell| {
            let first = cell.record.vip_changes.first().unwrap().node.clone();
            cell.record.vip_changes.retain(|change| change.node != first);
        },
    ),
    (
        "two-masters",
        "logged/two-masters",
        "the second director told the client",
        |cell| without(cell, |packet, _| matches!(packet.body, Body::Arp { .. })),
    ),
    (
        "keepalived-drops-for-the-vip",
        "logged/strict",
        "the rule was there",
        |cell| {
            for line in &mut cell.record.control_log {
                line.text = line.text.replace("setting firewall", "removing firewall");
            }
        },
    ),
    (
        "answer-without-entry",
        "failover/gateway",
        "the answer came to a director that never had the entry",
        |cell| {
            let entries = cell
                .record
                .snapshots
                .iter()
                .map(|snapshot| snapshot.connections.clone());
            let made = entries.max_by_key(String::len).unwrap();
            for snapshot in &mut cell.record.snapshots {
                snapshot.connections.clone_from(&made);
            }
        },
    ),
    (
        "dropped-by-a-backup",
        "vmac/dropped",
        "the VIP has an Ethernet address of its own",
        without_virtual_mac,
    ),
    (
        "dropped-by-a-backup",
        "vmac/dropped",
        "the backup does not forward",
        |cell| {
            for host in &mut cell.record.plan.hosts {
                host.sysctls.retain(|(key, _)| key != "net.ipv4.ip_forward");
            }
        },
    ),
    (
        "check-waits-for-ever",
        "ldirectord/waits",
        "the check has no time limit",
        |cell| checks_by(cell, CheckType::Connect),
    ),
    (
        "check-waits-for-ever",
        "ldirectord/waits",
        "something was done to the real server before",
        |cell| undone(cell, |action| action.key() == "power-off"),
    ),
    (
        "vip-moved",
        "failover/unknown",
        "something was done to the first director",
        |cell| undone(cell, |action| action.key() == "link-down"),
    ),
    (
        "vip-moved-with-its-ethernet-address",
        "vmac/dropped",
        "the second director told the client",
        |cell| without(cell, |packet, _| matches!(packet.body, Body::Arp { .. })),
    ),
    (
        "vip-moved-with-its-ethernet-address",
        "vmac/dropped",
        "the first director had answered for the VIP with that address",
        |cell| {
            let own = cell.record.plan.host(&Node::first_director()).unwrap().mac();
            let change = cell
                .record
                .steps
                .iter()
                .find(|step| step.action.key() == "power-off");
            let began = change.and_then(|step| step.began).unwrap();
            cell.change_packets(|packets| {
                for packet in packets.iter_mut().filter(|packet| packet.at < began) {
                    if let Body::Arp { sender_mac, .. } = &mut packet.body {
                        *sender_mac = own;
                    }
                }
            });
        },
    ),
    (
        "unknown-to-the-new-director",
        "failover/unknown",
        "the second director had no entry",
        |cell| {
            let mut known = cell.record.snapshots.iter();
            let known = known.find(|snapshot| {
                snapshot.node == Node::first_director() && snapshot.moment == Moment::BeforeChange
            });
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
        "answer-by-a-synced-entry",
        "failover/answered",
        "the second director had an entry",
        |cell| {
            let second = |snapshot: &&mut DirectorSnapshot| snapshot.node == Node::second_director();
            for snapshot in cell.record.snapshots.iter_mut().filter(second) {
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
        "vip-moved-by-hand",
        "moved/told",
        "the new director said so by gratuitous ARP",
        |cell| without(cell, |packet, _| matches!(packet.body, Body::Arp { .. })),
    ),
    (
        "routed-on-by-the-old-director",
        "moved/routed",
        "the VIP was moved",
        |cell| undone(cell, |action| action.key() == "move-vip"),
    ),
    (
        "not-told-of-the-move",
        "moved/untold",
        "the old director forwards nothing",
        |cell| sysctl(cell, &Node::first_director(), "net.ipv4.ip_forward", "1"),
    ),
    (
        "not-told-of-the-move",
        "moved/off",
        "the old director was off",
        |cell| undone(cell, |action| action.key() == "power-off"),
    ),
    (
        "entry-dropped-in-defence",
        "defence/only",
        "the director defends itself",
        |cell| sysctl(cell, &Node::first_director(), "net.ipv4.vs.drop_entry", "1"),
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
        |cell| sysctl(cell, &Node::first_director(), "net.ipv4.vs.pmtu_disc", "1"),
    ),
    (
        "fragmented-in-the-tunnel",
        "answers/in-pieces",
        "there were fragments",
        |cell| without(cell, |packet, _| matches!(packet.body, Body::Malformed { .. })),
    ),
    (
        "segments-past-the-size",
        "answers/past-the-size",
        "there were fragments",
        |cell| without(cell, |packet, _| matches!(packet.body, Body::Malformed { .. })),
    ),
    (
        "answer-refused-without-entry",
        "answers/refused",
        "the director tells the real server",
        |cell| sysctl(cell, &Node::first_director(), "net.ipv4.vs.nat_icmp_send", "0"),
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
