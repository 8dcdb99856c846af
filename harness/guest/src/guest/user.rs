//! Who the guest runs as on the host. Never root: what guest root may do to the host's files is what this
//! user may.

use super::{GuestError, RunAs};
use rustix::process::{getegid, geteuid};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// `nobody` and `nogroup` on Debian, the kernel's overflow ids elsewhere.
const NOBODY: u32 = 65534;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Another user than the one that calls: ids must be changed, and rights looked at as that user.
    pub(crate) other: bool,
}

impl User {
    /// Picks the user; `sudo` gives the values of `SUDO_UID` and `SUDO_GID`.
    pub(crate) fn choose(run_as: RunAs) -> Result<Self, GuestError> {
        let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
        Self::pick(
            run_as,
            geteuid().as_raw(),
            getegid().as_raw(),
            number("SUDO_UID"),
            number("SUDO_GID"),
        )
    }

    fn pick(
        run_as: RunAs,
        uid: u32,
        gid: u32,
        sudo_uid: Option<u32>,
        sudo_gid: Option<u32>,
    ) -> Result<Self, GuestError> {
        let refuse = |uid, reason: &str| {
            Err(GuestError::User {
                uid,
                reason: reason.to_owned(),
            })
        };
        match run_as {
            RunAs::User { uid: wanted, .. } if wanted == uid && uid != 0 => Ok(Self {
                uid,
                gid,
                other: false,
            }),
            RunAs::User { uid: 0, .. } | RunAs::User { gid: 0, .. } => {
                refuse(0, "a guest never runs as root or in root's group")
            }
            RunAs::User { uid: wanted, .. } if uid != 0 => {
                refuse(wanted, "only root can run a guest as another user")
            }
            RunAs::User { uid, gid } => Ok(Self {
                uid,
                gid,
                other: true,
            }),
            RunAs::Caller if uid != 0 => Ok(Self {
                uid,
                gid,
                other: false,
            }),
            RunAs::Caller => {
                let uid = sudo_uid.filter(|&uid| uid != 0).unwrap_or(NOBODY);
                let gid = sudo_gid
                    .filter(|&gid| gid != 0 && uid != NOBODY)
                    .unwrap_or(NOBODY);
                Ok(Self {
                    uid,
                    gid,
                    other: true,
                })
            }
        }
    }

    /// Whether this user can use `path`: `-r`, `-w`, `-x` or `-d` of test(1). For another user test(1) itself
    /// is asked, as that user: mode bits alone would miss parents, access control lists and read-only mounts.
    ///
    /// # Errors
    /// test(1) could not be run, for want of descriptors or processes.
    pub(crate) fn can(self, what: &str, path: &Path) -> io::Result<bool> {
        let mut test = Command::new("test");
        test.arg(what)
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if self.other {
            std::os::unix::process::CommandExt::uid(&mut test, self.uid);
            std::os::unix::process::CommandExt::gid(&mut test, self.gid);
        }
        Ok(test.status()?.success())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_becomes_the_user_behind_sudo_or_nobody() {
        let pick = |sudo_uid, sudo_gid| User::pick(RunAs::Caller, 0, 0, sudo_uid, sudo_gid).unwrap();
        assert_eq!(
            pick(Some(1000), Some(100)),
            User {
                uid: 1000,
                gid: 100,
                other: true
            }
        );
        assert_eq!(
            pick(Some(1000), Some(0)),
            User {
                uid: 1000,
                gid: NOBODY,
                other: true
            }
        );
        assert_eq!(
            pick(Some(0), Some(0)),
            User {
                uid: NOBODY,
                gid: NOBODY,
                other: true
            }
        );
        assert_eq!(
            pick(None, None),
            User {
                uid: NOBODY,
                gid: NOBODY,
                other: true
            }
        );
    }

    #[test]
    fn an_ordinary_user_stays_itself_and_nobody_becomes_root() {
        let pick = |run_as, uid| User::pick(run_as, uid, uid, Some(7), Some(7));
        assert_eq!(
            pick(RunAs::Caller, 1000).unwrap(),
            User {
                uid: 1000,
                gid: 1000,
                other: false
            }
        );
        assert!(pick(RunAs::User { uid: 7, gid: 7 }, 1000).is_err());
        assert!(pick(RunAs::User { uid: 0, gid: 0 }, 0).is_err());
        assert!(pick(RunAs::User { uid: 7, gid: 0 }, 0).is_err());
        assert_eq!(
            pick(RunAs::User { uid: 7, gid: 8 }, 0).unwrap(),
            User {
                uid: 7,
                gid: 8,
                other: true
            }
        );
    }
}
