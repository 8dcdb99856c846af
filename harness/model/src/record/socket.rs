//! TCP sockets as ss(8) shows them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;

/// A TCP socket, read from a line of `ss -Htano`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Socket {
    /// Its state by ss's name: `ESTAB`, `CLOSE-WAIT`, `SYN-RECV`, …
    pub state: String,
    /// Bytes that arrived and the program has not read.
    pub receive_queue: u64,
    /// Bytes that the peer has not acknowledged.
    pub send_queue: u64,
    /// Its own address.
    pub local: SocketAddr,
    /// The peer's.
    pub peer: SocketAddr,
    /// The timer that runs for it.
    pub timer: Option<SocketTimer>,
}

/// The timer that runs for a socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct SocketTimer {
    /// By ss's name: `on` (retransmission), `keepalive`, `timewait`, `persist`.
    pub name: String,
    /// When it ends, in ss's own words (`1min43sec`).
    pub expires: String,
    /// How often the segment was sent again, or the peer was probed.
    pub count: u32,
}

impl Socket {
    /// Reads a line such as `ESTAB 0 13 192.0.2.100:3306 192.0.2.10:40776 timer:(on,1.2sec,3)`.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        Some(Self {
            state: words.next()?.to_owned(),
            receive_queue: words.next()?.parse().ok()?,
            send_queue: words.next()?.parse().ok()?,
            local: words.next()?.parse().ok()?,
            peer: words.next()?.parse().ok()?,
            timer: words.next().and_then(SocketTimer::parse),
        })
    }

    /// Does a program of this side still have the connection? (In other states it has closed it, or it is not
    /// open yet.)
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(self.state.as_str(), "ESTAB" | "CLOSE-WAIT")
    }
}

impl SocketTimer {
    fn parse(word: &str) -> Option<Self> {
        let mut parts = word.strip_prefix("timer:(")?.strip_suffix(')')?.split(',');
        Some(Self {
            name: parts.next()?.to_owned(),
            expires: parts.next()?.to_owned(),
            count: parts.next()?.parse().ok()?,
        })
    }
}

impl fmt::Display for SocketTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, expires, count } = self;
        let what = match name.as_str() {
            "on" => "retransmission timer",
            "keepalive" => "keepalive timer",
            "persist" => "persist timer",
            "timewait" => "TIME-WAIT timer",
            _ => "timer",
        };
        // ss(8) prints no time of a timer that has run out already.
        match expires.as_str() {
            "" => write!(f, "{what} has run out")?,
            expires => write!(f, "{what} ends in {expires}")?,
        }
        match count {
            0 => Ok(()),
            count => write!(f, " (count {count})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_ss_are_read() {
        let line = "ESTAB 0 13 192.0.2.100:3306 192.0.2.10:40776 timer:(on,1.2sec,3)";
        let socket = Socket::parse(line).unwrap();
        assert_eq!(
            (socket.receive_queue, socket.send_queue, socket.peer.port()),
            (0, 13, 40776)
        );
        assert_eq!(
            socket.timer.unwrap().to_string(),
            "retransmission timer ends in 1.2sec (count 3)"
        );
        assert!(
            Socket::parse("SYN-RECV 0 0 192.0.2.100:3306 192.0.2.10:1")
                .is_some_and(|socket| !socket.is_held())
        );
        for bad in [
            "",
            "ESTAB",
            "ESTAB 0 0 a b",
            "ESTAB -1 0 192.0.2.100:3306 192.0.2.10:1",
            "\u{1b}[31m",
        ] {
            assert_eq!(Socket::parse(bad), None, "{bad}");
        }
    }
}
