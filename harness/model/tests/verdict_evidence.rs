//! The evidence of hand-made cells: which of what happened is told, and by what it is shown.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::action::Action;
use lvs_matrix_model::verdict::{Citation, Fact, Observed};
use support::cells::*;
use support::world::*;

/// The steps that are told as done.
fn told(observed: &Observed) -> Vec<Citation> {
    let done = observed
        .evidence
        .iter()
        .filter(|evidence| matches!(evidence.fact, Fact::Done { .. }));
    done.flat_map(|evidence| evidence.shown_by.clone()).collect()
}

#[test]
fn what_was_done_to_the_lab_is_told() {
    assert_eq!(told(&hung().observe()), [Citation::Step(2)]);
    // The change, and the server added back in the act phase; neither waiting nor what the client does.
    assert_eq!(
        told(&re_added().observe()),
        [Citation::Step(2), Citation::Step(5)]
    );

    // What prepares the cell is no change.
    let mut world = World::new(
        vec![Action::connect(), stop_rs1()],
        vec![remove_rs1()],
        vec![Action::query(statement("select 1", 0.0))],
    );
    world.connects(1, 1, 0.1);
    world.step(2, 0.5, Some(0.6), done("it fired"));
    world.step(3, 1.0, Some(1.1), done("it fired"));
    world.step(4, 2.0, Some(2.002), done(""));
    world.sends(4, 2, 2.0, RS1, "select 1");
    world.answers(2, 2.001);
    assert_eq!(told(&world.observe()), [Citation::Step(3)]);

    // The client connects anew during the change: that is its own affair, which its events tell.
    let mut world = World::new(
        vec![Action::connect()],
        vec![remove_rs1(), Action::connect()],
        vec![Action::query(statement("select 1", 0.0))],
    );
    world.connects(1, 1, 0.1);
    world.step(2, 1.0, Some(1.1), done("it fired"));
    world.port += 1;
    world.connects(3, 2, 1.5);
    world.step(4, 2.0, Some(2.002), done(""));
    world.sends(4, 3, 2.0, RS1, "select 1");
    world.answers(3, 2.001);
    let observed = world.observe();
    assert!(observed.behaviour.name().is_some(), "{observed:?}");
    assert_eq!(told(&observed), [Citation::Step(2)]);
}
