//! lvs-matrix-model
