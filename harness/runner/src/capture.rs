//! Capture: one packet socket per interface, read by a thread each, proven by a sentinel frame at both ends.
//!
//! Frames are handed over one by one and at once, with nanosecond stamps of the kernel under test. A sentinel
//! is an Ethernet frame of a local experimental EtherType that the bridge floods to every host. A capture
//! without both, or with drops, shows nothing.

use crate::error::{LabError, Result, Stage};
use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::Frame;
use lvs_matrix_model::plan::{Host, Nic, SENTINEL_ETHERTYPE, Segment};
use lvs_matrix_model::record::CapturePoint;
use lvs_matrix_netns::{Namespace, PacketCounters, PacketFrame, PacketSocket};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How many bytes of frames may wait for an interface's thread, as the kernel counts them (with the overhead
/// of its buffers).
///
/// On one processor the thread does not run before whoever sends or receives has nothing left to do. TCP then
/// has at most a whole window under way: the kernel's limits are 4 MiB to send and 6 MiB to receive
/// (`tcp_wmem`, `tcp_rmem`), plus an acknowledgement for every other segment. Memory is taken only for what
/// waits.
const QUEUE: usize = 64 << 20;
/// Bytes of an interface other than the client's that are kept whole.
const KEPT_WHOLE: usize = 2 << 20;
/// What is kept of a longer frame after that: more than the link's longest frame without TCP segmentation
/// offload.
const KEPT_OF_FRAME: usize = 2048;
/// How long a sentinel may take to reach every interface, on the cell's clock.
const SENTINEL_DEADLINE: Duration = Duration::from_secs(5);

/// Which end of a cell a sentinel marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sentinel {
    First,
    Last,
}

impl Sentinel {
    fn text(self) -> &'static str {
        match self {
            Self::First => "lvs-matrix first sentinel",
            Self::Last => "lvs-matrix last sentinel",
        }
    }

    fn frame(self) -> Vec<u8> {
        let mut frame = vec![0xff; 6];
        // A source of its own, locally administered: none of the lab's hosts.
        frame.extend([0x02, 0x6c, 0x76, 0x00, 0x01, 0x00]);
        frame.extend(SENTINEL_ETHERTYPE.to_be_bytes());
        frame.extend(self.text().as_bytes());
        // The shortest Ethernet frame without its checksum has 60 bytes.
        frame.resize(60, 0);
        frame
    }

    fn is(self, frame: &Frame) -> bool {
        frame.bytes == self.frame()
    }
}

/// The captures of a cell.
pub(crate) struct Captures {
    points: Vec<Point>,
    seen: Arc<Seen>,
    /// A socket on each bridge, for sending sentinels.
    senders: Vec<PacketSocket>,
}

struct Point {
    node: Node,
    interface: String,
    index: usize,
    /// Readable once the thread is to end.
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<Ended>>,
}

struct Ended {
    received: u32,
    dropped: u32,
    failure: Option<String>,
}

/// Frames so far, per point.
struct Seen {
    frames: Mutex<Vec<Vec<Frame>>>,
    changed: Condvar,
}

impl Seen {
    fn frames(&self) -> MutexGuard<'_, Vec<Vec<Frame>>> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `fact` holds of the frames; false if `deadline` came first.
    fn wait(&self, deadline: Duration, fact: impl Fn(&[Vec<Frame>]) -> bool) -> bool {
        let until = Instant::now() + deadline;
        let mut frames = self.frames();
        loop {
            if fact(&frames) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            frames = self
                .changed
                .wait_timeout(frames, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

/// A capture point that has ended, with its frames.
pub(crate) struct Captured {
    pub(crate) point: CapturePoint,
    pub(crate) frames: Vec<Frame>,
}

impl Captures {
    /// Captures on every network card; returns when all of them have seen the first sentinel.
    pub(crate) fn start(
        link: &Namespace,
        segments: &[Segment],
        hosts: &[(&Host, &Namespace)],
    ) -> Result<Self> {
        let sender = |segment: &Segment| {
            let bridge = segment.bridge.clone();
            link.run(move || PacketSocket::for_sending(&bridge))
                .stage("open a bridge for sentinels")?
                .stage("open a bridge for sentinels")
        };
        let senders = segments.iter().map(sender).collect::<Result<_>>()?;
        let cards: Vec<(&Host, &Nic, &Namespace)> = hosts
            .iter()
            .copied()
            .flat_map(|(host, namespace)| host.nics.iter().map(move |nic| (host, nic, namespace)))
            .collect();
        let seen = Arc::new(Seen {
            frames: Mutex::new(vec![Vec::new(); cards.len()]),
            changed: Condvar::new(),
        });
        let mut captures = Self {
            points: Vec::new(),
            seen,
            senders,
        };
        for (index, (host, nic, namespace)) in cards.into_iter().enumerate() {
            let stage = || format!("capture on {}", host.node);
            let interface = nic.name.clone();
            // The socket is opened in the namespace and keeps it; the reading thread may be anywhere.
            let socket = namespace.run(move || PacketSocket::open(&interface, QUEUE));
            let stop = eventfd(0, EventfdFlags::CLOEXEC)
                .map_err(io::Error::from)
                .stage(stage())?;
            let stop = Arc::new(stop);
            let mut reader = Reader {
                socket: socket.stage(stage())?.stage(stage())?,
                index,
                seen: Arc::clone(&captures.seen),
                stop: Arc::clone(&stop),
                // Verdicts rest on the client's interface, and on every byte that passes it.
                whole: if host.client().is_some() {
                    usize::MAX
                } else {
                    KEPT_WHOLE
                },
            };
            let thread = namespace.spawn("capture", move || reader.read()).stage(stage())?;
            captures.points.push(Point {
                node: host.node.clone(),
                interface: nic.name.clone(),
                index,
                stop,
                thread: Some(thread),
            });
        }
        if captures.mark(Sentinel::First)? {
            return Ok(captures);
        }
        let missing: Vec<String> = captures
            .without(Sentinel::First)
            .iter()
            .map(ToString::to_string)
            .collect();
        Err(LabError::new(
            "prove the capture",
            format!(
                "the first sentinel did not reach {} within {} s",
                missing.join(", "),
                SENTINEL_DEADLINE.as_secs()
            ),
        ))
    }

    /// Sends a sentinel and waits until every point has seen it.
    fn mark(&mut self, sentinel: Sentinel) -> Result<bool> {
        for sender in &mut self.senders {
            sender.send(&sentinel.frame()).stage("send a sentinel frame")?;
        }
        Ok(self.seen.wait(SENTINEL_DEADLINE, |points| {
            points
                .iter()
                .all(|frames| frames.iter().any(|frame| sentinel.is(frame)))
        }))
    }

    fn without(&self, sentinel: Sentinel) -> Vec<Node> {
        let frames = self.seen.frames();
        let lacks = |point: &&Point| !frames[point.index].iter().any(|frame| sentinel.is(frame));
        self.points
            .iter()
            .filter(lacks)
            .map(|point| point.node.clone())
            .collect()
    }

    /// How many frames `node` has seen so far.
    pub(crate) fn seen_by(&self, node: &Node) -> usize {
        let point = self.points.iter().find(|point| &point.node == node);
        point.map_or(0, |point| self.seen.frames()[point.index].len())
    }

    /// Waits until `node` has seen a frame like this after its first `from` ones; false if `deadline` came
    /// first.
    pub(crate) fn wait_for(
        &self,
        node: &Node,
        from: usize,
        deadline: Duration,
        is: impl Fn(&Frame) -> bool,
    ) -> bool {
        let Some(point) = self.points.iter().find(|point| &point.node == node) else {
            return false;
        };
        self.seen
            .wait(deadline, |points| points[point.index].iter().skip(from).any(&is))
    }

    /// How many frames like this `node` has seen after its first `from` ones.
    pub(crate) fn count(&self, node: &Node, from: usize, is: impl Fn(&Frame) -> bool) -> usize {
        let counted = self.look(node, from, |frames| {
            Some(frames.iter().filter(|frame| is(frame)).count())
        });
        counted.unwrap_or(0)
    }

    /// Looks at the frames that `node` has seen after its first `from` ones.
    pub(crate) fn look<T>(
        &self,
        node: &Node,
        from: usize,
        at: impl FnOnce(&[Frame]) -> Option<T>,
    ) -> Option<T> {
        let point = self.points.iter().find(|point| &point.node == node)?;
        at(self.seen.frames()[point.index].get(from..)?)
    }

    /// What was captured so far.
    pub(crate) fn so_far(&self) -> Vec<Captured> {
        let frames = self.seen.frames();
        let captured = |point: &Point| Captured {
            point: CapturePoint {
                node: point.node.clone(),
                interface: point.interface.clone(),
                received: 0,
                dropped: 0,
                first_sentinel: true,
                last_sentinel: false,
                failure: None,
            },
            frames: frames.get(point.index).cloned().unwrap_or_default(),
        };
        self.points.iter().map(captured).collect()
    }

    /// Sends the last sentinel, ends the captures, and gives what they saw. A point that misses it says so.
    pub(crate) fn finish(mut self) -> Vec<Captured> {
        // Reading threads end by themselves at the last sentinel; those that miss it are told to.
        let sent = self.mark(Sentinel::Last);
        let late = match &sent {
            Ok(true) => Vec::new(),
            Ok(false) | Err(_) => self.without(Sentinel::Last),
        };
        for point in self.points.iter().filter(|point| late.contains(&point.node)) {
            point.end();
        }
        let points = std::mem::take(&mut self.points);
        let ended: Vec<(Node, String, Ended)> = points.into_iter().map(Point::join).collect();
        let frames = std::mem::take(&mut *self.seen.frames());
        ended
            .into_iter()
            .zip(frames)
            .map(|((node, interface, ended), frames)| Captured {
                point: CapturePoint {
                    node,
                    interface,
                    received: ended.received,
                    dropped: ended.dropped,
                    first_sentinel: frames.iter().any(|frame| Sentinel::First.is(frame)),
                    last_sentinel: frames.iter().any(|frame| Sentinel::Last.is(frame)),
                    failure: ended
                        .failure
                        .or_else(|| sent.as_ref().err().map(ToString::to_string)),
                },
                frames,
            })
            .collect()
    }
}

impl Drop for Captures {
    fn drop(&mut self) {
        for point in self.points.drain(..) {
            point.end();
            point.join();
        }
    }
}

impl Point {
    /// Tells the thread to end.
    fn end(&self) {
        // The eventfd's counter is 0 or 1: nothing that the write could fail of.
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
    }

    fn join(mut self) -> (Node, String, Ended) {
        let ended = self.thread.take().and_then(|thread| thread.join().ok());
        let ended = ended.unwrap_or_else(|| Ended {
            received: 0,
            dropped: 0,
            failure: Some("the capture's thread panicked".to_owned()),
        });
        (self.node.clone(), self.interface.clone(), ended)
    }
}

/// What reads an interface.
struct Reader {
    socket: PacketSocket,
    index: usize,
    seen: Arc<Seen>,
    stop: Arc<OwnedFd>,
    /// How many more bytes are kept whole.
    whole: usize,
}

impl Reader {
    /// Reads frames until the last sentinel, until the thread is told to end, or until a failure.
    fn read(&mut self) -> Ended {
        let failure = self.read_frames().err();
        match self.socket.counters() {
            Ok(PacketCounters { received, dropped }) => Ended {
                received,
                dropped,
                failure: failure.map(|error| error.to_string()),
            },
            Err(error) => Ended {
                received: 0,
                dropped: 0,
                failure: Some(
                    failure.map_or_else(|| format!("drop counters: {error}"), |error| error.to_string()),
                ),
            },
        }
    }

    fn read_frames(&mut self) -> io::Result<()> {
        loop {
            let received = self.socket.receive();
            let frame = match received.map(|frame| frame.map(|frame| kept(frame, &mut self.whole))) {
                Ok(Some(frame)) => frame,
                Ok(None) if self.frames_wait()? => continue,
                Ok(None) => return Ok(()),
                // The interface was taken down. It may come up again, and the last sentinel tells whether it
                // did.
                Err(error) if Errno::from_io_error(&error) == Some(Errno::NETDOWN) => continue,
                Err(error) => return Err(error),
            };
            let last = Sentinel::Last.is(&frame);
            self.seen.frames()[self.index].push(frame);
            self.seen.changed.notify_all();
            if last {
                return Ok(());
            }
        }
    }

    /// Waits for a frame; false if the thread is to end.
    fn frames_wait(&self) -> io::Result<bool> {
        let (socket, stop) = (self.socket.as_fd(), self.stop.as_fd());
        let mut waiting = [
            PollFd::from_borrowed_fd(socket, PollFlags::IN),
            PollFd::from_borrowed_fd(stop, PollFlags::IN),
        ];
        match poll(&mut waiting, None) {
            Ok(_) => Ok(waiting[1].revents().is_empty()),
            Err(Errno::INTR) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

/// What is kept of a frame: all of it, or its beginning once `whole` is used up.
fn kept(frame: PacketFrame<'_>, whole: &mut usize) -> Frame {
    let length = frame.bytes.len();
    let kept = if length <= KEPT_OF_FRAME {
        length
    } else if let Some(left) = whole.checked_sub(length) {
        *whole = left;
        length
    } else {
        KEPT_OF_FRAME
    };
    Frame {
        unix_nanos: frame.unix_nanos,
        length: u32::try_from(length).unwrap_or(u32::MAX),
        bytes: frame.bytes.get(..kept).unwrap_or(frame.bytes).to_vec(),
    }
}

/// Does the frame hold these bytes?
pub(crate) fn holds(frame: &Frame, needle: &[u8]) -> bool {
    frame
        .bytes
        .windows(needle.len().max(1))
        .any(|window| window == needle)
}
