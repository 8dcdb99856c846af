//! lvs-matrix-guest
