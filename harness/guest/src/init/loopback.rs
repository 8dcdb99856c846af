//! Brings `lo` up without a program: a few bytes of rtnetlink(7).

use super::InitError;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

const RTM_NEWLINK: u16 = 16;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST_ACK: u16 = 1 | 4;
const IFF_UP: u32 = 1;
/// `lo` is the first interface of every network namespace (net/core/dev.c, `LOOPBACK_IFINDEX`).
const LOOPBACK_INDEX: i32 = 1;

pub(super) fn up() -> Result<(), InitError> {
    let failed = || InitError::step("bring lo up");
    // Protocol 0 is NETLINK_ROUTE.
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(failed())?;
    // nlmsghdr { len, type, flags, seq, pid } and ifinfomsg { family, pad, type, index, flags, change }.
    let mut request = Vec::with_capacity(32);
    request.extend(32_u32.to_ne_bytes());
    request.extend(RTM_NEWLINK.to_ne_bytes());
    request.extend(NLM_F_REQUEST_ACK.to_ne_bytes());
    request.extend(1_u32.to_ne_bytes());
    request.extend(0_u32.to_ne_bytes());
    request.extend([0_u8; 4]);
    request.extend(LOOPBACK_INDEX.to_ne_bytes());
    request.extend(IFF_UP.to_ne_bytes());
    request.extend(IFF_UP.to_ne_bytes());
    sendto(
        &socket,
        &request,
        SendFlags::empty(),
        &SocketAddrNetlink::new(0, 0),
    )
    .map_err(failed())?;
    let mut answer = [0_u8; 512];
    let (length, _) = recv(&socket, &mut answer[..], RecvFlags::empty()).map_err(failed())?;
    // nlmsgerr: the negated errno follows the header; 0 is the acknowledgement.
    let errno = answer
        .get(16..20)
        .and_then(|bytes| bytes.try_into().ok())
        .map(i32::from_ne_bytes);
    let kind = u16::from_ne_bytes([answer[4], answer[5]]);
    match errno {
        Some(0) if kind == NLMSG_ERROR && length >= 20 => Ok(()),
        Some(errno) if kind == NLMSG_ERROR => Err(InitError::io("bring lo up")(
            std::io::Error::from_raw_os_error(-errno),
        )),
        Some(_) | None => Err(InitError::io("bring lo up")(std::io::Error::other(
            "an answer that is no rtnetlink acknowledgement",
        ))),
    }
}
