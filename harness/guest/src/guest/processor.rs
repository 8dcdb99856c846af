//! One of the host's processors for each guest. A guest does one thing at a time: its kernel and the
//! processes in it hand over to each other, tens of thousands of times a second. The host's scheduler likes
//! to wake who is next on a processor that idles, and then most of the time goes into waking processors.

use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// By processor: how many guests of this process have it.
static TAKEN: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());

/// A processor that a guest has, for as long as this lives.
#[derive(Debug)]
pub(super) struct Processor(usize);

impl Processor {
    /// The best one that this thread may use, or `None` where the kernel does not say which these are: a host
    /// of more than 1024.
    pub(super) fn take() -> Option<Self> {
        let allowed = sched_getaffinity(None).ok()?;
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let number = best(&allowed, &taken, sched_getcpu())?;
        *taken.entry(number).or_default() += 1;
        Some(Self(number))
    }

    /// This one and no other, for sched_setaffinity(2).
    pub(super) fn set(&self) -> CpuSet {
        let mut set = CpuSet::new();
        set.set(self.0);
        set
    }
}

impl Drop for Processor {
    fn drop(&mut self) {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.0) {
            *count -= 1;
        }
    }
}

/// The one with the fewest guests of this process. Of as many: the one that asks is on, where the host's
/// scheduler put it with other processes in mind; else the first.
fn best(allowed: &CpuSet, taken: &BTreeMap<usize, usize>, here: usize) -> Option<usize> {
    let guests = |number: &usize| taken.get(number).copied().unwrap_or_default();
    (0..CpuSet::MAX_CPU)
        .filter(|&number| allowed.is_set(number))
        .min_by_key(|number| (guests(number), *number != here))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_are_spread_over_the_processors_that_are_allowed() {
        let mut allowed = CpuSet::new();
        assert_eq!(best(&allowed, &BTreeMap::new(), 0), None);
        [2, 3, 5].into_iter().for_each(|number| allowed.set(number));
        let mut taken = BTreeMap::new();
        let mut chosen = Vec::new();
        for here in [3, 3, 3, 0, 5] {
            let number = best(&allowed, &taken, here).unwrap();
            *taken.entry(number).or_default() += 1;
            chosen.push(number);
        }
        assert_eq!(chosen, [3, 2, 5, 2, 5]);
    }

    #[test]
    fn a_processor_is_free_again_when_its_guest_is_gone() {
        let guests = |number: usize| TAKEN.lock().unwrap().get(&number).copied().unwrap_or_default();
        let processor = Processor::take().unwrap();
        let number = processor.0;
        let before = guests(number);
        assert!(before >= 1);
        assert!(processor.set().is_set(number) && processor.set().count() == 1);
        drop(processor);
        assert_eq!(guests(number), before - 1);
    }
}
