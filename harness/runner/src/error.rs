//! Failures of the lab. They never become a verdict.

use std::fmt;

/// This crate's result.
pub type Result<T> = std::result::Result<T, LabError>;

/// The lab could not do its part.
#[derive(Debug, thiserror::Error)]
#[error("{stage}: {reason}")]
pub struct LabError {
    /// What was being done.
    pub stage: String,
    /// Why it failed.
    pub reason: String,
    /// The last lines of a log that may tell more.
    pub log: Vec<String>,
}

impl LabError {
    pub(crate) fn new(stage: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self {
            stage: stage.into(),
            reason: reason.to_string(),
            log: Vec::new(),
        }
    }
}

/// Says what was being done when something failed.
pub(crate) trait Stage<T> {
    fn stage(self, stage: impl Into<String>) -> Result<T>;
}

impl<T, E: fmt::Display> Stage<T> for std::result::Result<T, E> {
    fn stage(self, stage: impl Into<String>) -> Result<T> {
        self.map_err(|error| LabError::new(stage, error))
    }
}
