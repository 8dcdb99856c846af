//! The cell's clock: `CLOCK_REALTIME` of the kernel under test, the clock that its captures are stamped with.

use crate::error::{LabError, Result};
use lvs_matrix_model::duration::{Human, Instant};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// By how much the clock may have gone otherwise than time did: NTP slews both alike (adjtimex(2)), so what
/// differs was set.
const SET: Duration = Duration::from_millis(100);

/// A cell's clock with its epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    epoch_unix_nanos: i64,
    /// The same moment on the clock that nobody can set.
    epoch: std::time::Instant,
}

impl Clock {
    /// A clock whose epoch is now.
    pub(crate) fn start() -> Self {
        Self {
            epoch_unix_nanos: unix_nanos(),
            epoch: std::time::Instant::now(),
        }
    }

    pub(crate) fn epoch_unix_nanos(self) -> i64 {
        self.epoch_unix_nanos
    }

    /// Says so if somebody set the clock since the epoch, as may happen on a host: times from before and
    /// after that cannot be compared.
    pub(crate) fn check_not_set(self) -> Result<()> {
        let (shown, passed) = (
            self.now().0,
            i64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(i64::MAX),
        );
        let off = Duration::from_nanos(shown.abs_diff(passed));
        if off < SET {
            return Ok(());
        }
        Err(LabError::new(
            "read the clock",
            format!(
                "the host's clock was set during the cell, by {}; run it again when the clock is right",
                Human(off)
            ),
        ))
    }

    pub(crate) fn now(self) -> Instant {
        Instant(unix_nanos() - self.epoch_unix_nanos)
    }
}

fn unix_nanos() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Asks `fact` again and again, until it gives a value or `deadline` has passed: `interval` apart, later a
/// hundredth of the time that has passed. For facts that nothing announces: rows of a /proc file, a server
/// that listens.
pub(crate) fn poll_for<T, E>(
    deadline: Duration,
    interval: Duration,
    mut fact: impl FnMut() -> std::result::Result<Option<T>, E>,
) -> std::result::Result<Option<T>, E> {
    let began = std::time::Instant::now();
    loop {
        if let Some(value) = fact()? {
            return Ok(Some(value));
        }
        let passed = began.elapsed();
        if passed >= deadline {
            return Ok(None);
        }
        std::thread::sleep(interval.max(passed / 100));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_noticed() {
        let clock = Clock::start();
        clock.check_not_set().unwrap();
        let set = Clock {
            epoch_unix_nanos: clock.epoch_unix_nanos - 3_600_000_000_000,
            ..clock
        };
        assert!(
            set.check_not_set()
                .unwrap_err()
                .reason
                .contains("was set during the cell, by 1h")
        );
        let back = Clock {
            epoch_unix_nanos: clock.epoch_unix_nanos + 200_000_000,
            ..clock
        };
        assert!(back.check_not_set().is_err());
    }

    #[test]
    fn polling_ends_at_the_fact_at_an_error_or_at_the_deadline() {
        let mut left = 3;
        let mut fact = || {
            left -= 1;
            Ok::<_, ()>((left == 0).then_some("there"))
        };
        assert_eq!(
            poll_for(Duration::from_secs(60), Duration::ZERO, &mut fact),
            Ok(Some("there"))
        );
        assert_eq!(
            poll_for(Duration::from_secs(60), Duration::ZERO, || Err::<Option<()>, _>(
                "gone"
            )),
            Err("gone")
        );
        assert_eq!(
            poll_for(Duration::ZERO, Duration::ZERO, || Ok::<Option<()>, ()>(None)),
            Ok(None)
        );
    }
}
