//! How much a scenario is altogether: the cells are all made before the first one is run, and each of them
//! takes its time.

use super::Draft;
use super::steps::Steps;
use crate::action::{Action, ClockAction};
use crate::duration::Human;
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes};
use crate::scenario::syntax::Placed;
use std::time::Duration;

/// Steps of all cells together, each statement counted by its length.
const MAX_STEPS: usize = 1_000_000;
/// So many bytes of a statement count as another step.
const BYTES_PER_STEP: usize = 256;
/// The most that the steps before the observation may take together.
const MAX_TIME: Duration = Duration::from_secs(72 * 60 * 60);

/// False if it is too much to go on.
pub(super) fn check(draft: &Draft, sizes: &[usize], mistakes: &mut Mistakes) -> bool {
    let before = mistakes.count();
    let cells: usize = sizes.iter().product();
    let steps = most(
        draft,
        |steps| steps.all().map(weight).sum(),
        usize::saturating_add,
    );
    if cells.saturating_mul(steps) > MAX_STEPS {
        mistakes.add(
            Mistake::new(
                MistakeKind::TooManyCells,
                draft.places.axes,
                format!("{cells} cells of up to {steps} steps each are too many"),
                format!(
                    "at most {MAX_STEPS} steps together are accepted; each {BYTES_PER_STEP} bytes of a \
                    statement count as one"
                ),
            )
            .help("split the scenario into several files, or do with fewer steps"),
        );
    }
    let time = most(
        draft,
        |steps| steps.before.iter().chain(&steps.change).map(time).sum(),
        Duration::saturating_add,
    );
    if time > MAX_TIME {
        mistakes.add(
            Mistake::new(
                MistakeKind::DurationOutOfRange,
                draft.places.act,
                format!("the steps before `act` take up to {} together", Human(time)),
                format!("at most {} are accepted", Human(MAX_TIME)),
            )
            .help("wait for less, or less often"),
        );
    }
    mistakes.count() == before
}

/// The most that any cell has: what all of them have, and of each axis the value that has most.
fn most<T: Ord + Default>(draft: &Draft, measure: impl Fn(&Steps) -> T, add: impl Fn(T, T) -> T) -> T {
    let of_axes = draft
        .axes
        .iter()
        .filter_map(|axis| axis.values.iter().map(|value| measure(&value.steps)).max());
    of_axes.fold(measure(&draft.steps), &add)
}

fn weight(step: &Placed) -> usize {
    let text = step.action.statement().map_or(0, |statement| statement.sql.len());
    1 + text / BYTES_PER_STEP
}

fn time(step: &Placed) -> Duration {
    step.gap().saturating_add(match &step.action {
        Action::Wait(ClockAction::Wait(time)) => *time,
        Action::Watch(action) => action.until().at_most,
        Action::Client(action) if !action.only_begins() => action.own_time(),
        Action::Client(_)
        | Action::Table(_)
        | Action::Other(_)
        | Action::Mysqld(_)
        | Action::Host(_)
        | Action::Traffic(_) => Duration::ZERO,
    })
}
