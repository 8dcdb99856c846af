//! The one door into a network namespace: nothing else in the workspace calls unshare(2) or setns(2) for one.

use crate::{Error, Result};
use rustix::fs::{Mode, OFlags};
use rustix::thread::UnshareFlags;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

/// A network namespace with a thread of its own. Work is handed to the thread, so that no other thread ever
/// changes its namespace: sockets, capture handles and child processes made by the work belong to the
/// namespace.
///
/// Dropping the value ends the thread and closes the descriptor; the kernel then frees the namespace as soon
/// as no socket, process or link keeps it.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    fd: OwnedFd,
    // Field order is drop order: the sender goes first, which ends the thread's loop.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Namespace {
    /// Makes a new namespace. `name` is for messages and the thread's name only.
    ///
    /// # Errors
    /// [`Error::Namespace`] if the kernel refuses.
    pub fn new(name: &str) -> Result<Self> {
        let failed = |source: io::Error| Error::Namespace {
            what: "make",
            name: name.to_owned(),
            source,
        };
        let (ready, made) = mpsc::channel();
        let (jobs, inbox) = mpsc::channel::<Job>();
        let thread = thread::Builder::new()
            .name(format!("ns-{name}"))
            .spawn(move || {
                let fd = leave_for_a_new_namespace();
                let good = fd.is_ok();
                // A receiver that is gone means that `new` itself gave up; the loop then ends at once.
                let _ = ready.send(fd);
                if good {
                    inbox.iter().for_each(|job| job());
                }
            })
            .map_err(failed)?;
        let fd = made
            .recv()
            .map_err(|_| Error::ThreadGone(name.to_owned()))?
            .map_err(failed)?;
        Ok(Self {
            name: name.to_owned(),
            fd,
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives it another name, for messages.
    pub fn rename(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    /// A path by which other programs of this user can name the namespace while this value lives
    /// (`ip link … netns PATH`).
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), self.fd.as_raw_fd()))
    }

    /// Runs `work` on the namespace's thread and waits for it.
    ///
    /// # Errors
    /// [`Error::ThreadGone`] if an earlier piece of work panicked.
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let gone = || Error::ThreadGone(self.name.clone());
        let (done, result) = mpsc::channel();
        let job: Job = Box::new(move || {
            // The caller waits below; it is gone only if its thread was torn down.
            let _ = done.send(work());
        });
        self.jobs
            .as_ref()
            .ok_or_else(gone)?
            .send(job)
            .map_err(|_| gone())?;
        result.recv().map_err(|_| gone())
    }

    /// Starts another thread in the namespace; it lives as long as `work`.
    ///
    /// # Errors
    /// [`Error::ThreadGone`], or [`Error::Namespace`] if no thread could be started.
    pub fn spawn<T: Send + 'static>(
        &self,
        thread_name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<thread::JoinHandle<T>> {
        // clone(2): a new thread is in the namespaces of the thread that made it.
        let builder = thread::Builder::new().name(thread_name.to_owned());
        let name = self.name.clone();
        self.run(move || builder.spawn(work))?
            .map_err(|source| Error::Namespace {
                what: "enter",
                name,
                source,
            })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the work was already reported to whoever handed it in, as ThreadGone.
            let _ = thread.join();
        }
    }
}

/// Puts the calling thread, and only it, into a new network namespace and opens that.
fn leave_for_a_new_namespace() -> io::Result<OwnedFd> {
    unshare_network()?;
    // `thread-self`, not `self`: the main thread is still elsewhere.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(
        "/proc/thread-self/ns/net",
        flags,
        Mode::empty(),
    )?)
}

#[expect(
    unsafe_code,
    reason = "rustix marks every unshare unsafe because of CLONE_FILES; see the SAFETY comment"
)]
fn unshare_network() -> io::Result<()> {
    // SAFETY: only the network namespace is unshared. What makes unshare unsafe is unsharing the table of
    // open files, which would leave descriptors of other threads dangling.
    Ok(unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }?)
}
