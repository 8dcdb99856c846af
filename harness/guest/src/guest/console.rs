//! The console's bytes, cut into lines: messages, the kernel's last words, and talk, of which the last lines
//! are kept.

use crate::protocol::{MAX_MESSAGE, Message};
use std::collections::VecDeque;

const KEPT_LINES: usize = 200;
const KEPT_BYTES: usize = 500;

/// Console lines that mean the end of a kernel, and where it says them.
const LAST_WORDS: [&str; 5] = [
    "Kernel panic",                          // kernel/panic.c
    "self-detected stall on CPU",            // kernel/rcu/tree_stall.h
    "detected stalls on CPUs",               // kernel/rcu/tree_stall.h
    "detected expedited stalls on CPUs",     // kernel/rcu/tree_exp.h
    "The system was going to sleep forever", // arch/um/kernel/time.c
];

/// What a piece of console output came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A line that is a message.
    Message(Message),
    /// A line by which a kernel says that it is at its end.
    LastWords(String),
}

/// The console as it is read. Memory is bounded whatever the guest writes: at most 200 lines of at most 500
/// bytes are kept, the last ones, and a line under way up to [`MAX_MESSAGE`] bytes.
#[derive(Debug, Default)]
pub struct Console {
    partial: Vec<u8>,
    /// The line under way is longer than any message; the rest of it is let go.
    overlong: bool,
    kept: VecDeque<String>,
    lost: u64,
}

impl Console {
    /// Takes the next bytes, cut wherever they are.
    pub fn feed(&mut self, mut bytes: &[u8], events: &mut Vec<Event>) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            self.extend(&bytes[..end]);
            self.end_line(events);
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes);
    }

    /// Nothing more comes. The last line may lack its end.
    pub fn finish(&mut self, events: &mut Vec<Event>) {
        self.end_line(events);
    }

    /// The lines that were kept, and how many were let go.
    pub fn into_lines(self) -> (Vec<String>, u64) {
        (self.kept.into(), self.lost)
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = MAX_MESSAGE - self.partial.len();
        self.overlong |= bytes.len() > room;
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end_line(&mut self, events: &mut Vec<Event>) {
        let bytes = std::mem::take(&mut self.partial);
        let overlong = std::mem::take(&mut self.overlong);
        // The terminal makes "\r\n" of "\n" (ONLCR).
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(&bytes);
        let text = String::from_utf8_lossy(bytes);
        if text.is_empty() {
            return;
        }
        if !overlong && let Some(message) = Message::parse(&text) {
            events.push(Event::Message(message));
            return;
        }
        let mut length = text.len().min(KEPT_BYTES);
        while !text.is_char_boundary(length) {
            length -= 1;
        }
        let line = text[..length].to_owned();
        if LAST_WORDS.iter().any(|words| line.contains(words)) {
            events.push(Event::LastWords(line.clone()));
        }
        if self.kept.len() == KEPT_LINES {
            self.kept.pop_front();
            self.lost += 1;
        }
        self.kept.push_back(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::PayloadEnd;

    fn feed(pieces: &[&[u8]]) -> (Vec<Event>, Vec<String>, u64) {
        let (mut console, mut events) = (Console::default(), Vec::new());
        for piece in pieces {
            console.feed(piece, &mut events);
        }
        console.finish(&mut events);
        let (lines, lost) = console.into_lines();
        (events, lines, lost)
    }

    #[test]
    fn messages_and_talk_are_told_apart_wherever_the_bytes_are_cut() {
        let text = b"Booting\r\n\r\n@lvs-matrix say {\"a\":1}\r\ntalk\n@lvs-matrix end exited 0\r\n";
        for cut in 0..text.len() {
            let (events, lines, lost) = feed(&[&text[..cut], &text[cut..]]);
            let expected = [
                Message::Say("{\"a\":1}".into()),
                Message::End(PayloadEnd::Exited(0)),
            ]
            .map(Event::Message);
            assert_eq!(events, expected);
            assert_eq!((lines, lost), (vec!["Booting".to_owned(), "talk".to_owned()], 0));
        }
    }

    #[test]
    fn last_words_are_noticed_even_without_a_line_end() {
        let (events, lines, _) = feed(&[b"x\nKernel panic - not syncing: Attempted to kill init!"]);
        assert_eq!(events.len(), 1);
        assert!(matches!(&events[0], Event::LastWords(line) if line.starts_with("Kernel panic")));
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_flood_is_bounded() {
        let (mut console, mut events) = (Console::default(), Vec::new());
        for number in 0..10_000 {
            console.feed(format!("{number}\n").as_bytes(), &mut events);
        }
        for _ in 0..100 {
            console.feed(&[b'x'; 1 << 16], &mut events);
        }
        console.feed(b"\n@lvs-matrix say still heard\n", &mut events);
        assert!(console.partial.capacity() <= MAX_MESSAGE * 2);
        let (lines, lost) = console.into_lines();
        assert_eq!(lines.len(), KEPT_LINES);
        assert_eq!(lines.last().map(String::len), Some(KEPT_BYTES));
        assert_eq!(lost, 10_001 - KEPT_LINES as u64);
        assert_eq!(events, [Event::Message(Message::Say("still heard".into()))]);
    }

    #[test]
    fn an_overlong_message_is_talk() {
        let line = [b"@lvs-matrix say ".as_slice(), &vec![b'x'; MAX_MESSAGE], b"\n"].concat();
        let (events, lines, _) = feed(&[&line]);
        assert!(events.is_empty());
        assert_eq!(lines.len(), 1);
    }
}
