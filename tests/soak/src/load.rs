//! Load on the machine while a run goes on.

use std::fmt;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// What the machine is loaded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing of ours.
    None,
    /// As many threads that compute as there are processors.
    Processors,
    /// Files written through to the disk.
    Disk,
    /// Processes that are started and end.
    Processes,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::None, Kind::Processors, Kind::Disk, Kind::Processes];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Processors => "processors",
            Self::Disk => "disk",
            Self::Processes => "processes",
        })
    }
}

/// A load that goes on until it is dropped.
#[derive(Debug)]
pub(crate) struct Load {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn begin(kind: Kind) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let (count, work): (usize, fn(&AtomicBool)) = match kind {
            Kind::None => (0, compute),
            Kind::Processors => (processors, compute),
            Kind::Disk => (1, write),
            Kind::Processes => (1, start),
        };
        let threads = (0..count)
            .map(|_| {
                let over = Arc::clone(&over);
                std::thread::spawn(move || work(&over))
            })
            .collect();
        Self { over, threads }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // One that panicked has ended, too.
            let _ = thread.join();
        }
    }
}

fn compute(over: &AtomicBool) {
    let mut number = 1_u64;
    while !over.load(Ordering::Relaxed) {
        for _ in 0..10_000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        }
        std::hint::black_box(number);
    }
}

/// A disk that is full or slow is load, too.
fn write(over: &AtomicBool) {
    let piece = vec![0x5A_u8; 4 << 20];
    while !over.load(Ordering::Relaxed) {
        let Ok(mut file) = tempfile::tempfile() else {
            return;
        };
        for _ in 0..8 {
            let _ = file.write_all(&piece).and_then(|()| file.sync_data());
        }
    }
}

fn start(over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let mut command = Command::new("true");
        let _ = command.stdin(Stdio::null()).status();
    }
}
