//! What a time line shows of a cell, with all times relative to the moment from which the operation waits.

use super::axis::{Axis, Relative};
use crate::packet::packet;
use crate::stamp::act;
use crate::svg::{Glyph, Svg};
use lvs_matrix_language::{Language, Length, phrasing};
use lvs_matrix_model::action::Action;
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::record::{StepOutcome, StepRecord};
use lvs_matrix_model::verdict::{Behaviour, HangEnd, JudgedCell, Operation};

/// A step by someone other than the client.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) at: Relative,
    pub(super) glyph: Glyph,
    pub(super) text: String,
}

/// The classified operation.
#[derive(Debug, Clone)]
pub(super) struct Wait {
    /// When a healthy server would have answered at the latest; patience counts from here.
    pub(super) due: Relative,
    /// When patience ended.
    pub(super) deadline: Relative,
    /// When it ended, or the observation did.
    pub(super) end: Relative,
}

impl Wait {
    /// Draws the waiting on its line; of a hang what came after a healthy server would have answered has a
    /// colour of its own.
    pub(super) fn draw(&self, svg: &mut Svg, axis: &Axis, y: f64, hung: bool) {
        let healthy = if hung { self.due.min(self.end) } else { self.end };
        svg.line("lm-wait", (axis.x(0), y), (axis.x(healthy), y));
        if hung {
            svg.line("lm-wait-hang", (axis.x(healthy), y), (axis.x(self.end), y));
        }
    }

    /// Draws patience as a band from `top` on.
    pub(super) fn band(&self, svg: &mut Svg, axis: &Axis, top: f64, height: f64) {
        let from = axis.x(0);
        svg.rect("lm-band", (from, top), (axis.x(self.deadline) - from, height));
    }
}

/// What a time line shows.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// The moment from which times count.
    pub(super) zero: Instant,
    pub(super) changes: Vec<Change>,
    pub(super) wait: Option<Wait>,
    /// When the client sent something again.
    pub(super) again: Vec<Relative>,
    pub(super) glyph: Glyph,
    pub(super) hung: bool,
    /// The outcome in words.
    pub(super) outcome: String,
}

pub(super) fn relative(at: Instant, zero: Instant) -> Relative {
    at.0.saturating_sub(zero.0)
}

impl Facts {
    pub(super) fn of(words: Language, cell: &JudgedCell) -> Self {
        let operation = cell.observed.operation.as_ref();
        // Without an operation the act phase is the next best beginning; without that, the lab's.
        let zero = operation.map_or_else(
            || act(&cell.record).unwrap_or_default(),
            |operation| operation.began,
        );
        let repeated = cell.observed.retransmissions.packets.get(1..).unwrap_or_default();
        Self {
            zero,
            changes: cell
                .record
                .steps
                .iter()
                .filter_map(|step| change(words, step, zero))
                .collect(),
            wait: operation.map(|operation| wait(cell, operation, zero)),
            again: repeated
                .iter()
                .filter_map(|number| Some(relative(packet(cell, *number)?.at, zero)))
                .collect(),
            glyph: glyph(&cell.observed.behaviour),
            hung: matches!(cell.observed.behaviour, Behaviour::Hung { .. }),
            outcome: outcome(words, cell),
        }
    }

    /// All times that the axis must hold.
    pub(super) fn times(&self) -> impl Iterator<Item = Relative> {
        let waits = self.wait.iter().flat_map(|wait| [wait.deadline, wait.end]);
        let changes = self.changes.iter().map(|change| change.at);
        waits.chain(changes).chain(self.again.iter().copied())
    }
}

fn wait(cell: &JudgedCell, operation: &Operation, zero: Instant) -> Wait {
    Wait {
        due: relative(operation.due, zero),
        deadline: relative(operation.due.plus(cell.record.plan.observe.patience), zero),
        end: relative(operation.ended.unwrap_or(cell.record.ended), zero),
    }
}

fn change(words: Language, step: &StepRecord, zero: Instant) -> Option<Change> {
    let at = relative(step.began?, zero);
    let failed = matches!(step.outcome, StepOutcome::Failed { .. });
    if !failed && (step.action.is_of_client() || matches!(step.action, Action::Wait(_))) {
        return None;
    }
    Some(Change {
        at,
        glyph: if failed { Glyph::FailedStep } else { Glyph::Step },
        text: match phrasing::action(words, &step.action) {
            action if failed => words.step_has_failed(action),
            action => action,
        },
    })
}

fn glyph(behaviour: &Behaviour) -> Glyph {
    match behaviour {
        Behaviour::Answered { .. }
        | Behaviour::Hung {
            end: HangEnd::Answer, ..
        } => Glyph::Answered,
        Behaviour::FailedFast { .. }
        | Behaviour::Hung {
            end: HangEnd::Error, ..
        } => Glyph::Error,
        Behaviour::Hung {
            end: HangEnd::None, ..
        } => Glyph::Waiting,
        Behaviour::Undetermined { .. } => Glyph::Unknown,
    }
}

/// `hung, then error 2013 (110 ETIMEDOUT), 16m`.
fn outcome(words: Language, cell: &JudgedCell) -> String {
    let mut text = phrasing::behaviour_and_error(words, cell);
    if let Some(length) = Length::of(cell) {
        text += &words.and_also(phrasing::length(words, length));
    }
    text
}
