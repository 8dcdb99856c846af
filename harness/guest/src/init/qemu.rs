//! The first process of a stock kernel in QEMU: modules, file systems, and the job from a drive.
//!
//! The root is the initramfs. Init makes everything ready, says so, and looks at the drive until there is a
//! job. Meanwhile the machine is saved; each machine that goes on from there has a drive with a job of its
//! own.

use super::InitError;
use super::console::{Console, drive};
use super::mounts::{make_folder, put_own};
use crate::protocol::{Boot, INPUTS, Message, SHARE};
use crate::stock::MODULES_FOLDER;
use crate::stock::archive::unpack;
use crate::stock::machine::{BEGIN, IN_ARCHIVE, JOB, JOB_ARCHIVE, JOB_MAGIC};
use rustix::fs::{Advice, fadvise, statfs};
use rustix::io::Errno;
use rustix::time::{ClockId, Timespec, clock_settime};
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `TMPFS_MAGIC` and `RAMFS_MAGIC`: what an initramfs lies in (include/uapi/linux/magic.h).
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
/// How often it is looked whether there is a job.
const LOOK: Duration = Duration::from_millis(10);

/// Refuses anything but PID 1 on an initramfs of ours.
pub(super) fn check_place() -> Result<(), InitError> {
    if std::process::id() != 1 {
        return Err(InitError::NotInAGuest("this is not PID 1"));
    }
    let in_memory = statfs("/")
        .is_ok_and(|root| u64::try_from(root.f_type).is_ok_and(|magic| IN_MEMORY.contains(&magic)));
    if in_memory && Path::new("/").join(MODULES_FOLDER).is_dir() {
        Ok(())
    } else {
        Err(InitError::NotInAGuest("the root is no initramfs of lvs-matrix"))
    }
}

/// Makes the guest a place to work in, and waits for the job. Gives what it asks for.
pub(super) fn set_up() -> Result<Boot, InitError> {
    put_own()?;
    // Tunnels put no device of theirs into each network namespace; before Linux 5.10 there is no word for it
    // on the kernel's command line, and before 4.17 no way at all.
    let _ = fs::write("/proc/sys/net/core/fb_tunnels_only_for_init_net", "1");
    let console = Console::open().map_err(InitError::io("open the console"))?;
    load_modules(&console)?;
    rustix::system::sethostname(b"guest").map_err(InitError::step("set the host name"))?;
    super::loopback::up()?;
    let drive = drive(JOB).map_err(InitError::io("find the drive with the job"))?;
    console
        .send(&Message::Ready)
        .map_err(InitError::io("write to the console"))?;
    let failed = |what: &str| InitError::io(what.to_owned());
    while !has_job(&drive).map_err(failed("look for the job"))? {
        std::thread::sleep(LOOK);
    }
    let home = Path::new(SHARE).parent().unwrap_or(Path::new("/run"));
    fs::create_dir_all(home).map_err(failed("make a folder for the job"))?;
    let mut archive = File::open(&drive).map_err(failed("read the job"))?;
    archive
        .seek(SeekFrom::Start(JOB_ARCHIVE))
        .map_err(failed("read the job"))?;
    unpack(BufReader::with_capacity(1 << 20, archive), home, true).map_err(failed("unpack the job"))?;
    for folder in [SHARE, INPUTS] {
        make_folder(folder)?;
    }
    let boot = fs::read(home.join(IN_ARCHIVE[2])).map_err(failed("read what is to be done"))?;
    let boot: Boot = serde_json::from_slice(&boot)
        .map_err(|error| InitError::io("read what is to be done")(error.into()))?;
    if let Some(start) = boot.clock_start {
        set_clock(start)?;
    }
    Ok(boot)
}

fn set_clock(nanoseconds: u64) -> Result<(), InitError> {
    let time = Timespec {
        tv_sec: i64::try_from(nanoseconds / 1_000_000_000).unwrap_or_default(),
        tv_nsec: i64::try_from(nanoseconds % 1_000_000_000).unwrap_or_default(),
    };
    clock_settime(ClockId::Realtime, time).map_err(InitError::step("set the clock"))
}

/// Loads the modules in the order of their names. One that the kernel does not take is told on the console:
/// a lab that needs it says what it lacks.
fn load_modules(console: &Console) -> Result<(), InitError> {
    let folder = Path::new("/").join(MODULES_FOLDER);
    let entries = fs::read_dir(&folder).map_err(InitError::io("read the folder of the modules"))?;
    let mut modules: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    modules.sort();
    for module in modules {
        let file = File::open(&module).map_err(InitError::io(format!("open {}", module.display())))?;
        match rustix::system::finit_module(&file, c"", 0) {
            // Built in, or loaded by the kernel itself.
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => {
                let name = module.file_name().unwrap_or_default().display();
                console
                    .talk(&format!("module {name}: {errno}"))
                    .map_err(InitError::io("write to the console"))?;
            }
        }
        // Its memory is the root's.
        let _ = fs::remove_file(&module);
    }
    Ok(())
}

fn has_job(drive: &Path) -> io::Result<bool> {
    let mut file = File::open(drive)?;
    // What was read before is kept in memory, which the saved machine has, too.
    fadvise(&file, 0, None, Advice::DontNeed)?;
    file.seek(SeekFrom::Start(BEGIN))?;
    let mut magic = [0; JOB_MAGIC.len()];
    file.read_exact(&mut magic)?;
    fadvise(&file, 0, None, Advice::DontNeed)?;
    Ok(magic == *JOB_MAGIC)
}
