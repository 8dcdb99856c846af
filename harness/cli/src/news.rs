//! What a guest says, held against what it was given to do. A guest is foreign ground: whatever runs in it
//! may write lines like ours to the console. So nothing is believed that cannot be true, and what is not
//! believed has no effect.

use crate::payload::News;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_runner::Milestone;
use std::time::{Duration, Instant as HostInstant};

/// The longest reason of a guest that gives up, in characters.
const LONGEST_REASON: usize = 2_000;

/// A cell's stages, each with the time that it took on the host's clock.
pub(crate) type Stages = Vec<(Milestone, Duration)>;

/// How far a guest has come with its batch.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    batch: &'a [LabPlan],
    /// So many cells have begun: the first ones, as they are run in order.
    begun: usize,
    running: Option<Running>,
    gave_up: Option<String>,
}

/// The cell that runs, and the stages that it has reached.
#[derive(Debug)]
struct Running {
    stages: Stages,
    since: HostInstant,
}

/// A message that was believed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// The next cell begins.
    Started(&'a CellRef),
    /// The cell that runs has come so far.
    Reached(&'a CellRef, Milestone),
    /// The cell that runs is recorded.
    Recorded(&'a CellRef, Stages),
    /// Something that changes nothing for others, or that is not believed.
    Nothing,
}

impl<'a> Told<'a> {
    pub(crate) fn new(batch: &'a [LabPlan]) -> Self {
        Self {
            batch,
            begun: 0,
            running: None,
            gave_up: None,
        }
    }

    /// Takes a message of the guest's payload.
    pub(crate) fn hear(&mut self, message: &str) -> Heard<'a> {
        match serde_json::from_str(message) {
            Ok(News::Started(cell)) => {
                let next = self.batch.get(self.begun).map(|plan| &plan.cell);
                match next.filter(|next| **next == cell && self.running.is_none()) {
                    Some(next) => {
                        self.begun += 1;
                        self.running = Some(Running {
                            stages: Vec::new(),
                            since: HostInstant::now(),
                        });
                        Heard::Started(next)
                    }
                    None => Heard::Nothing,
                }
            }
            Ok(News::Reached(milestone)) => {
                let current = self
                    .at()
                    .and_then(|index| self.batch.get(index))
                    .map(|plan| &plan.cell);
                match (current, &mut self.running) {
                    (Some(current), Some(running)) => {
                        if running.reach(milestone) {
                            Heard::Reached(current, milestone)
                        } else {
                            Heard::Nothing
                        }
                    }
                    (_, _) => Heard::Nothing,
                }
            }
            Ok(News::Recorded(cell)) => {
                let current = self
                    .at()
                    .and_then(|index| self.batch.get(index))
                    .map(|plan| &plan.cell);
                match (current.filter(|current| **current == cell), self.running.take()) {
                    (Some(current), Some(mut running)) => {
                        running.reach(Milestone::Recorded);
                        Heard::Recorded(current, running.stages)
                    }
                    (_, running) => {
                        self.running = running;
                        Heard::Nothing
                    }
                }
            }
            Ok(News::GaveUp(reason)) => {
                self.gave_up = Some(reason.chars().take(LONGEST_REASON).collect());
                Heard::Nothing
            }
            // Not ours: what it says is kept with its console.
            Err(_) => Heard::Nothing,
        }
    }

    /// The index of the cell that runs.
    fn at(&self) -> Option<usize> {
        self.running.as_ref().and(self.begun.checked_sub(1))
    }

    /// Every cell of the batch was begun and recorded.
    pub(crate) fn all_done(&self) -> bool {
        self.begun == self.batch.len() && self.running.is_none()
    }

    /// The cell at which a guest failed that ended early. One that fails before its first cell, or between
    /// two, would do so for ever: then the next one counts as begun.
    pub(crate) fn broken_at(&self) -> usize {
        self.at().unwrap_or(self.begun)
    }

    /// Why it can run nothing more, in its own words.
    pub(crate) fn gave_up(self) -> Option<String> {
        self.gave_up
    }
}

impl Running {
    /// In order, and each once. Is it new?
    fn reach(&mut self, milestone: Milestone) -> bool {
        let is_new = self.stages.last().is_none_or(|(last, _)| *last < milestone);
        if is_new {
            self.stages.push((milestone, self.since.elapsed()));
            self.since = HostInstant::now();
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lvs_matrix_model::scenario::load;

    fn batch() -> Vec<LabPlan> {
        let scenario = load(include_str!("../../../scenarios/other-server.yaml")).unwrap();
        let cells = lvs_matrix_model::matrix::cells(&scenario);
        cells
            .iter()
            .map(|cell| lvs_matrix_model::plan::plan(&scenario, cell))
            .collect()
    }

    fn said(news: &News) -> String {
        serde_json::to_string(news).unwrap()
    }

    #[test]
    fn what_can_be_true_is_believed() {
        let batch = batch();
        let mut told = Told::new(&batch);
        for (number, plan) in batch.iter().enumerate() {
            let cell = &plan.cell;
            assert_eq!(
                told.hear(&said(&News::Started(cell.clone()))),
                Heard::Started(cell)
            );
            assert_eq!(told.broken_at(), number);
            for milestone in [Milestone::LabReady, Milestone::Played] {
                let heard = told.hear(&said(&News::Reached(milestone)));
                assert_eq!(heard, Heard::Reached(cell, milestone));
            }
            let Heard::Recorded(recorded, stages) = told.hear(&said(&News::Recorded(cell.clone()))) else {
                panic!("it was recorded");
            };
            assert_eq!((recorded, stages.len()), (cell, 3));
            assert_eq!(
                (told.all_done(), told.broken_at()),
                (number + 1 == batch.len(), number + 1)
            );
        }
    }

    #[test]
    fn what_cannot_be_true_has_no_effect() {
        let batch = batch();
        let (first, second) = (&batch[0].cell, &batch[1].cell);
        let mut told = Told::new(&batch);
        let foreign = first.repeated(std::num::NonZero::new(7).unwrap());
        // Recorded before it began; not the next one; not of this batch; not ours at all.
        for lie in [
            said(&News::Recorded(first.clone())),
            said(&News::Started(second.clone())),
            said(&News::Started(foreign.clone())),
            r#"{"started":{"scenario":"../..","values":[]}}"#.to_owned(),
            "[".repeat(100_000),
            "null".to_owned(),
        ] {
            assert_eq!(told.hear(&lie), Heard::Nothing);
            assert_eq!((told.all_done(), told.broken_at()), (false, 0));
        }
        told.hear(&said(&News::Started(first.clone())));
        for lie in [
            News::Started(first.clone()),
            News::Started(second.clone()),
            News::Recorded(second.clone()),
        ] {
            assert_eq!(told.hear(&said(&lie)), Heard::Nothing);
            assert_eq!(told.broken_at(), 0);
        }
        // A flood of milestones is three at the most.
        for _ in 0..1000 {
            told.hear(&said(&News::Reached(Milestone::Played)));
        }
        let Heard::Recorded(_, stages) = told.hear(&said(&News::Recorded(first.clone()))) else {
            panic!("it was recorded");
        };
        assert_eq!(stages.len(), 2);
        assert_eq!(
            told.hear(&said(&News::Recorded(first.clone()))),
            Heard::Nothing,
            "once"
        );
    }
}
