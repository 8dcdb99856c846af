//! Two directors without keepalived: the first one has the VIP, and steps move it.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_model::action::{Action, HostAction, Node};
use lvs_matrix_model::lab::Conflict;
use lvs_matrix_model::matrix::cells;
use lvs_matrix_model::plan::{LabPlan, plan};
use lvs_matrix_model::scenario::{load, written};

const MOVES: &str = include_str!("fixtures/moves.yaml");

fn planned(text: &str) -> LabPlan {
    let scenario = load(text).unwrap();
    plan(&scenario, &cells(&scenario)[0])
}

fn moved(to: &Node, gratuitous_arp: bool) -> Action {
    HostAction::MoveVip {
        to: to.clone(),
        gratuitous_arp,
    }
    .into()
}

#[test]
fn the_first_director_has_the_vip_and_both_have_the_table() {
    let plan = planned(MOVES);
    let has_vip = |node: &Node| {
        let host = plan.host(node).unwrap();
        host.addresses().any(|address| address == plan.vip())
    };
    assert!(has_vip(&Node::Director) && !has_vip(&Node::SecondDirector));
    let table = |node: &Node| plan.host(node).unwrap().commands.clone();
    assert_eq!(table(&Node::Director), table(&Node::SecondDirector));
    assert!(!table(&Node::Director).is_empty());
}

#[test]
fn a_move_is_three_command_lines_and_two_without_a_word() {
    let plan = planned(MOVES);
    let lines = |action: &Action| -> Vec<String> {
        let lines = plan.command_lines(action).into_iter();
        let line =
            |(node, argv): (Option<Node>, Vec<String>)| format!("{}: {}", node.unwrap(), argv.join(" "));
        lines.map(line).collect()
    };
    assert_eq!(
        lines(&moved(&Node::SecondDirector, true)),
        [
            "director: ip addr del 192.0.2.100/32 dev eth0",
            "director2: ip addr add 192.0.2.100/32 dev eth0",
            "director2: arping -U -c 1 -I eth0 192.0.2.100",
        ]
    );
    assert_eq!(
        lines(&moved(&Node::Director, false)),
        [
            "director2: ip addr del 192.0.2.100/32 dev eth0",
            "director: ip addr add 192.0.2.100/32 dev eth0",
        ]
    );
}

#[test]
fn whoever_has_the_vip_cannot_get_it() {
    let plan = planned(MOVES);
    let (to, back) = (moved(&Node::SecondDirector, false), moved(&Node::Director, false));
    let mut state = plan.state();
    assert!(state.vip_is_at_home());
    assert_eq!(state.conflict(&back), Some(Conflict::HasVip(&Node::Director)));
    state.apply(1, &to);
    assert!(!state.vip_is_at_home());
    assert_eq!(state.conflict(&to), Some(Conflict::HasVip(&Node::SecondDirector)));
    state.apply(2, &back);
    assert!(state.vip_is_at_home() && !state.lasts(1));
}

/// A host that nobody reaches cannot be told to give its address up.
#[test]
fn a_director_that_is_cut_off_keeps_the_vip() {
    let plan = planned(MOVES);
    let cut: Action = HostAction::LinkDown { node: Node::Director }.into();
    let (to, back) = (moved(&Node::SecondDirector, true), moved(&Node::Director, true));
    let mut state = plan.state();
    state.apply(1, &cut);
    assert_eq!(state.conflict(&to), None);
    state.apply(2, &to);
    // Nobody reaches the first one to give it the VIP, and it has it still.
    assert_eq!(state.conflict(&back), Some(Conflict::LinkDown(&Node::Director)));
    let plug: Action = HostAction::LinkUp { node: Node::Director }.into();
    state.apply(3, &plug);
    assert_eq!(state.conflict(&back), Some(Conflict::HasVip(&Node::Director)));
    assert!(!state.vip_is_at_home(), "both have it");
}

#[test]
fn a_cell_that_moves_the_vip_can_be_written_alone() {
    let plan = planned(MOVES);
    let again = planned(&written(&plan.alone()));
    assert_eq!(plan.hosts, again.hosts);
    assert_eq!(plan.steps, again.steps);
}
