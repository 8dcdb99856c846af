//! Packet sockets: every frame that passes an interface, with the kernel's time stamp, as packet(7) has it.
//!
//! These sockets have no memory-mapped ring. A ring has slots of one size, and each slot must hold the
//! longest frame: a ring of 4 MiB had 32 slots of 128 KiB, and lost frames whenever TCP sent its window in
//! one go. The queue of a socket without a ring takes references to the kernel's own buffers
//! (net/packet/af_packet.c, `packet_rcv`). So the queue needs memory only for what nobody has read yet, and a
//! limit of many megabytes costs nothing while it is not used.
//!
//! libc is called here because rustix knows neither the address of a link layer, nor time stamps, nor drop
//! counters.

use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// A frame's bytes at most: 64 KiB of IP packet and the Ethernet header, with room to spare.
const LONGEST_FRAME: usize = 1 << 17;

/// A packet socket on one interface. It sees frames that come in and frames that go out.
#[derive(Debug)]
pub struct PacketSocket {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

/// A frame as the socket gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketFrame<'a> {
    /// When the kernel saw it, in nanoseconds since 1970 on the kernel's clock.
    pub unix_nanos: i64,
    /// The whole frame, its Ethernet header included.
    pub bytes: &'a [u8],
}

/// What the kernel counted on a packet socket since the last time it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PacketCounters {
    /// Frames that passed the interface, those that were dropped included.
    pub received: u32,
    /// Frames that did not fit into the queue.
    pub dropped: u32,
}

impl PacketSocket {
    /// Opens a socket on `interface` of the calling thread's network namespace. The socket stays in that
    /// namespace, whichever thread uses it. At most `queue` bytes of frames wait to be read.
    ///
    /// # Errors
    /// The kernel's answer: without CAP_NET_RAW and CAP_NET_ADMIN, or without such an interface, there is no
    /// such socket.
    pub fn open(interface: &str, queue: usize) -> io::Result<Self> {
        // Protocol 0: nothing is received before the socket is bound to the interface.
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)?;
        rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, queue)?;
        stamp_frames(socket.as_fd())?;
        bind(socket.as_fd(), interface, libc::ETH_P_ALL)?;
        Ok(Self {
            socket,
            buffer: vec![0; LONGEST_FRAME],
        })
    }

    /// A socket that sends frames on `interface` of the calling thread's network namespace, and receives
    /// none.
    ///
    /// # Errors
    /// As [`PacketSocket::open`].
    pub fn for_sending(interface: &str) -> io::Result<Self> {
        let socket =
            rustix::net::socket_with(AddressFamily::PACKET, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        // Bound to protocol 0 a packet socket receives nothing (packet(7)).
        bind(socket.as_fd(), interface, 0)?;
        Ok(Self {
            socket,
            buffer: Vec::new(),
        })
    }

    /// The next frame; `None` if none waits.
    ///
    /// # Errors
    /// The kernel's answer: ENETDOWN if the interface is gone or was taken down.
    pub fn receive(&mut self) -> io::Result<Option<PacketFrame<'_>>> {
        match receive(self.socket.as_fd(), &mut self.buffer) {
            Ok((length, unix_nanos)) => Ok(self
                .buffer
                .get(..length)
                .map(|bytes| PacketFrame { unix_nanos, bytes })),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends a whole frame.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        let sent = rustix::net::send(&self.socket, frame, SendFlags::empty())?;
        if sent == frame.len() {
            Ok(())
        } else {
            Err(io::Error::from(io::ErrorKind::WriteZero))
        }
    }

    /// What was counted since the last call.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn counters(&self) -> io::Result<PacketCounters> {
        counters(self.socket.as_fd())
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The size of a C structure as the socket calls want it.
fn length_of<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or(libc::socklen_t::MAX)
}

/// What a call of libc returned, or the error that it left in errno.
fn checked(returned: libc::c_int) -> io::Result<()> {
    if returned == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// From here on the kernel notes for each frame when it saw it.
#[expect(unsafe_code, reason = "rustix has no SO_TIMESTAMPNS; see the SAFETY comment")]
fn stamp_frames(socket: BorrowedFd<'_>) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open while it is borrowed; the option takes a C int, which `on` is and
    // outlives the call.
    checked(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            (&raw const on).cast(),
            length_of::<libc::c_int>(),
        )
    })
}

/// Binds to frames of a protocol on an interface.
#[expect(
    unsafe_code,
    reason = "rustix has no link-layer addresses; see the SAFETY comment"
)]
fn bind(socket: BorrowedFd<'_>, interface: &str, protocol: libc::c_int) -> io::Result<()> {
    let index = rustix::net::netdevice::name_to_index(socket, interface)?;
    let family = u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
    let protocol = u16::try_from(protocol).map_err(io::Error::other)?;
    let address = libc::sockaddr_ll {
        sll_family: family,
        sll_protocol: protocol.to_be(),
        sll_ifindex: i32::try_from(index).map_err(io::Error::other)?,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    // SAFETY: the descriptor is open while it is borrowed; the address is a whole sockaddr_ll of the family
    // of the socket, the length is that structure's, and it outlives the call.
    checked(unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            length_of::<libc::sockaddr_ll>(),
        )
    })
}

/// Room for one control message with a time stamp; the type gives it the alignment that control messages
/// need.
#[repr(C)]
union Control {
    header: libc::cmsghdr,
    bytes: [u8; 64],
}

/// The next frame's length in `buffer`, and its time stamp in nanoseconds since 1970.
#[expect(
    unsafe_code,
    reason = "rustix reads no time stamps from control messages; see the SAFETY comments"
)]
fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, i64)> {
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let mut control = Control { bytes: [0; 64] };
    // SAFETY: msghdr is a C structure of integers and pointers, for which all zeros are valid values (null,
    // length 0).
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = size_of::<Control>();
    // SAFETY: the descriptor is open while it is borrowed; `message` points to `part`, to `buffer` through
    // it, and to `control`, each with its own length, and all of them outlive the call.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    if message.msg_flags & libc::MSG_TRUNC != 0 {
        return Err(io::Error::other("a frame is longer than any can be"));
    }
    // SAFETY: recvmsg has set `msg_control` and `msg_controllen` to what it wrote into `control`, which is
    // still there.
    let first = unsafe { libc::CMSG_FIRSTHDR(&raw const message).as_ref() };
    let stamp = first
        .filter(|header| header.cmsg_level == libc::SOL_SOCKET && header.cmsg_type == libc::SCM_TIMESTAMPNS)
        .ok_or_else(|| io::Error::other("a frame came without a time stamp"))?;
    // SAFETY: a control message of this level and type holds a timespec (net/socket.c,
    // `__sock_recv_timestamp`), which may lie unaligned.
    let stamp: libc::timespec = unsafe { libc::CMSG_DATA(stamp).cast::<libc::timespec>().read_unaligned() };
    let nanos = stamp
        .tv_sec
        .saturating_mul(1_000_000_000)
        .saturating_add(stamp.tv_nsec);
    Ok((length, nanos))
}

/// The kernel's counters, which it sets back to 0 (`packet_getsockopt`).
#[expect(
    unsafe_code,
    reason = "rustix has no PACKET_STATISTICS; see the SAFETY comment"
)]
fn counters(socket: BorrowedFd<'_>) -> io::Result<PacketCounters> {
    let mut counted = libc::tpacket_stats {
        tp_packets: 0,
        tp_drops: 0,
    };
    let mut length = length_of::<libc::tpacket_stats>();
    // SAFETY: the descriptor is open while it is borrowed; the kernel writes at most `length` bytes into
    // `counted`, which is of the type that the option has, and both outlive the call.
    checked(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut counted).cast(),
            &raw mut length,
        )
    })?;
    Ok(PacketCounters {
        received: counted.tp_packets,
        dropped: counted.tp_drops,
    })
}
