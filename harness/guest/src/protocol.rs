//! What the guest's init and the watching host say to each other over the guest's console, and the fixed
//! places inside. A sandbox on the host's own kernel speaks the same over a pipe.
//!
//! A console line that begins with [`PREFIX`] is a message; every other line is talk of the kernel or of
//! programs:
//! ```text
//! @lvs-matrix say TEXT            the payload says TEXT to the caller, who knows what it means
//! @lvs-matrix end exited CODE     the payload ended by exit(CODE); power-off follows
//! @lvs-matrix end signalled N     the payload was ended by signal N; power-off follows
//! @lvs-matrix failed TEXT         init itself failed; power-off follows
//! @lvs-matrix ready QEMU          in QEMU: init waits for its job, and the machine can be saved
//! @lvs-matrix stored FROM BYTES   in QEMU: files of the share are on a drive, from this byte on
//! ```
//! A payload (a shell script, say) may write such lines to its standard output itself.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Begins every message line on the console; a space follows.
pub const PREFIX: &str = "@lvs-matrix";
/// Longest message line, in bytes. A longer one is no message: its beginning is kept as a console line.
pub const MAX_MESSAGE: usize = 256 * 1024;
/// Set in the environment of the first process: [`IN_A_GUEST`] by the kernel's command line, [`IN_A_SANDBOX`]
/// by the caller.
pub const GUEST_VARIABLE: &str = "LVS_MATRIX_GUEST";
/// The first process of a guest kernel.
pub const IN_A_GUEST: &str = "1";
/// The first process of namespaces of its own on the host's kernel; passed on to the payload, whose console
/// is its output.
pub const IN_A_SANDBOX: &str = "host";
/// The first process of a stock kernel in QEMU; passed on to the payload, which hands over what it leaves.
pub const IN_QEMU: &str = "qemu";
/// Names the share's path in the environment of the payload.
pub const SHARE_VARIABLE: &str = "LVS_MATRIX_SHARE";
/// Names the folder of the read-only inputs in the environment of the payload.
pub const INPUTS_VARIABLE: &str = "LVS_MATRIX_INPUTS";
/// Where init mounts the share in the guest.
pub const SHARE: &str = "/run/lvs-matrix/share";
/// Where init mounts the read-only inputs in the guest, each below its name.
pub const INPUTS: &str = "/run/lvs-matrix/inputs";
/// The folder below the share that this crate uses for itself while a guest runs.
pub const PRIVATE_FOLDER: &str = ".guest";
/// The folder in [`PRIVATE_FOLDER`] with copies of what the guest's user cannot reach where it is.
pub const HANDED_FOLDER: &str = "handed";
/// Where init mounts the share at first, to read what it is to do: the one folder that cannot hold an input.
pub const SHARE_AT_FIRST: &str = "/proc";
/// The share as hostfs is asked for it: the working folder of the guest's process on the host. Reachable
/// whatever the rights on its parents, and the same everywhere. hostfs opens the path anew for each lookup
/// (fs/hostfs/hostfs_user.c). The dot at its end makes it a folder: a link hostfs would read, and go by the
/// text of it (`hostfs_fill_super` in fs/hostfs/hostfs_kern.c).
pub const SHARE_ON_HOST: &str = "/proc/self/cwd/.";
/// The file in [`PRIVATE_FOLDER`] in which the host tells init what to do ([`Boot`] as JSON).
pub const BOOT_FILE: &str = "boot.json";

/// What the host tells the guest's init. Handed over as a file, because the kernel's command line is short,
/// has no quoting for quotes, and ends up in init's arguments with the kernel's own additions behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// The payload's arguments: init runs its own binary again with them.
    pub payload_args: Vec<String>,
    /// Read-only inputs: name, and the path at which the guest's root (the host's, through hostfs) shows it.
    pub inputs: Vec<(String, PathBuf)>,
    /// Further inputs that lie in the share: name, and path below the share.
    #[serde(default)]
    pub copies: Vec<(String, PathBuf)>,
    /// Folders of the host that init mounts as further inputs: name, and the path at which the guest's
    /// process on the host opens them.
    #[serde(default)]
    pub folders: Vec<(String, PathBuf)>,
    /// The user and group that the payload runs as; `None`: as init does, as root of the guest.
    #[serde(default)]
    pub user: Option<(u32, u32)>,
    /// In QEMU: what the wall clock is set to before the payload runs, nanoseconds since 1970.
    #[serde(default)]
    pub clock_start: Option<u64>,
}

/// How the payload ended, as init saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PayloadEnd {
    /// It called exit with this code, 0 to 255.
    Exited(i32),
    /// It was ended by this signal.
    Signalled(i32),
}

/// One console line that is a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// For the caller.
    Say(String),
    /// The payload has ended; the guest is about to power off.
    End(PayloadEnd),
    /// Init could not do its work, in words.
    Failed(String),
    /// Init waits for its job.
    Ready,
    /// Files of the share are on the drive for records.
    Stored {
        /// The first byte of their archive.
        from: u64,
        /// How many bytes it has.
        bytes: u64,
    },
}

impl Message {
    /// Reads a console line (without its line end). `None`: not a message, or one that is not well-formed.
    pub fn parse(line: &str) -> Option<Self> {
        let rest = line.strip_prefix(PREFIX)?.strip_prefix(' ')?;
        let (verb, text) = rest.split_once(' ')?;
        match verb {
            "say" => Some(Self::Say(text.to_owned())),
            "failed" => Some(Self::Failed(text.to_owned())),
            "ready" => Some(Self::Ready),
            "stored" => {
                let (from, bytes) = text.split_once(' ')?;
                Some(Self::Stored {
                    from: from.parse().ok()?,
                    bytes: bytes.parse().ok()?,
                })
            }
            "end" => {
                let (how, number) = text.split_once(' ')?;
                let number = number.parse().ok()?;
                match how {
                    "exited" => Some(Self::End(PayloadEnd::Exited(number))),
                    "signalled" => Some(Self::End(PayloadEnd::Signalled(number))),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The console line for this message, with its line end. Line ends within the text become spaces.
    pub fn line(&self) -> String {
        let (verb, text) = match self {
            Self::Say(text) => ("say", text.clone()),
            Self::Failed(text) => ("failed", text.clone()),
            Self::Ready => ("ready", IN_QEMU.to_owned()),
            Self::Stored { from, bytes } => ("stored", format!("{from} {bytes}")),
            Self::End(PayloadEnd::Exited(code)) => ("end", format!("exited {code}")),
            Self::End(PayloadEnd::Signalled(signal)) => ("end", format!("signalled {signal}")),
        };
        format!("{PREFIX} {verb} {}\n", text.replace(['\n', '\r'], " "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_console() {
        let messages = [
            Message::Say("{\"cell\": 1}".into()),
            Message::Say(String::new()),
            Message::Failed("cannot mount /proc: no such device".into()),
            Message::End(PayloadEnd::Exited(3)),
            Message::End(PayloadEnd::Signalled(9)),
            Message::Ready,
            Message::Stored {
                from: 1 << 20,
                bytes: 4711,
            },
        ];
        for message in messages {
            assert_eq!(
                Message::parse(message.line().trim_end_matches('\n')),
                Some(message)
            );
        }
    }

    #[test]
    fn a_line_end_in_a_text_cannot_make_a_second_message() {
        let line = Message::Say("a\n@lvs-matrix end exited 0".into()).line();
        assert_eq!(line.matches('\n').count(), 1);
        assert!(matches!(Message::parse(line.trim_end()), Some(Message::Say(_))));
    }

    #[test]
    fn other_lines_are_no_messages() {
        for line in [
            "",
            "@lvs-matrix",
            "@lvs-matrix ",
            "@lvs-matrix say",
            " @lvs-matrix say x",
            "@lvs-matrix end x 1",
        ] {
            assert_eq!(Message::parse(line), None, "{line}");
        }
    }
}
