//! Captures seen by others than the program under test: through tcpdump(8), and as bare pcapng blocks
//! (draft-ietf-opsawg-pcapng), which tests take out.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// tcpdump's line for each packet, in the order of the file: the first is packet 1. With Ethernet addresses
/// and absolute sequence numbers, without times.
pub(crate) fn tcpdump(capture: &Path) -> Vec<String> {
    let file = fs::File::open(capture).unwrap_or_else(|error| panic!("{}: {error}", capture.display()));
    // By standard input: from root, tcpdump reads files as another user.
    let output = Command::new("tcpdump")
        .args(["-r", "-", "-n", "-e", "-t", "-S"])
        .stdin(Stdio::from(file))
        .output()
        .unwrap_or_else(|error| panic!("these tests need tcpdump: {error}"));
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !talk.contains("truncated"),
        "tcpdump cannot read {}: {talk}",
        capture.display()
    );
    let text = String::from_utf8(output.stdout).unwrap();
    // A packet that tcpdump does not know is followed by its bytes, on lines that begin with a tab.
    text.lines()
        .filter(|line| !line.starts_with('\t'))
        .map(str::to_owned)
        .collect()
}

/// A packet of a capture file.
pub(crate) struct Packet<'a> {
    /// The index of its interface.
    pub(crate) interface: u32,
    /// Its frame.
    pub(crate) frame: &'a [u8],
}

impl Packet<'_> {
    /// Is it the harness's sentinel with this text in it (`first`, `last`)?
    pub(crate) fn is_sentinel(&self, which: &str) -> bool {
        self.frame[12..14] == [0x88, 0xB5]
            && self
                .frame
                .windows(which.len())
                .any(|window| window == which.as_bytes())
    }

    /// The flags of its TCP header, if it is TCP over IPv4.
    pub(crate) fn tcp_flags(&self) -> Option<u8> {
        (self.frame[12..14] == [0x08, 0x00] && self.frame[23] == 6).then(|| {
            let tcp = 14 + usize::from(self.frame[14] & 0x0F) * 4;
            self.frame[tcp + 13]
        })
    }
}

/// The TCP flag RST.
pub(crate) const RST: u8 = 0x04;

/// Rewrites a capture file without the packets for which `keep` is false, and gives how many were taken out.
pub(crate) fn filter(capture: &Path, mut keep: impl FnMut(&Packet<'_>) -> bool) -> usize {
    const ENHANCED_PACKET: u32 = 6;
    let bytes = fs::read(capture).unwrap();
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (mut left, mut at, mut removed) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let length = usize::try_from(word(at + 4)).unwrap();
        let captured = || usize::try_from(word(at + 20)).unwrap();
        let kept = word(at) != ENHANCED_PACKET
            || keep(&Packet {
                interface: word(at + 8),
                frame: &bytes[at + 28..at + 28 + captured()],
            });
        if kept {
            left.extend_from_slice(&bytes[at..at + length]);
        } else {
            removed += 1;
        }
        at += length;
    }
    fs::write(capture, left).unwrap();
    removed
}
