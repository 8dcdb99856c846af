//! lvs-matrix-runner
