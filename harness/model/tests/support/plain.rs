//! Cells in which nothing is wrong, one of each kind, and what is said of one in which something is.

use super::cells::*;
use super::name;
use super::world::*;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::verdict::{Behaviour, Observed};

pub fn rs1() -> Node {
    Node::RealServer(name("rs1"))
}

pub fn plain() -> Vec<(&'static str, World)> {
    vec![
        ("answered", answered()),
        ("hung", hung()),
        ("recovered", recovered()),
        ("reset", reset()),
        ("closed", closed()),
        ("timed out", timed_out()),
        ("refused by RST", refused_by_rst()),
        ("refused by ICMP", refused_by_icmp()),
        ("connected anew", connected_anew()),
        ("connect hung", connect_hung()),
        ("no route", no_route()),
        ("waited", waited()),
        ("lost while waiting", lost_while_waiting()),
        ("waiting for ever", waiting_for_ever()),
        ("re-added", re_added()),
    ]
}

pub fn reasons(observed: &Observed) -> String {
    match &observed.behaviour {
        Behaviour::Undetermined { reasons } => reasons
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n"),
        Behaviour::Answered { .. } | Behaviour::FailedFast { .. } | Behaviour::Hung { .. } => {
            format!("determined: {:?}", observed.behaviour)
        }
    }
}

/// Every plain cell with the same damage is undetermined, for the same reason.
pub fn spoils_every_cell(expected: &str, damage: impl Fn(&mut World)) {
    for (what, mut world) in plain() {
        damage(&mut world);
        let reasons = reasons(&world.observe());
        assert!(reasons.contains(expected), "{what}: {reasons}");
    }
}
