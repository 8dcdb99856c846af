//! The cell's clock: `CLOCK_REALTIME` of the kernel under test, the clock that its captures are stamped with.

use lvs_matrix_model::duration::Instant;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A cell's clock with its epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    epoch_unix_nanos: i64,
}

impl Clock {
    /// A clock whose epoch is now.
    pub(crate) fn start() -> Self {
        Self {
            epoch_unix_nanos: unix_nanos(),
        }
    }

    pub(crate) fn epoch_unix_nanos(self) -> i64 {
        self.epoch_unix_nanos
    }

    pub(crate) fn now(self) -> Instant {
        Instant(unix_nanos() - self.epoch_unix_nanos)
    }
}

fn unix_nanos() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Asks `fact` again and again, `interval` apart, until it gives a value or `deadline` has passed. For facts that nothing
/// announces: rows of a /proc file, a server that listens.
pub(crate) fn poll_for<T, E>(
    deadline: Duration,
    interval: Duration,
    mut fact: impl FnMut() -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    let until = std::time::Instant::now() + deadline;
    loop {
        if let Some(value) = fact()? {
            return Ok(Some(value));
        }
        if std::time::Instant::now() >= until {
            return Ok(None);
        }
        std::thread::sleep(interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            poll_for(Duration::from_secs(60), Duration::ZERO, || Err::<Option<()>, _>("gone")),
            Err("gone")
        );
        assert_eq!(
            poll_for(Duration::ZERO, Duration::ZERO, || Ok::<Option<()>, ()>(None)),
            Ok(None)
        );
    }
}
