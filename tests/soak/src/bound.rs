//! What so many cell-runs with so few differences say of the rate of differences.

/// How sure the bound is.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// The upper end of the one-sided 95 % confidence interval of Clopper and Pearson (Biometrika 26, 1934) for
/// the rate of something that happened `happened` times in `runs`: the smallest rate at which so few, or
/// fewer, had a probability of 5 %. With none it is about 3 in `runs`. 1 if nothing was run.
pub(crate) fn upper_bound(happened: u32, runs: u32) -> f64 {
    if happened >= runs {
        return 1.0;
    }
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    // The probability falls as the rate grows.
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if at_most(happened, runs, middle) > 1.0 - CONFIDENCE {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The probability of at most `happened` in `runs` at a rate between 0 and 1.
fn at_most(happened: u32, runs: u32, rate: f64) -> f64 {
    // In logarithms: the terms themselves are too small for a float.
    let mut log = f64::from(runs) * (-rate).ln_1p();
    let mut sum = log.exp();
    for count in 0..happened {
        log += (f64::from(runs - count) / f64::from(count + 1)).ln() + rate.ln() - (-rate).ln_1p();
        sum += log.exp();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::upper_bound;

    #[test]
    fn bounds_are_those_of_the_tables() {
        let near = |(happened, runs), wanted: f64| {
            let bound = upper_bound(happened, runs);
            assert!((bound - wanted).abs() < 0.0001, "{happened} in {runs}: {bound}");
        };
        near((0, 1), 0.95);
        near((0, 10), 0.2589);
        near((1, 10), 0.3942);
        near((5, 100), 0.1023);
        near((0, 3000), 1.0 - 0.05_f64.powf(1.0 / 3000.0));
        near((10, 10), 1.0);
        near((0, 0), 1.0);
    }
}
