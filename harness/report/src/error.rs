//! The one way in which a report cannot be made.

/// A report could not be written in its form. Neither form has a reason to refuse what reports hold: it would
/// be a mistake of lvs-matrix.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// `report.json`.
    #[error("report.json could not be written: {0}; this is a mistake of lvs-matrix, please report it")]
    Json(#[from] serde_json::Error),
    /// `junit.xml`.
    #[error("junit.xml could not be written: {0}; this is a mistake of lvs-matrix, please report it")]
    JUnit(#[from] quick_junit::SerializeError),
}
