//! How the command line fails: what is said, and with which exit code.

use crate::output;
use std::process::ExitCode;

/// Exit code for a mistake in a scenario or on the command line.
pub(crate) const MISTAKE: u8 = 2;
/// Exit code for something that this machine lacks: EX_UNAVAILABLE of sysexits(3).
const UNAVAILABLE: u8 = 69;
/// Exit code for a failure of the harness itself: EX_SOFTWARE of sysexits(3).
const SOFTWARE: u8 = 70;

/// Why a command could not be done. The text may have several lines; it says what to do next.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A mistake of the user, in a file or on the command line.
    #[error("{0}")]
    Mistake(String),
    /// The machine lacks something.
    #[error("{0}")]
    Unavailable(String),
    /// The harness failed.
    #[error("{0}")]
    Software(String),
}

impl Failure {
    /// Says it and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let code = match self {
            Self::Mistake(_) => MISTAKE,
            Self::Unavailable(_) => UNAVAILABLE,
            Self::Software(_) => SOFTWARE,
        };
        let text = self.to_string();
        // Rendered mistakes already begin with `error:`.
        let prefix = if text.starts_with("error") { "" } else { "error: " };
        output::talk(&format!("{prefix}{}", text.trim_end()));
        ExitCode::from(code)
    }
}
