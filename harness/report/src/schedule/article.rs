//! The article's own trace: a client of MySQL whose real server was deleted from the director's table sent 13
//! bytes twelve times, until the server was added again. The first gap doubles at once, so its kernel had no
//! tail-loss probe (which came with Linux 3.10): shapes can be compared, constants cannot.

use super::ArticleSending;
use std::time::Duration;

/// The times that tcpdump printed there: minute and second of the hour, and microseconds of the second.
const PRINTED: [(&str, u64, u64, u64); 12] = [
    ("20:22.310061", 20, 22, 310_061),
    ("20:22.510941", 20, 22, 510_941),
    ("20:22.912934", 20, 22, 912_934),
    ("20:23.716944", 20, 23, 716_944),
    ("20:25.324920", 20, 25, 324_920),
    ("20:28.540935", 20, 28, 540_935),
    ("20:34.972918", 20, 34, 972_918),
    ("20:47.836934", 20, 47, 836_934),
    ("21:13.564932", 21, 13, 564_932),
    ("22:05.021017", 22, 5, 21_017),
    ("23:47.932941", 23, 47, 932_941),
    ("25:47.932934", 25, 47, 932_934),
];

/// The article's sendings in order.
pub(super) fn sendings() -> Vec<ArticleSending> {
    let since_hour = |(_, minutes, seconds, micros): (&str, u64, u64, u64)| {
        Duration::from_micros((minutes * 60 + seconds) * 1_000_000 + micros)
    };
    let first = since_hour(PRINTED[0]);
    let before = std::iter::once(None).chain(PRINTED.into_iter().map(|time| Some(since_hour(time))));
    PRINTED
        .into_iter()
        .zip(before)
        .map(|(time, before)| ArticleSending {
            printed: time.0,
            since_first: since_hour(time) - first,
            gap: before.map(|before| since_hour(time) - before),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_that_are_printed_and_gaps_double() {
        for (printed, minutes, seconds, micros) in PRINTED {
            assert_eq!(printed, format!("{minutes:02}:{seconds:02}.{micros:06}"));
        }
        let sendings = sendings();
        let gaps: Vec<f64> = sendings
            .iter()
            .filter_map(|sending| sending.gap)
            .map(|gap| gap.as_secs_f64())
            .collect();
        assert_eq!(gaps.len(), 11);
        // Each is twice the one before, but for the last: TCP_RTO_MAX is 120 s.
        for pair in gaps[..10].windows(2) {
            assert!((pair[1] / pair[0] - 2.0).abs() < 0.01, "{gaps:?}");
        }
        assert!((gaps[10] - 120.0).abs() < 0.01, "{gaps:?}");
        assert_eq!(sendings[11].since_first, Duration::from_micros(325_622_873));
    }
}
