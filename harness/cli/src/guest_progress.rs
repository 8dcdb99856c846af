//! What a guest says, held against what it was given to do. A guest is foreign ground: whatever runs in it
//! may write lines like ours to the console. So nothing is believed that cannot be true, and what is not
//! believed has no effect.

use crate::payload::GuestMessage;
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
pub(crate) struct GuestProgress<'a> {
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
pub(crate) enum Believed<'a> {
    /// The next cell begins.
    Started(&'a CellRef),
    /// The cell that runs has come so far.
    Reached(&'a CellRef, Milestone),
    /// The cell that runs is recorded.
    Recorded(&'a CellRef, Stages),
    /// Something that changes nothing for others, or that is not believed.
    Nothing,
}

impl<'a> GuestProgress<'a> {
    pub(crate) fn new(batch: &'a [LabPlan]) -> Self {
        Self {
            batch,
            begun: 0,
            running: None,
            gave_up: None,
        }
    }

    /// Takes a message of the guest's payload.
    pub(crate) fn believe(&mut self, message: &str) -> Believed<'a> {
        match serde_json::from_str(message) {
            Ok(GuestMessage::Started(cell)) => {
                let next = self.batch.get(self.begun).map(|plan| &plan.cell);
                match next.filter(|next| **next == cell && self.running.is_none()) {
                    Some(next) => {
                        self.begun += 1;
                        self.running = Some(Running {
                            stages: Vec::new(),
                            since: HostInstant::now(),
                        });
                        Believed::Started(next)
                    }
                    None => Believed::Nothing,
                }
            }
            Ok(GuestMessage::Reached(milestone)) => {
                let current = self
                    .at()
                    .and_then(|index| self.batch.get(index))
                    .map(|plan| &plan.cell);
                match (current, &mut self.running) {
                    (Some(current), Some(running)) => {
                        if running.reach(milestone) {
                            Believed::Reached(current, milestone)
                        } else {
                            Believed::Nothing
                        }
                    }
                    (_, _) => Believed::Nothing,
                }
            }
            Ok(GuestMessage::Recorded(cell)) => {
                let current = self
                    .at()
                    .and_then(|index| self.batch.get(index))
                    .map(|plan| &plan.cell);
                match (current.filter(|current| **current == cell), self.running.take()) {
                    (Some(current), Some(mut running)) => {
                        running.reach(Milestone::Recorded);
                        Believed::Recorded(current, running.stages)
                    }
                    (_, running) => {
                        self.running = running;
                        Believed::Nothing
                    }
                }
            }
            Ok(GuestMessage::GaveUp(reason)) => {
                self.gave_up = Some(reason.chars().take(LONGEST_REASON).collect());
                Believed::Nothing
            }
            // Only a session hears it, and a session has its own ear.
            Ok(GuestMessage::ByHand(_)) => Believed::Nothing,
            // Not ours: what it says is kept with its console.
            Err(_) => Believed::Nothing,
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

    fn said(news: &GuestMessage) -> String {
        serde_json::to_string(news).unwrap()
    }

    #[test]
    fn what_can_be_true_is_believed() {
        let batch = batch();
        let mut progress = GuestProgress::new(&batch);
        for (number, plan) in batch.iter().enumerate() {
            let cell = &plan.cell;
            assert_eq!(
                progress.believe(&said(&GuestMessage::Started(cell.clone()))),
                Believed::Started(cell)
            );
            assert_eq!(progress.broken_at(), number);
            for milestone in [Milestone::LabReady, Milestone::Played] {
                let heard = progress.believe(&said(&GuestMessage::Reached(milestone)));
                assert_eq!(heard, Believed::Reached(cell, milestone));
            }
            let Believed::Recorded(recorded, stages) =
                progress.believe(&said(&GuestMessage::Recorded(cell.clone())))
            else {
                panic!("it was recorded");
            };
            assert_eq!((recorded, stages.len()), (cell, 3));
            assert_eq!(
                (progress.all_done(), progress.broken_at()),
                (number + 1 == batch.len(), number + 1)
            );
        }
    }

    #[test]
    fn what_cannot_be_true_has_no_effect() {
        let batch = batch();
        let (first, second) = (&batch[0].cell, &batch[1].cell);
        let mut progress = GuestProgress::new(&batch);
        let foreign = first.repeated(std::num::NonZero::new(7).unwrap());
        // Recorded before it began; not the next one; not of this batch; not ours at all.
        for lie in [
            said(&GuestMessage::Recorded(first.clone())),
            said(&GuestMessage::Started(second.clone())),
            said(&GuestMessage::Started(foreign.clone())),
            r#"{"started":{"scenario":"../..","values":[]}}"#.to_owned(),
            "[".repeat(100_000),
            "null".to_owned(),
        ] {
            assert_eq!(progress.believe(&lie), Believed::Nothing);
            assert_eq!((progress.all_done(), progress.broken_at()), (false, 0));
        }
        progress.believe(&said(&GuestMessage::Started(first.clone())));
        for lie in [
            GuestMessage::Started(first.clone()),
            GuestMessage::Started(second.clone()),
            GuestMessage::Recorded(second.clone()),
        ] {
            assert_eq!(progress.believe(&said(&lie)), Believed::Nothing);
            assert_eq!(progress.broken_at(), 0);
        }
        // A flood of milestones is three at the most.
        for _ in 0..1000 {
            progress.believe(&said(&GuestMessage::Reached(Milestone::Played)));
        }
        let Believed::Recorded(_, stages) = progress.believe(&said(&GuestMessage::Recorded(first.clone())))
        else {
            panic!("it was recorded");
        };
        assert_eq!(stages.len(), 2);
        assert_eq!(
            progress.believe(&said(&GuestMessage::Recorded(first.clone()))),
            Believed::Nothing,
            "once"
        );
    }
}
