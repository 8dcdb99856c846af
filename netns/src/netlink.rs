//! Requests to the kernel over a netlink socket (netlink(7)): one at a time, each answered before the next.

use netlink_packet_core::{
    Emitable, NLM_F_ACK, NLM_F_REQUEST, NetlinkBuffer, NetlinkHeader, NetlinkSerializable,
};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The kernel sends no more than this in one go (net/netlink/af_netlink.c, `netlink_dump`): 32 KiB.
const LONGEST_ANSWER: usize = 32 << 10;

/// Message types that every protocol has (include/uapi/linux/netlink.h).
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// A request as the kernel gets it, but for its header.
pub(crate) struct Request {
    /// Its type, by which the kernel knows what to do.
    kind: u16,
    payload: Vec<u8>,
}

impl Request {
    /// A request made of bytes, for protocols that the crates do not have.
    pub(crate) fn new(kind: u16, payload: Vec<u8>) -> Self {
        Self { kind, payload }
    }
}

impl<M: NetlinkSerializable> From<&M> for Request {
    fn from(message: &M) -> Self {
        let mut payload = vec![0; message.buffer_len()];
        message.serialize(&mut payload);
        Self::new(message.message_type(), payload)
    }
}

/// A netlink socket of the network namespace of the thread that opened it.
pub(crate) struct Conversation {
    socket: OwnedFd,
    /// The number of the last request; what answers has the same.
    sequence: u32,
    answers: Vec<u8>,
}

impl AsFd for Conversation {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Conversation {
    /// Opens a socket for `protocol`; `None` is rtnetlink, whose number is 0.
    pub(crate) fn open(protocol: Option<Protocol>) -> io::Result<Self> {
        let (family, flags) = (AddressFamily::NETLINK, SocketFlags::CLOEXEC);
        Ok(Self {
            socket: rustix::net::socket_with(family, SocketType::RAW, flags, protocol)?,
            sequence: 0,
            answers: vec![0; LONGEST_ANSWER],
        })
    }

    /// Sends a request and waits until the kernel has done it. Gives the payloads of what the kernel sent
    /// before it said so: nothing for most requests, an entry each for a dump (`NLM_F_DUMP` in `flags`).
    ///
    /// # Errors
    /// The kernel's own, if it does not do what was asked.
    pub(crate) fn ask(&mut self, request: &Request, flags: u16) -> io::Result<Vec<Vec<u8>>> {
        self.sequence += 1;
        self.send(request, flags)?;
        let mut got = Vec::new();
        loop {
            let answers = &mut self.answers[..];
            let (length, _) = rustix::net::recv(&self.socket, answers, RecvFlags::empty())?;
            let answers = self.answers.get(..length).unwrap_or_default();
            if let End::Reached = read(answers, self.sequence, &mut got)? {
                return Ok(got);
            }
        }
    }

    fn send(&self, request: &Request, flags: u16) -> io::Result<()> {
        let mut header = NetlinkHeader::default();
        let mut bytes = vec![0; header.buffer_len()];
        bytes.extend(&request.payload);
        header.length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        header.message_type = request.kind;
        header.flags = flags | NLM_F_REQUEST | NLM_F_ACK;
        header.sequence_number = self.sequence;
        header.emit(&mut bytes);
        // A socket that is not connected sends to the kernel (af_netlink.c, `netlink_sendmsg`).
        rustix::net::send(&self.socket, &bytes, SendFlags::empty())?;
        Ok(())
    }
}

/// Has the kernel said that the request is done?
enum End {
    Reached,
    Open,
}

/// Takes what answers the request of this number out of the messages that came in one go.
fn read(mut messages: &[u8], sequence: u32, got: &mut Vec<Vec<u8>>) -> io::Result<End> {
    let unreadable = |error| io::Error::other(format!("the kernel's answer cannot be read: {error}"));
    while !messages.is_empty() {
        let message = NetlinkBuffer::new_checked(messages).map_err(unreadable)?;
        let length = message.length() as usize;
        if message.sequence_number() == sequence {
            match message.message_type() {
                // Also an acknowledgement, with 0 for the error (af_netlink.c, `netlink_ack`); a dump ends
                // with NLMSG_DONE, and with the error that ended it (`netlink_dump_done`).
                NLMSG_ERROR | NLMSG_DONE => {
                    let code = message.payload().first_chunk().copied();
                    return match code.map_or(0, i32::from_ne_bytes) {
                        0 => Ok(End::Reached),
                        error => Err(io::Error::from_raw_os_error(error.saturating_neg())),
                    };
                }
                _ => got.push(message.payload().to_vec()),
            }
        }
        // The next one begins at a multiple of four.
        messages = messages.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(End::Open)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let mut header = NetlinkHeader::default();
        header.length = 16 + u32::try_from(payload.len()).unwrap();
        header.message_type = kind;
        header.flags = netlink_packet_core::NLM_F_MULTIPART;
        header.sequence_number = sequence;
        let mut bytes = vec![0; 16];
        header.emit(&mut bytes);
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn an_answer_ends_with_an_acknowledgement_an_error_or_the_end_of_a_dump() {
        let read = |bytes: &[u8]| {
            let mut got = Vec::new();
            let end = read(bytes, 7, &mut got).map(|end| matches!(end, End::Reached));
            (end.map_err(|error| error.raw_os_error()), got)
        };
        let entry = message(16, 7, b"one");
        assert_eq!(read(&entry), (Ok(false), vec![b"one".to_vec()]));
        let done = message(NLMSG_DONE, 7, &0_i32.to_ne_bytes());
        let dump = [entry, message(16, 7, b"four"), done.clone()].concat();
        assert_eq!(read(&dump), (Ok(true), vec![b"one".to_vec(), b"four".to_vec()]));
        let refused = message(NLMSG_ERROR, 7, &(-17_i32).to_ne_bytes());
        assert_eq!(read(&refused), (Err(Some(17)), vec![]));
        // Late answers to an earlier request are nobody's.
        let late = [message(NLMSG_ERROR, 6, &(-17_i32).to_ne_bytes()), done].concat();
        assert_eq!(read(&late), (Ok(true), vec![]));
        assert_eq!(read(b"short"), (Err(None), vec![]));
    }
}
