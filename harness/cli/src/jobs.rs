//! How many guests run at once, and how many cells each of them is given.

use crate::place;
use lvs_matrix_model::plan::LabPlan;
use std::num::NonZero;

/// How many guests run these plans at once on this machine where nothing is said: one for each processor, as
/// far as the memory that is available now holds all of them at their largest.
pub(crate) fn of_machine(plans: &[LabPlan]) -> NonZero<usize> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    at_once(processors(), available_mib(&meminfo), place::memory_mib(plans))
}

/// The processors that this process may use.
pub(crate) fn processors() -> NonZero<usize> {
    std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// As [`of_machine`], on a machine with so many processors and so much available memory (MiB; `None` if it is
/// not known), and with guests that take at most so much of it (MiB).
fn at_once(processors: NonZero<usize>, available: Option<u64>, of_guest: u32) -> NonZero<usize> {
    let Some(available) = available else {
        return processors;
    };
    let fit = available / u64::from(of_guest).max(1);
    let fit = usize::try_from(fit).ok().and_then(NonZero::new);
    processors.min(fit.unwrap_or(NonZero::<usize>::MIN))
}

/// `MemAvailable` of /proc/meminfo (proc_meminfo(5)), which counts in KiB.
fn available_mib(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib >> 10)
}

/// How many of the cells that wait a worker takes: half of what each worker would get if all were given out
/// now. So batches grow smaller towards the end, and no worker ends long before the others.
pub(crate) fn share(waiting: usize, workers: NonZero<usize>) -> usize {
    waiting.div_ceil(workers.get().saturating_mul(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn count(number: usize) -> NonZero<usize> {
        NonZero::new(number).unwrap()
    }

    /// The bound of memory that is stated: guests at their largest fit into what is available.
    #[test]
    fn no_more_guests_than_processors_and_memory_hold() {
        for (processors, available, of_guest, jobs) in [
            (2, Some(24_000), 1024, 2),
            (64, Some(128 << 10), 1024, 64),
            (64, Some(16 << 10), 1024, 16),
            (64, Some(16 << 10), 3000, 5),
            (4, Some(700), 1024, 1),
            (4, None, 1024, 4),
        ] {
            let given = at_once(count(processors), available, of_guest);
            assert_eq!(given.get(), jobs, "{processors} {available:?} {of_guest}");
            let at_most = given.get() as u64 * u64::from(of_guest);
            assert!(given.get() == 1 || available.is_none_or(|available| at_most <= available));
        }
        let meminfo = "MemTotal:       24683520 kB\nMemFree:  1 kB\nMemAvailable:   21924864 kB\n";
        assert_eq!(available_mib(meminfo), Some(21_411));
        assert_eq!(available_mib("MemTotal: 1 kB\n"), None);
    }

    /// Times of cells and of a guest's boot as `bench` measured them: ARCHITECTURE.md, *What a cell costs*.
    const BOOT: Duration = Duration::from_millis(85);
    const COLD: u64 = 330;
    const WARM: u64 = 150;

    /// How long cell number `index` takes, in milliseconds. The first one of a guest starts its servers, as
    /// does every other one that stops a server; some take long.
    fn time_of(index: usize, first: bool) -> u64 {
        let own = if first || index.is_multiple_of(2) {
            COLD
        } else {
            WARM
        };
        own + if index.is_multiple_of(97) { 2000 } else { 0 }
    }

    /// The queue at work: whoever is free first takes its share. Gives the time until all is done, and how
    /// many guests were booted.
    fn played(cells: usize, workers: usize) -> (Duration, usize) {
        let workers = count(workers);
        let mut free_at = vec![Duration::ZERO; workers.get()];
        let (mut waiting, mut guests) = (cells, 0);
        while waiting > 0 {
            let batch = share(waiting, workers);
            assert!(batch > 0 && batch <= waiting);
            let next = free_at.iter_mut().min().unwrap();
            let begin = cells - waiting;
            let millis: u64 = (begin..begin + batch)
                .map(|index| time_of(index, index == begin))
                .sum();
            *next += BOOT + Duration::from_millis(millis);
            waiting -= batch;
            guests += 1;
        }
        (free_at.into_iter().max().unwrap(), guests)
    }

    /// What one worker would need, without boots.
    fn work(cells: usize) -> Duration {
        Duration::from_millis((0..cells).map(|index| time_of(index, false)).sum())
    }

    #[test]
    fn sixty_four_guests_share_a_run_evenly() {
        for cells in [64, 500, 3000, 20_000] {
            let (took, guests) = played(cells, 64);
            // Nobody can be quicker than a sixty-fourth of the work; the longest cell is 2.33 s, and the last
            // to begin one may begin it when all others are nearly done.
            let ideal = work(cells) / 64;
            let most = ideal.mul_f64(1.15) + Duration::from_millis(3000);
            assert!(
                took >= ideal && took <= most,
                "{cells}: {took:?}, at best {ideal:?}"
            );
            assert!(guests <= cells.min(64 * 16), "{cells}: {guests} guests");
        }
    }

    #[test]
    fn each_doubling_of_the_guests_nearly_halves_the_time() {
        let times = [1, 2, 4, 8, 16, 32, 64].map(|workers| played(3000, workers).0);
        for pair in times.windows(2) {
            let speed_up = pair[0].as_secs_f64() / pair[1].as_secs_f64();
            assert!((1.6..=2.05).contains(&speed_up), "{speed_up} in {times:?}");
        }
    }

    #[test]
    fn a_queue_is_emptied_by_shares() {
        assert_eq!(share(0, count(4)), 0);
        assert_eq!(share(1, count(64)), 1);
        assert_eq!(share(100, count(2)), 25);
    }
}
