//! The kept corpus, and mutants of it for a bounded time. `FUZZ_SECONDS` is the time for each target (5 if
//! nothing is said), `FUZZ_SEED` another seed than the usual one; `FUZZ_SEED=random` takes one by chance and
//! says which.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it did on its standard error"
)]

use lvs_matrix_fuzz::{Noise, Target, repository, target};
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Unoptimised and on a busy machine; an input that takes longer is a finding.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn loader() {
    fuzz("loader");
}

#[test]
fn capture() {
    fuzz("capture");
}

#[test]
fn judge() {
    fuzz("judge");
}

#[test]
fn console() {
    fuzz("console");
}

#[test]
fn setup() {
    fuzz("setup");
}

fn fuzz(name: &str) {
    let target = target(name).unwrap();
    let mut inputs = (target.seeds)();
    assert!(inputs.len() > 1, "no seeds");
    inputs.extend(corpus(&target));
    inputs.iter().for_each(|input| try_one(&target, input));

    let variable = |name: &str| std::env::var(name).ok();
    let seconds = variable("FUZZ_SECONDS").map_or(5, |text| text.parse().unwrap());
    let seed = match variable("FUZZ_SEED").as_deref() {
        Some("random") => u64::from(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .subsec_nanos(),
        ),
        Some(seed) => seed.parse().unwrap(),
        None => 0x9E37_79B9_7F4A_7C15,
    };
    let mut noise = Noise::new(seed);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut rounds = 0_u64;
    while Instant::now() < until {
        let mut input = inputs[noise.below(inputs.len())].clone();
        for _ in 0..=noise.below(2) {
            input = (target.mutate)(&input, &mut noise);
        }
        try_one(&target, &input);
        rounds += 1;
    }
    eprintln!("{name}: {} inputs, {rounds} mutants, seed {seed}", inputs.len());
    assert!(rounds > 0 || seconds == 0, "no time for a single mutant");
}

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = repository().join("tests/fuzz/corpus").join(target.name);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// An input that fails is written down, so that it can be looked at and kept.
fn try_one(target: &Target, input: &[u8]) {
    let began = Instant::now();
    let done = catch_unwind(|| (target.run)(input));
    let took = began.elapsed();
    if done.is_ok() && took < SOON {
        return;
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{}.failed", target.name));
    std::fs::write(&path, input).unwrap();
    assert!(
        done.is_err(),
        "{} took {took:?} for {}",
        target.name,
        path.display()
    );
    std::panic::resume_unwind(Box::new(format!(
        "{} failed for {}; when it is mended, keep the file in tests/fuzz/corpus/{}",
        target.name,
        path.display(),
        target.name
    )));
}
