//! What keepalived did to the table, and to which of two directors the VIP went.

use super::super::super::*;
use super::Decides;
use lvs_matrix_model::capture::Body;
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

pub(super) const DECIDES: &[Decides] = &[
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
        |cell| sysctl(cell, &Node::Director, "net.ipv4.ip_forward", "1"),
    ),
    (
        "not-told-of-the-move",
        "moved/off",
        "the old director was off",
        |cell| undone(cell, |action| action.key() == "power-off"),
    ),
];
