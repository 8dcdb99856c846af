//! The log of a server that outlives a cell: what it says goes into the file of the cell that it is in.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So much of what a server said when it started is written into the log of each cell, bytes.
const MOST_BEGINNING: usize = 64 << 10;
/// So much of it goes into the log of one cell, bytes: it lies on the host's disk, and is not to fill it.
const MOST_LOG: usize = 256 << 20;

/// Reads what a server says, on a thread that ends when nobody is left to say anything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pump(Arc<Mutex<To>>);

#[derive(Debug, Default)]
struct To {
    /// What it said before it was first lent.
    beginning: Vec<u8>,
    file: Option<File>,
    /// How many bytes the file may still grow.
    room: usize,
    /// Was it ever in another cell than its first?
    lent: bool,
}

impl Pump {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// What a server is given to write to. The log of its first cell is `path`.
    pub(crate) fn start(&self, path: &Path) -> io::Result<OwnedFd> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        {
            let mut to = self.locked();
            (to.file, to.room) = (Some(file), MOST_LOG);
        }
        let (mut said, says) = io::pipe()?;
        let mut pump = self.clone();
        let name = "server-log".to_owned();
        std::thread::Builder::new().name(name).spawn(move || {
            // Taking it never fails, and neither does reading a pipe.
            let _ = io::copy(&mut said, &mut pump);
        })?;
        Ok(says.into())
    }

    /// From now on the log is that of another cell. It begins as the server began.
    pub(crate) fn to(&self, path: &Path, earlier_cells: u32) -> io::Result<()> {
        let mut file = File::create(path)?;
        let mut to = self.locked();
        file.write_all(&to.beginning)?;
        writeln!(
            file,
            "[lvs-matrix] {earlier_cells} earlier cell(s) had this server; what it said in them is left out"
        )?;
        (to.file, to.room, to.lent) = (Some(file), MOST_LOG, true);
        Ok(())
    }

    /// From now on nobody keeps what it says.
    pub(crate) fn to_nobody(&self) {
        let mut to = self.locked();
        (to.file, to.lent) = (None, true);
    }

    fn locked(&self) -> MutexGuard<'_, To> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Pump {
    fn write(&mut self, said: &[u8]) -> io::Result<usize> {
        self.locked().take(said);
        Ok(said.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl To {
    fn take(&mut self, said: &[u8]) {
        if !self.lent {
            let room = MOST_BEGINNING.saturating_sub(self.beginning.len());
            self.beginning.extend_from_slice(&said[..said.len().min(room)]);
        }
        let kept = &said[..said.len().min(self.room)];
        self.room -= kept.len();
        if let Some(file) = &mut self.file {
            // A log that cannot be written is not worth a cell.
            let _ = file.write_all(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::{Duration, Instant};

    fn await_fact(what: &str, fact: impl Fn() -> bool) {
        let begun = Instant::now();
        while !fact() {
            assert!(begun.elapsed() < Duration::from_secs(10), "{what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn await_text(path: &Path, wanted: &str) {
        await_fact(wanted, || fs::read_to_string(path).unwrap() == wanted);
    }

    #[test]
    fn each_cell_has_the_beginning_and_its_own_lines() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        let pump = Pump::new();
        let mut server = File::from(pump.start(&first).unwrap());
        server.write_all(b"started\n").unwrap();
        await_text(&first, "started\n");
        pump.to_nobody();
        server.write_all(b"between\n").unwrap();
        let told = "[lvs-matrix] 1 earlier cell(s) had this server; what it said in them is left out\n";
        await_fact("what is said between cells is read", || {
            pump.locked().room == MOST_LOG - "started\nbetween\n".len()
        });
        pump.to(&second, 1).unwrap();
        server.write_all(b"in the second\n").unwrap();
        await_text(&second, &format!("started\n{told}in the second\n"));
        assert_eq!(fs::read_to_string(&first).unwrap(), "started\n");
    }
}
