//! Codes of ICMP's destination unreachable (RFC 792) that rules speak of.

/// The host cannot be reached.
pub(super) const HOST_UNREACHABLE: u8 = 1;
/// Nothing listens on the port.
pub(super) const PORT_UNREACHABLE: u8 = 3;
