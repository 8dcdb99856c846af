//! lvs-matrix-cli
