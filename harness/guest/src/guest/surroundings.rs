//! The guest's surroundings on the host: who it is, what it can reach, and that all of it vanishes with it.
//!
//! From root, in the thread that will start the guest:
//! ```text
//! private mount namespace        tmpfs on an empty folder (/mnt), and in it, by bind mount:
//!   /mnt/lvs-matrix/linux, init, inputs/NAME     read-only
//!   /mnt/lvs-matrix/share                        the guest's working folder
//! private PID namespace          the guest is its PID 1: when it ends, the kernel ends all in it
//! ```
//! so that folders that the unprivileged user cannot enter (/root, a 0700 temporary folder) still work. Both
//! namespaces are held by that thread and its child alone.
//!
//! Root without the right to mount (a container without CAP_SYS_ADMIN) hands descriptors over instead.
//! Following a link of `/proc/self/fd` asks for no right to the folders above (proc_pid_get_link in
//! fs/proc/base.c):
//! ```text
//! the kernel      is executed as /proc/self/fd/N
//! the share       is the working folder, entered while the process is still root's
//! inputs          folders as /proc/self/fd/N, which init mounts; files as copies in the share
//! init            a copy in the share where its user cannot reach it; sh(1) mounts the share and becomes it
//! ```
//! As an ordinary user paths are used as they are, after a check.
//!
//! On the host's own kernel the thread makes the PID namespace alone, and goes on seeing the host's folders;
//! init does the rest.

use super::unshare::{WRAPPER, unshare_mounts, unshare_pids};
use super::user::User;
use super::{GuestConfig, GuestError, ReadOnlyInput, RunsOn};
use crate::kernel::{Kernel, OLDEST_DEFAULT_LINE};
use crate::protocol::{BOOT_FILE, Boot, HANDED_FOLDER, PRIVATE_FOLDER};
use crate::stock::machine::{make_drives, put_job};
use crate::stock::{Machine, Start};
use rustix::fs::{FlockOperation, MemfdFlags, Mode, OFlags, fchmod, flock, fstat, memfd_create, open};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change, mount_remount};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the private tmpfs may lie: folders that are empty nearly everywhere, and that no guest program looks
/// into.
const PLACES: [&str; 4] = ["/mnt", "/media", "/srv", "/opt"];

/// The name of a copy of the init program.
pub(super) const INIT_COPY: &str = "init";

/// What the guest is started with, as its user sees it.
#[derive(Debug)]
pub(super) struct Surroundings {
    /// The guest's kernel; `None` on the host's own.
    pub(super) kernel: Option<PathBuf>,
    pub(super) init: PathBuf,
    /// Its user cannot reach the init program; a copy is in [`HANDED_FOLDER`] of the share, which sh(1)
    /// mounts first.
    pub(super) init_in_share: bool,
    pub(super) share: PathBuf,
    /// What the guest's process inherits beside its console, to be found as `/proc/self/fd/N`.
    pub(super) handed: Vec<OwnedFd>,
    /// The guest gets a user and PID namespace by unshare(1): as an ordinary user, where that is allowed.
    pub(super) wrapped: bool,
    /// [`PRIVATE_FOLDER`] in the share.
    pub(super) private: PathBuf,
    _lock: File,
}

impl Surroundings {
    /// Makes the surroundings. Changes the calling thread for good: it must be one of its own.
    pub(super) fn enter(config: &GuestConfig, user: User) -> Result<Self, GuestError> {
        let share = absolute("share", &config.share)?;
        let kernel = match &config.runs_on {
            RunsOn::Kernel(kernel) => Some(absolute("kernel", &kernel.path)?),
            RunsOn::Stock(machine) => Some(machine.qemu.clone()),
            RunsOn::Host => None,
        };
        let init = absolute("init program", &config.init)?;
        let mut inputs: Vec<(String, PathBuf)> = Vec::new();
        for input in &config.inputs {
            check_name(input)?;
            if inputs.iter().any(|(name, _)| *name == input.name) {
                return Err(path_error(
                    "input",
                    &input.path,
                    &format!("another input has its name {:?} too", input.name),
                ));
            }
            inputs.push((input.name.clone(), absolute("input", &input.path)?));
        }
        if !share.is_dir() {
            return Err(path_error("share", &share, "it is no folder"));
        }
        let lock = private_folder(&share)?;
        let mut surroundings = Self {
            kernel,
            init,
            init_in_share: false,
            wrapped: false,
            private: share.join(PRIVATE_FOLDER),
            share,
            handed: Vec::new(),
            _lock: lock,
        };
        let prepared = match &config.runs_on {
            RunsOn::Kernel(kernel) => surroundings.prepare(config, kernel, inputs, user),
            RunsOn::Stock(machine) => surroundings.prepare_in_qemu(config, machine, &inputs, user),
            RunsOn::Host => surroundings.prepare_on_host(config, &inputs, user),
        };
        match prepared {
            Ok(()) => Ok(surroundings),
            Err(error) => {
                surroundings.clean_up();
                Err(error)
            }
        }
    }

    fn prepare(
        &mut self,
        config: &GuestConfig,
        kernel: &Kernel,
        mut inputs: Vec<(String, PathBuf)>,
        user: User,
    ) -> Result<(), GuestError> {
        if user.other {
            give(&self.share, user)?;
        }
        let mut boot = Boot {
            payload_args: config.payload_args.clone(),
            inputs: Vec::new(),
            copies: Vec::new(),
            folders: Vec::new(),
            user: None,
            clock_start: None,
        };
        if user.other {
            if !self.isolate(&mut inputs, user)? {
                self.hand_over(&mut inputs, &mut boot, user)?;
            }
        } else {
            self.check_rights(&inputs, user)?;
        }
        boot.inputs = inputs;
        self.write_boot(&boot)?;
        if user.other {
            give(&self.private, user)?;
        }
        // Last: the next child of this thread must be the guest.
        let own_pids = if user.other {
            unshare_pids()
        } else {
            Err(Errno::PERM)
        };
        match own_pids.map_err(|_| can_wrap()) {
            Ok(()) => {}
            Err(Ok(())) => self.wrapped = true,
            // Processes of such a kernel ask to die with it (PR_SET_PDEATHSIG in
            // arch/um/kernel/skas/stub_exe.c). One that is just being made has not asked yet, and stays when
            // this program is killed at that moment: seen after 5 of 60 kills.
            Err(Err(_)) if kernel.version.line() >= OLDEST_DEFAULT_LINE => {}
            Err(Err(reason)) => {
                return Err(GuestError::Unsafe {
                    version: kernel.version.to_string(),
                    reason,
                });
            }
        }
        Ok(())
    }

    /// In QEMU, which opens its files below the share, its working folder, and inherits the saved machine: so
    /// it can be another user's whatever the rights on the folders above are.
    fn prepare_in_qemu(
        &mut self,
        config: &GuestConfig,
        machine: &Machine,
        inputs: &[(String, PathBuf)],
        user: User,
    ) -> Result<(), GuestError> {
        make_drives(&self.private).map_err(io_error("make the drives of a machine"))?;
        match &machine.start {
            Start::Boot => {}
            Start::GoOn { saved, .. } => {
                let boot = Boot {
                    payload_args: config.payload_args.clone(),
                    inputs: Vec::new(),
                    copies: Vec::new(),
                    folders: Vec::new(),
                    user: None,
                    clock_start: config.clock_start,
                };
                let boot =
                    serde_json::to_vec(&boot).map_err(|error| io_error("write a job")(error.into()))?;
                put_job(&self.private, &self.share, inputs, &config.own_folders, &boot)
                    .map_err(io_error("write a job"))?;
                let saved = File::open(saved).map_err(io_error(format!("open {}", saved.display())))?;
                self.handed.push(saved.into());
            }
        }
        if user.other {
            give(&self.share, user)?;
        }
        // Last: the next child of this thread must be QEMU. Without a PID namespace it ends with this thread
        // all the same, and has no children but while it is saved.
        let own_pids = if user.other {
            unshare_pids()
        } else {
            Err(Errno::PERM)
        };
        self.wrapped = own_pids.is_err() && can_wrap().is_ok();
        Ok(())
    }

    /// On the host's own kernel: init itself makes the mounts, in namespaces that it is started in.
    fn prepare_on_host(
        &mut self,
        config: &GuestConfig,
        inputs: &[(String, PathBuf)],
        user: User,
    ) -> Result<(), GuestError> {
        if !user.other {
            let reason = "only root can make the namespaces, and IPVS obeys only root";
            return Err(GuestError::NoSandbox(reason.into()));
        }
        // The boot file stays root's: it says what root is to do.
        give(&self.share, user)?;
        lchown(&self.private, Some(0), Some(0)).map_err(io_error("keep the boot file"))?;
        self.write_boot(&Boot {
            payload_args: config.payload_args.clone(),
            inputs: inputs.to_vec(),
            copies: Vec::new(),
            folders: Vec::new(),
            user: Some((user.uid, user.gid)),
            clock_start: None,
        })?;
        // Last: the next child of this thread must be init.
        unshare_pids().map_err(system("make a private PID namespace"))
    }

    /// Removes what this crate put into the share.
    pub(super) fn clean_up(&self) {
        // What cannot be removed lies within the share and is removed by the next guest in it.
        let _ = fs::remove_dir_all(&self.private);
    }

    /// Namespaces and bind mounts; `false` where this process may not have them.
    fn isolate(&mut self, inputs: &mut [(String, PathBuf)], user: User) -> Result<bool, GuestError> {
        let allowed = unshare_mounts()
            .and_then(|()| mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC));
        match allowed {
            // EINVAL: a chroot whose root is no mount of its own, so that nothing can be made private from
            // it.
            Err(Errno::PERM | Errno::ACCESS | Errno::INVAL) => return Ok(false),
            result => result.map_err(system("make a private mount namespace"))?,
        }
        // Held by descriptor first: the tmpfs may hide them. Opened here, in the new mount namespace, or they
        // could not be bound.
        let kernel = self.kernel.as_deref().map(hold).transpose()?;
        let init = hold(&self.init)?;
        let share = hold(&self.share)?;
        let held = inputs
            .iter()
            .map(|(_, path)| hold(path))
            .collect::<Result<Vec<_>, _>>()?;

        let empty = |place: &&str| fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_none());
        let place = PLACES.iter().copied().find(empty).unwrap_or(PLACES[0]);
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        match mount("lvs-matrix", place, "tmpfs", flags, c"mode=0755,size=1G") {
            // Some containers give the capability and then forbid its use (AppArmor). EINVAL: a chroot whose
            // root is no mount of its own, so that nothing can be made private from it.
            Err(Errno::PERM | Errno::ACCESS | Errno::INVAL) => return Ok(false),
            result => result.map_err(system(format!("mount a tmpfs on {place}")))?,
        }
        let home = Path::new(place).join("lvs-matrix");
        let input_home = home.join("inputs");
        fs::create_dir_all(&input_home).map_err(io_error("make folders for bind mounts"))?;
        for folder in [&home, &input_home] {
            // Whatever this process's umask is.
            open_to_all(folder)?;
        }
        let bind = |from: &OwnedFd, to: PathBuf, read_only: bool| {
            let from = path_of(from);
            if from.is_dir() {
                fs::create_dir(&to)
            } else {
                File::create(&to).map(drop)
            }
            .map_err(io_error(format!("make {}", to.display())))?;
            mount_bind(&from, &to).map_err(system(format!("bind {}", to.display())))?;
            let mut flags = flags | MountFlags::BIND;
            flags.set(MountFlags::RDONLY, read_only);
            mount_remount(&to, flags, c"").map_err(system(format!("set the rights of {}", to.display())))?;
            Ok(to)
        };
        // A program that only root may run is copied: a bind mount shows the file's own rights.
        let program = |from: &OwnedFd, to: PathBuf| {
            if may_run(from, user)? {
                return bind(from, to, true);
            }
            copy_program(from, &to)?;
            Ok(to)
        };
        self.kernel = kernel
            .map(|kernel| program(&kernel, home.join("linux")))
            .transpose()?;
        self.init = program(&init, home.join(INIT_COPY))?;
        self.share = bind(&share, home.join("share"), false)?;
        self.private = self.share.join(PRIVATE_FOLDER);
        for ((name, path), held) in inputs.iter_mut().zip(&held) {
            *path = bind(held, input_home.join(name), true)?;
        }
        Ok(true)
    }

    fn write_boot(&self, boot: &Boot) -> Result<(), GuestError> {
        let text = serde_json::to_vec(boot).map_err(|error| io_error("write the boot file")(error.into()))?;
        fs::write(self.private.join(BOOT_FILE), text).map_err(io_error("write the boot file"))
    }

    /// Without the right to mount: what the guest's user cannot reach by its path is handed over by
    /// descriptor, or as a copy in the share. Such inputs go from `inputs` into `boot`.
    fn hand_over(
        &mut self,
        inputs: &mut Vec<(String, PathBuf)>,
        boot: &mut Boot,
        user: User,
    ) -> Result<(), GuestError> {
        let can = |right: &str, path: &Path| user.can(right, path).map_err(io_error("run test(1)"));
        let copies = self.private.join(HANDED_FOLDER);
        fs::create_dir(&copies).map_err(io_error(format!("make {}", copies.display())))?;
        if let Some(kernel) = &self.kernel {
            let mut held = hold(kernel)?;
            if !may_run(&held, user)? {
                held = program_in_memory(&held)?;
            }
            self.kernel = Some(path_of(&held));
            self.handed.push(held);
        }
        if !(can("-r", &self.init)? && can("-x", &self.init)?) {
            copy_program(&hold(&self.init)?, &copies.join(INIT_COPY))?;
            self.init_in_share = true;
        }
        for (name, path) in std::mem::take(inputs) {
            let folder = path.is_dir();
            if can("-r", &path)? && (!folder || can("-x", &path)?) {
                inputs.push((name, path));
            } else if folder {
                let held = hold(&path)?;
                if !rights(&held, user)?.contains(Mode::ROTH | Mode::XOTH) {
                    let reason = format!(
                        "user {} may not read it; chmod a+rX it, with what is in it",
                        user.uid
                    );
                    return Err(path_error("input", &path, &reason));
                }
                // As SHARE_ON_HOST, no link.
                boot.folders.push((name, path_of(&held).join(".")));
                self.handed.push(held);
            } else {
                let to = copies.join(format!("input-{name}"));
                fs::copy(&path, &to).map_err(io_error(format!("copy {}", path.display())))?;
                open_to_all(&to)?;
                let below_share = Path::new(PRIVATE_FOLDER).join(HANDED_FOLDER);
                boot.copies
                    .push((name.clone(), below_share.join(format!("input-{name}"))));
            }
        }
        Ok(())
    }

    fn check_rights(&self, inputs: &[(String, PathBuf)], user: User) -> Result<(), GuestError> {
        let need = |what: &'static str, path: &Path, rights: &[&str]| {
            let mut has = true;
            for right in rights {
                has &= user.can(right, path).map_err(io_error("run test(1)"))?;
            }
            if has {
                return Ok(());
            }
            let reason = format!(
                "user {} has not the rights to it ({}), or to a folder above it; put it where that user can \
                 reach it, or run as the user who owns it",
                user.uid,
                rights.join(" ")
            );
            Err(path_error(what, path, &reason))
        };
        if let Some(kernel) = &self.kernel {
            need("kernel", kernel, &["-r", "-x"])?;
        }
        need("init program", &self.init, &["-r", "-x"])?;
        need("share", &self.share, &["-r", "-w", "-x"])?;
        inputs
            .iter()
            .try_for_each(|(_, path)| need("input", path, &["-r"]))
    }
}

/// The rights that a file's own mode gives to the user, as those of others.
fn rights(held: &OwnedFd, user: User) -> Result<Mode, GuestError> {
    let stat = fstat(held).map_err(system("look at a file"))?;
    let shift = match (stat.st_uid == user.uid, stat.st_gid == user.gid) {
        (true, _) => 6,
        (false, true) => 3,
        (false, false) => 0,
    };
    Ok(Mode::from_raw_mode(stat.st_mode >> shift) & Mode::RWXO)
}

/// Does its own mode let the user run it, whatever the folders above are?
fn may_run(held: &OwnedFd, user: User) -> Result<bool, GuestError> {
    Ok(rights(held, user)?.contains(Mode::ROTH | Mode::XOTH))
}

/// A copy that everybody may run.
fn copy_program(from: &OwnedFd, to: &Path) -> Result<(), GuestError> {
    fs::copy(path_of(from), to).map_err(io_error(format!("make {}", to.display())))?;
    open_to_all(to)
}

/// A copy in memory that everybody may run, and that ends with its last descriptor.
fn program_in_memory(from: &OwnedFd) -> Result<OwnedFd, GuestError> {
    let memory = memfd_create("linux", MemfdFlags::CLOEXEC).map_err(system("make a file in memory"))?;
    let mut copy = File::from(memory);
    File::open(path_of(from))
        .and_then(|mut program| io::copy(&mut program, &mut copy))
        .map_err(io_error("copy the guest kernel into memory"))?;
    fchmod(&copy, Mode::from_raw_mode(0o755)).map_err(system("make a file in memory executable"))?;
    Ok(copy.into())
}

/// As `chmod 0755`, whatever the umask was when it was made.
fn open_to_all(path: &Path) -> Result<(), GuestError> {
    fs::set_permissions(path, Permissions::from_mode(0o755))
        .map_err(io_error(format!("set the rights of {}", path.display())))
}

/// The path by which this process, and one that inherits the descriptor, finds what it stands for.
fn path_of(held: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()))
}

/// The folder of this crate in the share, with a lock in it: two guests cannot have one share, and what a
/// killed guest left is removed here.
fn private_folder(share: &Path) -> Result<File, GuestError> {
    let folder = share.join(PRIVATE_FOLDER);
    let lock = folder.join("lock");
    if let Ok(old) = File::open(&lock)
        && flock(&old, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK)
    {
        return Err(path_error("share", share, "another guest runs in it"));
    }
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(path_error(
                "share",
                share,
                &format!("{PRIVATE_FOLDER} of an earlier guest cannot be removed: {error}"),
            ));
        }
        Ok(()) | Err(_) => {}
    }
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&folder)
        .map_err(|error| {
            path_error(
                "share",
                share,
                &format!("cannot make {PRIVATE_FOLDER} in it: {error}"),
            )
        })?;
    let file = File::create(&lock).map_err(io_error("make the share's lock"))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(system("lock the share"))?;
    Ok(file)
}

/// Gives a folder and what is in it to the user; links themselves, never what they point to.
fn give(path: &Path, user: User) -> Result<(), GuestError> {
    let failed = |error: io::Error| {
        path_error(
            "share",
            path,
            &format!("cannot be given to user {}: {error}", user.uid),
        )
    };
    lchown(path, Some(user.uid), Some(user.gid)).map_err(failed)?;
    if fs::symlink_metadata(path).map_err(failed)?.is_dir() {
        for entry in fs::read_dir(path).map_err(failed)? {
            give(&entry.map_err(failed)?.path(), user)?;
        }
    }
    Ok(())
}

/// Whether unshare(1) can give an ordinary user a PID namespace here.
fn can_wrap() -> Result<(), String> {
    let output = Command::new(WRAPPER[0])
        .args(&WRAPPER[1..])
        .arg("true")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("unshare(1): {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

fn check_name(input: &ReadOnlyInput) -> Result<(), GuestError> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if input.name.is_empty() || input.name.starts_with('.') || !input.name.chars().all(fine) {
        let reason = format!(
            "its name {:?} is not one of letters, digits, `.`, `_`, `-`",
            input.name
        );
        return Err(path_error("input", &input.path, &reason));
    }
    Ok(())
}

fn absolute(what: &'static str, path: &Path) -> Result<PathBuf, GuestError> {
    fs::canonicalize(path).map_err(|error| path_error(what, path, &error.to_string()))
}

fn hold(path: &Path) -> Result<OwnedFd, GuestError> {
    open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .map_err(system(format!("open {}", path.display())))
}

fn path_error(what: &'static str, path: &Path, reason: &str) -> GuestError {
    GuestError::Path {
        what,
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

fn system(action: impl Into<String>) -> impl FnOnce(Errno) -> GuestError {
    let action = action.into();
    move |errno| GuestError::System {
        action,
        source: errno.into(),
    }
}

fn io_error(action: impl Into<String>) -> impl FnOnce(io::Error) -> GuestError {
    let action = action.into();
    move |source| GuestError::System { action, source }
}
