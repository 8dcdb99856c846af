//! What decides the rules about answers that the director translates, and about templates of persistence.

use super::table::Damage;
use super::*;
use lvs_matrix_model::action::{Edit, TableAction};

/// What the director sent on since the operation began is missing.
fn nothing_sent_on(cell: &mut JudgedCell) {
    let director: Vec<_> = cell
        .record
        .plan
        .host(&Node::first_director())
        .unwrap()
        .nics
        .iter()
        .collect();
    let own: Vec<_> = director.iter().map(|nic| nic.mac).collect();
    let began = cell.observed.operation.as_ref().unwrap().began;
    without(cell, |packet, _| {
        own.contains(&packet.source_mac) && packet.at >= began && segment(packet).is_some()
    });
}

/// The director has no template.
fn no_template(cell: &mut JudgedCell) {
    table(cell, Moment::AfterChange, |text| {
        let others = text.lines().filter(|line| !line.contains("192.0.2.10:0 "));
        others.collect::<Vec<_>>().join("\n")
    });
}

pub(crate) const TRANSLATED: &[(&str, &str, &str, Damage)] = &[
    (
        "by-its-template",
        "persistence/weight-0_0",
        "there was a template",
        no_template,
    ),
    (
        "answer-by-its-entry",
        "forwarding/masquerading_ipv4_delete_in-flight_0",
        "the answer passed the director",
        nothing_sent_on,
    ),
    (
        "answer-without-entry",
        "nat-inflight/one_delete_plain_1",
        "entries went with their real server",
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
        "answer-without-entry",
        "nat-inflight/one_delete_plain_1",
        "the real server was deleted",
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
        "answer-without-entry",
        "forwarding/masquerading_ipv6_delete-service_in-flight_0",
        "there was no service left",
        |cell| {
            table(cell, Moment::AfterChange, |text| {
                let title = text.lines().next().unwrap_or_default();
                format!("{title}\nTCP  [2001:db8:0:1::100]:80 rr\n")
            })
        },
    ),
];
