//! A connection whose bytes are made by hand.

use super::{record, said};
use crate::support::mac;
use lvs_matrix_model::capture::{Body, Flags, Packet, Segment, Transport};
use lvs_matrix_model::duration::Instant;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}
use Side::{Client, Server};

/// A connection of hand-made segments.
pub(crate) struct Wire {
    pub(crate) packets: Vec<Packet>,
    /// The next sequence number of client and server.
    next: [u32; 2],
}

impl Wire {
    /// After the handshake. The client's sequence numbers are about to wrap.
    pub(crate) fn opened() -> Self {
        let mut wire = Self {
            packets: Vec::new(),
            next: [u32::MAX - 40, 7],
        };
        let syn = Flags {
            syn: true,
            ..Flags::default()
        };
        wire.segment(Client, syn, &[]);
        wire.segment(Server, Flags { ack: true, ..syn }, &[]);
        wire
    }

    /// Logged in.
    pub(crate) fn logged_in() -> Self {
        let mut wire = Self::opened();
        wire.send(Server, &GREETING.concat());
        wire.send(Client, &login(0x0008_8200, b"app\0\x00mysql_native_password\0"));
        wire.send(Server, b"\x07\0\0\x02\0\0\0\x02\0\0\0");
        wire
    }

    pub(crate) fn send(&mut self, side: Side, payload: &[u8]) {
        let data = Flags {
            ack: true,
            psh: true,
            ..Flags::default()
        };
        self.segment(side, data, payload);
    }

    fn segment(&mut self, side: Side, flags: Flags, payload: &[u8]) {
        let record = record();
        let client = record.plan.hosts[0].address();
        let (own, other) = if side == Client { (0, 1) } else { (1, 0) };
        let (from, to) = if side == Client {
            (40776, 3306)
        } else {
            (3306, 40776)
        };
        let (source, destination) = if side == Client {
            (client, record.plan.vip())
        } else {
            (record.plan.vip(), client)
        };
        let length = u32::try_from(payload.len()).unwrap();
        let number = u32::try_from(self.packets.len() + 1).unwrap();
        self.packets.push(Packet {
            number,
            point: 0,
            at: Instant(i64::from(number)),
            source_mac: mac(10),
            destination_mac: mac(20),
            length: 66 + length,
            body: Body::Ip {
                source,
                destination,
                transport: Transport::Tcp(Segment {
                    source_port: from,
                    destination_port: to,
                    sequence: self.next[own],
                    acknowledgement: self.next[other],
                    flags,
                    window: 500,
                    urgent: 0,
                    options: Vec::new(),
                    payload_length: length,
                    payload: payload.to_vec(),
                }),
            },
        });
        self.next[own] = self.next[own].wrapping_add(length + u32::from(flags.syn));
    }

    pub(crate) fn said(&self) -> Vec<String> {
        said(&self.packets).into_values().collect()
    }

    /// What is said after the login.
    pub(crate) fn said_since_login(&self) -> Vec<String> {
        let all = self.said();
        assert_eq!(
            all[..3],
            [
                "greeting of `8.0.36`, connection 9",
                "login as `app`",
                "OK, logged in"
            ]
        );
        all[3..].to_vec()
    }
}

/// MySQL's own, capabilities and all (0x88200 is PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH).
pub(crate) const GREETING: [&[u8]; 5] = [
    b"\x4a\0\0\0\x0a",
    b"8.0.36\0\x09\0\0\0abcdefgh\0",
    b"\xff\xff\xff\x02\0\xff\xdf\x15",
    b"\0\0\0\0\0\0\0\0\0\0abcdefghijkl\0",
    b"caching_sha2_password\0",
];

/// A login with these capabilities, and what comes after the filler.
pub(crate) fn login(flags: u32, rest: &[u8]) -> Vec<u8> {
    let mut payload = flags.to_le_bytes().to_vec();
    payload.extend([0, 0, 0, 1, 0x2d]);
    payload.extend([0; 23]);
    payload.extend(rest);
    framed(1, &payload)
}

/// A payload as one packet of the protocol.
pub(crate) fn framed(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let mut bytes = vec![length[0], length[1], length[2], sequence];
    bytes.extend(payload);
    bytes
}
