//! What is said of a configuration that does not fit the lab.

/// Something of a configuration that the lab does not have, or has otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    /// The line of the configuration.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What is accepted there.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Complaint {
    pub(super) fn new(line: usize, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
            label: label.into(),
            help: None,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
