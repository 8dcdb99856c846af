//! Capture: one libpcap handle per interface, read by a thread each, proven by a sentinel frame at both ends.
//!
//! Immediate mode, or what came just before the end is lost in libpcap's buffer; nanosecond stamps of the kernel under test.
//! A sentinel is an Ethernet frame of a local experimental EtherType that the bridge floods to every host. A capture without
//! both, or with drops, shows nothing.

use crate::error::{LabError, Result, Stage};
use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::Frame;
use lvs_matrix_model::plan::{INTERFACE, SENTINEL_ETHERTYPE};
use lvs_matrix_model::record::CapturePoint;
use lvs_matrix_netns::Namespace;
use pcap::{Active, BreakLoop, Capture, Precision};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bytes kept of a frame: more than a TSO segment on a veth can have.
const SNAPLEN: i32 = 65_535 + 14;
/// The kernel's ring for one interface, in bytes.
const BUFFER: i32 = 4 << 20;
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
    /// A handle on the bridge, for sending sentinels.
    sender: Capture<Active>,
}

struct Point {
    node: Node,
    index: usize,
    stop: BreakLoop,
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
    /// Captures on every host's interface; returns when all of them have seen the first sentinel.
    pub(crate) fn start(link: &Namespace, bridge: &'static str, hosts: &[(Node, &Namespace)]) -> Result<Self> {
        let sender = link
            .run(move || open(bridge))
            .stage("open the bridge for sentinels")?
            .stage("open the bridge for sentinels")?;
        let seen = Arc::new(Seen {
            frames: Mutex::new(vec![Vec::new(); hosts.len()]),
            changed: Condvar::new(),
        });
        let mut captures = Self {
            points: Vec::new(),
            seen,
            sender,
        };
        for (index, (node, namespace)) in hosts.iter().enumerate() {
            let stage = || format!("capture on {node}");
            // The handle is opened in the namespace and keeps it; the reading thread may be anywhere.
            let mut handle = namespace.run(|| open(INTERFACE)).stage(stage())?.stage(stage())?;
            let stop = handle.breakloop_handle();
            let seen = Arc::clone(&captures.seen);
            let thread = namespace
                .spawn("capture", move || read(handle, index, &seen))
                .stage(stage())?;
            captures.points.push(Point {
                node: node.clone(),
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
        self.sender
            .sendpacket(sentinel.frame())
            .stage("send a sentinel frame")?;
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

    /// Waits until `node` has seen a frame like this after its first `from` ones; false if `deadline` came first.
    pub(crate) fn wait_for(&self, node: &Node, from: usize, deadline: Duration, is: impl Fn(&Frame) -> bool) -> bool {
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
    pub(crate) fn look<T>(&self, node: &Node, from: usize, at: impl FnOnce(&[Frame]) -> Option<T>) -> Option<T> {
        let point = self.points.iter().find(|point| &point.node == node)?;
        at(self.seen.frames()[point.index].get(from..)?)
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
            point.stop.breakloop();
        }
        let points = std::mem::take(&mut self.points);
        let ended: Vec<(Node, Ended)> = points.into_iter().map(Point::join).collect();
        let frames = std::mem::take(&mut *self.seen.frames());
        ended
            .into_iter()
            .zip(frames)
            .map(|((node, ended), frames)| Captured {
                point: CapturePoint {
                    node,
                    interface: INTERFACE.to_owned(),
                    received: ended.received,
                    dropped: ended.dropped,
                    first_sentinel: frames.iter().any(|frame| Sentinel::First.is(frame)),
                    last_sentinel: frames.iter().any(|frame| Sentinel::Last.is(frame)),
                    failure: ended.failure.or_else(|| sent.as_ref().err().map(ToString::to_string)),
                },
                frames,
            })
            .collect()
    }
}

impl Drop for Captures {
    fn drop(&mut self) {
        for point in self.points.drain(..) {
            point.stop.breakloop();
            point.join();
        }
    }
}

impl Point {
    fn join(mut self) -> (Node, Ended) {
        let ended = self.thread.take().and_then(|thread| thread.join().ok());
        let ended = ended.unwrap_or_else(|| Ended {
            received: 0,
            dropped: 0,
            failure: Some("the capture's thread panicked".to_owned()),
        });
        (self.node.clone(), ended)
    }
}

fn open(interface: &str) -> std::result::Result<Capture<Active>, pcap::Error> {
    Capture::from_device(interface)?
        .promisc(true)
        .immediate_mode(true)
        .precision(Precision::Nano)
        .snaplen(SNAPLEN)
        .buffer_size(BUFFER)
        .open()
}

/// Reads frames until the last sentinel, a call of breakloop, or a failure.
fn read(mut handle: Capture<Active>, index: usize, seen: &Seen) -> Ended {
    let mut failure = None;
    loop {
        match handle.next_packet() {
            Ok(packet) => {
                let frame = Frame {
                    // With nanosecond precision libpcap puts nanoseconds into the field for microseconds.
                    unix_nanos: packet
                        .header
                        .ts
                        .tv_sec
                        .saturating_mul(1_000_000_000)
                        .saturating_add(packet.header.ts.tv_usec),
                    length: packet.header.len,
                    bytes: packet.data.to_vec(),
                };
                let last = Sentinel::Last.is(&frame);
                seen.frames()[index].push(frame);
                seen.changed.notify_all();
                if last {
                    break;
                }
            }
            // Without a read time-out this is breakloop (PCAP_ERROR_BREAK comes as NoMorePackets).
            Err(pcap::Error::NoMorePackets) => break,
            Err(pcap::Error::TimeoutExpired) => {}
            Err(error) => {
                failure = Some(error.to_string());
                break;
            }
        }
    }
    match handle.stats() {
        Ok(stats) => Ended {
            received: stats.received,
            dropped: stats.dropped.saturating_add(stats.if_dropped),
            failure,
        },
        Err(error) => Ended {
            received: 0,
            dropped: 0,
            failure: failure.or_else(|| Some(format!("drop counters: {error}"))),
        },
    }
}

/// Does the frame hold these bytes?
pub(crate) fn holds(frame: &Frame, needle: &[u8]) -> bool {
    frame.bytes.windows(needle.len().max(1)).any(|window| window == needle)
}
