//! A fuzz target under libFuzzer; which one, `FUZZ_TARGET` says. `make fuzz` runs them all.

#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use lvs_matrix_fuzz::{Noise, Target, target};
use std::sync::OnceLock;

fn wanted() -> &'static Target {
    static TARGET: OnceLock<Target> = OnceLock::new();
    TARGET.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        target(&name).unwrap_or_else(|| panic!("FUZZ_TARGET is `{name}`, which is no target"))
    })
}

fuzz_target!(|bytes: &[u8]| (wanted().run)(bytes));

// Half of the mutants know the format.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed % 2 == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let mutant = (wanted().mutate)(&data[..size], &mut Noise::new(u64::from(seed)));
    let length = mutant.len().min(max_size);
    data[..length].copy_from_slice(&mutant[..length]);
    length
});
