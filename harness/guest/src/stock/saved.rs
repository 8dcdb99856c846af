//! Machines that were saved: found again, or made.

use super::archive::Writer;
use super::machine::{INITRAMFS, KERNEL, SAVED, depends_on};
use super::modules::Folder;
use super::root::{Found, Root};
use super::{Machine, Start, StockError, StockKernel, image, qemu};
use crate::guest::{Canceller, Guest, GuestConfig, GuestEnd, HostStatus, RunsOn};
use crate::kernel::CacheFolder;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::lchown;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const MACHINES: &str = "machines";
const MAKING: &str = ".making-";
const LOCK: &str = ".lock";
const DESCRIPTION: &str = "machine.json";
/// Init, and the folder of the modules, in the guest.
pub(crate) const INIT: &str = "init";
pub(crate) const MODULES: &str = "lvs-matrix/modules";
/// How long a machine may boot without a word, in processor time of its own: some 8 s.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a saved machine looks like inside, counted.
const FORMAT: u32 = 2;

/// What a saved machine was made of.
#[derive(Debug, Serialize, Deserialize)]
struct Description {
    release: String,
    /// What was asked for, as a hash.
    asked: String,
    /// The files that went into it.
    made_of: Vec<Found>,
    /// How long its own file is.
    bytes: u64,
}

impl Description {
    /// Would the machine in this folder come out the same if it was made now, and is its file whole?
    fn is_current(&self, folder: &Path) -> bool {
        let whole = fs::metadata(folder.join(SAVED)).is_ok_and(|found| found.len() == self.bytes);
        whole && self.made_of.iter().all(Found::is_as_it_was)
    }
}

/// What a machine is made of.
#[derive(Debug)]
pub struct Ingredients<'a> {
    /// The kernel.
    pub kernel: &'a StockKernel,
    /// This program, which is init there.
    pub init: &'a Path,
    /// Programs and other files of this machine that the guest is to have.
    pub files: &'a [PathBuf],
    /// Its memory, MiB.
    pub memory_mib: u32,
}

impl Ingredients<'_> {
    /// All that is told apart by words.
    fn asked(&self, qemu: &Path) -> String {
        let mut hash = Sha256::new();
        hash.update(format!("{FORMAT}\0{}\0", depends_on(self.memory_mib)));
        let paths = [qemu, &self.kernel.image, &self.kernel.modules, self.init];
        for path in paths.into_iter().chain(self.files.iter().map(PathBuf::as_path)) {
            hash.update(path.as_os_str().as_encoded_bytes());
            hash.update([0]);
        }
        crate::kernel::hex(&hash.finalize())
    }
}

/// Gives a machine that waits for its job: one that was saved before, or else one that is booted and saved
/// now, of which `say` is told. `booting` is given what ends the boot; then this fails, and nothing is left.
///
/// # Errors
/// [`StockError`]: no QEMU, a kernel that lacks what labs need, or that does not come so far.
pub fn prepare(
    cache: &CacheFolder,
    ingredients: &Ingredients<'_>,
    say: &mut dyn FnMut(&str),
    booting: &dyn Fn(Canceller),
) -> Result<Machine, StockError> {
    let qemu = qemu()?;
    let machines = cache.root().join(MACHINES);
    let asked = ingredients.asked(&qemu);
    let kernel = ingredients.kernel;
    let found = |saved: (PathBuf, File)| Machine {
        kernel: kernel.clone(),
        qemu: qemu.clone(),
        memory_mib: ingredients.memory_mib,
        start: Start::GoOn {
            saved: saved.0.join(SAVED),
            _lock: Arc::new(saved.1),
        },
    };
    if let Some(saved) = saved(&machines, &asked) {
        return Ok(found(saved));
    }
    fs::create_dir_all(&machines).map_err(StockError::file("make", &machines))?;
    let lock_file = machines.join(LOCK);
    let lock = File::create(&lock_file).map_err(StockError::file("make", &lock_file))?;
    flock(&lock, FlockOperation::LockExclusive)
        .map_err(|errno| StockError::file("lock", &lock_file)(errno.into()))?;
    // Who waited finds the other's.
    if let Some(saved) = saved(&machines, &asked) {
        return Ok(found(saved));
    }
    for left in unfinished(&machines) {
        fs::remove_dir_all(&left).map_err(StockError::file("remove", left))?;
    }
    // Before anything is made: what is lacking is said at once.
    let modules = Folder::read(&kernel.modules)?.of_labs(&kernel.release)?;
    say(&format!(
        "booting Linux {} in QEMU, once, to save it for later",
        kernel.release
    ));
    let making = machines.join(format!("{MAKING}{}", std::process::id()));
    let made = make(&making, ingredients, &modules, (&qemu, &asked), booting);
    let to = machines.join(format!(
        "{}-{}",
        kernel.release,
        asked.get(..12).unwrap_or(&asked)
    ));
    let published = made.and_then(|()| {
        // One of before, of files that have changed since. Who uses it has it open.
        let _ = fs::remove_dir_all(&to);
        fs::rename(&making, &to).map_err(StockError::file("make", &to))
    });
    let _ = fs::remove_dir_all(&making);
    published?;
    remove_others(&machines, &kernel.release, &to);
    let made = saved_in(&to, &asked);
    made.map(found).ok_or_else(|| {
        let reason = io::Error::other("files that it was made of have changed meanwhile; run it again");
        StockError::file("use", &to)(reason)
    })
}

fn make(
    making: &Path,
    ingredients: &Ingredients<'_>,
    modules: &[super::modules::Module],
    (qemu, asked): (&Path, &str),
    booting: &dyn Fn(Canceller),
) -> Result<(), StockError> {
    let (kernel, share) = (ingredients.kernel, making.join("share"));
    fs::create_dir_all(&share).map_err(StockError::file("make", &share))?;
    let mut files = vec![ingredients.init.to_owned()];
    files.extend_from_slice(ingredients.files);
    let mut root = Root::of(&files)?;
    let mut made_of = root.found()?;
    // It lies there under another name, and without its symbols.
    root.leave_out(ingredients.init);
    for file in [
        qemu,
        &kernel.image,
        &kernel.modules.join("modules.builtin"),
        &kernel.modules,
    ] {
        made_of.extend(Found::now(file));
    }
    let (image, initramfs) = (share.join(KERNEL), share.join(INITRAMFS));
    fs::copy(&kernel.image, &image).map_err(StockError::file("copy", &kernel.image))?;
    let init = fs::read(ingredients.init).map_err(StockError::file("read", ingredients.init))?;
    let written = File::create(&initramfs).and_then(|file| {
        let mut writer = Writer::new(BufWriter::with_capacity(1 << 20, file));
        root.write(&mut writer)?;
        writer.bytes(Path::new(INIT), 0o755, &image::as_loaded(init))?;
        let folder = Path::new(MODULES);
        writer.folder(Path::new("lvs-matrix"), 0o755)?;
        writer.folder(folder, 0o755)?;
        for (number, module) in modules.iter().enumerate() {
            let name = format!("{number:03}-{}.ko", module.name);
            writer.bytes(&folder.join(name), 0o644, &module.bytes)?;
        }
        writer.finish()?.flush()
    });
    written.map_err(StockError::file("write", &initramfs))?;

    let machine = Machine {
        kernel: kernel.clone(),
        qemu: qemu.to_owned(),
        memory_mib: ingredients.memory_mib,
        start: Start::Boot,
    };
    let mut config = GuestConfig::with(
        RunsOn::Stock(Box::new(machine)),
        ingredients.init.to_owned(),
        share.clone(),
    );
    config.stall = PATIENCE;
    let not_started = |how: String, console: Vec<String>| StockError::NotStarted {
        release: kernel.release.clone(),
        how,
        console,
    };
    let report = Guest::start(config).and_then(|guest| {
        booting(guest.canceller());
        guest.run(|_| {})
    });
    let report = report.map_err(|error| not_started(error.to_string(), Vec::new()))?;
    match report.end {
        GuestEnd::Saved => {}
        GuestEnd::Panicked(words) => return Err(not_started(words, report.console)),
        GuestEnd::InitFailed(reason) => return Err(not_started(reason, report.console)),
        GuestEnd::Stalled(_) => {
            let how = format!("it was not ready after {} s", report.wall.as_secs());
            return Err(not_started(how, report.console));
        }
        GuestEnd::Died(status) => {
            return Err(not_started(died(status), report.console));
        }
        end @ (GuestEnd::PoweredOff(_) | GuestEnd::Cancelled) => {
            return Err(not_started(
                format!("it ended otherwise: {end:?}"),
                report.console,
            ));
        }
    }
    let (from, to) = (share.join(SAVED), making.join(SAVED));
    fs::rename(&from, &to).map_err(StockError::file("keep", &to))?;
    if rustix::process::geteuid().is_root() {
        lchown(&to, Some(0), Some(0)).map_err(StockError::file("own", &to))?;
    }
    fs::remove_dir_all(&share).map_err(StockError::file("remove", &share))?;
    let description = Description {
        release: kernel.release.clone(),
        asked: asked.to_owned(),
        made_of,
        bytes: fs::metadata(&to).map_err(StockError::file("look at", &to))?.len(),
    };
    let file = making.join(DESCRIPTION);
    let text =
        serde_json::to_vec(&description).map_err(|error| StockError::file("write", &file)(error.into()))?;
    fs::write(&file, text).map_err(StockError::file("write", &file))
}

/// QEMU's end before the kernel had said anything of its own. With `-no-reboot` it ends with 0 when the
/// machine is reset, and that is what a processor does that cannot handle an exception (triple fault).
fn died(status: HostStatus) -> String {
    match status {
        HostStatus::Exited(0) => "it reset the machine before it was up; its file may be damaged".to_owned(),
        HostStatus::Exited(code) => format!("QEMU ended by itself with exit code {code}"),
        HostStatus::Signalled(signal) => format!("QEMU was ended by signal {signal}"),
        HostStatus::Unknown => "QEMU ended by itself".to_owned(),
    }
}

/// A machine that was saved.
#[derive(Debug)]
pub struct SavedMachine {
    /// The release of its kernel.
    pub release: String,
    /// Its folder in the cache.
    pub folder: PathBuf,
    /// How large it is.
    pub bytes: u64,
    /// Is it whole, and are the files that it was made of as they were then? If not, it is made anew when it
    /// is wanted.
    pub current: bool,
}

/// The machines in the cache, by their kernels' names.
#[must_use]
pub fn saved_machines(cache: &CacheFolder) -> Vec<SavedMachine> {
    let machines = cache.root().join(MACHINES);
    let entries = entries(&machines).filter(|(name, _)| !name.starts_with('.'));
    let mut found: Vec<SavedMachine> = entries
        .filter_map(|(_, folder)| {
            let description = description(&folder)?;
            Some(SavedMachine {
                bytes: fs::metadata(folder.join(SAVED)).ok()?.len(),
                current: description.is_current(&folder),
                release: description.release,
                folder,
            })
        })
        .collect();
    found.sort_by(|one, other| (&one.release, &one.folder).cmp(&(&other.release, &other.folder)));
    found
}

fn description(folder: &Path) -> Option<Description> {
    serde_json::from_slice(&fs::read(folder.join(DESCRIPTION)).ok()?).ok()
}

fn entries(machines: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    let entries = fs::read_dir(machines).into_iter().flatten().flatten();
    entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
}

/// The saved machine that was asked for with these words, with a lock against its removal.
fn saved(machines: &Path, asked: &str) -> Option<(PathBuf, File)> {
    entries(machines)
        .filter(|(name, _)| !name.starts_with('.'))
        .find_map(|(_, folder)| saved_in(&folder, asked))
}

fn saved_in(folder: &Path, asked: &str) -> Option<(PathBuf, File)> {
    let fits = |found: &Description| found.asked == asked && found.is_current(folder);
    description(folder).filter(fits)?;
    let lock = File::open(folder.join(SAVED)).ok()?;
    flock(&lock, FlockOperation::NonBlockingLockShared).ok()?;
    // It may have been removed before the lock was taken.
    let still = description(folder).filter(fits).is_some();
    still.then(|| (folder.to_owned(), lock))
}

/// Machines of the same kernel that are out of date: nobody finds them again. Those in use stay.
fn remove_others(machines: &Path, release: &str, but: &Path) {
    for (name, folder) in entries(machines) {
        let same = name.rsplit_once('-').is_some_and(|(of, _)| of == release);
        if !same || folder == but {
            continue;
        }
        if description(&folder).is_some_and(|found| found.is_current(&folder)) {
            continue;
        }
        let unused = File::open(folder.join(SAVED))
            .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok());
        if unused {
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

fn unfinished(machines: &Path) -> Vec<PathBuf> {
    let making = entries(machines).filter(|(name, _)| name.starts_with(MAKING));
    making.map(|(_, path)| path).collect()
}

/// Removes what a killed process left of a machine in the making; nothing while one is made. What cannot be
/// removed stays.
pub fn remove_unfinished(cache: &CacheFolder) {
    let machines = cache.root().join(MACHINES);
    let left = unfinished(&machines);
    if left.is_empty() {
        return;
    }
    let Ok(lock) = File::open(machines.join(LOCK)) else {
        return;
    };
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
        for folder in left {
            let _ = fs::remove_dir_all(folder);
        }
    }
}
