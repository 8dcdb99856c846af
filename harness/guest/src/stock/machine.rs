//! The machine that QEMU makes, and its two drives.
//!
//! The processor is QEMU's own (TCG), and the clock counts its instructions (`-icount`): one nanosecond each,
//! and while the processor idles the clock goes on to the next timer at once (`sleep=off`). So waiting takes
//! none of the host's time, as in a guest with User-mode Linux, and computing takes time that does not depend
//! on the host.
//!
//! A machine is saved by a few words with QEMU's monitor (QMP, docs/interop/qmp-spec.rst of QEMU).

use super::archive::Writer;
use crate::protocol::{GUEST_VARIABLE, IN_QEMU, PRIVATE_FOLDER};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The program, and the Debian package that brings it.
pub const QEMU: (&str, &str) = ("qemu-system-x86_64", "qemu-system-x86");

/// The drive with what the guest is to do, and the one for what it has done, by their serial numbers and as
/// files in [`PRIVATE_FOLDER`].
pub(crate) const JOB: &str = "job";
pub(crate) const RECORDS: &str = "records";
/// Drives have the same size when the machine is saved as when it goes on. Their files have holes.
const JOB_BYTES: u64 = 4 << 30;
const RECORDS_BYTES: u64 = 64 << 30;
/// The first sectors of a drive are read, and kept, when the kernel looks for partitions.
pub(crate) const BEGIN: u64 = 1 << 20;
/// What stands at [`BEGIN`] of the job's drive when there is a job.
pub(crate) const JOB_MAGIC: &[u8; 16] = b"lvs-matrix job 1";
/// Where the job's archive begins.
pub(crate) const JOB_ARCHIVE: u64 = BEGIN + 4096;
/// The share and the inputs in the job's archive, and what init is to do.
pub(crate) const IN_ARCHIVE: [&str; 3] = ["share", "inputs", "boot.json"];

/// The socket of QEMU's monitor, and the saved machine, in [`PRIVATE_FOLDER`] and beside it.
pub(crate) const MONITOR: &str = "monitor";
pub(crate) const SAVED: &str = "saved";
/// The kernel and its initramfs in the share of a machine that is made.
pub(crate) const KERNEL: &str = "vmlinuz";
pub(crate) const INITRAMFS: &str = "initramfs";

/// What every kernel is told. Without timers' check, since a clock of instructions is never off; with
/// tunnels' devices in no network namespace, as guests have it. Programs are loaded at the same addresses
/// each time (norandmaps): QEMU keeps what it has translated by virtual address, and a server that starts a
/// second time elsewhere is translated anew, a quarter of what such a cell costs.
const KERNEL_LINE: &str = "console=ttyS0 quiet loglevel=3 panic=-1 no_timer_check tsc=reliable \
    mitigations=off nokaslr norandmaps random.trust_cpu=on noreplace-smp fb_tunnels=none";

/// The words that make the machine; the same for one that is saved and one that goes on.
fn machine(memory_mib: u32) -> Vec<String> {
    let mut words: Vec<String> = [
        "-accel",
        "tcg,thread=single",
        "-icount",
        "shift=0,sleep=off",
        "-M",
        "microvm,acpi=on,pic=on,pit=on,rtc=on,isa-serial=on,auto-kernel-cmdline=off",
        // Newer versions choose another one where no kernel is given.
        "-bios",
        "qboot.rom",
        // Without arat Linux has no timer of high resolution on this processor.
        "-cpu",
        "qemu64,+arat",
        "-smp",
        "1",
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
        "-serial",
        "stdio",
        "-net",
        "none",
        "-m",
    ]
    .map(str::to_owned)
    .into();
    words.push(memory_mib.to_string());
    for drive in [JOB, RECORDS] {
        words.extend([
            "-drive".to_owned(),
            format!("file={PRIVATE_FOLDER}/{drive},format=raw,if=none,id={drive}"),
            "-device".to_owned(),
            format!("virtio-blk-device,drive={drive},serial={drive}"),
        ]);
    }
    words
}

/// The words for a machine that boots and is then saved.
pub(crate) fn booting(memory_mib: u32) -> Vec<String> {
    let mut words = machine(memory_mib);
    words.extend([
        "-kernel".to_owned(),
        KERNEL.to_owned(),
        "-initrd".to_owned(),
        INITRAMFS.to_owned(),
        "-append".to_owned(),
        format!("{KERNEL_LINE} {GUEST_VARIABLE}={IN_QEMU}"),
        "-qmp".to_owned(),
        format!("unix:{PRIVATE_FOLDER}/{MONITOR},server=on,wait=off"),
    ]);
    words
}

/// The words for a machine that goes on from where it was saved, of which this descriptor is the file.
pub(crate) fn going_on(memory_mib: u32, saved: i32) -> Vec<String> {
    let mut words = machine(memory_mib);
    words.extend(["-incoming".to_owned(), format!("fd:{saved}")]);
    words
}

/// All words but those of one run: what a saved machine depends on.
pub(super) fn depends_on(memory_mib: u32) -> String {
    booting(memory_mib).join(" ")
}

/// Makes the two drives in this folder, without a job.
pub(crate) fn make_drives(folder: &Path) -> io::Result<()> {
    for (drive, bytes) in [(JOB, JOB_BYTES), (RECORDS, RECORDS_BYTES)] {
        File::create(folder.join(drive))?.set_len(bytes)?;
    }
    Ok(())
}

/// Puts a job onto its drive: the share as it is now but for [`PRIVATE_FOLDER`], the inputs, and what init is
/// to do. Of an input that has `own_folders` somewhere in it, these are left out, and so are the private
/// folders of all guests: they change while they are read, and have the drives.
pub(crate) fn put_job(
    folder: &Path,
    share: &Path,
    inputs: &[(String, PathBuf)],
    own_folders: &[PathBuf],
    boot: &[u8],
) -> io::Result<()> {
    let own_folders: Vec<PathBuf> = own_folders
        .iter()
        .map(std::fs::canonicalize)
        .collect::<Result<_, _>>()?;
    let left_out = |path: &Path| {
        path.file_name().is_some_and(|name| name == PRIVATE_FOLDER)
            || own_folders.iter().any(|own| own == path)
    };
    let mut drive = File::options().write(true).open(folder.join(JOB))?;
    drive.seek(SeekFrom::Start(JOB_ARCHIVE))?;
    let [of_share, of_inputs, of_boot] = IN_ARCHIVE.map(Path::new);
    let mut writer = Writer::new(BufWriter::with_capacity(1 << 20, &mut drive));
    writer.bytes(of_boot, 0o644, boot)?;
    writer.folder(of_inputs, 0o755)?;
    for (name, path) in inputs {
        // Its own path is that of a real folder, as those are that it is compared with.
        let path = std::fs::canonicalize(path)?;
        writer.whole_but(&of_inputs.join(name), &path, &left_out)?;
    }
    writer.folder(of_share, 0o755)?;
    for entry in std::fs::read_dir(share)? {
        let entry = entry?;
        if entry.file_name() != PRIVATE_FOLDER {
            writer.whole(&of_share.join(entry.file_name()), &entry.path())?;
        }
    }
    writer.finish()?.flush()?;
    let end = drive.stream_position()?;
    if end > JOB_BYTES {
        return Err(io::Error::other("what the guest is to have is larger than 4 GiB"));
    }
    drive.set_len(JOB_BYTES)?;
    drive.seek(SeekFrom::Start(BEGIN))?;
    drive.write_all(JOB_MAGIC)
}

/// How long saving may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// QEMU's monitor (QMP, docs/interop/qmp-spec.rst of QEMU).
struct Monitor {
    out: UnixStream,
    lines: BufReader<UnixStream>,
}

/// Saves the running machine into a file of its working folder, and ends QEMU. The machine runs until all
/// else is saved, so one that goes on from there runs, too.
pub(crate) fn save(socket: &Path, file: &str) -> io::Result<()> {
    let out = UnixStream::connect(socket)?;
    out.set_read_timeout(Some(PATIENCE))?;
    let lines = BufReader::new(out.try_clone()?);
    let mut monitor = Monitor { out, lines };
    monitor.ask("qmp_capabilities", json!({}))?;
    let parameters = json!({ "max-bandwidth": 100_000_000_000_u64, "downtime-limit": 60_000 });
    monitor.ask("migrate-set-parameters", parameters)?;
    monitor.ask("migrate", json!({ "uri": format!("exec:cat > {file}") }))?;
    let begun = Instant::now();
    loop {
        let state = monitor.ask("query-migrate", json!({}))?;
        match state.get("status").and_then(Value::as_str) {
            Some("completed") => break,
            Some("failed" | "cancelled") => return Err(io::Error::other(format!("QEMU said {state}"))),
            _ if begun.elapsed() > PATIENCE => return Err(io::ErrorKind::TimedOut.into()),
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    // Its answer may be lost with it.
    let _ = monitor.ask("quit", json!({}));
    Ok(())
}

impl Monitor {
    /// What it returns; events are passed by.
    fn ask(&mut self, what: &str, arguments: Value) -> io::Result<Value> {
        writeln!(self.out, "{}", json!({ "execute": what, "arguments": arguments }))?;
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut answer: Value = serde_json::from_str(&line)?;
            if let Some(found) = answer.get_mut("return") {
                return Ok(found.take());
            }
            if let Some(error) = answer.get("error") {
                return Err(io::Error::other(format!("{what}: {error}")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::archive::unpack;
    use super::*;
    use std::fs;

    /// A scenario's folder is an input, and results are put below it: into a new folder, or into itself.
    #[test]
    fn a_job_has_nothing_of_its_own_run() {
        for run in ["results/new", "."] {
            let input = tempfile::tempdir().unwrap();
            let run = input.path().join(run);
            let guests = run.join(".guests");
            let share = guests.join("1");
            let private = share.join(PRIVATE_FOLDER);
            fs::create_dir_all(&private).unwrap();
            make_drives(&private).unwrap();
            // Another run's, at the same time.
            let other = input.path().join("other/.guests/1").join(PRIVATE_FOLDER);
            fs::create_dir_all(&other).unwrap();
            make_drives(&other).unwrap();
            fs::write(input.path().join("client.py"), "pass").unwrap();
            fs::write(share.join("job.json"), "{}").unwrap();
            let folder = tempfile::tempdir().unwrap();
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(input.path(), &link).unwrap();
            put_job(&private, &share, &[("0".to_owned(), link)], &[run, guests], b"{}").unwrap();

            let mut drive = File::open(private.join(JOB)).unwrap();
            drive.seek(SeekFrom::Start(JOB_ARCHIVE)).unwrap();
            let to = folder.path().join("to");
            fs::create_dir(&to).unwrap();
            unpack(BufReader::new(drive), &to, true).unwrap();
            assert_eq!(fs::read(to.join("inputs/0/client.py")).unwrap(), b"pass");
            assert_eq!(fs::read(to.join("share/job.json")).unwrap(), b"{}");
            assert!(!to.join("inputs/0/results/new").exists() && !to.join("inputs/0/.guests").exists());
            assert!(to.join("inputs/0/other/.guests/1").is_dir());
            assert!(!to.join("inputs/0/other/.guests/1").join(PRIVATE_FOLDER).exists());
            assert!(!to.join("share").join(PRIVATE_FOLDER).exists());
        }
    }
}
