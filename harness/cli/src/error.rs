//! How the command line fails: what is said, and with which exit code.

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

/// Foreign text, such as the last words of a server's installer, may have anything in it that a terminal
/// obeys.
fn printable(text: &str) -> String {
    let obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    text.chars()
        .map(|c| {
            if obeyed(c) {
                c.escape_default().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}

/// What to do where the system lacked something, by the errno that std puts behind an error's text.
const CURES: [(i32, &str); 8] = [
    (5, "the disk failed: see `dmesg`; take another disk with --out"),
    (
        11,
        "no more processes are allowed: raise the limit (`ulimit -u`), or end some",
    ),
    (
        12,
        "memory is short: end other programs, take fewer guests at once (--jobs 1), or raise the limit \
         (`ulimit -v`)",
    ),
    (
        24,
        "too many files are open for one process: raise the limit (`ulimit -n 1024`), or take fewer guests \
         at once (--jobs 1)",
    ),
    (
        23,
        "too many files are open on this machine: end other programs, or raise the sysctl fs.file-max",
    ),
    (
        27,
        "no file may grow so large: raise the limit (`ulimit -f`), or name a folder on another file system \
         with --out",
    ),
    (
        28,
        "the disk is full: make room, or name a folder on another one with --out",
    ),
    (
        122,
        "your quota of the disk is used up: make room, or name a folder on another one with --out",
    ),
];

fn cure(text: &str) -> Option<&'static str> {
    let known = CURES
        .iter()
        .find(|(errno, _)| text.contains(&format!("(os error {errno})")));
    known.map(|(_, cure)| *cure)
}

impl Failure {
    /// The exit code that says what kind of failure it is.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Mistake(_) => MISTAKE,
            Self::Unavailable(_) => UNAVAILABLE,
            Self::Software(_) => SOFTWARE,
        }
    }

    /// The failure in lines for a terminal, with what to do next.
    pub(crate) fn for_terminal(&self) -> String {
        let text = match self {
            // Rendered, and escaped where that was done.
            Self::Mistake(text) => text.clone(),
            Self::Unavailable(text) | Self::Software(text) => printable(text),
        };
        // Rendered mistakes already begin with `error:`.
        let prefix = if text.starts_with("error") { "" } else { "error: " };
        let cure = cure(&text).map_or_else(String::new, |cure| format!("\n  {cure}"));
        format!("{prefix}{}{cure}", text.trim_end())
    }
}
