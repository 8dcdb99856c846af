//! lvs-matrix-report
