//! What this repository is about: the configuration of a director. Its tests are in `tests/lvs.rs`.
